"""Two small curves along the slices beside the timeline: a model's evidence for one finding, and the readers' dwell."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QFontMetricsF, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QToolTip, QWidget

from ctgaze_app.ui.review.timeline_scale import TimelineScale
from ctgaze_app.ui.theme import FOCUS, LINE, PANEL, TEXT, TEXT_SECONDARY

WIDTH_PX = 232
GAP_PX = 12.0
TITLE_PX = 18.0
Curve = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class DwellCurve:
    """Seconds per slice of one reader, in that reader's colour; `own` is the reading under review."""

    name: str
    colour: QColor
    seconds_k: Curve = field(repr=False)
    own: bool = False


@dataclass(frozen=True, eq=False)
class EvidenceCurves:
    """What the strip draws: logits per slice of one finding, where the network looked, and who looked how long."""

    finding: str
    method: str
    model: str
    colour: QColor
    contribution_k: Curve = field(repr=False)
    seen_k: NDArray[np.bool_] = field(repr=False)
    dwells: tuple[DwellCurve, ...] = ()


class EvidenceStrip(QWidget):
    """Shares the slice axis of the timeline at its left; `slice_chosen` carries the slice that was clicked."""

    slice_chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFixedWidth(WIDTH_PX)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAccessibleName("Evidence and dwell per slice; arrow keys go through the slices")
        self._scale = TimelineScale(0, 0, 1, 1, 0, 0, 1)
        self._curves: EvidenceCurves | None = None
        self._slice = -1
        self.hide()

    @property
    def curves(self) -> EvidenceCurves | None:
        """What is drawn."""
        return self._curves

    def show_curves(self, curves: EvidenceCurves | None) -> None:
        """Draw other curves; without any the strip is gone."""
        self._curves = curves
        self.setVisible(curves is not None)
        self.update()

    def set_scale(self, scale: TimelineScale) -> None:
        """Where slices lie now."""
        self._scale = scale
        self.update()

    def set_slice(self, slice_index: int) -> None:
        """Mark the slice that is shown."""
        if slice_index != self._slice:
            self._slice = slice_index
            self.update()

    def y_of(self, slice_index: int) -> float:
        """Height of a slice's middle, pixels."""
        return self._scale.y_of(slice_index)

    def slice_at(self, y_px: float) -> int:
        """The slice at a height, kept inside the stack."""
        share = (y_px - self._scale.top_px) / self._scale.height_px
        return min(max(int(share * self._scale.n_slices), 0), self._scale.n_slices - 1)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Go to the slice under the mouse."""
        if event.button() is Qt.MouseButton.LeftButton and self._curves is not None:
            self.setFocus()
            self.slice_chosen.emit(self.slice_at(event.position().y()))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Drag through the slices, or say what is under the mouse."""
        if self._curves is None:
            return
        k = self.slice_at(event.position().y())
        if event.buttons() & Qt.MouseButton.LeftButton:
            self.slice_chosen.emit(k)
        else:
            QToolTip.showText(event.globalPosition().toPoint(), _describe(self._curves, k, self._scale.n_slices), self)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Up and Down go to the next slice, Home and End to the ends."""
        last = self._scale.n_slices - 1
        steps = {Qt.Key.Key_Up: self._slice - 1, Qt.Key.Key_Down: self._slice + 1, Qt.Key.Key_Home: 0}
        steps[Qt.Key.Key_End] = last
        goal = steps.get(Qt.Key(event.key()))
        if goal is None or self._curves is None:
            super().keyPressEvent(event)
        else:
            self.slice_chosen.emit(min(max(goal, 0), last))

    def changeEvent(self, event: QEvent) -> None:
        """Draw anew with another font."""
        self.update()
        super().changeEvent(event)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Title, both curves, their scales, the slice that is shown."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(PANEL))
        curves = self._curves
        if curves is not None:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
            painter.setFont(self.font())
            width = (self.width() - 16 - GAP_PX) / 2
            top, height = self._scale.top_px, self._scale.height_px
            left = QRectF(0, top, width, height)
            right = QRectF(width + GAP_PX, top, width, height)
            self._draw_evidence(painter, left, curves)
            self._draw_dwell(painter, right, curves)
            y = self.y_of(self._slice)
            if 0 <= self._slice < self._scale.n_slices:
                painter.setPen(QPen(QColor(TEXT), 1.0))
                for plot in (left, right):
                    painter.drawLine(QPointF(plot.left(), y), QPointF(plot.right(), y))
        if self.hasFocus():
            painter.setPen(QPen(QColor(FOCUS), 1.0))
            painter.drawRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5))
        painter.end()

    def _draw_evidence(self, painter: QPainter, plot: QRectF, curves: EvidenceCurves) -> None:
        painter.fillRect(plot, QColor("#0d0f11"))
        reach = float(np.abs(curves.contribution_k).max()) or 1.0
        middle = plot.center().x()
        edges = np.flatnonzero(np.diff(np.concatenate(([0], (~curves.seen_k).astype(np.int8), [0]))))
        shade = QColor(LINE)
        for first, after in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
            top, bottom = self._scale.y_of(first - 0.5), self._scale.y_of(after - 0.5)
            painter.fillRect(QRectF(plot.left(), top, plot.width(), bottom - top), shade)
        painter.setPen(QPen(QColor(LINE), 1.0))
        painter.drawLine(QPointF(middle, plot.top()), QPointF(middle, plot.bottom()))
        points = [
            QPointF(middle + value / reach * plot.width() / 2, self._scale.y_of(k))
            for k, value in enumerate(curves.contribution_k.tolist())
        ]
        fill = QColor(curves.colour)
        fill.setAlphaF(0.3)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(fill)
        painter.drawPolygon(QPolygonF([QPointF(middle, points[0].y()), *points, QPointF(middle, points[-1].y())]))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(curves.colour, 1.4))
        painter.drawPolyline(QPolygonF(points))
        self._caption(painter, plot, curves.finding, f"±{reach:.2g} logits", curves.colour)

    def _draw_dwell(self, painter: QPainter, plot: QRectF, curves: EvidenceCurves) -> None:
        painter.fillRect(plot, QColor("#0d0f11"))
        most = max((float(one.seconds_k.max()) for one in curves.dwells), default=0.0) or 1.0
        for one in sorted(curves.dwells, key=lambda each: not each.own):
            points = [
                QPointF(plot.left() + value / most * plot.width(), self._scale.y_of(k))
                for k, value in enumerate(one.seconds_k.tolist())
            ]
            if one.own:
                fill = QColor(one.colour)
                fill.setAlphaF(0.35)
                ends = QPointF(plot.left(), points[0].y()), QPointF(plot.left(), points[-1].y())
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(fill)
                painter.drawPolygon(QPolygonF([ends[0], *points, ends[1]]))
                painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(one.colour, 1.2))
            painter.drawPolyline(QPolygonF(points))
        names = ", ".join(one.name for one in curves.dwells)
        self._caption(painter, plot, f"dwell {names}", f"0 to {most:.1f} s", QColor(TEXT))

    def _caption(self, painter: QPainter, plot: QRectF, title: str, scale: str, colour: QColor) -> None:
        metrics = QFontMetricsF(painter.font())
        centred = Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignVCenter
        painter.setPen(colour)
        above = QRectF(plot.left(), plot.top() - TITLE_PX, plot.width(), TITLE_PX - 2)
        painter.drawText(above, centred, metrics.elidedText(title, Qt.TextElideMode.ElideMiddle, plot.width()))
        painter.setPen(QColor(TEXT_SECONDARY))
        painter.drawText(QRectF(plot.left(), plot.bottom() + 3, plot.width(), 20), centred, scale)


def _describe(curves: EvidenceCurves, k: int, n_slices: int) -> str:
    lines = [f"Slice {k + 1}/{n_slices}"]
    if curves.seen_k[k]:
        lines.append(f"{curves.model}\n{curves.finding}: {curves.contribution_k[k]:+.3g} logits, {curves.method}")
    else:
        lines.append(f"{curves.model}\ndid not look at this slice")
    lines += [f"{one.name}: {one.seconds_k[k]:.2f} s" for one in curves.dwells]
    return "\n".join(lines)
