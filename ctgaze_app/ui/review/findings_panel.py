"""The figures of a classifying model on Review's right side: findings as bars, evidence, and how it goes with dwell."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QVBoxLayout, QWidget

from ctgaze_app.ui.review.finding_bars import FindingBars
from ctgaze_app.ui.review.panel_parts import heading, narrow_box, words
from models.predictions import Findings

NO_THRESHOLD = "Nobody chose thresholds for this model: no finding counts as found."
WITH_THRESHOLD = "● found: at least the threshold, the light mark."
NO_EVIDENCE = "This model says nothing about single slices."
CLICK = "A click on the curves beside the timeline goes to that slice."


class FindingsPanel(QWidget):
    """Shows findings; emits what is chosen.

    Signals
    -------
    finding_chosen(str), method_chosen(str)
    """

    finding_chosen = Signal(str)
    method_chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 14)
        column.setSpacing(6)
        column.addWidget(heading("Findings"))
        self.bars = FindingBars()
        self.bars.finding_chosen.connect(self.finding_chosen)
        column.addWidget(self.bars)
        self.note = words("secondary")
        column.addWidget(self.note)
        self._evidence_heading = heading("Evidence per slice")
        column.addWidget(self._evidence_heading)
        self.method = narrow_box("Method of the evidence", "How a slice's part in the finding's logit was computed")
        self.method.activated.connect(lambda row: self.method_chosen.emit(self.method.itemText(row)))
        column.addWidget(self.method)
        self.evidence = words("secondary")
        column.addWidget(self.evidence)

    def show_findings(self, findings: Findings, chosen: str, colour: QColor) -> None:
        """The bars of one prediction."""
        self.bars.show_findings(findings, chosen, colour)
        self.note.setText(WITH_THRESHOLD if findings.thresholds else NO_THRESHOLD)

    def show_evidence(self, methods: tuple[str, ...], method: str, lines: str) -> None:
        """How the evidence was computed and how it goes with dwell; no methods mean no evidence."""
        if [self.method.itemText(row) for row in range(self.method.count())] != list(methods):
            self.method.clear()
            self.method.addItems(list(methods))
        self.method.setCurrentIndex(max(self.method.findText(method), 0) if methods else -1)
        self.method.setVisible(len(methods) > 1)
        self._evidence_heading.setVisible(bool(methods))
        self.evidence.setText(f"{lines}\n\n{CLICK}".strip() if methods else NO_EVIDENCE)
