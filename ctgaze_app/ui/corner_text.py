"""What is written over a slice: window, position, orientation letters, scale bar, the notice about the series.

All of it is 60 % white with a dark edge, so that it can be read on lung and on bone and stays dim in a dark room.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPen

from ctgaze_app.ct.orientation import edge_letters
from ctgaze_app.ct.volume import Finding, Volume
from ctgaze_app.ui.theme import PANEL, WARN
from ctgaze_app.ui.view_state import ViewState

NotePlace = Literal["top_right", "bottom_right"]

MARGIN = 16.0
SCALE_BAR_SLOT = 200.0
_TEXT = QColor(255, 255, 255, 153)
_EDGE = QColor(0, 0, 0, 150)


def window_text(state: ViewState) -> str:
    """Window width and level, e.g. ``W 1500 L -600``."""
    text = f"W {_number(state.window_width)} L {_number(state.window_centre)}"
    return f"{text}  inverted" if state.invert else text


def position_text(volume: Volume, state: ViewState, zoom: float) -> str:
    """Slice, position along the stack in mm and zoom, e.g. ``im 57/143  z -143.5 mm  zoom 1.9``.

    Of a single picture what it is, its size and zoom, e.g. ``DX picture  2544 × 3056  zoom 0.3``.
    """
    if volume.picture:
        _, rows, columns = volume.shape_kji
        unknown = "" if volume.has_mm else "  no millimetres"
        return f"{volume.modality[:16]} picture  {columns} × {rows}  zoom {zoom:.1f}{unknown}".lstrip()
    k = state.slice_index
    axis, millimetres = slice_position_mm(volume, k)
    return f"im {k + 1}/{volume.shape_kji[0]}  {axis} {millimetres:.1f} mm  zoom {zoom:.1f}"


def slice_position_mm(volume: Volume, slice_index: int) -> tuple[str, float]:
    """Name of the patient axis across the slices (LPS), and where on it the slice lies."""
    point = volume.positions_lps_mm[slice_index]
    if volume.plane in (0, 1, 2):
        axis = {0: 2, 1: 1, 2: 0}[volume.plane]
        return "xyz"[axis], float(point[axis])
    return "s", float(point @ np.cross(volume.row_direction, volume.column_direction))


def scale_bar_mm(mm_per_px: float, longest_px: float) -> float:
    """The longest of 1, 2, 5, 10, 20, 50 ... mm that is no longer than `longest_px`."""
    longest_mm = mm_per_px * longest_px
    power = 10.0 ** math.floor(math.log10(longest_mm))
    return max(step * power for step in (1.0, 2.0, 5.0) if step * power <= longest_mm * (1 + 1e-9))


def draw_corner_text(
    painter: QPainter,
    pane: QRectF,
    font: QFont,
    volume: Volume,
    state: ViewState,
    *,
    zoom: float,
    mm_per_logical_px: float,
    notes: Mapping[NotePlace, str],
) -> None:
    """Draw everything but the notice; coordinates are logical pixels of the pane, `zoom` physical px per column."""
    painter.setFont(font)
    metrics = QFontMetricsF(font)
    area = pane.adjusted(MARGIN, MARGIN, -MARGIN, -MARGIN)
    flag = Qt.AlignmentFlag
    _text(painter, area, flag.AlignLeft | flag.AlignTop, "colour" if volume.colour is not None else window_text(state))
    _text(painter, area, flag.AlignLeft | flag.AlignBottom, position_text(volume, state, zoom))
    _text(painter, area, flag.AlignRight | flag.AlignTop, notes.get("top_right", ""))
    beside = area.adjusted(0, 0, -SCALE_BAR_SLOT if volume.has_mm else 0, 0)
    _text(painter, beside, flag.AlignRight | flag.AlignBottom, notes.get("bottom_right", ""))
    if volume.has_sides:
        _draw_orientation(painter, area, volume)
    if volume.has_mm:
        _draw_scale_bar(painter, area, metrics, mm_per_logical_px)


def draw_notice(painter: QPainter, pane: QRectF, font: QFont, findings: tuple[Finding, ...]) -> QRectF:
    """Draw the notice about the series at the top; returns its rectangle, where a click hides it."""
    word = "▲ Check"
    more = f"  (and {len(findings) - 1} more)" if len(findings) > 1 else ""
    hint = "B hides this"
    painter.setFont(font)
    metrics = QFontMetricsF(font)
    gap = 12.0
    fixed = metrics.horizontalAdvance(word) + metrics.horizontalAdvance(hint) + 4 * gap
    # The corners keep their text: the notice takes the middle and shortens its message when it must.
    room = max(pane.width() - 2 * SCALE_BAR_SLOT - fixed, 120.0)
    message = metrics.elidedText(findings[0].message + more, Qt.TextElideMode.ElideRight, room)
    width = fixed + metrics.horizontalAdvance(message)
    box = QRectF(
        pane.center().x() - width / 2, pane.top() + MARGIN + metrics.height() + 12, width, metrics.height() + 12
    )
    painter.setPen(Qt.PenStyle.NoPen)
    fill = QColor(PANEL)
    fill.setAlpha(225)
    painter.setBrush(fill)
    painter.drawRoundedRect(box, 4, 4)
    flags = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
    x = box.left() + gap
    for text, colour in ((word, QColor(WARN)), (message, _TEXT), (hint, QColor(255, 255, 255, 110))):
        painter.setPen(colour)
        painter.drawText(QRectF(x, box.top(), box.right() - x, box.height()), flags, text)
        x += metrics.horizontalAdvance(text) + gap
    return box


def _draw_orientation(painter: QPainter, area: QRectF, volume: Volume) -> None:
    flag = Qt.AlignmentFlag
    letters = edge_letters(volume.row_direction, volume.column_direction)
    for alignment, text in (
        (flag.AlignLeft | flag.AlignVCenter, letters.left),
        (flag.AlignRight | flag.AlignVCenter, letters.right),
        (flag.AlignHCenter | flag.AlignTop, letters.top),
        (flag.AlignHCenter | flag.AlignBottom, letters.bottom),
    ):
        _text(painter, area, alignment, text)


def _draw_scale_bar(painter: QPainter, area: QRectF, metrics: QFontMetricsF, mm_per_px: float) -> None:
    length_mm = scale_bar_mm(mm_per_px, min(SCALE_BAR_SLOT * 0.55, area.width() / 4))
    length_px = length_mm / mm_per_px
    right, y = area.right(), area.bottom() - metrics.descent() - metrics.xHeight() / 2
    left = right - length_px
    for pen in (QPen(_EDGE, 3), QPen(_TEXT, 1)):
        painter.setPen(pen)
        painter.drawLine(QPointF(left, y), QPointF(right, y))
        for x in (left, right):
            painter.drawLine(QPointF(x, y - 4), QPointF(x, y + 4))
    label = QRectF(area.left(), area.top(), left - 8 - area.left(), area.height())
    _text(painter, label, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignBottom, f"{length_mm:g} mm")


def _text(painter: QPainter, area: QRectF, alignment: Qt.AlignmentFlag, text: str) -> None:
    if not text:
        return
    painter.setPen(_EDGE)
    for dx, dy in ((1, 1), (-1, -1), (1, -1), (-1, 1)):
        painter.drawText(area.translated(dx, dy), alignment, text)
    painter.setPen(_TEXT)
    painter.drawText(area, alignment, text)


def _number(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 10 or value == int(value) else f"{value:.1f}"
