"""Gaze classifiers on the same test patients: with gaze and without, with another patient's, beside floors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.card import Figure, MetricRow
from models.datasets.picture_case import PictureCase
from models.errors import ModelError
from models.evaluations import EvaluationTable, TableEvaluation, told_apart
from models.families import Progress
from models.features.devices import choose_device
from models.gaze_classifier.areas import Areas, areas_of, shuffled_areas
from models.gaze_classifier.files import LoadedClassifier
from models.gaze_classifier.gaze_map_fit import MEASURES, UNIFORM_SHARE, fit_rows
from models.gaze_classifier.inference import maps_of, probabilities_of
from models.gaze_classifier.prediction import GRAD_CAM, PREDICTED_GAZE
from models.gaze_classifier.prepared_pictures import (
    PreparedPicture,
    prepare,
    truth_of,
    with_borrowed_gaze,
    without_gaze,
)
from models.gaze_classifier.unet import GazeUnet

OWN, BORROWED, NONE = "its reader's gaze", "another patient's gaze", "no gaze"
MEAN = "mean AUROC"
SHUFFLED = "shuffled labels"
SHUFFLES = 200


@dataclass(frozen=True, eq=False)
class _Candidate:
    name: str
    model: LoadedClassifier
    pictures: list[PreparedPicture]
    probabilities: NDArray[np.float64]


def evaluate(
    models: Sequence[LoadedClassifier],
    cases: Sequence[PictureCase],
    *,
    seed: int = 1,
    resamples: int = 2000,
    device: str = "auto",
    progress: Progress | None = None,
) -> TableEvaluation:
    """AUROC with intervals over patients, differences from the first row, and how well maps fit the readers' gaze.

    The temporal network is shown its reader's gaze; as a control another patient's; and none where it may.

    Raises
    ------
    ModelError
        No model or case, labels that differ, or cases that a model refuses (`prepared_pictures.prepare`).
    """
    if not models or not cases:
        raise ModelError("an evaluation needs a model and a case")
    labels = models[0].network.settings.labels
    other = next((one for one in models if one.network.settings.labels != labels), None)
    if other is not None:
        raise ModelError(
            f"knows {', '.join(other.network.settings.labels)}, not {', '.join(labels)} as {models[0].card.name}"[:300],
            place=other.card.name,
            remedy="evaluate models of the same labels together",
        )
    candidates = _candidates(models, cases, seed, device, progress)
    truth, patients = truth_of(candidates[0].pictures), [case.patient for case in cases]
    areas = {
        one.name: areas_of(truth, one.probabilities, patients, seed=seed, resamples=resamples) for one in candidates
    }
    first = candidates[0]
    floor = shuffled_areas(truth, first.probabilities, seed=seed, shuffles=SHUFFLES)
    columns = (MEAN, *(f"AUROC {label}" for label in labels))
    rows = {name: _area_row("candidate", found, columns) for name, found in areas.items()}
    rows[SHUFFLED] = _area_row("floor", floor, columns)
    tables = [EvaluationTable("Findings", columns, rows)]
    pairs = _pairs(candidates, areas)
    if pairs:
        tables.append(EvaluationTable("Mean AUROC, difference of two on the same patients", (MEAN,), pairs))
    maps = _map_tables(models, candidates, seed, resamples, device)
    looked_at = sum(case.gaze is not None for case in cases)
    found = ", ".join(f"{count} {label}" for label, count in zip(labels, truth.sum(axis=0), strict=True))
    return TableEvaluation(
        on=f"{len(cases)} pictures of {len(set(patients))} patients ({found}), {looked_at} with a reader's gaze",
        tables=(*tables, *maps),
        sentences=_sentences(candidates, areas, maps=bool(maps)),
        parameters={
            "seed": seed, "resamples": resamples, "interval": "95 %, percentile bootstrap over patients",
            "shuffles": SHUFFLES, "uniform_share_in_kl": UNIFORM_SHARE, "device": choose_device(device).name,
        },
    )  # fmt: skip


def _candidates(
    models: Sequence[LoadedClassifier], cases: Sequence[PictureCase], seed: int, device: str, progress: Progress | None
) -> list[_Candidate]:
    names = told_apart([model.card.name for model in models], [model.folder.name for model in models])
    chosen = choose_device(device).torch_device
    found: list[_Candidate] = []
    for number, (name, model) in enumerate(zip(names, models, strict=True)):
        network = model.network
        pictures = prepare(cases, network.settings)
        shown = {"": pictures}
        if network.settings.kind == "temporal":
            shown = {f", {OWN}": pictures, f", {BORROWED}": with_borrowed_gaze(pictures, seed)}
            if network.settings.without_gaze == "image_only":
                shown[f", {NONE}"] = without_gaze(pictures)
        for told, given in shown.items():
            found.append(_Candidate(name + told, model, given, probabilities_of(network, given, device=chosen)))
        if progress is not None:
            progress(number + 1, len(models))
    return found


def _area_row(role: str, areas: Areas, columns: Sequence[str]) -> MetricRow:
    # The mean stands first in the table and last in the areas.
    figures = {name: areas.figure(number - 1) for number, name in enumerate(columns)}
    return MetricRow(role=role, measures={name: one for name, one in figures.items() if one is not None})  # type: ignore[arg-type]


def _pairs(candidates: Sequence[_Candidate], areas: dict[str, Areas]) -> dict[str, MetricRow]:
    """Every row minus the first, and every temporal model with its reader's gaze minus itself with other gaze."""
    names = [one.name for one in candidates]
    pairs = []
    for name in names:
        if name.endswith(OWN):
            other = name.removesuffix(OWN)
            pairs += [(name, other + told) for told in (BORROWED, NONE) if other + told in areas]
    pairs = [pair for name in names[1:] if (pair := (name, names[0]))[::-1] not in pairs] + pairs
    figures = {f"{name} minus {minus}": areas[name].less(areas[minus]) for name, minus in pairs}
    return {name: MetricRow(role="candidate", measures={MEAN: figure}) for name, figure in figures.items() if figure}


