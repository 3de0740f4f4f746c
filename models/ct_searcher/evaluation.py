"""Models against readers, floors, oracles and themselves with the CT or its tokens exchanged.

Every model is four candidates: with the length that it chooses; told the number of fixations of each reference; the
same while it sees another patient's CT; the same while its tokens are permuted over the cells. So what the two last
lose against the second is what the model takes from the CT, and from where in the CT, at one length.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.ct_searcher import oracles
from models.ct_searcher.bodies import FoundBodies, body_mask
from models.ct_searcher.candidates import (
    Candidate,
    Lent,
    Predictor,
    for_another,
    lenders_of,
    moved,
    on_own_ct,
    oracles_of,
)
from models.ct_searcher.continuity import Continuity, ContinuityTable, continuity
from models.ct_searcher.continuity import compare as compare_continuity
from models.ct_searcher.evaluation_report import (
    KINDS,
    OWN,
    SWAPPED,
    TOLD,
    EvaluatedModel,
    Evaluation,
    beating_of,
    spread_of,
)
from models.ct_searcher.files import LoadedSearcher
from models.ct_searcher.network_predictor import Features, network_predictor
from models.datasets.case import TrainingCase
from models.errors import Cancelled, ModelError
from models.metrics.bootstrap import RESAMPLES
from models.metrics.comparison import compare, name_of
from models.metrics.comparison_report import ComparisonParameters
from models.metrics.heat_map import MapParameters
from models.metrics.measures import MeasureParameters
from models.scanpath import Scanpath
from models.volumes import CtVolume

Report = Callable[[int, int, str], None]

MAP_SIGMA_MM = 10.0
MAP_SIGMA_SLICES = 2.0
"""Whoever stops two slices beside a place has seen it: readings of one stack rarely stop on the very same slice."""
MAP_CELL_MM = 8.0


def evaluate(
    models: Sequence[LoadedSearcher],
    cases: Sequence[TrainingCase],
    *,
    features: Features | None = None,
    device: str = "auto",
    **options: Any,
) -> Evaluation:
    """Evaluate models from their folders; several of one name (seeds of one training) are told apart by their folders.

    Parameters
    ----------
    features
        For networks that are given features: from a volume to (cells, channels) in the network's order.
    options
        Of `evaluate_predictors`.

    Raises
    ------
    ModelError
        As `evaluate_predictors`, and for a network that needs features where there are none.
    """
    names = Counter(model.card.name for model in models)
    predictors = []
    for model in models:
        given = model.network.settings.encoder == "given"
        if given and features is None:
            raise ModelError(
                "this network is given features, and nothing makes them",
                place=str(model.folder),
                remedy="evaluate it on a configuration with a table data.features",
            )
        name = model.card.name if names[model.card.name] == 1 else f"{model.card.name} {model.folder.name}"
        told = EvaluatedModel(name, model.card.version, model.sha256)
        predictors.append(network_predictor(told, model.network, features=features if given else None, device=device))
    return evaluate_predictors(predictors, cases, **options)


def evaluate_predictors(
    predictors: Sequence[Predictor],
    cases: Sequence[TrainingCase],
    *,
    training: Sequence[TrainingCase] = (),
    seed: int = 1,
    count: int = 3,
    body_of: Callable[[CtVolume], NDArray[np.bool_] | None] = body_mask,
    parameters: ComparisonParameters | None = None,
    resamples: int = RESAMPLES,
    progress: Report = lambda done, total, what: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Evaluation:
    """Evaluate models on test cases; one volume in memory at a time.

    Parameters
    ----------
    cases
        With readers' paths, which are the references.
    training
        Cases that the models learned from; floors borrow and learn from their paths, the average path is theirs.
    seed
        Of sampling, floors and bootstrap.
    count
        Sampled paths of each kind on each case.
    body_of
        Finds the body, which limits maps and floors. Where it finds none in some case whole volumes stand for all.
    parameters
        Default: as the comparison's own, with heat maps of 10 mm and two slices, `seed` and `resamples`.

    Raises
    ------
    ModelError
        No model, no case, no reading, a case twice, or a patient of the test among the training cases.
    Cancelled
        When `cancelled` says so; it is asked before each case and each reference.
    """
    references = [path for case in cases for path in case.paths if len(path)]
    _check(predictors, cases, training, references)
    steps = _Steps(progress, cancelled, len(training) + len(cases) * (1 + len(predictors)) + len(references))
    begun = time.perf_counter()
    bodies = FoundBodies(body_of)
    for case in training:
        steps.next("Finding bodies")
        bodies.add(case, case.load(), keep_mask=False)
    lenders = lenders_of(cases, seed)
    sampled: list[Candidate] = []
    lent: list[Lent] = []
    for number, case in enumerate(cases):
        steps.next("Finding bodies")
        volume = case.load()
        bodies.add(case, volume, keep_mask=True)
        borrowers = [each for each in cases if lenders.get(each.case) is case]
        for predictor in predictors:
            steps.next(f"Predicting with {predictor.model.name}")
            looked = predictor.look(volume)
            sampled += on_own_ct(predictor, looked, case, count, (seed, number))
            for each in borrowers:
                lent += for_another(predictor, looked, case, each, count, (seed, number))
    notes = bodies.settle([*cases, *training])
    sampled += [*moved(lent, bodies.boxes), *oracles_of(cases, training, bodies.boxes)]
    predicted = time.perf_counter()
    notes += _notes(predictors, training, lenders, references, sampled)
    models = tuple(predictor.model for predictor in predictors)
    candidates = _in_order(models, [each.path for each in sampled if len(each.path)])
    meant = {id(each.path): each.references for each in sampled}
    comparison = compare(
        [*references, *candidates],
        references=references,
        training=[path for case in training for path in case.paths],
        references_lend=not training,
        bodies_kji=bodies.masks,
        lungs_kji=bodies.lungs,
        boxes=bodies.boxes,
        meant_for=lambda path, reference: (wanted := meant.get(id(path))) is None or id(reference) in wanted,
        tested={name_of(path) for path in candidates},
        parameters=_parameters(references, seed, resamples) if parameters is None else parameters,
        progress=lambda done, total: steps.next("Scoring") if done < total else None,
    )
    return Evaluation(
        models,
        comparison,
        tuple(beating_of(comparison)),
        tuple(spread_of(models, comparison)),
        _continuity(models, references, candidates),
        len(cases),
        len({case.patient for case in cases}),
        len(references),
        count,
        seed,
        any(path.source != "reader" for path in references),
        {"predicting": predicted - begun, "scoring": time.perf_counter() - predicted},
        tuple(notes),
    )


class _Steps:
    """Counts what is done, and stops when asked."""

    def __init__(self, progress: Report, cancelled: Callable[[], bool], total: int) -> None:
        self.progress, self.cancelled, self.total, self.done = progress, cancelled, total, 0

    def next(self, what: str) -> None:
        if self.cancelled():
            raise Cancelled
        self.progress(self.done, self.total, what)
        self.done += 1


def _check(
    predictors: Sequence[Predictor],
    cases: Sequence[TrainingCase],
    training: Sequence[TrainingCase],
    references: Sequence[Scanpath],
) -> None:
    if not predictors or not cases:
        raise ModelError("nothing to evaluate", remedy="name a model and cases with readings")
    for what, names in (
        ("model", [predictor.model.name for predictor in predictors]),
        ("case", [case.case for case in [*cases, *training]]),
    ):
        twice = [name for name, times in Counter(names).items() if times > 1]
        if twice:
            raise ModelError(f"{what} {twice[0]} comes twice", remedy="name each once")
    learned = {case.patient for case in training}
    for case in cases:
        if case.patient in learned:
            raise ModelError(f"patient {case.patient} is among the training cases", place=case.place)
        if not any(len(path) for path in case.paths):
            raise ModelError("no reading has a fixation", place=case.place)
    if not any(len(path) > 1 for path in references):
        raise ModelError("no reading has two fixations", place=cases[0].place)


def _notes(
    predictors: Sequence[Predictor],
    training: Sequence[TrainingCase],
    lenders: dict[str, TrainingCase],
    references: Sequence[Scanpath],
    sampled: Sequence[Candidate],
) -> list[str]:
    notes = []
    for predictor in predictors:
        if predictor.sampling:
            notes.append(f"model {predictor.model.name} {predictor.sampling}")
        told = sum(path.who in predictor.readers for path in references)
        if told:
            notes.append(
                f"model {predictor.model.name} is told the reader of {told} of the {len(references)} readings; floors "
                "are not told it and borrow from any reader"
            )
    if training:
        notes.append("floors borrow and learn from the training cases alone, not from the readings under test")
    else:
        notes.append(f"{oracles.AVERAGE_PATH}: not available, there are no training cases")
    if not lenders:
        notes.append(f"{SWAPPED.removeprefix(', ')}: not available, all cases are of one patient")
    length = {id(reference): len(reference) for reference in references}
    own = {f"{predictor.model.name}{OWN}" for predictor in predictors}
    short = Counter(
        each.path.who
        for each in sampled
        for reference in (each.references or () if each.path.who not in own else ())
        if len(each.path) < length[reference]
    )
    notes += [f"{n} paths of {who} end before the length that they were told" for who, n in short.items()]
    empty = Counter(each.path.who for each in sampled if not len(each.path))
    return notes + [f"{n} paths of {who} have no fixation and are not scored" for who, n in empty.items()]


def _in_order(models: Sequence[EvaluatedModel], candidates: Sequence[Scanpath]) -> list[Scanpath]:
    """Each model's kinds after one another, then the oracles: differences are of earlier from later candidates."""
    names = [model.candidate(kind) for model in models for kind in KINDS]
    place = {name: number for number, name in enumerate(names)}
    return sorted(candidates, key=lambda path: place.get(name_of(path), len(names)))


