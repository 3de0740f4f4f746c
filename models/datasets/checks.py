"""Refuses training sets with impossible coordinates or with a leak between their parts, naming place and record."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from models.datasets.case import PARTS, Part, TrainingCase
from models.datasets.splits import AnyCase, C, Split
from models.errors import ModelError
from models.scanpath import Scanpath
from models.volumes import CtVolume

LONGEST_FIXATION_S = 100.0
"""Nobody holds an eye so long; milliseconds taken for seconds do."""
SAME_AFFINE_MM = 1e-3
"""Affines of a path and its volume may differ so much, by rounding in files."""


def check_cases(cases: Iterable[TrainingCase]) -> None:
    """Every path lies in a volume and lasts a possible time, and codes mean one thing each. Loads no volume.

    Raises
    ------
    ModelError
        The first fault, with place, reader and fixation (counted from 1).
    """
    listed = list(cases)
    _check_codes(listed)
    for case in listed:
        _check_paths(case)


def check_path(path: Scanpath, shape_kji: tuple[int, int, int], place: str) -> None:
    """One path on a volume of this shape.

    Raises
    ------
    ModelError
        When it is empty, of another shape, leaves the volume, or a duration or onset cannot be.
    """
    record = f"path of {'reader' if path.source == 'reader' else path.source + ' reader'} {path.who or '(no code)'}"
    if path.trial:
        record += f" ({path.trial})"
    if not len(path):
        raise ModelError(f"{record} is empty", place=place, remedy="leave it out")
    if path.shape_kji != shape_kji:
        raise ModelError(
            f"{record} is on a volume of {_size(path.shape_kji)}, not of {_size(shape_kji)}",
            place=place,
            remedy="join it with the volume that was read",
        )
    where = f"{place}, {record}" if place else record
    for name, values, size in zip("xyz", path.voxel_ijk.T, shape_kji[::-1], strict=True):
        # Not "outside" but "not inside": NaN must fail too.
        bad = ~((values >= -0.5) & (values <= size - 0.5))
        if bad.any():
            row = int(np.argmax(bad))
            raise ModelError(
                f"{name} {float(values[row])} lies outside of 0..{size - 1}",
                place=f"{where}, fixation {row + 1}",
                remedy="check axes, index base and scale of the source",
            )
    bad = ~((path.duration_s > 0) & (path.duration_s <= LONGEST_FIXATION_S))
    if bad.any():
        row = int(np.argmax(bad))
        raise ModelError(
            f"a duration of {float(path.duration_s[row])} s is not between 0 and {LONGEST_FIXATION_S:g} s",
            place=f"{where}, fixation {row + 1}",
            remedy="durations are seconds; convert or leave out the fixation",
        )
    known = np.isfinite(path.onset_s)
    if known.any():
        late = ~known | (np.diff(path.onset_s, prepend=path.onset_s[0]) < 0)
        if late.any():
            row = int(np.argmax(late))
            raise ModelError(
                f"its onset {float(path.onset_s[row])} s does not follow the one before",
                place=f"{where}, fixation {row + 1}",
                remedy="sort the fixations by onset, or leave all onsets unknown",
            )


def check_volume(case: TrainingCase, volume: CtVolume) -> None:
    """The loaded volume is the one that the paths are on.

    Raises
    ------
    ModelError
        When its shape or its affine (where a path knows one) is another.
    """
    for path in case.paths:
        check_path(path, volume.shape_kji, case.place)
        if path.affine_lps is not None:
            apart = float(np.abs(path.affine_lps - volume.affine_lps).max())
            if apart > SAME_AFFINE_MM:
                raise ModelError(
                    f"the path of reader {path.who} is on another grid than its volume: affines differ by {apart:.3g}",
                    place=case.place,
                    remedy="join it with the volume that was read",
                )


@dataclass(frozen=True)
class _Home:
    part: Part
    case: AnyCase

    def __str__(self) -> str:
        return f"{self.part} ({self.case.place or self.case.case})"


def check_split(split: Split[C], volume_sha256: Mapping[str, str] | None = None) -> None:
    """Nothing of one part is in another: no patient, no volume under another name, no path of a `TrainingCase`.

    Parameters
    ----------
    volume_sha256
        `CtVolume.digest` by case code, as `models.datasets.prepared.PreparedCases.volume_sha256` gives them; without
        them volumes are told apart by their codes alone.

    Raises
    ------
    ModelError
        The first leak, with both places.
    """
    homes = [_Home(part, case) for part in PARTS for case in split.part(part)]
    patients: dict[Hashable, _Home] = {}
    volumes: dict[Hashable, _Home] = {}
    paths: dict[Hashable, _Home] = {}
    for home in homes:
        case = home.case
        first = patients.setdefault(case.patient, home)
        _refuse_two_parts(f"patient {case.patient}", first, home)
        digest = (volume_sha256 or {}).get(case.case)
        if digest is not None:
            first = volumes.setdefault(digest, home)
            _refuse_two_parts("the same volume", first, home)
            if first.case.patient != case.patient:
                raise ModelError(
                    f"the same volume belongs to patient {case.patient} here and to {first.case.patient} in "
                    f"{first.case.place}",
                    place=case.place,
                    remedy="give one scan one patient code",
                )
        for path in case.paths if isinstance(case, TrainingCase) else ():
            first = paths.setdefault(_path_digest(path), home)
            _refuse_two_parts(f"the same path of reader {path.who}", first, home)
    _check_codes([home.case for home in homes])
    for home in homes:
        if isinstance(home.case, TrainingCase):
            _check_paths(home.case)


def _check_codes(cases: Sequence[AnyCase]) -> None:
    """Codes mean one thing each."""
    if not cases:
        raise ModelError("there is no case in the training set", remedy="name a source that holds one")
    known: dict[str, AnyCase] = {}
    seen: dict[tuple[str, str], str] = {}
    for case in cases:
        first = known.setdefault(case.case, case)
        if first.patient != case.patient:
            raise ModelError(
                f"case {case.case} belongs to patient {case.patient} here and to {first.patient} in {first.place}",
                place=case.place,
                remedy="give different scans different case codes",
            )
        other = seen.setdefault((case.case, case.origin), case.place)
        if other != case.place or (first is not case and first.origin == case.origin):
            raise ModelError(
                f"case {case.case} is there a second time, first in {other}",
                place=case.place,
                remedy="name each source once",
            )


def _refuse_two_parts(what: str, first: _Home, home: _Home) -> None:
    if first.part != home.part:
        raise ModelError(f"{what} is in {first} and in {home}", place=home.case.place, remedy="split by patient")


def _check_paths(case: TrainingCase) -> None:
    if not case.paths:
        raise ModelError(f"case {case.case} has no scan path", place=case.place, remedy="leave it out")
    shape = case.paths[0].shape_kji
    for path in case.paths:
        if path.case != case.case or path.patient != case.patient:
            raise ModelError(
                f"the path of reader {path.who} is of case {path.case}, patient {path.patient}, not of case "
                f"{case.case}, patient {case.patient}",
                place=case.place,
                remedy="join it with its own case",
            )
        check_path(path, shape, case.place)


def _path_digest(path: Scanpath) -> bytes:
    return hashlib.sha256(path.voxel_ijk.tobytes() + path.duration_s.tobytes()).digest()


def _size(shape_kji: Sequence[int]) -> str:
    k, j, i = shape_kji
    return f"{i} x {j} x {k} voxels"
