"""Many Gaussians, each with its own place, width and mass, added to the slices of a volume."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from models.metrics.compiled import compiled

Floats = NDArray[np.float64]
Edge = Literal["keep", "cut", "reflect"]
Kernel = Literal["integrated", "sampled"]

TRUNCATE_SIGMAS = 4.0
"""Where a Gaussian ends, as scipy.ndimage.gaussian_filter does."""

_TILTED = 0.2
"""Correlation of the two image axes from which a Gaussian is no longer taken as a product of two (a turned picture).
Perspective alone stays below 0.1 on a desktop monitor."""


def add_gaussians(
    volume: NDArray[np.float32],
    slice_index: NDArray[np.int64],
    ij: Floats,
    covariance_ij: Floats,
    weights: Floats,
    *,
    edge: Edge = "keep",
    kernel: Kernel = "integrated",
    truncate: float = TRUNCATE_SIGMAS,
) -> None:
    """Add a Gaussian of mass `weights` (N,) around each `ij` (N, 2) to its slice of `volume` [k, j, i], in place.

    Only the patch that a row reaches is touched, as the product of two profiles. A row that reaches no voxel adds
    nothing, also with ``keep``.
    """
    variance = np.stack([covariance_ij[:, 0, 0], covariance_ij[:, 1, 1]], axis=1)
    sigma = np.sqrt(variance)
    with np.errstate(divide="ignore", invalid="ignore"):
        tilt = np.abs(covariance_ij[:, 0, 1]) / np.sqrt(variance.prod(axis=1))
    straight = ~(tilt > _TILTED)
    _, rows, columns = volume.shape
    for row in np.flatnonzero(straight):
        i0, across = _profile(float(ij[row, 0]), float(sigma[row, 0]), columns, edge, kernel, truncate)
        j0, down = _profile(float(ij[row, 1]), float(sigma[row, 1]), rows, edge, kernel, truncate)
        _add_product(volume[slice_index[row]], j0, i0, down, across, float(weights[row]))
    for row in np.flatnonzero(~straight):
        _add_tilted(volume[slice_index[row]], ij[row], covariance_ij[row], float(weights[row]), edge, truncate)


@compiled
def _add_product(plane: NDArray[np.float32], j0: int, i0: int, down: Floats, across: Floats, weight: float) -> None:
    """Add weight * down[j] * across[i] to the patch of `plane` [j, i] that begins at (j0, i0)."""
    for j in range(len(down)):
        scaled = weight * down[j]
        for i in range(len(across)):
            plane[j0 + j, i0 + i] += np.float32(scaled * across[i])


def _profile(centre: float, sigma: float, size: int, edge: Edge, kernel: Kernel, truncate: float) -> tuple[int, Floats]:
    """First pixel and values of a one-dimensional Gaussian of sum 1 (less what is cut) along one axis."""
    from scipy.special import ndtr

    if kernel == "integrated":
        reach = truncate * sigma + 0.5
        low, high = int(np.ceil(centre - reach)), int(np.floor(centre + reach))
        border = (np.arange(low, high + 2) - 0.5 - centre) / max(sigma, 1e-6)
        profile = np.diff(ndtr(np.clip(border, -truncate, truncate)))
    else:
        nearest, radius = int(np.floor(centre + 0.5)), int(truncate * sigma + 0.5)
        low, high = nearest - radius, nearest + radius
        profile = np.exp(-0.5 * ((np.arange(low, high + 1) - centre) / max(sigma, 1e-6)) ** 2)
    profile /= profile.sum()
    if low >= 0 and high < size:
        return low, profile
    if edge == "reflect":
        return 0, _folded(profile[None], np.arange(low, high + 1), size)[0]
    # The loops check no bounds: a profile that lies wholly beyond the image must be empty.
    inside = profile[max(-low, 0) : max(len(profile) - max(high - size + 1, 0), 0)]
    if len(inside) == 0 or not inside.sum() > 0:
        return 0, np.empty(0)
    return max(low, 0), inside / inside.sum() if edge == "keep" else inside


def _folded(profile: Floats, pixel: NDArray[np.int64], size: int) -> Floats:
    """Mirror what lies beyond 0..size-1 at the half-pixel border (d c b a | a b c d | d c b a)."""
    period = pixel % (2 * size)
    inside = np.where(period < size, period, 2 * size - 1 - period)
    folded = np.zeros((size, len(profile)))
    np.add.at(folded, inside, profile.T)
    return np.ascontiguousarray(folded.T)


def _add_tilted(
    plane: NDArray[np.float32], ij: Floats, covariance: Floats, weight: float, edge: Edge, truncate: float
) -> None:
    """One Gaussian whose axes are not those of the image.

    Sampled at voxel centres, and widened by the variance of a voxel's own square (1/12) as integrating over it does.
    """
    covariance = covariance + np.eye(2) / 12
    reach = truncate * np.sqrt(np.diag(covariance)) + 1.0
    low, high = np.floor(ij - reach).astype(np.int64), np.ceil(ij + reach).astype(np.int64)
    i, j = np.arange(low[0], high[0] + 1), np.arange(low[1], high[1] + 1)
    precision = np.linalg.inv(covariance)
    di, dj = i[None, :] - ij[0], j[:, None] - ij[1]
    distance2 = precision[0, 0] * di**2 + 2 * precision[0, 1] * di * dj + precision[1, 1] * dj**2
    patch = np.where(distance2 <= truncate**2, np.exp(-0.5 * distance2), 0.0)
    patch /= patch.sum()
    if edge == "reflect":
        plane += (weight * _folded(_folded(patch, i, plane.shape[1]).T, j, plane.shape[0]).T).astype(np.float32)
        return
    inside_i, inside_j = (i >= 0) & (i < plane.shape[1]), (j >= 0) & (j < plane.shape[0])
    patch = patch[np.ix_(inside_j, inside_i)]
    if not patch.sum() > 0:
        return
    if edge == "keep":
        patch /= patch.sum()
    plane[j[inside_j][0] : j[inside_j][-1] + 1, i[inside_i][0] : i[inside_i][-1] + 1] += (weight * patch).astype(
        np.float32
    )
