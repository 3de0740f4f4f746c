"""CT-Scrolls beside floors on the same cases: AUROC, F1 and accuracy of each label, with intervals over patients."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from models.card import Figure, MetricRow
from models.ct_scroll.network import CtScroll
from models.ct_scroll.prepared import truth_of
from models.ct_scroll.preprocessing import scroll_input
from models.ct_scroll.settings import ScrollSettings
from models.datasets.labelled_case import LabelledCase
from models.errors import ModelError
from models.evaluations import EvaluationTable, TableEvaluation
from models.features.devices import Device, choose_device
from models.metrics.classification import accuracy, auroc, f1_score, patient_weights, percentile_interval
from models.model_folder import LoadedModel

Progress = Callable[[int, int], None]
Floats = NDArray[np.float64]

MEASURES = ("AUROC", "F1", "accuracy")
FEWEST_PATIENTS = 3
SHUFFLED = "shuffled labels"
PREVALENCE = "prevalence alone"
EVERYTHING = "everything found"
Role = Literal["candidate", "floor"]


@dataclass(frozen=True, eq=False)
class Scores:
    """Of one row.

    Attributes
    ----------
    value
        (labels,) by measure, NaN where it cannot be computed.
    drawn
        (resamples, labels) by measure.
    """

    value: Mapping[str, Floats]
    drawn: Mapping[str, Floats] = field(repr=False)


def evaluate_findings(
    models: Sequence[LoadedModel[CtScroll]],
    cases: Sequence[LabelledCase],
    *,
    seed: int = 1,
    resamples: int = 2000,
    device: str = "auto",
    progress: Progress | None = None,
) -> TableEvaluation:
    """Measure models on cases that none of them was trained on.

    F1 and accuracy are at each model's own thresholds, chosen on its validation patients; a model without thresholds
    has none. Several models of one name (seeds) also get a row of their mean, whose range is said in a sentence. Labels
    that some case says nothing of are left out, and named: Rad-ChestCT shares 16 with CT-RATE.

    Parameters
    ----------
    models
        Of the same labels in the same order.
    seed, resamples
        Of the bootstrap over patients and of the shuffled labels.
    progress
        Called with cases done and in all.

    Raises
    ------
    ModelError
        No model or case, models of different labels, no label that every case has, a volume that is no chest.
    """
    if not models or not cases:
        raise ModelError("there is no model or no case to evaluate", remedy="name at least one of each")
    own = models[0].network.settings.labels
    other = next((model for model in models if model.network.settings.labels != own), None)
    if other is not None:
        raise ModelError(
            f"finds other labels than {models[0].card.name}", place=other.card.name, remedy="compare equals"
        )
    columns = [number for number, label in enumerate(own) if all(label in case.labels for case in cases)]
    labels = tuple(own[number] for number in columns)
    truth = truth_of(cases, labels or own).astype(np.int64)
    chosen = choose_device(device)
    probability = _probabilities(models, cases, chosen, progress)[:, :, columns]
    thresholds = [_thresholds(model, columns) for model in models]
    patients = [case.patient for case in cases]
    weights = patient_weights(patients, seed=seed, resamples=resamples)
    names = _names(models)
    scores = {
        name: _scores(truth, found, at, weights) for name, found, at in zip(names, probability, thresholds, strict=True)
    }
    means = _means(names, models, scores)
    floors = _floors(truth, probability[0], thresholds[0], weights, seed)
    enough = len(set(patients)) >= FEWEST_PATIENTS
    rows: dict[str, tuple[Role, Scores]] = {name: ("candidate", one) for name, one in {**scores, **means}.items()}
    rows.update({name: ("floor", one) for name, one in floors.items()})
    return TableEvaluation(
        on=f"{len(cases)} volumes of {len(set(patients))} patients, {len(labels)} labels",
        tables=(_mean_table(rows, enough), _label_table(rows, labels, enough)),
        sentences=_sentences(models, names, scores, means, truth, labels, len(set(patients))),
        parameters={
            "seed": seed, "resamples": resamples, "level": 0.95,
            "device": chosen.name if chosen.is_gpu else "cpu",
            "thresholds": {
                name: dict(zip(labels, at, strict=True)) if at else {}
                for name, at in zip(names, thresholds, strict=True)
            },
            "prevalence": dict(zip(labels, truth.mean(axis=0).tolist(), strict=True)),
        },
    )  # fmt: skip


def _probabilities(
    models: Sequence[LoadedModel[CtScroll]],
    cases: Sequence[LabelledCase],
    device: Device,
    progress: Progress | None,
) -> Floats:
    """(models, cases, labels); a volume is prepared once for all models that are given the same."""
    networks = [model.network.to(device.torch_device).eval() for model in models]
    found = np.empty((len(models), len(cases), len(models[0].network.settings.labels)))
    for number, case in enumerate(cases):
        volume = case.load()
        prepared: dict[object, torch.Tensor] = {}
        for row, network in enumerate(networks):
            key = _input_of(network.settings)
            if key not in prepared:
                values = scroll_input(volume, network.settings).values
                prepared[key] = torch.from_numpy(values)[None, None].to(device.torch_device)
            with torch.inference_mode():
                found[row, number] = network(prepared[key]).sigmoid()[0].cpu().numpy()
        if progress is not None:
            progress(number + 1, len(cases))
    if not np.isfinite(found).all():
        raise ModelError("a model's probabilities are no numbers", remedy="leave it out")
    return found


def _thresholds(model: LoadedModel[CtScroll], columns: Sequence[int]) -> tuple[float, ...]:
    """Of these labels; empty where nobody chose any."""
    every = model.network.settings.thresholds
    return tuple(every[number] for number in columns) if every else ()


def _input_of(settings: ScrollSettings) -> object:
    return settings.input_shape_slp, settings.spacing_slp_mm, settings.hu_range


def _scores(truth: NDArray[np.int64], found: Floats, thresholds: Sequence[float], weights: Floats) -> Scores:
    columns = range(truth.shape[1])
    value = {"AUROC": np.array([float(auroc(truth[:, one], found[:, one])) for one in columns])}
    drawn = {"AUROC": np.stack([auroc(truth[:, one], found[:, one], weights) for one in columns], axis=1)}
    if thresholds:
        named = found >= np.asarray(thresholds)
        for name, measure in (("F1", f1_score), ("accuracy", accuracy)):
            value[name] = np.array([float(measure(truth[:, one], named[:, one])) for one in columns])
            drawn[name] = np.stack([measure(truth[:, one], named[:, one], weights) for one in columns], axis=1)
    return Scores(value, drawn)


def _floors(
    truth: NDArray[np.int64], found: Floats, thresholds: Sequence[float], weights: Floats, seed: int
) -> dict[str, Scores]:
    """The first model's answers given to other cases, and each label's prevalence as everyone's probability, with the
    half as threshold and with none."""
    shuffled = found[np.random.default_rng(seed).permutation(len(found))]
    prevalence = np.broadcast_to(truth.mean(axis=0), found.shape)
    return {
        SHUFFLED: _scores(truth, shuffled, thresholds, weights),
        PREVALENCE: _scores(truth, prevalence, [0.5] * truth.shape[1], weights),
        EVERYTHING: _scores(truth, prevalence, [0.0] * truth.shape[1], weights),
    }


def _names(models: Sequence[LoadedModel[CtScroll]]) -> list[str]:
    """Name and version, told apart by number where two are the same."""
    plain = [f"{model.card.name} {model.card.version}" for model in models]
    return [
        name if plain.count(name) == 1 else f"{name} ({plain[: number + 1].count(name)})"
        for number, name in enumerate(plain)
    ]


def _means(
    names: Sequence[str], models: Sequence[LoadedModel[CtScroll]], scores: Mapping[str, Scores]
) -> dict[str, Scores]:
    """One row for all models of one name, where there are several."""
    found = {}
    for card_name in dict.fromkeys(model.card.name for model in models):
        own = [scores[name] for name, model in zip(names, models, strict=True) if model.card.name == card_name]
        if len(own) > 1:
            shared = [measure for measure in MEASURES if all(measure in one.value for one in own)]
            found[f"mean of {len(own)} {card_name}"] = Scores(
                {measure: np.mean([one.value[measure] for one in own], axis=0) for measure in shared},
                {measure: np.mean([one.drawn[measure] for one in own], axis=0) for measure in shared},
            )
    return found


def _mean_table(rows: Mapping[str, tuple[Role, Scores]], enough: bool) -> EvaluationTable:
    found = {}
    for name, (role, one) in rows.items():
        figures = {
            measure: figure
            for measure in MEASURES
            if measure in one.value
            and (figure := _figure(_mean(one.value[measure]), _mean(one.drawn[measure]), enough)) is not None
        }
        found[name] = MetricRow(role=role, measures=figures)
    return EvaluationTable("Mean over labels", MEASURES, found)


def _label_table(rows: Mapping[str, tuple[Role, Scores]], labels: Sequence[str], enough: bool) -> EvaluationTable:
    columns = tuple(f"{label}, {measure}" for measure in MEASURES for label in labels)
    found = {}
    for name, (role, one) in rows.items():
        figures = {}
        for measure in one.value:
            for number, label in enumerate(labels):
                figure = _figure(one.value[measure][number], one.drawn[measure][:, number], enough)
                if figure is not None:
                    figures[f"{label}, {measure}"] = figure
        found[name] = MetricRow(role=role, measures=figures)
    return EvaluationTable("Each label", columns, found)


def _mean(values: Floats) -> Floats:
    """Over the labels that have a value; NaN without any."""
    known = np.isfinite(values)
    count = known.sum(axis=-1)
    total = np.where(known, values, 0.0).sum(axis=-1)
    mean: Floats = np.divide(total, count, out=np.full(np.shape(total), np.nan), where=count > 0)
    return mean


def _figure(value: Floats | float, drawn: Floats, enough: bool) -> Figure | None:
    if not np.isfinite(value):
        return None
    low, high = percentile_interval(drawn) if enough else (np.nan, np.nan)
    if not np.isfinite(low):
        return Figure(value=float(value))
    return Figure(value=float(value), low=low, high=high)


def _sentences(
    models: Sequence[LoadedModel[CtScroll]],
    names: Sequence[str],
    scores: Mapping[str, Scores],
    means: Mapping[str, Scores],
    truth: NDArray[np.int64],
    labels: Sequence[str],
    patients: int,
) -> tuple[str, ...]:
    found = [
        "Intervals are 95 % over patients; means are unweighted over labels. F1 and accuracy are at thresholds chosen "
        "on validation patients.",
        f"{SHUFFLED}: the first model's answers, given to other cases. {PREVALENCE}: all cases are equally probable. "
        f"{EVERYTHING}: every case has every label; no useful F1 is lower.",
    ]
    for name in means:
        own = [
            float(_mean(scores[one].value["AUROC"]))
            for one, model in zip(names, models, strict=True)
            if name.endswith(f" {model.card.name}")
        ]
        found.append(f"{name}: mean AUROC from {min(own):.3f} to {max(own):.3f}.")
    left_out = [label for label in models[0].network.settings.labels if label not in labels]
    if left_out:
        found.append(f"Nothing says whether the cases have {', '.join(left_out)}: left out of every figure.")
    unmeasured = [label for number, label in enumerate(labels) if len(np.unique(truth[:, number])) < 2]
    if unmeasured:
        found.append(f"All or none of the cases have {', '.join(unmeasured)}: no AUROC there.")
    without = [name for name, model in zip(names, models, strict=True) if not model.network.settings.thresholds]
    if without:
        found.append(f"{', '.join(without)}: no thresholds, so neither F1 nor accuracy.")
    if patients < FEWEST_PATIENTS:
        found.append(f"{patients} patients: too few for intervals.")
    return tuple(found)
