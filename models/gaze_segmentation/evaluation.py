"""Segmentation models beside floors on the same pictures: Dice and IoU a picture, intervals over patients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from models.card import Figure, MetricRow
from models.datasets.picture_case import PictureCase
from models.errors import ModelError
from models.evaluations import EvaluationTable, TableEvaluation, told_apart
from models.features.devices import choose_device
from models.gaze_segmentation.evaluation_rows import RESEARCH, floors_of, pseudo_mask_rows, written_pseudo_masks
from models.gaze_segmentation.network import GazeSegmenter
from models.gaze_segmentation.prediction import THRESHOLD, average_of, probabilities_of_slices
from models.gaze_segmentation.slices import slices_of
from models.gaze_segmentation.training_pictures import true_mask
from models.metrics.bootstrap import Estimate, mean_interval, paired_difference
from models.metrics.overlap import overlap
from models.model_folder import LoadedModel

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
COLUMNS = ("dice", "iou")
COLLAPSED_SHARE = 0.01
"""Of the true masks' area: a level that finds less has collapsed to background."""


@dataclass(eq=False)
class _Row:
    """Scores of one row on every case, in their order; NaN where both masks are empty or nothing could be scored."""

    role: str
    dice: Floats
    iou: Floats
    empty: int = 0
    found_px: int = 0
    faithful: bool = False

    @classmethod
    def of(cls, role: str, count: int, *, faithful: bool = False) -> _Row:
        return cls(role, np.full(count, np.nan), np.full(count, np.nan), faithful=faithful)

    def add(self, number: int, found: Mask, truth: Mask) -> None:
        scored = overlap(found, truth)
        self.found_px += int(found.sum())
        if scored.both_empty:
            self.empty += 1
            if not self.faithful:
                return
        self.dice[number], self.iou[number] = (0.0 if scored.both_empty else v for v in (scored.dice, scored.iou))


@dataclass(eq=False)
class _Scores:
    """All rows, and what they were scored on."""

    cases: list[PictureCase]
    truths: list[Mask]
    rows: dict[str, _Row] = field(default_factory=dict)

    @property
    def patients(self) -> list[str]:
        return [case.patient for case in self.cases]


def evaluate(
    models: Sequence[LoadedModel[GazeSegmenter]],
    cases: Sequence[PictureCase],
    *,
    seed: int = 1,
    resamples: int = 2000,
    device: str = "auto",
    progress: Callable[[int, int], None] | None = None,
) -> TableEvaluation:
    """Models, their levels, floors and the pseudo-masks of the readers' own gaze, all against the true masks.

    Each picture is scored on its own pixels at a probability of 0.5. Where true and found mask are both empty, the
    picture is left out of that row and counted; a faithful model gets 0 there, as published.

    Parameters
    ----------
    cases
        Pictures without a mask are left out and counted.
    seed
        Of the intervals: 95 % percentile bootstrap over patients of the mean of each patient's mean.
    progress
        Called with pictures predicted and in all, over all models.

    Raises
    ------
    ModelError
        No model, no picture with a mask, or a picture that does not fit a model.
    """
    if not models:
        raise ModelError("no model to evaluate", remedy="name one")
    scored = [case for case in cases if case.load_mask is not None]
    if not scored:
        raise ModelError("no picture has a true mask", remedy="evaluate on pictures that somebody outlined")
    scores = _Scores(scored, [true_mask(case, case.load().shape_kji[1:]) for case in scored])
    place = choose_device(device)
    names = told_apart([model.card.name for model in models], [model.folder.name for model in models])
    for number, (name, model) in enumerate(zip(names, models, strict=True)):
        model.network.to(place.torch_device).eval()
        before = number * len(scored)

        def tell(done: int, before: int = before) -> None:
            if progress is not None:
                progress(before + done, len(models) * len(scored))

        _score_model(name, model, scores, tell)
    for name, masks in floors_of(scores.truths).items():
        _score_masks(name, "floor", masks, scores)
    written = next((found for model in models if (found := written_pseudo_masks(model)) is not None), None)
    if written is not None:
        for name, row in pseudo_mask_rows(scored, written).items():
            _score_masks(name, "ceiling", row, scores)
    tables = [_table(scores, seed, resamples)]
    if len(models) > 1:
        tables.append(_range_table(names, scores))
    sentences = _sentences(names, models, scores, seed, resamples, left_out=len(cases) - len(scored))
    if written is None:
        sentences.append("No model's folder says how its pseudo-masks were made, so that they are not in the table.")
    return TableEvaluation(
        on=_on(scores),
        tables=tuple(tables),
        sentences=tuple(sentences),
        parameters={
            "seed": seed, "resamples": resamples, "threshold": THRESHOLD,
            "device": place.name if place.is_gpu else "cpu",
            "pictures": len(scored), "patients": len(set(scores.patients)),
            "both_empty": {name: row.empty for name, row in scores.rows.items()},
        },
    )  # fmt: skip


