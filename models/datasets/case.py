"""One case of a training set: a volume, made or loaded when it is needed, and the scan paths of those who read it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from models.scanpath import Scanpath
from models.volumes import CtVolume

Origin = Literal["recorded", "ct-scangaze", "simulated", "lifted"]
Part = Literal["train", "validation", "test"]
PARTS: tuple[Part, Part, Part] = ("train", "validation", "test")


@dataclass(frozen=True)
class Lesion:
    """A known lesion: its centre as column, row, slice (voxel centres at integers) and its diameter."""

    voxel_ijk: tuple[float, float, float]
    diameter_mm: float


@dataclass(frozen=True, eq=False)
class TrainingCase:
    """A volume and its scan paths.

    Attributes
    ----------
    case, patient
        Codes; splits are by patient.
    origin
        Where the gaze comes from. Lifted gaze has no true depth.
    place
        File and record that it came from, for messages.
    load
        Makes or reads the volume; called in the thread that trains, as often as needed.
    paths
        At least one; all on this volume.
    lesions
        Known truth, for the oracle of the evaluation.
    load_lungs
        The lungs' mask (slices, rows, columns), or None when not known.
    declared_part
        What the source itself says that the case is for, or None (`models.datasets.splits.split_as_declared`).
    """

    case: str
    patient: str
    origin: Origin
    place: str
    load: Callable[[], CtVolume] = field(repr=False)
    paths: tuple[Scanpath, ...] = field(repr=False)
    lesions: tuple[Lesion, ...] = ()
    load_lungs: Callable[[], NDArray[np.bool_]] | None = field(default=None, repr=False)
    declared_part: Part | None = None
