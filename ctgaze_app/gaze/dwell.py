"""Dwell inside fixations: runs of one slice between the moments at which the picture changed.

Runs come from the times at which the picture changed, cut to the fixation, not from counting samples. So they add up
to the fixation at any scroll speed and any rate of the tracker.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ctgaze_app.gaze.detectors import EyeEvents
from ctgaze_app.gaze.view_track import ViewTrack

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class DwellRuns:
    """S runs of one slice inside fixations, in time order; `view` is what was shown at the run's beginning, -1 for
    nothing.

    `slice_index` and `series` are -1 while no image was shown: that time belongs to the fixation, but to no slice.
    """

    fixation: Indices
    onset: Floats
    offset: Floats
    view: Indices
    series: NDArray[np.int64]
    slice_index: NDArray[np.int64]


def dwell_runs(
    onset: Floats, offset: Floats, pane: NDArray[np.int64], views: ViewTrack, display_latency_s: float
) -> DwellRuns:
    """Cut each fixation [onset, offset] (eye time, LSL seconds) where its pane showed another slice, series or no
    image.

    A slice that returns is a run of its own.
    """
    pieces: list[tuple[NDArray, ...]] = []
    for number in np.unique(pane):
        mine = np.flatnonzero(pane == number)
        rows = views.rows_of_pane(int(number))
        key = np.stack([views.integers("series"), views.integers("plane"), views.integers("slice_index")], axis=1)[rows]
        key[~views.visible[rows]] = -1
        shown = views.time_lsl[rows] + display_latency_s
        # A first view without image is no change: nothing was shown before it either.
        fresh = views.visible[rows].copy()
        fresh[1:] = (key[1:] != key[:-1]).any(axis=1)
        rows, key, shown = rows[fresh], key[fresh], shown[fresh]
        low = np.searchsorted(shown, onset[mine], side="right")
        high = np.maximum(np.searchsorted(shown, offset[mine], side="left"), low)
        counts = high - low + 1
        owner = np.repeat(np.arange(len(mine)), counts)
        within = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
        change = low[owner] + within - 1  # the change that began this run; -1: nothing shown yet
        begin = np.where(within == 0, onset[mine][owner], shown[np.maximum(change, 0)] if len(shown) else 0.0)
        end = np.where(
            within == counts[owner] - 1,
            offset[mine][owner],
            shown[np.minimum(change + 1, len(shown) - 1)] if len(shown) else 0.0,
        )
        begun = change >= 0
        safe = np.maximum(change, 0)
        if len(rows):
            view = np.where(begun, rows[safe], -1)
            series, slices = np.where(begun, key[safe, 0], -1), np.where(begun, key[safe, 2], -1)
        else:
            view = series = slices = np.full(len(owner), -1)
        pieces.append((mine[owner], begin, end, view, series, slices))
    if not pieces:
        none = np.empty(0, dtype=np.int64)
        return DwellRuns(none, np.empty(0), np.empty(0), none, none, none)
    joined = [np.concatenate(column) for column in zip(*pieces, strict=True)]
    order = np.lexsort((joined[1], joined[0]))
    return DwellRuns(*(column[order] for column in joined))


def longest_slice(runs: DwellRuns, count: int) -> NDArray[np.int64]:
    """(F, 2) series and slice on which each fixation dwelt longest; (-1, -1) when no image was shown during it."""
    chosen = np.full((count, 2), -1, dtype=np.int64)
    shown = np.flatnonzero(runs.slice_index >= 0)
    if len(shown) == 0:
        return chosen
    keys = np.stack([runs.fixation, runs.series, runs.slice_index], axis=1)[shown]
    unique, first, inverse = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    dwell = np.bincount(inverse.ravel(), weights=(runs.offset - runs.onset)[shown])
    # Rounded, so that equal dwell is equal whatever the order of summation; then the earlier visit wins.
    order = np.lexsort((first, -np.round(dwell, 9), unique[:, 0]))
    owner, best = np.unique(unique[order, 0], return_index=True)
    chosen[owner] = unique[order][best, 1:]
    return chosen


def main_run(runs: DwellRuns, on_chosen: NDArray[np.bool_], count: int) -> Indices:
    """The longest run on the chosen slice of each fixation (every fixation has one)."""
    if count == 0:
        return np.empty(0, dtype=np.intp)
    length = np.where(on_chosen, runs.offset - runs.onset, -1.0)
    order = np.lexsort((-np.round(length, 9), runs.fixation))
    _, best = np.unique(runs.fixation[order], return_index=True)
    return order[best]


def slice_range(runs: DwellRuns, count: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """First and last slice shown during each fixation, in time, and how many different ones."""
    first, last = np.full(count, -1, dtype=np.int64), np.full(count, -1, dtype=np.int64)
    shown = np.flatnonzero(runs.slice_index >= 0)
    last[runs.fixation[shown]] = runs.slice_index[shown]  # the later assignment wins
    first[runs.fixation[shown][::-1]] = runs.slice_index[shown][::-1]
    unique = np.unique(np.stack([runs.fixation, runs.series, runs.slice_index], axis=1)[shown], axis=0)
    return first, last, np.bincount(unique[:, 0], minlength=count)[:count].astype(np.int64)


def samples_in(runs: DwellRuns, time: Floats, events: EyeEvents) -> NDArray[np.int64]:
    """Samples of each run, its end belonging to the next run except at the fixation's own end."""
    low = np.searchsorted(time, runs.onset, side="left")
    ends_fixation = np.ones(len(runs.fixation), dtype=bool)
    ends_fixation[:-1] = runs.fixation[1:] != runs.fixation[:-1]
    high = np.searchsorted(time, runs.offset, side="left")
    high[ends_fixation] = events.last[runs.fixation[ends_fixation]] + 1
    starts_fixation = np.ones(len(runs.fixation), dtype=bool)
    starts_fixation[1:] = ends_fixation[:-1]
    low[starts_fixation] = events.first[runs.fixation[starts_fixation]]
    return (high - low).astype(np.int64)
