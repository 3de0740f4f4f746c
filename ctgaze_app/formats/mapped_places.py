"""Places between the unit and origin that a column mapping declares and our own frames, both ways."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ctgaze_app.formats.case_grids import CaseGrid
from ctgaze_app.formats.column_mapping import ColumnMapping, ScreenPart
from ctgaze_app.formats.contract import FormatError

Floats = NDArray[np.float64]
DECIMALS = 9
"""Of a voxel or second after conversion: undoes what scaling did to the last bits."""


def voxel_from_declared(xyz: Floats, grid: CaseGrid, mapping: ColumnMapping) -> Floats:
    """(N, 3) as declared for an image to (N, 3) i, j, k; z is slice 0 where the file has none.

    Raises
    ------
    FormatError
        When patient millimetres are declared and the case has no affine.
    """
    slices, rows, columns = grid.shape_kji
    sizes = np.array([columns, rows, slices], dtype=np.float64)
    base = float(mapping.place.index_base or 0)
    if mapping.units.x_and_y == "mm":
        found = (np.linalg.inv(_affine(grid)) @ np.vstack([xyz.T, np.ones(len(xyz))]))[:3].T
    else:
        rules = {"px": xyz - 0.5, "norm": xyz * sizes - 0.5, "voxel": xyz - base}
        found = rules[mapping.units.x_and_y].copy()
        found[:, 2] = rules[mapping.units.z][:, 2] if mapping.units.z else 0.0
    return np.round(found, DECIMALS)


def declared_from_voxel(voxel: Floats, grid: CaseGrid, mapping: ColumnMapping) -> Floats:
    """The inverse of `voxel_from_declared`."""
    slices, rows, columns = grid.shape_kji
    sizes = np.array([columns, rows, slices], dtype=np.float64)
    base = float(mapping.place.index_base or 0)
    if mapping.units.x_and_y == "mm":
        found = (_affine(grid) @ np.vstack([voxel.T, np.ones(len(voxel))]))[:3].T
    else:
        rules = {"px": voxel + 0.5, "norm": (voxel + 0.5) / sizes, "voxel": voxel + base}
        found = rules[mapping.units.x_and_y].copy()
        if mapping.units.z:
            found[:, 2] = rules[mapping.units.z][:, 2]
    return np.asarray(found, dtype=np.float64)


def norm_from_declared(xy: Floats, mapping: ColumnMapping) -> Floats:
    """(N, 2) as declared for a screen to 0..1 of its width and height from the top left."""
    screen = _screen(mapping)
    size_px = np.array([screen.width_px, screen.height_px])
    if mapping.units.x_and_y == "norm":
        return xy
    if mapping.units.x_and_y == "px":
        return xy / size_px
    size_mm = _size_mm(screen)
    if mapping.units.x_and_y == "mm":
        return xy / size_mm
    return 0.5 + (screen.distance_mm or 0.0) * np.tan(np.deg2rad(xy)) / size_mm


def voxel_from_screen(norm: Floats, z: Floats, grid: CaseGrid, mapping: ColumnMapping) -> Floats:
    """(N, 3) voxels of places on the screen (N, 2), through the declared rectangle of the picture; (N,) z as declared.

    Raises
    ------
    FormatError
        When the case has several slices and the file names none.
    """
    picture, screen = mapping.picture, _screen(mapping)
    slices, rows, columns = grid.shape_kji
    if picture is None:
        return np.full((len(norm), 3), np.nan)
    if slices > 1 and not mapping.units.z:
        raise FormatError(f"the picture has {slices} slices", remedy="name the column of the slice: columns.z, units.z")
    px = norm * np.array([screen.width_px, screen.height_px])
    share = (px - [picture.left_px, picture.top_px]) / [picture.width_px, picture.height_px]
    k = z * slices - 0.5 if mapping.units.z == "norm" else z - float(mapping.place.index_base or 0)
    depth = k if mapping.units.z else np.zeros(len(norm))
    return np.round(np.column_stack([share * [columns, rows] - 0.5, depth]), DECIMALS)


def declared_slice(k: Floats, grid: CaseGrid, mapping: ColumnMapping) -> Floats:
    """(N,) slices as the mapping declares them."""
    if mapping.units.z == "norm":
        return (k + 0.5) / grid.shape_kji[0]
    return k + float(mapping.place.index_base or 0)


def declared_from_norm(norm: Floats, mapping: ColumnMapping) -> Floats:
    """The inverse of `norm_from_declared`."""
    screen = _screen(mapping)
    if mapping.units.x_and_y == "norm":
        return norm
    if mapping.units.x_and_y == "px":
        return norm * np.array([screen.width_px, screen.height_px])
    size_mm = _size_mm(screen)
    if mapping.units.x_and_y == "mm":
        return norm * size_mm
    return np.asarray(np.rad2deg(np.arctan((norm - 0.5) * size_mm / (screen.distance_mm or np.nan))), dtype=np.float64)


def _affine(grid: CaseGrid) -> Floats:
    if grid.affine_lps is None:
        raise FormatError(
            "patient millimetres need a volume with a geometry", remedy="let place.shape name a folder of NIfTI files"
        )
    return grid.affine_lps


def _screen(mapping: ColumnMapping) -> ScreenPart:
    if mapping.screen is None:
        raise FormatError("places on a screen need its size", remedy="fill in [screen]")
    return mapping.screen


def _size_mm(screen: ScreenPart) -> Floats:
    return np.array([screen.width_mm or np.nan, screen.height_mm or np.nan])
