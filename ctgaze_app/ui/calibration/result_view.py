"""The result of a validation: a picture first, then one sentence, then the table; three things to do next."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent, QShowEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from calibration.fit import Refit
from calibration.procedure import TargetSamples
from calibration.validation import AVERAGE_EYE, Validation, Verdict
from ctgaze_app.ui import theme
from ctgaze_app.ui.calibration.eye_marks import EYE_MARKS
from ctgaze_app.ui.calibration.result_picture import ResultPicture
from ctgaze_app.ui.calibration.result_table import ResultTable

_LEVEL_NAMES = {"pass": "good", "fair": "warn", "repeat": "bad"}


class ResultView(QWidget):
    """Shows a validation and asks what next.

    Parameters
    ----------
    samples
        Gaze as sent, for the picture.
    validation, raw
        Figures after and before the correction; `raw` may be None when there was no correction.
    refits
        The corrections in force, for the picture and their reasons.
    patient_mm
        The verdict's error in millimetres on the patient at the zoom of the case; None says it on the screen.

    Signals
    -------
    accepted(), repeat_requested(), repeat_dots_requested(list of target indices), left()
    """

    accepted = Signal()
    repeat_requested = Signal()
    repeat_dots_requested = Signal(list)
    left = Signal()

    def __init__(
        self,
        samples: Sequence[TargetSamples],
        validation: Validation,
        verdict: Verdict,
        *,
        raw: Validation | None = None,
        refits: Mapping[str, Refit] | None = None,
        patient_mm: float | None = None,
        title: str = "Validation",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.verdict = verdict
        self.dots_to_repeat = _dots_to_repeat(validation, verdict)
        self.setWindowTitle(title)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        refits = refits or {}
        self.sentence = _label(verdict.sentence(patient_mm), _LEVEL_NAMES[verdict.level])
        self.sentence.setFont(theme.ui_font(theme.LARGE_POINT_SIZE))
        self.table = ResultTable(validation, raw, verdict.repeat_dots)

        left = QVBoxLayout()
        left.setSpacing(8)
        left.addWidget(ResultPicture(samples, validation, refits, verdict.repeat_dots))
        left.addWidget(self.sentence)
        if verdict.reasons and math.isfinite(verdict.mean_deg):
            left.addWidget(_label("Because: " + "; ".join(verdict.reasons) + ".", "secondary"))
        left.addStretch(1)

        right = QVBoxLayout()
        right.setSpacing(8)
        right.addWidget(_label(title, "title"))
        right.addWidget(self.table)
        for line in _lines(validation, raw, refits):
            right.addWidget(_label(line, "secondary"))
        right.addStretch(1)
        right.addLayout(self._buttons())
        panel = QFrame()
        panel.setLayout(right)
        right.setContentsMargins(0, 0, 0, 0)
        panel.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Preferred)
        panel.setFixedWidth(max(self.table.sizeHint().width(), 360))

        layout = QHBoxLayout(self)
        layout.setContentsMargins(24, 24, 24, 24)
        layout.setSpacing(24)
        layout.addLayout(left, 1)
        layout.addWidget(panel)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Space or Enter continues, R repeats all, D repeats the dots that are worse, Esc leaves."""
        act = {
            Qt.Key.Key_Space: self.accepted.emit,
            Qt.Key.Key_Return: self.accepted.emit,
            Qt.Key.Key_Enter: self.accepted.emit,
            Qt.Key.Key_R: self.repeat_requested.emit,
            Qt.Key.Key_D: self._repeat_dots,
            Qt.Key.Key_Escape: self.left.emit,
        }.get(Qt.Key(event.key()))
        if act is None or event.isAutoRepeat():
            super().keyPressEvent(event)
        else:
            act()

    def showEvent(self, event: QShowEvent) -> None:
        """Take the keyboard."""
        super().showEvent(event)
        self.setFocus()

    def _buttons(self) -> QHBoxLayout:
        again = self.verdict.level == "repeat"
        self.continue_button = _button("Continue anyway" if again else "Continue", "Space", self.accepted.emit)
        self.repeat_button = _button("Repeat all", "R", self.repeat_requested.emit)
        self.repeat_dots_button = _button(_repeat_text(self.dots_to_repeat), "D", self._repeat_dots)
        self.repeat_dots_button.setEnabled(bool(self.dots_to_repeat))
        (self.repeat_button if again else self.continue_button).setObjectName("primary")
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(_button("Leave", "Esc", self.left.emit))
        row.addWidget(self.repeat_button)
        row.addWidget(self.repeat_dots_button)
        row.addStretch(1)
        row.addWidget(self.continue_button)
        return row

    def _repeat_dots(self) -> None:
        if self.dots_to_repeat:
            self.repeat_dots_requested.emit(list(self.dots_to_repeat))


def _dots_to_repeat(validation: Validation, verdict: Verdict) -> tuple[int, ...]:
    """Those of the verdict, else the worst one."""
    if verdict.repeat_dots:
        return verdict.repeat_dots
    found = validation.eyes.get(verdict.eye)
    dots = [dot for dot in found.dots if dot.n_valid] if found is not None else []
    return (max(dots, key=lambda dot: dot.figures.accuracy_deg).index,) if dots else ()


def _repeat_text(dots: Sequence[int]) -> str:
    if len(dots) == 1:
        return f"Repeat dot {dots[0] + 1}"
    return f"Repeat {len(dots)} dots" if dots else "Repeat a dot"


def _lines(validation: Validation, raw: Validation | None, refits: Mapping[str, Refit]) -> list[str]:
    """What the table leaves out: both eyes averaged, and why each correction."""
    lines = []
    both = validation.eyes.get(AVERAGE_EYE)
    if both is not None and math.isfinite(both.mean.accuracy_deg):
        line = f"Both eyes averaged: {both.mean.accuracy_deg:.1f} degrees"
        sent = raw.eyes.get(AVERAGE_EYE) if raw is not None else None
        if sent is not None and math.isfinite(sent.mean.accuracy_deg):
            line += f", {sent.mean.accuracy_deg:.1f} degrees as sent"
        lines.append(f"{line}; median over dots {both.median.accuracy_deg:.1f} degrees.")
    for eye, refit in refits.items():
        name = EYE_MARKS[eye].word if eye in EYE_MARKS else eye
        lines.append(f"{name}: {refit.reason}.")
    return lines


def _label(text: str, name: str) -> QLabel:
    label = QLabel(text)
    label.setObjectName(name)
    label.setWordWrap(True)
    return label


def _button(text: str, key: str, act: Callable[[], None]) -> QPushButton:
    button = QPushButton(f"{text}  ({key})")
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    button.setToolTip(f"Key: {key}")
    button.clicked.connect(lambda: act())
    return button
