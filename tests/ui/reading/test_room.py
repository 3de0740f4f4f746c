"""The reading room: what it shows, what it lets through, what it asks."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from ctgaze_app.ct.volume import Finding
from ctgaze_app.ui.actions import actions_of
from ctgaze_app.ui.reading.room import ReadingRoom
from tests.factories.volumes import make_volume
from tests.ui.view_driving import grey, spin, wheel


@pytest.fixture
def room(qtbot: QtBot) -> Iterator[ReadingRoom]:
    """A room of 900 x 600 px with a case of 30 slices."""
    shown = ReadingRoom(clock=time.monotonic)
    qtbot.addWidget(shown)
    shown.resize(900, 600)
    shown.show()
    qtbot.waitExposed(shown)
    shown.activateWindow()
    shown.open_case(make_volume(slices=30), trial=5, series_index=0, case_number=4, n_cases=12)
    spin(0.05)
    yield shown
    shown.close()


def test_an_opened_case_is_painted_with_its_trial(room: ReadingRoom) -> None:
    told = room.view.painted_view
    assert told is not None
    assert (told.trial, told.series, told.slice_index, told.image_visible) == (5, 0, 0, True)


def test_keys_reach_the_image_without_a_click(room: ReadingRoom) -> None:
    focused = QApplication.focusWidget()
    assert focused is room.view
    QTest.keyClick(focused, Qt.Key.Key_Down)
    spin(0.05)
    assert room.view.painted_slice == 1


def test_space_asks_for_the_next_case_once(room: ReadingRoom, qtbot: QtBot) -> None:
    with qtbot.waitSignal(room.next_requested, timeout=500):
        QTest.keyClick(room.view, Qt.Key.Key_Space)


def test_escape_asks_first_and_stays_by_default(room: ReadingRoom, qtbot: QtBot) -> None:
    left: list[bool] = []
    room.leave_requested.connect(lambda: left.append(True))
    QTest.keyClick(room.view, Qt.Key.Key_Escape)
    assert room.question.isVisible()
    QTest.keyClick(room.question, Qt.Key.Key_Escape)
    assert (room.question.isVisible(), left) == (False, [])
    QTest.keyClick(room.view, Qt.Key.Key_Escape)
    QTest.keyClick(room.question.stay, Qt.Key.Key_Return)
    assert (room.question.isVisible(), left) == (False, [])
    QTest.keyClick(room.view, Qt.Key.Key_Escape)
    QTest.mouseClick(room.question.leave, Qt.MouseButton.LeftButton)
    assert left == [True]


def test_the_key_sheet_lists_every_action_and_any_key_closes_it(room: ReadingRoom) -> None:
    QTest.keyClick(room.view, Qt.Key.Key_Question, Qt.KeyboardModifier.ShiftModifier)
    assert room.sheet.isVisible()
    assert sum(len(rows) for rows in room.sheet.groups.values()) == len(actions_of("view", "reading"))
    QTest.keyClick(room.sheet, Qt.Key.Key_Down)
    spin(0.05)
    assert not room.sheet.isVisible()
    assert room.view.slice_index == 0


def test_the_bar_follows_the_slices_and_a_click_jumps_there(room: ReadingRoom) -> None:
    wheel(room.view, -120)
    spin(0.05)
    before = grey(room.bar.grab().toImage())
    told: list[tuple[object, object]] = []
    room.view.input_received.connect(lambda fields: told.append((fields["kind"], fields["value"])))
    QTest.mouseClick(room.bar, Qt.MouseButton.LeftButton, pos=QPoint(6, 599))
    spin(0.05)
    assert room.view.painted_slice == 29
    assert room.view.slices_requested == 2
    assert told == [("slice_bar", 29)]
    after = grey(room.bar.grab().toImage())
    assert np.argwhere(after > 80)[:, 0].mean() > np.argwhere(before > 80)[:, 0].mean() + 400


def test_between_cases_the_image_is_black_and_belongs_to_no_trial(room: ReadingRoom) -> None:
    room.clear()
    spin(0.05)
    told = room.view.painted_view
    assert told is not None
    assert (told.trial, told.image_visible) == (0, False)
    assert grey(room.view.grab().toImage()).max() == 0


def test_the_notice_about_the_series_goes_away_by_click_and_comes_back_with_the_next_series(room: ReadingRoom) -> None:
    finding = Finding("missing_slices", "warning", "2 slices are missing")
    dark = make_volume(np.zeros((3, 32, 32), dtype=np.int16), findings=(finding,))
    room.open_case(dark, trial=6)
    spin(0.05)
    middle = np.s_[30:70, 250:650]
    assert grey(room.view.grab_pixels())[middle].max() > 60
    QTest.mouseClick(room.view.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(room.view.width() // 2, 50))
    spin(0.05)
    assert grey(room.view.grab_pixels())[middle].max() == 0
    room.open_case(dark, trial=7)
    assert room.view.findings == (finding,)


def test_information_that_needs_no_check_raises_no_notice(room: ReadingRoom) -> None:
    room.open_case(make_volume(findings=(Finding("lossy", "info", "lossy"),)), trial=6)
    assert room.view.findings == ()


def test_nothing_but_the_image_changes_while_reading(room: ReadingRoom) -> None:
    room.view.corner_text_visible = False
    spin(0.05)
    first = room.view.grab_pixels()
    wheel(room.view, -120)
    spin(0.05)
    changed = grey(first) != grey(room.view.grab_pixels())
    # 600 px square image in the middle of the pane.
    columns = np.flatnonzero(changed.any(axis=0))
    assert (columns.min(), columns.max()) == (144, 743)


@pytest.mark.parametrize("panel", ["keys", "question"])
def test_under_an_open_panel_no_slice_counts_as_seen(room: ReadingRoom, panel: str) -> None:
    painted = []
    room.view.painted.connect(lambda view, _time: painted.append((view.paint, view.slice_index, view.image_visible)))
    before = room.view.paint_count
    if panel == "keys":
        QTest.keyClicks(room.view, "?")
    else:
        QTest.keyClick(room.view, Qt.Key.Key_Escape)
    spin(0.05)
    QTest.keyClick(room.sheet if panel == "keys" else room.question, Qt.Key.Key_Escape)
    spin(0.05)
    assert painted == [(before + 1, 0, False), (before + 2, 0, True)]


def test_one_slice_has_no_slice_bar_and_the_next_stack_has_one_again(room: ReadingRoom) -> None:
    assert room.bar.isVisible()
    width = room.view.width()
    room.open_case(make_volume(slices=1), trial=6)
    spin(0.05)
    assert not room.bar.isVisible() and room.view.width() > width
    wheel(room.view, -120)
    QTest.keyClick(room.view, Qt.Key.Key_End)
    spin(0.05)
    told = room.view.painted_view
    assert told is not None and (told.slice_index, told.image_visible) == (0, True)
    room.open_case(make_volume(slices=3), trial=7)
    spin(0.05)
    assert room.bar.isVisible()
