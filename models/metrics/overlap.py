"""How well two masks overlap; both empty is told apart from both wrong."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Overlap:
    """Dice (2 I / (A + B)) and IoU (I / U) of two masks; NaN where both are empty."""

    dice: float
    iou: float

    @property
    def both_empty(self) -> bool:
        """Nothing was there and nothing was found: no measure of overlap says how good that is."""
        return bool(np.isnan(self.dice))


def overlap(found: Mask, truth: Mask) -> Overlap:
    """Of two masks of the same shape; raises `ValueError` for different shapes or values that are not bool."""
    if found.shape != truth.shape or found.dtype != np.bool_ or truth.dtype != np.bool_:
        raise ValueError(f"masks {found.dtype} {found.shape} and {truth.dtype} {truth.shape}")
    both, sizes = int((found & truth).sum()), int(found.sum()) + int(truth.sum())
    if sizes == 0:
        return Overlap(float("nan"), float("nan"))
    return Overlap(2 * both / sizes, both / (sizes - both))
