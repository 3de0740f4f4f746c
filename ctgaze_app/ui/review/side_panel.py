"""The left of Review: session, trials, layers, and how the slices are shown. Emits what the user means."""

from __future__ import annotations

import math

import qtawesome
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QButtonGroup,
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from ctgaze_app.review.totals import format_time
from ctgaze_app.study.loading import RecordedSession
from ctgaze_app.ui.review.actions import review_action
from ctgaze_app.ui.review.layer_rows import LayerRows
from ctgaze_app.ui.review.model_panel import ModelPanel
from ctgaze_app.ui.review.panel_parts import heading
from ctgaze_app.ui.theme import FOCUS, RAISED, TEXT, TEXT_DISABLED, TEXT_SECONDARY

LAYERS = ("gaze", "fixations", "path", "trace", "model")
LAYER_TEXTS = {
    "gaze": "Gaze dot",
    "fixations": "Fixations",
    "path": "Scan path",
    "trace": "Slice trace",
    "model": "Readers, models",
}
FADE_WINDOWS = (
    ("Last 2 s", 2.0),
    ("Last 5 s", 5.0),
    ("Last 10 s", 10.0),
    ("Last 30 s", 30.0),
    ("All so far", math.inf),
)
DEFAULT_FADE = 2
AS_SHOWN_TEXT = "Slice, window, zoom and pan as the reader saw them"
FREE_TEXT = "Scroll, window and zoom as you like"
_LIST_STYLE = f"""
QListWidget::item {{ padding: 4px 8px; border-left: 3px solid transparent; }}
QListWidget::item:hover {{ background: {RAISED}; }}
QListWidget::item:selected {{ background: {RAISED}; color: {TEXT}; border-left: 3px solid {FOCUS}; }}
"""
_LAYER_STYLE = f"""
QPushButton {{ text-align: left; border: 1px solid transparent; background: transparent; padding: 2px 4px; }}
QPushButton:hover {{ background: {RAISED}; }}
QPushButton:!checked {{ color: {TEXT_SECONDARY}; }}
QPushButton:focus {{ border-color: {FOCUS}; }}
"""


class LayerSwitch(QPushButton):
    """One layer: an open or a crossed-out eye before its name."""

    def __init__(self, text: str, tooltip: str) -> None:
        super().__init__(f" {text}")
        self.setCheckable(True)
        self.setChecked(True)
        self.setStyleSheet(_LAYER_STYLE)
        self.setToolTip(tooltip)
        self._shown = qtawesome.icon("mdi6.eye-outline", color=TEXT)
        self._hidden = qtawesome.icon("mdi6.eye-off-outline", color=TEXT_DISABLED)
        self.setIcon(self._shown)
        self.toggled.connect(lambda shown: self.setIcon(self._shown if shown else self._hidden))


