"""A reader without a plan: the next place depends on the present one alone, as other readers' scan paths taught it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.scanpath import Scanpath

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Box:
    """A box in one volume, by its outer edges in voxel coordinates (i, j, k): a body, a lung, or the whole volume."""

    low_ijk: tuple[float, float, float]
    high_ijk: tuple[float, float, float]

    @classmethod
    def of_volume(cls, shape_kji: tuple[int, int, int]) -> Box:
        """The whole volume, from the first voxel's outer edge to the last one's."""
        k, j, i = shape_kji
        return cls((-0.5, -0.5, -0.5), (i - 0.5, j - 0.5, k - 0.5))

    @classmethod
    def of_mask(cls, mask_kji: ArrayLike) -> Box:
        """The bounding box of a mask (slices, rows, columns).

        Raises
        ------
        ValueError
            When the mask is empty.
        """
        mask = np.asarray(mask_kji, dtype=bool)
        low, high = [], []
        for axes in ((0, 1), (0, 2), (1, 2)):
            found = np.flatnonzero(mask.any(axis=axes))
            if len(found) == 0:
                raise ValueError("the mask is empty")
            low.append(float(found[0]) - 0.5)
            high.append(float(found[-1]) + 0.5)
        return cls((low[0], low[1], low[2]), (high[0], high[1], high[2]))

    def to_shares(self, voxel_ijk: ArrayLike) -> Floats:
        """(N, 3) positions as shares of the box, 0 and 1 at its edges; beyond it below 0 or above 1."""
        low, high = np.array(self.low_ijk), np.array(self.high_ijk)
        return (np.asarray(voxel_ijk, dtype=np.float64).reshape(-1, 3) - low) / (high - low)

    def to_voxels(self, shares: ArrayLike) -> Floats:
        """(N, 3) voxel positions; inverse of `to_shares`."""
        low, high = np.array(self.low_ijk), np.array(self.high_ijk)
        return low + np.asarray(shares, dtype=np.float64).reshape(-1, 3) * (high - low)


@dataclass(frozen=True, eq=False)
class MarkovReader:
    """A first-order Markov chain over cells of the body, with a duration for each fixation.

    The chance of going from cell a to cell b is (n_ab + s) / (n_a + s C): n counts the transitions in the training
    paths, C is the number of cells and s the Laplace smoothing, which gives every transition some chance. By default
    s = 1 / C, one transition in all a row: a cell left n times in training is n / (n + 1) training, one never left is
    uniform. (s = 1 would drown the training: 128 made-up transitions a row.) The first cell has the same form. Within a
    cell the place is uniform. Durations are lognormal, with the mean and the standard deviation of the logarithms over
    all training fixations longer than 0, whatever the cell.

    Attributes
    ----------
    cells_ijk
        Cells along columns, rows and slices of the body box.
    first
        (C,) chance of each cell to be the first.
    transitions
        (C, C) chance of the next cell (column) after this one (row); rows sum to 1.
    log_mean, log_sd
        Of ln(duration / s).
    patients
        Codes of the patients whose paths taught it: it must not be tested on them.
    """

    cells_ijk: tuple[int, int, int]
    first: Floats = field(repr=False)
    transitions: Floats = field(repr=False)
    log_mean: float
    log_sd: float
    patients: frozenset[str]
    smoothing: float
    paths: int

    def to_dict(self) -> dict[str, Any]:
        """What it was fitted on, as plain JSON values."""
        return {
            "cells_ijk": list(self.cells_ijk),
            "smoothing": self.smoothing,
            "duration_log_mean": self.log_mean,
            "duration_log_sd": self.log_sd,
            "training_paths": self.paths,
            "training_patients": sorted(self.patients),
        }

    def sample(self, count: int, seed: int | Sequence[int]) -> tuple[Floats, Floats]:
        """`count` places as shares of the body box (N, 3) and their durations in seconds (N,)."""
        random = np.random.default_rng(seed)
        cells = np.empty(count, dtype=np.intp)
        chances = self.first
        for row in range(count):
            cells[row] = random.choice(len(self.first), p=chances)
            chances = self.transitions[cells[row]]
        k, j, i = np.unravel_index(cells, self.cells_ijk[::-1])
        corner = np.stack([i, j, k], axis=1).astype(np.float64)
        shares = (corner + random.random((count, 3))) / np.array(self.cells_ijk)
        return shares, random.lognormal(self.log_mean, self.log_sd, count)


def fit_markov_reader(
    paths: Sequence[Scanpath],
    boxes: Sequence[Box] | None = None,
    *,
    cells_ijk: tuple[int, int, int] = (4, 4, 8),
    smoothing: float | None = None,
) -> MarkovReader:
    """Learn from training scan paths.

    Parameters
    ----------
    boxes
        The body in each path's volume; None: the whole volume. Fixations beyond it count for its nearest cell.
    smoothing
        Laplace's s, added to every count; None: 1 / cells.

    Raises
    ------
    ValueError
        Without a fixation of a positive duration, or without smoothing.
    """
    size = int(np.prod(cells_ijk))
    smoothing = 1 / size if smoothing is None else smoothing
    if not smoothing > 0:
        raise ValueError(f"the smoothing must be positive, not {smoothing}")
    boxes = [Box.of_volume(path.shape_kji) for path in paths] if boxes is None else boxes
    first, counts = np.zeros(size), np.zeros((size, size))
    durations = []
    for path, box in zip(paths, boxes, strict=True):
        cell = np.floor(box.to_shares(path.voxel_ijk) * np.array(cells_ijk)).astype(np.intp)
        i, j, k = np.clip(cell, 0, np.array(cells_ijk) - 1).T
        flat = np.ravel_multi_index((k, j, i), cells_ijk[::-1])
        first += np.bincount(flat[:1], minlength=size)
        np.add.at(counts, (flat[:-1], flat[1:]), 1)
        durations.append(path.duration_s[path.duration_s > 0])
    lasting = np.concatenate(durations) if durations else np.empty(0)
    if len(lasting) == 0:
        raise ValueError("there is no training fixation with a duration")
    smoothed = counts + smoothing
    return MarkovReader(
        cells_ijk,
        (first + smoothing) / (first.sum() + smoothing * size),
        smoothed / smoothed.sum(axis=1, keepdims=True),
        float(np.log(lasting).mean()),
        float(np.log(lasting).std()),
        frozenset(path.patient for path in paths),
        smoothing,
        len(paths),
    )