def _score_model(name: str, model: LoadedModel[GazeSegmenter], scores: _Scores, tell: Callable[[int], None]) -> None:
    settings = model.network.settings
    count = len(scores.cases)
    own = [name, *([f"{name}, {level}" for level in settings.level_names] if settings.levels > 1 else [])]
    for row in own:
        scores.rows[row] = _Row.of("candidate", count, faithful=settings.faithful)
    for number, case in enumerate(scores.cases):
        stack = slices_of(case.load(), settings, hu_of_pictures=True)
        (said,) = probabilities_of_slices(model.network, stack, [0], average_of(settings, None))
        truth = stack.turned(scores.truths[number][None])[0]
        for row, values in zip(own, (said.mean, *said.levels), strict=False):
            scores.rows[row].add(number, values >= THRESHOLD, truth)
        tell(number + 1)


def _score_masks(name: str, role: str, masks: Sequence[Mask | None], scores: _Scores) -> None:
    row = scores.rows[name] = _Row.of(role, len(scores.cases))
    for number, (found, truth) in enumerate(zip(masks, scores.truths, strict=True)):
        if found is not None:
            row.add(number, found, truth)


def _table(scores: _Scores, seed: int, resamples: int) -> EvaluationTable:
    rows: dict[str, MetricRow] = {}
    for name, row in scores.rows.items():
        measures = {}
        for column in COLUMNS:
            found = mean_interval(getattr(row, column), scores.patients, seed=seed, resamples=resamples)
            if np.isfinite(found.mean):
                measures[column] = _figure(found)
        rows[name] = MetricRow(role=row.role, measures=measures)  # type: ignore[arg-type]
    return EvaluationTable("Overlap with true masks", COLUMNS, rows)


def _range_table(names: Sequence[str], scores: _Scores) -> EvaluationTable:
    """Mean over models of their means, from the lowest to the highest."""
    measures = {}
    for column in COLUMNS:
        means = [
            mean_interval(getattr(scores.rows[name], column), scores.patients, seed=0, resamples=1).mean
            for name in names
        ]
        if np.isfinite(means).all():
            low, high = round(min(means), 4), round(max(means), 4)
            measures[column] = Figure(value=round(float(np.mean(means)), 4), low=low, high=high)
    row = MetricRow(role="candidate", measures=measures)
    return EvaluationTable(f"Range over {len(names)} models", COLUMNS, {f"{len(names)} models": row})


def _sentences(
    names: Sequence[str],
    models: Sequence[LoadedModel[GazeSegmenter]],
    scores: _Scores,
    seed: int,
    resamples: int,
    *,
    left_out: int,
) -> list[str]:
    said = []
    if left_out:
        said.append(f"{left_out} pictures have no true mask and were left out.")
    empty = {name: row.empty for name, row in scores.rows.items() if row.empty}
    if empty:
        rule = "counted as 0 for faithful models" if any(model.network.settings.faithful for model in models) else ""
        counted = ", ".join(f"{name}: {count}" for name, count in empty.items())
        said.append(
            f"Pictures where nothing is and nothing was found are left out {rule} ({counted}).".replace("  ", " ")
        )
    true_px = sum(int(truth.sum()) for truth in scores.truths)
    for name, row in scores.rows.items():
        if row.role == "candidate" and row.found_px < COLLAPSED_SHARE * true_px:
            share = 100 * row.found_px / max(true_px, 1)
            said.append(f"{name} has collapsed to background: it finds {share:.2g} % of the true masks' area.")
    floor = max((name for name, row in scores.rows.items() if row.role == "floor"), key=lambda n: _mean(scores, n))
    for name in names:
        difference = _difference(scores, name, floor, seed, resamples)
        beats = difference.available and difference.low > 0
        said.append(
            f"{name} {'beats' if beats else 'does not beat'} the best floor, {floor}: Dice {_signed(difference)}."
        )
    for name in names[1:]:
        said.append(f"{name} minus {names[0]}: Dice {_signed(_difference(scores, name, names[0], seed, resamples))}.")
    if any(row.role == "ceiling" for row in scores.rows.values()):
        said.append(
            "The gaze pseudo-mask uses where the reader of the test picture looked, which no model is told; it is what "
            "the levels were taught with, and a model can be better than its teacher."
        )
    if {case.origin for case in scores.cases} == {"simulated"}:
        said.append(RESEARCH)
    return said


def _difference(scores: _Scores, name: str, other: str, seed: int, resamples: int) -> Estimate:
    return paired_difference(
        scores.rows[name].dice, scores.rows[other].dice, scores.patients, seed=seed, resamples=resamples
    )


def _mean(scores: _Scores, name: str) -> float:
    found = mean_interval(scores.rows[name].dice, scores.patients, seed=0, resamples=1).mean
    return found if np.isfinite(found) else -1.0


def _signed(found: Estimate) -> str:
    if not np.isfinite(found.mean):
        return "cannot be compared"
    interval = f" ({found.low:+.3f} to {found.high:+.3f})" if found.available else f" ({found.reason})"
    return f"{found.mean:+.3f}{interval}"


def _figure(found: Estimate) -> Figure:
    low, high = (round(v, 4) if np.isfinite(v) else None for v in (found.low, found.high))
    return Figure(value=round(found.mean, 4), low=low, high=high)


def _on(scores: _Scores) -> str:
    origins = ", ".join(sorted({case.origin for case in scores.cases}))
    share = float(np.mean([truth.mean() for truth in scores.truths]))
    return (
        f"{len(scores.cases)} pictures ({origins}) of {len(set(scores.patients))} patients; the structure fills "
        f"{100 * share:.2g} % of a picture on average. Dice and IoU of each picture at its own size, mean of each "
        "patient's mean with 95% intervals over patients."
    )
