"""How long a reader looked inside a mask and outside it: a predicted structure, a reference, any region of voxels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class MaskDwell:
    """Seconds of looking, and what of them could be expected by chance.

    Attributes
    ----------
    total_s
        On the slices of the series, at a known place.
    on_slices_s
        On slices that hold a part of the mask, inside it or not.
    inside_s
        In the mask, by the nearest voxel.
    within_uncertainty_s
        In the mask or no farther from it, on the same slice, than the gaze's uncertainty: the eye may have been in it.
        NaN when that uncertainty or the spacing is not known of any moment; moments without it count by the voxel.
    expected_share
        Share inside of gaze that were spread evenly over each slice for as long as the reader looked at that slice: the
        mask's share of each slice, weighted by seconds. NaN without seconds.
    """

    total_s: float
    on_slices_s: float
    inside_s: float
    within_uncertainty_s: float
    expected_share: float

    @property
    def outside_s(self) -> float:
        """Seconds beside the mask, on any slice."""
        return self.total_s - self.inside_s

    @property
    def inside_share(self) -> float:
        """Of all seconds; NaN without any."""
        return self.inside_s / self.total_s if self.total_s > 0 else float("nan")


def mask_dwell(
    mask_kji: NDArray[np.bool_],
    voxel_ijk: ArrayLike,
    seconds: ArrayLike,
    *,
    uncertainty_mm: ArrayLike | None = None,
    spacing_ij_mm: tuple[float, float] | None = None,
) -> MaskDwell:
    """Add up N stays of the eye.

    Parameters
    ----------
    mask_kji
        (slices, rows, columns) bool.
    voxel_ijk
        (N, 3) place as column, row, slice, voxel centres at integers; NaN or beyond the volume is left out.
    seconds
        (N,) lengths; from fixations, their segments, or single samples.
    uncertainty_mm
        (N,) radius in which the eye may have been; NaN where not known.
    spacing_ij_mm
        Distance of columns and of rows.

    Raises
    ------
    ValueError
        When lengths differ or a length is negative or unknown.
    """
    voxel = np.asarray(voxel_ijk, dtype=np.float64).reshape(-1, 3)
    length = np.asarray(seconds, dtype=np.float64).ravel()
    if len(length) != len(voxel) or not (length >= 0).all():
        raise ValueError(f"{len(voxel)} places and {len(length)} lengths of time, or one that is negative")
    shape = np.array(mask_kji.shape)
    known: NDArray[np.bool_] = np.asarray(np.isfinite(voxel).all(axis=1))
    index = np.floor(np.where(known[:, None], voxel, -1.0) + 0.5).astype(np.int64)[:, ::-1]
    on: NDArray[np.bool_] = np.asarray(known & ((index >= 0) & (index < shape)).all(axis=1))
    index, length, place = index[on], length[on], voxel[on]
    inside = mask_kji[index[:, 0], index[:, 1], index[:, 2]]
    # One slice after the other: NumPy counts along axes eight times slower.
    pixels_k = np.array([np.count_nonzero(one) for one in mask_kji])
    total = float(length.sum())
    share_k = pixels_k / max(int(shape[1] * shape[2]), 1)
    near = float("nan")
    if uncertainty_mm is not None and spacing_ij_mm is not None:
        radius = np.asarray(uncertainty_mm, dtype=np.float64).ravel()[on]
        if np.isfinite(radius).any():
            near = float(length[inside | _near(mask_kji, place, index[:, 0], radius, spacing_ij_mm)].sum())
    return MaskDwell(
        total,
        float(length[pixels_k[index[:, 0]] > 0].sum()),
        float(length[inside].sum()),
        near,
        float((length * share_k[index[:, 0]]).sum() / total) if total > 0 else float("nan"),
    )


def _near(
    mask_kji: NDArray[np.bool_],
    voxel_ijk: Floats,
    slice_index: NDArray[np.int64],
    radius_mm: Floats,
    spacing_ij_mm: tuple[float, float],
) -> NDArray[np.bool_]:
    """(N,) whether a voxel centre of the mask on the same slice lies within the radius of each place."""
    near = np.zeros(len(voxel_ijk), dtype=bool)
    scale = np.array(spacing_ij_mm)
    asked = np.isfinite(radius_mm)
    from scipy.spatial import cKDTree

    for k in np.unique(slice_index[asked]):
        rows, columns = np.nonzero(mask_kji[k])
        if len(rows) == 0:
            continue
        mine = np.flatnonzero(asked & (slice_index == k))
        distance, _ = cKDTree(np.column_stack([columns, rows]) * scale).query(voxel_ijk[mine, :2] * scale)
        near[mine] = distance <= radius_mm[mine]
    return near
