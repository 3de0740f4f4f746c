"""The pane in which slices are read: the canvas, plus what a reader or a replay can ask of it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from PySide6.QtCore import QEvent, QPointF, QRectF, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QWheelEvent
from PySide6.QtWidgets import QWidget

from ctgaze_app.ct.volume import Finding, Volume
from ctgaze_app.ct.windows import auto_window, load_presets
from ctgaze_app.gaze.views import PaintedView
from ctgaze_app.ui import view_state
from ctgaze_app.ui.actions import action_for_key
from ctgaze_app.ui.corner_text import NotePlace, draw_corner_text, draw_notice
from ctgaze_app.ui.slice_canvas import SliceCanvas, lsl_clock
from ctgaze_app.ui.slice_image import SliceImage
from ctgaze_app.ui.theme import ui_font
from ctgaze_app.ui.view_actions import ViewActions
from ctgaze_app.ui.view_gestures import ViewGestures
from ctgaze_app.ui.view_state import VOI_NAMES, ViewState, VoiFunction


class SliceView(SliceCanvas):
    """One pane that scrolls, windows, zooms and pans; see `SliceCanvas` for what it says about its paints.

    Signals
    -------
    input_received(dict)
        ``kind``, ``value``, ``by`` and ``time_lsl`` of every input of the reader.
    clicked(float, float)
        A left click without a drag, in `image_px`.

    Parameters
    ----------
    clock
        Seconds; default LSL's clock.
    pane
        Index of this pane in the View stream.
    """

    input_received = Signal(dict)
    clicked = Signal(float, float)

    def __init__(self, parent: QWidget | None = None, *, clock: Callable[[], float] = lsl_clock, pane: int = 0) -> None:
        super().__init__(parent, clock=clock, pane=pane)
        self.interactive = True
        self.drag_scrolls = False
        self.findings: tuple[Finding, ...] = ()
        self._notes: dict[NotePlace, str] = {}
        self._notice_box = QRectF()
        self._corner_text = True
        self._font = ui_font()
        self._start_state = ViewState()
        self._gestures = ViewGestures(self)
        self._actions = ViewActions(self, load_presets())

    # What is asked of it.

    def set_volume(self, volume: Volume, series_index: int = 0) -> None:
        """Show the first slice of a volume, fitted, in the file's own window (else an automatic one).

        Windows and inversion act on grey values: on a colour picture they do nothing.
        """
        window = volume.windows[0] if volume.windows else auto_window(volume)
        state = ViewState(
            window_centre=window.centre,
            window_width=window.width,
            voi_function=window.function,
            smooth=self._next.smooth,
        )
        self._volume, self._image, self.series_index = volume, SliceImage(volume), series_index
        self.findings = tuple(each for each in volume.findings if each.severity != "info")
        self._start_state = state
        self._replace_all(state, volume.shape_kji[0])

    def clear(self) -> None:
        """Show nothing but black, at once: when this returns, a visible view has been painted and told so."""
        self._volume, self._image, self.series_index, self.findings = None, None, -1, ()
        self._replace_all(replace(self._next, slice_index=0), 0)
        if not self._painting:
            self.viewport().repaint()

    @property
    def shows_colour(self) -> bool:
        """Whether this is a colour picture, which has no window."""
        return self._volume is not None and self._volume.colour is not None

    @property
    def start_state(self) -> ViewState:
        """The state in which the volume was opened."""
        return self._start_state

    def request_slice(self, step: int, input_time_lsl: float = math.nan) -> None:
        """Move by single slices, each painted once; at the ends nothing happens."""
        if self._volume is not None and step:
            self._leave_replay()
            self._queue.step(step, input_time_lsl)
            self._schedule()
            self.state_changed.emit()

    def go_to_slice(self, slice_index: int, input_time_lsl: float = math.nan) -> None:
        """Jump to a slice (kept inside the stack), painting none between."""
        if self._volume is not None:
            self._leave_replay()
            self._queue.jump(slice_index, input_time_lsl)
            self._schedule()
            self.state_changed.emit()

    def set_window(
        self, centre: float, width: float, function: VoiFunction = "LINEAR", *, input_time_lsl: float = math.nan
    ) -> None:
        """Set the display window; a width under 1 becomes 1 (DICOM PS3.3 C.11.2.1.2)."""
        if self.shows_colour:
            return
        self.change(
            replace(self.state, window_centre=centre, window_width=max(width, 1.0), voi_function=function),
            input_time_lsl,
        )

    def change(self, state: ViewState, input_time_lsl: float = math.nan) -> None:
        """Show another window, inversion, zoom, pan or interpolation; its slice index does not count."""
        self._replayed = None
        self._next, self._next_input = state, input_time_lsl
        self._schedule()
        self.state_changed.emit()

    def zoom_at(self, factor: float, at: QPointF, input_time_lsl: float = math.nan) -> None:
        """Zoom around a point of the pane (logical pixels)."""
        if self._volume is not None:
            scale = self.devicePixelRatioF()
            point = at.x() * scale, at.y() * scale
            self.change(view_state.zoomed_at(self.state, self.pane_geometry(), factor, point), input_time_lsl)

    def pan_by(self, step: QPointF, input_time_lsl: float = math.nan) -> None:
        """Move the image by logical pixels."""
        if self._volume is not None:
            scale = self.devicePixelRatioF()
            moved = view_state.panned(self.state, self.pane_geometry(), step.x() * scale, step.y() * scale)
            self.change(moved, input_time_lsl)

    def apply_view(self, view: PaintedView, *, scale_to_fit: bool = True) -> None:
        """Show a recorded view again: same slice, window, zoom and pan; the same pixels in a pane of the same size.

        In a pane of another size the recorded pane is scaled uniformly to fit, or with ``scale_to_fit=False`` shown
        centred with its own pixels. Scrolling, windowing or zooming afterwards starts from there, freely.
        """
        if self._volume is None or (view.image_visible and not 0 <= view.slice_index < self.slice_count):
            return
        if VOI_NAMES[view.voi_function] == "TABLE" and self._volume.voi_table is None:
            return  # recorded on a file with a curve for display, which this one has lost
        self._replayed = (view, scale_to_fit)
        k = view.slice_index if view.image_visible else self._queue.goal
        self._next = replace(
            self._next,
            slice_index=k,
            window_centre=view.window_centre if view.image_visible else self._next.window_centre,
            window_width=view.window_width if view.image_visible else self._next.window_width,
            voi_function=VOI_NAMES[view.voi_function],
            invert=view.invert,
        )
        self._replace_all(self._next, self.slice_count, keep_replay=True)

    def show_freely(self) -> None:
        """Leave the recorded zoom and pan: fit the image."""
        self._replayed = None
        self.change(replace(self.state, fit=True))

    def _leave_replay(self) -> None:
        """Go on freely from where the recorded view left zoom and pan."""
        self._next = self.state
        self._replayed = None

    # What is written on it.

    def set_note(self, place: NotePlace, text: str) -> None:
        """A text of the room in a corner: case and trial, or the keys that matter now."""
        if self._notes.get(place, "") != text:
            self._notes[place] = text
            self.viewport().update()

    @property
    def corner_text_visible(self) -> bool:
        """Whether texts, letters and scale bar are drawn."""
        return self._corner_text

    @corner_text_visible.setter
    def corner_text_visible(self, visible: bool) -> None:
        self._corner_text = visible
        self.viewport().update()

    def hide_findings(self) -> None:
        """Take the notice about the series away until the next series."""
        self.findings = ()
        self.viewport().update()

    def drawForeground(self, painter: QPainter, rect: QRectF) -> None:
        """The texts."""
        picture = self._picture
        self._notice_box = QRectF()
        if picture is None or picture.image is None or picture.frame is None:
            return
        pane = QRectF(self.viewport().rect())
        if self._corner_text:
            draw_corner_text(
                painter,
                pane,
                self._font,
                picture.image.volume,
                picture.state,
                zoom=picture.frame.scale_x,
                mm_per_logical_px=picture.mm_per_logical_px,
                notes=self._notes,
            )
        if self.findings:
            self._notice_box = draw_notice(painter, pane, self._font, self.findings)

    # Input.

    def now(self) -> float:
        """The clock that stamps paints and inputs."""
        return self._clock()

    def report(self, kind: str, value: object, by: str, time_lsl: float) -> None:
        """Tell the Markers what the reader did."""
        self.input_received.emit({"kind": kind, "value": value, "by": by, "time_lsl": time_lsl})

    def trigger(self, action_id: str, input_time_lsl: float | None = None, by: str = "key") -> None:
        """Do one action of the table's "view" room."""
        time_lsl = self.now() if input_time_lsl is None else input_time_lsl
        self._actions.do(action_id, time_lsl)
        self.report(action_id, self._actions.value_after(action_id), by, time_lsl)

    def click_at(self, position: QPointF) -> None:
        """A left click at logical pixels of the pane."""
        if self.findings and self._notice_box.contains(position):
            self.trigger("hide_findings", by="click")
            return
        frame, scale = self._current_frame()[0], self.devicePixelRatioF()
        if frame is not None:
            self.clicked.emit(*frame.pane_to_image(position.x() * scale, position.y() * scale))

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Scroll or zoom."""
        if self.interactive and self._volume is not None:
            self._gestures.wheel(event)
        else:
            event.ignore()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin a drag."""
        if self.interactive and self._volume is not None:
            self._gestures.press(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """A fast second press is a press."""
        self.mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Continue a drag."""
        if self.interactive and self._volume is not None:
            self._gestures.move(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """End a drag."""
        self._gestures.release(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Do the action of the key; other keys go on to the room."""
        found = action_for_key(event, "view") if self.interactive and self._volume is not None else None
        if found is None:
            event.ignore()
        elif found.repeats or not event.isAutoRepeat():
            self.trigger(found.id)

    def leaveEvent(self, event: QEvent) -> None:
        """Nothing: pyqtgraph's scene hover is not used."""
