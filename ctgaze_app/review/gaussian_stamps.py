"""Many Gaussians, each with its own place, width and mass, added to the slices of a volume."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Edge = Literal["keep", "cut", "reflect"]
Kernel = Literal["integrated", "sampled"]

TRUNCATE_SIGMAS = 4.0
"""Where a Gaussian ends, as scipy.ndimage.gaussian_filter does."""

_ROWS_AT_ONCE = 64
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

    Rows of one slice are taken together as a product of two small matrices, on the rectangle that they reach.
    """
    variance = np.stack([covariance_ij[:, 0, 0], covariance_ij[:, 1, 1]], axis=1)
    sigma = np.sqrt(variance)
    with np.errstate(divide="ignore", invalid="ignore"):
        tilt = np.abs(covariance_ij[:, 0, 1]) / np.sqrt(variance.prod(axis=1))
    straight = ~(tilt > _TILTED)
    order = np.flatnonzero(straight)
    order = order[np.argsort(slice_index[order], kind="stable")]
    starts = np.flatnonzero(np.diff(slice_index[order], prepend=-1) != 0)
    for first, last in zip(starts, np.append(starts[1:], len(order))[: len(starts)], strict=True):
        for begin in range(first, last, _ROWS_AT_ONCE):
            rows = order[begin : min(begin + _ROWS_AT_ONCE, last)]
            plane = volume[slice_index[rows[0]]]
            i0, across = _profiles(ij[rows, 0], sigma[rows, 0], plane.shape[1], edge, kernel, truncate)
            j0, down = _profiles(ij[rows, 1], sigma[rows, 1], plane.shape[0], edge, kernel, truncate)
            patch = (down * weights[rows, None]).astype(np.float32).T @ across.astype(np.float32)
            plane[j0 : j0 + patch.shape[0], i0 : i0 + patch.shape[1]] += patch
    for row in np.flatnonzero(~straight):
        _add_tilted(volume[slice_index[row]], ij[row], covariance_ij[row], float(weights[row]), edge, truncate)


def _profiles(
    centre: Floats, sigma: Floats, size: int, edge: Edge, kernel: Kernel, truncate: float
) -> tuple[int, Floats]:
    """First pixel and (R, W) one-dimensional Gaussians of sum 1 (less what is cut) along one axis."""
    from scipy.special import ndtr

    reach = truncate * sigma + 1.0
    low, high = int(np.floor((centre - reach).min())), int(np.ceil((centre + reach).max()))
    if edge != "reflect":
        low, high = max(low, 0), min(high, size - 1)
    pixel = np.arange(low, high + 1)
    if kernel == "integrated":
        border = (np.arange(low, high + 2) - 0.5 - centre[:, None]) / np.maximum(sigma, 1e-6)[:, None]
        profile = np.diff(ndtr(np.clip(border, -truncate, truncate)), axis=1) / (ndtr(truncate) - ndtr(-truncate))
    else:
        radius = np.floor(truncate * sigma + 0.5)[:, None]
        away = np.abs(pixel - np.floor(centre[:, None] + 0.5)) <= radius
        profile = np.where(away, np.exp(-0.5 * ((pixel - centre[:, None]) / sigma[:, None]) ** 2), 0.0)
        profile /= _sampled_sums(centre, sigma, radius[:, 0])[:, None]
    if edge == "keep":
        profile /= profile.sum(axis=1, keepdims=True)
    elif edge == "reflect" and (low < 0 or high >= size):
        return 0, _folded(profile, pixel, size)
    return low, profile


def _sampled_sums(centre: Floats, sigma: Floats, radius: Floats) -> Floats:
    """Sum of each sampled Gaussian over its whole reach, also what lies beyond the image."""
    sums = np.empty(len(centre))
    for row, (middle, width, reach) in enumerate(zip(centre, sigma, radius, strict=True)):
        nearest = np.floor(middle + 0.5)
        sums[row] = np.exp(-0.5 * ((np.arange(nearest - reach, nearest + reach + 1) - middle) / width) ** 2).sum()
    return sums


def _folded(profile: Floats, pixel: NDArray[np.int64], size: int) -> Floats:
    """Mirror what lies beyond 0..size-1 at the half-pixel border (d c b a | a b c d | d c b a)."""
    period = pixel % (2 * size)
    inside = np.where(period < size, period, 2 * size - 1 - period)
    folded = np.zeros((size, len(profile)))
    np.add.at(folded, inside, profile.T)
    return folded.T


def _add_tilted(
    plane: NDArray[np.float32], ij: Floats, covariance: Floats, weight: float, edge: Edge, truncate: float
) -> None:
    """One Gaussian whose axes are not those of the image: sampled at voxel centres, widened by the variance of a voxel's
    own square (1/12), which is what integrating over it does."""
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
    if edge == "keep":
        patch /= patch.sum()
    plane[j[inside_j][0] : j[inside_j][-1] + 1, i[inside_i][0] : i[inside_i][-1] + 1] += (weight * patch).astype(
        np.float32
    )
