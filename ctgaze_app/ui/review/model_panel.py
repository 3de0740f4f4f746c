"""The Models part of Review's left side: choose a model, predict, and how its paths are shown. Emits what is meant."""

from __future__ import annotations

import qtawesome
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QStandardItem, QStandardItemModel
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QSlider,
    QSpinBox,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from ctgaze_app.review.totals import format_time
from ctgaze_app.study.prediction_worker import Step
from ctgaze_app.study.predictions import MOST_PATHS, StoredPrediction
from ctgaze_app.ui.review.model_control import USUAL_PATHS, ModelControl
from ctgaze_app.ui.theme import TEXT, ui_font

NO_MODEL = "No model is installed. ctgaze model import brings one in."
NOTHING_YET = "Predict draws where the model would look over this trial's slices and timeline."
LOOKING = "Looking for models"
WHOLE, IN_TIME = "The whole path", "As time passes"
USUAL_STRENGTH = 80
TITLE_PX = 190
"""Of the words in a box of the narrowest panel."""


class ModelPanel(QWidget):
    """Shows a `ModelControl`; changes nothing by itself but what it was asked to show."""

    predict_asked = Signal(int, int)
    cancel_asked = Signal()
    prediction_chosen = Signal(int)
    remove_asked = Signal()
    path_chosen = Signal(int)
    strength_chosen = Signal(float)
    in_time_switched = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._titles: list[str] = []
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(6)
        title = QLabel("Models")
        title.setFont(ui_font(bold=True))
        self._layout.addWidget(title)
        self.hint = _words("secondary")
        self._layout.addWidget(self.hint)
        self._asking = self._add_asking()
        self._waiting = self._add_waiting()
        self.problem = _words("problem")
        self._layout.addWidget(self.problem)
        self._showing = self._add_showing()

    def show_state(self, control: ModelControl) -> None:
        """Show everything but progress."""
        ready = not (control.hidden or control.missing) and control.trial is not None
        self._fill_models(control)
        self._asking.setVisible(ready and control.busy is None and bool(control.models))
        self._waiting.setVisible(control.busy is not None)
        if control.busy is not None:
            self.show_step(control.busy, control.busy_trial)
        self.hint.setText(_hint(control))
        self.hint.setVisible(bool(self.hint.text()))
        self.problem.setText(control.problem)
        self.problem.setVisible(bool(control.problem))
        self._showing.setVisible(bool(control.stored) and not control.hidden)
        self._fill_predictions(control)
        self._fill_shown(control)

    def show_step(self, step: Step, trial: int = 0) -> None:
        """How far the prediction is."""
        self.bar.setRange(0, max(step.total, 0))
        self.bar.setValue(min(step.done, step.total))
        share = f", {100 * step.done // step.total} %" if step.total > 0 else ""
        of_trial = f" (trial {trial})" if trial else ""
        self.step.setText(f"{step.what or 'Predicting'}{of_trial}{share}")

    def _add_asking(self) -> QWidget:
        box, column = _group(self._layout)
        self.model = QComboBox()
        self.model.setAccessibleName("Model")
        self.model.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        column.addWidget(self.model)
        row = QHBoxLayout()
        caption = QLabel("Sampled paths")
        caption.setObjectName("secondary")
        self.count = QSpinBox()
        self.count.setAccessibleName("Sampled paths")
        self.count.setToolTip(f"How many paths are drawn from the model, 1 to {MOST_PATHS}")
        self.count.setRange(1, MOST_PATHS)
        self.count.setValue(USUAL_PATHS)
        self.count.setFixedWidth(48)
        self.predict = QPushButton("Predict")
        self.predict.setObjectName("beside")
        self.predict.clicked.connect(lambda: self.predict_asked.emit(self.model.currentIndex(), self.count.value()))
        row.addWidget(caption)
        row.addWidget(self.count)
        row.addStretch()
        row.addWidget(self.predict)
        column.addLayout(row)
        return box

    def _add_waiting(self) -> QWidget:
        box, column = _group(self._layout)
        self.step = _words("secondary")
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

    def _add_showing(self) -> QWidget:
        box, column = _group(self._layout)
        self.prediction = QComboBox()
        self.prediction.setAccessibleName("Prediction that is shown")
        self.prediction.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.prediction.activated.connect(self.prediction_chosen)
        column.addWidget(self.prediction)
        self._details, details = _group(column)
        paths = QHBoxLayout()
        paths.setSpacing(4)
        self.previous = _icon_button("mdi6.chevron-left", "Previous path")
        self.next = _icon_button("mdi6.chevron-right", "Next path")
        self.path = QLabel()
        self.path.setFont(ui_font())
        self.previous.clicked.connect(lambda: self.path_chosen.emit(-1))
        self.next.clicked.connect(lambda: self.path_chosen.emit(1))
        paths.addWidget(self.path, 1)
        paths.addWidget(self.previous)
        paths.addWidget(self.next)
        self.remove = _icon_button("mdi6.trash-can-outline", "Delete this prediction")
        self.remove.clicked.connect(self.remove_asked)
        paths.addWidget(self.remove)
        details.addLayout(paths)
        self.made = _words("secondary")
        details.addWidget(self.made)
        self.pace = QComboBox()
        self.pace.setAccessibleName("How much of the path")
        self.pace.addItems([WHOLE, IN_TIME])
        self.pace.setToolTip("The whole path on the slice that is shown, or as if the model read along with the reader")
        self.pace.currentIndexChanged.connect(lambda index: self.in_time_switched.emit(index == 1))
        details.addWidget(self.pace)
        strength = QHBoxLayout()
        caption = QLabel("Opacity")
        caption.setObjectName("secondary")
        self.strength = QSlider(Qt.Orientation.Horizontal)
        self.strength.setAccessibleName("Opacity of the predicted paths")
        self.strength.setRange(10, 100)
        self.strength.setValue(USUAL_STRENGTH)
        self.strength.valueChanged.connect(lambda value: self.strength_chosen.emit(value / 100))
        strength.addWidget(caption)
        strength.addWidget(self.strength, 1)
        details.addLayout(strength)
        return box

    def _fill_models(self, control: ModelControl) -> None:
        titles = [f"{one.title}{' (cannot be used)' if one.problem else ''}" for one in control.models]
        if titles == self._titles:
            return
        self._titles = titles
        self.model.clear()
        for row, (title, one) in enumerate(zip(titles, control.models, strict=True)):
            self.model.addItem(_shortened(self.model, title))
            self.model.setItemData(row, one.problem or one.title, Qt.ItemDataRole.ToolTipRole)
            _enable(self.model, row, not one.problem)
        working = [row for row, one in enumerate(control.models) if not one.problem]
        self.model.setCurrentIndex(working[0] if working else -1)
        self.predict.setEnabled(bool(working))

    def _fill_predictions(self, control: ModelControl) -> None:
        self.prediction.clear()
        for row, one in enumerate(control.stored):
            self.prediction.addItem(_shortened(self.prediction, _title(one)))
            self.prediction.setItemData(row, one.problem or one.stale or _title(one), Qt.ItemDataRole.ToolTipRole)
            _enable(self.prediction, row, one in control.usable)
        shown = control.shown.stored if control.shown is not None else None
        self.prediction.setCurrentIndex(control.stored.index(shown) if shown in control.stored else -1)

    def _fill_shown(self, control: ModelControl) -> None:
        shown = control.shown
        self._details.setVisible(shown is not None)
        if shown is None or not shown.paths:
            return
        count, path = len(shown.paths), shown.paths[control.emphasised]
        self.path.setText(f"Path {path.number} of {count}")
        self.previous.setEnabled(control.emphasised > 0)
        self.next.setEnabled(control.emphasised < count - 1)
        length = f"{len(path.fixations)} fixations, {format_time(path.duration_s)}"
        self.made.setText(f"{length}\n{shown.made}")


