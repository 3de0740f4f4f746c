"""Runs of samples as intervals of indices, and joining neighbours that are one event."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ctgaze_app.gaze.detectors.options import EventOptions

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Indices = NDArray[np.intp]


def runs(time_s: Floats, flags: Flags, max_step_s: float) -> tuple[Indices, Indices]:
    """First and last index of every run of True; a hole in time longer than `max_step_s` ends a run."""
    if not flags.any():
        return np.empty(0, dtype=np.intp), np.empty(0, dtype=np.intp)
    joined = flags[1:] & flags[:-1] & (np.diff(time_s) <= max_step_s)
    starts = flags.copy()
    starts[1:] &= ~joined
    ends = flags.copy()
    ends[:-1] &= ~joined
    return np.flatnonzero(starts), np.flatnonzero(ends)


def running_sums(direction: Floats, member: Flags) -> Floats:
    """(N + 1, 4) sums of the directions of the members before each sample, and their number."""
    sums = np.zeros((len(member) + 1, 4))
    for axis in range(3):
        np.cumsum(np.where(member, direction[:, axis], 0.0), out=sums[1:, axis])
    np.cumsum(member, out=sums[1:, 3])
    return sums


def merged_and_lasting(
    time_s: Floats, first: Indices, last: Indices, sums: Floats, options: EventOptions
) -> tuple[Indices, Indices]:
    """Fixations from candidates: merged, those too short or without a measured sample dropped, merged once more."""
    first, last = merge(time_s, first, last, sums, options)
    stays = time_s[last] - time_s[first] >= options.min_duration_s - 1e-9
    stays &= sums[last + 1, 3] > sums[first, 3]
    return merge(time_s, first[stays], last[stays], sums, options)


def merge(
    time_s: Floats, first: Indices, last: Indices, sums: Floats, options: EventOptions
) -> tuple[Indices, Indices]:
    """Join neighbours that are close in time and angle; `sums` are running sums of the fixating samples' directions.

    The angle is taken between the mean directions of the last and of the first `velocity_window_s` of the two
    neighbours' own samples. Single samples, at 0.3 degrees of white noise, would be more than 0.5 degrees apart by
    chance and cut one in a few fixations in two.
    """
    if len(first) < 2:
        return first, last
    window = options.velocity_window_s + 1e-5
    before_from = np.searchsorted(time_s, time_s[last[:-1]] - window, side="left")
    after_to = np.searchsorted(time_s, time_s[first[1:]] + window, side="right")
    before = sums[last[:-1] + 1] - sums[before_from]
    after = sums[after_to] - sums[first[1:]]
    close_in_time = time_s[first[1:]] - time_s[last[:-1]] <= options.merge_gap_s + 1e-9
    joined = close_in_time & (_angle_deg(before, after) <= options.merge_angle_deg)
    keep_first = np.concatenate([[True], ~joined])
    keep_last = np.concatenate([~joined, [True]])
    return first[keep_first], last[keep_last]


def _angle_deg(before: Floats, after: Floats) -> Floats:
    """Angle between two sums of unit vectors (M, 4); NaN where either has no sample."""
    with np.errstate(divide="ignore", invalid="ignore"):
        a = before[:, :3] / np.linalg.norm(before[:, :3], axis=1, keepdims=True)
        b = after[:, :3] / np.linalg.norm(after[:, :3], axis=1, keepdims=True)
    angle = np.degrees(2 * np.arcsin(np.minimum(np.linalg.norm(a - b, axis=1) / 2, 1.0)))
    return np.where((before[:, 3] > 0) & (after[:, 3] > 0), angle, np.nan)


def numbers(count: int, first: Indices, last: Indices) -> NDArray[np.int32]:
    """(N,) number of the interval that holds each sample, -1 outside; intervals ascend and do not overlap."""
    step = np.zeros(count + 1, dtype=np.int32)
    step[first] += 1
    inside = step.copy()
    np.subtract.at(inside, last + 1, 1)
    return np.where(np.cumsum(inside[:-1]) > 0, np.cumsum(step[:-1]) - 1, -1).astype(np.int32)


def inside(count: int, first: Indices, last: Indices) -> Flags:
    """(count,) sample lies in one of the intervals; an interval that ends before it begins holds none."""
    step = np.zeros(count + 1, dtype=np.int32)
    some = last >= first
    np.add.at(step, first[some], 1)
    np.subtract.at(step, last[some] + 1, 1)
    return np.cumsum(step[:-1]) > 0


def fill(target: NDArray[np.int8], first: Indices, last: Indices, value: int) -> None:
    """Write `value` into every interval, in place; few intervals, so a loop is the fastest."""
    for begin, end in zip(first.tolist(), last.tolist(), strict=True):
        target[begin : end + 1] = value
