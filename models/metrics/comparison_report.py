"""What a comparison of scan paths found: pairs, means, differences, and the parameters and versions behind them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from models.metrics.bootstrap import RESAMPLES, Estimate
from models.metrics.measures import MEASURES, MeasureParameters

Role = Literal["candidate", "pair kind", "floor", "ceiling"]


@dataclass(frozen=True)
class ComparisonParameters:
    """`measures`; `seed` of floors and bootstrap; `floor_draws` averaged for each floor and reference; `resamples` and
    `level` of the bootstrap."""

    measures: MeasureParameters = field(default_factory=MeasureParameters)
    seed: int = 1
    floor_draws: int = 3
    resamples: int = RESAMPLES
    level: float = 0.95

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "measures": self.measures.to_dict(),
            "seed": self.seed,
            "floor_draws": self.floor_draws,
            "resamples": self.resamples,
            "level": self.level,
        }


@dataclass(frozen=True)
class Pair:
    """One candidate path scored against one reference path; floors have no trial and their scores are draws' means.

    `reference_number` tells references apart whose reader, trial and case are the same.
    """

    candidate: str
    candidate_trial: str
    reference: str
    reference_trial: str
    case: str
    patient: str
    kind: str
    n_candidate: float
    n_reference: int
    reference_number: int
    scores: Mapping[str, float] = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {**{k: v for k, v in vars(self).items() if k != "scores"}, "scores": _json(self.scores)}


@dataclass(frozen=True)
class Row:
    """Means of some pairs over patients: of a candidate, of a kind of pairs, of a floor, or of a ceiling.

    `scores` is empty where nothing could be scored; `note` then says why.
    """

    role: Role
    name: str
    n_pairs: int
    n_patients: int
    scores: Mapping[str, Estimate] = field(repr=False)
    note: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        scores = {key: estimate.to_dict() for key, estimate in self.scores.items()}
        return {**{k: v for k, v in vars(self).items() if k != "scores"}, "scores": scores}


@dataclass(frozen=True)
class Difference:
    """Candidate minus a floor or a later candidate against the same references, by measure, tested by paired bootstrap
    over patients."""

    candidate: str
    against: str
    against_role: Literal["floor", "candidate"]
    scores: Mapping[str, Estimate] = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        scores = {key: estimate.to_dict() for key, estimate in self.scores.items()}
        return {**{k: v for k, v in vars(self).items() if k != "scores"}, "scores": scores}


@dataclass(frozen=True)
class Comparison:
    """The whole report.

    Attributes
    ----------
    pairs, floor_pairs
        Every candidate, and every floor, against every reference of its case.
    rows
        Candidates, kinds of pairs, floors, ceilings.
    notes
        What was left out or assumed, in sentences.
    masked
        Whether masks of the body limited the maps.
    """

    pairs: tuple[Pair, ...] = field(repr=False)
    floor_pairs: tuple[Pair, ...] = field(repr=False)
    rows: tuple[Row, ...]
    differences: tuple[Difference, ...] = field(repr=False)
    references: tuple[str, ...]
    parameters: ComparisonParameters
    versions: Mapping[str, str]
    notes: tuple[str, ...]
    masked: bool = False

    def with_role(self, role: Role) -> tuple[Row, ...]:
        """The rows of one role."""
        return tuple(row for row in self.rows if row.role == role)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; what is not available is null."""
        return {
            "schema": 1,
            "measures": [vars(measure) for measure in MEASURES],
            "references": list(self.references),
            "rows": [row.to_dict() for row in self.rows],
            "differences": [difference.to_dict() for difference in self.differences],
            "pairs": [pair.to_dict() for pair in self.pairs],
            "floor_pairs": [pair.to_dict() for pair in self.floor_pairs],
            "parameters": {**self.parameters.to_dict(), "masked": self.masked},
            "versions": dict(self.versions),
            "notes": list(self.notes),
        }


def _json(values: Mapping[str, float]) -> dict[str, float | None]:
    return {key: float(value) if np.isfinite(value) else None for key, value in values.items()}
