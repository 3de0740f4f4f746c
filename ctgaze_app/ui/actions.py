"""The one table of what a user can do: menus, keys, tool tips and the `?` sheet are made from it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from PySide6.QtCore import QKeyCombination, Qt
from PySide6.QtGui import QKeyEvent, QKeySequence

Room = Literal["view", "reading"]


@dataclass(frozen=True)
class Action:
    """One thing a user can do.

    Attributes
    ----------
    id
        Stable name, also in the Markers stream.
    text
        What it does, for menus and the key sheet.
    keys
        Portable key sequences (`QKeySequence`), the first is the one shown; empty for mouse-only actions.
    room
        Where it works: "view" in every slice view, "reading" in the reading room.
    group
        Heading on the key sheet.
    mouse
        The gesture that does the same, in words.
    icon
        qtawesome name, for menus and buttons.
    repeats
        Whether holding the key down repeats it.
    """

    id: str
    text: str
    keys: tuple[str, ...]
    room: Room
    group: str
    mouse: str = ""
    icon: str = ""
    repeats: bool = False


def _presets() -> Iterator[Action]:
    for key in range(10):
        yield Action(f"preset_{key}", f"Window preset {key}", (str(key),), "view", "Window", icon="mdi6.contrast-box")


ACTIONS: tuple[Action, ...] = (
    Action("slice_next", "Next slice", ("Down", "Right"), "view", "Slices", "wheel down", "mdi6.chevron-down", True),
    Action("slice_previous", "Previous slice", ("Up", "Left"), "view", "Slices", "wheel up", "mdi6.chevron-up", True),
    Action(
        "slice_forward_10",
        "Ten slices on",
        ("PgDown",),
        "view",
        "Slices",
        icon="mdi6.chevron-double-down",
        repeats=True,
    ),
    Action(
        "slice_back_10", "Ten slices back", ("PgUp",), "view", "Slices", icon="mdi6.chevron-double-up", repeats=True
    ),
    Action("slice_first", "First slice", ("Home",), "view", "Slices", icon="mdi6.arrow-collapse-up"),
    Action("slice_last", "Last slice", ("End",), "view", "Slices", icon="mdi6.arrow-collapse-down"),
    Action("slice_bar", "Any slice", (), "view", "Slices", "click the bar at the right"),
    Action(
        "drag_scroll",
        "Left drag scrolls, or changes the window",
        ("S",),
        "view",
        "Slices",
        "Shift + left drag",
        "mdi6.gesture-swipe-vertical",
    ),
    Action(
        "window_drag", "Window: right wider, down darker", (), "view", "Window", "left drag", "mdi6.contrast-circle"
    ),
    *_presets(),
    Action("invert", "Invert grey levels", ("I",), "view", "Window", icon="mdi6.invert-colors"),
    Action(
        "zoom_in", "Zoom in", ("+", "="), "view", "Zoom", "Ctrl + wheel, right drag", "mdi6.magnify-plus-outline", True
    ),
    Action(
        "zoom_out", "Zoom out", ("-",), "view", "Zoom", "Ctrl + wheel, right drag", "mdi6.magnify-minus-outline", True
    ),
    Action("pan", "Move the image", (), "view", "Zoom", "middle drag", "mdi6.cursor-move"),
    Action("fit", "Fit to the screen", ("F",), "view", "Zoom", icon="mdi6.fit-to-screen-outline"),
    Action("actual_size", "One pixel on one pixel", ("O",), "view", "Zoom", icon="mdi6.image-size-select-actual"),
    Action("reset", "Reset window, zoom and position", ("R",), "view", "Zoom", icon="mdi6.restore"),
    Action("smooth", "Smooth or plain pixels", ("P",), "view", "Zoom", icon="mdi6.blur"),
    Action("corner_text", "Show or hide the corner text", ("T",), "view", "Screen", icon="mdi6.format-text"),
    Action(
        "hide_findings",
        "Hide the notice about the series",
        ("B",),
        "view",
        "Screen",
        "click it",
        "mdi6.bell-off-outline",
    ),
    Action("next", "Done with this case", ("Space",), "reading", "Screen", icon="mdi6.check"),
    Action("key_sheet", "Show these keys", ("?",), "reading", "Screen", icon="mdi6.keyboard-outline"),
    Action("leave", "Leave the reading", ("Esc",), "reading", "Screen", icon="mdi6.exit-to-app"),
)


def action(action_id: str) -> Action:
    """The action of that id; raises KeyError when there is none."""
    return _BY_ID[action_id]


def actions_of(*rooms: Room) -> tuple[Action, ...]:
    """The actions of these rooms in the table's order."""
    return tuple(each for each in ACTIONS if each.room in rooms)


def action_for_key(event: QKeyEvent, room: Room) -> Action | None:
    """The action of a room that a key press asks for.

    Shift is left out for digits and signs, because on many keyboards they need it; Ctrl, Alt and Meta must match.
    """
    pressed = _portable(event)
    return _BY_KEY.get((room, pressed)) if pressed else None


def tool_tip(action_id: str) -> str:
    """The action's text with the key that does the same, for buttons."""
    found = action(action_id)
    return f"{found.text} ({found.keys[0]})" if found.keys else found.text


def shown_key(portable: str) -> str:
    """A portable key name as a reader says it."""
    return {"Down": "↓", "Up": "↑", "Left": "←", "Right": "→", "PgDown": "Page Down", "PgUp": "Page Up"}.get(
        portable, portable
    )


def _portable(event: QKeyEvent) -> str:
    key = Qt.Key(event.key()) if event.key() in _KEY_VALUES else None
    if key is None:
        return ""
    modifiers = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
    is_sign = 0x20 < int(key) < 0x41 or 0x5A < int(key) < 0x100
    if is_sign:
        modifiers &= ~Qt.KeyboardModifier.ShiftModifier
    return QKeySequence(QKeyCombination(modifiers, key)).toString(QKeySequence.SequenceFormat.PortableText)


_KEY_VALUES = {key.value for key in Qt.Key}
_BY_ID = {each.id: each for each in ACTIONS}
_BY_KEY = {(each.room, key): each for each in ACTIONS for key in each.keys}
