"""The report on scan paths: every pair, means, floors, the ceiling, and differences from floors and each other."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final, Literal

import numba
import numpy as np
from numpy.typing import NDArray

from models.metrics import floors
from models.metrics.bootstrap import mean_interval, paired_difference
from models.metrics.comparison_report import Comparison, ComparisonParameters, Difference, Pair, Role, Row
from models.metrics.floors import FLOORS, NoFloorError, Target
from models.metrics.measures import MEASURES, ReferenceScorer, usual_map_parameters
from models.metrics.multimatch import FEWEST_FIXATIONS
from models.scanpath import Scanpath, Source
from models.simulation.markov_reader import Box, MarkovReader, fit_markov_reader

Masks = Mapping[str, NDArray[np.bool_]]
Scores = Mapping[int, Mapping[str, float]]
CEILINGS: Final = ("between readers", "within a reader", "between simulated readers")
DRAWN_ONCE: Final = frozenset({floors.SAW_TOOTH})
"""Floors without chance."""


SAME_VOXEL = 0.51
SAME_DURATION_S = 0.0011
"""How far exchange files round: to whole voxels and milliseconds."""


class NothingToCompareError(ValueError):
    """No two scan paths are of the same case."""


def compare(
    paths: Sequence[Scanpath],
    *,
    references: Sequence[Scanpath] | None = None,
    training: Sequence[Scanpath] = (),
    references_lend: bool = True,
    bodies_kji: Masks | None = None,
    lungs_kji: Masks | None = None,
    boxes: Mapping[str, Box] | None = None,
    meant_for: Callable[[Scanpath, Scanpath], bool] = lambda path, reference: True,
    tested: Collection[str] | None = None,
    parameters: ComparisonParameters | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Comparison:
    """Compare every path with every reference of its case, beside floors and ceiling.

    A reading that comes twice (a session and its own export) counts once and is noted: beside itself it would be its
    own ceiling.

    Parameters
    ----------
    references
        Default: the readers among the paths; without any the simulated readers; without any all.
    training
        Further paths that floors may use: donors, and training of the Markov reader; a path of the target's patient
        never is.
    references_lend
        Whether references of other patients are donors too. Not where a model is tested that never saw them: floors
        then know no more of those readers than the model.
    bodies_kji, lungs_kji
        Masks by case. Without a body its volume stands for it.
    boxes
        Of the bodies of further cases (those of `training`), whose masks nobody needs.
    meant_for
        Whether a path is to be scored against a reference of its case; a path made with one reference's length, say, is
        no candidate for another.
    tested
        Names (`name_of`) of the candidates that get a row and differences; default all. The ceiling needs no row.

    Raises
    ------
    NothingToCompareError
        When no reference has a path of its case to be compared with.
    ValueError
        When volumes of one case differ, or a unit needs a spacing or a scale that a path does not know.
    """
    paths, repeated = _each_reading_once(paths)
    chosen = _references(paths) if references is None else list(references)
    notes = [*repeated]
    notes += [f"{path.who} on {path.case} has no fixation on the image" for path in (*paths, *chosen) if not len(path)]
    notes += _outside_notes(paths)
    notes += _short_notes(paths)
    chosen = [path for path in chosen if len(path)]
    matched = [
        (r, [p for p in paths if p.case == r.case and p is not r and len(p) and meant_for(p, r)]) for r in chosen
    ]
    scored = [(reference, others) for reference, others in matched if others]
    if not scored:
        raise NothingToCompareError("; ".join([*repeated, "no two of these scan paths are of the same case"]))
    lonely = [reference for reference, others in matched if not others]
    notes += [f"{path.who} on {path.case} has nothing to be compared with" for path in lonely]
    donors = [*training, *(chosen if references_lend else ())]
    if len({path.case for path in donors}) > 1 and all(path.patient == path.case for path in donors):
        notes.append("the sources name no patients: every case counts as another patient")
    parameters = ComparisonParameters() if parameters is None else parameters
    measures = parameters.measures
    if measures.map is None:
        measures = replace(measures, map=usual_map_parameters([reference for reference, _ in scored]))
    parameters = replace(parameters, measures=measures)
    bodies, lungs = bodies_kji or {}, lungs_kji or {}
    maker = _FloorMaker(donors, bodies, lungs, boxes or {}, parameters)
    pairs: list[Pair] = []
    floor_pairs: list[Pair] = []
    for number, (reference, others) in enumerate(scored):
        progress(number, len(scored))
        scorer = ReferenceScorer.of(reference, measures, bodies.get(reference.case))
        pairs += [_pair(path, reference, number, pair_kind(path, reference), scorer.scores(path)) for path in others]
        floor_pairs += maker.pairs(scorer, number)
    progress(len(scored), len(scored))
    names = [name for name in dict.fromkeys(map(name_of, paths)) if tested is None or name in tested]
    rows = [*_candidate_rows(names, pairs, parameters), *_kind_rows(pairs, parameters)]
    rows += _floor_rows(floor_pairs, maker.notes(), parameters)
    rows += _ceiling_rows(pairs, chosen, parameters)
    return Comparison(
        tuple(pairs),
        tuple(floor_pairs),
        tuple(rows),
        tuple(_differences(names, pairs, floor_pairs, parameters)),
        tuple(dict.fromkeys(name_of(reference) for reference, _ in scored)),
        parameters,
        {"python": platform.python_version(), "numpy": np.__version__, "numba": numba.__version__},
        tuple(dict.fromkeys([*notes, *(f"floor {name}: {why}" for name, why in maker.partly_missing())])),
        bool(bodies),
    )


def name_of(path: Scanpath) -> str:
    """A reader's code, and what it is when it is not a reader."""
    return path.who if path.source == "reader" else f"{path.who} ({path.source})"


