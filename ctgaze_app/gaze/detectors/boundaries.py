"""Where saccades begin and end below the threshold that found them, and how long the eye rings after them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]


def without_swings(
    time_s: Floats, first: Indices, last: Indices, speed: Floats, longest_s: float, peak_share: float
) -> tuple[Indices, Indices]:
    """Leave out the swing back after a saccade when it is fast enough for a saccade of its own.

    That is every movement that begins within `longest_s` of the end of a saccade, and whose peak is less than
    `peak_share` of that saccade's (the fast glissades of Nystrom & Holmqvist 2010, slower than their saccade).
    """
    if longest_s <= 0 or len(first) < 2:
        return first, last
    peak = np.maximum.reduceat(np.append(speed, 0.0), np.stack([first, last + 1], axis=1).ravel())[::2]
    begins, ends, peaks = time_s[first].tolist(), time_s[last].tolist(), peak.tolist()
    kept, saccade = [0], 0
    for number in range(1, len(peaks)):
        soon = begins[number] - ends[saccade] <= longest_s + 1e-9
        if not (soon and peaks[number] < peak_share * peaks[saccade]):
            kept.append(number)
            saccade = number
    return first[kept], last[kept]


def widened(first: Indices, last: Indices, speed: Floats, boundary: float, threshold: float) -> tuple[Indices, Indices]:
    """Saccades grown outwards to `boundary`, each side stopping at the first least speed below `threshold`.

    So the swing back after a saccade, a second hump of speed, stays out of it (Nystrom & Holmqvist 2010). `speed` is in
    the unit of both thresholds; NaN (no velocity) stops a saccade. Overlapping ones become one.
    """
    if len(first) == 0:
        return first, last
    above = np.nan_to_num(speed, nan=-1.0)
    rising = np.append(above[1:] >= above[:-1], True)  # speed grows towards the next sample
    falling = np.append(True, above[:-1] >= above[1:])  # speed grew towards the sample before
    stop_after = np.flatnonzero((above < boundary) | ((above < threshold) & rising))
    stop_before = np.flatnonzero((above < boundary) | ((above < threshold) & falling))
    after = np.searchsorted(stop_after, last, side="right")
    before = np.searchsorted(stop_before, first, side="left") - 1
    grown_last = np.append(stop_after, len(speed))[after]
    grown_first = np.append(stop_before, -1)[before]  # place -1 takes the appended -1
    # A least speed still above the boundary is the saccade's own last sample; one below it is outside.
    grown_last = grown_last - (np.append(above, -1.0)[grown_last] < boundary)
    grown_first = grown_first + (np.append(above, -1.0)[grown_first] < boundary)
    apart = grown_first[1:] > grown_last[:-1]
    return grown_first[np.append(True, apart)], grown_last[np.append(apart, True)]


def oscillation_ends(
    time_s: Floats, first: Indices, last: Indices, speed: Floats, boundary: float, longest_s: float
) -> Indices:
    """Last sample of the oscillation after each saccade: the last one above `boundary` within `longest_s` of its end.

    The saccade's own last sample where there is none. An oscillation never reaches into the next saccade.
    """
    if longest_s <= 0 or len(first) == 0:
        return last
    limit = np.searchsorted(time_s, time_s[last] + longest_s + 1e-9, side="right") - 1
    limit = np.minimum(limit, np.append(first[1:], len(time_s)) - 1)
    moving = np.flatnonzero(speed >= boundary)
    place = np.searchsorted(moving, limit, side="right") - 1
    return np.maximum(last, np.where(place >= 0, moving[place], -1))
