"""A scan path over a slice: a model's dashed with hollow diamonds, another reader's solid with hollow circles."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPolygonF

from ctgaze_app.review.replay import DrawnFixation
from ctgaze_app.ui.overlays import ImageOverlay, ToScreen, between_circles, outlined_text
from ctgaze_app.ui.review.layer_look import DASHES, dashed_pen
from ctgaze_app.ui.theme import ui_font

PATHS_Z = 15.0
OTHER_PATHS_SHARE = 0.7
"""Of the opacity, for the sampled paths beside the emphasised one."""
OTHER_DIAMOND_PX = 4.5


class PathItem(ImageOverlay):
    """Paths of one layer; the emphasised one with numbers and durations, the others thin."""

    def __init__(self, *, dashed: bool) -> None:
        super().__init__("#ffffff", PATHS_Z)
        self._dashed = dashed
        self._drawn: tuple[tuple[DrawnFixation, ...], ...] = ()
        self._emphasised = 0
        self._strength = 1.0

    @property
    def drawn(self) -> tuple[tuple[DrawnFixation, ...], ...]:
        """What is drawn of each path."""
        return self._drawn

    def set_look(self, colour: QColor, strength: float) -> None:
        """Colour, and opacity in 0..1."""
        if (colour, strength) != (self._colour, self._strength):
            self._colour, self._strength = colour, strength
            self.update()

    def set_paths(self, drawn: Sequence[Sequence[DrawnFixation]], emphasised: int) -> None:
        """Replace what is drawn."""
        new = tuple(tuple(one) for one in drawn)
        if (new, emphasised) != (self._drawn, self._emphasised):
            self._drawn, self._emphasised = new, emphasised
            self.update()

    def _draw(self, painter: QPainter, to_screen: ToScreen) -> None:
        for number, path in enumerate(self._drawn):
            if number != self._emphasised:
                self._draw_path(painter, to_screen, path, emphasised=False)
        if self._emphasised < len(self._drawn):
            self._draw_path(painter, to_screen, self._drawn[self._emphasised], emphasised=True)

    def _draw_path(
        self, painter: QPainter, to_screen: ToScreen, path: Sequence[DrawnFixation], *, emphasised: bool
    ) -> None:
        strength = self._strength * (1.0 if emphasised else OTHER_PATHS_SHARE)
        places = [to_screen(QPointF(*one.fixation.voxel[:2])) for one in path]
        radii = [one.radius_px if emphasised else OTHER_DIAMOND_PX for one in path]
        width = 1.6 if emphasised else 1.3
        for place in range(1, len(path)):
            before, after = path[place - 1], path[place]
            if after.fixation.number != before.fixation.number + 1:
                continue
            line = between_circles(places[place - 1], places[place], radii[place - 1], radii[place])
            if line is not None:
                painter.setOpacity(strength * min(before.opacity, after.opacity))
                self._draw_line(painter, line, width, edged=emphasised)
        font = ui_font(8.0, bold=True)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for one, centre, radius in zip(path, places, radii, strict=True):
            painter.setOpacity(strength * one.opacity)
            if emphasised:
                painter.setPen(QPen(QColor(0, 0, 0, 150), 3.2))
                self._draw_mark(painter, centre, radius)
            painter.setPen(QPen(self._colour, width))
            self._draw_mark(painter, centre, radius)
            if emphasised:
                outlined_text(painter, centre, radius, str(one.fixation.number), font)

    def _draw_mark(self, painter: QPainter, centre: QPointF, radius_px: float) -> None:
        if self._dashed:
            painter.drawPolygon(_diamond(centre, radius_px))
        else:
            painter.drawEllipse(centre, radius_px, radius_px)

    def _draw_line(self, painter: QPainter, line: tuple[QPointF, QPointF], width: float, *, edged: bool) -> None:
        edge, colour = QColor(0, 0, 0, 130), self._colour
        if not self._dashed:
            painter.setPen(QPen(edge, 2.2 * width))
            painter.drawLine(*line)
            painter.setPen(QPen(colour, width))
            painter.drawLine(*line)
            return
        if edged:
            painter.setPen(dashed_pen(edge, 2.2 * width))
            painter.drawLine(*line)
        pen = dashed_pen(colour, width)
        if edged:
            pen.setDashPattern([2.2 * each for each in DASHES])
        painter.setPen(pen)
        painter.drawLine(*line)


def _diamond(centre: QPointF, radius_px: float) -> QPolygonF:
    # As large as the circle of a reader's fixation that lasted as long: half a diagonal is r * sqrt(pi / 2).
    half = 1.2533 * radius_px
    return QPolygonF([centre + QPointF(dx * half, dy * half) for dx, dy in ((0, -1), (1, 0), (0, 1), (-1, 0))])
