"""How layers look wherever they are shown: colours of readers and models, the dash that says model, heat."""

from __future__ import annotations

from functools import cache

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QImage, QLinearGradient, QPainter, QPen

from ctgaze_app.review.layers import Layer
from ctgaze_app.ui.theme import MODELS, READERS

DASHES = [4.0, 3.0]
"""On and off, in widths of the line."""
SWATCH_PX = 26.0
HEAT_MAP = "inferno"


def layer_colour(layer: Layer) -> QColor:
    """Of the palette of its kind."""
    palette = MODELS if layer.by_model else READERS
    return QColor(palette[layer.colour % len(palette)])


def dashed_pen(colour: QColor, width: float) -> QPen:
    """The one dash that says model, on slices and on the timeline."""
    pen = QPen(colour, width)
    pen.setDashPattern(DASHES)
    pen.setCapStyle(Qt.PenCapStyle.FlatCap)
    return pen


def layer_pen(layer: Layer, width: float) -> QPen:
    """Dashed for a model, solid for a reader."""
    colour = layer_colour(layer)
    return dashed_pen(colour, width) if layer.by_model else QPen(colour, width)


@cache
def heat_colours() -> NDArray[np.uint32]:
    """(256,) premultiplied ARGB of a perceptually uniform map whose alpha grows from 0 with the value."""
    rgb = pg.colormap.get(HEAT_MAP).getLookupTable(nPts=256)[:, :3].astype(np.uint32)
    alpha = np.arange(256, dtype=np.uint32)
    red, green, blue = (rgb * alpha[:, None] // 255).T
    found: NDArray[np.uint32] = (alpha << 24) | (red << 16) | (green << 8) | blue
    return found


def heat_image(map_ji: NDArray[np.uint8]) -> QImage:
    """One slice of a map in heat colours."""
    pixels = np.ascontiguousarray(heat_colours()[map_ji])
    rows, columns = pixels.shape
    format_ = QImage.Format.Format_ARGB32_Premultiplied
    return QImage(pixels.data, columns, rows, 4 * columns, format_).copy()


def draw_swatch(painter: QPainter, layer: Layer, box: QRectF) -> None:
    """What a layer looks like, in a small box: its line, its filled outline, or its scale of heat."""
    if layer.entry.kind == "saliency":
        gradient = QLinearGradient(box.topLeft(), box.topRight())
        for place in np.linspace(0, 1, 9):
            argb = int(heat_colours()[round(255 * place)])
            gradient.setColorAt(float(place), QColor((argb >> 16) & 255, (argb >> 8) & 255, argb & 255))
        painter.fillRect(box.adjusted(0, 2, 0, -2), QBrush(gradient))
        painter.setPen(layer_pen(layer, 1.2))
        painter.drawRect(box.adjusted(0, 2, 0, -2))
        return
    painter.setPen(layer_pen(layer, 1.8))
    if layer.entry.kind == "segmentation":
        fill = layer_colour(layer)
        fill.setAlphaF(0.3)
        painter.setBrush(fill)
        painter.drawRect(box.adjusted(2, 2, -2, -2))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        return
    if layer.entry.kind == "classification":
        middle = box.center().y()
        for place, height in enumerate((0.4, 0.9, 0.6)):
            x = box.left() + box.width() * (place + 0.5) / 3
            reach = height * box.height() / 2
            painter.drawLine(QPointF(x, middle + reach), QPointF(x, middle - reach))
        return
    painter.drawLine(QPointF(box.left(), box.center().y()), QPointF(box.right(), box.center().y()))
