"""Which view was on the screen when, and how it was changing."""

from __future__ import annotations

import numpy as np
import pytest

from ctgaze_app.gaze.view_track import VIEW_STATES, ViewTrack
from ctgaze_app.gaze.views import VIEW_CHANNELS
from tests.gaze.scenes import axial_view, track


def _states(views: ViewTrack, times: list[float], hold_s: float = 0.25) -> list[str]:
    return [VIEW_STATES[code] for code in views.view_state_at(times, 0.0, 0, hold_s)]


def test_repeats_of_a_paint_keep_the_earliest_stamp_whatever_the_order_of_arrival() -> None:
    first, second = axial_view(1, 10), axial_view(2, 11)
    views = track((3.0, second), (2.0, first), (1.0, first), (4.0, second))
    assert views.time_lsl.tolist() == [1.0, 3.0]
    assert views.integers("slice_index").tolist() == [10, 11]


def test_a_view_comes_back_as_it_was_painted() -> None:
    view = axial_view(5, 3, input_time_lsl=0.5)
    assert track((1.0, view))[0] == view


def test_the_same_paint_number_on_two_panes_is_two_views() -> None:
    assert len(track((1.0, axial_view(1, 1)), (1.0, axial_view(1, 2, pane=1)))) == 2


def test_a_view_is_shown_from_its_paint_plus_the_display_latency() -> None:
    views = track((1.0, axial_view(1, 10)), (2.0, axial_view(2, 11)))
    assert views.shown_at([1.02, 1.03, 2.02, 2.03, 9.0], 0.025).tolist() == [-1, 0, 0, 1, 1]
    assert views.shown_at([1.0, 2.0], 0.0).tolist() == [0, 1]


def test_panes_are_told_apart() -> None:
    views = track((1.0, axial_view(1, 10)), (1.5, axial_view(2, 11, pane=1)), (2.0, axial_view(3, 12)))
    assert views.shown_at([1.7, 2.5], 0.0, pane=0).tolist() == [0, 2]
    assert views.shown_at([1.2, 1.7, 2.5], 0.0, pane=1).tolist() == [-1, 1, 1]
    assert views.shown_at([2.5], 0.0, pane=7).tolist() == [-1]


def test_no_views_at_all_is_a_track_too() -> None:
    views = ViewTrack.from_samples([], np.empty((0, len(VIEW_CHANNELS))))
    assert len(views) == 0
    assert views.panes == ()
    assert views.shown_at([1.0, 2.0], 0.0).tolist() == [-1, -1]
    assert _states(views, [1.0]) == ["still"]


def test_samples_of_another_width_are_refused() -> None:
    with pytest.raises(ValueError, match="27"):
        ViewTrack.from_samples([1.0], np.zeros((1, 5)))


@pytest.mark.parametrize(
    ("changed", "state"),
    [
        (axial_view(2, 11), "scroll"),
        (axial_view(2, 10, window_centre=-600.0), "window"),
        (axial_view(2, 10, invert=True), "window"),
        (axial_view(2, 10, zoom=9.0), "zoom"),
        (axial_view(2, 10, left=350.0), "pan"),
        (axial_view(2, 11, left=350.0), "mixed"),
        (axial_view(2, 11, series=1), "still"),
        (axial_view(2, 11, image_visible=False), "still"),
        (axial_view(2, 10, input_time_lsl=0.7), "still"),
    ],
)
def test_a_change_names_the_state_for_the_hold_time_after_it(changed: object, state: str) -> None:
    views = track((1.0, axial_view(1, 10)), (2.0, changed))  # type: ignore[arg-type]
    assert _states(views, [1.99, 2.0, 2.24, 2.26]) == ["still", state, state, "still"]


def test_zoom_is_screen_pixels_per_image_pixel() -> None:
    assert track((1.0, axial_view(1, 10, zoom=3.0))).zoom.tolist() == pytest.approx([3.0])


def test_slice_changes_count_appearing_and_vanishing_images() -> None:
    hidden = axial_view(1, 10, image_visible=False)
    views = track((1.0, hidden), (2.0, axial_view(2, 10)), (3.0, axial_view(3, 10, zoom=2.0)), (4.0, axial_view(4, 11)))
    assert views.slice_change_times(0.5).tolist() == [2.5, 4.5]


def test_the_first_image_is_a_change_too() -> None:
    assert track((1.0, axial_view(1, 10))).slice_change_times(0.5).tolist() == [1.5]
    assert track((1.0, axial_view(1, 10, image_visible=False))).slice_change_times(0.5).tolist() == []
