"""Radiograph gaze in a CT: sides and heights kept, depth drawn from what lies on the ray."""

from __future__ import annotations

import numpy as np
import pytest

from models.simulation.lifting import STEADY_MM, lift, ray_weights, seen_from_front
from models.volumes import CtVolume
from tests.models.simulation.chest_phantom import chest

PATIENT = chest()
SHARES = np.random.default_rng(0).random((200, 2))
SECONDS = np.full(200, 0.3)


def test_points_keep_their_side_and_height_within_the_lungs_box() -> None:
    # The lungs fill columns 10 to 69 and slices 10 to 90.
    path = lift([(0.0, 0.0), (1.0, 1.0), (0.25, 0.5)], [0.1, 0.2, 0.3], PATIENT.volume, PATIENT.lungs_kji, seed=1)
    np.testing.assert_allclose(path.x_voxel, (9.5, 69.5, 24.5))
    np.testing.assert_allclose(path.z_voxel, (10, 90, 50))
    np.testing.assert_allclose(path.duration_s, (0.1, 0.2, 0.3))
    assert (path.source, path.case, path.who, path.trial) == ("simulated", "phantom", "lifted", "lifted 1")
    assert np.isnan(path.onset_s).all()


def test_lifting_and_seeing_from_the_front_undo_each_other_but_for_the_slice() -> None:
    path = lift(SHARES, SECONDS, PATIENT.volume, PATIENT.lungs_kji, seed=1)
    back = seen_from_front(path.voxel_ijk, PATIENT.volume, PATIENT.lungs_kji)
    np.testing.assert_allclose(back[:, 0], SHARES[:, 0])
    assert np.abs(back[:, 1] - SHARES[:, 1]).max() <= 0.5 / 81 + 1e-9


def test_depth_lies_in_the_lung_on_the_ray_or_else_in_the_body() -> None:
    path = lift(SHARES, SECONDS, PATIENT.volume, PATIENT.lungs_kji, seed=1)
    i, j, k = np.rint(path.voxel_ijk).astype(int).T
    has_lung = PATIENT.lungs_kji[k, :, i].any(axis=1)
    assert PATIENT.lungs_kji[k, j, i][has_lung].all()
    assert 0.7 < has_lung.mean() < 0.95  # 50 of 60 columns
    assert np.ptp(j[has_lung]) > 25  # all of the 30 rows
    assert np.ptp(j[~has_lung]) > 40  # all of the 60 rows of the body


def test_a_dense_place_on_the_ray_draws_the_depth_to_it() -> None:
    hu = PATIENT.volume.hu_kji.copy()
    hu[:, 20:22, 10:35] = 0
    volume = CtVolume(hu, PATIENT.volume.affine_lps)
    rows = np.array([
        lift([(0.2, 0.5)], [0.3], volume, PATIENT.lungs_kji, seed=seed).y_voxel[0] for seed in range(400)
    ])  # fmt: skip
    # Two voxels of weight 1 among 28 of weight 0.1.
    assert np.isin(rows, (20, 21)).mean() == pytest.approx(2 / (2 + 2.8), abs=0.07)


def test_weights_on_a_ray() -> None:
    hu = np.array([-1000.0, -880.0, -440.0, 0.0, 500.0, 40.0, -600.0])
    lung = np.array([False, True, True, True, True, False, False])
    np.testing.assert_allclose(ray_weights(hu, lung), (0, 0.1, 0.5, 1, 1, 0, 0))
    np.testing.assert_allclose(ray_weights(hu, np.zeros(7, dtype=bool)), (0, 0, 0, 1, 1.5, 1.04, 0))
    assert not ray_weights(np.full(3, -1000.0), np.zeros(3, dtype=bool)).any()


def test_a_ray_through_air_alone_takes_the_depth_of_the_lungs_middle() -> None:
    hu = PATIENT.volume.hu_kji.copy()
    hu[:, :, 35:45] = -1000
    path = lift([(0.5, 0.5)], [0.3], CtVolume(hu, PATIENT.volume.affine_lps), PATIENT.lungs_kji, seed=1)
    assert path.y_voxel[0] == 29.5


