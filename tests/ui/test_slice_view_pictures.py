"""A radiograph or a photograph in a slice view: its pixels, its words, and keys that have nothing to do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest

from ctgaze_app.ct import Volume, load_series
from ctgaze_app.gaze.views import VOI_FUNCTIONS
from ctgaze_app.ui.corner_text import position_text
from ctgaze_app.ui.slice_view import SliceView
from ctgaze_app.ui.view_state import ViewState
from tests.ct.test_pictures import radiograph
from tests.ct.test_voi_tables import as_pydicom, with_table
from tests.ui.view_driving import drag, grey, spin, wheel

RGB = np.random.default_rng(3).integers(0, 255, (30, 40, 3), dtype=np.uint8)
GREY = np.random.default_rng(4).integers(0, 255, (30, 40), dtype=np.uint8)


def picture(folder: Path, pixels: NDArray[Any]) -> Volume:
    Image.fromarray(pixels).save(folder / "picture.png")
    return load_series(folder / "picture.png")


def shown(view: SliceView) -> NDArray[np.uint8]:
    """Red, green and blue of the pane without texts."""
    image = view.grab_pixels(image_only=True).convertToFormat(QImage.Format.Format_RGB888)
    raw = np.frombuffer(image.constBits(), dtype=np.uint8).reshape(image.height(), image.bytesPerLine())
    return raw[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).copy()


def at_actual_size(view: SliceView, volume: Volume) -> tuple[int, int]:
    """Open it with one pixel on one pixel; the pane's pixel of its first one."""
    view.set_volume(volume)
    QTest.keyClick(view, Qt.Key.Key_P)
    QTest.keyClick(view, Qt.Key.Key_O)
    spin(0.05)
    x, y = view.voxel_to_screen_px(-0.5, -0.5)
    left, top, _, _ = view.painted_view.pane_rect_px  # type: ignore[union-attr]
    return round(x - left), round(y - top)


def test_colours_are_painted_as_the_file_has_them(view: SliceView, tmp_path: Path) -> None:
    left, top = at_actual_size(view, picture(tmp_path, RGB))
    assert np.array_equal(shown(view)[top : top + 30, left : left + 40], RGB)
    assert not shown(view)[:top].any()


def test_greys_are_painted_as_the_file_has_them_and_windows_act(view: SliceView, tmp_path: Path) -> None:
    left, top = at_actual_size(view, picture(tmp_path, GREY))
    assert np.array_equal(shown(view)[top : top + 30, left : left + 40, 0], GREY)
    QTest.keyClick(view, Qt.Key.Key_I)
    spin(0.05)
    assert np.array_equal(shown(view)[top : top + 30, left : left + 40, 0], 255 - GREY)
    drag(view.viewport(), Qt.MouseButton.LeftButton, [(50, 50), (90, 70)])
    assert view.state.window_width > 256


def test_a_files_own_curve_is_painted_dragged_recorded_and_left_for_its_window(view: SliceView, tmp_path: Path) -> None:
    path = with_table(radiograph(tmp_path, windows=((2000.0, 1000.0),)))
    volume = load_series(path)
    left, top = at_actual_size(view, volume)
    across = slice(left, left + 64)
    assert np.array_equal(shown(view)[top : top + 64, across, 0], as_pydicom(path))
    recorded = view.painted_view
    assert recorded is not None
    assert VOI_FUNCTIONS[recorded.voi_function] == "TABLE"
    drag(view.viewport(), Qt.MouseButton.LeftButton, [(50, 50), (90, 50)])
    assert view.state.voi_function == "TABLE" and view.state.window_width > volume.windows[0].width
    view.trigger("preset_1")
    assert view.state.voi_function == "TABLE"
    view.trigger("preset_1")
    assert (view.state.voi_function, view.state.window_centre, view.state.window_width) == ("LINEAR", 2000.0, 1000.0)
    view.apply_view(recorded)
    spin(0.05)
    assert np.array_equal(shown(view)[top : top + 64, across, 0], as_pydicom(path))
    without = replace(volume, voi_table=None, windows=volume.windows[1:])
    view.set_volume(without)
    view.apply_view(recorded)
    assert view.state.voi_function == "LINEAR"


