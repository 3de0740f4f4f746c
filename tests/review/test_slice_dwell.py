from __future__ import annotations

import numpy as np
import pytest

from ctgaze_app.review.slice_dwell import shown_slices, slice_dwell
from tests.review.gaze_scene import dwell_points, painted, scrolled, track


def test_a_slice_is_displayed_from_its_light_to_the_next() -> None:
    views = track(
        [
            (100.0, painted(1, 0, visible=False)),
            (100.5, painted(2, 3)),
            (101.0, painted(3, 3, zoom=5.0)),
            (101.5, painted(4, 4)),
            (102.0, painted(5, 0, visible=False)),
            (103.0, painted(6, 3)),
        ]
    )
    shown = shown_slices(views, 104.0, display_latency_s=0.02)
    assert shown.slice_index.tolist() == [3, 4, 3]
    assert shown.onset_s.tolist() == pytest.approx([0.0, 1.0, 2.5])
    assert shown.offset_s.tolist() == pytest.approx([1.0, 1.5, 3.48])


def test_the_same_slice_after_nothing_was_shown_is_a_stretch_of_its_own() -> None:
    views = track([(100.0, painted(1, 3)), (101.0, painted(2, 3, visible=False)), (102.0, painted(3, 3))])
    assert shown_slices(views, 103.0, display_latency_s=0.0).duration_s.tolist() == pytest.approx([1.0, 1.0])


def test_another_series_does_not_count() -> None:
    views = track([(100.0, painted(1, 3)), (101.0, painted(2, 5, series=1))])
    assert shown_slices(views, 103.0, display_latency_s=0.0, series=1).slice_index.tolist() == [5]
    assert len(shown_slices(views, 103.0, display_latency_s=0.0, series=2)) == 0


def test_a_plane_across_the_slices_shows_none_of_them() -> None:
    across = np.array([[0.1, 0, 0], [0, 0, 4], [0, 0.1, 0.0]])
    views = track([(100.0, painted(1, 3)), (101.0, painted(2, 4, view_map=across)), (103.0, painted(3, 3))])
    shown = shown_slices(views, 104.0, display_latency_s=0.0)
    assert shown.slice_index.tolist() == [3, 3]
    assert shown.duration_s.tolist() == pytest.approx([1.0, 1.0])


def test_the_three_times_of_every_slice_and_their_sums() -> None:
    shown = shown_slices(scrolled([0, 1, 2, 1]), 100.5, display_latency_s=0.0)
    segments = dwell_points([(5, 5, 0, 0.05), (5, 5, 1, 0.1), (5, 5, 1, 0.02)], (4, 20, 20))
    samples = dwell_points([(5, 5, 0, 0.08), (5, 5, 1, 0.11), (5, 5, 2, 0.1)], (4, 20, 20))
    dwell = slice_dwell(shown, segments, samples)
    assert dwell.displayed_s.tolist() == pytest.approx([0.1, 0.3, 0.1, 0.0])
    assert dwell.on_image_s.tolist() == pytest.approx([0.08, 0.11, 0.1, 0.0])
    assert dwell.fixated_s.tolist() == pytest.approx([0.05, 0.12, 0.0, 0.0])
    assert dwell.sums_s() == pytest.approx({"displayed_s": 0.5, "on_image_s": 0.29, "fixated_s": 0.17})


def test_without_samples_the_eye_time_is_unknown_and_not_zero() -> None:
    shown = shown_slices(scrolled([0, 1]), 100.5, display_latency_s=0.0)
    dwell = slice_dwell(shown, dwell_points([(5, 5, 0, 0.05)], (4, 20, 20)))
    assert np.isnan(dwell.on_image_s).all()
    assert np.isnan(dwell.sums_s()["on_image_s"])
