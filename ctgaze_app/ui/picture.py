"""One paint's worth of values: what is drawn and what is told about it come from the same frozen object."""

from __future__ import annotations

import math
from dataclasses import dataclass

from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QPainter

from ctgaze_app.gaze.views import PaintedView
from ctgaze_app.ui.slice_image import SliceImage
from ctgaze_app.ui.view_state import ImageFrame, ViewState


@dataclass(frozen=True)
class Picture:
    """Everything one paint draws from.

    `frame` is None when there is nothing to show; `clip_px` is the part of the pane that the image may cover, in
    physical pixels; `scale` is physical pixels per logical pixel.
    """

    state: ViewState
    image: SliceImage | None
    frame: ImageFrame | None
    clip_px: QRect
    scale: float
    view: PaintedView

    @property
    def mm_per_logical_px(self) -> float:
        """Millimetres along a row per logical pixel; NaN without an image or where they are unknown."""
        if self.image is None or self.frame is None or not self.image.volume.has_mm:
            return math.nan
        return self.image.volume.pixel_spacing_ij_mm[0] / self.frame.scale_x * self.scale

    def draw_image(self, painter: QPainter) -> None:
        """Draw the slice, black around it, on a painter of the pane."""
        painter.save()
        painter.resetTransform()
        painter.scale(1 / self.scale, 1 / self.scale)
        whole = QRect(0, 0, *(math.ceil(side) for side in self.view.pane_rect_px[2:]))
        if self.image is None or self.frame is None:
            painter.fillRect(whole, Qt.GlobalColor.black)
        else:
            if self.clip_px != whole:
                painter.fillRect(whole, Qt.GlobalColor.black)
            self.image.draw(painter, self.state, self.frame, self.clip_px)
        painter.restore()
