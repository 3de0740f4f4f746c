"""The numbers beside replay: the selected fixation, the trial's totals, the quality of its gaze; units on every one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFormLayout, QLabel, QScrollArea, QVBoxLayout, QWidget

from ctgaze_app.review.replay import ReplayFixation, ReplayTrial
from ctgaze_app.review.totals import format_time, trial_totals
from ctgaze_app.ui.theme import ui_font

QUALITY_FIGURES = (
    ("accuracy_deg", "Accuracy", "°", 1.0, 2),
    ("precision_deg", "Precision RMS-S2S", "°", 1.0, 2),
    ("rms_s2s_deg", "RMS-S2S in fixations", "°", 1.0, 2),
    ("effective_rate_hz", "Gaze rate", "Hz", 1.0, 1),
    ("loss_expected", "Data loss", "%", 100.0, 1),
    ("loss_invalid", "Data loss", "%", 100.0, 1),
    ("on_image_share", "Gaze on the image", "%", 100.0, 1),
)


class NumbersPanel(QScrollArea):
    """Shows figures; holds no state of its own but what it was given."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setWidgetResizable(True)
        body = QWidget()
        self._layout = QVBoxLayout(body)
        self._layout.setContentsMargins(16, 12, 12, 12)
        self._layout.setSpacing(4)
        self.fixation = _Section("Selected fixation", self._layout)
        self.totals = _Section("This trial", self._layout)
        self.quality = _Section("Quality of the gaze", self._layout)
        self.problems = QLabel()
        self.problems.setObjectName("warn")
        self.problems.setWordWrap(True)
        self.problems.hide()
        self._layout.addWidget(self.problems)
        self._layout.addStretch()
        self.setWidget(body)
        self.setMinimumWidth(240)

    def show_fixation(self, fixation: ReplayFixation | None, trial: ReplayTrial | None, n_slices: int) -> None:
        """Figures of one fixation, or how to select one."""
        if fixation is None or trial is None:
            self.fixation.show_hint("Click a fixation in the timeline, or step through them with A and S.")
            return
        self.fixation.show_rows(fixation_rows(fixation, trial, n_slices))

    def show_trial(self, trial: ReplayTrial | None, quality: Mapping[str, Any], n_slices: int) -> None:
        """Figures of one trial."""
        if trial is None:
            self.totals.show_hint("No trial was recorded in this session.")
            self.quality.show_hint("Nothing was measured.")
            return
        self.totals.show_rows(total_rows(trial, n_slices))
        rows = quality_rows(trial, quality)
        if rows:
            self.quality.show_rows(rows)
        else:
            self.quality.show_hint("No gaze was recorded in this trial.")
        problems = quality.get("problems", ())
        self.problems.setText("\n".join(f"▲ {problem}" for problem in problems))
        self.problems.setVisible(bool(problems))


class _Section:
    """A heading with rows of label and value, or one line of hint."""

    def __init__(self, heading: str, layout: QVBoxLayout) -> None:
        title = QLabel(heading)
        title.setFont(ui_font(bold=True))
        self._form = QFormLayout()
        self._form.setHorizontalSpacing(12)
        self._form.setVerticalSpacing(3)
        self._form.setContentsMargins(0, 2, 0, 14)
        layout.addWidget(title)
        layout.addLayout(self._form)
        self.rows: tuple[tuple[str, str], ...] = ()

    def show_rows(self, rows: tuple[tuple[str, str], ...]) -> None:
        """Replace what is shown; only changed labels when the names stay."""
        if rows == self.rows and self._form.rowCount():
            return
        if [name for name, _ in rows] == [name for name, _ in self.rows] and self._form.rowCount() == len(rows):
            for index, (_, value) in enumerate(rows):
                item = self._form.itemAt(index, QFormLayout.ItemRole.FieldRole)
                label = item.widget() if item is not None else None
                if isinstance(label, QLabel):
                    label.setText(value)
            self.rows = rows
            return
        self._clear()
        for name, value in rows:
            label, field = QLabel(name), QLabel(value)
            label.setObjectName("secondary")
            field.setFont(ui_font())
            field.setAlignment(Qt.AlignmentFlag.AlignRight)
            field.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            self._form.addRow(label, field)
        self.rows = rows

    def show_hint(self, text: str) -> None:
        """One line instead of rows."""
        self._clear()
        hint = QLabel(text)
        hint.setObjectName("secondary")
        hint.setWordWrap(True)
        self._form.addRow(hint)
        self.rows = ()

    def _clear(self) -> None:
        while self._form.rowCount():
            self._form.removeRow(0)


