from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ctgaze_app.gaze.frames import voxel_to_screen_px
from ctgaze_app.review.coverage import UFOV_RADII_DEG, coverage_curve
from ctgaze_app.review.dwell_points import DwellPoints, merged_in_cells
from tests.review.gaze_scene import SCREEN, dwell_points

SHAPE = (4, 24, 30)


def oracle(points: DwellPoints, mask: np.ndarray, radius_deg: float, minimum_dwell_s: float) -> np.ndarray:
    """Every voxel against every row, one by one, through the frames' own functions."""
    searched = np.zeros(points.shape_kji, dtype=bool)
    for k, j, i in np.argwhere(mask):
        dwell, near = 0.0, False
        for row in np.flatnonzero(points.slice_index == k):
            px = voxel_to_screen_px([i, j, k], points.view_maps[points.view[row]])
            if points.screen.angle_between_deg(px, points.screen_px[row]) <= radius_deg:
                dwell, near = dwell + points.seconds[row], True
        searched[k, j, i] = near and dwell >= minimum_dwell_s - 1e-6
    return searched


@settings(max_examples=25, deadline=None)
@given(
    rows=st.lists(
        st.tuples(
            st.floats(-0.5, 29.5), st.floats(-0.5, 23.5), st.integers(0, 3), st.floats(0.01, 0.5), st.floats(3, 40)
        ),
        max_size=5,
    ),
    turn_deg=st.sampled_from([0.0, 25.0]),
    minimum_dwell_s=st.sampled_from([0.0, 0.2]),
    seed=st.integers(0, 99),
)
def test_every_voxel_agrees_with_brute_force(
    rows: list[tuple[float, float, int, float, float]], turn_deg: float, minimum_dwell_s: float, seed: int
) -> None:
    points = dwell_points([row[:4] for row in rows], SHAPE, zoom=[row[4] for row in rows], turn_deg=turn_deg)
    mask = np.random.default_rng(seed).random(SHAPE) < 0.15
    curve = coverage_curve(points, mask, radii_deg=(1.0, 2.5, 5.0), minimum_dwell_s=minimum_dwell_s)
    for radius in curve.radii_deg:
        searched = oracle(points, mask, radius, minimum_dwell_s)
        assert np.array_equal(curve.unsearched(radius), mask & ~searched)
        assert curve.at(radius) == pytest.approx(searched.sum() / mask.sum())


def test_one_look_covers_a_disc_of_the_zoom_of_that_moment() -> None:
    # About the screen's centre (960, 540) with the picture's corner at (700, 300) and 4 pixels a voxel.
    shape = (3, 120, 130)
    points = dwell_points([(260 / 4 - 0.5, 240 / 4 - 0.5, 1, 0.3)], shape, zoom=4.0)
    curve = coverage_curve(points)
    assert curve.radii_deg == UFOV_RADII_DEG
    radius_voxels = np.tan(np.radians(2.0)) * 650.0 / SCREEN.mm_per_px[0] / 4.0
    expected = np.pi * radius_voxels**2 / np.prod(shape)
    assert curve.at(2.0) == pytest.approx(expected, rel=0.01)
    assert curve.displayed_fraction == pytest.approx(1 / 3)
    assert not coverage_curve(points).unsearched(1.0)[1, 59, 64]


def test_the_curve_never_falls_and_never_exceeds_what_was_displayed() -> None:
    random = np.random.default_rng(5)
    rows = [(i, j, int(k), 0.2) for i, j, k in random.uniform(0, [29, 23, 3.9], (12, 3)) if k < 3]
    curve = coverage_curve(dwell_points(rows, SHAPE, zoom=25.0))
    assert (np.diff(curve.covered_fraction) >= 0).all()
    assert curve.covered_fraction[0] > 0
    assert curve.covered_fraction[-1] <= curve.displayed_fraction < 1


def test_looks_below_the_minimum_dwell_add_up() -> None:
    once = dwell_points([(15.0, 12.0, 1, 0.2)], SHAPE)
    twice = dwell_points([(15.0, 12.0, 1, 0.2), (15.0, 12.0, 1, 0.1)], SHAPE)
    assert coverage_curve(once, minimum_dwell_s=0.3).at(5.0) == 0
    assert coverage_curve(twice, minimum_dwell_s=0.3).at(5.0) == coverage_curve(once).at(5.0) > 0


def test_an_empty_mask_has_no_coverage() -> None:
    curve = coverage_curve(dwell_points([(15.0, 12.0, 1, 0.2)], SHAPE), np.zeros(SHAPE, dtype=bool))
    assert np.isnan(curve.covered_fraction).all()
    assert curve.n_voxels == 0
    assert not curve.unsearched(1.0).any()


def test_a_mask_of_another_shape_or_radii_out_of_order_are_refused() -> None:
    points = dwell_points([(15.0, 12.0, 1, 0.2)], SHAPE)
    with pytest.raises(ValueError, match="does not fit"):
        coverage_curve(points, np.ones((4, 24, 31), dtype=bool))
    with pytest.raises(ValueError, match="ascend"):
        coverage_curve(points, radii_deg=(2.0, 1.0))


def test_merged_samples_cover_the_same_to_a_tenth_of_a_degree() -> None:
    random = np.random.default_rng(2)
    rows = [(i, j, 1, 0.002) for i, j in random.normal((15, 12), 1.0, (300, 2))]
    points = dwell_points(rows, SHAPE, zoom=20.0)
    points = DwellPoints(**{**points.__dict__, "view": np.zeros(300, dtype=np.intp)})
    merged = merged_in_cells(points, 0.1)
    assert len(merged) < 300
    for radius in (1.0, 2.0):
        low, exact, high = (
            coverage_curve(found, radii_deg=(each,)).at(each)
            for found, each in ((points, radius - 0.15), (merged, radius), (points, radius + 0.15))
        )
        assert low <= exact <= high
