"""Wheel and mouse on a slice view, turned into what the reader meant."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QMouseEvent, QWheelEvent

if TYPE_CHECKING:
    from ctgaze_app.ui.slice_view import SliceView

NOTCH = 120
"""`angleDelta` of one wheel notch (Qt: eighths of a degree, 15 degrees a notch)."""

ZOOM_PER_NOTCH = 1.15
ZOOM_PX_PER_E = 200.0
WINDOW_PX_PER_WIDTH = 400.0
"""Logical pixels of drag that change the window by its whole width: fine at brain, coarse at bone, as in Horos."""

DRAG_PX_PER_SLICE = (3.0, 12.0)

Drag = Literal["window", "slice", "pan", "zoom"]
_INPUT_KIND = {"window": "window_drag", "slice": "drag_scroll", "pan": "pan", "zoom": "zoom_drag"}


class ViewGestures:
    """Holds what a gesture needs between two events: wheel remainder, button, start point, start window."""

    def __init__(self, view: SliceView) -> None:
        self._view = view
        self._wheel_rest = 0
        self._drag: Drag | None = None
        self._button = Qt.MouseButton.NoButton
        self._press = QPointF()
        self._last = QPointF()
        self._moved = False
        self._start_window = (0.0, 1.0)
        self._slice_rest_px = 0.0

    def wheel(self, event: QWheelEvent) -> None:
        """One notch is one slice; with Ctrl it zooms at the cursor. Fine wheels add up to whole notches."""
        time_lsl = self._view.now()
        delta = event.angleDelta().y()
        event.accept()
        if not delta:
            return
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self._view.zoom_at(ZOOM_PER_NOTCH ** (delta / NOTCH), event.position(), time_lsl)
            self._view.report("zoom", delta / NOTCH, "wheel", time_lsl)
            return
        if self._wheel_rest * delta < 0:
            self._wheel_rest = 0
        self._wheel_rest += delta
        notches = int(self._wheel_rest / NOTCH)
        self._wheel_rest -= notches * NOTCH
        if notches:
            # Turning the wheel towards oneself (negative) goes on through the stack, as text scrolls.
            self._view.request_slice(-notches, time_lsl)
            self._view.report("slice", -notches, "wheel", time_lsl)

    def press(self, event: QMouseEvent) -> None:
        """Begin a drag; a second button during a drag changes nothing."""
        if self._drag is not None:
            return
        button = event.button()
        shift = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        if button == Qt.MouseButton.LeftButton:
            self._drag = "slice" if shift != self._view.drag_scrolls else "window"
        elif button == Qt.MouseButton.MiddleButton:
            self._drag = "pan"
        elif button == Qt.MouseButton.RightButton:
            self._drag = "zoom"
        else:
            return
        self._button = button
        self._press = self._last = event.position()
        self._moved = False
        self._slice_rest_px = 0.0
        state = self._view.state
        self._start_window = (state.window_centre, state.window_width)

    def move(self, event: QMouseEvent) -> None:
        """Follow the pointer."""
        if self._drag is None:
            return
        time_lsl = self._view.now()
        if not self._moved:
            self._moved = True
            self._view.report(_INPUT_KIND[self._drag], "begin", "drag", time_lsl)
        here = event.position()
        step = here - self._last
        self._last = here
        if self._drag == "window":
            self._drag_window(here, time_lsl)
        elif self._drag == "slice":
            self._drag_slices(step.y(), time_lsl)
        elif self._drag == "pan":
            self._view.pan_by(step, time_lsl)
        else:
            self._view.zoom_at(math.exp(-step.y() / ZOOM_PX_PER_E), self._press, time_lsl)

    def release(self, event: QMouseEvent) -> None:
        """End the drag; a press without a move is a click."""
        if self._drag is None or event.button() != self._button:
            return
        drag, self._drag = self._drag, None
        if self._moved:
            self._view.report(_INPUT_KIND[drag], "end", "drag", self._view.now())
        elif self._button == Qt.MouseButton.LeftButton:
            self._view.click_at(event.position())

    def _drag_window(self, here: QPointF, time_lsl: float) -> None:
        centre, width = self._start_window
        gain = width / WINDOW_PX_PER_WIDTH
        moved = here - self._press
        self._view.set_window(
            centre + moved.y() * gain,
            max(width + moved.x() * gain, 1.0),
            self._view.state.voi_function,
            input_time_lsl=time_lsl,
        )

    def _drag_slices(self, down_px: float, time_lsl: float) -> None:
        low, high = DRAG_PX_PER_SLICE
        px_per_slice = min(max(self._view.viewport().height() / max(self._view.slice_count, 1), low), high)
        self._slice_rest_px += down_px
        steps = int(self._slice_rest_px / px_per_slice)
        self._slice_rest_px -= steps * px_per_slice
        if steps:
            self._view.request_slice(steps, time_lsl)
