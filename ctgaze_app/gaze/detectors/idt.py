"""Dispersion threshold, I-DT (Salvucci & Goldberg 2000)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ctgaze_app.gaze.detectors.candidates import Candidates
from ctgaze_app.gaze.detectors.options import EventOptions


@dataclass(frozen=True, kw_only=True)
class IdtParameters(EventOptions):
    """Parameters of I-DT.

    Attributes
    ----------
    max_dispersion_deg
        Greatest (max x - min x) + (max y - min y) of a fixation's samples, degrees (1 degree: Salvucci & Goldberg 2000,
        1/2 to 1 degree).
    min_duration_s
        Time that a window must last to begin a fixation (100 to 200 ms: Salvucci & Goldberg 2000).
    """

    name: ClassVar[str] = "I-DT (Salvucci & Goldberg 2000)"

    max_dispersion_deg: float = 1.0
    min_duration_s: float = 0.100


def candidates(
    time_s: NDArray[np.float64], direction: NDArray[np.float64], known: NDArray[np.bool_], parameters: IdtParameters
) -> Candidates:
    """Not delivered yet."""
    raise ValueError("I-DT is not delivered yet")
