"""Dwell volume: seconds of looking at every voxel, each stay a Gaussian in degrees of visual angle on its own slice.

A degree is carried through the zoom of that moment, so its width in voxels differs from row to row and axis to axis.
Nothing is spread along z: a reader sees one slice at a time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ctgaze_app.review.dwell_points import DwellPoints, voxel_covariance_per_deg2
from ctgaze_app.review.gaussian_stamps import TRUNCATE_SIGMAS, Edge, Kernel, add_gaussians

Floats = NDArray[np.float64]
Weight = Literal["seconds", "count"]

DEFAULT_SIGMA_DEG = 1.0
"""About the fovea's radius, and near the published 1.26 to 1.33 degrees of preset ``egd-cxr`` (reference C4)."""


@dataclass(frozen=True)
class MapPreset:
    """A published attention map.

    Attributes
    ----------
    sigma_fraction
        Sigma as a share of the image's width in x and of its height in y; None when it is in pixels.
    sigma_px
        Sigma in native image pixels; None when it is a share.
    canvas_px
        Side of the square canvas that the published code draws on; None: the image itself.
    weight
        Durations or counts.
    rescaled
        Whether the published map is stretched to 0..1.
    """

    name: str
    source: str
    weight: Weight
    sigma_fraction: float | None = None
    sigma_px: float | None = None
    canvas_px: int | None = None
    rescaled: bool = False

    def sigma_ij(self, columns: int, rows: int) -> tuple[float, float]:
        """Sigma in pixels along i and j of an image of that size."""
        if self.sigma_fraction is not None:
            return self.sigma_fraction * columns, self.sigma_fraction * rows
        assert self.sigma_px is not None
        return self.sigma_px, self.sigma_px


MAP_PRESETS: dict[str, MapPreset] = {
    preset.name: preset
    for preset in (
        MapPreset(
            "gazemedseg-kvasir", "GazeMedSeg, MICCAI 2024: canvas 768, sigma 70 (9.1 % of each side)", "seconds",
            sigma_fraction=70 / 768, canvas_px=768, rescaled=True,
        ),
        MapPreset(
            "gazemedseg-nci", "GazeMedSeg, MICCAI 2024: canvas 768, sigma 50 (6.5 % of each side)", "seconds",
            sigma_fraction=50 / 768, canvas_px=768, rescaled=True,
        ),
        MapPreset(
            "egd-cxr", "Karargyris et al., Sci Data 2021: sigma 150 native pixels, counts", "count", sigma_px=150.0
        ),
    )
}  # fmt: skip


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
        weight = chosen.weight
    else:
        covariance = voxel_covariance_per_deg2(points) * sigma_deg**2
    weights = points.seconds if weight == "seconds" else _counts(points)
    add_gaussians(
        volume, points.slice_index, points.voxel_ij, covariance, weights, edge=edge, kernel=kernel, truncate=truncate
    )
    return volume


def published_map(
    preset: str,
    x_norm: ArrayLike,
    y_norm: ArrayLike,
    duration_s: ArrayLike,
    image_size_px: tuple[int, int],
    *,
    pixel_rule: Literal["right", "published"] = "right",
) -> NDArray[np.float32]:
    """The attention map of one image as a published data set makes it, as float32 (no 8-bit, no colours, no JPEG).

    Parameters
    ----------
    preset
        Name in `MAP_PRESETS`.
    x_norm, y_norm
        Share 0..1 of the image's width and height, origin top-left; rows outside are left out, as published.
    duration_s
        Seconds; not used by count maps.
    image_size_px
        Width and height of the image.
    pixel_rule
        ``right``: fractions of the width become continuous columns, centres at integers, on the image itself.
        ``published``: GazeMedSeg's round(768 x) - 1 on the 768 canvas, where 0 wraps to the far edge (reference B3;
        their cubic resize to the image is not repeated), or the chest X-ray set's int(width x) (reference C3).

    Returns
    -------
    (height, width) of the image, or (768, 768) for GazeMedSeg's published rule. Rescaled to 0..1 where the published
    map is; a map without any difference is all zero instead of their division by zero.
    """
    chosen = MAP_PRESETS[preset]
    x, y = np.asarray(x_norm, dtype=np.float64).ravel(), np.asarray(y_norm, dtype=np.float64).ravel()
    seconds = np.asarray(duration_s, dtype=np.float64).ravel()
    inside = (x >= 0) & (x <= 1) & (y >= 0) & (y <= 1)
    x, y, seconds = x[inside], y[inside], seconds[inside]
    on_canvas = pixel_rule == "published" and chosen.canvas_px is not None
    columns, rows = (chosen.canvas_px, chosen.canvas_px) if on_canvas and chosen.canvas_px else image_size_px
    size = np.array([columns, rows])
    norm = np.stack([x, y], axis=1)
    if pixel_rule == "right":
        ij = np.clip(norm * size - 0.5, -0.5, size - 0.5)
    elif on_canvas:
        ij = (np.round(norm * size) - 1) % size
    else:
        ij = np.minimum(np.trunc(norm * size), size - 1)
    canvas = np.zeros((1, rows, columns), dtype=np.float32)
    covariance = np.broadcast_to(np.diag(np.square(chosen.sigma_ij(columns, rows))), (len(x), 2, 2))
    weights = seconds if chosen.weight == "seconds" else np.ones(len(x))
    add_gaussians(canvas, np.zeros(len(x), dtype=np.int64), ij, covariance, weights, edge="reflect", kernel="sampled")
    if chosen.rescaled:
        low, high = float(canvas.min()), float(canvas.max())
        canvas = (canvas - low) / (high - low) if high > low else np.zeros_like(canvas)
    return canvas[0].astype(np.float32)


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
