from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ctgaze_app.review.dwell_points import DwellPoints, voxel_covariance_per_deg2
from ctgaze_app.review.dwell_volume import dwell_volume
from models.metrics.gaussian_stamps import add_gaussians
from tests.review.gaze_scene import dwell_points

SHAPE = (6, 40, 50)


def brute_force(points: DwellPoints, sigma_deg: float) -> np.ndarray:
    """Each row's density summed at 201 x 201 places inside every voxel of its slice, scaled to its seconds."""
    _, rows, columns = points.shape_kji
    total = np.zeros(points.shape_kji)
    fine = (np.arange(201) - 100) / 201
    covariance = voxel_covariance_per_deg2(points) * sigma_deg**2
    for row in range(len(points)):
        profiles = []
        for axis, size in ((1, rows), (0, columns)):
            away = np.arange(size)[:, None] + fine - points.voxel_ij[row, axis]
            profiles.append(np.exp(-0.5 * away**2 / covariance[row, axis, axis]).sum(axis=1))
        voxel_map = np.outer(*profiles)
        total[points.slice_index[row]] += points.seconds[row] * voxel_map / voxel_map.sum()
    return total


def test_the_volume_is_the_sum_of_gaussians_of_each_row_s_own_width() -> None:
    points = dwell_points([(20.2, 18.7, 1, 0.5), (25.0, 20.0, 1, 0.25), (12.5, 30.1, 4, 1.0)], SHAPE, zoom=[9, 20, 14])
    volume = dwell_volume(points, sigma_deg=0.5, truncate=6.0)
    assert volume.dtype == np.float32
    assert volume == pytest.approx(brute_force(points, 0.5), abs=2e-6)
    assert not volume[[0, 2, 3, 5]].any()


def test_twice_the_zoom_halves_the_width_in_voxels() -> None:
    widths = []
    for zoom in (8.0, 16.0):
        plane = dwell_volume(dwell_points([(24.0, 20.0, 0, 1.0)], SHAPE, zoom=zoom), sigma_deg=0.5)[0]
        i = np.arange(50)
        share = plane.sum(axis=0)
        widths.append(np.sqrt((share * (i - (share * i).sum()) ** 2).sum()))
    # Integration over a voxel adds 1/12 to the variance, the cut at four sigmas takes 0.1 % away.
    first, second = (np.sqrt(width**2 - 1 / 12) for width in widths)
    assert first / second == pytest.approx(2.0, rel=0.04)


@settings(max_examples=40, deadline=None)
@given(
    rows=st.lists(
        st.tuples(
            st.floats(-0.5, 49.5), st.floats(-0.5, 39.5), st.integers(0, 5), st.floats(0.001, 5.0), st.floats(0.5, 60)
        ),
        min_size=1,
        max_size=12,
    ),
    sigma_deg=st.floats(0.05, 3.0),
    turn_deg=st.sampled_from([0.0, 90.0, 37.0]),
)
def test_mass_is_the_seconds_wherever_the_gaze_was(
    rows: list[tuple[float, float, int, float, float]], sigma_deg: float, turn_deg: float
) -> None:
    points = dwell_points([row[:4] for row in rows], SHAPE, zoom=[row[4] for row in rows], turn_deg=turn_deg)
    for edge in ("keep", "reflect"):
        volume = dwell_volume(points, sigma_deg=sigma_deg, edge=edge)  # type: ignore[arg-type]
        per_slice = np.bincount(points.slice_index, weights=points.seconds, minlength=6)
        assert volume.sum(axis=(1, 2), dtype=float) == pytest.approx(per_slice, rel=2e-5)
        assert volume.min() >= 0
    cut = dwell_volume(points, sigma_deg=sigma_deg, edge="cut")
    assert cut.sum(dtype=float) <= points.total_s * (1 + 1e-5)


def test_cut_loses_half_at_an_edge() -> None:
    points = dwell_points([(-0.5, 20.0, 0, 2.0)], SHAPE, zoom=20.0)
    assert dwell_volume(points, sigma_deg=0.5, edge="cut").sum() == pytest.approx(1.0, rel=1e-5)


def test_a_turned_picture_gives_a_turned_gaussian() -> None:
    covariance = np.array([[[9.0, 5.0], [5.0, 6.0]]])
    volume = np.zeros((1, 60, 60), dtype=np.float32)
    add_gaussians(volume, np.array([0]), np.array([[30.0, 29.0]]), covariance, np.array([1.0]), truncate=6.0)
    j, i = np.mgrid[0:60, 0:60]
    plane = volume[0].astype(float)
    mean = np.array([(plane * i).sum(), (plane * j).sum()])
    assert mean == pytest.approx([30.0, 29.0], abs=1e-4)
    assert (plane * (i - 30) * (j - 29)).sum() == pytest.approx(5.0, rel=1e-3)
    # A voxel's own square adds 1/12.
    assert (plane * (i - 30) ** 2).sum() == pytest.approx(9.0 + 1 / 12, rel=1e-3)


def test_counts_give_every_fixation_one() -> None:
    points = dwell_points([(20, 20, 0, 0.1), (20, 20, 1, 0.3), (30, 10, 2, 2.0)], SHAPE, owners=[1, 1, 2])
    volume = dwell_volume(points, weight="count")
    assert volume.sum(axis=(1, 2))[:3].tolist() == pytest.approx([0.25, 0.75, 1.0])


def test_a_very_narrow_gaussian_still_has_its_seconds() -> None:
    points = dwell_points([(20.5, 20.5, 0, 0.7)], SHAPE, zoom=0.5)
    assert dwell_volume(points, sigma_deg=1e-4).sum() == pytest.approx(0.7)


def test_a_preset_can_smooth_a_dwell_volume() -> None:
    points = dwell_points([(24.0, 20.0, 3, 0.5)], SHAPE)
    volume = dwell_volume(points, preset="gazemedseg-kvasir", truncate=8.0, edge="cut")
    share = volume[3].sum(axis=1).astype(float)
    j = np.arange(40)
    assert volume[3].max() == volume.max()
    assert (share * (j - 20) ** 2).sum() / share.sum() == pytest.approx((70 / 768 * 40) ** 2, rel=0.02)
