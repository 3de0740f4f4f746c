"""What the timeline draws of one reading: axes, gaps and pauses, the slice line, fixations."""

from __future__ import annotations

import math

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QPainter, QPen, QPolygonF

from ctgaze_app.review.replay import ReplayFixation, ReplayTrial
from ctgaze_app.review.totals import format_time
from ctgaze_app.ui.review.timeline_scale import TimelineScale
from ctgaze_app.ui.theme import FOCUS, LINE, RAISED, TEXT_SECONDARY, WARN

RIGHT_PX = 16.0
"""Beside the plot, for the last time."""


def draw_axes(painter: QPainter, scale: TimelineScale, plot: QRectF) -> None:
    """The slices at the left, the times below, and the frame."""
    painter.setPen(QColor(TEXT_SECONDARY))
    for index in scale.slice_ticks():
        y = scale.y_of(index)
        box = QRectF(0, min(max(y, plot.top() + 6), plot.bottom() - 6) - 10, scale.left_px - 8, 20)
        painter.drawText(box, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, str(index + 1))
    painter.save()
    painter.translate(14, plot.center().y())
    painter.rotate(-90)
    painter.drawText(QRectF(-60, -10, 120, 20), Qt.AlignmentFlag.AlignCenter, "slice")
    painter.restore()
    for seconds in scale.time_ticks():
        x = scale.x_of(scale.start_lsl + seconds)
        painter.setPen(QPen(QColor(RAISED), 1.0))
        painter.drawLine(QPointF(x, plot.top()), QPointF(x, plot.bottom()))
        painter.setPen(QColor(TEXT_SECONDARY))
        left = min(max(x - 40, 2.0), plot.right() + RIGHT_PX - 80)
        painter.drawText(QRectF(left, plot.bottom() + 3, 80, 20), Qt.AlignmentFlag.AlignHCenter, format_time(seconds))
    painter.setPen(QPen(QColor(LINE), 1.0))
    painter.drawRect(plot)


def draw_bars(painter: QPainter, scale: TimelineScale, plot: QRectF, trial: ReplayTrial) -> None:
    """Gaps of the gaze, pauses, and moments that were marked."""
    for bar in trial.events:
        left, right = scale.x_of(bar.start_lsl), scale.x_of(bar.end_lsl)
        if bar.kind == "gap":
            shade = QColor(WARN)
            shade.setAlphaF(0.28)
            painter.fillRect(QRectF(left, plot.top(), max(right - left, 1.0), plot.height()), shade)
        elif bar.end_lsl > bar.start_lsl:
            hatch = QBrush(QColor(TEXT_SECONDARY), Qt.BrushStyle.BDiagPattern)
            painter.fillRect(QRectF(left, plot.top(), right - left, plot.height()), hatch)
        else:
            painter.setPen(QPen(QColor(FOCUS), 1.0, Qt.PenStyle.DotLine))
            painter.drawLine(QPointF(left, plot.top()), QPointF(left, plot.bottom()))


def draw_trace(painter: QPainter, scale: TimelineScale, trial: ReplayTrial, columns: int) -> None:
    """The slice that was shown, as a step line."""
    times, slices = trial.slice_trace(columns)
    line = QPolygonF()
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(QColor(TEXT_SECONDARY), 1.3))
    for time_lsl, slice_index in zip(times, slices, strict=True):
        if math.isnan(slice_index):
            painter.drawPolyline(line)
            line = QPolygonF()
        else:
            line.append(QPointF(scale.x_of(time_lsl), scale.y_of(slice_index)))
    painter.drawPolyline(line)


def draw_fixations(painter: QPainter, scale: TimelineScale, trial: ReplayTrial, colour: QColor) -> None:
    """A bar for each fixation from its begin to its end, with a dot in its middle."""
    for fixation in trial.fixations:
        if fixation.slice_index < 0:
            continue
        y = scale.y_of(fixation.slice_index)
        left, right = scale.x_of(fixation.onset_lsl), scale.x_of(fixation.offset_lsl)
        painter.setPen(QPen(colour, 3.0, c=Qt.PenCapStyle.RoundCap))
        painter.drawLine(QPointF(left, y), QPointF(right, y))
        if fixation.slice_first != fixation.slice_last:
            middle = (left + right) / 2
            painter.setPen(QPen(colour, 1.0))
            painter.drawLine(
                QPointF(middle, scale.y_of(fixation.slice_first)), QPointF(middle, scale.y_of(fixation.slice_last))
            )
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour)
        painter.drawEllipse(QPointF((left + right) / 2, y), 3.0, 3.0)


def describe(fixation: ReplayFixation, trial: ReplayTrial, n_slices: int) -> str:
    """A fixation in one line."""
    at = format_time(fixation.onset_lsl - trial.start_lsl)
    lasted = f"{1000 * fixation.duration_s:.0f} ms"
    return f"Fixation {fixation.number}: {at}, {lasted}, slice {fixation.slice_index + 1}/{n_slices}"