def fixation_rows(fixation: ReplayFixation, trial: ReplayTrial, n_slices: int) -> tuple[tuple[str, str], ...]:
    """Label and value of what is known of a fixation."""
    shown = "off the image" if fixation.slice_index < 0 else f"{fixation.slice_index + 1}/{n_slices}"
    rows = [
        ("Number", f"{fixation.number} of {len(trial.fixations)}"),
        ("Onset", format_time(fixation.onset_lsl - trial.start_lsl)),
        ("Duration", f"{1000 * fixation.duration_s:.0f} ms"),
        ("Slice", shown + (" (uncertain)" if fixation.slice_uncertain else "")),
    ]
    if fixation.slice_first != fixation.slice_last:
        rows.append(("Slices passed", f"{fixation.slice_first + 1} to {fixation.slice_last + 1}"))
    if all(math.isfinite(value) for value in fixation.patient_mm):
        x, y, z = fixation.patient_mm
        rows += [("Left (x)", f"{x:.1f} mm"), ("Back (y)", f"{y:.1f} mm"), ("Head (z)", f"{z:.1f} mm")]
    rows.append(("Uncertainty", _figure(fixation.uncertainty_mm, "mm", 1.0, 1)))
    rows.append(("Dispersion", _figure(fixation.dispersion_deg, "°", 1.0, 2)))
    rows.append(("View", fixation.view_state))
    rows.append(("Kind", fixation.kind))
    return tuple(rows)


def total_rows(trial: ReplayTrial, n_slices: int) -> tuple[tuple[str, str], ...]:
    """Label and value of a trial's totals."""
    totals = trial_totals(trial)
    return (
        ("Length", format_time(totals.duration_s)),
        ("Slices shown", f"{totals.slices_seen} of {n_slices}"),
        ("Slices fixated", f"{totals.slices_fixated} of {n_slices}"),
        ("Fixations", f"{totals.n_fixations}"),
        ("Time in fixations", format_time(totals.fixation_time_s)),
        ("Mean fixation", _figure(totals.mean_fixation_s, "ms", 1000.0, 0)),
        ("Longest fixation", _figure(totals.longest_fixation_s, "ms", 1000.0, 0)),
    )


def quality_rows(trial: ReplayTrial, quality: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Label and value of a trial's gaze quality: what was measured at validation, then what the samples say."""
    rows: dict[str, str] = {}
    calibration = quality.get("calibration")
    figures = {**quality, **(calibration if isinstance(calibration, Mapping) else {})}
    for key, name, unit, factor, digits in QUALITY_FIGURES:
        value = figures.get(key)
        if isinstance(value, int | float) and not isinstance(value, bool):
            rows.setdefault(name, _figure(float(value), unit, factor, digits))
    totals = trial_totals(trial)
    if math.isfinite(totals.gaze_fraction):
        rows.setdefault("Data loss", f"{100 * (1 - totals.gaze_fraction):.1f} %")
        rows["Longest gap"] = f"{totals.longest_gap_s:.2f} s"
    return tuple(rows.items())


def _figure(value: float, unit: str, factor: float, digits: int) -> str:
    if not math.isfinite(value):
        return "not measured"
    return f"{factor * value:.{digits}f}{'' if unit == '°' else ' '}{unit}"
