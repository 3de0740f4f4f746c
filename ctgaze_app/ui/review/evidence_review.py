"""Ties a model's findings to Review: bars and method at the right, evidence beside dwell along the slices."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QColor

from ctgaze_app.review.dwell_curve import dwell_of_path, dwell_of_trial
from ctgaze_app.review.evidence_dwell import EvidenceDwell, evidence_dwell
from ctgaze_app.review.layers import Layer
from ctgaze_app.study.loading import RecordedTrial
from ctgaze_app.ui.review.evidence_strip import DwellCurve, EvidenceCurves, EvidenceStrip
from ctgaze_app.ui.review.findings_panel import FindingsPanel
from ctgaze_app.ui.review.layer_content import LayerContent
from ctgaze_app.ui.review.layer_look import layer_colour
from models.predictions import ClassificationPrediction, Findings, SliceEvidence

NO_OTHER_PATIENT = "No other patient's reading here."
Shown = Sequence[tuple[Layer, LayerContent]]


class EvidenceReview:
    """Shows the findings of the selected layer.

    Parameters
    ----------
    choose_finding
        Called with a layer's key and a label, when a bar is chosen.
    """

    def __init__(self, panel: FindingsPanel, strip: EvidenceStrip, choose_finding: Callable[[str, str], None]) -> None:
        self.panel, self.strip = panel, strip
        self._choose = choose_finding
        self._method = ""
        self._another_k: NDArray[np.float64] | None = None
        self._another_name = ""
        self._again: Callable[[], None] = lambda: None
        self._key = ""
        panel.finding_chosen.connect(lambda label: self._choose(self._key, label))
        panel.method_chosen.connect(self._set_method)

    def show(self, layer: Layer, content: LayerContent, reader: Layer, trial: RecordedTrial, readings: Shown) -> None:
        """Show one layer's findings; `readings` are the other readers whose dwell is drawn too."""
        findings = content.findings
        assert findings is not None
        self._key = layer.key
        self._again = lambda: self.show(layer, content, reader, trial, readings)
        self.panel.show_findings(findings, layer.part, layer_colour(layer))
        label = self.panel.bars.chosen
        prediction = content.prediction
        evidence = prediction.evidence if isinstance(prediction, ClassificationPrediction) else ()
        chosen = next((one for one in evidence if one.method == self._method), next(iter(evidence), None))
        if chosen is None or not label:
            self.panel.show_evidence((), "", "")
            self.strip.show_curves(None)
            return
        dwells = _dwells(reader, trial, readings, len(chosen.seen_k))
        curves = _curves(findings, chosen, label, content.label, layer_colour(layer), dwells)
        self.strip.show_curves(curves)
        self.panel.show_evidence(tuple(one.method for one in evidence), chosen.method, self._agreement(curves))

    def set_another(self, dwell_k: NDArray[np.float64] | None, name: str) -> None:
        """Seconds per slice of a reading of another patient, and whose and of which case it is; None: there is none."""
        self._another_k, self._another_name = dwell_k, name

    def hide(self) -> None:
        """Another layer is selected: what was shown of this one goes."""
        self._again = lambda: None
        self.strip.show_curves(None)

    def _agreement(self, curves: EvidenceCurves) -> str:
        others = () if self._another_k is None else (self._another_k,)
        lines = []
        for one in curves.dwells:
            found = evidence_dwell(curves.contribution_k, one.seconds_k, curves.seen_k, other_dwell_s_k=others)
            lines.append("\n".join(agreement_lines(found, one.name, self._another_name)))
        if self._another_k is None:
            lines.append(NO_OTHER_PATIENT)
        return "\n\n".join(lines)

    def _set_method(self, method: str) -> None:
        self._method = method
        self._again()


def agreement_lines(found: EvidenceDwell, reader: str, another: str) -> tuple[str, ...]:
    """How evidence and dwell go together, beside what comes about by chance; why not, where they cannot be compared."""
    if found.reason:
        return (f"{reader}: no correlation: {found.reason}.",)
    spearman, pearson = found.spearman, found.pearson
    lines = [
        f"{reader}, {found.slices} slices that the network saw:",
        f"Spearman {spearman.value:+.2f}, Pearson {pearson.value:+.2f}",
        f"Shifted around the stack: {spearman.shifted.mean:+.2f}, 95 % below {spearman.shifted.high:+.2f}, "
        f"p = {spearman.shifted.p:.2f} (Spearman)",
    ]
    if spearman.others.curves:
        lines.append(f"Another patient's reading ({another}): Spearman {spearman.others.mean:+.2f}")
    return tuple(lines)


def _dwells(reader: Layer, trial: RecordedTrial, readings: Shown, n_slices: int) -> tuple[DwellCurve, ...]:
    own = dwell_of_trial(trial.replay.segments, n_slices)
    others = (
        DwellCurve(content.label, layer_colour(layer), dwell_of_path(content.paths[0], n_slices))
        for layer, content in readings
        if content.paths
    )
    return (DwellCurve(reader.entry.title, layer_colour(reader), own, own=True), *others)


def _curves(
    findings: Findings,
    evidence: SliceEvidence,
    label: str,
    model: str,
    colour: QColor,
    dwells: tuple[DwellCurve, ...],
) -> EvidenceCurves:
    row = findings.labels.index(label)
    contribution = evidence.contribution_lk[row].astype(np.float64)
    return EvidenceCurves(label, evidence.method, model, colour, contribution, evidence.seen_k, dwells)
