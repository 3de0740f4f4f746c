"""Where a scan path looked, as a map over its volume: one Gaussian a fixation, exact on every grid.

The Gaussian is integrated over each cell (differences of the normal distribution function), not sampled: a coarse cell
holds exactly the sum of the fine cells in it, nothing is cut off at a number of sigmas, and memory is that of the grid.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.scanpath import Scanpath

Floats = NDArray[np.float64]
SigmaUnit = Literal["voxel", "mm", "degree"]
Weighting = Literal["duration", "count"]
LARGEST_GRID_CELLS = 40_000_000
"""320 MB of float64; a full 512 x 512 x 143 volume is 37 million."""
CELLS_PER_SIGMA = 2
CENTRE_SIGMA_SHARE = 0.25
"""Sigma of the centre prior, as a share of the slice's sides."""


@dataclass(frozen=True)
class MapParameters:
    """How a heat map is made.

    Attributes
    ----------
    sigma
        Standard deviation within the slice, in `sigma_unit`. One degree is the customary choice: the fovea and a
        tracker's error (Le Meur & Baccino 2013, Behav Res 45:251).
    sigma_unit
        ``degree`` needs a scan path with a known `mm_per_degree`, ``mm`` one with an affine.
    sigma_z_voxel
        Standard deviation across slices, in slices. 0: a fixation counts for its own slice alone, because a reader of a
        stack sees one slice at a time.
    weighting
        Each fixation weighs its duration, or 1.
    cell_voxels
        Voxels (i, j, k) in one cell of the grid; None: one slice, and as many columns and rows as leave two cells a
        sigma (`CELLS_PER_SIGMA`).
    """

    sigma: float = 1.0
    sigma_unit: SigmaUnit = "degree"
    sigma_z_voxel: float = 0.0
    weighting: Weighting = "duration"
    cell_voxels: tuple[int, int, int] | None = None

    def __post_init__(self) -> None:
        if not self.sigma > 0 or self.sigma_z_voxel < 0:
            raise ValueError(f"sigma must be positive and sigma_z not negative: {self.sigma}, {self.sigma_z_voxel}")
        if self.cell_voxels is not None and min(self.cell_voxels) < 1:
            raise ValueError(f"a cell has at least one voxel: {self.cell_voxels}")

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "sigma": self.sigma,
            "sigma_unit": self.sigma_unit,
            "sigma_z_voxel": self.sigma_z_voxel,
            "weighting": self.weighting,
            "cell_voxels": None if self.cell_voxels is None else list(self.cell_voxels),
        }


@dataclass(frozen=True, eq=False)
class HeatMap:
    """A density over a volume.

    Attributes
    ----------
    density_kji
        (slices, rows, columns) of cells; sums to 1, or all 0 for a path without weight inside. 0 outside `inside_kji`.
    cell_voxels
        Voxels (i, j, k) in a cell; the last cell of an axis may hold fewer.
    inside_kji
        Cells of the mask (at least half of their voxels), or None: all.
    """

    density_kji: Floats = field(repr=False)
    cell_voxels: tuple[int, int, int]
    inside_kji: NDArray[np.bool_] | None = field(default=None, repr=False)

    def cells_of(self, path: Scanpath) -> NDArray[np.intp]:
        """(N,) flat index into `density_kji` of each fixation's cell; fixations outside are moved to the border."""
        return cells_of(path, self.cell_voxels)


def sigma_ij_voxel(path: Scanpath, parameters: MapParameters) -> tuple[float, float]:
    """Sigma along i and j in voxels.

    Raises
    ------
    ValueError
        When the scan path does not know the spacing or the millimetres per degree that the unit needs.
    """
    if parameters.sigma_unit == "voxel":
        return parameters.sigma, parameters.sigma
    spacing = path.spacing_ijk_mm
    if spacing is None:
        raise ValueError(f"a sigma in {parameters.sigma_unit} needs the spacing of case {path.case}, which is unknown")
    sigma_mm = parameters.sigma
    if parameters.sigma_unit == "degree":
        if not math.isfinite(path.mm_per_degree):
            raise ValueError(f"a sigma in degrees needs millimetres per degree, unknown for {path.who} on {path.case}")
        sigma_mm *= path.mm_per_degree
    return sigma_mm / float(spacing[0]), sigma_mm / float(spacing[1])


