"""Bridging short losses, the same for every detector."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


def fill_gaps(time_s: Floats, direction: Floats, valid: Flags, max_gap_s: float) -> Flags:
    """Bridge short losses by a straight line, in place; returns which samples have a direction now.

    A gap is measured from the last valid sample before it to the first after it (Olsen 2012). Losses at either end
    stay.
    """
    known = valid.copy()
    good = np.flatnonzero(valid)
    if len(good) < 2:
        return known
    lost = np.flatnonzero(~valid)
    place = np.searchsorted(good, lost)
    inner = (place > 0) & (place < len(good))
    lost, place = lost[inner], place[inner]
    before, after = good[place - 1], good[place]
    bridged = time_s[after] - time_s[before] <= max_gap_s + 1e-9
    lost, before, after = lost[bridged], before[bridged], after[bridged]
    span = time_s[after] - time_s[before]
    weight = np.where(span > 0, (time_s[lost] - time_s[before]) / np.where(span > 0, span, 1.0), 0.0)[:, None]
    point = direction[before] * (1 - weight) + direction[after] * weight
    direction[lost] = point / np.linalg.norm(point, axis=1, keepdims=True)
    known[lost] = True
    return known
