"""What is drawn over a slice, in `image_px`: gaze dot, numbered fixation circles, scan path. A human reader's colours.

Sizes are logical screen pixels whatever the zoom; every item reads the scale from the painter, so moving or zooming the
slice costs no update here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QPainter, QPainterPath, QPen
from PySide6.QtWidgets import QGraphicsItem, QStyleOptionGraphicsItem, QWidget

from ctgaze_app.review.replay import DrawnFixation
from ctgaze_app.ui.theme import READERS, TEXT

PATH_Z, FIXATIONS_Z, GAZE_Z = 10.0, 20.0, 30.0
ToScreen = Callable[[QPointF], QPointF]
_EVERYWHERE = QRectF(-1e5, -1e5, 2e5, 2e5)


class ImageOverlay(QGraphicsItem):
    """Draws in units of the logical screen pixel around points given in `image_px`; takes no mouse."""

    def __init__(self, colour: str, z: float) -> None:
        super().__init__()
        self._colour = QColor(colour)
        self.setZValue(z)
        self.setAcceptedMouseButtons(Qt.MouseButton.NoButton)

    def boundingRect(self) -> QRectF:
        """Everywhere: gaze may lie outside the image."""
        return _EVERYWHERE

    def shape(self) -> QPainterPath:
        """Nothing: overlays never catch the mouse."""
        return QPainterPath()

    def paint(
        self, painter: QPainter, option: QStyleOptionGraphicsItem | None = None, widget: QWidget | None = None
    ) -> None:
        """Draw with the painter's transform mapping `image_px` to the device."""
        image_to_device = painter.worldTransform()
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        painter.resetTransform()
        self._draw(painter, image_to_device.map)
        painter.restore()

    def _draw(self, painter: QPainter, to_screen: ToScreen) -> None:
        raise NotImplementedError


class GazeDotItem(ImageOverlay):
    """Where the eye is now: a ring with a dark edge, and a short tail of where it came from."""

    def __init__(self, colour: str = READERS[0]) -> None:
        super().__init__(colour, GAZE_Z)
        self._point_ij: tuple[float, float] | None = None
        self._tail_ij: NDArray[np.float64] = np.empty((0, 2))
        self._opacity = 1.0

    @property
    def point_ij(self) -> tuple[float, float] | None:
        """Where it is drawn, `image_px`; None when it is not."""
        return self._point_ij

    def set_gaze(
        self, point_ij: tuple[float, float] | None, tail_ij: NDArray[np.float64] | None = None, opacity: float = 1.0
    ) -> None:
        """Move the dot; None takes it away. `tail_ij` (M, 2), oldest first, NaN where the line breaks."""
        tail = np.empty((0, 2)) if tail_ij is None else tail_ij
        if point_ij == self._point_ij and opacity == self._opacity and np.array_equal(tail, self._tail_ij, True):
            return
        self._point_ij, self._tail_ij, self._opacity = point_ij, tail, opacity
        self.update()

    def _draw(self, painter: QPainter, to_screen: ToScreen) -> None:
        painter.setOpacity(self._opacity)
        faint = QColor(self._colour)
        faint.setAlphaF(0.6)
        painter.setPen(QPen(faint, 1.5))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPath(_line_path(self._tail_ij, to_screen))
        if self._point_ij is None:
            return
        centre = to_screen(QPointF(*self._point_ij))
        painter.setPen(QPen(QColor(0, 0, 0, 170), 4.5))
        painter.drawEllipse(centre, 8.0, 8.0)
        painter.setPen(QPen(self._colour, 2.5))
        painter.drawEllipse(centre, 8.0, 8.0)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._colour)
        painter.drawEllipse(centre, 2.0, 2.0)