def test_neighbouring_points_keep_their_depth_and_distant_ones_do_not() -> None:
    def correlation(shares: np.ndarray) -> float:
        depth = [
            lift(shares, (0.3, 0.3), PATIENT.volume, PATIENT.lungs_kji, seed=seed).y_voxel for seed in range(300)
        ]  # fmt: skip
        return float(np.corrcoef(np.array(depth).T)[0, 1])

    assert correlation(np.array([(0.2, 0.4), (0.2, 0.4)])) > 0.99
    apart = STEADY_MM / (81 * 3.0)
    assert correlation(np.array([(0.2, 0.4), (0.2, 0.4 + apart)])) == pytest.approx(np.exp(-1), abs=0.1)
    assert abs(correlation(np.array([(0.2, 0.1), (0.8, 0.9)]))) < 0.15


def test_the_orientation_in_which_a_volume_is_stored_changes_nothing_in_the_patient() -> None:
    path = lift(SHARES, SECONDS, PATIENT.volume, PATIENT.lungs_kji, seed=1)
    # Stored with slices from the feet up and columns to the right.
    affine = PATIENT.volume.affine_lps @ np.diag([-1.0, 1.0, -1.0, 1.0])
    affine[:3, 3] = (PATIENT.volume.affine_lps @ (79.0, 0.0, 99.0, 1.0))[:3]
    turned = CtVolume(np.ascontiguousarray(PATIENT.volume.hu_kji[::-1, :, ::-1]), affine)
    other = lift(SHARES, SECONDS, turned, np.ascontiguousarray(PATIENT.lungs_kji[::-1, :, ::-1]), seed=1)
    np.testing.assert_allclose(other.x_voxel, 79 - path.x_voxel)
    np.testing.assert_allclose(other.y_voxel, path.y_voxel)
    np.testing.assert_allclose(other.z_voxel, 99 - path.z_voxel)


def test_the_lungs_place_in_a_wider_picture_is_taken_into_account() -> None:
    inside = np.array([0.1, 0.2]) + SHARES * (0.8, 0.6)
    usual = lift(SHARES, SECONDS, PATIENT.volume, PATIENT.lungs_kji, seed=1)
    wide = lift(inside, SECONDS, PATIENT.volume, PATIENT.lungs_kji, seed=1, lungs_in_picture=(0.1, 0.2, 0.9, 0.8))
    np.testing.assert_allclose(wide.x_voxel, usual.x_voxel)
    np.testing.assert_array_equal(wide.z_voxel, usual.z_voxel)
    corners = lift([(0, 0), (1, 1)], (0.3, 0.3), PATIENT.volume, PATIENT.lungs_kji, seed=1,
                   lungs_in_picture=(0.3, 0.3, 0.7, 0.7))  # fmt: skip
    np.testing.assert_array_equal(corners.voxel_ijk[:, [0, 2]], [(0, 0), (79, 99)])


def test_the_seed_decides_the_depth_alone() -> None:
    one, again, other = (lift(SHARES, SECONDS, PATIENT.volume, PATIENT.lungs_kji, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.voxel_ijk, again.voxel_ijk)
    np.testing.assert_array_equal(one.voxel_ijk[:, [0, 2]], other.voxel_ijk[:, [0, 2]])
    assert (one.y_voxel != other.y_voxel).mean() > 0.8


def test_what_does_not_fit_is_refused() -> None:
    volume, lungs = PATIENT.volume, PATIENT.lungs_kji
    with pytest.raises(ValueError, match="1 points and 2 durations"):
        lift([(0.5, 0.5)], [0.1, 0.2], volume, lungs, seed=1)
    for point in ((0.5, 1.01), (-0.01, 0.5), (np.nan, 0.5)):
        with pytest.raises(ValueError, match="shares"):
            lift([point], [0.1], volume, lungs, seed=1)
    with pytest.raises(ValueError, match="lung mask has the shape"):
        lift([(0.5, 0.5)], [0.1], volume, lungs[1:], seed=1)
    with pytest.raises(ValueError, match="mask is empty"):
        lift([(0.5, 0.5)], [0.1], volume, np.zeros_like(lungs), seed=1)
    with pytest.raises(ValueError, match="from left to right"):
        lift([(0.5, 0.5)], [0.1], volume, lungs, seed=1, lungs_in_picture=(0.9, 0.0, 0.1, 1.0))
