"""Courses and runs through the stack: how the reader scrolled, from the painted views alone.

A course is a passage in one direction; their number tells search styles apart better than eye movements do (Ba et al.
2020, J Med Imaging 7(4) 045501). Half run, full run, oscillation and interruption are the scroll behaviours of den Boer
et al. 2018 (Adv Health Sci Educ 23:783, PMC6132416). Both sources describe them in words; the limits here are
parameters with our own defaults.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ctgaze_app.gaze.view_track import STATE_HOLD_S
from ctgaze_app.review.slice_dwell import ShownSlices

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]


@dataclass(frozen=True)
class CourseRules:
    """Limits of what counts as what.

    Attributes
    ----------
    course_reversal_fraction
        A course ends where the reader turns back by at least this share of the range of slices (and two slices).
    full_run_fraction, half_run_fraction
        A course that spans at least so much of the range is a full run, or a half run.
    oscillation_slices
        Smallest move to and fro that counts; moves below a half run are oscillations.
    interruption_s
        A slice shown at least so long interrupts the scrolling.
    moving_hold_s
        A slice left within this time was passed while moving (`gaze.view_track.STATE_HOLD_S`).
    """

    course_reversal_fraction: float = 0.10
    full_run_fraction: float = 0.75
    half_run_fraction: float = 0.25
    oscillation_slices: int = 2
    interruption_s: float = 2.0
    moving_hold_s: float = STATE_HOLD_S


@dataclass(frozen=True)
class Course:
    """One passage: slices in the order of time; `span_fraction` of the range of slices; `kind` is ``full_run``,
    ``half_run`` or ``short``."""

    onset_s: float
    offset_s: float
    first_slice: int
    last_slice: int
    span_fraction: float
    kind: str

    @property
    def direction(self) -> int:
        """+1 towards higher slice numbers (the feet, in an axial stack), -1 back."""
        return 1 if self.last_slice > self.first_slice else -1


@dataclass(frozen=True)
class Scrolling:
    """How a stack, or an organ's part of it, was scrolled through.

    Attributes
    ----------
    first_slice, last_slice
        Range that counts: the whole stack or the organ's slices.
    courses
        Every course; `n_full_runs` and `n_half_runs` are among them.
    n_oscillations
        Moves in one direction of at least `oscillation_slices` that span less than a half run, also inside a course.
    n_interruptions, interruption_s
        Stays on one slice and their seconds.
    n_direction_changes
        Every turn, be it of one slice.
    slices_travelled
        Sum of all steps within the range.
    slices_per_s, slices_per_s_moving
        Over the whole time in the range, and over the time in motion (NaN when there was none).
    share_seen_fraction
        Slices of the range that were shown.
    time_in_range_s
        Seconds that a slice of the range was shown.
    """

    first_slice: int
    last_slice: int
    courses: tuple[Course, ...] = field(repr=False)
    n_courses: int
    n_full_runs: int
    n_half_runs: int
    n_oscillations: int
    n_interruptions: int
    interruption_s: float
    n_direction_changes: int
    slices_travelled: int
    slices_per_s: float
    slices_per_s_moving: float
    share_seen_fraction: float
    time_in_range_s: float
    rules: CourseRules

    def to_dict(self) -> dict[str, object]:
        """Plain values for JSON, courses and rules included."""
        return asdict(self)


def scrolling(
    shown: ShownSlices,
    n_slices: int,
    *,
    organ_slices: tuple[int, int] | None = None,
    rules: CourseRules | None = None,
) -> Scrolling:
    """Courses, runs, oscillations and interruptions of one series.

    Parameters
    ----------
    shown
        `slice_dwell.shown_slices`.
    n_slices
        Of the series.
    organ_slices
        First and last slice of an organ: steps outside it are no movement, time outside it does not count.
    """
    rules = CourseRules() if rules is None else rules
    first, last = (0, n_slices - 1) if organ_slices is None else organ_slices
    if not 0 <= first <= last < n_slices:
        raise ValueError(f"slices {first} to {last} are not among the {n_slices} of the series")
    count = last - first + 1
    inside = (shown.slice_index >= first) & (shown.slice_index <= last)
    place, onset, offset = _trace(np.clip(shown.slice_index, first, last), shown.onset_s, shown.offset_s)
    reversal = max(2, round(rules.course_reversal_fraction * count))
    turns = turning_points(place, reversal)
    courses = tuple(_course(place, onset, int(a), int(b), count, rules) for a, b in pairwise(turns))
    moves = np.abs(np.diff(place[turning_points(place, rules.oscillation_slices)]))
    duration = shown.duration_s[inside]
    # Stays are of one slice: touching stretches were joined already.
    interruptions = duration >= rules.interruption_s
    steps = np.abs(np.diff(place))
    time_s = float(duration.sum())
    # A step belongs to the motion when the slice that it left was shown only briefly.
    held = offset[:-1] - onset[:-1]
    brief = held <= rules.moving_hold_s
    moving_s = float(held[brief].sum()) if len(place) > 1 else 0.0
    half = rules.half_run_fraction * count
    return Scrolling(
        first_slice=first,
        last_slice=last,
        courses=courses,
        n_courses=len(courses),
        n_full_runs=sum(course.kind == "full_run" for course in courses),
        n_half_runs=sum(course.kind == "half_run" for course in courses),
        n_oscillations=int(np.count_nonzero(moves + 1 < half)),
        n_interruptions=int(np.count_nonzero(interruptions)),
        interruption_s=float(duration[interruptions].sum()),
        n_direction_changes=max(len(turning_points(place, 1)) - 2, 0),
        slices_travelled=int(steps.sum()),
        slices_per_s=float(steps.sum()) / time_s if time_s > 0 else float("nan"),
        slices_per_s_moving=float(steps[brief].sum()) / moving_s if moving_s > 0 else float("nan"),
        share_seen_fraction=len(np.unique(shown.slice_index[inside])) / count,
        time_in_range_s=time_s,
        rules=rules,
    )


def turning_points(place: NDArray[np.int64], reversal: int) -> Indices:
    """Where a sequence of slices turns: indices of the first extreme, every turn, and the last extreme.

    A turn counts when the sequence then goes back by at least `reversal`; smaller moves to and fro belong to the
    passage that they interrupt. Empty when the sequence never moves that far.
    """
    turns: list[int] = []
    low = high = 0
    direction = 0
    for index in range(1, len(place)):
        if direction >= 0 and place[index] > place[high]:
            high = index
        if direction <= 0 and place[index] < place[low]:
            low = index
        if direction <= 0 and place[index] - place[low] >= reversal:
            turns.append(low)
            direction, high = 1, index
        elif direction >= 0 and place[high] - place[index] >= reversal:
            turns.append(high)
            direction, low = -1, index
    if direction:
        turns.append(high if direction > 0 else low)
    return np.asarray(turns, dtype=np.intp)


def organ_slice_range(mask: NDArray[np.bool_]) -> tuple[int, int]:
    """First and last slice of a mask [k, j, i]; raises ValueError when it is empty."""
    where = np.flatnonzero(mask.any(axis=(1, 2)))
    if len(where) == 0:
        raise ValueError("the mask holds no voxel")
    return int(where[0]), int(where[-1])


def _trace(place: NDArray[np.int64], onset: Floats, offset: Floats) -> tuple[NDArray[np.int64], Floats, Floats]:
    """Stretches of the same place joined, whatever was between them."""
    if len(place) == 0:
        return place, onset, offset
    fresh = np.ones(len(place), dtype=bool)
    fresh[1:] = place[1:] != place[:-1]
    last = np.append(np.flatnonzero(fresh)[1:] - 1, len(place) - 1)
    return place[fresh], onset[fresh], offset[last]


def _course(place: NDArray[np.int64], onset: Floats, first: int, last: int, count: int, rules: CourseRules) -> Course:
    # Both end slices were seen: a passage from the first to the last slice spans the whole range.
    span = (abs(int(place[last]) - int(place[first])) + 1) / count
    kind = "full_run" if span >= rules.full_run_fraction else "half_run" if span >= rules.half_run_fraction else "short"
    return Course(float(onset[first]), float(onset[last]), int(place[first]), int(place[last]), span, kind)
