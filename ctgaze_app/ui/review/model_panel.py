"""The Models part of Review's left side: choose a model, predict, cancel. Emits what is meant."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QProgressBar, QPushButton, QSpinBox, QVBoxLayout, QWidget

from ctgaze_app.study.prediction_worker import Step
from ctgaze_app.study.predictions import MOST_PATHS
from ctgaze_app.ui.review.model_choices import TASK_NAMES, ModelChoice
from ctgaze_app.ui.review.model_control import USUAL_PATHS, ModelControl
from ctgaze_app.ui.review.panel_parts import enable_row, group, heading, narrow_box, words

NO_MODEL = "No model is installed. ctgaze model import brings one in."
NOTHING_YET = "Predict shows what a model makes of this trial's image, over slices and timeline."
LOOKING = "Looking for models"
ONE_AT_A_TIME = "One prediction at a time: wait for this one, or cancel it"
PREDICT = "Run the model on this trial's series, in a process of its own"
TITLE_PX = 190
"""Of the words in a box of the narrowest panel."""


class ModelPanel(QWidget):
    """Shows a `ModelControl`; changes nothing by itself but what it was asked to show."""

    predict_asked = Signal(int, int)
    cancel_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows: list[tuple[str, str]] = []
        self._tasks: list[str] = []
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(6)
        self._layout.addWidget(heading("Predict"))
        self.hint = words("secondary")
        self._layout.addWidget(self.hint)
        self._asking = self._add_asking()
        self._waiting = self._add_waiting()
        self.problem = words("problem")
        self._layout.addWidget(self.problem)

    def show_state(self, control: ModelControl) -> None:
        """Show everything but progress."""
        ready = not (control.hidden or control.missing) and control.trial is not None
        self._fill_models(control)
        self._asking.setVisible(ready and bool(control.models))
        self.predict.setEnabled(control.busy is None and self.model.currentIndex() >= 0)
        self.predict.setToolTip(PREDICT if control.busy is None else ONE_AT_A_TIME)
        self._waiting.setVisible(control.busy is not None)
        if control.busy is not None:
            self.show_step(control.busy, control.busy_trial)
        self.hint.setText(_hint(control))
        self.hint.setVisible(bool(self.hint.text()))
        self.problem.setText(control.problem)
        self.problem.setVisible(bool(control.problem))

    def show_step(self, step: Step, trial: int = 0) -> None:
        """How far the prediction is."""
        self.bar.setRange(0, max(step.total, 0))
        self.bar.setValue(min(step.done, step.total))
        share = f", {100 * step.done // step.total} %" if step.total > 0 else ""
        of_trial = f" (trial {trial})" if trial else ""
        self.step.setText(f"{step.what or 'Predicting'}{of_trial}{share}")

    def _add_asking(self) -> QWidget:
        box, column = group(self._layout)
        self.model = narrow_box("Model")
        self.model.currentIndexChanged.connect(self._show_task)
        column.addWidget(self.model)
        row = QHBoxLayout()
        self._caption = words("secondary", "Sampled paths")
        self._caption.setWordWrap(False)
        self.count = QSpinBox()
        self.count.setAccessibleName("Sampled paths")
        self.count.setToolTip(f"How many paths are drawn from the model, 1 to {MOST_PATHS}")
        self.count.setRange(1, MOST_PATHS)
        self.count.setValue(USUAL_PATHS)
        self.count.setFixedWidth(48)
        self.predict = QPushButton("Predict")
        self.predict.setObjectName("beside")
        self.predict.clicked.connect(lambda: self.predict_asked.emit(self.model.currentIndex(), self.count.value()))
        row.addWidget(self._caption)
        row.addWidget(self.count)
        row.addStretch()
        row.addWidget(self.predict)
        column.addLayout(row)
        return box

    def _add_waiting(self) -> QWidget:
        box, column = group(self._layout)
        self.step = words("secondary")
        column.addWidget(self.step)
        row = QHBoxLayout()
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.cancel = QPushButton("Cancel")
        self.cancel.setObjectName("beside")
        self.cancel.clicked.connect(self.cancel_asked)
        row.addWidget(self.bar, 1)
        row.addWidget(self.cancel)
        column.addLayout(row)
        return box

    def _fill_models(self, control: ModelControl) -> None:
        rows = [(_title(one, control.why_not(one)), control.why_not(one)) for one in control.models]
        if rows == self._rows:
            return
        self._rows, self._tasks = rows, [one.task for one in control.models]
        before = self.model.currentIndex()
        self.model.blockSignals(True)
        self.model.clear()
        for row, ((title, reason), one) in enumerate(zip(rows, control.models, strict=True)):
            self.model.addItem(_shortened(self.model, title))
            self.model.setItemData(row, reason or f"{one.title}: {TASK_NAMES[one.task]}", Qt.ItemDataRole.ToolTipRole)
            enable_row(self.model, row, not reason)
        working = [row for row, (_, reason) in enumerate(rows) if not reason]
        self.model.setCurrentIndex(before if before in working else working[0] if working else -1)
        self.model.blockSignals(False)
        self._show_task()

    def _show_task(self) -> None:
        """Only scan paths are sampled several times."""
        row = self.model.currentIndex()
        paths = 0 <= row < len(self._tasks) and self._tasks[row] == "scanpath"
        self._caption.setVisible(paths)
        self.count.setVisible(paths)


def _title(choice: ModelChoice, reason: str) -> str:
    if choice.problem:
        return f"{choice.title} (cannot be used)"
    return f"{choice.title} (other pictures)" if reason else f"{choice.title}: {TASK_NAMES[choice.task]}"


def _hint(control: ModelControl) -> str:
    """The one sentence that says what is the matter, or what can be done."""
    reasons = [f"{one.title}: {reason}" for one in control.models if (reason := control.why_not(one))]
    if control.trial is None:
        return "There is no trial to predict."
    if control.hidden or control.missing:
        return control.hidden or control.missing
    if not control.listed and not control.models:
        return LOOKING
    if not control.models:
        return NO_MODEL
    if len(reasons) == len(control.models):
        return reasons[0]
    old = [one.entry for one in control.layers.layers if one.by_model and one.entry.problem]
    if old and not control.model_visible:
        return f"Not shown: {old[0].problem}. Predict again."
    any_model = any(one.by_model for one in control.layers.layers)
    return "" if any_model else NOTHING_YET


def _shortened(box: QComboBox, text: str) -> str:
    """With its middle left out where the box would cut it off; the whole text is the tool tip."""
    return box.fontMetrics().elidedText(text, Qt.TextElideMode.ElideMiddle, TITLE_PX)