def _map_tables(
    models: Sequence[LoadedClassifier], candidates: Sequence[_Candidate], seed: int, resamples: int, device: str
) -> list[EvaluationTable]:
    tables = []
    chosen = choose_device(device).torch_device
    for model in models:
        network = model.network
        own = next(one for one in candidates if one.model is model)
        seen = [one for one in own.pictures if one.fixations is not None]
        if not isinstance(network, GazeUnet) or len({one.patient for one in seen}) < 2:
            continue
        gaze, cam = maps_of(network, seen, device=chosen)
        maps = {GRAD_CAM: cam} if gaze is None else {PREDICTED_GAZE: gaze, GRAD_CAM: cam}
        settings = network.settings
        rows = fit_rows(
            maps, seen, size_px=settings.size_px, weighting=settings.weighting, seed=seed, resamples=resamples
        )
        tables.append(EvaluationTable(f"{own.name}: maps beside the reader's gaze", MEASURES, rows))
    return tables


def _sentences(candidates: Sequence[_Candidate], areas: dict[str, Areas], *, maps: bool) -> tuple[str, ...]:
    said = ["Every row saw the same pictures; epochs and thresholds were chosen on validation patients."]
    for one in candidates:
        if one.name.endswith(OWN):
            other = one.name.removesuffix(OWN) + BORROWED
            said.append(_gain(areas[one.name].less(areas[other]), one.name.removesuffix(f", {OWN}")))
    if maps:
        said.append(
            "CC is a correlation with the reader's map (higher is better), KL a divergence from it in nats (lower is "
            "better); a map that is not above the centre bias tells nothing of the picture."
        )
    return tuple(said)


def _gain(figure: Figure | None, name: str) -> str:
    if figure is None or figure.low is None or figure.high is None:
        return f"{name}: what the reader's gaze adds cannot be told from these patients."
    if figure.low > 0:
        return f"{name} takes something from its reader's gaze that another patient's gaze does not give it."
    return f"{name}: its reader's gaze did not help more than another patient's on these patients."
