"""What an evaluation of models found: the comparison, which floors are beaten, continuity, spread over models."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from models.card import Card, Figure, MetricRow
from models.ct_searcher.continuity import ContinuityTable
from models.metrics.bootstrap import Estimate
from models.metrics.comparison_report import Comparison, Difference
from models.metrics.measures import MEASURES

BEATEN_BY: Final = (
    "scanmatch",
    "scanmatch_matched",
    "position",
    "position_matched",
    "edit_similarity",
    "edit_similarity_matched",
    "nss",
    "cc",
)
"""Measures by which a model must beat every floor; more is better in each."""

OWN = ""
TOLD = ", told the length"
SWAPPED = ", another patient's CT"
PERMUTED = ", tokens permuted"
KINDS: Final = (OWN, TOLD, SWAPPED, PERMUTED)
"""What follows a model's name in the names of its candidates."""

NO_RADIOLOGY = "This proves the code, not radiology."


@dataclass(frozen=True)
class EvaluatedModel:
    """A model among the candidates: `name` there, and what tells its weights."""

    name: str
    version: str = ""
    sha256: str = ""

    def candidate(self, kind: str) -> str:
        """Name of one of its candidates in the comparison."""
        return f"{self.name}{kind} (model)"


@dataclass(frozen=True)
class Beating:
    """Whether a candidate beats a floor by a measure: the whole interval of the paired difference lies above 0, and p
    is below what the interval leaves out, which five patients or fewer cannot reach at 95%.

    `beats` is None where there is no interval, and `difference.reason` says why.
    """

    candidate: str
    floor: str
    measure: str
    difference: Estimate
    beats: bool | None