def cell_size(path: Scanpath, parameters: MapParameters) -> tuple[int, int, int]:
    """Voxels (i, j, k) in a cell, as chosen or as the sigma allows."""
    if parameters.cell_voxels is not None:
        return parameters.cell_voxels
    along_i, along_j = (max(1, int(sigma // CELLS_PER_SIGMA)) for sigma in sigma_ij_voxel(path, parameters))
    return along_i, along_j, 1


def heat_map(
    path: Scanpath,
    parameters: MapParameters = MapParameters(),
    *,
    mask_kji: ArrayLike | None = None,
    cell_voxels: tuple[int, int, int] | None = None,
) -> HeatMap:
    """The map of one scan path, normalised to 1 within the mask.

    What a Gaussian spreads beyond the volume or the mask is lost before the map is normalised.

    Parameters
    ----------
    mask_kji
        (slices, rows, columns) of the volume: the body, say. None: the whole volume.
    cell_voxels
        Grid to use whatever the parameters say, so that two maps can be compared.

    Raises
    ------
    ValueError
        For a unit that the path does not know, a mask of another shape, an empty mask, or a grid too large for memory.
    """
    cell = cell_voxels or cell_size(path, parameters)
    slices, rows, columns = grid_shape(path.shape_kji, cell)
    if slices * rows * columns > LARGEST_GRID_CELLS:
        raise ValueError(
            f"a map of {columns} x {rows} x {slices} cells is too large; choose larger cells or a larger sigma"
        )
    sigma_i, sigma_j = sigma_ij_voxel(path, parameters)
    weight = path.duration_s if parameters.weighting == "duration" else np.ones(len(path))
    in_i = _cell_mass(path.x_voxel, sigma_i, path.shape_kji[2], cell[0])
    in_j = _cell_mass(path.y_voxel, sigma_j, path.shape_kji[1], cell[1])
    in_k = _cell_mass(path.z_voxel, parameters.sigma_z_voxel, path.shape_kji[0], cell[2])
    density = np.zeros((slices, rows, columns))
    for k in np.flatnonzero(in_k.any(axis=0)):
        near = np.flatnonzero(in_k[:, k] > 0)
        share = weight[near] * in_k[near, k]
        density[k] = (in_j[near] * share[:, None]).T @ in_i[near]
    inside = None if mask_kji is None else cells_inside(mask_kji, path.shape_kji, cell)
    if inside is not None:
        density[~inside] = 0.0
    total = density.sum()
    if total > 0:
        density /= total
    return HeatMap(density, cell, inside)


def centre_map(
    shape_kji: tuple[int, int, int],
    cell_voxels: tuple[int, int, int] = (1, 1, 1),
    *,
    sigma_share: float = CENTRE_SIGMA_SHARE,
    inside_kji: NDArray[np.bool_] | None = None,
) -> HeatMap:
    """The centre prior: a Gaussian about the middle of the slice, the same on every slice; its sigma is a share of the
    side. The customary baseline of information gain where nothing else is known (Kümmerer 2015, PNAS 112:16054)."""
    slices, rows, columns = shape_kji
    in_i = _cell_mass(np.array([(columns - 1) / 2]), sigma_share * columns, columns, cell_voxels[0])[0]
    in_j = _cell_mass(np.array([(rows - 1) / 2]), sigma_share * rows, rows, cell_voxels[1])[0]
    edges = np.minimum(np.arange(0, slices + cell_voxels[2], cell_voxels[2]), slices)
    in_k = np.diff(edges[: -(-slices // cell_voxels[2]) + 1]) / slices
    density = in_k[:, None, None] * in_j[None, :, None] * in_i
    if inside_kji is not None:
        density[~inside_kji] = 0.0
    return HeatMap(density / density.sum(), cell_voxels, inside_kji)


def with_uniform(heat: HeatMap, share: float) -> HeatMap:
    """A map mixed with the uniform one over the same cells: (1 - share) map + share / cells.

    Without it one fixation on a slice that the map leaves empty decides KL divergence and information gain, through
    their epsilon.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"a share lies between 0 and 1: {share}")
    uniform = np.ones_like(heat.density_kji) if heat.inside_kji is None else heat.inside_kji.astype(np.float64)
    mixed = (1 - share) * heat.density_kji + share * uniform / uniform.sum()
    return HeatMap(mixed, heat.cell_voxels, heat.inside_kji)


def cells_of(path: Scanpath, cell_voxels: tuple[int, int, int]) -> NDArray[np.intp]:
    """(N,) flat index (k, j, i order) of the grid cell that holds each fixation; outside: the nearest cell."""
    shape = grid_shape(path.shape_kji, cell_voxels)
    index = []
    for axis, (coordinate, voxels) in enumerate(
        zip((path.z_voxel, path.y_voxel, path.x_voxel), reversed(cell_voxels), strict=True)
    ):
        cell = np.floor((coordinate + 0.5) / voxels).astype(np.intp)
        index.append(np.clip(cell, 0, shape[axis] - 1))
    return np.ravel_multi_index(tuple(index), shape)


def grid_shape(shape_kji: tuple[int, int, int], cell_voxels: tuple[int, int, int]) -> tuple[int, int, int]:
    """Cells along k, j, i."""
    k, j, i = (-(-size // voxels) for size, voxels in zip(shape_kji, reversed(cell_voxels), strict=True))
    return k, j, i


def cells_inside(
    mask_kji: ArrayLike, shape_kji: tuple[int, int, int], cell_voxels: tuple[int, int, int]
) -> NDArray[np.bool_]:
    """Cells of which at least half of the voxels are in the mask."""
    mask = np.asarray(mask_kji, dtype=bool)
    if mask.shape != tuple(shape_kji):
        raise ValueError(f"the mask has the shape {mask.shape}, the volume {tuple(shape_kji)}")
    if not mask.any():
        raise ValueError("the mask is empty")
    counts, sizes = mask, []
    for axis, voxels in ((2, cell_voxels[0]), (1, cell_voxels[1]), (0, cell_voxels[2])):
        starts = np.arange(0, shape_kji[axis], voxels)
        counts = np.add.reduceat(counts, starts, axis=axis, dtype=np.int32)
        sizes.append(np.diff(np.append(starts, shape_kji[axis])))
    voxels_in_cell = sizes[2][:, None, None] * sizes[1][:, None] * sizes[0]
    inside = np.asarray(2 * counts >= voxels_in_cell)
    if not inside.any():
        raise ValueError("no cell of the grid is half inside the mask; choose smaller cells")
    return inside


def _cell_mass(centre: Floats, sigma: float, size: int, voxels: int) -> Floats:
    """(N, cells) share of a normal distribution about each centre that falls into each cell; sigma 0: the cell that
    holds the centre (a centre beyond the volume: none)."""
    edges = np.minimum(np.arange(0, size + voxels, voxels), size)[: -(-size // voxels) + 1] - 0.5
    if sigma == 0:
        lower, upper = edges[:-1], edges[1:]
        return ((centre[:, None] >= lower) & (centre[:, None] < upper)).astype(np.float64)
    standard = np.clip((edges - centre[:, None]) / sigma, -9, 9) / math.sqrt(2)
    cumulative = 0.5 * np.vectorize(math.erf, otypes=[np.float64])(standard) if standard.size else standard
    return np.asarray(np.diff(cumulative, axis=1))