def pair_kind(candidate: Scanpath, reference: Scanpath) -> str:
    """``between readers``, ``within a reader``, the same of simulated readers and models, or ``model vs reader``."""
    kinds = {"reader": "reader", "simulated": "simulated reader", "model": "model"}
    first, second = kinds[candidate.source], kinds[reference.source]
    if first != second:
        return f"{first} vs {second}"
    return f"within a {first}" if candidate.who == reference.who else f"between {first}s"


class _FloorMaker:
    """Makes and scores the floors of one reference after the other; remembers which could not be made, and why."""

    def __init__(
        self,
        donors: Sequence[Scanpath],
        bodies: Masks,
        lungs: Masks,
        boxes: Mapping[str, Box],
        parameters: ComparisonParameters,
    ) -> None:
        self.donors = [path for path in donors if len(path)]
        self.boxes = {**boxes, **{case: Box.of_mask(mask) for case, mask in bodies.items()}}
        self.lungs = lungs
        self.parameters = parameters
        self.missing: dict[str, Counter[str]] = {name: Counter() for name in FLOORS}
        self.made: Counter[str] = Counter()
        self.lenders: set[Source] = set()
        self._markov: dict[str, MarkovReader] = {}

    def pairs(self, scorer: ReferenceScorer, number: int) -> Iterator[Pair]:
        reference = scorer.reference
        target = Target(reference, self.boxes.get(reference.case), self.lungs.get(reference.case))
        for place, name in enumerate(FLOORS):
            draws = 1 if name in DRAWN_ONCE else self.parameters.floor_draws
            try:
                made = [self._floor(name, target, (self.parameters.seed, number, place, draw)) for draw in range(draws)]
            except NoFloorError as error:
                self.missing[name][str(error)] += 1
                continue
            self.made[name] += 1
            scores = [scorer.scores(path) for path in made]
            means = {key: float(np.mean([each[key] for each in scores])) for key in scores[0]}
            pair = _pair(made[0], reference, number, "floor", means)
            yield replace(pair, candidate=name, n_candidate=float(np.mean([len(path) for path in made])))

    def notes(self) -> dict[str, list[str]]:
        """By floor: why references lack it, and who lent it where that was no reader."""
        found = {name: list(reasons) for name, reasons in self.missing.items()}
        if self.lenders == {"simulated"}:
            found[floors.OTHER_PATIENT].append("lent by simulated readers, as its references are")
        elif self.lenders == {"reader", "simulated"}:
            found[floors.OTHER_PATIENT].append("lent by simulated readers for the references that are simulated")
        return found

    def partly_missing(self) -> list[tuple[str, str]]:
        """Floors that some references have and others lack."""
        return [
            (name, f"{why} ({count} references without it)")
            for name, reasons in self.missing.items()
            if self.made[name]
            for why, count in reasons.items()
        ]

    def _floor(self, name: str, target: Target, seed: tuple[int, ...]) -> Scanpath:
        if name == floors.UNIFORM:
            return floors.uniform(target, seed)
        if name == floors.CENTRE:
            return floors.centre(target, seed)
        if name == floors.SHUFFLE:
            return floors.length_matched_shuffle(target, self.donors, seed)
        if name == floors.OTHER_PATIENT:
            made = floors.other_patient(target, self.donors, seed, bodies=[self._box(path) for path in self.donors])
            self.lenders.add(floors.lender_of(target.like))
            return made
        if name == floors.SAW_TOOTH:
            return floors.saw_tooth(target)
        return floors.markov(target, self._reader(target.like.patient), seed)

    def _reader(self, patient: str) -> MarkovReader:
        if patient not in self._markov:
            taught_by = [path for path in self.donors if path.patient != patient and path.duration_s.any()]
            if not taught_by:
                raise NoFloorError("there is no path of another patient to learn from")
            self._markov[patient] = fit_markov_reader(taught_by, [self._box(path) for path in taught_by])
        return self._markov[patient]

    def _box(self, path: Scanpath) -> Box:
        return self.boxes.get(path.case, Box.of_volume(path.shape_kji))


