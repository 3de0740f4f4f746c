"""Bridging short losses, the same for every detector."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ctgaze_app.gaze.detectors.options import EventOptions

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

STEPS_LOOKED_AT = 10_000
"""So many steps, spread over the recording, tell its usual one."""


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


def hole_s(time_s: Floats, options: EventOptions) -> float:
    """Longest step between two samples that is no hole: the gap that may be filled, and at low rates two usual steps,
    so that a short gap limit never cuts a slow recording at every sample."""
    steps = np.diff(time_s)
    if len(steps) == 0:
        return options.max_gap_fill_s
    usual = float(np.median(steps[:: 1 + len(steps) // STEPS_LOOKED_AT]))
    return max(options.max_gap_fill_s, 2 * usual)