class SidePanel(QWidget):
    """Lists the trials of one session and holds the switches of the layers."""

    trial_chosen = Signal(int)
    layer_switched = Signal(str, bool)
    free_switched = Signal(bool)
    fade_chosen = Signal(float)
    home_asked = Signal()

    def __init__(self, session: RecordedSession, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.layers: dict[str, LayerSwitch] = {}
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 12, 16, 12)
        layout.setSpacing(6)
        self._add_session(layout, session)
        layout.addSpacing(12)
        self._add_view(layout)
        layout.addSpacing(12)
        self._add_layers(layout)
        layout.addSpacing(8)
        self.rows, self.models = LayerRows(), ModelPanel()
        layout.addWidget(self.rows)
        layout.addSpacing(12)
        layout.addWidget(self.models)
        layout.addStretch()

    def set_free(self, free: bool) -> None:
        """Show which way the slices are shown."""
        (self.free if free else self.as_shown).setChecked(True)

    def choose_trial(self, number: int) -> None:
        """Mark a trial as the shown one."""
        for row in range(self.trials.count()):
            if self.trials.item(row).data(Qt.ItemDataRole.UserRole) == number:
                self.trials.setCurrentRow(row)

    def _add_session(self, layout: QVBoxLayout, session: RecordedSession) -> None:
        home = review_action("home")
        back = QPushButton(qtawesome.icon(home.icon, color=TEXT), " Home")
        back.setStyleSheet(_LAYER_STYLE)
        back.setToolTip(home.tooltip)
        back.clicked.connect(self.home_asked)
        layout.addWidget(back, alignment=Qt.AlignmentFlag.AlignLeft)
        layout.addWidget(heading("Session"))
        tracker = session.manifest.tracker
        made_up = "\nsimulated eye" if tracker is not None and tracker.simulated else ""
        code = QLabel(session.manifest.session.replace("_", "_\u200b") + made_up)
        code.setWordWrap(True)
        code.setObjectName("secondary")
        layout.addWidget(code)
        self.trials = QListWidget()
        self.trials.setAccessibleName("Trials")
        for trial in session.trials:
            text = f"Trial {trial.record.number}: {trial.record.case}\n{format_time(trial.replay.duration_s)}"
            if trial.record.kind != "main":
                text += f", {trial.record.kind}"
            if trial.record.state != "complete":
                text += f", {trial.record.state}"
            item = QListWidgetItem(text)
            item.setData(Qt.ItemDataRole.UserRole, trial.record.number)
            self.trials.addItem(item)
        self.trials.setStyleSheet(_LIST_STYLE)
        self.trials.setMaximumHeight(min(max(len(session.trials), 1) * 48 + 8, 240))
        self.trials.currentItemChanged.connect(self._trial_changed)
        if session.trials:
            layout.addWidget(self.trials)
        else:
            nothing = QLabel("No trial was recorded in this session. Read a case to make one.")
            nothing.setWordWrap(True)
            nothing.setObjectName("secondary")
            layout.addWidget(nothing)

    def _add_view(self, layout: QVBoxLayout) -> None:
        layout.addWidget(heading("Slices"))
        self.as_shown, self.free = QToolButton(), QToolButton()
        self.as_shown.setText("As shown")
        self.free.setText("Free")
        group = QButtonGroup(self)
        row = QHBoxLayout()
        row.setSpacing(0)
        for button in (self.as_shown, self.free):
            button.setCheckable(True)
            button.setToolTip(review_action("free").tooltip)
            button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            group.addButton(button)
            row.addWidget(button)
        self.as_shown.setChecked(True)
        layout.addLayout(row)
        self._what = QLabel(AS_SHOWN_TEXT)
        self._what.setObjectName("secondary")
        self._what.setWordWrap(True)
        layout.addWidget(self._what)
        self.free.toggled.connect(lambda free: self._what.setText(FREE_TEXT if free else AS_SHOWN_TEXT))
        self.free.toggled.connect(self.free_switched)

    def _add_layers(self, layout: QVBoxLayout) -> None:
        layout.addWidget(heading("Layers"))
        grid = QGridLayout()
        grid.setSpacing(0)
        for place, layer in enumerate(LAYERS):
            box = LayerSwitch(LAYER_TEXTS[layer], review_action(layer).tooltip)
            box.toggled.connect(lambda shown, name=layer: self.layer_switched.emit(name, shown))
            self.layers[layer] = box
            grid.addWidget(box, place // 2, place % 2)
        layout.addLayout(grid)
        self.fade = QComboBox()
        self.fade.setAccessibleName("How long fixations stay")
        self.fade.setToolTip("How long fixations stay while they fade")
        for text, seconds in FADE_WINDOWS:
            self.fade.addItem(text, seconds)
        self.fade.setCurrentIndex(DEFAULT_FADE)
        self.fade.currentIndexChanged.connect(lambda index: self.fade_chosen.emit(FADE_WINDOWS[index][1]))
        caption = QLabel("Fixations, path")
        caption.setObjectName("secondary")
        row = QHBoxLayout()
        row.addWidget(caption)
        row.addWidget(self.fade, 1)
        layout.addLayout(row)

    def _trial_changed(self, item: QListWidgetItem | None) -> None:
        if item is not None:
            self.trial_chosen.emit(item.data(Qt.ItemDataRole.UserRole))
