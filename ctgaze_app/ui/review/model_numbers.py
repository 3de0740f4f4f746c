"""Scores of predicted scan paths on Review's right side: beside this reader, one floor or the best, the ceiling."""

from __future__ import annotations

import math

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from ctgaze_app.review.layers import Layer
from ctgaze_app.review.model_figures import FigureRow, ModelFigures
from ctgaze_app.ui.review.layer_look import layer_colour
from ctgaze_app.ui.review.model_comparison import ModelComparison, figure_text
from ctgaze_app.ui.review.panel_parts import clear_layout, heading, words
from ctgaze_app.ui.theme import ui_font

HIGHEST = "Highest floor of each"
HINT = "Show a predicted scan path, then compare it with this reader's own."
MOST_COLUMNS = 2


class ModelNumbers(QWidget):
    """Shows a `ModelComparison`."""

    compare_asked = Signal()
    cancel_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._columns: tuple[tuple[Layer, ModelFigures], ...] = ()
        self._others: tuple[str, ...] = ()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 14)
        column.setSpacing(6)
        column.addWidget(heading("Models beside this reader"))
        self.hint = words("secondary")
        column.addWidget(self.hint)
        self.compare = QPushButton("Compare")
        self.compare.setObjectName("beside")
        self.compare.setToolTip("The figures of ctgaze compare, for every predicted scan path that is shown")
        self.compare.clicked.connect(self.compare_asked)
        column.addWidget(self.compare, alignment=Qt.AlignmentFlag.AlignLeft)
        self._waiting = QWidget()
        wait = QHBoxLayout(self._waiting)
        wait.setContentsMargins(0, 0, 0, 0)
        bar = QProgressBar()
        bar.setRange(0, 0)
        self.cancel = QPushButton("Cancel")
        self.cancel.setObjectName("beside")
        self.cancel.clicked.connect(self.cancel_asked)
        wait.addWidget(bar, 1)
        wait.addWidget(self.cancel)
        column.addWidget(self._waiting)
        self.problem = words("problem")
        column.addWidget(self.problem)
        self._table = QWidget()
        self._grid = QGridLayout(self._table)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(8)
        self._grid.setVerticalSpacing(3)
        self._grid.setColumnStretch(0, 1)
        column.addWidget(self._table)
        self.floor = QComboBox()
        self.floor.setAccessibleName("Which floor")
        self.floor.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.floor.currentIndexChanged.connect(self._fill)
        column.addWidget(self.floor)
        self.note = words("secondary")
        column.addWidget(self.note)
        self.cells: dict[tuple[str, str], QLabel] = {}

    def show_state(self, comparison: ModelComparison) -> None:
        """Show what is known: of two predictions at most, the selected one first, since a panel is narrow."""
        shown = comparison.shown
        self._waiting.setVisible(comparison.busy)
        self.compare.setVisible(bool(comparison.missing) and not comparison.busy)
        self.problem.setText(comparison.problem)
        self.problem.setVisible(bool(comparison.problem))
        if not shown:
            self.hint.setText(HINT)
        elif comparison.busy:
            self.hint.setText(f"Comparing with this reader, floors and ceiling: {int(comparison.waited_s)} s")
        else:
            self.hint.setText("\n".join(content.label for _, content in shown))
        columns = comparison.figures[:MOST_COLUMNS]
        self._others = tuple(layer.entry.title for layer, _ in comparison.figures[MOST_COLUMNS:])
        if columns != self._columns:
            before = [figures for _, figures in self._columns]
            self._columns = columns
            if before[:1] != [figures for _, figures in columns][:1]:
                self._fill_floors()
            else:
                self._fill()
        for widget in (self._table, self.floor, self.note):
            widget.setVisible(bool(columns))

    def _fill_floors(self) -> None:
        self.floor.blockSignals(True)
        self.floor.clear()
        if self._columns:
            figures = self._columns[0][1]
            names = list(figures.rows[0].floors)
            self.floor.addItem(HIGHEST, "")
            for name in names:
                self.floor.addItem(f"Floor: {name}", name)
            for name, why in figures.floor_notes.items():
                if name not in names:
                    self.floor.addItem(f"Floor: {name} (not available)", name)
                    self.floor.setItemData(self.floor.count() - 1, why, Qt.ItemDataRole.ToolTipRole)
        self.floor.blockSignals(False)
        self._fill()

    def _fill(self) -> None:
        clear_layout(self._grid)
        self.cells.clear()
        if not self._columns:
            return
        heads = [
            f"model {number}" if len(self._columns) > 1 else "model" for number in range(1, len(self._columns) + 1)
        ]
        for place, text in enumerate(("", *heads, "floor", "ceiling")):
            label = self._put(0, place, text, "secondary", right=place > 0)
            if 0 < place <= len(self._columns):
                label.setToolTip(self._columns[place - 1][0].entry.title)
        chosen = str(self.floor.currentData() or "")
        for number, row in enumerate(self._columns[0][1].rows, 1):
            self._put(number, 0, row.name, "secondary").setToolTip(row.meaning)
            for place, (layer, figures) in enumerate(self._columns, 1):
                mine = figures.rows[number - 1]
                cell = self._put(number, place, figure_text(mine.model, mine.decimals), right=True)
                cell.setStyleSheet(f"color: {layer_colour(layer).name()}")
                cell.setToolTip(f"{layer.entry.title}\n{_each_path(mine)}")
                self.cells[row.key, heads[place - 1]] = cell
            self._put_beside(number, row, chosen)
        self.note.setText(self._note_text(chosen))

    def _put_beside(self, number: int, row: FigureRow, chosen: str) -> None:
        """Floor and ceiling of one measure; they are the reader's, the same for every model."""
        figures, last = self._columns[0][1], len(self._columns)
        floor_name, floor = row.highest_floor if not chosen else (chosen, row.floors.get(chosen, math.nan))
        self.cells[row.key, "floor"] = self._put(number, last + 1, figure_text(floor, row.decimals), right=True)
        self.cells[row.key, "floor"].setToolTip(_every_floor(row) if not chosen else floor_name)
        self.cells[row.key, "ceiling"] = self._put(number, last + 2, figure_text(row.ceiling, row.decimals), right=True)
        self.cells[row.key, "ceiling"].setToolTip(figures.ceiling_name or figures.ceiling_note)

    def _note_text(self, chosen: str) -> str:
        lines = []
        if len(self._columns) > 1:
            lines += [f"Model {place}: {layer.entry.title}." for place, (layer, _) in enumerate(self._columns, 1)]
        lines.append(_note(self._columns[0][1], chosen))
        if self._others:
            lines.append(f"Also compared: {', '.join(self._others)}. Select one to see it here.")
        return "\n".join(lines)

    def _put(self, row: int, column: int, text: str, kind: str = "", *, right: bool = False) -> QLabel:
        label = QLabel(text)
        label.setFont(ui_font())
        if kind:
            label.setObjectName(kind)
        if right:
            label.setAlignment(Qt.AlignmentFlag.AlignRight)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._grid.addWidget(label, row, column)
        return label


def _note(figures: ModelFigures, chosen: str) -> str:
    """What the columns are, and what is not there and why."""
    count = len(figures.rows[0].of_each_path)
    lines = [f"Model: mean of {count} paths." if count > 1 else "Model: one path."]
    if figures.ceiling_name:
        lines.append(f"Ceiling: {figures.ceiling_name}.")
    else:
        lines.append(f"Ceiling {figures.ceiling_note}.")
    if chosen and chosen in figures.floor_notes:
        lines.append(f"This floor is {figures.floor_notes[chosen]}.")
    else:
        missing = len([name for name in figures.floor_notes if name not in figures.rows[0].floors])
        if missing:
            every = missing + len(figures.rows[0].floors)
            lines.append(f"{missing} of {every} floors are not available: they need readings of other patients.")
    return "\n".join(lines)


def _each_path(row: FigureRow) -> str:
    return "\n".join(f"path {number}: {value:.3f}" for number, value in enumerate(row.of_each_path, 1))


def _every_floor(row: FigureRow) -> str:
    return "\n".join(f"{name}: {value:.3f}" for name, value in row.floors.items())
