"""What a detector hands over to the steps that all share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Candidates:
    """Candidate fixations and fast samples, before merging and shortest durations.

    Attributes
    ----------
    first, last
        (C,) index of the first and last sample of each candidate fixation.
    slow, fast
        (N,) the sample belongs to a candidate fixation; to a candidate saccade.
    velocity_deg_s
        (N,) NaN where none can be told.
    oscillation
        (N,) the eye still rings after a saccade; None where the detector does not look for it.
    """

    first: NDArray[np.intp]
    last: NDArray[np.intp]
    slow: NDArray[np.bool_]
    fast: NDArray[np.bool_]
    velocity_deg_s: NDArray[np.float64]
    oscillation: NDArray[np.bool_] | None = None
