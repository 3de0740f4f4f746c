"""A network that sees 96 voxels at a time, over a whole volume: where its windows stand and where their features go.

A window's features are 3 x 3 x 3, one for each 32 voxels; they are laid on a lattice of 32 voxels and averaged where
windows overlap. Two ways to place windows:

- `exact_axis`: every window starts at a multiple of 32, so that its features fall on the lattice exactly. The axis is
  padded at its end; `covered_weights` leaves the padding out again.
- `published_axis`: windows side by side, the last one pulled back until it fits, its features placed at its start
  rounded down to a multiple of 32: up to 31 voxels off (reference: CT-ScanGaze, 2.1 and 2.2).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from models.errors import Cancelled
from models.features.resampling import Image, Progress, Stop, area_weights

WINDOW = 96
CELL = 32
"""Voxels of a window and of one of its features, along each axis."""

Windows = Callable[[Image], Image]
"""(n, 96, 96, 96) to (n, channels, 3, 3, 3)."""


@dataclass(frozen=True)
class WindowAxis:
    """Where windows stand along one axis.

    Attributes
    ----------
    size
        Voxels of the volume.
    before
        Zeros in front of them.
    padded
        Voxels with the zeros in front and behind.
    starts
        First voxel of each window, counted with the zeros in front.
    """

    size: int
    before: int
    padded: int
    starts: tuple[int, ...]

    @property
    def cells(self) -> int:
        """Of the lattice; what is left over behind the last whole cell has none of its own."""
        return self.padded // CELL


def exact_axis(size: int, stride: int) -> WindowAxis:
    """Windows `stride` voxels apart, the last one ending with the axis, which is padded to whole cells.

    Parameters
    ----------
    stride
        32, 64 or 96: two thirds, a third or none of a window is shared with the next.
    """
    if stride not in (CELL, 2 * CELL, 3 * CELL):
        raise ValueError(f"a stride of {stride}: 32, 64 or 96 keep features on the lattice")
    padded = max(WINDOW, -(-size // CELL) * CELL)
    last = padded - WINDOW
    return WindowAxis(size, 0, padded, (*range(0, last, stride), last))


def published_axis(size: int) -> WindowAxis:
    """Windows as MONAI's sliding window places them with overlap 0; a short axis has zeros on both sides."""
    padded = max(size, WINDOW)
    last = padded - WINDOW
    return WindowAxis(size, (padded - size) // 2, padded, (*range(0, last, WINDOW), last))


def lattice_features(
    read: Callable[[tuple[slice, slice, slice]], Image],
    axes: Sequence[WindowAxis],
    network: Windows,
    *,
    batch: int = 1,
    progress: Progress | None = None,
    cancelled: Stop | None = None,
) -> Image:
    """Features of every cell of the lattice.

    Holds the lattice and one batch of windows.

    Parameters
    ----------
    read
        Gives the voxels in a range of the three axes, as float32.
    axes
        Of the three axes, in the order of the array.
    network
        Turns windows into features.
    batch
        Windows that the network sees at a time.
    progress
        Called with windows done and windows in all.
    cancelled
        Asked before each batch.

    Returns
    -------
    ndarray
        (channels, cells, cells, cells) float32, the mean of the windows that saw the cell.

    Raises
    ------
    Cancelled
        `cancelled` said so.
    """
    places = list(product(*(axis.starts for axis in axes)))
    shape = tuple(axis.cells for axis in axes)
    counts = np.zeros(shape, dtype=np.float32)
    sums: Image | None = None
    for first in range(0, len(places), batch):
        if cancelled is not None and cancelled():
            raise Cancelled
        chosen = places[first : first + batch]
        blocks = network(np.stack([_window(read, axes, starts) for starts in chosen]))
        if sums is None:
            sums = np.zeros((blocks.shape[1], *shape), dtype=np.float32)
        for starts, block in zip(chosen, blocks, strict=True):
            where = tuple(slice(start // CELL, (start + WINDOW) // CELL) for start in starts)
            sums[(slice(None), *where)] += block
            counts[where] += 1.0
        if progress is not None:
            progress(first + len(chosen), len(places))
    assert sums is not None
    sums /= counts
    return sums


def covered_weights(axis: WindowAxis, after: int) -> Image:
    """(after, cells) float32: share of each cell in each of `after` equal parts of the volume, without its padding.

    For `exact_axis`, where nothing stands in front of the volume.
    """
    return area_weights(axis.cells, after, covered=axis.size / CELL)


def nearest_cells(before: int, after: int) -> NDArray[np.int64]:
    """The old cell that each new one takes when a lattice is resized as PyTorch's ``nearest`` does it."""
    return np.arange(after) * before // after


def _window(
    read: Callable[[tuple[slice, slice, slice]], Image], axes: Sequence[WindowAxis], starts: tuple[int, ...]
) -> NDArray[np.float32]:
    """One window, zero where it reaches beyond the volume."""
    window = np.zeros((WINDOW, WINDOW, WINDOW), dtype=np.float32)
    inside, taken = [], []
    for axis, start in zip(axes, starts, strict=True):
        low = start - axis.before
        first, last = max(low, 0), min(low + WINDOW, axis.size)
        inside.append(slice(first - low, last - low))
        taken.append(slice(first, last))
    window[tuple(inside)] = read((taken[0], taken[1], taken[2]))
    return window
