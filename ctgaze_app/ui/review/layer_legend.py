"""The names of everything that lies over a slice, with what each looks like: above the scale bar at the lower right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPen

from ctgaze_app.review.layers import Layer
from ctgaze_app.ui.overlays import ImageOverlay, ToScreen
from ctgaze_app.ui.review.layer_look import SWATCH_PX, draw_swatch, layer_colour
from ctgaze_app.ui.theme import PANEL, TEXT, ui_font

LEGEND_Z = 40.0
MARGIN_PX = 16.0
GAP_PX = 8.0


@dataclass(frozen=True)
class LegendLine:
    """One layer and the words beside it; without a layer plain words, or the solid white line of a reference."""

    layer: Layer | None
    words: str
    reference: bool = False


class LegendItem(ImageOverlay):
    """Draws the lines; there is no picture of a prediction without its name."""

    def __init__(self) -> None:
        super().__init__(TEXT, LEGEND_Z)
        self._lines: tuple[LegendLine, ...] = ()

    @property
    def lines(self) -> tuple[LegendLine, ...]:
        """What is written."""
        return self._lines

    def set_lines(self, lines: Sequence[LegendLine]) -> None:
        """Write other lines."""
        if tuple(lines) != self._lines:
            self._lines = tuple(lines)
            self.update()

    def _draw(self, painter: QPainter, to_screen: ToScreen) -> None:
        # The pane, not the painter's viewport: that is the whole window when a picture of it is taken.
        panes = self.scene().views()
        if panes and self._lines:
            draw_legend(painter, QRectF(panes[0].viewport().rect()), self._lines)


def draw_legend(painter: QPainter, pane: QRectF, lines: Sequence[LegendLine]) -> QRectF:
    """Write the lines into the lower right of a pane and give the box that they fill.

    In a narrow pane a line wraps: names are never cut off.
    """
    font = ui_font()
    painter.setFont(font)
    metrics = QFontMetricsF(font)
    room = pane.width() - 2 * MARGIN_PX - SWATCH_PX - 3 * GAP_PX
    wrapped = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop | Qt.TextFlag.TextWordWrap
    # One pixel more, since rounding must not break a line that fits.
    boxes = [
        metrics.boundingRect(QRectF(0, 0, room, pane.height()), wrapped, line.words).adjusted(0, 0, 1, 0)
        for line in lines
    ]
    width = max(box.width() for box in boxes) + SWATCH_PX + 3 * GAP_PX
    height = sum(box.height() for box in boxes) + GAP_PX
    bottom = pane.bottom() - MARGIN_PX - metrics.height() - GAP_PX
    frame = QRectF(pane.right() - MARGIN_PX - width, bottom - height, width, height)
    fill = QColor(PANEL)
    fill.setAlpha(215)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(fill)
    painter.drawRoundedRect(frame, 4, 4)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    top = frame.top() + GAP_PX / 2
    for line, box in zip(lines, boxes, strict=True):
        swatch = QRectF(frame.left() + GAP_PX, top + 2, SWATCH_PX, metrics.height() - 4)
        if line.layer is not None:
            draw_swatch(painter, line.layer, swatch)
        elif line.reference:
            painter.setPen(QPen(QColor(TEXT), 1.8))
            painter.drawLine(QPointF(swatch.left(), swatch.center().y()), QPointF(swatch.right(), swatch.center().y()))
        # Models are light enough to be read in their own colour, the darkest readers are not.
        coloured = line.layer is not None and line.layer.by_model
        painter.setPen(layer_colour(line.layer) if line.layer is not None and coloured else QColor(TEXT))
        painter.drawText(box.translated(QPointF(swatch.right() + GAP_PX - box.left(), top)), wrapped, line.words)
        top += box.height()
    return frame
