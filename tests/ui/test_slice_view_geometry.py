"""The map in every painted view, against the pixels that reached the window; zoom, pan, replay, scale factors."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QGraphicsRectItem

from ctgaze_app.gaze.views import PaintedView
from ctgaze_app.ui import view_state
from ctgaze_app.ui.slice_view import SliceView
from ctgaze_app.ui.view_state import PaneGeometry, ViewState
from tests.factories.volumes import make_position_volume, make_volume
from tests.ui.view_driving import drag, grey, spin, wheel, window_pixels

LEFT, MIDDLE, RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.MiddleButton, Qt.MouseButton.RightButton


def expected_pixels(told: PaintedView, shape: tuple[int, int], rows: int, columns: int) -> NDArray[np.int64]:
    """What each screen pixel must show of `make_position_volume`, by the map alone; 0 outside the image."""
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]] + 0.5
    voxel = np.einsum("ab,bcd->acd", told.voxel_from_screen, np.stack([x, y, np.ones_like(x)]))
    i, j = (np.floor(voxel[axis] + 0.5).astype(int) for axis in (0, 1))
    assert np.all(voxel[2] == told.slice_index)
    inside = (i >= 0) & (i < columns) & (j >= 0) & (j < rows)
    return np.where(inside, (16 * j + i + told.slice_index) % 240, 0)


@pytest.mark.parametrize("step", ["fit", "zoomed", "panned", "small"])
def test_every_screen_pixel_shows_the_voxel_that_the_map_names(view: SliceView, step: str) -> None:
    view.corner_text_visible = False
    view.set_volume(make_position_volume())
    view.trigger("smooth")
    view.go_to_slice(3)
    if step in {"zoomed", "panned"}:
        view.zoom_at(2.37, QPointF(123, 77))
    if step == "panned":
        view.pan_by(QPointF(-31, 17))
    if step == "small":
        view.zoom_at(0.41, QPointF(200, 150))
    spin(0.15)
    told = view.painted_view
    assert told is not None
    assert told.slice_index == 3
    shown = window_pixels(view)
    np.testing.assert_array_equal(shown, expected_pixels(told, shown.shape, 15, 16))
    np.testing.assert_array_equal(grey(view.grab_pixels(image_only=True)), shown)


def test_smooth_pixels_lie_where_the_map_says(view: SliceView) -> None:
    view.corner_text_visible = False
    view.set_volume(make_volume(np.tile(np.arange(0, 240, 10, dtype=np.int16), (1, 18, 1))))
    view.zoom_at(1.3, QPointF(90, 200))
    spin(0.1)
    told = view.painted_view
    assert told is not None
    x = np.arange(400) + 0.5
    i = told.voxel_from_screen[0, 0] * x + told.voxel_from_screen[0, 2]
    between = (i > 0) & (i < 23)
    row = window_pixels(view)[150].astype(float)
    assert between.sum() > 300
    assert np.abs(row - 10 * i)[between].max() <= 1.0


def test_pixels_that_are_not_square_keep_their_proportions(view: SliceView) -> None:
    view.set_volume(make_volume(spacing_kji_mm=(1.0, 2.0, 0.5), rows=32, columns=64))
    spin(0.05)
    told = view.painted_view
    assert told is not None
    mm_per_px = told.voxel_from_screen[0, 0] * 0.5, told.voxel_from_screen[1, 1] * 2.0
    assert mm_per_px[0] == pytest.approx(mm_per_px[1])
    assert view.voxel_to_screen_px(15.5, -0.5)[1] == pytest.approx(0.0)
    assert view.voxel_to_screen_px(15.5, 31.5)[1] == pytest.approx(300.0)


def test_the_wheel_with_ctrl_zooms_at_the_cursor(view: SliceView) -> None:
    view.set_volume(make_volume())
    spin(0.05)
    cursor = QPointF(250, 120)
    before = view.screen_px_to_voxel(250, 120)
    for _ in range(5):
        wheel(view, 120, at=cursor, modifiers=Qt.KeyboardModifier.ControlModifier)
        spin(0.03)
        assert view.screen_px_to_voxel(250, 120) == pytest.approx(before)
    assert view.state.zoom == pytest.approx(300 / 64 * 1.15**5)
    assert view.slice_index == 0


def test_drags_change_window_zoom_and_position(view: SliceView) -> None:
    view.set_volume(make_volume())
    start = view.state
    drag(view.viewport(), LEFT, [(100, 100), (150, 100), (200, 120)])
    gain = start.window_width / 400
    assert view.state.window_width == pytest.approx(start.window_width + 100 * gain)
    assert view.state.window_centre == pytest.approx(start.window_centre + 20 * gain)
    spin(0.05)
    held = view.screen_px_to_voxel(200, 100)
    drag(view.viewport(), RIGHT, [(200, 100), (200, 60)])
    spin(0.05)
    assert view.state.zoom > 300 / 64
    assert view.screen_px_to_voxel(200, 100) == pytest.approx(held)
    before = view.voxel_to_screen_px(30, 30)
    drag(view.viewport(), MIDDLE, [(200, 100), (188, 107)])
    spin(0.05)
    assert view.voxel_to_screen_px(30, 30) == pytest.approx((before[0] - 12, before[1] + 7))


def test_window_width_never_falls_under_one(view: SliceView) -> None:
    view.set_volume(make_volume())
    drag(view.viewport(), LEFT, [(399, 100), (0, 100), (-5000, 100)])
    assert view.state.window_width == 1.0


def test_shift_drag_scrolls_and_s_swaps_what_a_left_drag_does(view: SliceView) -> None:
    view.set_volume(make_volume())
    drag(view.viewport(), LEFT, [(100, 100), (100, 125)], modifiers=Qt.KeyboardModifier.ShiftModifier)
    assert view.slice_index == 2, "one slice for 12 logical pixels"
    view.trigger("drag_scroll")
    drag(view.viewport(), LEFT, [(100, 100), (100, 87)])
    assert view.slice_index == 1
    assert view.state.window_width == view.start_state.window_width


def test_a_recorded_view_is_painted_with_the_same_pixels_again(view: SliceView) -> None:
    told: list[tuple[PaintedView, NDArray[np.uint8]]] = []
    view.corner_text_visible = False
    view.painted.connect(lambda each, _time: told.append((each, grey(view.grab_pixels()))))
    view.set_volume(make_position_volume())
    spin(0.05)
    for number, factor in enumerate((1.7, 0.3, 2.9, 1.13)):
        view.zoom_at(factor, QPointF(100 + 37 * number, 90 + 11 * number))
        view.pan_by(QPointF(3.3 * number, -7.7))
        view.set_window(100 + number, 90 + 13 * number)
        view.go_to_slice(number + 1)
        spin(0.06)
    view.trigger("invert")
    spin(0.05)
    assert len(told) >= 6
    for each, pixels in list(told):
        view.apply_view(each)
        spin(0.03)
        np.testing.assert_array_equal(window_pixels(view), pixels)


def test_a_recorded_view_is_scaled_uniformly_into_a_pane_of_another_size(view: SliceView) -> None:
    view.corner_text_visible = False
    view.set_volume(make_position_volume())
    view.zoom_at(1.5, QPointF(120, 80))
    spin(0.05)
    recorded = view.painted_view
    assert recorded is not None
    view.resize(800, 900)
    view.apply_view(recorded)
    spin(0.06)
    i, j = 6.0, 5.0
    x = (i - recorded.voxel_from_screen[0, 2]) / recorded.voxel_from_screen[0, 0]
    y = (j - recorded.voxel_from_screen[1, 2]) / recorded.voxel_from_screen[1, 1]
    assert view.voxel_to_screen_px(i, j) == pytest.approx((2 * x, 150 + 2 * y))
    assert window_pixels(view)[:150].max() == 0, "the recorded pane ends here"
    view.apply_view(recorded, scale_to_fit=False)
    spin(0.06)
    assert view.voxel_to_screen_px(i, j) == pytest.approx((200 + x, 300 + y))


def test_scrolling_in_a_recorded_view_goes_on_from_its_zoom(view: SliceView) -> None:
    view.set_volume(make_position_volume())
    view.zoom_at(1.5, QPointF(120, 80))
    spin(0.05)
    recorded = view.painted_view
    assert recorded is not None
    view.trigger("fit")
    view.apply_view(recorded)
    spin(0.05)
    where = view.voxel_to_screen_px(4, 4)
    wheel(view, -120)
    spin(0.05)
    assert view.painted_slice == 1
    assert view.voxel_to_screen_px(4, 4) == pytest.approx(where)


def test_overlays_lie_on_image_pixels_and_change_no_painted_view(view: SliceView) -> None:
    view.corner_text_visible = False
    view.set_volume(make_volume(np.zeros((3, 16, 16), dtype=np.int16)))
    spin(0.05)
    told = view.painted_view
    square = QGraphicsRectItem(QRectF(3.5, 5.5, 1, 1))
    square.setPen(QColor(0, 0, 0, 0))
    square.setBrush(QColor(255, 255, 255))
    view.add_overlay(square)
    spin(0.05)
    x, y = view.voxel_to_screen_px(4, 6)
    bright = np.argwhere(window_pixels(view) > 128)
    assert bright.mean(axis=0) + 0.5 == pytest.approx((y, x), abs=1.0)
    assert view.painted_view is told
    assert grey(view.grab_pixels(image_only=True)).max() == 0
    view.remove_overlay(square)
    spin(0.05)
    assert window_pixels(view).max() == 0


def test_moving_the_window_is_told_as_a_new_pane_rectangle(view: SliceView) -> None:
    view.set_volume(make_volume())
    spin(0.05)
    view.move(40, 30)
    spin(0.05)
    told = view.painted_view
    assert told is not None
    assert told.pane_rect_px == (40.0, 30.0, 400.0, 300.0)
    i, j, _ = told.voxel_from_screen @ (240.0, 180.0, 1.0)
    assert (i, j) == pytest.approx((31.5, 31.5))


@given(
    factors=st.lists(st.floats(0.1, 10.0), max_size=6),
    at=st.tuples(st.floats(0, 1000), st.floats(0, 800)),
    shift=st.tuples(st.floats(-5000, 5000), st.floats(-5000, 5000)),
)
@settings(deadline=None, max_examples=60)
def test_the_image_never_leaves_the_pane(
    factors: list[float], at: tuple[float, float], shift: tuple[float, float]
) -> None:
    pane, state = PaneGeometry(1000, 800, 512, 300, (0.7, 0.9)), ViewState()
    for factor in factors:
        state = view_state.zoomed_at(state, pane, factor, at)
    state = view_state.panned(state, pane, *shift)
    frame = view_state.image_frame(state, pane)
    i, j = frame.pane_to_image(500, 400)
    assert -0.501 <= i <= 511.501
    assert -0.501 <= j <= 299.501
    assert frame.scale_y / frame.scale_x == pytest.approx(9 / 7)


_SCALED = """
import json, sys, time
import numpy as np
from PySide6.QtCore import QPointF, Qt
from PySide6.QtWidgets import QApplication
from ctgaze_app.ui.screens import describe_screens
from ctgaze_app.ui.slice_view import SliceView
from tests.factories.volumes import make_position_volume
from tests.ui.test_slice_view_geometry import expected_pixels
from tests.ui.view_driving import spin, grey
application = QApplication([])
view = SliceView(clock=time.monotonic)
view.corner_text_visible = False
view.setWindowFlag(Qt.WindowType.FramelessWindowHint)
view.move(0, 0)
view.resize(300, 200)
view.show()
spin(0.05)
view.set_volume(make_position_volume())
view.trigger("smooth")
view.zoom_at(1.37, QPointF(101, 55))
spin(0.1)
told = view.painted_view
shown = grey(view.grab_pixels(image_only=True))
wrong = int((shown != expected_pixels(told, shown.shape, 15, 16)).sum())
in_window = grey(view.grab().toImage())
print(json.dumps([told.pane_rect_px, shown.shape, wrong, int((in_window != shown).sum()), describe_screens()]))
"""


@pytest.mark.parametrize("factor", ["2", "1.5"])
def test_scaled_screens_are_mapped_in_physical_pixels(factor: str) -> None:
    environment = {**os.environ, "QT_SCALE_FACTOR": factor, "QT_QPA_PLATFORM": "offscreen"}
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", _SCALED], capture_output=True, text=True, timeout=60, env=environment, cwd=root
    )
    assert done.returncode == 0, done.stderr
    rectangle, shape, wrong, differing, screens = json.loads(done.stdout)
    scale = float(factor)
    assert rectangle == [0.0, 0.0, 300 * scale, 200 * scale]
    assert shape == [200 * scale, 300 * scale]
    assert (wrong, differing) == (0, 0)
    assert f"scale {factor}," in screens[0]
