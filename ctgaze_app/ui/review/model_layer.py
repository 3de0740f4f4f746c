"""A model's predicted paths over a slice: lighter than a reader's, dashed, hollow diamonds, with the model's name."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPen, QPolygonF

from ctgaze_app.review.replay import DrawnFixation
from ctgaze_app.ui.overlays import ImageOverlay, ToScreen, between_circles, outlined_text
from ctgaze_app.ui.theme import MODELS, PANEL, ui_font
from models.predictions import RESEARCH_ONLY

MODEL_Z = 15.0
DASHES = [4.0, 3.0]
"""On and off, in widths of the line."""
OTHER_PATHS_SHARE = 0.7
"""Of the opacity, for the sampled paths beside the emphasised one."""
OTHER_DIAMOND_PX = 4.5
LABEL_MARGIN_PX = 16.0
SWATCH_PX = 26.0


def model_label(model: str, version: str) -> str:
    """Name, version and what it is good for: stands wherever a prediction is shown."""
    return f"{model} {version} - {RESEARCH_ONLY}"


class ModelPathItem(ImageOverlay):
    """Sampled paths of one prediction; the emphasised one with numbers and durations, the others thin."""

    def __init__(self, colour: str = MODELS[0]) -> None:
        super().__init__(colour, MODEL_Z)
        self._drawn: tuple[tuple[DrawnFixation, ...], ...] = ()
        self._emphasised = 0
        self._label = ""
        self._strength = 1.0

    @property
    def drawn(self) -> tuple[tuple[DrawnFixation, ...], ...]:
        """What is drawn of each path."""
        return self._drawn

    @property
    def label(self) -> str:
        """The words beside it; empty when nothing is shown."""
        return self._label

    def set_paths(
        self, drawn: Sequence[Sequence[DrawnFixation]], emphasised: int, label: str, strength: float = 1.0
    ) -> None:
        """Replace what is drawn; `strength` in 0..1 dims all of it but the label, no label means no prediction."""
        new = tuple(tuple(one) for one in drawn)
        if (new, emphasised, label, strength) != (self._drawn, self._emphasised, self._label, self._strength):
            self._drawn, self._emphasised, self._label, self._strength = new, emphasised, label, strength
            self.update()

    def _draw(self, painter: QPainter, to_screen: ToScreen) -> None:
        if not self._label:
            return
        for number, path in enumerate(self._drawn):
            if number != self._emphasised:
                self._draw_path(painter, to_screen, path, emphasised=False)
        if self._emphasised < len(self._drawn):
            self._draw_path(painter, to_screen, self._drawn[self._emphasised], emphasised=True)
        painter.setOpacity(1.0)
        # The pane, not the painter's viewport: that is the whole window when a picture of it is taken.
        panes = self.scene().views()
        if panes:
            draw_label(painter, QRectF(panes[0].viewport().rect()), self._label, self._colour)

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
                _draw_dashed(painter, line, self._colour, width, edged=emphasised)
        font = ui_font(8.0, bold=True)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for one, centre, radius in zip(path, places, radii, strict=True):
            painter.setOpacity(strength * one.opacity)
            diamond = _diamond(centre, radius)
            if emphasised:
                painter.setPen(QPen(QColor(0, 0, 0, 150), 3.2))
                painter.drawPolygon(diamond)
            painter.setPen(QPen(self._colour, width))
            painter.drawPolygon(diamond)
            if emphasised:
                outlined_text(painter, centre, radius, str(one.fixation.number), font)


def draw_label(painter: QPainter, pane: QRectF, text: str, colour: QColor) -> QRectF:
    """The model's name and the warning beside a dashed line, above the scale bar at the lower right; gives its box.

    In a narrow pane it takes several lines: it is never cut off.
    """
    font = ui_font()
    painter.setFont(font)
    metrics = QFontMetricsF(font)
    gap = 8.0
    room = pane.width() - 2 * LABEL_MARGIN_PX - SWATCH_PX - 3 * gap
    wrapped = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop | Qt.TextFlag.TextWordWrap
    # One pixel more, since rounding must not break a line that fits.
    words = metrics.boundingRect(QRectF(0, 0, room, pane.height()), wrapped, text).adjusted(0, 0, 1, 0)
    width, height = words.width() + SWATCH_PX + 3 * gap, words.height() + gap
    bottom = pane.bottom() - LABEL_MARGIN_PX - metrics.height() - gap
    box = QRectF(pane.right() - LABEL_MARGIN_PX - width, bottom - height, width, height)
    fill = QColor(PANEL)
    fill.setAlpha(215)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(fill)
    painter.drawRoundedRect(box, 4, 4)
    middle = box.top() + gap / 2 + metrics.height() / 2
    swatch = QPointF(box.left() + gap, middle), QPointF(box.left() + gap + SWATCH_PX, middle)
    _draw_dashed(painter, swatch, colour, 1.6, edged=False)
    painter.setPen(colour)
    painter.drawText(words.translated(swatch[1].x() + gap, box.top() + gap / 2), wrapped, text)
    return box


def dashed_pen(colour: QColor, width: float) -> QPen:
    """The one dash that says model, on slices and on the timeline."""
    pen = QPen(colour, width)
    pen.setDashPattern(DASHES)
    pen.setCapStyle(Qt.PenCapStyle.FlatCap)
    return pen


def _draw_dashed(
    painter: QPainter, line: tuple[QPointF, QPointF], colour: QColor, width: float, *, edged: bool
) -> None:
    if edged:
        painter.setPen(dashed_pen(QColor(0, 0, 0, 130), 2.2 * width))
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
