"""The paths that are evaluated: a model's own and told the length, with CT or tokens exchanged, and the oracles."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from models.ct_searcher import oracles
from models.ct_searcher.bodies import BodyFrame
from models.ct_searcher.evaluation_report import OWN, PERMUTED, SWAPPED, TOLD, EvaluatedModel
from models.datasets.case import TrainingCase
from models.scanpath import Scanpath
from models.simulation.markov_reader import Box
from models.volumes import CtVolume

Boxes = Mapping[str, Box]


class CasePredictor(Protocol):
    """A model that has looked at one volume."""

    def paths(
        self, *, count: int, seed: int, length: int | None = None, permuted: bool = False, reader: str = ""
    ) -> Sequence[Scanpath]:
        """`count` paths on this volume.

        Parameters
        ----------
        length
            Number of fixations of each, as far as the model can make so many; None: the model decides.
        permuted
            With what it knows of each place permuted over the places, by the seed.
        reader
            Whose path, one of the readers whom the model knows; empty: it is not told.
        """
        ...


@dataclass(frozen=True)
class Predictor:
    """A model under evaluation: what it is, how it looks at a volume, which readers it knows, how it samples.

    Where a reference is by a reader whom it knows, it is told so.
    """

    model: EvaluatedModel
    look: Callable[[CtVolume], CasePredictor] = field(repr=False)
    readers: tuple[str, ...] = ()
    sampling: str = ""


@dataclass(frozen=True, eq=False)
class Candidate:
    """A path, and by identity the references that it is meant for (None: all of its case)."""

    path: Scanpath
    references: frozenset[int] | None = None


@dataclass(frozen=True, eq=False)
class Lent:
    """A path made on one patient's CT for references to the CT of another patient."""

    path: Scanpath
    lender: TrainingCase
    borrower: TrainingCase
    references: tuple[Scanpath, ...]


def lenders_of(cases: Sequence[TrainingCase], seed: int) -> dict[str, TrainingCase]:
    """By case: the case of another patient whose CT stands in for its own; empty where there is one patient alone.

    A round of all patients in an order drawn by the seed, so that none lends twice.
    """
    of_patient: dict[str, list[TrainingCase]] = {}
    for case in cases:
        of_patient.setdefault(case.patient, []).append(case)
    if len(of_patient) < 2:
        return {}
    drawn = np.random.default_rng(seed).permutation(len(of_patient))
    patients = [list(of_patient)[place] for place in drawn]
    following = dict(zip(patients, [*patients[1:], patients[0]], strict=True))
    found = {}
    for patient, own in of_patient.items():
        others = of_patient[following[patient]]
        found.update({case.case: others[place % len(others)] for place, case in enumerate(own)})
    return found


def on_own_ct(
    predictor: Predictor, looked: CasePredictor, case: TrainingCase, count: int, seed: tuple[int, int]
) -> Iterator[Candidate]:
    """A model's paths on the case itself: of its own length, told the length, and with its tokens permuted."""
    name = predictor.model.name
    for turn, (reader, references) in enumerate(_by_reader(case, predictor.readers).items()):
        longest = max(len(path) for path in references)
        meant = frozenset(map(id, references))
        for path in looked.paths(count=count, seed=_seed(*seed, turn, 0), reader=reader):
            yield Candidate(_told(_of_case(path, name + OWN, case), reader), meant)
        for path in looked.paths(count=count, seed=_seed(*seed, turn, 1), length=longest, reader=reader):
            yield from _at_each_length(_told(_of_case(path, name + TOLD, case), reader), references)
        for path in looked.paths(count=count, seed=_seed(*seed, turn, 2), length=longest, permuted=True, reader=reader):
            yield from _at_each_length(_told(_of_case(path, name + PERMUTED, case), reader), references)


def for_another(
    predictor: Predictor,
    looked: CasePredictor,
    lender: TrainingCase,
    borrower: TrainingCase,
    count: int,
    seed: tuple[int, int],
) -> Iterator[Lent]:
    """A model's paths on the lender's CT, told readers and lengths of the borrower's references."""
    for turn, (reader, references) in enumerate(_by_reader(borrower, predictor.readers).items()):
        longest = max(len(path) for path in references)
        for path in looked.paths(count=count, seed=_seed(*seed, turn, 3), length=longest, reader=reader):
            named = _told(replace(path, who=predictor.model.name + SWAPPED), reader)
            yield Lent(named, lender, borrower, tuple(references))


def moved(lent: Sequence[Lent], boxes: Boxes) -> Iterator[Candidate]:
    """Lent paths on the borrowers' CT, from body box to body box (from volume to volume where no body is known)."""
    for each in lent:
        like = each.borrower.paths[0]
        shares = BodyFrame.of(each.path, boxes.get(each.lender.case)).to_shares(each.path.voxel_ijk)
        voxel = BodyFrame.of(like, boxes.get(each.borrower.case)).to_voxels(shares)
        placed = Scanpath.from_voxels(
            voxel, each.path.duration_s, shape_kji=like.shape_kji, affine_lps=like.affine_lps, trial=each.path.trial
        )
        yield from _at_each_length(_of_case(placed, each.path.who, each.borrower), each.references)


def oracles_of(cases: Sequence[TrainingCase], training: Sequence[TrainingCase], boxes: Boxes) -> Iterator[Candidate]:
    """The lesion oracle and, where there are training cases, the average path, at the length of each reference."""
    taught = [(path, boxes.get(case.case)) for case in training for path in case.paths if len(path)]
    donors, bodies = [path for path, _ in taught], [body for _, body in taught]
    for case in cases:
        body = boxes.get(case.case)
        for length, references in _by_length(case.paths).items():
            made = [oracles.lesion_oracle(references[0], case.lesions, body=body)]
            if donors:
                made.append(oracles.average_path(donors, references[0], boxes=bodies, body=body))
            for path in made:
                yield Candidate(replace(path, trial=f"{length} fixations"), frozenset(map(id, references)))


def _at_each_length(path: Scanpath, references: Sequence[Scanpath]) -> Iterator[Candidate]:
    """The path cut to the length of each reference: while the stop is kept away, a path's beginning is a path."""
    for length, of_length in _by_length(references).items():
        cut = replace(path.part(slice(0, length)), trial=f"{path.trial}, {length} fixations".removeprefix(", "))
        yield Candidate(cut, frozenset(map(id, of_length)))


def _by_length(paths: Sequence[Scanpath]) -> dict[int, list[Scanpath]]:
    found: dict[int, list[Scanpath]] = {}
    for path in paths:
        if len(path):
            found.setdefault(len(path), []).append(path)
    return found


def _by_reader(case: TrainingCase, known: Sequence[str]) -> dict[str, list[Scanpath]]:
    """The case's references by the reader that the model is told; those of readers whom it does not know under ""."""
    found: dict[str, list[Scanpath]] = {}
    for path in case.paths:
        if len(path):
            found.setdefault(path.who if path.who in known else "", []).append(path)
    return found


def _told(path: Scanpath, reader: str) -> Scanpath:
    return replace(path, trial=f"{path.trial} as {reader}".removeprefix(" ")) if reader else path


def _of_case(path: Scanpath, who: str, case: TrainingCase) -> Scanpath:
    return replace(path, who=who, case=case.case, patient=case.patient, source="model")


def _seed(*numbers: int) -> int:
    return int(np.random.SeedSequence(numbers).generate_state(1)[0] >> 1)
