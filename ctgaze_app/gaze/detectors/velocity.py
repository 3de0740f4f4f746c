"""Angular velocity over a window of time, for any rate and irregular stamps."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ctgaze_app.gaze.detectors.options import EventOptions

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Indices = NDArray[np.intp]


def velocities_deg_s(time_s: Floats, direction: Floats, known: Flags, options: EventOptions) -> Floats:
    """(N,) angular velocity across a window centred on each sample, 2 asin(|v1 - v2| / 2) over its time (Olsen 2012).

    The window reaches half of `velocity_window_s` to each side and at least to the next sample. No velocity (NaN)
    where the window holds a lost sample or a hole longer than the gap that may be filled, or runs out of the recording.
    """
    count = len(time_s)
    velocity = np.full(count, np.nan)
    if count < 3:
        return velocity
    half = options.velocity_window_s / 2 + 1e-5  # stamps come rounded: a sample at the very edge belongs to it
    index = np.arange(count)
    left = np.minimum(np.searchsorted(time_s, time_s - half, side="left"), index - 1)
    right = np.maximum(np.searchsorted(time_s, time_s + half, side="right") - 1, index + 1)
    inside = (left >= 0) & (right < count)
    left, right = np.maximum(left, 0), np.minimum(right, count - 1)
    lost = np.concatenate([[0], np.cumsum(~known)])
    stretch = np.concatenate([[0], np.cumsum(np.diff(time_s) > options.max_gap_fill_s + 1e-9)])
    begin = np.flatnonzero(np.diff(stretch, prepend=-1))
    end = np.append(begin[1:], count) - 1
    least = options.velocity_window_s / 2 - 1e-5
    inside &= (time_s - time_s[begin][stretch] >= least) & (time_s[end][stretch] - time_s >= least)
    span = time_s[right] - time_s[left]
    usable = inside & (lost[right + 1] == lost[left]) & (stretch[right] == stretch[left]) & (span > 0)
    difference = direction[right] - direction[left]
    chord = np.sqrt(np.einsum("ij,ij->i", difference, difference))
    angle = np.degrees(2 * np.arcsin(np.minimum(chord / 2, 1.0)))
    velocity[usable] = angle[usable] / span[usable]
    return velocity
