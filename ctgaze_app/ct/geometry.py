"""Where slices lie: order, positions, affine, tilt, gaps. Pure functions on LPS millimetres (PS3.3 C.7.6.2.1.1)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

REGULAR_TOLERANCE_MM = 0.01  # 3D Slicer's absolute tolerance for "evenly spaced"
TILT_TOLERANCE_DEG = 0.1
OBLIQUE_BEYOND_DEG = 35.0  # gantries tilt by up to 30 degrees and the stack is still read as axial
# LPS direction in which a stack along x, y or z runs: right to left, anterior to posterior, head to feet.
_READING_DIRECTION = (1.0, 1.0, -1.0)
_PLANE_OF_AXIS = (2, 1, 0)


@dataclass(frozen=True)
class Gap:
    """`missing` slices are absent between slice indices `after` and `after + 1`."""

    after: int
    missing: int


@dataclass(frozen=True)
class StackGeometry:
    """Measured facts about sorted slices; see `Volume` for the meaning of the shared fields.

    Attributes
    ----------
    tilt_deg
        Angle between the stack's own direction and the slice normal; 0 when below `TILT_TOLERANCE_DEG`.
    distances_mm
        (K - 1,) distance from slice to slice along the normal.
    gaps
        Where slices are missing from an otherwise even stack.
    uneven
        True when distances vary in a way that missing slices do not explain.
    shifted_mm
        Largest distance of a slice's corner from the straight line through all corners, within the slice plane.
    """

    affine_lps: NDArray[np.float64]
    regular: bool
    plane: int
    tilt_deg: float
    distances_mm: NDArray[np.float64]
    gaps: tuple[Gap, ...]
    uneven: bool
    shifted_mm: float


def unit_directions(orientation: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Unit row direction, unit column direction and their cross product from ImageOrientationPatient (6,).

    Raises
    ------
    ValueError
        When a direction has no length or they are not perpendicular (cosine above 0.001).
    """
    values = np.asarray(orientation, dtype=np.float64)
    row, column = values[:3], values[3:]
    lengths = np.linalg.norm(row), np.linalg.norm(column)
    if min(lengths) < 0.5:
        raise ValueError("a row or column direction has no length")
    row, column = row / lengths[0], column / lengths[1]
    if abs(float(row @ column)) > 1e-3:
        raise ValueError("row and column direction are not perpendicular")
    return row, column, np.cross(row, column)


def reading_normal(normal: NDArray[np.float64]) -> NDArray[np.float64]:
    """The slice normal, turned so that stacks run head to feet, anterior to posterior, or right to left."""
    axis = int(np.argmax(np.abs(normal)))
    return normal * (np.sign(normal[axis]) * _READING_DIRECTION[axis])


def plane_of(normal: NDArray[np.float64]) -> int:
    """Plane of slices with this unit normal: 0 axial, 1 coronal, 2 sagittal, 3 oblique (index into `PLANES`)."""
    axis = int(np.argmax(np.abs(normal)))
    if abs(normal[axis]) < np.cos(np.deg2rad(OBLIQUE_BEYOND_DEG)):
        return 3
    return _PLANE_OF_AXIS[axis]


def grid_affine(
    positions: NDArray[np.float64],
    row: NDArray[np.float64],
    column: NDArray[np.float64],
    spacing_ij_mm: tuple[float, float],
    *,
    single_step_mm: float = 1.0,
) -> NDArray[np.float64]:
    """Least-squares regular grid: (4, 4) from (i, j, k, 1) to LPS mm, from slice positions (K, 3).

    A single slice has no step of its own: `single_step_mm` along the reading direction stands in.
    """
    count = len(positions)
    if count == 1:
        origin, step = positions[0], reading_normal(np.cross(row, column)) * single_step_mm
    else:
        k = np.arange(count) - (count - 1) / 2
        step = k @ positions / (k @ k)
        origin = positions.mean(axis=0) - step * (count - 1) / 2
    affine = np.eye(4)
    affine[:3, 0] = row * spacing_ij_mm[0]
    affine[:3, 1] = column * spacing_ij_mm[1]
    affine[:3, 2] = step
    affine[:3, 3] = origin
    return affine


def find_gaps(distances: NDArray[np.float64]) -> tuple[Gap, ...]:
    """Distances that are a whole multiple (at least twice, within 10 % of a step) of the usual one.

    Only a stack that is otherwise even can miss slices: at least three distances, 60 % of them equal within 2 %.
    """
    if len(distances) < 3:
        return ()
    usual = float(np.median(distances))
    if usual <= 0 or np.mean(np.abs(distances - usual) <= 0.02 * usual) < 0.6:
        return ()
    ratio = distances / usual
    whole = np.rint(ratio)
    found = np.flatnonzero((whole >= 2) & (np.abs(ratio - whole) < 0.1))
    return tuple(Gap(int(after), int(whole[after]) - 1) for after in found)


def measure_stack(
    positions: NDArray[np.float64],
    row: NDArray[np.float64],
    column: NDArray[np.float64],
    spacing_ij_mm: tuple[float, float],
    *,
    single_step_mm: float = 1.0,
) -> StackGeometry:
    """Measure sorted slices: `positions` (K, 3) LPS mm of their first voxels, unit directions, spacing in mm."""
    affine = grid_affine(positions, row, column, spacing_ij_mm, single_step_mm=single_step_mm)
    normal = reading_normal(np.cross(row, column))
    expected = affine[:3, 3] + np.arange(len(positions))[:, None] * affine[:3, 2]
    regular = bool(np.max(np.linalg.norm(positions - expected, axis=1)) <= REGULAR_TOLERANCE_MM)
    distances = np.diff(positions @ normal)
    gaps = find_gaps(distances)
    tilt, shifted = 0.0, 0.0
    if len(positions) > 1:
        depth = (positions - positions[0]) @ normal
        along = positions[-1] - positions[0]
        line = along / (along @ normal)
        cosine = float(np.clip(abs(along @ normal) / np.linalg.norm(along), 0.0, 1.0))
        tilt = float(np.degrees(np.arccos(cosine)))
        tilt = 0.0 if tilt < TILT_TOLERANCE_DEG else tilt
        shifted = float(np.max(np.linalg.norm(positions - positions[0] - depth[:, None] * line, axis=1)))
    others = np.delete(distances, [gap.after for gap in gaps])
    uneven = bool(len(others) > 1 and np.ptp(others) > 2 * REGULAR_TOLERANCE_MM)
    return StackGeometry(affine, regular, plane_of(normal), tilt, distances, gaps, uneven, shifted)
