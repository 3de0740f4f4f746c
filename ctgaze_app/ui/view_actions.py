"""What the keys of the table's "view" room do to a slice view."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from PySide6.QtCore import QPointF

from ctgaze_app.ct.volume import VoiWindow
from ctgaze_app.ct.windows import auto_window
from ctgaze_app.ui import view_state

if TYPE_CHECKING:
    from ctgaze_app.ui.slice_view import SliceView

PAGE = 10
KEY_ZOOM = 1.25

Preset = VoiWindow | Literal["auto", "dicom"]


class ViewActions:
    """One method for each action id; presets come from the table in `resources`."""

    def __init__(self, view: SliceView, presets: Sequence[tuple[str, Preset]]) -> None:
        self._view = view
        self._presets = {str(key): preset for key, preset in presets}
        self._do: dict[str, Callable[[float], None]] = {
            "slice_next": lambda at: view.request_slice(1, at),
            "slice_previous": lambda at: view.request_slice(-1, at),
            "slice_forward_10": lambda at: view.go_to_slice(view.slice_index + PAGE, at),
            "slice_back_10": lambda at: view.go_to_slice(view.slice_index - PAGE, at),
            "slice_first": lambda at: view.go_to_slice(0, at),
            "slice_last": lambda at: view.go_to_slice(view.slice_count - 1, at),
            "drag_scroll": self._toggle_drag,
            "invert": self._invert,
            "zoom_in": lambda at: self._zoom(KEY_ZOOM, at),
            "zoom_out": lambda at: self._zoom(1 / KEY_ZOOM, at),
            "fit": lambda at: view.change(replace(view.state, fit=True), at),
            "actual_size": lambda at: view.change(view_state.actual_size(view.state, view.pane_geometry()), at),
            "reset": lambda at: view.change(replace(view.start_state, smooth=view.state.smooth), at),
            "smooth": lambda at: view.change(replace(view.state, smooth=not view.state.smooth), at),
            "corner_text": self._toggle_text,
            "hide_findings": lambda at: view.hide_findings(),
            **{f"preset_{key}": self._preset_setter(key) for key in "0123456789"},
        }

    @property
    def ids(self) -> frozenset[str]:
        """The actions known here."""
        return frozenset(self._do)

    def do(self, action_id: str, input_time_lsl: float) -> None:
        """Do one action; raises KeyError when it is not one of a slice view."""
        self._do[action_id](input_time_lsl)

    def value_after(self, action_id: str) -> object:
        """What the Markers say about an action that was just done: the value that it set."""
        state = self._view.state
        if action_id.startswith("slice"):
            return state.slice_index
        if action_id.startswith("preset"):
            return [state.window_centre, state.window_width]
        return {
            "invert": state.invert,
            "smooth": state.smooth,
            "corner_text": self._view.corner_text_visible,
            "drag_scroll": self._view.drag_scrolls,
        }.get(action_id, True)

    def _preset_setter(self, key: str) -> Callable[[float], None]:
        return lambda input_time_lsl: self._set_preset(key, input_time_lsl)

    def _set_preset(self, key: str, input_time_lsl: float) -> None:
        volume, preset = self._view.volume, self._presets.get(key)
        if volume is None or preset is None:
            return
        window = preset
        if window == "dicom" and volume.windows:
            state = self._view.state
            shown = [(each.centre, each.width) for each in volume.windows]
            here = (state.window_centre, state.window_width)
            # A second press goes on to the file's next window.
            following = (shown.index(here) + 1) % len(shown) if here in shown else 0
            window = volume.windows[following]
        elif isinstance(window, str):
            window = auto_window(volume)
        elif volume.picture:
            return  # the table's windows are in Hounsfield units
        self._view.set_window(window.centre, window.width, window.function, input_time_lsl=input_time_lsl)

    def _invert(self, input_time_lsl: float) -> None:
        if not self._view.shows_colour:
            state = self._view.state
            self._view.change(replace(state, invert=not state.invert), input_time_lsl)

    def _zoom(self, factor: float, input_time_lsl: float) -> None:
        centre = QPointF(self._view.viewport().width() / 2, self._view.viewport().height() / 2)
        self._view.zoom_at(factor, centre, input_time_lsl)

    def _toggle_drag(self, _input_time_lsl: float) -> None:
        self._view.drag_scrolls = not self._view.drag_scrolls

    def _toggle_text(self, _input_time_lsl: float) -> None:
        self._view.corner_text_visible = not self._view.corner_text_visible