def _references(paths: Sequence[Scanpath]) -> list[Scanpath]:
    for source in ("reader", "simulated"):
        found = [path for path in paths if path.source == source]
        if found:
            return found
    return list(paths)


def _each_reading_once(paths: Sequence[Scanpath]) -> tuple[list[Scanpath], list[str]]:
    """The paths without those that come twice, and notes on them and on people whose paths are the same."""
    kept: dict[str, list[Scanpath]] = {}
    notes = []
    for path in paths:
        others = [other for other in kept.setdefault(path.case, []) if _same_fixations(path, other)]
        if any(path.who == other.who for other in others):
            notes.append(f"the same reading of {path.case} by {path.who} is named twice and counts once")
            continue
        notes += [f"the paths of {name_of(o)} and {name_of(path)} on {path.case} are the same" for o in others]
        kept[path.case].append(path)
    found = {id(path) for of_case in kept.values() for path in of_case}
    return [path for path in paths if id(path) in found], notes


def _same_fixations(a: Scanpath, b: Scanpath) -> bool:
    """Whether two paths of one case are the same, up to the rounding of files; paths without fixations never are."""
    if len(a) != len(b) or not len(a):
        return False
    near = np.allclose(a.voxel_ijk, b.voxel_ijk, rtol=0, atol=SAME_VOXEL)
    return bool(near and np.allclose(a.duration_s, b.duration_s, rtol=0, atol=SAME_DURATION_S))


def _outside_notes(paths: Sequence[Scanpath]) -> list[str]:
    counts: Counter[str] = Counter()
    for path in paths:
        high = np.array(path.shape_kji[::-1]) - 0.5
        counts[name_of(path)] += int(((path.voxel_ijk < -0.5) | (path.voxel_ijk > high)).any(axis=1).sum())
    return [
        f"{n} fixations of {who} lie outside of the volume and count at its border" for who, n in counts.items() if n
    ]


def _short_notes(paths: Sequence[Scanpath]) -> Iterator[str]:
    for path in paths:
        if 0 < len(path) < FEWEST_FIXATIONS:
            yield f"{name_of(path)} on {path.case} has fewer than {FEWEST_FIXATIONS} fixations: no MultiMatch"
        if len(path) and not path.duration_s.any():
            yield f"the fixations of {name_of(path)} on {path.case} have no duration: no measure that weighs by it"


