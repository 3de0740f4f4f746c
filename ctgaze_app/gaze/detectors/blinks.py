"""Blinks: losses of a blink's duration with the movement that the lid feigns around them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ctgaze_app.gaze.detectors.events import Blinks
from ctgaze_app.gaze.detectors.intervals import runs
from ctgaze_app.gaze.detectors.options import EventOptions

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Indices = NDArray[np.intp]


def find_blinks(
    time_s: Floats, lost: Flags, fixation_first: Indices, fixation_last: Indices, options: EventOptions
) -> Blinks:
    """Blinks between the fixations.

    Losses with no fixation between them and at most `blink_margin_s` of gaze are one: a closing lid lets single
    samples through. A loss lasts from the last seen sample before it to the first after it, as for gaps.

    Parameters
    ----------
    lost
        (N,) the eye was not seen and no fixation bridges the loss.
    """
    count = len(time_s)
    first, last = runs(time_s, lost, np.inf)
    if len(first) == 0:
        return Blinks()
    room_from = _after_fixation(first, fixation_first, fixation_last)
    near = time_s[first[1:]] - time_s[last[:-1]] <= options.blink_margin_s + 1e-9
    joined = near & (room_from[1:] <= last[:-1] + 1)
    keep_first, keep_last = np.concatenate([[True], ~joined]), np.concatenate([~joined, [True]])
    first, last, room_from = first[keep_first], last[keep_last], room_from[keep_first]
    inner = (first > 0) & (last < count - 1)
    before, after = np.maximum(first - 1, 0), np.minimum(last + 1, count - 1)
    lasting = time_s[after] - time_s[before]
    blink = inner & (lasting >= options.min_blink_s - 1e-9) & (lasting <= options.max_blink_s + 1e-9)
    first, last, room_from = first[blink], last[blink], room_from[blink]
    following = np.searchsorted(fixation_first, last, side="right")
    room_to = np.append(fixation_first, count)[following] - 1
    reach_from = np.searchsorted(time_s, time_s[first] - options.blink_margin_s - 1e-9, side="left")
    reach_to = np.searchsorted(time_s, time_s[last] + options.blink_margin_s + 1e-9, side="right") - 1
    first, last = np.maximum(room_from, reach_from), np.minimum(room_to, reach_to)
    if len(first) < 2:
        return Blinks(first, last)
    apart = first[1:] > last[:-1]
    return Blinks(first[np.concatenate([[True], apart])], last[np.concatenate([apart, [True]])])


def with_touching_saccades(blinks: Blinks, saccade_first: Indices, saccade_last: Indices) -> tuple[Blinks, Flags]:
    """Blinks grown over every saccade that they touch, and which saccades remain: half a saccade tells a false
    amplitude."""
    free = np.ones(len(saccade_first), dtype=bool)
    if len(blinks) == 0 or len(saccade_first) == 0:
        return blinks, free
    first, last = blinks.first.copy(), blinks.last.copy()
    low = np.searchsorted(saccade_last, first, side="left")
    high = np.searchsorted(saccade_first, last, side="right")
    for number, (begin, end) in enumerate(zip(low.tolist(), high.tolist(), strict=True)):
        if end > begin:
            first[number] = min(first[number], saccade_first[begin])
            last[number] = max(last[number], saccade_last[end - 1])
            free[begin:end] = False
    apart = first[1:] > last[:-1]
    grown = Blinks(first[np.concatenate([[True], apart])], last[np.concatenate([apart, [True]])])
    return grown, free


def _after_fixation(first: Indices, fixation_first: Indices, fixation_last: Indices) -> Indices:
    """First index after the fixation that precedes each loss."""
    place = np.searchsorted(fixation_first, first, side="right") - 1
    return np.where(place >= 0, np.append(fixation_last, -1)[place] + 1, 0)
