"""The inner loops over the voxels that one look reaches, compiled by numba: no temporary arrays, no thread pools."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.metrics.compiled import compiled

Floats = NDArray[np.float64]


@compiled
def raise_to_cosine(
    nearest: Floats, first: NDArray[np.int64], last: NDArray[np.int64], to_mm: Floats, sight: Floats, distance_mm: float
) -> None:
    """Raise `nearest` [j, i] to the cosine of the angle between a line of sight and each voxel's, where it is larger.

    Parameters
    ----------
    first, last
        (j, i) of the patch, `last` outside it.
    to_mm
        (2, 3) from (i, j, 1) to millimetres right of and below the middle of the screen.
    sight
        Unit vector of the gaze.
    """
    for j in range(first[0], last[0]):
        for i in range(first[1], last[1]):
            x = to_mm[0, 0] * i + to_mm[0, 1] * j + to_mm[0, 2]
            y = to_mm[1, 0] * i + to_mm[1, 1] * j + to_mm[1, 2]
            cosine = (x * sight[0] + y * sight[1] + distance_mm * sight[2]) / np.sqrt(x * x + y * y + distance_mm**2)
            nearest[j, i] = max(nearest[j, i], cosine)


@compiled
def add_within(
    dwell: Floats,
    first: NDArray[np.int64],
    last: NDArray[np.int64],
    to_mm: Floats,
    sight: Floats,
    distance_mm: float,
    cosines: Floats,
    seconds: float,
) -> None:
    """Add `seconds` to `dwell` [radius, j, i] wherever the cosine (as in `raise_to_cosine`) reaches the radius's own.

    `cosines` descend: a voxel within one radius is within all that follow.
    """
    for j in range(first[0], last[0]):
        for i in range(first[1], last[1]):
            x = to_mm[0, 0] * i + to_mm[0, 1] * j + to_mm[0, 2]
            y = to_mm[1, 0] * i + to_mm[1, 1] * j + to_mm[1, 2]
            cosine = (x * sight[0] + y * sight[1] + distance_mm * sight[2]) / np.sqrt(x * x + y * y + distance_mm**2)
            for radius in range(len(cosines) - 1, -1, -1):
                if cosine < cosines[radius]:
                    break
                dwell[radius, j, i] += seconds
