"""The painting half of a slice view: paints exactly one view state, says what it painted and when.

A paint is asked for at most once a refresh. Every single slice step gets a paint of its own; window, zoom and pan take
the latest value. What left the pane is told by `painted`, after the paint, from the very values that were drawn.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QEvent, QObject, QPointF, QRect, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import (
    QHideEvent,
    QImage,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QShowEvent,
    QTransform,
)
from PySide6.QtWidgets import QGraphicsItem, QGraphicsView, QWidget

from ctgaze_app.ct.volume import Volume
from ctgaze_app.gaze.views import PaintedView
from ctgaze_app.ui import view_state
from ctgaze_app.ui.image_root import ImageRoot
from ctgaze_app.ui.picture import Picture
from ctgaze_app.ui.screens import from_screen_px, refresh_hz, to_screen_px
from ctgaze_app.ui.slice_image import SliceImage
from ctgaze_app.ui.slice_queue import SliceQueue, SliceRequest
from ctgaze_app.ui.view_state import ImageFrame, PaneGeometry, ViewState

NO_SLICE = -1
_NO_MAP = np.full((3, 3), np.nan)


def lsl_clock() -> float:
    from ctgaze_app.acquisition.clock import local_clock

    return local_clock()


class SliceCanvas(pg.GraphicsView):
    """One pane.

    Signals
    -------
    painted(PaintedView, float)
        After a paint that changed the picture: what it showed and the clock's time at its end.
    state_changed()
        The state that the next paint will show has changed (for bars and labels).

    Parameters
    ----------
    clock
        Seconds; default LSL's clock.
    pane
        Index of this pane in the View stream.
    """

    painted = Signal(object, float)
    state_changed = Signal()

    def __init__(self, parent: QWidget | None = None, *, clock: Callable[[], float] = lsl_clock, pane: int = 0) -> None:
        super().__init__(parent, useOpenGL=False, background=None)
        self.setCacheMode(QGraphicsView.CacheModeFlag.CacheNone)
        self.setViewportUpdateMode(QGraphicsView.ViewportUpdateMode.FullViewportUpdate)
        self.viewport().setAutoFillBackground(False)
        self.viewport().setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setMinimumSize(64, 64)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
        self.paint_count = 0
        self.slices_painted = 0
        self.series_index = -1
        self._clock, self._pane, self._trial = clock, pane, 0
        self._covered = False
        self._volume: Volume | None = None
        self._image: SliceImage | None = None
        self._state = ViewState()
        self._next = self._state
        self._replayed: tuple[PaintedView, bool] | None = None
        self._queue = SliceQueue()
        self._in_flight: SliceRequest | None = None
        self._lost_in_flight = 0
        self._next_input = self._input = math.nan
        self._paint_pending = self._painting = False
        self._last_paint = -math.inf
        self._picture: Picture | None = None
        self._last_view: PaintedView | None = None
        self._root = ImageRoot()
        self.scene().addItem(self._root)
        self._watched: QWidget | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._schedule)

    # What is shown.

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
    def covered(self) -> bool:
        """Whether a panel lies over the image: then gaze there is not on the slice, and painted views say hidden."""
        return self._covered

    @covered.setter
    def covered(self, covered: bool) -> None:
        self._covered = covered
        self.viewport().update()

    @property
    def slices_requested(self) -> int:
        """Slices asked for by steps and jumps since the view was made."""
        return self._queue.requested

    @property
    def slices_requested_not_painted(self) -> int:
        """Slices asked for that no paint will ever show."""
        return self._queue.dropped + self._lost_in_flight

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
            self._picture.draw_image(painter)
        else:
            QGraphicsView.render(self, painter, QRectF(self.viewport().rect()), self.viewport().rect())
        painter.end()
        return grabbed

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
            self._picture.draw_image(painter)

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

    def _compose(self) -> Picture:
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
            voi_function=view_state.VOI_NAMES.index(state.voi_function),
            invert=state.invert,
            pane_rect_px=(*origin, size.width() * scale, size.height() * scale),
            voxel_from_screen=_NO_MAP
            if frame is None
            else view_state.voxel_from_screen(frame, origin, state.slice_index),
            image_visible=visible and not self._covered,
            input_time_lsl=self._input,
        )
        return Picture(state, self._image, frame, clip, scale, view)

    def _place_overlays(self) -> None:
        frame = self._current_frame()[0] if self._root.childItems() else None
        if frame is not None:
            scale = self.devicePixelRatioF()
            place = QTransform.fromTranslate(frame.x_px / scale, frame.y_px / scale)
            place.scale(frame.scale_x / scale, frame.scale_y / scale)
            place.translate(0.5, 0.5)
            self._root.setTransform(place)