def _parameters(references: Sequence[Scanpath], seed: int, resamples: int) -> ComparisonParameters:
    """Heat maps in millimetres with cells of about 8 mm; where a spacing is unknown as the comparison's own."""
    known = [each[:2].mean() for path in references if (each := path.spacing_ijk_mm) is not None]
    if len(known) < len(references):
        return ComparisonParameters(seed=seed, resamples=resamples)
    edge = max(1, int(MAP_CELL_MM // float(np.median(known))))
    maps = MapParameters(MAP_SIGMA_MM, "mm", MAP_SIGMA_SLICES, cell_voxels=(edge, edge, 1))
    return ComparisonParameters(MeasureParameters(map=maps), seed=seed, resamples=resamples)


def _continuity(
    models: Sequence[EvaluatedModel], references: Sequence[Scanpath], candidates: Sequence[Scanpath]
) -> ContinuityTable:
    readers = "simulated readers" if all(path.source == "simulated" for path in references) else "readers"
    found: list[Continuity] = []
    for model in models:
        for kind in (OWN, TOLD):
            paths = [path for path in candidates if name_of(path) == model.candidate(kind) and len(path) > 1]
            if paths:
                found.append(continuity(model.candidate(kind), paths))
    return compare_continuity(continuity(readers, references), found)
