"""Slice traces of other readings and of models on the timeline, with their names above the plot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPolygonF

from ctgaze_app.review.layers import Layer
from ctgaze_app.review.replay import decimate
from ctgaze_app.ui.review.layer_content import LayerContent
from ctgaze_app.ui.review.layer_look import SWATCH_PX, layer_colour, layer_pen
from ctgaze_app.ui.review.path_layer import OTHER_PATHS_SHARE
from ctgaze_app.ui.review.timeline_scale import TimelineScale
from ctgaze_app.ui.theme import TEXT

LEGEND_PX = 18.0
"""Height of a line of names above the plot."""
HEAD_PX = 8.0
"""Between the names and the plot, for the head of the time cursor."""
GAP_PX = 8.0
Trace = tuple[NDArray[np.float64], NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class LayerTraces:
    """What the timeline shows of one layer: a trace a path; `emphasised` is the one in front."""

    layer: Layer
    label: str
    traces: tuple[Trace, ...] = field(default=(), repr=False)

    @classmethod
    def of(cls, layer: Layer, content: LayerContent) -> LayerTraces:
        """Of a layer of paths; others have no trace."""
        return cls(layer, content.label, tuple(path.slice_trace() for path in content.paths))

    @property
    def emphasised(self) -> int:
        """Which path is in front, from 0."""
        return self.layer.path


def draw_traces(painter: QPainter, scale: TimelineScale, layers: Sequence[LayerTraces]) -> None:
    """Dashed lines for models, solid ones for readers; of each layer the path in front last and strongest."""
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for one in layers:
        order = sorted(range(len(one.traces)), key=lambda number: number == one.emphasised)
        for number in order:
            chosen = number == one.emphasised
            painter.setOpacity(one.layer.opacity * (1.0 if chosen else OTHER_PATHS_SHARE))
            painter.setPen(layer_pen(one.layer, 1.5 if chosen else 0.8))
            times, slices = decimate(*one.traces[number], max(int(2 * scale.width_px), 1))
            points = [
                QPointF(scale.x_of(x), scale.y_of(y)) for x, y in zip(times.tolist(), slices.tolist(), strict=True)
            ]
            painter.drawPolyline(QPolygonF(points))
    painter.setOpacity(1.0)


def legend_rows(metrics: QFontMetricsF, layers: Sequence[LayerTraces], width_px: float) -> list[list[LayerTraces]]:
    """The names in as many lines as they need side by side."""
    rows: list[list[LayerTraces]] = []
    room = 0.0
    for one in layers:
        needs = _width(metrics, one)
        if not rows or needs > room:
            rows.append([])
            room = width_px
        rows[-1].append(one)
        room -= needs
    return rows


def draw_trace_legend(painter: QPainter, plot: QRectF, layers: Sequence[LayerTraces]) -> None:
    """The lines and whose they are, above the plot at its right, where they hide nothing."""
    metrics = QFontMetricsF(painter.font())
    rows = legend_rows(metrics, layers, plot.width())
    for place, row in enumerate(rows):
        top = plot.top() - HEAD_PX - LEGEND_PX * (len(rows) - place)
        left = plot.right() - sum(_width(metrics, one) for one in row) + 2 * GAP_PX
        for one in row:
            middle = top + (LEGEND_PX - 2) / 2
            painter.setPen(layer_pen(one.layer, 1.5))
            painter.drawLine(QPointF(left, middle), QPointF(left + SWATCH_PX, middle))
            painter.setPen(layer_colour(one.layer) if one.layer.by_model else QColor(TEXT))
            words = QRectF(left + SWATCH_PX + GAP_PX, top, plot.right() - left - SWATCH_PX - GAP_PX, LEGEND_PX - 2)
            label = metrics.elidedText(one.label, Qt.TextElideMode.ElideMiddle, words.width())
            painter.drawText(words, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, label)
            left += _width(metrics, one)


def _width(metrics: QFontMetricsF, one: LayerTraces) -> float:
    return SWATCH_PX + 3 * GAP_PX + metrics.horizontalAdvance(one.label)
