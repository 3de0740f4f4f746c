"""The predicted slice traces on the timeline, dashed, with the model's name in the plot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPolygonF

from ctgaze_app.review.predicted_path import PredictedPath
from ctgaze_app.review.replay import decimate
from ctgaze_app.ui.review.model_layer import OTHER_PATHS_SHARE, SWATCH_PX, dashed_pen
from ctgaze_app.ui.review.timeline_scale import TimelineScale
from ctgaze_app.ui.theme import MODELS

LEGEND_PX = 18.0
"""Height of the line above the plot that names the model."""
Trace = tuple[NDArray[np.float64], NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class ModelTraces:
    """What the timeline shows of one prediction: a trace a path, which one is emphasised, how strongly, whose."""

    traces: tuple[Trace, ...] = field(repr=False)
    emphasised: int
    strength: float
    label: str

    @classmethod
    def of(cls, paths: Sequence[PredictedPath], emphasised: int, strength: float, label: str) -> ModelTraces:
        """Of the sampled paths of one prediction."""
        return cls(tuple(path.slice_trace() for path in paths), emphasised, strength, label)


def draw_model_traces(painter: QPainter, scale: TimelineScale, models: ModelTraces) -> None:
    """Dashed lines, the emphasised one last and strongest; fixations of that one as hollow diamonds."""
    painter.setBrush(Qt.BrushStyle.NoBrush)
    order = sorted(range(len(models.traces)), key=lambda number: number == models.emphasised)
    for number in order:
        chosen = number == models.emphasised
        painter.setOpacity(models.strength * (1.0 if chosen else OTHER_PATHS_SHARE))
        painter.setPen(dashed_pen(QColor(MODELS[0]), 1.5 if chosen else 0.8))
        times, slices = decimate(*models.traces[number], max(int(2 * scale.width_px), 1))
        points = [QPointF(scale.x_of(x), scale.y_of(y)) for x, y in zip(times.tolist(), slices.tolist(), strict=True)]
        painter.drawPolyline(QPolygonF(points))
    painter.setOpacity(1.0)


def draw_model_legend(painter: QPainter, plot: QRectF, label: str) -> None:
    """The dash and what it means, above the plot at its right, where it hides nothing."""
    metrics = QFontMetricsF(painter.font())
    left = plot.right() - metrics.horizontalAdvance(label)
    words = QRectF(left, plot.top() - LEGEND_PX, plot.right() - left, LEGEND_PX - 2)
    painter.setPen(dashed_pen(QColor(MODELS[0]), 1.5))
    middle = words.center().y()
    painter.drawLine(QPointF(left - 8 - SWATCH_PX, middle), QPointF(left - 8, middle))
    painter.setPen(QColor(MODELS[0]))
    painter.drawText(words, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, label)
