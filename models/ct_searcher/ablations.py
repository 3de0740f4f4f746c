"""What each part of the network and of its training is worth: the same test cases, one part changed at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.ct_searcher.candidates import Predictor
from models.ct_searcher.continuity import Continuity, StepDistance
from models.ct_searcher.evaluation import evaluate_predictors
from models.ct_searcher.evaluation_report import BEATEN_BY, OWN, PERMUTED, SWAPPED, TOLD, Evaluation
from models.ct_searcher.network import CtSearcher
from models.ct_searcher.network_predictor import Features, own_features
from models.ct_searcher.settings import SearcherSettings
from models.datasets.case import TrainingCase
from models.errors import ModelError
from models.metrics.bootstrap import Estimate
from models.metrics.measures import MEASURES
from models.volumes import CtVolume

TABLED: Final = ("scanmatch", "scanmatch_matched", "position", "edit_similarity", "nss", "cc")
MISSING = "n/a"


@dataclass(frozen=True)
class AblationRow:
    """One model of the table.

    Attributes
    ----------
    name
        What was changed.
    own, told
        Means with their intervals by measure, with the length that it chooses and told the reference's.
    minus_first
        Told the length, minus the table's first row so told; empty for that row.
    another_ct, permuted
        What another patient's CT and permuted tokens cost it, in the same measures; empty where there is no other CT.
    beats_every_floor
        By the measures of the evaluation, told the length.
    continuity, distance
        Of its paths of its own length; None where it made none of two fixations.
    """

    name: str
    own: dict[str, Estimate] = field(repr=False)
    told: dict[str, Estimate] = field(repr=False)
    minus_first: dict[str, Estimate] = field(repr=False)
    another_ct: dict[str, Estimate] = field(repr=False)
    permuted: dict[str, Estimate] = field(repr=False)
    beats_every_floor: bool
    continuity: Continuity | None = field(repr=False)
    distance: StepDistance | None = field(repr=False)


@dataclass(frozen=True)
class AblationTable:
    """The rows, and the evaluation that they come from, with floors and ceiling."""

    rows: tuple[AblationRow, ...]
    evaluation: Evaluation = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        parts = ("own", "told", "minus_first", "another_ct", "permuted")
        return {
            "schema": 1,
            "rows": [
                {
                    "name": row.name,
                    "beats_every_floor": row.beats_every_floor,
                    **{part: {key: e.to_dict() for key, e in getattr(row, part).items()} for part in parts},
                    "continuity": None if row.continuity is None else row.continuity.to_dict(),
                    "distance": None if row.distance is None else vars(row.distance),
                }
                for row in self.rows
            ],
            "evaluation": self.evaluation.to_dict(pairs=False),
        }

    def markdown(self) -> str:
        """The table with floors and ceiling; told the length unless said otherwise."""
        labels = {measure.key: measure.label.replace(",", "") for measure in MEASURES} | {"position": "MultiMatch pos."}
        heading = ["told the length", *(labels[key] for key in TABLED)]
        heading += ["own length: ScanMatch", "other CT: NSS", "permuted: NSS", "beats floors", "courses", "steps KS"]
        lines = [heading, ["---"] * len(heading)]
        for row in self.rows:
            cells = [_text(row.told.get(key)) + _stars(row.minus_first.get(key)) for key in TABLED]
            cells += [_text(row.own.get("scanmatch")), _loss(row.another_ct.get("nss")), _loss(row.permuted.get("nss"))]
            cells += ["yes" if row.beats_every_floor else "no"]
            cells += [MISSING if row.continuity is None else f"{np.mean(row.continuity.courses):.1f}"]
            cells += [MISSING if row.distance is None else f"{row.distance.ks:.2f}"]
            lines.append([row.name, *cells])
        readers = self.evaluation.continuity.rows[0]
        for each in self.evaluation.comparison.rows:
            if each.role in ("floor", "ceiling") and each.scores:
                courses = f"{np.mean(readers.courses):.1f}" if each.role == "ceiling" else ""
                shown = [_text(each.scores.get(key)) for key in TABLED]
                lines.append([f"{each.role}: {each.name}", *shown, *[""] * 4, courses, ""])
        table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
        return f"{table}\n\n* differs from the first row: the 95 % interval of the paired difference leaves out 0.\n"


def ablation_table(
    predictors: Sequence[Predictor],
    cases: Sequence[TrainingCase],
    *,
    training: Sequence[TrainingCase] = (),
    **options: Any,
) -> AblationTable:
    """Evaluate models, named for what was changed in them, on the same cases; the first is the one to compare with.

    Parameters
    ----------
    options
        Of `models.ct_searcher.evaluation.evaluate_predictors`.
    """
    found = evaluate_predictors(predictors, cases, training=training, **options)
    means = {row.name: row.scores for row in found.comparison.with_role("candidate")}
    moves = {row.name: row for row in found.continuity.rows}
    distances = {each.name: each for each in found.continuity.distances}
    first = found.models[0]

    def difference(candidate: str, against: str) -> dict[str, Estimate]:
        between = found.difference(candidate, against)
        return {} if between is None else {key: between.scores[key] for key in BEATEN_BY}

    rows = []
    for model in found.models:
        own, told = model.candidate(OWN), model.candidate(TOLD)
        minus = {} if model is first else difference(first.candidate(TOLD), told)
        rows.append(
            AblationRow(
                model.name,
                {key: means[own][key] for key in BEATEN_BY} if own in means else {},
                {key: means[told][key] for key in BEATEN_BY} if told in means else {},
                {key: turned(estimate) for key, estimate in minus.items()},
                difference(told, model.candidate(SWAPPED)),
                difference(told, model.candidate(PERMUTED)),
                found.beats_every_floor(told),
                moves.get(own),
                distances.get(own),
            )
        )
    return AblationTable(tuple(rows), found)


def features_for(encoder: CtSearcher, settings: SearcherSettings) -> Features:
    """Frozen features of one network's own encoder for a network that is given features: averaged to its grid, in its
    order of cells (the published one has the slices fastest).

    Raises
    ------
    ModelError
        When the channels differ, or a grid does not divide by the other.
    """
    finer, coarser = encoder.settings.grid_kji, settings.grid_kji
    if encoder.settings.feature_channels != settings.feature_channels:
        raise ModelError(
            f"the encoder makes {encoder.settings.feature_channels} channels, the network takes "
            f"{settings.feature_channels}"
        )
    if any(fine % coarse for fine, coarse in zip(finer, coarser, strict=True)):
        raise ModelError(f"cells of {finer} cannot be averaged to {coarser}")
    make = own_features(encoder)
    (k, j, i), channels = coarser, settings.feature_channels
    inner_k, inner_j, inner_i = (fine // coarse for fine, coarse in zip(finer, coarser, strict=True))

    def averaged(volume: CtVolume) -> NDArray[np.float32]:
        cells = make(volume).reshape(k, inner_k, j, inner_j, i, inner_i, channels).mean(axis=(1, 3, 5))
        ordered = cells.transpose(1, 2, 0, 3) if settings.faithful else cells
        return np.ascontiguousarray(ordered.reshape(-1, channels), dtype=np.float32)

    return averaged


def turned(estimate: Estimate) -> Estimate:
    """The difference the other way round."""
    return Estimate(**{**vars(estimate), "mean": -estimate.mean, "low": -estimate.high, "high": -estimate.low})


def _text(estimate: Estimate | None) -> str:
    return MISSING if estimate is None or not np.isfinite(estimate.mean) else f"{estimate.mean:.3f}"


def _stars(difference: Estimate | None) -> str:
    apart = difference is not None and difference.available and not difference.low <= 0 <= difference.high
    return " *" if apart else ""


def _loss(difference: Estimate | None) -> str:
    return MISSING if difference is None or not np.isfinite(difference.mean) else f"{-difference.mean:+.3f}"
