"""A CT volume as models take it, and the one orientation in which they see every volume."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.errors import ModelError

Floats = NDArray[np.float64]

FEWEST_SLICES = 8
"""Fewer are no volume that a path through slices could be predicted for."""


@dataclass(frozen=True, eq=False)
class CtVolume:
    """A CT volume.

    Attributes
    ----------
    hu_kji
        (K, J, I) int16 or float32 Hounsfield units; what the scanner did not measure is -1024.
    affine_lps
        (4, 4) from (i, j, k, 1) to LPS millimetres.
    case, patient
        Codes; the patient equals the case where nothing better is known.
    """

    hu_kji: NDArray[np.int16] | NDArray[np.float32] = field(repr=False)
    affine_lps: Floats = field(repr=False)
    case: str = ""
    patient: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "affine_lps", np.array(self.affine_lps, dtype=np.float64).reshape(4, 4))
        if not self.patient:
            object.__setattr__(self, "patient", self.case)
        if self.hu_kji.ndim != 3:
            raise ModelError(f"not a volume: its array has {self.hu_kji.ndim} axes", place=self.case)
        if not np.isfinite(self.affine_lps).all() or abs(np.linalg.det(self.affine_lps[:3, :3])) < 1e-9:
            raise ModelError("its affine is no map to millimetres", place=self.case)

    @property
    def shape_kji(self) -> tuple[int, int, int]:
        """Slices, rows, columns."""
        k, j, i = self.hu_kji.shape
        return k, j, i

    def digest(self) -> str:
        """SHA-256 of voxels, type and affine."""
        found = hashlib.sha256(f"{self.hu_kji.dtype.str}{self.shape_kji}".encode())
        found.update(self.affine_lps.tobytes())
        for plane in self.hu_kji:
            found.update(np.ascontiguousarray(plane).tobytes())
        return found.hexdigest()


@dataclass(frozen=True, eq=False)
class PictureVolume:
    """Slices or pictures whose values are no Hounsfield units: photographs, radiographs, MR.

    Attributes
    ----------
    values
        (K, J, I) int16 or float32 grey values, or (K, J, I, 3) uint8 red, green, blue; a picture has K = 1.
    affine_lps
        (4, 4) from (i, j, k, 1) to LPS millimetres, or None where nobody knows it.
    case, patient
        As in `CtVolume`.
    """

    values: NDArray[np.int16] | NDArray[np.float32] | NDArray[np.uint8] = field(repr=False)
    affine_lps: Floats | None = field(default=None, repr=False)
    case: str = ""
    patient: str = ""

    def __post_init__(self) -> None:
        if not self.patient:
            object.__setattr__(self, "patient", self.case)
        shape, kind = self.values.shape, self.values.dtype.name
        grey = len(shape) == 3 and kind in ("int16", "float32")
        colour = len(shape) == 4 and shape[3] == 3 and kind == "uint8"
        if not grey and not colour:
            raise ModelError(f"no stack of pictures: {kind} {shape}", place=self.case)

    @property
    def is_colour(self) -> bool:
        """Red, green and blue."""
        return self.values.ndim == 4

    @property
    def shape_kji(self) -> tuple[int, int, int]:
        """Slices, rows, columns."""
        k, j, i = self.values.shape[:3]
        return k, j, i

    def digest(self) -> str:
        """SHA-256 of values, type and affine."""
        found = hashlib.sha256(f"picture {self.values.dtype.str}{self.values.shape}".encode())
        found.update(b"" if self.affine_lps is None else np.asarray(self.affine_lps, dtype=np.float64).tobytes())
        for plane in self.values:
            found.update(np.ascontiguousarray(plane).tobytes())
        return found.hexdigest()


@dataclass(frozen=True)
class CanonicalFrame:
    """Which axes of a volume run to the patient's left, back and head, so that every volume is seen the same way.

    Canonical axes: i to the left (x of LPS), j to the back (y), k from the head to the feet (-z). Axes are permuted and
    flipped, never interpolated: a tilted volume keeps its tilt.

    Attributes
    ----------
    shape_kji
        Of the volume as it is stored.
    axes
        Stored axis (0 = i, 1 = j, 2 = k) that serves as canonical i, j, k.
    flipped
        Whether it runs against the canonical direction, for canonical i, j, k.
    spacing_ijk_mm
        Distance of voxels along the canonical axes.
    """

    shape_kji: tuple[int, int, int]
    axes: tuple[int, int, int]
    flipped: tuple[bool, bool, bool]
    spacing_ijk_mm: tuple[float, float, float]

    @classmethod
    def of(cls, shape_kji: tuple[int, int, int], affine_lps: ArrayLike | None) -> CanonicalFrame:
        """From a volume's geometry; without an affine the stored axes count as canonical, 1 mm apart."""
        if affine_lps is None:
            return cls(shape_kji, (0, 1, 2), (False, False, False), (1.0, 1.0, 1.0))
        matrix = np.asarray(affine_lps, dtype=np.float64)[:3, :3]
        spacing = np.linalg.norm(matrix, axis=0)
        cosines = np.diag([1.0, 1.0, -1.0]) @ (matrix / spacing)
        orders = ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0))
        axes = max(orders, key=lambda order: sum(abs(cosines[row, axis]) for row, axis in enumerate(order)))
        flips = [bool(cosines[row, axis] < 0) for row, axis in enumerate(axes)]
        steps = [float(spacing[axis]) for axis in axes]
        return cls(shape_kji, axes, (flips[0], flips[1], flips[2]), (steps[0], steps[1], steps[2]))

    @property
    def canonical_shape_kji(self) -> tuple[int, int, int]:
        """Shape after `reorient`."""
        sizes = self.shape_kji[::-1]
        return sizes[self.axes[2]], sizes[self.axes[1]], sizes[self.axes[0]]

    def reorient(self, array_kji: NDArray[np.generic]) -> NDArray[np.generic]:
        """A view of the array with canonical axes [k, j, i]."""
        turned = array_kji.transpose([2 - self.axes[axis] for axis in (2, 1, 0)])
        return turned[tuple(slice(None, None, -1 if self.flipped[axis] else 1) for axis in (2, 1, 0))]

    def to_shares(self, voxel_ijk: ArrayLike) -> Floats:
        """(N, 3) places as shares along canonical i, j, k of the whole volume: 0 and 1 at its outer edges.

        Voxel centres are at integers, so the first one's share is half a voxel.
        """
        voxel = np.asarray(voxel_ijk, dtype=np.float64).reshape(-1, 3)
        sizes = np.array(self.shape_kji[::-1], dtype=np.float64)
        shares = ((voxel + 0.5) / sizes)[:, list(self.axes)]
        return np.where(np.array(self.flipped), 1.0 - shares, shares)

    def to_voxels(self, shares: ArrayLike) -> Floats:
        """(N, 3) voxel places i, j, k as stored; inverse of `to_shares`."""
        given = np.asarray(shares, dtype=np.float64).reshape(-1, 3)
        turned = np.where(np.array(self.flipped), 1.0 - given, given)
        stored = np.empty_like(turned)
        stored[:, list(self.axes)] = turned
        return stored * np.array(self.shape_kji[::-1], dtype=np.float64) - 0.5