class FixationLayer(ImageOverlay):
    """Numbered circles whose area grows with duration; the selected one has a light ring."""

    def __init__(self, colour: str = READERS[0]) -> None:
        super().__init__(colour, FIXATIONS_Z)
        self._drawn: tuple[DrawnFixation, ...] = ()
        self._selected: int | None = None

    @property
    def drawn(self) -> tuple[DrawnFixation, ...]:
        """What is drawn now, oldest first."""
        return self._drawn

    def set_fixations(self, drawn: Sequence[DrawnFixation], selected: int | None = None) -> None:
        """Replace the circles; redraws only when something changed."""
        new = tuple(drawn)
        if new != self._drawn or selected != self._selected:
            self._drawn, self._selected = new, selected
            self.update()

    def _draw(self, painter: QPainter, to_screen: ToScreen) -> None:
        font = QFont(painter.font())
        font.setPixelSize(11)
        font.setWeight(QFont.Weight.DemiBold)
        painter.setFont(font)
        for one in self._drawn:
            centre = to_screen(QPointF(*one.fixation.voxel[:2]))
            selected = one.fixation.number == self._selected
            painter.setOpacity(1.0 if selected else one.opacity)
            fill = QColor(self._colour)
            fill.setAlphaF(0.18)
            painter.setBrush(fill)
            painter.setPen(QPen(QColor(0, 0, 0, 150), 3.0))
            painter.drawEllipse(centre, one.radius_px, one.radius_px)
            painter.setPen(QPen(self._colour, 1.5))
            painter.drawEllipse(centre, one.radius_px, one.radius_px)
            if selected:
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.setPen(QPen(QColor(TEXT), 2.0))
                painter.drawEllipse(centre, one.radius_px + 4.0, one.radius_px + 4.0)
            outlined_text(painter, centre, one.radius_px, str(one.fixation.number), font)


class ScanPathItem(ImageOverlay):
    """Straight lines from fixation to fixation, as faint as the fainter end."""

    def __init__(self, colour: str = READERS[0]) -> None:
        super().__init__(colour, PATH_Z)
        self._drawn: tuple[DrawnFixation, ...] = ()

    @property
    def drawn(self) -> tuple[DrawnFixation, ...]:
        """The fixations that are joined."""
        return self._drawn

    def set_fixations(self, drawn: Sequence[DrawnFixation]) -> None:
        """Replace the path; only fixations with successive numbers are joined."""
        new = tuple(drawn)
        if new != self._drawn:
            self._drawn = new
            self.update()

    def _draw(self, painter: QPainter, to_screen: ToScreen) -> None:
        for first, second in zip(self._drawn, self._drawn[1:], strict=False):
            if second.fixation.number != first.fixation.number + 1:
                continue
            start = to_screen(QPointF(*first.fixation.voxel[:2]))
            end = to_screen(QPointF(*second.fixation.voxel[:2]))
            shortened = between_circles(start, end, first.radius_px, second.radius_px)
            if shortened is None:
                continue
            painter.setOpacity(min(first.opacity, second.opacity))
            painter.setPen(QPen(QColor(0, 0, 0, 130), 3.0))
            painter.drawLine(*shortened)
            painter.setPen(QPen(self._colour, 1.2))
            painter.drawLine(*shortened)


def between_circles(start: QPointF, end: QPointF, start_px: float, end_px: float) -> tuple[QPointF, QPointF] | None:
    """The line from edge to edge of two circles with these centres and radii; None where they meet."""
    way = end - start
    length = math.hypot(way.x(), way.y())
    if length <= start_px + end_px:
        return None
    return start + way * (start_px / length), end - way * (end_px / length)


def _line_path(points_ij: NDArray[np.float64], to_screen: ToScreen) -> QPainterPath:
    path = QPainterPath()
    pen_down = False
    for i, j in points_ij:
        if not (math.isfinite(i) and math.isfinite(j)):
            pen_down = False
            continue
        if pen_down:
            path.lineTo(to_screen(QPointF(i, j)))
        else:
            path.moveTo(to_screen(QPointF(i, j)))
        pen_down = True
    return path


def outlined_text(painter: QPainter, centre: QPointF, radius_px: float, text: str, font: QFont) -> None:
    """A number beside a circle, where the tissue inside and the gaze dot stay visible."""
    corner = 0.71 * radius_px + 2.0
    path = QPainterPath()
    path.addText(QPointF(centre.x() + corner, centre.y() - corner), font, text)
    painter.strokePath(path, QPen(QColor(0, 0, 0, 200), 3.0, j=Qt.PenJoinStyle.RoundJoin))
    painter.fillPath(path, QColor("#ffffff"))
