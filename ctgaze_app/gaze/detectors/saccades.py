"""Saccades from the fast samples that no fixation took."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ctgaze_app.gaze.detectors.events import Saccades
from ctgaze_app.gaze.detectors.options import EventOptions

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Indices = NDArray[np.intp]


def measured_saccades(
    direction: Floats, known: Flags, velocity_deg_s: Floats, first: Indices, last: Indices
) -> Saccades:
    """Amplitude, peak velocity and direction of the saccades `first` to `last`."""
    count = len(known)
    if len(first) == 0:
        return Saccades()
    before, after = np.maximum(first - 1, 0), np.minimum(last + 1, count - 1)
    told = (first > 0) & (last < count - 1) & known[before] & known[after]
    begin, end = direction[before], direction[after]
    chord = np.linalg.norm(end - begin, axis=1)
    amplitude = np.degrees(2 * np.arcsin(np.minimum(chord / 2, 1.0)))
    # The shift seen from the place between both ends: right and down on the plane across the line of sight there.
    middle = begin + end
    x, y, z = (middle / np.linalg.norm(middle, axis=1, keepdims=True)).T
    flat = np.hypot(x, z)
    shift = end - begin
    rightward = (z * shift[:, 0] - x * shift[:, 2]) / np.where(flat > 0, flat, 1.0)
    downward = (-x * y * shift[:, 0] + flat**2 * shift[:, 1] - y * z * shift[:, 2]) / np.where(flat > 0, flat, 1.0)
    heading = np.degrees(np.arctan2(0.0 - downward, rightward))  # -0.0 would turn 180 into -180
    bounds = np.stack([first, last + 1], axis=1).ravel()
    padded = np.append(np.nan_to_num(velocity_deg_s, nan=0.0), 0.0)
    peak = np.maximum.reduceat(padded, bounds)[::2]
    return Saccades(first, last, np.where(told, amplitude, np.nan), peak, np.where(told, heading, np.nan))


def kept(saccades: Saccades, time_s: Floats, options: EventOptions) -> Flags:
    """Which saccades are long and large enough; a duration runs to the sample after the last one."""
    following = np.minimum(saccades.last + 1, len(time_s) - 1)
    lasting = time_s[following] - time_s[saccades.first] >= options.min_saccade_duration_s - 1e-9
    return lasting & ~(saccades.amplitude_deg < options.min_saccade_amplitude_deg)


def chosen(saccades: Saccades, rows: Flags) -> Saccades:
    """Some of the saccades."""
    return Saccades(
        saccades.first[rows],
        saccades.last[rows],
        saccades.amplitude_deg[rows],
        saccades.peak_velocity_deg_s[rows],
        saccades.direction_deg[rows],
    )
