"""What a reader sees of a chest CT: where each lung lies on each slice, and how much each lesion stands out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from models.simulation.simulated_patients import SimulatedPatient

Floats = NDArray[np.float64]

RIGHT: Final = 0
"""The patient's right lung, at low columns."""
LEFT: Final = 1
FRONT: Final = 0
MIDDLE: Final = 1
BACK: Final = 2

SMALLEST_LUNG_SHARE: Final = 0.06
"""A slice counts as one of a lung where the lung has this share of its largest cross-section."""
FEWEST_LUNG_COLUMNS: Final = 3
STEADY_MM: Final = 8.0
"""The eye follows a lung's outline along the slices only as far as a Gaussian of this sigma does."""
FULL_CONTRAST_HU: Final = 800.0
EASY_DIAMETER_MM: Final = 9.0


@dataclass(frozen=True, eq=False)
class VisibleLesion:
    """A lesion as it shows.

    Attributes
    ----------
    ij
        (2,) column and row of its centre.
    slice_k
        The slice nearest to its centre.
    reach_slices
        Slices from there to its upper and lower pole.
    conspicuity
        Contrast as a share of a solid nodule's, times diameter over `EASY_DIAMETER_MM`: both measured on the volume,
        so that ground glass and what thick voxels blur stand out less.
    """

    ij: Floats
    slice_k: int
    reach_slices: int
    radius_mm: float
    conspicuity: float


@dataclass(frozen=True, eq=False)
class ChestView:
    """Places in one volume that search rules speak of.

    Attributes
    ----------
    thirds_ij
        (2 sides, 3 thirds from front to back, K, 2) middle of that third of that lung on each slice; on slices beyond
        the lung that of its nearest slice.
    mediastinum_ij
        (K, 2) between the lungs.
    first_slice, last_slice
        (2,) per side, see `SMALLEST_LUNG_SHARE`.
    """

    shape_kji: tuple[int, int, int]
    spacing_ijk_mm: Floats = field(repr=False)
    thirds_ij: Floats = field(repr=False)
    mediastinum_ij: Floats = field(repr=False)
    first_slice: tuple[int, int]
    last_slice: tuple[int, int]
    lesions: tuple[VisibleLesion, ...]

    @classmethod
    def of(cls, patient: SimulatedPatient) -> ChestView:
        """Look at a patient whose slices run from head to feet and columns to the left.

        Raises
        ------
        ValueError
            When the lungs are fewer than three columns wide.
        """
        volume, lungs = patient.volume, patient.lungs_kji
        spacing = np.linalg.norm(volume.affine_lps[:3, :3], axis=0)
        gap = _between_lungs(lungs)
        thirds, first, last = [], [], []
        for side in (lungs[:, :, :gap], lungs[:, :, gap:]):
            area = side.sum(axis=(1, 2))
            found = np.flatnonzero(area >= SMALLEST_LUNG_SHARE * area.max())
            first.append(int(found[0]))
            last.append(int(found[-1]))
            thirds.append(_thirds(side, found, STEADY_MM / float(spacing[2])))
        thirds_ij = np.stack(thirds)
        thirds_ij[LEFT, ..., 0] += gap
        return cls(
            volume.shape_kji,
            spacing,
            thirds_ij,
            thirds_ij[:, MIDDLE].mean(axis=0),
            (first[0], first[1]),
            (last[0], last[1]),
            tuple(_visible(volume.hu_kji, lesion.voxel_ijk, lesion.diameter_mm, spacing) for lesion in patient.lesions),
        )


def _between_lungs(lungs_kji: NDArray[np.bool_]) -> int:
    """The column with the least lung in the middle third of the lungs' width."""
    per_column = lungs_kji.sum(axis=(0, 1))
    found = np.flatnonzero(per_column)
    if len(found) < FEWEST_LUNG_COLUMNS:
        raise ValueError(f"no two lungs: there is lung in {len(found)} columns")
    low, high = int(found[0]), int(found[-1]) + 1
    third = (high - low) // 3
    return low + third + int(per_column[low + third : high - third].argmin())


def _thirds(side_kji: NDArray[np.bool_], slices: NDArray[np.intp], sigma_slices: float) -> Floats:
    """(3, K, 2) middle i, j of one lung's front, middle and back third on each slice, steadied along k."""
    per_row = side_kji.sum(axis=2)
    columns, rows = np.arange(side_kji.shape[2]), np.arange(side_kji.shape[1])
    column_sums = side_kji @ columns.astype(np.float32)
    share = np.cumsum(per_row, axis=1) / np.maximum(per_row.sum(axis=1, keepdims=True), 1)
    places = np.empty((3, len(side_kji), 2))
    for third in range(3):
        inside = (share > third / 3) & (share <= (third + 1) / 3 + 1e-9)
        # A lung of one or two rows has no row in some thirds: all of it stands for them.
        inside |= ~(inside & (per_row > 0)).any(axis=1, keepdims=True)
        weight = np.where(inside, per_row, 0)
        total = np.maximum(weight.sum(axis=1), 1)
        places[third, :, 0] = np.where(inside, column_sums, 0).sum(axis=1) / total
        places[third, :, 1] = weight @ rows / total
    nearest = slices[np.abs(slices - np.arange(len(side_kji))[:, None]).argmin(axis=1)]
    steadied = gaussian_filter1d(places[:, nearest], sigma_slices, axis=1, mode="nearest")
    return np.asarray(steadied, dtype=np.float64)


def _visible(
    hu_kji: NDArray[np.int16] | NDArray[np.float32],
    voxel_ijk: tuple[float, float, float],
    diameter_mm: float,
    spacing_ijk_mm: Floats,
) -> VisibleLesion:
    radius = diameter_mm / 2
    centre = np.array(voxel_ijk)
    around = np.ceil((radius + 12.0) / spacing_ijk_mm).astype(int)
    low = np.maximum(np.rint(centre).astype(int) - around, 0)
    high = np.minimum(np.rint(centre).astype(int) + around + 1, hu_kji.shape[::-1])
    box = hu_kji[low[2] : high[2], low[1] : high[1], low[0] : high[0]]
    k, j, i = (np.arange(low[axis], high[axis]) - centre[axis] for axis in (2, 1, 0))
    steps = spacing_ijk_mm
    distance = np.sqrt((k * steps[2])[:, None, None] ** 2 + (j * steps[1])[:, None] ** 2 + (i * steps[0]) ** 2)
    inside = distance <= max(0.7 * radius, float(distance.min()) + 1e-6)
    lung = box[(distance > radius + 3) & (box < -600)]
    background = float(np.median(lung)) if len(lung) else -850.0
    contrast = (float(box[inside].mean()) - background) / FULL_CONTRAST_HU
    return VisibleLesion(
        centre[:2],
        round(voxel_ijk[2]),
        max(round(radius / float(spacing_ijk_mm[2])), 1),
        radius,
        float(np.clip(contrast, 0.02, 1.0)) * diameter_mm / EASY_DIAMETER_MM,
    )
