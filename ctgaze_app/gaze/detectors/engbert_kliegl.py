"""Adaptive velocity threshold (Engbert & Kliegl 2003; Engbert & Mergenthaler 2006)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ctgaze_app.gaze.detectors.candidates import Candidates
from ctgaze_app.gaze.detectors.options import EventOptions


@dataclass(frozen=True, kw_only=True)
class EngbertKlieglParameters(EventOptions):
    """Parameters of the adaptive detector; defaults of Engbert & Kliegl 2003 (250 Hz, 5 samples, 3 samples at least).

    Attributes
    ----------
    threshold_factor
        Lambda: a saccade lies outside the ellipse of so many median-based standard deviations of velocity per axis.
    """

    name: ClassVar[str] = "adaptive velocity threshold (Engbert & Kliegl 2003)"

    threshold_factor: float = 6.0
    velocity_window_s: float = 0.016
    min_saccade_duration_s: float = 0.012


def candidates(
    time_s: NDArray[np.float64],
    direction: NDArray[np.float64],
    known: NDArray[np.bool_],
    parameters: EngbertKlieglParameters,
) -> Candidates:
    """Not delivered yet."""
    raise ValueError("the Engbert-Kliegl detector is not delivered yet")
