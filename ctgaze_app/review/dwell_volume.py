"""Dwell volume: seconds of looking at every voxel, each stay a Gaussian in degrees of visual angle on its own slice.

A degree is carried through the zoom of that moment, so its width in voxels differs from row to row and axis to axis.
Nothing is spread along z: a reader sees one slice at a time.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ctgaze_app.review.dwell_points import DwellPoints, voxel_covariance_per_deg2
from models.gaze_segmentation.heat_maps import PRESETS, MapPreset
from models.metrics.gaussian_stamps import TRUNCATE_SIGMAS, Edge, Kernel, add_gaussians

Floats = NDArray[np.float64]
Weight = Literal["seconds", "count"]

DEFAULT_SIGMA_DEG = 1.0
"""About the fovea's radius, and near the published 1.26 to 1.33 degrees of preset ``egd-cxr`` (reference C4)."""


MAP_PRESETS: dict[str, MapPreset] = {
    "gazemedseg-kvasir": PRESETS["kvasir"],
    "gazemedseg-nci": PRESETS["prostate"],
    "egd-cxr": PRESETS["egd"],
}


def dwell_volume(
    points: DwellPoints,
    *,
    sigma_deg: float = DEFAULT_SIGMA_DEG,
    preset: str | None = None,
    weight: Weight = "seconds",
    edge: Edge = "keep",
    kernel: Kernel = "integrated",
    truncate: float = TRUNCATE_SIGMAS,
) -> NDArray[np.float32]:
    """Seconds (or counts) of looking per voxel.

    Parameters
    ----------
    points
        `dwell_points_of_segments` or `dwell_points_of_samples`.
    sigma_deg
        Standard deviation in degrees of visual angle.
    preset
        Name in `MAP_PRESETS`: its sigma in pixels or in shares of the image is taken instead of `sigma_deg`, and its
        weight instead of `weight`.
    weight
        ``seconds``, or ``count``: every fixation counts 1, shared among its segments by their seconds; a sample
        counts 1.
    edge
        What lies beyond the image: ``keep`` gives it to the row's voxels inside, so that the volume's sum is exactly
        the seconds; ``cut`` drops it; ``reflect`` mirrors it at the image's edge (scipy's default, mass is kept).
    kernel
        ``integrated`` over each voxel's square (right at any zoom), or ``sampled`` at voxel centres as scipy does.
    truncate
        Ends each Gaussian at so many sigmas.

    Returns
    -------
    float32 [k, j, i] of `points.shape_kji`. Only slices that were looked at are written to.
    """
    volume = np.zeros(points.shape_kji, dtype=np.float32)
    if preset is not None:
        chosen = MAP_PRESETS[preset]
        _, rows, columns = points.shape_kji
        covariance = np.broadcast_to(np.diag(np.square(chosen.sigma_ij(columns, rows))), (len(points), 2, 2))
        weight = "seconds" if chosen.weighting == "duration" else "count"
    else:
        covariance = voxel_covariance_per_deg2(points) * sigma_deg**2
    weights = points.seconds if weight == "seconds" else _counts(points)
    add_gaussians(
        volume, points.slice_index, points.voxel_ij, covariance, weights, edge=edge, kernel=kernel, truncate=truncate
    )
    return volume


def _counts(points: DwellPoints) -> Floats:
    """Share of its fixation that each row is; 1 for a row without one."""
    counts = np.ones(len(points))
    of_fixation = points.owner > 0
    if of_fixation.any():
        _, place, rows = np.unique(points.owner[of_fixation], return_inverse=True, return_counts=True)
        seconds = points.seconds[of_fixation]
        total = np.bincount(place.ravel(), weights=seconds)[place.ravel()]
        even = 1.0 / rows[place.ravel()]
        counts[of_fixation] = np.where(total > 0, seconds / np.where(total > 0, total, 1.0), even)
    return counts
