"""Slice over time with fixations, gaps and the one time cursor; a click seeks, a click on a fixation selects it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFontMetricsF,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
    QPolygonF,
    QResizeEvent,
)
from PySide6.QtWidgets import QToolTip, QWidget

from ctgaze_app.review.playback import ReviewCursor
from ctgaze_app.review.replay import ReplayFixation, ReplayTrial
from ctgaze_app.ui.review.timeline_drawing import (
    RIGHT_PX,
    describe,
    draw_axes,
    draw_bars,
    draw_fixations,
    draw_trace,
)
from ctgaze_app.ui.review.timeline_scale import TimelineScale
from ctgaze_app.ui.review.timeline_traces import (
    LEGEND_PX,
    LayerTraces,
    draw_trace_legend,
    draw_traces,
    legend_rows,
)
from ctgaze_app.ui.theme import PANEL, READERS, TEXT, TEXT_SECONDARY

LEFT_PX, TOP_PX, BOTTOM_PX = 56.0, 10.0, 24.0
REACH_PX = 7.0


class Timeline(QWidget):
    """Draws one trial; `seek_requested` carries LSL seconds, `fixation_clicked` a fixation's number.

    `scale_changed` says that slices lie at other heights, for what shares their axis.
    """

    seek_requested = Signal(float)
    fixation_clicked = Signal(int)
    scale_changed = Signal()

    def __init__(self, cursor: ReviewCursor, parent: QWidget | None = None, *, colour: str = READERS[0]) -> None:
        super().__init__(parent)
        self._colour = QColor(colour)
        self.setMinimumHeight(120)
        self.setMouseTracking(True)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAccessibleName("Timeline: slice over time")
        self._cursor = cursor
        self._trial: ReplayTrial | None = None
        self._n_slices = 1
        self._show_trace = True
        self._layers: tuple[LayerTraces, ...] = ()
        self._legend_lines = self._least_lines = 0
        self._still: QPixmap | None = None
        self._drawn_x = math.nan
        cursor.time_changed.connect(self._time_changed)
        cursor.fixation_selected.connect(self._selection_changed)

    def set_trial(self, trial: ReplayTrial | None, n_slices: int) -> None:
        """Show another trial."""
        self._trial, self._n_slices = trial, max(n_slices, 1)
        self._redraw()

    def show_trace(self, shown: bool) -> None:
        """Draw the slice line or not."""
        self._show_trace = shown
        self._redraw()

    @property
    def layers(self) -> tuple[LayerTraces, ...]:
        """Whose traces are drawn beside the reader's own."""
        return self._layers

    def show_layers(self, layers: Sequence[LayerTraces], least_lines: int = 0) -> None:
        """Draw other slice traces, of models and readers, or none; keeps room for so many lines of names at least."""
        self._layers, self._least_lines = tuple(layers), least_lines
        self._redraw()
        self.scale_changed.emit()

    def detach(self) -> None:
        """Stop listening to the cursor; call before the widget goes."""
        self._cursor.time_changed.disconnect(self._time_changed)
        self._cursor.fixation_selected.disconnect(self._selection_changed)

    @property
    def scale(self) -> TimelineScale:
        """The present arithmetic of pixels."""
        trial = self._trial
        top = TOP_PX + LEGEND_PX * self._legend_lines
        return TimelineScale(
            LEFT_PX,
            top,
            max(self.width() - LEFT_PX - RIGHT_PX, 1.0),
            max(self.height() - top - BOTTOM_PX, 1.0),
            trial.start_lsl if trial else 0.0,
            trial.end_lsl if trial else 0.0,
            self._n_slices,
        )

    def point_of(self, fixation: ReplayFixation) -> QPointF:
        """Where a fixation's dot is drawn: its middle in time."""
        scale = self.scale
        return QPointF(scale.x_of(fixation.onset_lsl + fixation.duration_s / 2), scale.y_of(fixation.slice_index))

    def fixation_near(self, point: QPointF) -> ReplayFixation | None:
        """The fixation whose dot or bar is nearest to a pixel, within reach."""
        if self._trial is None:
            return None
        scale, best, best_px = self.scale, None, REACH_PX
        for fixation in self._trial.fixations:
            if fixation.slice_index < 0:
                continue
            left, right = scale.x_of(fixation.onset_lsl), scale.x_of(fixation.offset_lsl)
            away_x = max(left - point.x(), point.x() - right, 0.0)
            away = math.hypot(away_x, point.y() - scale.y_of(fixation.slice_index))
            if away < best_px:
                best, best_px = fixation, away
        return best

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Select the fixation under the mouse, else go to that moment."""
        if self._trial is None or event.button() is not Qt.MouseButton.LeftButton:
            return
        fixation = self.fixation_near(event.position())
        if fixation is not None:
            self.fixation_clicked.emit(fixation.number)
        else:
            self.seek_requested.emit(self.scale.time_of(event.position().x()))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Drag the cursor, or say what is under the mouse."""
        if self._trial is None:
            return
        if event.buttons() & Qt.MouseButton.LeftButton:
            self.seek_requested.emit(self.scale.time_of(event.position().x()))
            return
        fixation = self.fixation_near(event.position())
        text = describe(fixation, self._trial, self._n_slices) if fixation else ""
        QToolTip.showText(event.globalPosition().toPoint(), text, self)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Draw anew at the new size."""
        self._redraw()
        super().resizeEvent(event)
        self.scale_changed.emit()

    def changeEvent(self, event: QEvent) -> None:
        """Draw anew with another font or palette."""
        if event.type() in {QEvent.Type.FontChange, QEvent.Type.PaletteChange}:
            self._redraw()
        super().changeEvent(event)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Copy the still part, then the selection and the cursor over it."""
        ratio = self.devicePixelRatioF()
        if self._still is None or self._still.devicePixelRatio() != ratio:
            self._still = self._draw_still(ratio)
        painter = QPainter(self)
        painter.drawPixmap(0, 0, self._still)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        if self._trial is not None:
            self._draw_selection(painter)
            scale, top = self.scale, self.scale.top_px
            self._drawn_x = scale.x_of(self._cursor.time_lsl)
            painter.setPen(QPen(QColor(TEXT), 1.5))
            painter.drawLine(QPointF(self._drawn_x, top - 4), QPointF(self._drawn_x, top + scale.height_px))
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(TEXT))
            head = [QPointF(self._drawn_x + dx, y) for dx, y in ((-5, top - 9), (5, top - 9), (0, top - 1))]
            painter.drawPolygon(QPolygonF(head))
        painter.end()

    def _draw_selection(self, painter: QPainter) -> None:
        assert self._trial is not None
        for fixation in self._trial.fixations:
            if fixation.number == self._cursor.fixation and fixation.slice_index >= 0:
                painter.setBrush(self._colour)
                painter.setPen(QPen(QColor(TEXT), 2.0))
                painter.drawEllipse(self.point_of(fixation), 5.5, 5.5)

    def _draw_still(self, ratio: float) -> QPixmap:
        still = QPixmap(round(self.width() * ratio), round(self.height() * ratio))
        still.setDevicePixelRatio(ratio)
        still.fill(QColor(PANEL))
        painter = QPainter(still)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        painter.setFont(self.font())
        scale = self.scale
        plot = QRectF(scale.left_px, scale.top_px, scale.width_px, scale.height_px)
        painter.fillRect(plot, QColor("#0d0f11"))
        if self._trial is None or self._trial.duration_s <= 0:
            painter.setPen(QColor(TEXT_SECONDARY))
            painter.drawText(
                plot, Qt.AlignmentFlag.AlignCenter, "Nothing was recorded in this trial; choose another one"
            )
            painter.end()
            return still
        draw_axes(painter, scale, plot)
        painter.setClipRect(plot.adjusted(-6, -6, 6, 6))
        draw_bars(painter, scale, plot, self._trial)
        draw_traces(painter, scale, self._layers)
        if self._show_trace:
            draw_trace(painter, scale, self._trial, columns=max(int(scale.width_px * ratio), 1))
        draw_fixations(painter, scale, self._trial, self._colour)
        painter.setClipping(False)
        draw_trace_legend(painter, plot, self._layers)
        painter.end()
        return still

    def _time_changed(self, time_lsl: float) -> None:
        # Only the strips that the cursor leaves and enters: this runs at every refresh while playing.
        for x in (self._drawn_x, self.scale.x_of(time_lsl)):
            if math.isfinite(x):
                self.update(int(x) - 8, 0, 17, self.height())

    def _selection_changed(self, _fixation: object) -> None:
        self.update()

    def _redraw(self) -> None:
        room = max(self.width() - LEFT_PX - RIGHT_PX, 1.0)
        lines = len(legend_rows(QFontMetricsF(self.font()), self._layers, room))
        self._legend_lines = max(lines, self._least_lines)
        self._still = None
        self.update()
