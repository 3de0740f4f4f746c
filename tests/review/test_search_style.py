from __future__ import annotations

import numpy as np
import pytest

from ctgaze_app.gaze.frames import SeriesGeometry
from ctgaze_app.review.search_style import search_style
from ctgaze_app.review.slice_dwell import ShownSlices, shown_slices
from tests.factories.volumes import make_volume
from tests.review.gaze_scene import scrolled

GEOMETRY = SeriesGeometry.of(make_volume(slices=20, spacing_kji_mm=(2.5, 0.5, 0.8)))


def fixations(*places: tuple[float, float], series: int = 0) -> dict[str, np.ndarray]:
    onset = 0.3 * np.arange(len(places))
    x, y = np.array(places, dtype=float).reshape(-1, 2).T
    numbers = np.full(len(places), series)
    return {"series": numbers, "onset_s": onset, "offset_s": onset + 0.25, "x_voxel": x, "y_voxel": y}


def shown(slices: list[int]) -> ShownSlices:
    return shown_slices(scrolled(slices), 100.0 + 0.1 * len(slices), display_latency_s=0.0)


def test_a_still_eye_through_moving_slices_is_a_driller() -> None:
    style = search_style(fixations((20, 20), (20, 20), (20, 20)), shown(list(range(20))), GEOMETRY)
    assert style.driller_index == 1.0
    assert style.depth_mm == pytest.approx(19 * 2.5)
    assert style.in_plane_mm == 0.0
    assert style.n_quadrant_crossings == 0
    assert style.longest_drill_s == pytest.approx(0.85)


def test_a_moving_eye_on_one_slice_is_a_scanner() -> None:
    style = search_style(fixations((10, 10), (50, 10), (50, 50), (10, 50)), shown([4] * 20), GEOMETRY)
    assert style.driller_index == 0.0
    assert style.in_plane_mm == pytest.approx(40 * 0.8 + 40 * 0.5 + 40 * 0.8)
    assert style.n_quadrant_crossings == 3
    assert style.quadrant_crossing_fraction == 1.0
    assert style.quadrant_crossings_per_min == pytest.approx(90.0)
    assert style.longest_drill_s == pytest.approx(0.25)


def test_equal_ways_through_depth_and_plane_are_half() -> None:
    style = search_style(fixations((10, 10), (35, 10)), shown([0, 1, 2, 3, 4, 5, 6, 7, 8]), GEOMETRY)
    assert (style.depth_mm, style.in_plane_mm) == (pytest.approx(20.0), pytest.approx(20.0))
    assert style.driller_index == pytest.approx(0.5)
    assert style.depth_mm_per_s == pytest.approx(20 / 0.9)


def test_the_quadrants_meet_where_the_organ_s_middle_is() -> None:
    places = fixations((10, 10), (14, 10))
    assert search_style(places, shown([4]), GEOMETRY).n_quadrant_crossings == 0
    assert search_style(places, shown([4]), GEOMETRY, centre_ij=(12.0, 30.0)).n_quadrant_crossings == 1


def test_fixations_off_the_image_or_on_another_series_do_not_count() -> None:
    lost = fixations((10, 10), (np.nan, np.nan), (20, 10))
    assert search_style(lost, shown([4]), GEOMETRY).in_plane_mm == pytest.approx(8.0)
    other = search_style(fixations((10, 10), (50, 50), series=1), shown([4, 5, 6]), GEOMETRY)
    assert other.depth_mm == pytest.approx(5.0)
    # Nobody looked: that is no drilling.
    assert np.isnan(other.in_plane_mm) and np.isnan(other.driller_index)


def test_without_any_movement_there_is_no_index() -> None:
    style = search_style(fixations(), shown([]), GEOMETRY)
    assert np.isnan(style.driller_index)
    assert np.isnan(style.longest_drill_s)
    assert np.isnan(style.depth_mm_per_s)
