"""Adaptive velocity threshold (Engbert & Kliegl 2003; Engbert & Mergenthaler 2006) with the offset rule of Nystrom &
Holmqvist 2010 where it is asked for.

Velocity is taken per axis by the papers' differentiator, the mean of the samples after minus the mean of those before,
over a window of time instead of five samples, so that it means the same at any rate: five samples span 16 ms at their
250 Hz. The threshold is an ellipse of `threshold_factor` median-based standard deviations per axis.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ctgaze_app.gaze.detectors.boundaries import oscillation_ends, widened, without_swings
from ctgaze_app.gaze.detectors.candidates import Candidates
from ctgaze_app.gaze.detectors.gaps import hole_s
from ctgaze_app.gaze.detectors.intervals import inside, runs
from ctgaze_app.gaze.detectors.options import EventOptions
from ctgaze_app.gaze.detectors.velocity import axis_velocities_deg_s

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class EngbertKlieglParameters(EventOptions):
    """Parameters of the adaptive detector; defaults of Engbert & Kliegl 2003 (250 Hz, 5 samples, 3 samples at least).

    Attributes
    ----------
    threshold_factor
        Lambda: a saccade lies outside the ellipse of so many median-based standard deviations of velocity per axis.
    boundary_factor
        A saccade reaches as far to both sides as velocity stays outside the ellipse of so many, and no farther than the
        first least velocity below `threshold_factor` behind its peak (the local offset threshold of Nystrom & Holmqvist
        2010). The same as `threshold_factor`: the published detector, without such a reach.
    oscillation_peak_share
        With `max_oscillation_s`: a movement so soon after a saccade is its oscillation when its peak is below this
        share of the saccade's.
    least_threshold_deg_s
        The ellipse of `threshold_factor` is never smaller than this, degrees per second: a recording without noise
        would have no threshold at all.
    merge_saccades_s
        Saccades no farther apart are one, seconds.
    """

    name: ClassVar[str] = "adaptive velocity threshold (Engbert & Kliegl 2003)"

    threshold_factor: float = 6.0
    boundary_factor: float = 6.0
    oscillation_peak_share: float = 0.5
    least_threshold_deg_s: float = 1.0
    merge_saccades_s: float = 0.0
    velocity_window_s: float = 0.016
    min_saccade_duration_s: float = 0.012

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.boundary_factor <= self.threshold_factor:
            raise ValueError(f"the boundary factor must lie above 0 and not above the threshold factor: {self}")
        if not self.least_threshold_deg_s > 0:
            raise ValueError(f"the least threshold must be positive: {self}")
        if not (self.merge_saccades_s >= 0 and 0 <= self.oscillation_peak_share <= 1):
            raise ValueError(f"merging takes a time not negative, an oscillation's peak a share from 0 to 1: {self}")


def median_sigma(values: Floats) -> float:
    """Median-based standard deviation sqrt(median(v^2) - median(v)^2) (Engbert & Kliegl 2003, eq. 3); 0 for none."""
    if len(values) == 0:
        return 0.0
    return float(np.sqrt(max(float(np.median(values**2)) - float(np.median(values)) ** 2, 0.0)))


def candidates(time_s: Floats, direction: Floats, known: Flags, parameters: EngbertKlieglParameters) -> Candidates:
    """Saccades outside the ellipse; all other samples with a velocity are still."""
    velocity = axis_velocities_deg_s(time_s, direction, known, parameters)
    usable = np.isfinite(velocity[:, 0])
    ratio = np.zeros(len(time_s))
    for axis in range(2):
        sigma = median_sigma(velocity[usable, axis])
        scale = max(sigma, parameters.least_threshold_deg_s / parameters.threshold_factor)
        ratio += (np.nan_to_num(velocity[:, axis]) / scale) ** 2
    ratio = np.sqrt(ratio)
    ratio[~usable] = np.nan
    step = hole_s(time_s, parameters) + 1e-9
    first, last = runs(time_s, ratio > parameters.threshold_factor, step)
    if parameters.merge_saccades_s > 0 and len(first) > 1:
        apart = time_s[first[1:]] - time_s[last[:-1]] > parameters.merge_saccades_s + 1e-9
        first, last = first[np.append(True, apart)], last[np.append(apart, True)]
    following = np.minimum(last + 1, len(time_s) - 1)
    lasting = time_s[following] - time_s[first] >= parameters.min_saccade_duration_s - 1e-9
    first, last = first[lasting], last[lasting]
    first, last = without_swings(
        time_s, first, last, ratio, parameters.max_oscillation_s, parameters.oscillation_peak_share
    )
    if parameters.boundary_factor < parameters.threshold_factor:
        first, last = widened(first, last, ratio, parameters.boundary_factor, parameters.threshold_factor)
    end = oscillation_ends(time_s, first, last, ratio, parameters.boundary_factor, parameters.max_oscillation_s)
    fast = inside(len(time_s), first, last)
    oscillation = inside(len(time_s), last + 1, end)
    slow = usable & ~fast & ~oscillation
    slow_first, slow_last = runs(time_s, slow, step)
    speed = np.hypot(velocity[:, 0], velocity[:, 1])
    return Candidates(slow_first, slow_last, slow, fast, speed, oscillation)