def _hint(control: ModelControl) -> str:
    """The one sentence that says what is the matter, or what can be done."""
    broken = [f"{one.title}: {one.problem}" for one in control.models if one.problem]
    if control.trial is None:
        return "There is no trial to predict."
    if control.hidden or control.missing:
        return control.hidden or control.missing
    if not control.listed and not control.models:
        return LOOKING
    if not control.models:
        return NO_MODEL
    if len(broken) == len(control.models):
        return broken[0]
    old = [one.stale or one.problem for one in control.stored if one not in control.usable]
    if old and control.shown is None:
        return f"Not shown: {old[0]}. Predict again."
    return "" if control.stored or control.busy is not None else NOTHING_YET


def _title(stored: StoredPrediction) -> str:
    if stored.prediction is None:
        return f"{stored.path.name} (cannot be read)"
    count = len(stored.prediction.paths)
    text = f"{stored.prediction.model} {stored.prediction.version}: {count} path{'' if count == 1 else 's'}"
    return f"{text} (out of date)" if stored.stale else text


def _shortened(box: QComboBox, text: str) -> str:
    """With its middle left out where the box would cut it off; the whole text is the tool tip."""
    return box.fontMetrics().elidedText(text, Qt.TextElideMode.ElideMiddle, TITLE_PX)


def _enable(box: QComboBox, row: int, enabled: bool) -> None:
    model = box.model()
    item: QStandardItem | None = model.item(row) if isinstance(model, QStandardItemModel) else None
    if item is not None:
        item.setEnabled(enabled)


def _words(kind: str) -> QLabel:
    label = QLabel()
    label.setObjectName(kind)
    label.setWordWrap(True)
    return label


def _group(layout: QVBoxLayout) -> tuple[QWidget, QVBoxLayout]:
    box = QWidget()
    column = QVBoxLayout(box)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(6)
    layout.addWidget(box)
    return box, column


def _icon_button(icon: str, what: str) -> QToolButton:
    button = QToolButton()
    button.setIcon(qtawesome.icon(icon, color=TEXT))
    button.setToolTip(what)
    button.setAccessibleName(what)
    return button
