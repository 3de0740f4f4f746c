"""What a detector found: fixations, saccades, blinks, and the state of the eye at every sample."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Indices = NDArray[np.intp]

EYE_STATES = ("lost", "unclassified", "fixation", "saccade", "blink", "post_saccadic_oscillation")
"""Codes of `EyeEvents.eye_state`; new states are added at the end, so that a code keeps its meaning."""

LOST, UNCLASSIFIED, FIXATION, SACCADE, BLINK, OSCILLATION = range(len(EYE_STATES))


def _no_indices() -> Indices:
    return np.empty(0, dtype=np.intp)


def _no_values() -> Floats:
    return np.empty(0, dtype=np.float64)


@dataclass(frozen=True, eq=False)
class Saccades:
    """S saccades.

    Attributes
    ----------
    first, last
        (S,) index of the first and the last sample of each.
    amplitude_deg
        (S,) angle between the directions of the samples just before and just after it; NaN where one of them is lost
        or missing.
    peak_velocity_deg_s
        (S,) greatest angular velocity inside it, as the detector's own window sees it.
    direction_deg
        (S,) where it went as seen by the reader: 0 right, 90 up, 180 left, -90 down; NaN with the amplitude.
    """

    first: Indices = field(default_factory=_no_indices)
    last: Indices = field(default_factory=_no_indices)
    amplitude_deg: Floats = field(default_factory=_no_values)
    peak_velocity_deg_s: Floats = field(default_factory=_no_values)
    direction_deg: Floats = field(default_factory=_no_values)

    def __len__(self) -> int:
        """Number of saccades."""
        return len(self.first)


@dataclass(frozen=True, eq=False)
class Blinks:
    """B blinks: index of the first and the last sample of each, the artefact around the loss included."""

    first: Indices = field(default_factory=_no_indices)
    last: Indices = field(default_factory=_no_indices)

    def __len__(self) -> int:
        """Number of blinks."""
        return len(self.first)


@dataclass(frozen=True, eq=False)
class EyeEvents:
    """F fixations, and the saccades and blinks between them, over N samples.

    Attributes
    ----------
    first, last
        (F,) index of the first and the last sample of each fixation.
    eye_state
        (N,) index into `EYE_STATES`; a sample bridged inside a fixation is `fixation`.
    fixation
        (N,) number of the fixation from 0, -1 outside.
    member
        (N,) sample has a true (not bridged) gaze and was found still inside its fixation: it counts for positions.
    velocity_deg_s
        (N,) NaN where none can be told.
    saccades, blinks
        The other events; they never overlap a fixation.
    limits
        Sentences: what these figures cannot tell.
    """

    first: Indices
    last: Indices
    eye_state: NDArray[np.int8] = field(repr=False)
    fixation: NDArray[np.int32] = field(repr=False)
    member: Flags = field(repr=False)
    velocity_deg_s: Floats = field(repr=False)
    saccades: Saccades = field(default_factory=Saccades, repr=False)
    blinks: Blinks = field(default_factory=Blinks, repr=False)
    limits: tuple[str, ...] = field(default=(), repr=False)

    def __len__(self) -> int:
        """Number of fixations."""
        return len(self.first)
