"""The figures of a validation as a compact table: dots in rows, four measures for each eye."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QColor, QFontMetrics
from PySide6.QtWidgets import QAbstractItemView, QSizePolicy, QTableWidget, QTableWidgetItem, QWidget

from calibration.validation import Figures, Validation
from ctgaze_app.ui import theme
from ctgaze_app.ui.calibration.eye_marks import EYE_MARKS, shown_eyes

MEASURES = ("error\ndegrees", "RMS-S2S\ndegrees", "STD\ndegrees", "loss\n%")
NO_NUMBER = "–"
_ROW_HEIGHT = 24
_HEAD_ROWS = 2


class ResultTable(QTableWidget):
    """Read-only rows: the eyes' names, every dot, the mean over dots after and before the correction."""

    def __init__(
        self,
        validation: Validation,
        raw: Validation | None = None,
        repeat_dots: Collection[int] = (),
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._eyes = shown_eyes(validation.eyes)
        rows = self._rows(validation, raw)
        self.setColumnCount(1 + len(MEASURES) * len(self._eyes))
        self.setRowCount(_HEAD_ROWS + len(rows))
        self._fill_head()
        for row, (name, index, figures) in enumerate(rows, start=_HEAD_ROWS):
            again = index is not None and index in repeat_dots
            cells = [f"{name}  repeat" if again else name, *(text for found in figures for text in _texts(found))]
            for column, text in enumerate(cells):
                self._put(row, column, text, theme.WARN if again else theme.TEXT, strong=index is None)
        self._look()

    def sizeHint(self) -> QSize:
        """Exactly all rows and columns: nothing scrolls where there is room."""
        width = sum(self.columnWidth(column) for column in range(self.columnCount()))
        height = sum(self.rowHeight(row) for row in range(self.rowCount()))
        return QSize(width + 2 * self.frameWidth() + 2, height + 2 * self.frameWidth() + 2)

    def text(self, row: int, column: int) -> str:
        """A cell's text; row 0 holds the eyes' names, row 1 the measures."""
        item = self.item(row, column)
        return item.text() if item is not None else ""

    def _rows(
        self, validation: Validation, raw: Validation | None
    ) -> list[tuple[str, int | None, list[Figures | None]]]:
        if not self._eyes:
            return []
        found = [validation.eyes[eye] for eye in self._eyes]
        rows: list[tuple[str, int | None, list[Figures | None]]] = [
            (str(dot.index + 1), dot.index, [eye.dots[place].figures for eye in found])
            for place, dot in enumerate(found[0].dots)
        ]
        rows.append(("mean", None, [eye.mean for eye in found]))
        if raw is not None:
            sent = [raw.eyes.get(eye) for eye in self._eyes]
            rows.append(("as sent", None, [eye.mean if eye is not None else None for eye in sent]))
        return rows

    def _fill_head(self) -> None:
        for column, text in enumerate(["dot", *(MEASURES * len(self._eyes))]):
            self._put(0, column, "", theme.TEXT)
            self._put(1, column, text, theme.TEXT_SECONDARY)
        for place, eye in enumerate(self._eyes):
            column = 1 + place * len(MEASURES)
            self._put(0, column, EYE_MARKS[eye].word, EYE_MARKS[eye].colour, strong=True)
            self.setSpan(0, column, 1, len(MEASURES))

    def _put(self, row: int, column: int, text: str, colour: str, *, strong: bool = False) -> None:
        item = QTableWidgetItem(text)
        side = Qt.AlignmentFlag.AlignLeft if column == 0 else Qt.AlignmentFlag.AlignRight
        item.setTextAlignment(side | Qt.AlignmentFlag.AlignVCenter)
        if row < _HEAD_ROWS:
            item.setBackground(QColor(theme.RAISED))
        item.setForeground(QColor(colour))
        item.setFont(theme.ui_font(bold=strong))
        self.setItem(row, column, item)

    def _look(self) -> None:
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setShowGrid(False)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self.verticalHeader().hide()
        self.verticalHeader().setMinimumSectionSize(_ROW_HEIGHT)
        self.verticalHeader().setDefaultSectionSize(_ROW_HEIGHT)
        self.setRowHeight(1, 2 * _ROW_HEIGHT - 8)
        self.horizontalHeader().hide()
        self.setStyleSheet("QTableWidget::item { padding: 0 6px; }")
        # widths are measured here, not with ResizeToContents: that one does not know the padding
        metrics, strong = QFontMetrics(theme.ui_font()), QFontMetrics(theme.ui_font(bold=True))
        for column in range(self.columnCount()):
            texts = [line for row in range(1, self.rowCount()) for line in self.text(row, column).splitlines()]
            widest = max(
                (max(metrics.horizontalAdvance(text), strong.horizontalAdvance(text)) for text in texts), default=0
            )
            self.setColumnWidth(column, widest + 20)


def _texts(figures: Figures | None) -> Sequence[str]:
    if figures is None:
        return [NO_NUMBER] * len(MEASURES)
    loss = figures.data_loss if math.isnan(figures.data_loss_expected) else figures.data_loss_expected
    return [
        _number(figures.accuracy_deg, 1),
        _number(figures.rms_s2s_deg, 2),
        _number(figures.std_deg, 2),
        _number(100.0 * loss, 0),
    ]


def _number(value: float, decimals: int) -> str:
    return f"{value:.{decimals}f}" if math.isfinite(value) else NO_NUMBER