def _pair(candidate: Scanpath, reference: Scanpath, number: int, kind: str, scores: Mapping[str, float]) -> Pair:
    return Pair(
        name_of(candidate), candidate.trial, name_of(reference), reference.trial, reference.case, reference.patient,
        kind, len(candidate), len(reference), number, scores,
    )  # fmt: skip


def _row(role: Role, name: str, pairs: Sequence[Pair], parameters: ComparisonParameters, note: str = "") -> Row:
    patients = [pair.patient for pair in pairs]
    options = {"seed": parameters.seed, "resamples": parameters.resamples, "level": parameters.level}
    scores = {
        measure.key: mean_interval([pair.scores[measure.key] for pair in pairs], patients, **options)  # type: ignore[arg-type]
        for measure in MEASURES
    }
    return Row(role, name, len(pairs), len(set(patients)), scores if pairs else {}, note)


def _candidate_rows(names: Sequence[str], pairs: Sequence[Pair], parameters: ComparisonParameters) -> Iterator[Row]:
    for name in names:
        of_others = [pair for pair in pairs if pair.candidate == name and pair.reference != name]
        if of_others:
            yield _row("candidate", name, of_others, parameters)


def _kind_rows(pairs: Sequence[Pair], parameters: ComparisonParameters) -> Iterator[Row]:
    for kind in dict.fromkeys(pair.kind for pair in pairs):
        yield _row("pair kind", kind, [pair for pair in pairs if pair.kind == kind], parameters)


def _floor_rows(
    pairs: Sequence[Pair], notes: Mapping[str, Sequence[str]], parameters: ComparisonParameters
) -> Iterator[Row]:
    for name in FLOORS:
        note = "; ".join(notes[name])
        of_floor = [pair for pair in pairs if pair.candidate == name]
        yield _row("floor", name, of_floor, parameters, note if of_floor else f"not available: {note}")


def _ceiling_rows(
    pairs: Sequence[Pair], references: Sequence[Scanpath], parameters: ComparisonParameters
) -> Iterator[Row]:
    found = [(kind, [pair for pair in pairs if pair.kind == kind]) for kind in CEILINGS]
    for kind, of_kind in found:
        if of_kind:
            yield _row("ceiling", kind, of_kind, parameters)
    if not any(of_kind for _, of_kind in found):
        people = sorted({path.who for path in references if path.source == "reader"})
        why = "no case was read twice"
        if len(people) < 2:
            why = f"only {people[0]} read these cases, each once" if people else "there are no two readers of a case"
        yield Row("ceiling", "not available", 0, 0, {}, f"not available: {why}")


def _differences(
    names: Sequence[str], pairs: Sequence[Pair], floor_pairs: Sequence[Pair], parameters: ComparisonParameters
) -> Iterator[Difference]:
    """Of each candidate from every floor, then from the candidates after it, where both have the same references."""
    options = {"seed": parameters.seed, "resamples": parameters.resamples, "level": parameters.level}
    patient = {pair.reference_number: pair.patient for pair in pairs}
    others: list[tuple[str, Literal["floor", "candidate"], Scores]] = []
    others += [(floor, "floor", _by_reference([p for p in floor_pairs if p.candidate == floor])) for floor in FLOORS]
    own = {name: _by_reference([p for p in pairs if p.candidate == name and p.reference != name]) for name in names}
    for place, name in enumerate(names):
        for other, role, scored in [*others, *((later, "candidate", own[later]) for later in names[place + 1 :])]:
            both = [number for number in own[name] if number in scored]
            if not both:
                continue
            yield Difference(
                name,
                other,
                role,
                {
                    measure.key: paired_difference(
                        [own[name][number][measure.key] for number in both],
                        [scored[number][measure.key] for number in both],
                        [patient[number] for number in both],
                        **options,  # type: ignore[arg-type]
                    )
                    for measure in MEASURES
                },
            )


def _by_reference(pairs: Sequence[Pair]) -> Scores:
    """Scores by number of the reference; several readings of one candidate are averaged."""
    found: dict[int, list[Mapping[str, float]]] = {}
    for pair in pairs:
        found.setdefault(pair.reference_number, []).append(pair.scores)
    return {n: {key: float(np.mean([each[key] for each in of])) for key in of[0]} for n, of in found.items()}
