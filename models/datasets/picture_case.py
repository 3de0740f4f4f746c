"""A case of a training set of single pictures: a slice, photograph or radiograph with fixations, mask or labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from models.datasets.case import Part
from models.volumes import PictureVolume


@dataclass(frozen=True, eq=False)
class PictureGaze:
    """N fixations on a picture in order.

    Attributes
    ----------
    points_xy_share
        (N, 2) shares of width and height: 0 at the left and upper outer edge, 1 at the right and lower one.
    duration_s, onset_s
        (N,) seconds.
    reader
        Code.
    """

    points_xy_share: NDArray[np.float64] = field(repr=False)
    duration_s: NDArray[np.float64] = field(repr=False)
    onset_s: NDArray[np.float64] = field(repr=False)
    reader: str = ""


@dataclass(frozen=True, eq=False)
class PictureCase:
    """A picture with what is known of it.

    Attributes
    ----------
    case, patient, origin, place, declared_part
        As in `models.datasets.case.TrainingCase`; slices of one volume share their patient.
    load
        Gives the picture, K = 1: grey or RGB.
    gaze
        Of one reader, or None where nobody was recorded.
    load_mask
        (J, I) bool, true outline of the structure; None where nobody drew it.
    labels
        1 or 0 by name; empty for segmentation.
    """

    case: str
    patient: str
    origin: str
    place: str
    load: Callable[[], PictureVolume] = field(repr=False)
    gaze: PictureGaze | None = field(default=None, repr=False)
    load_mask: Callable[[], NDArray[np.bool_]] | None = field(default=None, repr=False)
    labels: dict[str, int] = field(default_factory=dict)
    declared_part: Part | None = None
