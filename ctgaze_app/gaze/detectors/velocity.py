"""Angular velocity over a window of time, for any rate and irregular stamps."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ctgaze_app.gaze.detectors.gaps import hole_s
from ctgaze_app.gaze.detectors.options import EventOptions

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Indices = NDArray[np.intp]


def velocities_deg_s(time_s: Floats, direction: Floats, known: Flags, options: EventOptions) -> Floats:
    """(N,) angular velocity across a window centred on each sample, 2 asin(|v1 - v2| / 2) over its time (Olsen 2012).

    The window reaches half of `velocity_window_s` to each side and at least to the next sample. No velocity (NaN)
    where the window holds a lost sample or a hole longer than the gap that may be filled, or runs out of the recording.
    """
    velocity = np.full(len(time_s), np.nan)
    if len(time_s) < 3:
        return velocity
    left, right, usable = _windows(time_s, known, options)
    span = time_s[right] - time_s[left]
    difference = direction[right] - direction[left]
    chord = np.sqrt(np.einsum("ij,ij->i", difference, difference))
    angle = np.degrees(2 * np.arcsin(np.minimum(chord / 2, 1.0)))
    velocity[usable] = angle[usable] / span[usable]
    return velocity


def axis_velocities_deg_s(time_s: Floats, direction: Floats, known: Flags, options: EventOptions) -> Floats:
    """(N, 2) velocity to the right and down: mean of the samples after minus mean of those before, over the time
    between the two means.

    With two samples to each side this is (x[n+2] + x[n+1] - x[n-1] - x[n-2]) / (6 dt) of Engbert & Kliegl 2003. The
    same windows as `velocities_deg_s`; NaN in both where there is none.
    """
    count = len(time_s)
    velocity = np.full((count, 2), np.nan)
    if count < 3:
        return velocity
    left, right, usable = _windows(time_s, known, options)
    index = np.flatnonzero(usable)
    left, right = left[index], right[index]
    azimuth = np.degrees(np.arctan2(direction[:, 0], direction[:, 2]))
    elevation = np.degrees(np.arcsin(np.clip(direction[:, 1], -1.0, 1.0)))
    # About their means, so that running sums over a long recording keep their digits.
    places = np.stack([time_s - time_s[0], np.where(known, azimuth, 0.0), np.where(known, elevation, 0.0)])
    places -= places.mean(axis=1, keepdims=True)
    sums = np.zeros((3, count + 1))
    np.cumsum(places, axis=1, out=sums[:, 1:])
    after = (sums[:, right + 1] - sums[:, index + 1]) / (right - index)
    before = (sums[:, index] - sums[:, left]) / (index - left)
    shift = after - before
    velocity[index, 0] = shift[1] / shift[0] * np.cos(np.radians(elevation[index]))
    velocity[index, 1] = shift[2] / shift[0]
    return velocity


def _windows(time_s: Floats, known: Flags, options: EventOptions) -> tuple[Indices, Indices, Flags]:
    """First and last sample of each sample's window, and whether it holds no loss and no hole."""
    count = len(time_s)
    half = options.velocity_window_s / 2 + 1e-5  # stamps come rounded: a sample at the very edge belongs to it
    index = np.arange(count)
    left = np.minimum(np.searchsorted(time_s, time_s - half, side="left"), index - 1)
    right = np.maximum(np.searchsorted(time_s, time_s + half, side="right") - 1, index + 1)
    left, right = np.maximum(left, 0), np.minimum(right, count - 1)
    usable = (left < index) & (right > index) & (time_s[right] > time_s[left])
    least = options.velocity_window_s / 2 - 1e-5
    holes = np.flatnonzero(np.diff(time_s) > hole_s(time_s, options) + 1e-9)
    begin, end = np.append(0, holes + 1), np.append(holes, count - 1)
    if len(holes):
        stretch = np.searchsorted(holes, index, side="left")
        begin, end = begin[stretch], end[stretch]
        usable &= (left >= begin) & (right <= end)
    usable &= (time_s - time_s[begin] >= least) & (time_s[end] - time_s >= least)
    if not known.all():
        lost = np.concatenate([[0], np.cumsum(~known)])
        usable &= lost[right + 1] == lost[left]
    return left, right, usable
