"""Cells over a volume: which cell a fixation falls into, computed, never looked up in an id volume.

The published CT-ScanGaze evaluation keeps an int64 volume of 512 x 512 x 512 cell numbers (1 GiB); a cell number here
is arithmetic on the coordinates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.metrics.extent import Extent, Outside, Unit
from models.scanpath import Floats, Scanpath

Ids = NDArray[np.int64]
Triple = tuple[float, float, float]
DistanceUnit = Literal["bins", "voxels", "mm", "degrees"]
MOST_CELLS = 2**62  # cell numbers are int64


@dataclass(frozen=True)
class BinGrid:
    """Equal cells that cover one volume; make one with a `from_...` function.

    Attributes
    ----------
    extent
        The volume that the cells cover.
    counts_ijk
        Cells along columns, rows and slices.
    size_ijk_voxels
        Edge of a cell along each axis.
    stated_in
        What the cells were asked for in.

    Notes
    -----
    Sizes that do not divide the volume are kept as stated: the grid is centred and its outer cells reach over the
    volume's edge by the same amount on both sides, so a mirrored volume has mirrored cells.
    """

    extent: Extent
    counts_ijk: tuple[int, int, int]
    size_ijk_voxels: Triple
    stated_in: Literal["counts", "voxels", "mm", "degrees"]

    def __post_init__(self) -> None:
        if min(self.counts_ijk) < 1 or int(np.prod([float(n) for n in self.counts_ijk])) > MOST_CELLS:
            raise ValueError(f"not a number of cells per axis: {self.counts_ijk}")

    @classmethod
    def from_counts(cls, extent: Extent, counts_ijk: int | Sequence[int]) -> BinGrid:
        """So many cells along columns, rows and slices; at most one per voxel (a picture has one along its slices)."""
        asked = np.broadcast_to(counts_ijk, (3,)).tolist() if np.size(counts_ijk) in (1, 3) else []
        if not asked or not all(n >= 1 and float(n).is_integer() for n in asked):
            raise ValueError(f"cells are counted in whole numbers from 1, one for each of three axes: {counts_ijk}")
        counts = [min(int(n), int(size)) for n, size in zip(asked, extent.shape_ijk, strict=True)]
        size = [float(n / count) for n, count in zip(extent.shape_ijk, counts, strict=True)]
        return cls(extent, (counts[0], counts[1], counts[2]), (size[0], size[1], size[2]), "counts")

    @classmethod
    def from_voxels(cls, extent: Extent, size_ijk_voxels: float | Sequence[float]) -> BinGrid:
        """Cells of a stated edge in voxels, one number or one per axis."""
        return cls._from_sizes(extent, _three(size_ijk_voxels), "voxels")

    @classmethod
    def from_mm(cls, extent: Extent, size_ijk_mm: float | Sequence[float]) -> BinGrid:
        """Cells of a stated edge in millimetres along each of the volume's axes; needs its spacing."""
        return cls._from_sizes(extent, _three(size_ijk_mm) / extent.spacing_ijk_mm, "mm")

    @classmethod
    def from_degrees(cls, extent: Extent, size_ijk_deg: float | Sequence[float]) -> BinGrid:
        """Cells of a stated edge in degrees of visual angle; needs the volume's spacing and its `mm_per_degree`."""
        size_mm = _three(size_ijk_deg) * extent.known_mm_per_degree()
        return cls._from_sizes(extent, size_mm / extent.spacing_ijk_mm, "degrees")

    @classmethod
    def _from_sizes(cls, extent: Extent, size: Floats, unit: Unit) -> BinGrid:
        # a hair of slack keeps 90 voxels / 30 voxels at three cells when the size came from a division
        counts = np.maximum(np.ceil(extent.shape_ijk / size - 1e-9), 1)
        i, j, k = (int(n) for n in counts)
        return cls(extent, (i, j, k), (float(size[0]), float(size[1]), float(size[2])), unit)

    @property
    def start_ijk_voxels(self) -> Floats:
        """(3,) the outer corner of cell (0, 0, 0), in voxel coordinates."""
        covered = np.array(self.counts_ijk) * np.array(self.size_ijk_voxels)
        return -0.5 - (covered - self.extent.shape_ijk) / 2

    def cells(self, voxel_ijk: ArrayLike, outside: Outside = "raise") -> Ids:
        """(N, 3) cell of each position along columns, rows and slices.

        A position on the border of two cells belongs to the upper one, one on the volume's last edge to the last.

        Raises
        ------
        ValueError
            When a position lies outside the volume and `outside` is not "clamp".
        """
        voxel = self.extent.inside(voxel_ijk, outside)
        cell = np.floor((voxel - self.start_ijk_voxels) / np.array(self.size_ijk_voxels)).astype(np.int64)
        return np.clip(cell, 0, np.array(self.counts_ijk) - 1)

    def check_covers(self, path: Scanpath) -> None:
        """Raises a ValueError when the path goes through a volume of another shape or spacing."""
        self.extent.check_same("the cells and the path are of volumes", Extent.of(path))

    def ids(self, voxel_ijk: ArrayLike, outside: Outside = "raise") -> Ids:
        """(N,) one number per cell, 0 to the number of cells - 1, columns fastest; as `cells`."""
        cell = self.cells(voxel_ijk, outside)
        columns, rows, _ = self.counts_ijk
        return (cell[:, 2] * rows + cell[:, 1]) * columns + cell[:, 0]

    def centres(self, cells: ArrayLike, unit: DistanceUnit) -> Floats:
        """(N, 3) centres of cells, such that the distance between two of them is in `unit`.

        "bins" counts cells, the same along every axis whatever their edges; the other units are true lengths.
        """
        cell = np.asarray(cells, dtype=np.float64).reshape(-1, 3)
        if unit == "bins":
            return cell
        return self.extent.in_unit(self.start_ijk_voxels + (cell + 0.5) * np.array(self.size_ijk_voxels), unit)


def usual_grid(extent: Extent) -> BinGrid:
    """The cells used where none are asked for.

    Cubes of 30 mm where the spacing is known (about 12 x 12 x 10 in a chest, the fineness of the 12 x 8 cells of
    Cristino et al. 2010 on a screen); else 8 x 8 x 8, or 12 x 8 in a picture.
    """
    if extent.axes_mm is not None:
        return BinGrid.from_mm(extent, 30.0)
    return BinGrid.from_counts(extent, 8 if extent.shape_kji[0] > 1 else (12, 8, 1))


def _three(size: float | Sequence[float]) -> Floats:
    sizes = np.array(np.broadcast_to(np.asarray(size, dtype=np.float64), (3,)))
    if not (sizes > 0).all() or not np.isfinite(sizes).all():
        raise ValueError(f"the edge of a cell is a length above 0: {size}")
    return sizes
