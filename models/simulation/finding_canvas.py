"""What findings are drawn on: a patient's voxels with the body's coordinates, and shapes with soft, rough edges."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from models.simulation.random_fields import PlaneWaves
from models.simulation.simulated_patients import BodyAxes

Array = NDArray[np.float32]
Mask = NDArray[np.bool_]
Window = tuple[slice, slice, slice]
Point = tuple[float, float, float]

CLEAR_BELOW_HU = -450.0
"""Lung without a large vessel."""
SCANNER_NOISE_HU = 14.0
"""Standard deviation in what is drawn: as in the thorax around it."""


@dataclass(frozen=True)
class PlacedFinding:
    """One thing that was drawn.

    Attributes
    ----------
    finding
        One of `models.simulation.findings.FINDINGS`.
    voxel_ijk
        Its middle as column, row, slice; voxel centres at integers.
    diameter_mm
        Of a nodule its diameter; of the others that of a ball of the same volume.
    """

    finding: str
    voxel_ijk: Point
    diameter_mm: float


@dataclass(eq=False)
class Canvas:
    """A patient in the making; drawing changes `hu` and `lungs` in place.

    Attributes
    ----------
    hu
        float32 (K, J, I), head to feet, columns to the patient's left, rows to the back.
    lungs
        bool (K, J, I), with vessels and whatever lies in the lungs; fluid around them is not lung.
    spacing_kji_mm
        Of the voxels.
    noise
        float32 (K, J, I) of standard deviation 1, for what is drawn anew.
    """

    hu: Array = field(repr=False)
    lungs: Mask = field(repr=False)
    spacing_kji_mm: Point
    axes: BodyAxes = field(repr=False)
    noise: Array = field(repr=False)

    @property
    def voxel_mm3(self) -> float:
        """Volume of one voxel."""
        k, j, i = self.spacing_kji_mm
        return k * j * i

    def lay(self, window: Window, cover: Array, value_hu: float | np.floating | Array) -> None:
        """Mix a density with the scanner's noise into a window, by the share of each voxel that it takes."""
        part = self.hu[window]
        part += cover * (value_hu + np.float32(SCANNER_NOISE_HU) * self.noise[window] - part)

    def body_to_voxel(self, points_mm: NDArray[np.floating]) -> NDArray[np.float64]:
        """(N, 3) columns, rows and slices, not rounded, of (N, 3) body coordinates; beyond the volume too."""
        found = []
        for column, axis in enumerate((self.axes.x_mm, self.axes.y_mm, self.axes.z_mm)):
            found.append((points_mm[:, column] - axis[0]) / (axis[1] - axis[0]))
        return np.stack(found, axis=1)


def box(canvas: Canvas, voxel_ijk: Point, reach_mm: float) -> tuple[Window, Array]:
    """The voxels within a reach of a place, and the (3, k, j, i) millimetres x, y, z from it to each."""
    spans, offsets = [], []
    for axis, centre in enumerate(voxel_ijk[::-1]):
        step, size = canvas.spacing_kji_mm[axis], canvas.hu.shape[axis]
        low = max(int(np.floor(centre - reach_mm / step)), 0)
        high = min(int(np.ceil(centre + reach_mm / step)) + 1, size)
        spans.append(slice(low, max(high, low)))
        offsets.append((np.arange(low, max(high, low)) - centre) * step)
    dz, dy, dx = np.meshgrid(*offsets, indexing="ij")
    return (spans[0], spans[1], spans[2]), np.stack([dx, dy, dz]).astype(np.float32)


def soft_ellipsoid(
    canvas: Canvas,
    rng: np.random.Generator,
    voxel_ijk: Point,
    radii_mm: Point,
    *,
    edge_mm: float,
    roughness: float,
) -> tuple[Window, Array]:
    """A turned ellipsoid whose surface waves.

    Parameters
    ----------
    edge_mm
        Way over which the cover falls from 1 to 0.
    roughness
        Standard deviation of the surface, as a share of the mean radius; it goes no farther than twice that.

    Returns
    -------
    window, cover
        Share of each voxel there that the shape takes.
    """
    mean = float(np.mean(radii_mm))
    window, offset = box(canvas, voxel_ijk, max(radii_mm) * (1 + 2 * roughness + 0.5 * edge_mm / mean))
    points = offset.reshape(3, -1).T
    turn = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    waves = PlaneWaves(rng, 1.6 * mean, count=10)
    share = np.linalg.norm((points @ turn) / np.asarray(radii_mm), axis=1)
    beyond_mm = (share - 1 + roughness * np.clip(waves.at(points), -2, 2)) * mean
    cover = np.clip(0.5 - beyond_mm / edge_mm, 0, 1).reshape(offset.shape[1:])
    return window, cover.astype(np.float32)


def place_in_lung(
    canvas: Canvas, rng: np.random.Generator, clear_mm: float, accept: Callable[[Point], bool] | None = None
) -> Point | None:
    """A voxel with lung in all directions at a distance, free of large vessels there; None where the lungs are too
    small, or nothing is accepted."""
    inside = np.flatnonzero(canvas.lungs)
    if len(inside) == 0:
        return None
    ways = np.array([(a, b, c) for a in (-1, 0, 1) for b in (-1, 0, 1) for c in (-1, 0, 1)], dtype=np.float64)
    ways /= np.maximum(np.linalg.norm(ways, axis=1, keepdims=True), 1)
    around = np.rint(ways * clear_mm / np.asarray(canvas.spacing_kji_mm)).astype(int)
    most = np.asarray(canvas.hu.shape) - 1
    for number in rng.choice(inside, 200):
        centre = np.array(np.unravel_index(number, canvas.hu.shape))
        k, j, i = np.clip(centre + around, 0, most).T
        clear = canvas.lungs[k, j, i].all() and canvas.hu[k, j, i].max() < CLEAR_BELOW_HU
        place = (float(centre[2]), float(centre[1]), float(centre[0]))
        if clear and (accept is None or accept(place)):
            return place
    return None
