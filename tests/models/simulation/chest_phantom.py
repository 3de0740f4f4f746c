"""A chest of two boxes of lung with balls in them: every place in it is known without the code under test."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from models.datasets.case import Lesion
from models.simulation.simulated_patients import SimulatedPatient
from models.volumes import CtVolume

SHAPE_KJI = (100, 60, 80)
SPACING_KJI_MM = (3.0, 5.0, 5.0)
LUNG_SLICES = slice(10, 91)
LUNG_ROWS = slice(15, 45)
RIGHT_COLUMNS = slice(10, 35)
LEFT_COLUMNS = slice(45, 70)
Ball = tuple[tuple[float, float, float], float, float]
"""Centre (i, j, k), diameter in mm, HU."""


def chest(
    balls: Sequence[Ball] = (),
    *,
    case: str = "phantom",
    drawn: bool = True,
    moved_kji: tuple[int, int, int] = (0, 0, 0),
) -> SimulatedPatient:
    """A body of 40 HU with two lungs of -850 HU; balls that are not drawn are in the truth only.

    `moved_kji` moves lungs and balls by so many voxels.
    """
    hu = np.full(SHAPE_KJI, 40, dtype=np.int16)
    lungs = np.zeros(SHAPE_KJI, dtype=bool)
    for columns in (RIGHT_COLUMNS, LEFT_COLUMNS):
        lungs[LUNG_SLICES, LUNG_ROWS, columns] = True
    hu[lungs] = -850
    k, j, i = np.indices(SHAPE_KJI)
    for centre, diameter, value in balls if drawn else ():
        apart = [
            (axis - place) * step
            for axis, place, step in zip((i, j, k), centre, SPACING_KJI_MM[::-1], strict=True)
        ]  # fmt: skip
        hu[np.sqrt(sum(part**2 for part in apart)) <= diameter / 2] = value
    hu, lungs = (np.roll(each, moved_kji, axis=(0, 1, 2)) for each in (hu, lungs))
    step_k, step_j, step_i = SPACING_KJI_MM
    affine = np.diag([step_i, step_j, -step_k, 1.0])
    affine[:3, 3] = (-200.0, -150.0, 300.0)
    k, j, i = moved_kji
    lesions = tuple(Lesion((x + i, y + j, z + k), diameter) for (x, y, z), diameter, _ in balls)
    return SimulatedPatient(case, case, CtVolume(hu, affine, case, case), lesions, lungs)
