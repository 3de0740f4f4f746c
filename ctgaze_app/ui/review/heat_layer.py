"""A map of where people would look, or of what a network looked at, over a slice in heat colours."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QImage, QPainter

from ctgaze_app.ui.overlays import ImageOverlay, ToScreen
from ctgaze_app.ui.review.layer_look import heat_image

HEAT_Z = 4.0
MOST_KEPT = 16
"""Slices whose picture is remembered: 1 MB each of 512 x 512."""


class HeatItem(ImageOverlay):
    """One map of one layer on the slice that is shown; nothing where it is 0."""

    def __init__(self) -> None:
        super().__init__("#ffffff", HEAT_Z)
        self._map: NDArray[np.uint8] | None = None
        self._image: QImage | None = None
        self._strength = 1.0
        self._kept: OrderedDict[int, QImage | None] = OrderedDict()

    @property
    def image(self) -> QImage | None:
        """What is drawn; None where the slice has nothing."""
        return self._image

    def set_look(self, strength: float) -> None:
        """Opacity in 0..1 of the hottest place."""
        if strength != self._strength:
            self._strength = strength
            self.update()

    def set_map(self, map_kji: NDArray[np.uint8] | None) -> None:
        """Draw another map; None draws none."""
        if map_kji is not self._map:
            self._map, self._image = map_kji, None
            self._kept.clear()
            self.update()

    def show_slice(self, slice_index: int) -> None:
        """Draw the map of this slice; -1 draws none."""
        image = self._image_of(slice_index)
        if image is not self._image:
            self._image = image
            self.update()

    def _image_of(self, k: int) -> QImage | None:
        found = self._map
        if found is None or not 0 <= k < len(found):
            return None
        if k not in self._kept:
            self._kept[k] = heat_image(found[k]) if found[k].any() else None
            if len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
        return self._kept[k]

    def _draw(self, painter: QPainter, to_screen: ToScreen) -> None:
        if self._image is None:
            return
        corner = to_screen(QPointF(-0.5, -0.5))
        opposite = to_screen(QPointF(self._image.width() - 0.5, self._image.height() - 0.5))
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, True)
        painter.setOpacity(self._strength)
        painter.drawImage(QRectF(corner, opposite), self._image)
