"""Scores freed of the paths' lengths: both forms, as it is and after bringing the paths to one length.

Most scan-path scores fall as the lengths part: capping predictions at 400 fixations caps ScanMatch at 400 / length of
the human path, whatever the prediction is worth. The published CT-ScanGaze evaluation reports only the raw score; here
the matched one stands beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Generic, Literal, TypeVar

import numpy as np

from models.scanpath import Scanpath

Score = TypeVar("Score")
Method = Literal["cut", "cut_time", "resample"]


@dataclass(frozen=True)
class LengthMatched(Generic[Score]):
    """One score of two paths, raw and length-matched.

    Attributes
    ----------
    raw
        Score of the whole paths.
    matched
        Score after `method`.
    method
        How the paths were brought to one length.
    fixations_a, fixations_b
        Lengths of the whole paths.
    matched_a, matched_b
        Lengths compared in `matched`; equal unless the time was matched.
    """

    raw: Score
    matched: Score
    method: Method
    fixations_a: int
    fixations_b: int
    matched_a: int
    matched_b: int


def length_matched(
    a: Scanpath, b: Scanpath, score: Callable[[Scanpath, Scanpath], Score], *, method: Method = "cut"
) -> LengthMatched[Score]:
    """Score two paths as they are and at one length.

    Parameters
    ----------
    a, b
        The paths, of at least one fixation each.
    score
        Any comparison of two paths, such as ``scanmatch`` with its parameters bound.
    method
        "cut" drops the longer path's fixations beyond the shorter's number: the beginnings of both searches are
        compared. "cut_time" cuts both at the shorter total fixation time (`first_seconds`), so that both have looked
        equally long. "resample" keeps as many of the longer path's fixations as the shorter has, evenly spread
        (`evenly_spread`): the whole courses are compared, at a coarser step.

    Raises
    ------
    ValueError
        When a path is empty, the shorter total fixation time is 0, or `score` refuses the paths.
    """
    if not len(a) or not len(b):
        raise ValueError("a path without fixations cannot be matched in length")
    matched_a, matched_b = matched_paths(a, b, method)
    raw, matched = score(a, b), score(matched_a, matched_b)
    return LengthMatched(raw, matched, method, len(a), len(b), len(matched_a), len(matched_b))


def matched_paths(a: Scanpath, b: Scanpath, method: Method) -> tuple[Scanpath, Scanpath]:
    """Both paths at the shorter one's length; as `length_matched`."""
    fewest = min(len(a), len(b))
    if method == "cut":
        return first_fixations(a, fewest), first_fixations(b, fewest)
    if method == "cut_time":
        seconds = min(float(a.duration_s.sum()), float(b.duration_s.sum()))
        return first_seconds(a, seconds), first_seconds(b, seconds)
    if method == "resample":
        return evenly_spread(a, fewest), evenly_spread(b, fewest)
    raise ValueError(f'paths are matched by "cut", "cut_time" or "resample", not by {method!r}')


def first_fixations(path: Scanpath, count: int) -> Scanpath:
    """The first `count` fixations; all where there are no more."""
    if count < 1:
        raise ValueError(f"a path is cut to one fixation or more, not to {count}")
    return path.part(slice(0, count))


def first_seconds(path: Scanpath, seconds: float) -> Scanpath:
    """The fixations of the first `seconds` of fixation time, the last one cut short.

    The clock runs only during fixations (the sum of durations), so paths without onsets can be cut too.

    Raises
    ------
    ValueError
        When `seconds` is not above 0.
    """
    if not seconds > 0:
        raise ValueError(f"a path is cut to a time above 0, not to {seconds} s")
    begins_s = np.concatenate([[0.0], np.cumsum(path.duration_s)[:-1]]) if len(path) else np.empty(0)
    # sums of seconds are rounded: a fixation that begins within a billionth of the end would stay without duration
    kept = path.part(begins_s < seconds * (1 - 1e-9))
    return replace(kept, duration_s=np.minimum(kept.duration_s, seconds - begins_s[: len(kept)]))


def evenly_spread(path: Scanpath, count: int) -> Scanpath:
    """`count` of the path's fixations, first and last among them, evenly spread over their numbers.

    Fixations are left out, never invented or averaged; each keeps its own place, onset and duration. A single one is
    the middle one.

    Raises
    ------
    ValueError
        When `count` is below 1 or above the number of fixations.
    """
    if not 1 <= count <= len(path):
        raise ValueError(f"cannot pick {count} of {len(path)} fixations")
    places = np.array([(len(path) - 1) // 2]) if count == 1 else np.rint(np.linspace(0, len(path) - 1, count))
    return path.part(places.astype(np.intp))
