"""Velocity threshold, I-VT (Olsen 2012)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ctgaze_app.gaze.detectors.candidates import Candidates
from ctgaze_app.gaze.detectors.gaps import hole_s
from ctgaze_app.gaze.detectors.intervals import runs
from ctgaze_app.gaze.detectors.options import EventOptions
from ctgaze_app.gaze.detectors.velocity import velocities_deg_s


@dataclass(frozen=True, kw_only=True)
class IvtParameters(EventOptions):
    """Parameters of the Tobii I-VT filter; defaults of Olsen 2012, The Tobii I-VT fixation filter (fixation preset).

    Attributes
    ----------
    velocity_threshold_deg_s
        At or above it the eye is in a saccade, degrees per second.
    """

    name: ClassVar[str] = "I-VT (Olsen 2012)"

    velocity_threshold_deg_s: float = 30.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.velocity_threshold_deg_s > 0:
            raise ValueError(f"the velocity threshold must be positive: {self}")


def candidates(
    time_s: NDArray[np.float64], direction: NDArray[np.float64], known: NDArray[np.bool_], parameters: IvtParameters
) -> Candidates:
    """Slow and fast samples by one threshold; the window smears each saccade by half of itself to both sides."""
    velocity = velocities_deg_s(time_s, direction, known, parameters)
    slow = velocity < parameters.velocity_threshold_deg_s  # NaN compares false
    fast = velocity >= parameters.velocity_threshold_deg_s
    first, last = runs(time_s, slow, hole_s(time_s, parameters) + 1e-9)
    return Candidates(first, last, slow, fast & known, velocity)
