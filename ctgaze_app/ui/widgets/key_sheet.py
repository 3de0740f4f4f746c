"""The `?` sheet: every key and gesture of the rooms given, made from the table of actions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetricsF, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from ctgaze_app.ui.actions import Action, shown_key
from ctgaze_app.ui.theme import LINE, PANEL, TEXT, TEXT_SECONDARY, ui_font

_PAD = 24.0
_GAP = 16.0
_COLUMN_GAP = 40.0


class KeySheet(QWidget):
    """A panel over its parent; any key or click closes it.

    Parameters
    ----------
    actions
        What to list, grouped in the table's order.
    names
        Clearer texts by action id, e.g. what the presets are called.
    """

    closed = Signal()

    def __init__(self, parent: QWidget, actions: Sequence[Action], names: Mapping[str, str] | None = None) -> None:
        super().__init__(parent)
        self._room = parent
        names = names or {}
        groups: dict[str, list[tuple[str, str]]] = {}
        for each in actions:
            keys = " or ".join(shown_key(key) for key in each.keys)
            how = ", ".join(part for part in (keys, each.mouse) if part)
            groups.setdefault(each.group, []).append((how, names.get(each.id, each.text)))
        self.groups = groups
        self._font = ui_font()
        self._bold = ui_font(bold=True)
        self._row = QFontMetricsF(self._font).height() + 6
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.hide()

    def open(self) -> None:
        """Show the sheet in the middle of the parent, above everything there."""
        parent = self._room
        size = self.sizeHint().boundedTo(parent.size())
        self.setGeometry(
            (parent.width() - size.width()) // 2, (parent.height() - size.height()) // 2, size.width(), size.height()
        )
        self.show()
        self.raise_()
        self.setFocus(Qt.FocusReason.PopupFocusReason)

    def dismiss(self) -> None:
        """Close it."""
        if self.isVisible():
            self.hide()
            self.closed.emit()

    def sizeHint(self) -> QSize:
        """As large as its text."""
        widths = [self._column_widths(column) for column in self._columns()]
        width = sum(keys + _GAP + text for keys, text in widths) + _COLUMN_GAP * (len(widths) - 1)
        height = max(self._column_height(column) for column in self._columns())
        return QSize(round(width + 2 * _PAD), round(height + 2 * _PAD))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Any key closes it and does nothing else."""
        self.dismiss()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """A click closes it."""
        self.dismiss()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Two columns of groups."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QColor(LINE))
        painter.setBrush(QColor(PANEL))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 8, 8)
        x = _PAD
        for column in self._columns():
            keys_width, text_width = self._column_widths(column)
            y = _PAD
            for title, rows in column:
                painter.setFont(self._bold)
                painter.setPen(QColor(TEXT))
                painter.drawText(self._baseline(x, y), title)
                y += self._row
                painter.setFont(self._font)
                for keys, text in rows:
                    painter.setPen(QColor(TEXT_SECONDARY))
                    painter.drawText(self._baseline(x, y), keys)
                    painter.setPen(QColor(TEXT))
                    painter.drawText(self._baseline(x + keys_width + _GAP, y), text)
                    y += self._row
                y += self._row / 2
            x += keys_width + _GAP + text_width + _COLUMN_GAP

    def _baseline(self, x: float, y: float) -> QPointF:
        return QPointF(x, y + QFontMetricsF(self._font).ascent())

    def _columns(self) -> list[list[tuple[str, list[tuple[str, str]]]]]:
        """The groups in two columns of about equal length, in their order."""
        groups = list(self.groups.items())
        lengths = [len(rows) + 1.5 for _, rows in groups]
        splits = range(1, len(groups)) if len(groups) > 1 else [1]
        split = min(splits, key=lambda at: max(sum(lengths[:at]), sum(lengths[at:])))
        return [column for column in (groups[:split], groups[split:]) if column]

    def _column_widths(self, column: list[tuple[str, list[tuple[str, str]]]]) -> tuple[float, float]:
        metrics = QFontMetricsF(self._font)
        rows = [row for _, rows in column for row in rows]
        return (
            max(metrics.horizontalAdvance(keys) for keys, _ in rows),
            max(metrics.horizontalAdvance(text) for _, text in rows),
        )

    def _column_height(self, column: list[tuple[str, list[tuple[str, str]]]]) -> float:
        return sum((len(rows) + 1.5) * self._row for _, rows in column) - self._row / 2
