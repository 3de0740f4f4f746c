"""A volume in HU windows on another grid: exact averages along each axis, a slab of slices at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from models.errors import Cancelled

Progress = Callable[[int, int], None]
Stop = Callable[[], bool]
Image = NDArray[np.float32]

SLAB_VOXELS = 2**21
"""Voxels that are held as float32 at a time: 8 MiB, or one slice where that is more."""


def resampled(
    hu: NDArray[np.generic],
    weights: tuple[Image, Image, Image],
    windows_hu: Sequence[tuple[float, float]],
    *,
    progress: Progress | None = None,
    cancelled: Stop | None = None,
) -> Image:
    """Each HU window of a volume, clipped and scaled to 0..1, then weighted along the three axes.

    Every voxel is clipped *before* it is averaged, so that a 6 mm nodule in lung raises its place whatever lies beside
    it: clipping an average would let the air around it pull it out of the window.

    Parameters
    ----------
    hu
        Three axes; may be a view. Slabs run along the first.
    weights
        (after, before) for each axis, rows summing to 1: `area_weights` or `linear_weights`.
    windows_hu
        Lower and higher HU.
    progress
        Called with slices done and slices in all.
    cancelled
        Asked before each slab.

    Returns
    -------
    ndarray
        (windows, after, after, after) float32 in 0..1.

    Raises
    ------
    Cancelled
        `cancelled` said so.
    """
    slices, rows, columns = hu.shape
    along, down, across = weights
    sums = np.zeros((len(windows_hu), len(along), len(down), len(across)), dtype=np.float32)
    room = np.empty((_slab_slices(rows * columns, slices), rows, columns), dtype=np.float32)
    for start, stop in _slabs(rows * columns, slices):
        if cancelled is not None and cancelled():
            raise Cancelled
        first, last = _touched(along[:, start:stop])
        slab = room[: stop - start]
        for window, (low, high) in enumerate(windows_hu):
            np.copyto(slab, hu[start:stop], casting="unsafe")
            np.clip(slab, np.float32(low), np.float32(high), out=slab)
            part = np.tensordot(along[first:last, start:stop], (down @ slab) @ across.T, axes=1)
            sums[window, first:last] += part
        if progress is not None:
            progress(stop, slices)
    for image, (low, high) in zip(sums, windows_hu, strict=True):
        image -= low
        image /= high - low
    return np.clip(sums, 0.0, 1.0, out=sums)


def area_weights(before: int, after: int, *, covered: float | None = None) -> Image:
    """(after, before) float32: share of each old place in each new one along an axis, rows summing to 1.

    New places cut the axis into equal parts; a part that covers places of the old axis in fractions takes them in these
    fractions. With more parts than places, each part repeats the place that it lies in.

    Parameters
    ----------
    covered
        How much of the old axis, from its start and in its places, the new ones cut up; all of it by default.
    """
    edges = np.linspace(0.0, before if covered is None else covered, after + 1)
    old = np.arange(before, dtype=np.float64)
    overlap = np.clip(np.minimum(edges[1:, None], old + 1.0) - np.maximum(edges[:-1, None], old), 0.0, None)
    overlap[overlap < 1e-9] = 0.0
    return (overlap / overlap.sum(axis=1, keepdims=True)).astype(np.float32)


def linear_weights(before: int, after: int) -> Image:
    """(after, before) float32: linear between the centres of the old places, flat beyond the outer ones."""
    places = np.clip((np.arange(after) + 0.5) * before / after - 0.5, 0.0, before - 1.0)
    low = np.minimum(places.astype(np.int64), max(before - 2, 0))
    weights = np.zeros((after, before), dtype=np.float32)
    weights[np.arange(after), low] = 1.0 - (places - low)
    if before > 1:
        weights[np.arange(after), low + 1] = places - low
    return weights


def _slab_slices(slice_voxels: int, slices: int) -> int:
    return max(1, min(slices, SLAB_VOXELS // slice_voxels))


def _slabs(slice_voxels: int, slices: int) -> Iterator[tuple[int, int]]:
    thick = _slab_slices(slice_voxels, slices)
    for start in range(0, slices, thick):
        yield start, min(start + thick, slices)


def _touched(weights: Image) -> tuple[int, int]:
    """First row with a weight and one past the last."""
    rows = np.flatnonzero(weights.any(axis=1))
    return int(rows[0]), int(rows[-1]) + 1
