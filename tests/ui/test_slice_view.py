"""What a slice view paints, when, and what it says about it."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QObject, Qt, QTimer
from PySide6.QtTest import QTest

from ctgaze_app.ct.volume import Finding, VoiWindow
from ctgaze_app.gaze.views import PaintedView
from ctgaze_app.ui.screens import refresh_hz
from ctgaze_app.ui.slice_queue import MAX_BACKLOG
from ctgaze_app.ui.slice_view import SliceView
from tests.factories.volumes import CODE_WINDOW, make_volume
from tests.ui.view_driving import grey, spin, wheel, window_pixels


class Painted(QObject):
    """Collects what a view says, and when each paint began: its own stamp is of the end, which a busy machine moves."""

    def __init__(self, view: SliceView) -> None:
        super().__init__(view)
        self.views: list[PaintedView] = []
        self.times: list[float] = []
        self.begun_s: list[float] = []
        self._begins_s = math.nan
        view.viewport().installEventFilter(self)
        view.painted.connect(self._add)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Paint:
            self._begins_s = time.perf_counter()
        return super().eventFilter(watched, event)

    def _add(self, view: PaintedView, time_lsl: float) -> None:
        self.views.append(view)
        self.times.append(time_lsl)
        self.begun_s.append(self._begins_s)

    @property
    def slices(self) -> list[int]:
        return [view.slice_index for view in self.views]


def test_the_slice_told_is_the_slice_in_the_window_at_50_notches_a_second_and_none_is_left_out(view: SliceView) -> None:
    view.set_volume(make_volume(slices=60))
    spin(0.05)
    painted = Painted(view)
    in_paint: list[int] = []
    in_window: list[tuple[int, int]] = []

    def check(told: PaintedView, _time: float) -> None:
        in_paint.append(int(grey(view.grab_pixels(image_only=True))[150, 200]))
        # After this event the window's buffer holds what was painted; the next paint is a refresh away.
        QTimer.singleShot(0, view, lambda: in_window.append((told.slice_index, int(window_pixels(view)[150, 250]))))

    view.painted.connect(check)
    start = time.monotonic()
    for notch in range(50):
        spin(max(start + notch / 50 - time.monotonic(), 0))
        wheel(view, -120)
    late = time.monotonic() + 3.0  # a busy machine paints later, never less
    while len(in_window) < 50 and time.monotonic() < late:
        spin(0.02)
    assert painted.slices == list(range(1, 51))
    assert in_paint == [k + 1 for k in painted.slices]
    assert [shown for _, shown in in_window] == [k + 1 for k, _ in in_window]
    assert len(in_window) == 50
    assert (view.slices_requested, view.slices_painted, view.slices_requested_not_painted) == (50, 50, 0)
    assert np.diff(painted.begun_s).min() > 0.9 / refresh_hz(view.screen())


def test_a_burst_of_notches_is_painted_slice_by_slice_one_a_refresh(view: SliceView) -> None:
    view.set_volume(make_volume())
    spin(0.05)
    painted = Painted(view)
    wheel(view, -120 * 8)
    spin(0.3)
    assert painted.slices == list(range(1, 9))
    assert np.diff(painted.begun_s).min() > 0.9 / refresh_hz(view.screen())


def test_a_backlog_longer_than_a_reader_can_make_gives_up_the_oldest_and_counts_them(view: SliceView) -> None:
    view.set_volume(make_volume(slices=60))
    spin(0.05)
    painted = Painted(view)
    wheel(view, -120 * 40)
    spin(0.5)
    assert view.slices_requested == 40
    assert view.slices_painted == MAX_BACKLOG
    assert view.slices_requested_not_painted == 40 - MAX_BACKLOG
    assert painted.slices[-1] == 40


def test_idle_views_do_not_paint_or_run_timers(view: SliceView) -> None:
    view.set_volume(make_volume())
    wheel(view, -120)
    spin(0.1)
    assert not [timer for timer in view.findChildren(QTimer) if timer.isActive()]
    painted = Painted(view)
    view.viewport().update()
    spin(0.1)
    assert painted.views == []


def test_paints_are_counted_and_carry_trial_series_window_and_input_time(view: SliceView) -> None:
    painted = Painted(view)
    view.trial = 3
    view.set_volume(make_volume(), 2)
    spin(0.05)
    before = time.monotonic()
    wheel(view, -120)
    spin(0.05)
    opened, scrolled = painted.views
    assert (opened.paint, scrolled.paint) == (2, 3), "the black first paint was number 1"
    assert (scrolled.trial, scrolled.series, scrolled.plane, scrolled.slice_index) == (3, 2, 0, 1)
    assert (scrolled.window_centre, scrolled.window_width) == (CODE_WINDOW.centre, CODE_WINDOW.width)
    assert math.isnan(opened.input_time_lsl)
    assert before <= scrolled.input_time_lsl < painted.times[1] < before + 0.05


def test_cleared_views_are_painted_black_and_say_that_no_image_is_visible(view: SliceView) -> None:
    view.set_volume(make_volume())
    spin(0.05)
    painted = Painted(view)
    view.clear()
    spin(0.05)
    assert [each.image_visible for each in painted.views] == [False]
    assert painted.views[0].slice_index == -1
    assert window_pixels(view).max() == 0


def test_the_stack_ends_at_its_ends_and_asks_for_nothing_beyond(view: SliceView) -> None:
    view.set_volume(make_volume(slices=3))
    wheel(view, 120)
    wheel(view, -120 * 5)
    spin(0.2)
    assert view.painted_slice == 2
    assert (view.slices_requested, view.slices_painted) == (2, 2)


def test_jumps_paint_only_their_target(view: SliceView) -> None:
    view.set_volume(make_volume(slices=40))
    spin(0.05)
    painted = Painted(view)
    for key in (Qt.Key.Key_End, Qt.Key.Key_PageUp, Qt.Key.Key_Home, Qt.Key.Key_PageDown):
        QTest.keyClick(view, key)
    spin(0.2)
    assert painted.slices == [39, 29, 0, 10]


def test_fine_wheels_add_up_to_notches_and_a_change_of_direction_starts_anew(view: SliceView) -> None:
    view.set_volume(make_volume())
    for _ in range(7):
        wheel(view, -40)
    assert view.slice_index == 2
    wheel(view, 100)
    assert view.slice_index == 2
    wheel(view, 20)
    assert view.slice_index == 1


def test_requests_still_waiting_when_the_case_changes_are_counted_as_not_painted(view: SliceView) -> None:
    view.set_volume(make_volume())
    spin(0.05)
    wheel(view, -120 * 5)
    view.clear()
    spin(0.05)
    assert view.slices_requested == 5
    assert view.slices_painted + view.slices_requested_not_painted == 5


@pytest.mark.parametrize("smooth", [False, True])
@pytest.mark.parametrize("invert", [False, True])
@pytest.mark.parametrize("monochrome1", [False, True])
def test_grey_levels_follow_dicoms_linear_formula(
    view: SliceView, smooth: bool, invert: bool, monochrome1: bool
) -> None:
    centre, width, value = 40.0, 80.0, 20
    voxels = np.full((1, 32, 32), value, dtype=np.int16)
    view.set_volume(make_volume(voxels, windows=(VoiWindow(centre, width),), monochrome1=monochrome1))
    view.trigger("smooth") if view.state.smooth != smooth else None
    view.trigger("invert") if invert else None
    spin(0.1)
    # DICOM PS3.3 C.11.2.1.2.1: y = ((x - (c - 0.5)) / (w - 1) + 0.5) * 255
    expected = ((value - (centre - 0.5)) / (width - 1) + 0.5) * 255
    shown = int(window_pixels(view)[150, 250])
    assert abs(shown - (255 - expected if invert != monochrome1 else expected)) <= 1


def test_padding_is_black_even_when_inverted(view: SliceView) -> None:
    padding = np.zeros((1, 32, 32), dtype=np.bool_)
    padding[:, :, :16] = True
    view.set_volume(make_volume(np.full((1, 32, 32), 5, dtype=np.int16), padding=padding))
    view.trigger("invert")
    view.trigger("smooth")
    spin(0.1)
    pixels = window_pixels(view)
    assert (pixels[150, 150], pixels[150, 250]) == (0, 250)


def test_input_is_told_with_kind_value_and_time(view: SliceView) -> None:
    told: list[dict[str, object]] = []
    view.input_received.connect(told.append)
    view.set_volume(make_volume())
    before = time.monotonic()
    wheel(view, -240)
    QTest.keyClick(view, Qt.Key.Key_I)
    assert [(each["kind"], each["value"], each["by"]) for each in told] == [
        ("slice", 2, "wheel"),
        ("invert", True, "key"),
    ]
    assert all(before <= float(str(each["time_lsl"])) <= time.monotonic() for each in told)


def test_a_view_that_is_not_interactive_leaves_all_input_alone(view: SliceView) -> None:
    view.set_volume(make_volume())
    view.interactive = False
    wheel(view, -120)
    QTest.keyClick(view, Qt.Key.Key_Down)
    assert view.slice_index == 0


def test_slices_asked_for_while_hidden_are_painted_when_the_view_is_shown_again(view: SliceView) -> None:
    view.set_volume(make_volume())
    spin(0.05)
    painted = Painted(view)
    view.hide()
    view.request_slice(3)
    spin(0.1)
    assert painted.slices == []
    view.show()
    spin(0.15)
    assert painted.slices == [1, 2, 3]
    assert (view.slices_requested, view.slices_painted, view.slices_requested_not_painted) == (3, 3, 0)


def test_the_notice_about_the_series_stays_when_the_corner_text_goes(view: SliceView) -> None:
    dark = np.zeros((1, 32, 32), dtype=np.int16)
    view.set_volume(make_volume(dark, findings=(Finding("missing_slices", "warning", "2 slices are missing"),)))
    view.corner_text_visible = False
    spin(0.05)
    assert window_pixels(view).max() > 100
    view.hide_findings()
    spin(0.05)
    assert window_pixels(view).max() == 0