@dataclass(frozen=True)
class Spread:
    """One measure of one kind of candidate over several models (seeds of training): mean and range of their means."""

    kind: str
    measure: str
    mean: float
    low: float
    high: float
    n_models: int

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; what is not available is null."""
        values = {name: v if np.isfinite(v := getattr(self, name)) else None for name in ("mean", "low", "high")}
        return {**vars(self), **values}


@dataclass(frozen=True)
class Evaluation:
    """The whole report.

    Attributes
    ----------
    models
        In the order given.
    comparison
        Candidates, floors, ceiling and differences.
    beating
        Every candidate against every floor by the measures of `BEATEN_BY`.
    spread
        Over the models, where there are several.
    continuity
        Slice steps and courses of the references and of what the models sampled.
    n_cases, n_patients, n_references
        That were evaluated on.
    count, seed
        Sampled paths of a kind and case, and the seed of sampling, floors and bootstrap.
    simulated
        Whether any reference comes from a simulated reader.
    seconds
        Of prediction and of scoring.
    notes
        What was done, left out or assumed beside the comparison's own notes.
    """

    models: tuple[EvaluatedModel, ...]
    comparison: Comparison = field(repr=False)
    beating: tuple[Beating, ...] = field(repr=False)
    spread: tuple[Spread, ...] = field(repr=False)
    continuity: ContinuityTable = field(repr=False)
    n_cases: int
    n_patients: int
    n_references: int
    count: int
    seed: int
    simulated: bool
    seconds: dict[str, float]
    notes: tuple[str, ...]

    def beats_every_floor(self, candidate: str, measures: Sequence[str] = BEATEN_BY) -> bool:
        """Whether a candidate beats all floors that could be made by all these measures; at least one of each."""
        found = [each for each in self.beating if each.candidate == candidate and each.measure in measures]
        return bool(found) and all(each.beats for each in found)

    def difference(self, candidate: str, against: str) -> Difference | None:
        """Candidate minus a floor or a later candidate, or None where they share no reference."""
        wanted = (candidate, against)
        return next((d for d in self.comparison.differences if (d.candidate, d.against) == wanted), None)

    def to_dict(self, *, pairs: bool = True) -> dict[str, Any]:
        """Plain JSON values; without `pairs` the single scores behind the means are left out."""
        comparison = self.comparison.to_dict()
        if not pairs:
            comparison = {key: value for key, value in comparison.items() if key not in ("pairs", "floor_pairs")}
        return {
            "schema": 1,
            "models": [vars(model) for model in self.models],
            "comparison": comparison,
            "beating": [{**vars(each), "difference": each.difference.to_dict()} for each in self.beating],
            "spread": [each.to_dict() for each in self.spread],
            "continuity": self.continuity.to_dict(),
            "cases": self.n_cases,
            "patients": self.n_patients,
            "references": self.n_references,
            "count": self.count,
            "seed": self.seed,
            "simulated": self.simulated,
            "seconds": self.seconds,
            "notes": list(self.notes),
        }


def beating_of(comparison: Comparison) -> Iterator[Beating]:
    """Every candidate that was tested against every floor."""
    for difference in comparison.differences:
        if difference.against_role != "floor":
            continue
        for measure in BEATEN_BY:
            found = difference.scores[measure]
            beats = found.low > 0 and found.p < 1 - found.level if found.available else None
            yield Beating(difference.candidate, difference.against, measure, found, beats)


def spread_of(models: Sequence[EvaluatedModel], comparison: Comparison) -> Iterator[Spread]:
    """Mean and range over the models of each kind of candidate; nothing for one model."""
    means = {row.name: row.scores for row in comparison.with_role("candidate")}
    for kind in KINDS if len(models) > 1 else ():
        rows = [means[model.candidate(kind)] for model in models if model.candidate(kind) in means]
        for measure in MEASURES if rows else ():
            values = np.array([row[measure.key].mean for row in rows])
            yield Spread(kind, measure.key, float(values.mean()), float(values.min()), float(values.max()), len(values))


def card_with(card: Card, evaluation: Evaluation, model: EvaluatedModel | None = None) -> Card:
    """A model's card with its figures: its kinds of candidate, oracles, floors and ceiling, by what must be beaten.

    Parameters
    ----------
    model
        Which of the evaluation's models; default the first.
    """
    chosen = evaluation.models[0] if model is None else model
    own = {chosen.candidate(kind): kind.removeprefix(", ") or "own length" for kind in KINDS}
    others = {other.candidate(kind) for other in evaluation.models for kind in KINDS} - set(own)
    metrics = {}
    for row in evaluation.comparison.rows:
        if row.role != "pair kind" and row.scores and row.name not in others:
            name = own.get(row.name, row.name.removesuffix(" (model)"))
            metrics[name] = MetricRow(role=row.role, measures=_figures(row.scores))
    return card.model_copy(update={"metrics": metrics, "metrics_on": metrics_on(evaluation, chosen)})


def metrics_on(evaluation: Evaluation, model: EvaluatedModel) -> str:
    """What the figures of a card were measured on, and whether floors are beaten, in sentences."""
    readings = "simulated readers" if evaluation.simulated else "readers"
    families = ", ".join(evaluation.comparison.references)
    beaten = [
        kind.removeprefix(", ") or "own length"
        for kind in (OWN, TOLD)
        if evaluation.beats_every_floor(model.candidate(kind))
    ]
    others = [other.name for other in evaluation.models if other is not model]
    notes = [note for note in evaluation.notes if model.name in note or not any(name in note for name in others)]
    said = f"with {' and '.join(beaten)}" if beaten else "with no kind of its paths"
    return (
        f"{evaluation.n_references} readings by {readings} ({families}) of {evaluation.n_cases} cases, "
        f"{evaluation.n_patients} patients; {evaluation.count} sampled paths of a kind and case, seed "
        f"{evaluation.seed}. Means with 95% intervals over patients. It beats every floor by all these "
        f"measures {said}."
        + "".join(f" {note[0].upper()}{note[1:]}." for note in notes)
        + (f" {NO_RADIOLOGY}" if evaluation.simulated else "")
    )


def _figures(scores: Mapping[str, Estimate]) -> dict[str, Figure]:
    """By measure; those that could not be measured are left out."""
    return {key: _figure(scores[key]) for key in BEATEN_BY if np.isfinite(scores[key].mean)}


def _figure(estimate: Estimate) -> Figure:
    low, high = (round(v, 4) if np.isfinite(v) else None for v in (estimate.low, estimate.high))
    return Figure(value=round(estimate.mean, 4), low=low, high=high)
