"""Sums over all pairs of pixels, each weighted by a Gaussian of their distance in place and colour, without the pairs.

Pixels are spread onto a coarse grid over place and colour, the grid is blurred along each axis, and each pixel reads
its sum back (bilateral grid: Paris & Durand 2006, ECCV, Lecture Notes in Computer Science 3954:568). Spreading and
reading with tents widens every Gaussian by a known variance; the blur is narrower by it.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from models.errors import ModelError
from models.metrics.compiled import compiled

Floats = NDArray[np.float64]
CELLS = ((0.25, 1_000_000), (0.5, 16_000_000), (0.75, 32_000_000), (1.0, 32_000_000))
"""Widths of a cell in sigmas, and how many cells each may lead to (128 MB of float32); the first that does is taken. A
grey picture of 512 x 512 takes the first, a photograph, with about one million cells, the second."""


class BilateralGrid:
    """A Gaussian filter over the pixels of one picture.

    Parameters
    ----------
    features
        (N, d) of the pixels, in sigmas: the filter's weight of two pixels is exp(-|difference|^2 / 2).
    cell_sigmas
        Width of a cell; None: as narrow as memory allows.

    Raises
    ------
    ModelError
        When even the widest cells are too many.
    """

    def __init__(self, features: Floats, cell_sigmas: float | None = None) -> None:
        low = features.min(axis=0)
        extent = features.max(axis=0) - low
        for cell, most in CELLS if cell_sigmas is None else ((cell_sigmas, CELLS[-1][1]),):
            shape = tuple(int(size) for size in np.floor(extent / cell) + 2)
            if math.prod(shape) <= most:
                break
        else:
            raise ModelError(
                f"a grid of {' x '.join(map(str, shape))} cells over place and colour is too large",
                remedy="choose a larger sigma of place or colour",
            )
        self.cell_sigmas = cell
        self.shape = shape
        self._position = np.ascontiguousarray((features - low) / cell, dtype=np.float32)
        self._strides = np.array([int(np.prod(shape[axis + 1 :])) for axis in range(len(shape))], dtype=np.int64)
        self._blur = [_gaussian(size, cell) for size in shape]

    def sums(self, values: Floats) -> Floats:
        """(N,) for each pixel the weighted sum of the values (N,) of all pixels, itself included."""
        grid = np.zeros(int(np.prod(self.shape)), dtype=np.float32)
        _spread(self._position, self._strides, values.astype(np.float32), grid)
        for axis, gaussian in enumerate(self._blur):
            if axis == len(self.shape) - 1:
                grid = (grid.reshape(-1, self.shape[axis]) @ gaussian).reshape(-1)
            else:
                lines = grid.reshape(-1, self.shape[axis], int(self._strides[axis]))
                grid = np.matmul(gaussian, lines).reshape(-1)
        found = np.empty(len(values), dtype=np.float32)
        _read(self._position, self._strides, grid, found)
        return found.astype(np.float64)


def smallest_box(colours: Floats) -> Floats:
    """(N, 3) colours turned so that the box around them is small; distances between them stay.

    The colours of a photograph lie near a line, so that a grid along their principal axes has a tenth of the cells.
    """
    centred = colours - colours.mean(axis=0)
    _, axes = np.linalg.eigh(centred.T @ centred)
    turned = centred @ axes
    return turned if np.prod(np.ptp(turned, axis=0) + 1) < np.prod(np.ptp(colours, axis=0) + 1) else colours


def _gaussian(size: int, cell: float) -> NDArray[np.float32]:
    """(size, size) weights between the nodes of an axis, less the variance of two tents (a sixth of a cell's each)."""
    variance = 1 - cell**2 / 3
    away = cell * (np.arange(size)[:, None] - np.arange(size))
    return np.asarray(np.exp(-0.5 * away**2 / variance) / np.sqrt(variance), dtype=np.float32)


@compiled
def _spread(
    position: NDArray[np.float32],
    strides: NDArray[np.int64],
    values: NDArray[np.float32],
    grid: NDArray[np.float32],
) -> None:
    """Add each pixel's value to the corners of its cell, by their nearness."""
    axes = position.shape[1]
    weight = np.empty(1 << axes, dtype=np.float32)
    node = np.empty(1 << axes, dtype=np.int64)
    for pixel in range(position.shape[0]):
        weight[0], node[0] = values[pixel], 0
        for axis in range(axes):
            lower = int(position[pixel, axis])
            share = position[pixel, axis] - np.float32(lower)
            for corner in range(1 << axis):
                weight[corner + (1 << axis)] = weight[corner] * share
                weight[corner] -= weight[corner + (1 << axis)]
                node[corner] += lower * strides[axis]
                node[corner + (1 << axis)] = node[corner] + strides[axis]
        for corner in range(1 << axes):
            grid[node[corner]] += weight[corner]


@compiled
def _read(
    position: NDArray[np.float32], strides: NDArray[np.int64], grid: NDArray[np.float32], found: NDArray[np.float32]
) -> None:
    """The value between the corners of each pixel's cell."""
    axes = position.shape[1]
    weight = np.empty(1 << axes, dtype=np.float32)
    node = np.empty(1 << axes, dtype=np.int64)
    for pixel in range(position.shape[0]):
        weight[0], node[0] = np.float32(1), 0
        for axis in range(axes):
            lower = int(position[pixel, axis])
            share = position[pixel, axis] - np.float32(lower)
            for corner in range(1 << axis):
                weight[corner + (1 << axis)] = weight[corner] * share
                weight[corner] -= weight[corner + (1 << axis)]
                node[corner] += lower * strides[axis]
                node[corner + (1 << axis)] = node[corner] + strides[axis]
        total = np.float32(0)
        for corner in range(1 << axes):
            total += weight[corner] * grid[node[corner]]
        found[pixel] = total
