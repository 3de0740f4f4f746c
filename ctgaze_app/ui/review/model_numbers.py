"""The Models part of Review's right side: a model's scores beside this reader, one floor or the best, the ceiling."""

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

from ctgaze_app.review.model_figures import FigureRow, ModelFigures
from ctgaze_app.ui.review.model_comparison import ModelComparison, figure_text
from ctgaze_app.ui.theme import MODELS, ui_font

HIGHEST = "Highest floor of each"
HINT = "Show a prediction, then compare it with this reader's own path."


class ModelNumbers(QWidget):
    """Shows a `ModelComparison`."""

    compare_asked = Signal()
    cancel_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._figures: ModelFigures | None = None
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 14)
        column.setSpacing(6)
        title = QLabel("Model beside this reader")
        title.setFont(ui_font(bold=True))
        column.addWidget(title)
        self.hint = _words("secondary")
        column.addWidget(self.hint)
        self.compare = QPushButton("Compare")
        self.compare.setObjectName("beside")
        self.compare.setToolTip("The figures of ctgaze compare, for the prediction that is shown")
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
        self.problem = _words("problem")
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
        self.note = _words("secondary")
        column.addWidget(self.note)
        self.cells: dict[tuple[str, str], QLabel] = {}

    def show_state(self, comparison: ModelComparison) -> None:
        """Show what is known."""
        shown = comparison.shown
        self._waiting.setVisible(comparison.busy)
        self.compare.setVisible(shown is not None and not comparison.busy and comparison.figures is None)
        self.problem.setText(comparison.problem)
        self.problem.setVisible(bool(comparison.problem))
        if shown is None:
            self.hint.setText(HINT)
        elif comparison.busy:
            self.hint.setText(f"Comparing with this reader, floors and ceiling: {int(comparison.waited_s)} s")
        else:
            self.hint.setText(shown.label)
        if comparison.figures is not self._figures:
            self._figures = comparison.figures
            self._fill_floors()
        for widget in (self._table, self.floor, self.note):
            widget.setVisible(self._figures is not None)

    def _fill_floors(self) -> None:
        figures = self._figures
        self.floor.blockSignals(True)
        self.floor.clear()
        if figures is not None:
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
        figures = self._figures
        while (item := self._grid.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.deleteLater()
        self.cells.clear()
        if figures is None:
            return
        for place, text in enumerate(("", "model", "floor", "ceiling")):
            self._put(0, place, text, "secondary", right=place > 0)
        chosen = str(self.floor.currentData() or "")
        for number, row in enumerate(figures.rows, 1):
            floor_name, floor = row.highest_floor if not chosen else (chosen, row.floors.get(chosen, math.nan))
            self._put(number, 0, row.name, "secondary").setToolTip(row.meaning)
            self.cells[row.key, "model"] = self._put(number, 1, figure_text(row.model, row.decimals), right=True)
            self.cells[row.key, "model"].setStyleSheet(f"color: {MODELS[0]}")
            self.cells[row.key, "model"].setToolTip(_each_path(row))
            self.cells[row.key, "floor"] = self._put(number, 2, figure_text(floor, row.decimals), right=True)
            self.cells[row.key, "floor"].setToolTip(_every_floor(row) if not chosen else floor_name)
            self.cells[row.key, "ceiling"] = self._put(number, 3, figure_text(row.ceiling, row.decimals), right=True)
            self.cells[row.key, "ceiling"].setToolTip(figures.ceiling_name or figures.ceiling_note)
        self.note.setText(_note(figures, chosen))

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


def _words(kind: str) -> QLabel:
    label = QLabel()
    label.setObjectName(kind)
    label.setWordWrap(True)
    return label
