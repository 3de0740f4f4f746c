"""A case of a training set for classification: a volume and which findings it has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from models.datasets.case import Part
from models.volumes import CtVolume


@dataclass(frozen=True, eq=False)
class LabelledCase:
    """A volume, made or loaded when it is needed, with its labels.

    Attributes
    ----------
    case, patient, origin, place, declared_part
        As in `models.datasets.case.TrainingCase`; origin is ``simulated``, ``ct-rate`` or ``rad-chestct``.
    labels
        1 or 0 by name, in the order of the data set; the same names for every case of a set.
    load
        Makes or reads the volume.
    load_masks
        (K, J, I) bool by label, of those that are there; None where nobody drew any.
    """

    case: str
    patient: str
    origin: str
    place: str
    labels: dict[str, int]
    load: Callable[[], CtVolume] = field(repr=False)
    declared_part: Part | None = None
    load_masks: Callable[[], Mapping[str, NDArray[np.bool_]]] | None = field(default=None, repr=False)
