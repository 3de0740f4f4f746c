"""Seconds of looking per slice as one curve: of this trial, of a path beside it, of another volume."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from ctgaze_app.review.path_beside import PathBeside
from ctgaze_app.review.replay import DwellSegment, ReplayFixation

Floats = NDArray[np.float64]


def dwell_of_trial(segments: Iterable[DwellSegment], n_slices: int) -> Floats:
    """(K,) seconds inside fixations on each slice, from the parts of fixations that fell on one slice."""
    return _summed(segments, n_slices)


def dwell_of_path(path: PathBeside, n_slices: int) -> Floats:
    """(K,) seconds of a path's fixations on each slice."""
    return _summed(path.fixations, n_slices)


def _summed(parts: Iterable[DwellSegment | ReplayFixation], n_slices: int) -> Floats:
    found = np.zeros(n_slices)
    for part in parts:
        if 0 <= part.slice_index < n_slices:
            found[part.slice_index] += part.duration_s
    return found
