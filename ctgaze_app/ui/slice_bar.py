"""The slim bar beside a slice view: where in the stack we are; a click or drag goes there."""

from __future__ import annotations

import math

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from ctgaze_app.ui.theme import BEHIND_IMAGE

WIDTH_PX = 12
LEAST_THUMB_PX = 24.0
_TRACK = QColor(255, 255, 255, 38)
_THUMB = QColor(255, 255, 255, 153)
_MARGIN = 3.0


class SliceBar(QWidget):
    """Draws the position as a thumb on a thin track.

    Signals
    -------
    slice_requested(int)
        The slice index under a click or drag.
    """

    slice_requested = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._count = 0
        self._index = 0
        self.setFixedWidth(WIDTH_PX)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Expanding)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)

    def sizeHint(self) -> QSize:
        """Slim."""
        return QSize(WIDTH_PX, 240)

    def show_position(self, slice_index: int, slice_count: int) -> None:
        """Show slice `slice_index` (from 0) of `slice_count`; nothing when there are none."""
        if (slice_index, slice_count) != (self._index, self._count):
            self._index, self._count = slice_index, slice_count
            self.update()

    def slice_at(self, y: float) -> int:
        """The slice index at a height (logical pixels); each slice owns an equal part of the bar."""
        return min(max(math.floor(y / max(self.height(), 1) * self._count), 0), max(self._count - 1, 0))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Go to the slice under the pointer."""
        if event.button() == Qt.MouseButton.LeftButton:
            self._request(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Follow the pointer."""
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._request(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Track and thumb."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(BEHIND_IMAGE))
        if not self._count:
            return
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        part = self.height() / self._count
        thumb = max(part, LEAST_THUMB_PX)
        top = min(max((self._index + 0.5) * part - thumb / 2, 0.0), self.height() - thumb)
        painter.setBrush(_TRACK)
        painter.drawRect(QRectF(self.width() / 2 - 1, 0, 2, self.height()))
        painter.setBrush(_THUMB)
        painter.drawRoundedRect(QRectF(_MARGIN, top, self.width() - 2 * _MARGIN, thumb), 3, 3)

    def _request(self, event: QMouseEvent) -> None:
        if self._count:
            self.slice_requested.emit(self.slice_at(event.position().y()))
