"""Splits by patient: no patient is in two parts, and the same seed gives the same split whatever the order."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import numpy as np

from models.datasets.case import PARTS, Part
from models.errors import ModelError
from models.whole_files import write_whole

SHARES = (0.7, 0.15, 0.15)
COLUMNS = ("part", "patient", "case", "origin", "seed")


class AnyCase(Protocol):
    """What a split must know of a case; `models.datasets.case.TrainingCase` says what each means."""

    @property
    def case(self) -> str:
        """Code."""

    @property
    def patient(self) -> str:
        """Code; splits are by patient."""

    @property
    def origin(self) -> str:
        """Where it comes from."""

    @property
    def place(self) -> str:
        """File and record, for messages."""

    @property
    def declared_part(self) -> Part | None:
        """What the source says that the case is for."""


C = TypeVar("C", bound=AnyCase)


@dataclass(frozen=True, eq=False)
class Split(Generic[C]):
    """The cases of each part, and the seed that drew them."""

    train: tuple[C, ...] = field(repr=False)
    validation: tuple[C, ...] = field(repr=False)
    test: tuple[C, ...] = field(repr=False)
    seed: int = 0

    def part(self, name: Part) -> tuple[C, ...]:
        """The cases of one part."""
        return {"train": self.train, "validation": self.validation, "test": self.test}[name]

    def patients(self, name: Part) -> tuple[str, ...]:
        """The patients of one part, each once, in order of their code."""
        return tuple(sorted({case.patient for case in self.part(name)}))


def split_by_patient(cases: Sequence[C], shares: tuple[float, float, float] = SHARES, seed: int = 0) -> Split[C]:
    """Deal the patients to train, validation and test.

    Patients are ordered by a hash of seed and code, so that the split does not depend on the order of the cases.

    Parameters
    ----------
    shares
        Of the patients, for train, validation and test; they are scaled to a sum of 1. A part of share 0 is empty;
        each other part gets at least one patient.

    Raises
    ------
    ModelError
        When a share is negative or there are fewer patients than parts.
    """
    if not all(np.isfinite(shares)) or min(shares) < 0 or not shares[0] > 0:
        raise ModelError(f"shares {shares} of train, validation and test", remedy="use numbers such as 0.7 0.15 0.15")
    patients = in_drawn_order({case.patient for case in cases}, seed)
    wanted = [name for name, share in zip(PARTS, shares, strict=True) if share > 0]
    if len(patients) < len(wanted):
        raise ModelError(
            f"{len(patients)} patient{'' if len(patients) == 1 else 's'} cannot be split into {', '.join(wanted)}",
            remedy=f"add cases of at least {len(wanted)} patients, or set a share to 0",
        )
    counts = _counts(len(patients), shares)
    part_of: dict[str, Part] = {}
    start = 0
    for name, count in zip(PARTS, counts, strict=True):
        part_of.update(dict.fromkeys(patients[start : start + count], name))
        start += count
    return _dealt(cases, part_of, seed)


def split_as_declared(cases: Sequence[C], validation_share: float = 0.15, seed: int = 0) -> Split[C]:
    """Follow what the source says of each case; validation is cut out of its train part, by patient, never of test.

    Parameters
    ----------
    validation_share
        Of the train patients (at least one), when the source declares no validation case.

    Raises
    ------
    ModelError
        When a case declares nothing, a patient is declared in two parts, or too few patients are left to train.
    """
    part_of: dict[str, Part] = {}
    for case in cases:
        if case.declared_part is None:
            raise ModelError(
                f"nothing says which part case {case.case} belongs to", place=case.place, remedy="split by patient"
            )
        part = part_of.setdefault(case.patient, case.declared_part)
        if part != case.declared_part:
            raise ModelError(
                f"patient {case.patient} is declared both in {part} and in {case.declared_part}",
                place=case.place,
                remedy="correct the source, or split by patient",
            )
    train = in_drawn_order({patient for patient, part in part_of.items() if part == "train"}, seed)
    cut = 0
    if "validation" not in part_of.values() and validation_share > 0:
        cut = max(1, round(validation_share * len(train)))
    if len(train) <= cut:
        raise ModelError(
            f"{len(train)} patient{'' if len(train) == 1 else 's'} declared for train cannot also give validation",
            remedy="add cases, or split by patient",
        )
    part_of.update(dict.fromkeys(train[:cut], "validation"))
    return _dealt(cases, part_of, seed)


def in_drawn_order(codes: Iterable[str], seed: int) -> list[str]:
    """Codes shuffled by a hash of seed and code: the same order whatever theirs was."""
    return sorted(codes, key=lambda code: hashlib.sha256(f"{seed}:{code}".encode()).digest())


def write_split(path: Path, split: Split[C]) -> None:
    """Write ``part,patient,case,origin,seed``, one row a case, replacing the file at once.

    Raises
    ------
    ModelError
        When the folder refuses.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for part in PARTS:
        cases = sorted(split.part(part), key=lambda case: (case.patient, case.case, case.origin))
        writer.writerows((part, case.patient, case.case, case.origin, split.seed) for case in cases)
    write_whole(Path(path), text.getvalue())


