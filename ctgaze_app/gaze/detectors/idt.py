"""Dispersion threshold, I-DT (Salvucci & Goldberg 2000).

A window that lasts the shortest fixation and whose dispersion stays within the threshold grows sample by sample until
it does not; otherwise it moves on by one sample. I-DT itself knows nothing of saccades: every sample between
fixations that has a velocity counts as one, as its authors do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ctgaze_app.gaze.detectors.candidates import Candidates
from ctgaze_app.gaze.detectors.gaps import hole_s
from ctgaze_app.gaze.detectors.intervals import inside
from ctgaze_app.gaze.detectors.options import EventOptions
from ctgaze_app.gaze.detectors.velocity import velocities_deg_s

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Indices = NDArray[np.intp]


@dataclass(frozen=True, kw_only=True)
class IdtParameters(EventOptions):
    """Parameters of I-DT.

    Attributes
    ----------
    max_dispersion_deg
        Greatest (max x - min x) + (max y - min y) of a fixation's samples, degrees of azimuth and elevation (1/2 to 1
        degree: Salvucci & Goldberg 2000).
    min_duration_s
        Time that a window must last to begin a fixation (100 to 200 ms: Salvucci & Goldberg 2000).
    merge_gap_s
        0, no merging, as published: neighbouring windows touch, and joining them would undo the threshold.
    """

    name: ClassVar[str] = "I-DT (Salvucci & Goldberg 2000)"

    max_dispersion_deg: float = 1.0
    min_duration_s: float = 0.100
    merge_gap_s: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (self.max_dispersion_deg > 0 and self.min_duration_s > 0):
            raise ValueError(f"dispersion and shortest duration must be positive: {self}")


def candidates(time_s: Floats, direction: Floats, known: Flags, parameters: IdtParameters) -> Candidates:
    """Windows of little dispersion, from the first sample on."""
    velocity = velocities_deg_s(time_s, direction, known, parameters)
    angles = np.full((2, len(time_s)), np.nan)
    angles[0, known] = np.degrees(np.arctan2(direction[known, 0], direction[known, 2]))
    angles[1, known] = np.degrees(np.arcsin(np.clip(direction[known, 1], -1.0, 1.0)))
    first, last = dispersion_windows(time_s, angles, hole_s(time_s, parameters), parameters)
    slow = inside(len(time_s), first, last)
    return Candidates(first, last, slow, np.isfinite(velocity) & ~slow, velocity)


def dispersion_windows(
    time_s: Floats, angles_deg: Floats, hole: float, parameters: IdtParameters
) -> tuple[Indices, Indices]:
    """First and last sample of every window of I-DT over `angles_deg` (2, N), NaN where lost.

    A window ends at a lost sample and at a hole in time longer than `hole` seconds.
    """
    count = len(time_s)
    if count < 2:
        return np.empty(0, dtype=np.intp), np.empty(0, dtype=np.intp)
    limit = np.append(np.flatnonzero(np.diff(time_s) > hole), count - 1)
    stretch_end = limit[np.searchsorted(limit, np.arange(count), side="left")]
    shortest = np.searchsorted(time_s, time_s + parameters.min_duration_s - 1e-9, side="left")
    fits = shortest <= stretch_end
    shortest = np.minimum(shortest, stretch_end)
    width = _range_width(angles_deg[0], shortest) + _range_width(angles_deg[1], shortest)
    starts = np.flatnonzero(fits & (width <= parameters.max_dispersion_deg))
    first, last = [], []
    place = 0
    while place < len(starts):
        begin = int(starts[place])
        end = _grown(angles_deg, begin, int(shortest[begin]), int(stretch_end[begin]), parameters.max_dispersion_deg)
        first.append(begin)
        last.append(end)
        place = int(np.searchsorted(starts, end, side="right"))
    return np.array(first, dtype=np.intp), np.array(last, dtype=np.intp)


def _range_width(values: Floats, last: Indices) -> Floats:
    """Max minus min of values[i : last[i] + 1] for every i, NaN when one is lost; by doubling, O(N log window)."""
    count = len(values)
    index = np.arange(count)
    span = last - index + 1
    high, low = values.copy(), values.copy()
    width = np.empty(count)
    reach = 1  # high[i] and low[i] are those of values[i : i + reach]
    while True:
        mine = (span >= reach) & (span < 2 * reach)
        second = last[mine] - reach + 1
        width[mine] = np.maximum(high[mine], high[second]) - np.minimum(low[mine], low[second])
        if 2 * reach > span.max():
            return width
        high[: count - reach] = np.maximum(high[: count - reach], high[reach:])
        low[: count - reach] = np.minimum(low[: count - reach], low[reach:])
        reach *= 2


def _grown(angles_deg: Floats, begin: int, end: int, limit: int, max_dispersion_deg: float) -> int:
    """Last sample of the window from `begin`, which fits up to `end`, grown by ever longer pieces up to `limit`."""
    piece = end - begin + 1
    high, low = angles_deg[:, begin : end + 1].max(axis=1), angles_deg[:, begin : end + 1].min(axis=1)
    while end < limit:
        block = angles_deg[:, end + 1 : min(end + piece, limit) + 1]
        highs = np.maximum(np.maximum.accumulate(block, axis=1), high[:, None])
        lows = np.minimum(np.minimum.accumulate(block, axis=1), low[:, None])
        beyond = ~((highs - lows).sum(axis=0) <= max_dispersion_deg)  # NaN, a lost sample, ends it too
        if beyond.any():
            return end + int(np.argmax(beyond))
        end += block.shape[1]
        high, low = highs[:, -1], lows[:, -1]
        piece *= 2
    return end
