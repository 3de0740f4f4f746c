"""Small volumes made in memory for widget tests, with known pixels and geometry."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ctgaze_app.ct.volume import Finding, SeriesSource, VoiWindow, Volume

CODE_WINDOW = VoiWindow(128.0, 256.0)
"""DICOM's LINEAR formula with this window draws value v as grey level v, for v from 0 to 255."""


def make_volume(
    voxels: NDArray[np.int16] | None = None,
    *,
    slices: int = 20,
    rows: int = 64,
    columns: int = 64,
    spacing_kji_mm: tuple[float, float, float] = (2.0, 1.0, 1.0),
    windows: tuple[VoiWindow, ...] = (CODE_WINDOW,),
    padding: NDArray[np.bool_] | None = None,
    monochrome1: bool = False,
    findings: tuple[Finding, ...] = (),
) -> Volume:
    """An axial volume; without voxels, every pixel of slice k holds k + 1."""
    if voxels is None:
        voxels = np.broadcast_to(
            np.arange(1, slices + 1, dtype=np.int16)[:, None, None], (slices, rows, columns)
        ).copy()
    count = voxels.shape[0]
    dz, dy, dx = spacing_kji_mm
    positions = np.array([[-10.0, -20.0, 100.0 - dz * k] for k in range(count)])
    affine = np.array([[dx, 0, 0, -10.0], [0, dy, 0, -20.0], [0, 0, -dz, 100.0], [0, 0, 0, 1.0]])
    voxels.setflags(write=False)
    return Volume(
        voxels=voxels,
        padding=padding,
        units="HU",
        positions_lps_mm=positions,
        row_direction=np.array([1.0, 0.0, 0.0]),
        column_direction=np.array([0.0, 1.0, 0.0]),
        pixel_spacing_ij_mm=(dx, dy),
        affine_lps=affine,
        regular=True,
        plane=0,
        windows=windows,
        monochrome1=monochrome1,
        lossy=False,
        findings=findings,
        source=SeriesSource("", "", ()),
    )


def make_position_volume(*, slices: int = 8, rows: int = 15, columns: int = 16) -> Volume:
    """Every pixel of slice k holds its own column and row: 16 * j + i, each slice shifted by k modulo 240."""
    j, i = np.mgrid[0:rows, 0:columns]
    base = 16 * j + i
    voxels = np.stack([(base + k) % 240 for k in range(slices)]).astype(np.int16)
    return make_volume(voxels)
