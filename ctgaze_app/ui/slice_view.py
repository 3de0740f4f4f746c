"""The pane in which slices are read: paints exactly one view state, says what it painted and when.

A paint is asked for at most once a refresh. Every single slice step gets a paint of its own; window, zoom and pan take
the latest value. What left the pane is told by `painted`, after the paint, from the very values that were drawn.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QEvent, QObject, QPointF, QRect, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import (
    QHideEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QShowEvent,
    QTransform,
    QWheelEvent,
)
from PySide6.QtWidgets import QGraphicsItem, QGraphicsView, QWidget

from ctgaze_app.ct.volume import Finding, Volume
from ctgaze_app.ct.windows import auto_window, load_presets
from ctgaze_app.gaze.views import VOI_FUNCTIONS, PaintedView
from ctgaze_app.ui import view_state
from ctgaze_app.ui.actions import action_for_key
from ctgaze_app.ui.corner_text import NotePlace, draw_corner_text, draw_notice
from ctgaze_app.ui.image_root import ImageRoot
from ctgaze_app.ui.screens import from_screen_px, refresh_hz, to_screen_px
from ctgaze_app.ui.slice_image import SliceImage
from ctgaze_app.ui.slice_queue import SliceQueue, SliceRequest
from ctgaze_app.ui.theme import ui_font
from ctgaze_app.ui.view_actions import ViewActions
from ctgaze_app.ui.view_gestures import ViewGestures
from ctgaze_app.ui.view_state import ImageFrame, PaneGeometry, ViewState, VoiFunction

NO_SLICE = -1
_NO_MAP = np.full((3, 3), np.nan)


def _lsl_clock() -> float:
    from ctgaze_app.acquisition.clock import local_clock

    return local_clock()


@dataclass(frozen=True)
class _Picture:
    """Everything one paint draws from; `frame` is None when there is nothing to show."""

    state: ViewState
    image: SliceImage | None
    frame: ImageFrame | None
    clip_px: QRect
    scale: float
    view: PaintedView


class SliceView(pg.GraphicsView):
    """One pane.

    Signals
    -------
    painted(PaintedView, float)
        After a paint that changed the picture: what it showed and the clock's time at its end.
    input_received(dict)
        ``kind``, ``value``, ``by`` and ``time_lsl`` of every input of the reader.
    state_changed()
        The state that the next paint will show has changed (for bars and labels).
    clicked(float, float)
        A left click without a drag, in `image_px`.

    Parameters
    ----------
    clock
        Seconds; default LSL's clock.
    pane
        Index of this pane in the View stream.
    """

    painted = Signal(object, float)
    input_received = Signal(dict)
    state_changed = Signal()
    clicked = Signal(float, float)

    def __init__(
        self, parent: QWidget | None = None, *, clock: Callable[[], float] = _lsl_clock, pane: int = 0
    ) -> None:
        super().__init__(parent, useOpenGL=False, background=None)
        self.setCacheMode(QGraphicsView.CacheModeFlag.CacheNone)
        self.setViewportUpdateMode(QGraphicsView.ViewportUpdateMode.FullViewportUpdate)
        self.viewport().setAutoFillBackground(False)
        self.viewport().setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setMinimumSize(64, 64)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
        self.interactive = True
        self.drag_scrolls = False
        self.paint_count = 0
        self.slices_painted = 0
        self.series_index = -1
        self.findings: tuple[Finding, ...] = ()
        self._clock, self._pane, self._trial = clock, pane, 0
        self._volume: Volume | None = None
        self._image: SliceImage | None = None
        self._state = ViewState()
        self._next = self._state
        self._start_state = self._state
        self._replayed: tuple[PaintedView, bool] | None = None
        self._queue = SliceQueue()
        self._in_flight: SliceRequest | None = None
        self._lost_in_flight = 0
        self._next_input = self._input = math.nan
        self._paint_pending = self._painting = False
        self._last_paint = -math.inf
        self._picture: _Picture | None = None
        self._last_view: PaintedView | None = None
        self._notes: dict[NotePlace, str] = {}
        self._notice_box = QRectF()
        self._corner_text = True
        self._font = ui_font()
        self._root = ImageRoot()
        self.scene().addItem(self._root)
        self._gestures = ViewGestures(self)
        self._actions = ViewActions(self, load_presets())
        self._watched: QWidget | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._schedule)

    # What is shown.

    def set_volume(self, volume: Volume, series_index: int = 0) -> None:
        """Show the first slice of a volume, fitted, in the file's own window (else an automatic one)."""
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
        """Show nothing but black."""
        self._volume, self._image, self.series_index, self.findings = None, None, -1, ()
        self._replace_all(replace(self._next, slice_index=0), 0)

    @property
    def volume(self) -> Volume | None:
        """The volume shown, if any."""
        return self._volume

    @property
    def state(self) -> ViewState:
        """Where the view comes to rest when everything asked for has been painted."""
        if self._volume is None:
            return self._next
        state = replace(self._next, slice_index=self._queue.goal)
        frame = self._current_frame()[0] if self._replayed is not None else None
        if frame is None:
            return state
        pane = self.pane_geometry()
        middle = frame.pane_to_image(pane.width_px / 2, pane.height_px / 2)
        return replace(state, fit=False, zoom=frame.scale_x, centre_ij=middle)

    @property
    def start_state(self) -> ViewState:
        """The state in which the volume was opened."""
        return self._start_state

    @property
    def slice_count(self) -> int:
        """Number of slices; 0 without a volume."""
        return self._volume.shape_kji[0] if self._volume is not None else 0

    @property
    def slice_index(self) -> int:
        """The slice asked for last, -1 without a volume."""
        return self._queue.goal if self._volume is not None else NO_SLICE

    @property
    def painted_slice(self) -> int:
        """The slice in the last painted picture, -1 when there was none."""
        return self._last_view.slice_index if self._last_view is not None else NO_SLICE

    @property
    def painted_view(self) -> PaintedView | None:
        """The last painted picture, for repeating it on the stream."""
        return self._last_view

    @property
    def trial(self) -> int:
        """Trial number that painted views carry, 0 outside trials."""
        return self._trial

    @trial.setter
    def trial(self, number: int) -> None:
        self._trial = number
        self.viewport().update()

    @property
    def slices_requested(self) -> int:
        """Slices asked for by steps and jumps since the view was made."""
        return self._queue.requested

    @property
    def slices_requested_not_painted(self) -> int:
        """Slices asked for that no paint will ever show."""
        return self._queue.dropped + self._lost_in_flight

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
        self._replayed = (view, scale_to_fit)
        k = view.slice_index if view.image_visible else self._queue.goal
        function: Any = VOI_FUNCTIONS[view.voi_function]
        self._next = replace(
            self._next,
            slice_index=k,
            window_centre=view.window_centre if view.image_visible else self._next.window_centre,
            window_width=view.window_width if view.image_visible else self._next.window_width,
            voi_function=function,
            invert=view.invert,
        )
        self._replace_all(self._next, self.slice_count, keep_replay=True)

    def show_freely(self) -> None:
        """Leave the recorded zoom and pan: fit the image."""
        self._replayed = None
        self.change(replace(self.state, fit=True))

    # Where it is.

    def pane_geometry(self) -> PaneGeometry:
        """The pane in physical pixels, and the image in it."""
        assert self._volume is not None
        scale, size = self.devicePixelRatioF(), self.viewport().size()
        _, rows, columns = self._volume.shape_kji
        return PaneGeometry(
            size.width() * scale, size.height() * scale, columns, rows, self._volume.pixel_spacing_ij_mm
        )

    def voxel_to_screen_px(self, i: float, j: float) -> tuple[float, float]:
        """`image_px` to `screen_px` as the image lies now; NaN without an image."""
        frame = self._current_frame()[0]
        if frame is None:
            return math.nan, math.nan
        x, y = frame.image_to_pane(i, j)
        origin = self._pane_origin_px()
        return x + origin[0], y + origin[1]

    def screen_px_to_voxel(self, x_px: float, y_px: float) -> tuple[float, float]:
        """`screen_px` to `image_px` as the image lies now; NaN without an image."""
        frame = self._current_frame()[0]
        origin = self._pane_origin_px()
        return (math.nan, math.nan) if frame is None else frame.pane_to_image(x_px - origin[0], y_px - origin[1])

    def screen_px_to_local(self, x_px: float, y_px: float) -> QPointF:
        """`screen_px` to logical pixels of this pane (for synthetic events and pop-ups)."""
        return QPointF(self.viewport().mapFromGlobal(from_screen_px(self.screen(), x_px, y_px)))

    def add_overlay(self, item: QGraphicsItem) -> None:
        """Draw an item over the slice; its coordinates are `image_px`. Painted views do not know of it."""
        item.setParentItem(self._root)
        self._place_overlays()

    def remove_overlay(self, item: QGraphicsItem) -> None:
        """Take an overlay away again."""
        item.setParentItem(None)
        self.scene().removeItem(item)

    def grab_pixels(self, *, image_only: bool = False) -> QImage:
        """The pane as it was last painted, in physical pixels; `image_only` leaves texts and overlays out."""
        scale, size = self.devicePixelRatioF(), self.viewport().size()
        grabbed = QImage(math.ceil(size.width() * scale), math.ceil(size.height() * scale), QImage.Format.Format_RGB32)
        grabbed.setDevicePixelRatio(scale)
        grabbed.fill(Qt.GlobalColor.black)
        if self._picture is None:
            return grabbed
        painter = QPainter(grabbed)
        if image_only:
            self._draw_image(painter, self._picture)
        else:
            QGraphicsView.render(self, painter, QRectF(self.viewport().rect()), self.viewport().rect())
        painter.end()
        return grabbed

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

    # Painting.

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint one state, then say so."""
        self._last_paint = time.perf_counter()
        self._painting = True
        try:
            self._picture = self._compose()
            super().paintEvent(event)
            time_lsl = self._clock()
            self._paint_pending = False
            if self._in_flight is not None:
                self.slices_painted += 1
                self._in_flight = None
            self._input = math.nan
            view = self._picture.view
            if self._last_view is None or not view.same_picture(self._last_view):
                self.paint_count += 1
                self._last_view = replace(view, paint=self.paint_count)
                self.painted.emit(self._last_view, time_lsl)
        finally:
            self._painting = False
        self._schedule(later=True)

    def drawBackground(self, painter: QPainter, rect: QRectF) -> None:
        """The slice."""
        if self._picture is not None:
            self._draw_image(painter, self._picture)

    def drawForeground(self, painter: QPainter, rect: QRectF) -> None:
        """The texts."""
        picture = self._picture
        self._notice_box = QRectF()
        if picture is None or picture.image is None or picture.frame is None or not self._corner_text:
            return
        volume, pane = picture.image.volume, QRectF(self.viewport().rect())
        mm_per_px = volume.pixel_spacing_ij_mm[0] / picture.frame.scale_x * picture.scale
        draw_corner_text(
            painter,
            pane,
            self._font,
            volume,
            picture.state,
            zoom=picture.frame.scale_x,
            mm_per_logical_px=mm_per_px,
            notes=self._notes,
        )
        if self.findings:
            self._notice_box = draw_notice(painter, pane, self._font, self.findings)

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Keep the image where it belongs."""
        super().resizeEvent(event)
        if hasattr(self, "_root"):
            self._place_overlays()

    def showEvent(self, event: QShowEvent) -> None:
        """Watch the window: moving it moves the pane on the monitor without a paint of its own."""
        super().showEvent(event)
        self._watch(self.window())

    def hideEvent(self, event: QHideEvent) -> None:
        """Nothing is painted while hidden."""
        super().hideEvent(event)
        self._timer.stop()
        self._watch(None)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Repaint after the window moved."""
        if watched is self._watched and event.type() == QEvent.Type.Move:
            self.viewport().update()
        return bool(super().eventFilter(watched, event))

    def close(self) -> bool:
        """Close like any widget; pyqtgraph would also pull the viewport out from under a paint."""
        return bool(QGraphicsView.close(self))

    def _watch(self, window: QWidget | None) -> None:
        if self._watched is not None:
            self._watched.removeEventFilter(self)
        self._watched = window
        if window is not None:
            window.installEventFilter(self)

    def _schedule(self, *, later: bool = False) -> None:
        """Let the next paint happen as soon as the refresh allows; does nothing while one is on its way."""
        if self._paint_pending or self._timer.isActive():
            return
        if not self._queue and replace(self._next, slice_index=self._state.slice_index) == self._state:
            return
        wait_s = self._last_paint + 1.0 / refresh_hz(self.screen()) - time.perf_counter()
        if wait_s > 0 or later or self._painting:
            self._timer.start(max(math.ceil(wait_s * 1000), 0))
        else:
            self._advance()

    def _advance(self) -> None:
        request = self._queue.take()
        self._in_flight = request
        k = self._state.slice_index if request is None else request.slice_index
        self._input = self._next_input if request is None else request.input_time_lsl
        self._next_input = math.nan
        self._state = replace(self._next, slice_index=k)
        self._paint_pending = True
        self._place_overlays()
        # repaint, not update: our own pace is the refresh, and update would wait for another timer first.
        self.viewport().repaint()

    def _replace_all(self, state: ViewState, slice_count: int, *, keep_replay: bool = False) -> None:
        if not keep_replay:
            self._replayed = None
        if self._in_flight is not None:
            self._lost_in_flight += 1
            self._in_flight = None
        self._queue.restart(slice_count, state.slice_index)
        self._state = self._next = state
        self._next_input = self._input = math.nan
        self._place_overlays()
        self.viewport().update()
        self.state_changed.emit()

    def _leave_replay(self) -> None:
        """Go on freely from where the recorded view left zoom and pan."""
        self._next = self.state
        self._replayed = None

    def _current_frame(self) -> tuple[ImageFrame | None, QRect]:
        """Where the image lies, and the part of the pane it may cover (physical pixels)."""
        scale, size = self.devicePixelRatioF(), self.viewport().size()
        whole = QRect(0, 0, math.ceil(size.width() * scale), math.ceil(size.height() * scale))
        if self._volume is None:
            return None, whole
        if self._replayed is not None:
            view, scale_to_fit = self._replayed
            if not view.image_visible:
                return None, whole
            pane = (size.width() * scale, size.height() * scale)
            frame, (x, y, width, height) = view_state.replayed_frame(view, pane, scale_to_fit=scale_to_fit)
            return frame, QRect(math.floor(x), math.floor(y), math.ceil(width), math.ceil(height)) & whole
        origin = self._pane_origin_px()
        frame = view_state.image_frame(self._state, self.pane_geometry())
        return view_state.frame_of_map(view_state.voxel_from_screen(frame, origin, 0), origin), whole

    def _pane_origin_px(self) -> tuple[float, float]:
        return to_screen_px(self.screen(), self.viewport().mapToGlobal(QPointF(0.0, 0.0)))

    def _compose(self) -> _Picture:
        frame, clip = self._current_frame()
        origin, scale, size = self._pane_origin_px(), self.devicePixelRatioF(), self.viewport().size()
        state, visible = self._state, frame is not None
        view = PaintedView(
            paint=self.paint_count,
            trial=self._trial,
            pane=self._pane,
            series=self.series_index,
            plane=self._volume.plane if self._volume is not None else 0,
            slice_index=state.slice_index if visible else NO_SLICE,
            window_centre=state.window_centre,
            window_width=state.window_width,
            voi_function=VOI_FUNCTIONS.index(state.voi_function),
            invert=state.invert,
            pane_rect_px=(*origin, size.width() * scale, size.height() * scale),
            voxel_from_screen=_NO_MAP
            if frame is None
            else view_state.voxel_from_screen(frame, origin, state.slice_index),
            image_visible=visible,
            input_time_lsl=self._input,
        )
        return _Picture(state, self._image, frame, clip, scale, view)

    def _draw_image(self, painter: QPainter, picture: _Picture) -> None:
        painter.save()
        painter.resetTransform()
        painter.scale(1 / picture.scale, 1 / picture.scale)
        whole = QRect(0, 0, *(math.ceil(side) for side in picture.view.pane_rect_px[2:]))
        if picture.image is None or picture.frame is None:
            painter.fillRect(whole, Qt.GlobalColor.black)
        else:
            if picture.clip_px != whole:
                painter.fillRect(whole, Qt.GlobalColor.black)
            picture.image.draw(painter, picture.state, picture.frame, picture.clip_px)
        painter.restore()

    def _place_overlays(self) -> None:
        frame = self._current_frame()[0] if self._root.childItems() else None
        if frame is not None:
            scale = self.devicePixelRatioF()
            place = QTransform.fromTranslate(frame.x_px / scale, frame.y_px / scale)
            place.scale(frame.scale_x / scale, frame.scale_y / scale)
            place.translate(0.5, 0.5)
            self._root.setTransform(place)
