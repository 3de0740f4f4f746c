"""A scan path as MultiMatch sees it: saccades as vectors between fixations, simplified by merging small ones.

Source of the simplification: Dewhurst et al. 2012, Behavior Research Methods 44, 1079-1100, doi
10.3758/s13428-012-0212-2, in the form of multimatch-gaze 0.1.3 (MIT), whose results it gives for pictures; here in
three dimensions.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from models.scanpath import Floats


@dataclass(frozen=True)
class Simplification:
    """Which saccades are small enough to be merged with the next.

    Attributes
    ----------
    direction_deg
        Saccades whose directions differ by less are merged; 0 for none.
    length
        Saccades shorter than this are merged, in the unit of the comparison; 0 for none.
    duration_s
        Only around fixations shorter than this.
    """

    direction_deg: float
    length: float
    duration_s: float

    def __post_init__(self) -> None:
        for name in ("direction_deg", "length", "duration_s"):
            if not 0 <= getattr(self, name) < np.inf:
                raise ValueError(f"a simplification threshold is a number from 0: {name} is {getattr(self, name)}")


@dataclass(frozen=True, eq=False)
class Saccades:
    """S saccades of one path.

    Attributes
    ----------
    start
        (S, 3) where each begins.
    step
        (S, 3) from there to its end.
    duration_s
        (S or more,) duration of the fixation before each saccade; what follows the last saccade comes after.
    """

    start: Floats = field(repr=False)
    step: Floats = field(repr=False)
    duration_s: Floats = field(repr=False)

    def __len__(self) -> int:
        """Number of saccades."""
        return len(self.step)


def saccades_between(points: ArrayLike, duration_s: ArrayLike) -> Saccades:
    """The straight moves between (N, 3) fixations."""
    at = np.asarray(points, dtype=np.float64).reshape(-1, 3)
    return Saccades(at[:-1], np.diff(at, axis=0), np.asarray(duration_s, dtype=np.float64))


def angle_between(a: ArrayLike, b: ArrayLike) -> Floats:
    """(N,) true angle in radians between (N, 3) vectors, 0 to pi.

    It is arccos of the normalised dot product, computed from cross and dot product because arccos loses half of its
    digits near 0 and pi. Two vectors without length point the same way (0); one alone has no direction, and counts as
    half way between same and opposite (pi / 2).
    """
    first, second = (np.asarray(v, dtype=np.float64).reshape(-1, 3) for v in (a, b))
    across = np.linalg.norm(np.cross(first, second), axis=1)
    angle = np.arctan2(across, np.einsum("ij,ij->i", first, second))
    still = (first == 0).all(axis=1).astype(int) + (second == 0).all(axis=1)
    return np.where(still == 0, angle, np.where(still == 1, np.pi / 2, 0.0))


def simplified(path: Saccades, thresholds: Simplification) -> Saccades:
    """Merge saccades by direction, then by length, until nothing changes.

    Kept from multimatch-gaze 0.1.3, so that the numbers agree: a merged saccade keeps the duration of the fixation that
    it begins at and drops the one inside; the last saccade, when short, is added to the one before it and leaves an
    entry behind in the list of durations; rounds end when that list no longer gets shorter. Changed: a saccade that is
    alone stays as it is (there, an IndexError), and rounding cannot make a cosine exceed 1 (there, a ValueError).
    """
    while True:
        shorter = _merged_by_length(_merged_by_direction(path, thresholds), thresholds)
        if len(shorter.duration_s) == len(path.duration_s):
            return shorter
        path = shorter


def _merged_by_direction(path: Saccades, thresholds: Simplification) -> Saccades:
    if len(path) < 2:
        return path
    turn_deg = np.degrees(angle_between(path.step[:-1], path.step[1:]))
    moves = (path.step != 0).any(axis=1)
    merge = (turn_deg < thresholds.direction_deg) & (path.duration_s[1 : len(path)] < thresholds.duration_s)
    return _merged(path, merge & moves[:-1] & moves[1:])


def _merged_by_length(path: Saccades, thresholds: Simplification) -> Saccades:
    n = len(path)
    if n < 2:
        return path
    short = np.linalg.norm(path.step, axis=1) < thresholds.length
    brief = path.duration_s < thresholds.duration_s
    merge = short[:-1] & (brief[1:n] | brief[: n - 1])
    reached = _pairs(merge)
    result = _merged(path, merge)
    last_is_free = not reached or reached[-1] < n - 2
    if not (last_is_free and short[-1] and (brief[-1] or brief[-2])):
        return result
    # the step before the last is the original one even where it is the second half of a merged pair
    step = np.concatenate([result.step[:-2], [path.step[-2] + path.step[-1]]])
    durations = np.append(result.duration_s[: len(result) - 1], [path.duration_s[n - 2], path.duration_s[-1]])
    return Saccades(result.start[:-1], step, durations)


def _merged(path: Saccades, merge: np.ndarray) -> Saccades:
    """Saccade i and i + 1 as one for every i chosen by `_pairs`."""
    firsts = np.array(_pairs(merge), dtype=np.intp)
    step = path.step.copy()
    step[firsts] += path.step[firsts + 1]
    keep = np.ones(len(path), dtype=bool)
    keep[firsts + 1] = False
    durations = np.concatenate([path.duration_s[: len(path)][keep], path.duration_s[-1:]])
    return Saccades(path.start[keep], step[keep], durations)


def _pairs(merge: np.ndarray) -> list[int]:
    """First saccades of the pairs to merge, from the front; a saccade belongs to one pair at most."""
    firsts: list[int] = []
    for i in np.flatnonzero(merge):
        if not firsts or i > firsts[-1] + 1:
            firsts.append(int(i))
    return firsts
