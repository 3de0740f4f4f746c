"""A segmentation over a slice: the outline of its mask's pixels, dashed, over a faint fill."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPen, QPolygonF, QTransform

from ctgaze_app.review.mask_outline import outline_loops
from ctgaze_app.ui.overlays import ImageOverlay, ToScreen
from ctgaze_app.ui.review.layer_look import dashed_pen

MASK_Z = 6.0
FILL_SHARE = 0.35
"""Of the opacity, for the area inside the outline."""
MOST_KEPT = 64
"""Slices whose outline is remembered."""


class MaskItem(ImageOverlay):
    """The mask of one layer on the slice that is shown."""

    def __init__(self, *, dashed: bool = True) -> None:
        super().__init__("#ffffff", MASK_Z)
        self._dashed = dashed
        self._probability: NDArray[np.uint8] | None = None
        self._least = 1
        self._path = QPainterPath()
        self._strength = 1.0
        self._kept: OrderedDict[int, QPainterPath] = OrderedDict()

    @property
    def outline(self) -> QPainterPath:
        """What is drawn, `image_px`; empty where the slice has no mask."""
        return self._path

    def set_look(self, colour: QColor, strength: float) -> None:
        """Colour, and opacity in 0..1."""
        if (colour, strength) != (self._colour, self._strength):
            self._colour, self._strength = colour, strength
            self.update()

    def set_mask(self, probability_kji: NDArray[np.uint8] | None, least: int = 1) -> None:
        """Draw the mask where a map is at least `least`; None draws none."""
        if probability_kji is not self._probability or least != self._least:
            self._probability, self._least, self._path = probability_kji, least, QPainterPath()
            self._kept.clear()
            self.update()

    def show_slice(self, slice_index: int) -> None:
        """Draw the outline on this slice; -1 draws none."""
        path = self._outline_on(slice_index)
        if path is not self._path:
            self._path = path
            self.update()

    def _outline_on(self, k: int) -> QPainterPath:
        probability = self._probability
        if probability is None or not 0 <= k < len(probability):
            return QPainterPath()
        found = self._kept.get(k)
        if found is None:
            found = outline_path(probability[k] >= self._least)
            self._kept[k] = found
            if len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
        return found

    def _draw(self, painter: QPainter, to_screen: ToScreen) -> None:
        if self._path.isEmpty():
            return
        origin, one = to_screen(QPointF(0, 0)), to_screen(QPointF(1, 1))
        placed = QTransform(one.x() - origin.x(), 0, 0, one.y() - origin.y(), origin.x(), origin.y()).map(self._path)
        fill = QColor(self._colour)
        fill.setAlphaF(FILL_SHARE * self._strength)
        painter.fillPath(placed, fill)
        painter.setOpacity(self._strength)
        painter.strokePath(placed, QPen(QColor(0, 0, 0, 150), 3.4))
        painter.strokePath(placed, dashed_pen(self._colour, 1.8) if self._dashed else QPen(self._colour, 1.8))


def outline_path(mask_ji: NDArray[np.bool_]) -> QPainterPath:
    """The loops of a mask as one path with holes, `image_px`."""
    path = QPainterPath()
    path.setFillRule(Qt.FillRule.OddEvenFill)
    for loop in outline_loops(mask_ji):
        path.addPolygon(QPolygonF([QPointF(i, j) for i, j in loop.tolist()]))
        path.closeSubpath()
    return path