def test_window_keys_and_drags_do_nothing_to_colours(view: SliceView, tmp_path: Path) -> None:
    view.set_volume(picture(tmp_path, RGB))
    spin(0.05)
    before, state = shown(view), view.state
    for key in (Qt.Key.Key_I, *(Qt.Key(Qt.Key.Key_0 + digit) for digit in range(10))):
        QTest.keyClick(view, key)
    drag(view.viewport(), Qt.MouseButton.LeftButton, [(50, 50), (90, 70)])
    spin(0.05)
    assert view.state == state
    assert np.array_equal(shown(view), before)


def test_presets_in_hounsfield_units_leave_a_radiograph_alone(view: SliceView, tmp_path: Path) -> None:
    view.set_volume(picture(tmp_path, GREY))
    for digit in range(2, 10):
        QTest.keyClick(view, Qt.Key(Qt.Key.Key_0 + digit))
    assert (view.state.window_centre, view.state.window_width) == (128.0, 256.0)
    QTest.keyClick(view, Qt.Key.Key_0)
    assert view.state.window_width < 256.0
    QTest.keyClick(view, Qt.Key.Key_1)
    assert (view.state.window_centre, view.state.window_width) == (128.0, 256.0)


@pytest.mark.parametrize("pixels", [GREY, RGB], ids=["grey", "colour"])
def test_scrolling_has_nowhere_to_go_and_zoom_and_pan_work(
    view: SliceView, tmp_path: Path, pixels: NDArray[Any]
) -> None:
    view.set_volume(picture(tmp_path, pixels))
    spin(0.05)
    painted = view.paint_count
    wheel(view, -360)
    for key in (Qt.Key.Key_Down, Qt.Key.Key_PageDown, Qt.Key.Key_End, Qt.Key.Key_Home, Qt.Key.Key_Up):
        QTest.keyClick(view, key)
    spin(0.05)
    assert (view.slice_index, view.slices_requested, view.slices_requested_not_painted) == (0, 0, 0)
    assert view.paint_count == painted
    zoom = view.painted_view.voxel_from_screen[0, 0]  # type: ignore[union-attr]
    wheel(view, 120, modifiers=Qt.KeyboardModifier.ControlModifier)
    view.pan_by(QPointF(5, 0))
    spin(0.05)
    assert view.painted_view.voxel_from_screen[0, 0] < zoom  # type: ignore[union-attr]


def test_a_recorded_view_of_colours_comes_back_to_the_pixel(view: SliceView, tmp_path: Path) -> None:
    view.set_volume(picture(tmp_path, RGB))
    view.zoom_at(1.7, QPointF(100, 80))
    spin(0.05)
    recorded, pixels = view.painted_view, shown(view)
    assert recorded is not None
    view.show_freely()
    spin(0.05)
    assert not np.array_equal(shown(view), pixels)
    view.apply_view(recorded)
    spin(0.05)
    assert np.array_equal(shown(view), pixels)


def test_a_large_picture_is_averaged_where_it_is_shown_small(view: SliceView, tmp_path: Path) -> None:
    size = 8 * view.viewport().width()
    stripes = np.zeros((size, size), dtype=np.uint8)
    stripes[:, ::2] = 200
    view.set_volume(picture(tmp_path, stripes))
    spin(0.05)
    assert view.painted_view.voxel_from_screen[0, 0] > 2  # type: ignore[union-attr]
    rows, columns = shown(view).shape[:2]
    middle = shown(view)[rows // 2 - 20 : rows // 2 + 20, columns // 2 - 20 : columns // 2 + 20, 0]
    assert np.abs(middle.astype(int) - 100).max() <= 1


def test_the_corner_says_what_it_is_and_draws_no_letters_and_no_scale(view: SliceView, tmp_path: Path) -> None:
    black = picture(tmp_path, np.zeros((30, 40), np.uint8))
    assert position_text(black, ViewState(), 12.34) == "PNG picture  40 × 30  zoom 12.3  no millimetres"
    view.resize(1000, 600)
    view.set_volume(black)
    spin(0.05)
    written = grey(view.grab_pixels())
    height, width = written.shape
    corners = written[: height // 6, : width // 3], written[-height // 6 :, : width // 2]
    assert all(corner.any() for corner in corners)
    assert not written[height // 4 : -height // 4].any()
    assert not written[-height // 6 :, -width // 4 :].any()