def read_split(path: Path, cases: Sequence[C]) -> Split[C]:
    """Deal cases as a file of `write_split` says, by patient: other cases of its patients follow them.

    Raises
    ------
    ModelError
        When the file is no split, has a patient in two parts, or a case's patient is not in it.
    """
    part_of, seed = _read_parts(Path(path))
    for case in cases:
        if case.patient not in part_of:
            raise ModelError(
                f"patient {case.patient} of {case.place or case.case} is not in it",
                place=Path(path).name,
                remedy="use the sources that the split was made from",
            )
    return _dealt(cases, part_of, seed)


def _read_parts(path: Path) -> tuple[dict[str, Part], int]:
    part_of: dict[str, Part] = {}
    seeds: set[str] = set()
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file, strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ModelError(f"cannot be read: {error}"[:200], place=path.name, remedy="restore it from a copy") from error
    names: dict[str, Part] = {name: name for name in PARTS}
    for number, row in enumerate(rows, start=2):
        place = f"{path.name}, row {number}"
        part = names.get(row.get("part") or "")
        patient = row.get("patient")
        if part is None or not patient:
            raise ModelError("is no part and patient", place=place, remedy="restore it from a copy")
        if part_of.setdefault(patient, part) != part:
            raise ModelError(f"patient {patient} is in {part_of[patient]} too", place=place, remedy="split by patient")
        seeds.add(row.get("seed") or "")
    if len(seeds) != 1 or not (seed := seeds.pop()).lstrip("-").isdecimal():
        raise ModelError("does not say one seed", place=path.name, remedy="restore it from a copy")
    return part_of, int(seed)


def _dealt(cases: Sequence[C], part_of: Mapping[str, Part], seed: int) -> Split[C]:
    dealt: dict[Part, list[C]] = {name: [] for name in PARTS}
    for case in sorted(cases, key=lambda case: (case.patient, case.case, case.origin)):
        dealt[part_of[case.patient]].append(case)
    return Split(tuple(dealt["train"]), tuple(dealt["validation"]), tuple(dealt["test"]), seed)


def _counts(patients: int, shares: Sequence[float]) -> list[int]:
    """Whole numbers near the shares that sum to `patients`, at least 1 where the share is not 0."""
    exact = np.array(shares, dtype=np.float64) / sum(shares) * patients
    counts = np.floor(exact).astype(int)
    counts[(counts == 0) & (exact > 0)] = 1
    while counts.sum() != patients:
        step = 1 if counts.sum() < patients else -1
        allowed = (exact > 0) & (counts + step >= 1)
        counts[int(np.argmax(np.where(allowed, step * (exact - counts), -np.inf)))] += step
    return [int(count) for count in counts]
