"""The lesion oracle and the average path: lengths, order, bodies."""

from __future__ import annotations

import numpy as np
import pytest

from models.ct_searcher.bodies import BodyFrame, PackedMasks, body_mask
from models.ct_searcher.oracles import average_path, lesion_oracle
from models.datasets.case import Lesion
from models.scanpath import Scanpath
from models.simulation.markov_reader import Box
from models.volumes import CtVolume

SHAPE_KJI = (20, 30, 40)
HEAD_FIRST, FEET_FIRST = np.diag([1.0, 1.0, -2.0, 1.0]), np.diag([1.0, 1.0, 2.0, 1.0])


def path_of(voxels: object, affine: np.ndarray = HEAD_FIRST, shape: tuple[int, int, int] = SHAPE_KJI) -> Scanpath:
    voxel = np.asarray(voxels, dtype=float).reshape(-1, 3)
    return Scanpath.from_voxels(
        voxel, np.linspace(0.1, 0.3, len(voxel)), shape_kji=shape, who="r1", case="c", patient="p", affine_lps=affine,
        source="simulated",
    )  # fmt: skip


def test_the_oracle_visits_the_lesions_from_head_to_feet_for_equal_shares() -> None:
    lesions = [Lesion((5, 6, 15), 8), Lesion((20, 10, 3), 5), Lesion((30, 20, 9), 5)]
    made = lesion_oracle(path_of(np.zeros((7, 3))), lesions)
    assert made.z_voxel.tolist() == [3, 3, 3, 9, 9, 15, 15]
    assert made.x_voxel.tolist() == [20, 20, 20, 30, 30, 5, 5]
    np.testing.assert_allclose(made.duration_s, 0.2)
    assert (made.case, made.patient, made.source) == ("c", "p", "model")
    turned = lesion_oracle(path_of(np.zeros((7, 3)), FEET_FIRST), lesions)
    assert turned.z_voxel.tolist() == [15, 15, 15, 9, 9, 3, 3]


def test_the_oracle_with_fewer_fixations_than_lesions_reaches_the_first() -> None:
    lesions = [Lesion((1, 1, k), 5) for k in (2, 4, 6, 8)]
    assert lesion_oracle(path_of(np.zeros((2, 3))), lesions).z_voxel.tolist() == [2, 4]


def test_without_a_lesion_the_oracle_looks_at_the_middle_of_the_body() -> None:
    made = lesion_oracle(path_of(np.zeros((3, 3))), [], body=Box((9.5, 3.5, 1.5), (29.5, 13.5, 5.5)))
    np.testing.assert_allclose(made.voxel_ijk, [[19.5, 8.5, 3.5]] * 3)
    np.testing.assert_allclose(lesion_oracle(path_of(np.zeros((1, 3))), []).voxel_ijk, [[19.5, 14.5, 9.5]])


def test_the_average_path_is_the_mean_of_the_training_paths_in_shares_of_the_body() -> None:
    body = Box((9.5, 9.5, -0.5), (29.5, 19.5, 19.5))
    first = path_of([(9.5, 9.5, -0.5), (29.5, 19.5, 19.5)])  # corner to corner: shares 0 and 1
    second = path_of([(19.5, 14.5, 9.5)])  # the middle
    like = path_of(np.zeros((3, 3)), shape=(11, 11, 11))
    made = average_path([first, second], like, boxes=[body, body], body=Box((-0.5,) * 3, (10.5,) * 3))
    np.testing.assert_allclose(made.voxel_ijk, np.repeat([[0.25], [0.5], [0.75]], 3, axis=1) * 11 - 0.5)
    np.testing.assert_allclose(made.duration_s, 0.2)
    with pytest.raises(ValueError, match="no training path"):
        average_path([path_of([])], like, boxes=[None])


def test_the_average_of_paths_of_both_slice_orders_is_one_direction() -> None:
    down = path_of([(20, 15, 1), (20, 15, 18)])
    same = path_of([(20, 15, 18), (20, 15, 1)], FEET_FIRST)
    made = average_path([down, same], path_of(np.zeros((2, 3))), boxes=[None, None])
    np.testing.assert_allclose(made.z_voxel, [1, 18])


def test_shares_of_a_body_come_back_as_voxels_in_every_orientation() -> None:
    swapped = np.array([[0, 1, 0, 5], [-1, 0, 0, 3], [0, 0, 2, 1], [0, 0, 0, 1.0]])
    path = path_of([(10, 8, 4), (20, 10, 9)], swapped)
    frame = BodyFrame.of(path, Box((4.5, 5.5, 1.5), (30.5, 20.5, 12.5)))
    np.testing.assert_allclose(frame.to_voxels(frame.to_shares(path.voxel_ijk)), path.voxel_ijk)
    corners = frame.to_shares([(4.5, 5.5, 1.5), (30.5, 20.5, 12.5)])
    np.testing.assert_allclose(np.sort(corners, axis=0), [[0, 0, 0], [1, 1, 1]], atol=1e-12)


def test_the_body_is_the_largest_piece_with_its_lungs_and_without_the_table() -> None:
    hu = np.full((12, 40, 40), -1000, dtype=np.int16)
    hu[:, 5:30, 6:34] = 40
    hu[2:10, 10:25, 10:18] = -850
    hu[:, 35:37, 4:36] = 60
    expected = np.zeros(hu.shape, dtype=bool)
    expected[:, 5:30, 6:34] = True
    found = body_mask(CtVolume(hu, np.diag([1.0, 1.0, -1.0, 1.0])))
    assert found is not None
    assert (found ^ expected).sum() <= 4 * 12  # the opening rounds the corners
    sagittal = body_mask(
        CtVolume(hu.transpose(2, 1, 0).copy(), np.array([[0, 0, 1, 0], [0, 1, 0, 0], [-1, 0, 0, 0], [0, 0, 0, 1.0]]))
    )
    np.testing.assert_array_equal(sagittal, found.transpose(2, 1, 0))
    assert body_mask(CtVolume(np.full((8, 8, 8), -1000, dtype=np.int16), np.eye(4))) is None


def test_masks_come_back_as_they_were_packed() -> None:
    masks, mask = PackedMasks(), np.random.default_rng(1).random((3, 5, 7)) < 0.5
    masks.add("c", mask)
    np.testing.assert_array_equal(masks["c"], mask)
    assert (list(masks), len(masks), masks.get("d")) == (["c"], 1, None)


def test_a_lung_that_the_field_of_view_cuts_is_in_the_body_and_what_was_not_measured_is_not() -> None:
    j, i = np.ogrid[:40, :40]
    outside = (i - 24) ** 2 + (j - 20) ** 2 > 21**2
    plane = np.full((40, 40), -1000, dtype=np.int16)
    plane[8:34, :] = 40
    plane[12:28, :14] = -850  # cut by the field of view and by the image
    plane[outside] = -1024
    hu = np.repeat(plane[None], 9, axis=0)
    found = body_mask(CtVolume(hu, np.diag([1.0, 1.0, -1.0, 1.0])))
    assert found is not None
    lung = np.zeros((40, 40), dtype=bool)
    lung[12:28, :14] = True
    assert found[4][lung & ~outside].all()
    assert not found[4][outside].any()
    assert not found[4][:7].any()
