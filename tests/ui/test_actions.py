"""The table of actions: every row works, no key means two things."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest
import qtawesome
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QKeyEvent, QKeySequence
from PySide6.QtTest import QTest

from ctgaze_app.ct.volume import Finding, VoiWindow
from ctgaze_app.ui.actions import ACTIONS, Action, action, action_for_key, actions_of, tool_tip
from ctgaze_app.ui.slice_view import SliceView
from tests.factories.volumes import make_volume
from tests.ui.view_driving import spin

NOTICE = (Finding("missing_slices", "warning", "slices are missing"),)
WINDOWS = (VoiWindow(1.0, 10.0), VoiWindow(2.0, 20.0))

EFFECTS: dict[str, Callable[[SliceView], object]] = {
    "slice_next": lambda view: view.slice_index == 16,
    "slice_previous": lambda view: view.slice_index == 14,
    "slice_forward_10": lambda view: view.slice_index == 25,
    "slice_back_10": lambda view: view.slice_index == 5,
    "slice_first": lambda view: view.slice_index == 0,
    "slice_last": lambda view: view.slice_index == 29,
    "drag_scroll": lambda view: view.drag_scrolls,
    "invert": lambda view: view.state.invert,
    "zoom_in": lambda view: view.state.zoom == pytest.approx(2.5),
    "zoom_out": lambda view: view.state.zoom == pytest.approx(1.6),
    "fit": lambda view: view.state.fit,
    "actual_size": lambda view: not view.state.fit and view.state.zoom == 1.0,
    "reset": lambda view: view.state.fit and view.state.window_width == 10.0,
    "smooth": lambda view: not view.state.smooth,
    "corner_text": lambda view: not view.corner_text_visible,
    "hide_findings": lambda view: view.findings == (),
    "preset_1": lambda view: (view.state.window_centre, view.state.window_width) == (1.0, 10.0),
    **{f"preset_{key}": lambda view: view.state.window_width != 77.0 for key in (0, *range(2, 10))},
}


def _keys_of_views() -> list[tuple[str, str]]:
    return [(each.id, key) for each in actions_of("view") for key in each.keys]


@pytest.mark.parametrize(("action_id", "key"), _keys_of_views())
def test_every_key_of_a_view_does_what_the_table_says(view: SliceView, action_id: str, key: str) -> None:
    view.set_volume(make_volume(slices=30, findings=NOTICE, windows=WINDOWS))
    view.go_to_slice(15)
    view.set_window(33.0, 77.0)
    view.zoom_at(2.0 / (300 / 64), QPointF(200, 150))
    spin(0.06)
    told: list[dict[str, object]] = []
    view.input_received.connect(told.append)
    assert not EFFECTS[action_id](view)
    combination = QKeySequence(key)[0]
    QTest.keyClick(view, combination.key(), combination.keyboardModifiers())
    assert EFFECTS[action_id](view)
    assert [each["kind"] for each in told] == [action_id]


def test_no_key_means_two_things_where_both_are_heard() -> None:
    keys = Counter(key for each in actions_of("view", "reading") for key in each.keys)
    assert [key for key, times in keys.items() if times > 1] == []


def test_ids_are_unique_and_every_action_can_be_reached() -> None:
    assert len({each.id for each in ACTIONS}) == len(ACTIONS)
    assert [each.id for each in ACTIONS if not each.keys and not each.mouse] == []


def test_every_key_is_a_portable_key_sequence() -> None:
    for each in ACTIONS:
        for key in each.keys:
            assert QKeySequence(key).toString(QKeySequence.SequenceFormat.PortableText) == key


@pytest.mark.parametrize("each", [each for each in ACTIONS if each.icon], ids=lambda each: each.id)
def test_every_icon_exists(view: SliceView, each: Action) -> None:
    assert not qtawesome.icon(each.icon).isNull()


@pytest.mark.parametrize(
    ("key", "modifiers", "text", "expected"),
    [
        (Qt.Key.Key_1, Qt.KeyboardModifier.ShiftModifier, "1", "preset_1"),
        (Qt.Key.Key_1, Qt.KeyboardModifier.KeypadModifier, "1", "preset_1"),
        (Qt.Key.Key_Plus, Qt.KeyboardModifier.ShiftModifier, "+", "zoom_in"),
        (Qt.Key.Key_I, Qt.KeyboardModifier.ControlModifier, "", None),
        (Qt.Key.Key_I, Qt.KeyboardModifier.ShiftModifier, "I", None),
    ],
)
def test_digits_and_signs_work_with_shift_and_on_the_number_pad_but_letters_need_their_bare_key(
    key: Qt.Key, modifiers: Qt.KeyboardModifier, text: str, expected: str | None
) -> None:
    found = action_for_key(QKeyEvent(QEvent.Type.KeyPress, key, modifiers, text), "view")
    assert (found.id if found else None) == expected


def test_tool_tips_name_the_key() -> None:
    assert tool_tip("fit") == "Fit to the screen (F)"
    assert action("slice_bar").keys == ()


def test_a_second_press_goes_on_to_the_files_next_window(view: SliceView) -> None:
    view.set_volume(make_volume(windows=WINDOWS))
    QTest.keyClick(view, Qt.Key.Key_1)
    assert view.state.window_width == 20.0
    QTest.keyClick(view, Qt.Key.Key_1)
    assert view.state.window_width == 10.0
