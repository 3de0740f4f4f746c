"""The one frozen CT volume that every other part of the program reads."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

PLANES = ("axial", "coronal", "sagittal", "oblique")


@dataclass(frozen=True)
class Finding:
    """Something about a series that its reader should know.

    `code` is stable and machine readable (`gantry_tilt`, `missing_slices`, ...); `message` is the one line shown in the
    banner and never contains names, UIDs, dates or paths; `slices` are the slice indices k concerned.
    """

    code: str
    severity: Literal["info", "warning", "error"]
    message: str
    slices: tuple[int, ...] = ()


@dataclass(frozen=True)
class VoiWindow:
    """A display window: centre and width in the volume's units; function as in DICOM PS3.3 C.11.2.1.

    ``TABLE`` is the curve of a picture's own file (`VoiTable`).
    """

    centre: float
    width: float
    name: str = ""
    function: Literal["LINEAR", "LINEAR_EXACT", "SIGMOID", "TABLE"] = "LINEAR"


@dataclass(frozen=True, eq=False)
class VoiTable:
    """A file's own curve for display: grey levels at its own window; another window moves and stretches it.

    Attributes
    ----------
    centre, width
        Of the window at which `grey` holds.
    grey
        uint8 (65536,) of the values -32768 to 32767; read-only.
    """

    centre: float
    width: float
    grey: NDArray[np.uint8] = field(repr=False)


@dataclass(frozen=True)
class SeriesSource:
    """Where a volume came from. Identifying: kept out of `repr`, logs, streams and exports."""

    path: str = field(repr=False)
    series_uid: str = field(repr=False)
    sop_instance_uids: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, eq=False)
class Volume:
    """A CT stack as it is shown: slice k = 0 first (axial stacks run head to feet); or one picture as its only slice.

    Attributes
    ----------
    voxels
        int16 [k, j, i], in `units`; read-only. Padding keeps its stored value after rescale and is told by `padding`.
    padding
        bool [k, j, i], True where the scanner stored padding, or None when there is none; read-only.
    units
        ``"HU"`` or ``"arbitrary"``.
    positions_lps_mm
        float64 (K, 3): centre of voxel (i=0, j=0) of each slice, LPS millimetres. The truth, also when spacing varies.
    row_direction, column_direction
        float64 (3,): LPS unit vectors along increasing i and along increasing j.
    pixel_spacing_ij_mm
        (mm per i, mm per j), i.e. (column spacing, row spacing) of DICOM PixelSpacing reversed.
    affine_lps
        float64 (4, 4): (i, j, k, 1) to LPS mm; exact only when `regular`, else the end-to-end least-squares grid.
    regular
        True when every slice lies within 0.01 mm of `affine_lps`.
    plane
        0 axial, 1 coronal, 2 sagittal, 3 oblique (index into `PLANES`).
    windows
        The file's own display windows, first one is the default; may be empty.
    monochrome1
        True when the display (never the values) is to be inverted.
    lossy
        True when the pixels went through lossy compression.
    findings
        Everything unusual, worst first.
    modality
        DICOM's code of the device (``"CT"``, ``"MR"``, ``"DX"``), or ``"PNG"``, ``"JPEG"``, ``"TIFF"``.
    colour
        uint8 (1, J, I, 3) red, green, blue of a colour picture, whose `voxels` are its luminance; else None; read-only.
    has_mm
        False when nobody knows the size of a pixel: spacing and positions then count pixels, and places in the patient
        are NaN.
    has_sides
        False when nobody knows which way right, left, head and feet lie.
    picture
        True for a single picture that has no place in a stack or in the patient.
    voi_table
        The curve of a picture whose file has one; the first of `windows` is then of it.
    """

    voxels: NDArray[np.int16] = field(repr=False)
    padding: NDArray[np.bool_] | None = field(repr=False)
    units: Literal["HU", "arbitrary"]
    positions_lps_mm: NDArray[np.float64] = field(repr=False)
    row_direction: NDArray[np.float64] = field(repr=False)
    column_direction: NDArray[np.float64] = field(repr=False)
    pixel_spacing_ij_mm: tuple[float, float]
    affine_lps: NDArray[np.float64] = field(repr=False)
    regular: bool
    plane: int
    windows: tuple[VoiWindow, ...]
    monochrome1: bool
    lossy: bool
    findings: tuple[Finding, ...]
    source: SeriesSource = field(repr=False)
    modality: str = "CT"
    colour: NDArray[np.uint8] | None = field(default=None, repr=False)
    has_mm: bool = True
    has_sides: bool = True
    picture: bool = False
    voi_table: VoiTable | None = field(default=None, repr=False)

    @property
    def shape_kji(self) -> tuple[int, int, int]:
        """Number of slices, rows and columns."""
        k, j, i = self.voxels.shape
        return k, j, i

    @cached_property
    def digest(self) -> str:
        """SHA-256 over voxels, colour and geometry: tells that two loads gave the same volume."""
        sha = hashlib.sha256(np.ascontiguousarray(self.voxels).view(np.uint8).data)
        sha.update(np.ascontiguousarray(self.positions_lps_mm, dtype="<f8").tobytes())
        sha.update(np.ascontiguousarray([self.row_direction, self.column_direction], dtype="<f8").tobytes())
        sha.update(np.asarray(self.pixel_spacing_ij_mm, dtype="<f8").tobytes())
        if self.colour is not None:
            sha.update(np.ascontiguousarray(self.colour).data)
        return sha.hexdigest()

    def voxel_to_patient(self, ijk: ArrayLike) -> NDArray[np.float64]:
        """Voxel (..., 3) as (i, j, k) floats to patient LPS mm, through each slice's own position; NaN without mm."""
        if not self.has_mm:
            return np.full(np.shape(ijk), np.nan)
        return voxel_to_patient(
            ijk, self.positions_lps_mm, self.row_direction, self.column_direction, self.pixel_spacing_ij_mm
        )


def voxel_to_patient(
    ijk: ArrayLike,
    positions_lps_mm: NDArray[np.float64],
    row_direction: NDArray[np.float64],
    column_direction: NDArray[np.float64],
    pixel_spacing_ij_mm: tuple[float, float],
) -> NDArray[np.float64]:
    """Map voxel coordinates to patient millimetres (DICOM PS3.3 C.7.6.2.1.1), slice by slice.

    Parameters
    ----------
    ijk
        (..., 3) column i, row j, slice k; floats. Between slices the position is interpolated linearly, outside the
        stack (and for NaN) the result is NaN.
    positions_lps_mm
        (K, 3) position of voxel (0, 0) of each slice.

    Returns
    -------
    (..., 3) LPS millimetres.
    """
    voxel = np.asarray(ijk, dtype=np.float64)
    k = voxel[..., 2]
    last = len(positions_lps_mm) - 1
    inside = (k >= 0) & (k <= last)
    k_safe = np.where(inside, k, 0.0)
    below = np.floor(k_safe).astype(np.intp)
    above = np.minimum(below + 1, last)
    weight = (k_safe - below)[..., None]
    origin = positions_lps_mm[below] * (1 - weight) + positions_lps_mm[above] * weight
    point = (
        origin
        + voxel[..., 0:1] * pixel_spacing_ij_mm[0] * row_direction
        + voxel[..., 1:2] * pixel_spacing_ij_mm[1] * column_direction
    )
    return np.where(inside[..., None], point, np.nan)
