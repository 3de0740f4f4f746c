"""How large a volume is in voxels, millimetres and degrees, so that two scan paths are compared in one stated unit."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.scanpath import Floats, Scanpath

Unit = Literal["voxels", "mm", "degrees"]
Outside = Literal["raise", "clamp"]
Rows = tuple[tuple[float, float, float], tuple[float, float, float], tuple[float, float, float]]
SAME_AXES_MM = 1e-3  # two readings of one case carry the same affine up to rounding in a file


@dataclass(frozen=True)
class Extent:
    """The box that a volume's voxels fill, and what a voxel measures.

    Attributes
    ----------
    shape_kji
        Slices, rows, columns. A picture is a volume of one slice.
    axes_mm
        3 x 3, column c is the step in millimetres from one voxel to the next along i, j or k (an affine without its
        origin; it may be sheared by a gantry tilt), or None where the spacing is not known.
    mm_per_degree
        Millimetres per degree of visual angle; NaN when not known.
    """

    shape_kji: tuple[int, int, int]
    axes_mm: Rows | None = None
    mm_per_degree: float = float("nan")

    @classmethod
    def of(cls, path: Scanpath, *, mm_per_degree: float | None = None) -> Extent:
        """The extent of the volume that a scan path goes through."""
        axes = (
            None if path.affine_lps is None else tuple(tuple(float(v) for v in row) for row in path.affine_lps[:3, :3])
        )
        per_degree = path.mm_per_degree if mm_per_degree is None else mm_per_degree
        return cls(path.shape_kji, axes, per_degree)  # type: ignore[arg-type]

    @classmethod
    def with_spacing(
        cls, shape_kji: tuple[int, int, int], spacing_ijk_mm: ArrayLike, *, mm_per_degree: float = float("nan")
    ) -> Extent:
        """A volume whose axes stand at right angles, `spacing_ijk_mm` apart per column, row and slice."""
        i, j, k = (float(v) for v in np.asarray(spacing_ijk_mm, dtype=np.float64))
        return cls(shape_kji, ((i, 0.0, 0.0), (0.0, j, 0.0), (0.0, 0.0, k)), mm_per_degree)

    @classmethod
    def shared_by(cls, a: Scanpath, b: Scanpath, *, mm_per_degree: float | None = None) -> Extent:
        """The one extent in which two paths through the same volume are compared.

        Where `mm_per_degree` is not given it is the mean of the two readings' own (they may have zoomed differently),
        so that the order of the paths does not matter.

        Raises
        ------
        ValueError
            When the paths belong to volumes of different shape or spacing: bring them into one frame first.
        """
        cls.of(a).check_same("the paths go through volumes", cls.of(b))
        known = [path.mm_per_degree for path in (a, b) if np.isfinite(path.mm_per_degree)]
        per_degree = (sum(known) / len(known) if known else float("nan")) if mm_per_degree is None else mm_per_degree
        return cls.of(b if a.affine_lps is None else a, mm_per_degree=per_degree)

    def check_same(self, what: str, other: Extent) -> None:
        """Nothing where both may be one volume; a spacing that one of them does not know is no difference.

        Raises
        ------
        ValueError
            When shapes or axes differ; its message begins with `what`.
        """
        if self.shape_kji != other.shape_kji:
            raise ValueError(f"{what} of different shape: {self.shape_kji} and {other.shape_kji}")
        if self.axes_mm is not None and other.axes_mm is not None:
            apart_mm = float(np.abs(self._axes_mm() - other._axes_mm()).max())
            if apart_mm > SAME_AXES_MM:
                raise ValueError(f"{what} whose voxels differ by {apart_mm:.3g} mm")

    @property
    def shape_ijk(self) -> Floats:
        """(3,) columns, rows, slices."""
        return np.array(self.shape_kji[::-1], dtype=np.float64)

    @property
    def spacing_ijk_mm(self) -> Floats:
        """(3,) millimetres per column, row and slice.

        Raises
        ------
        ValueError
            Where the spacing is not known.
        """
        return np.linalg.norm(self._axes_mm(), axis=0)

    def in_unit(self, voxel_ijk: ArrayLike, unit: Unit) -> Floats:
        """(N, 3) voxel positions or differences as lengths in `unit`, from voxel (0, 0, 0).

        A degree is `mm_per_degree` millimetres in every direction, so depth is stated in the degrees that the same
        length would fill in the plane.

        Raises
        ------
        ValueError
            When there is no such unit, or it needs a spacing or a scale that is not known.
        """
        if unit not in get_args(Unit):
            raise ValueError(f"lengths are in {', '.join(get_args(Unit))}, not in {unit}")
        voxel = np.asarray(voxel_ijk, dtype=np.float64).reshape(-1, 3)
        if unit == "voxels":
            return voxel
        mm = voxel @ self._axes_mm().T
        return mm if unit == "mm" else mm / self.known_mm_per_degree()

    def diagonal(self, unit: Unit) -> float:
        """The longest way through the box, corner to corner of its outer edges.

        An axis of one voxel adds nothing: a picture's diagonal is that of its plane.

        Raises
        ------
        ValueError
            When the volume is a single voxel, or as `in_unit`.
        """
        size = np.where(self.shape_ijk > 1, self.shape_ijk, 0.0)
        ways = np.array([size * signs for signs in product((1.0,), (1.0, -1.0), (1.0, -1.0))])
        longest = float(np.linalg.norm(self.in_unit(ways, unit), axis=1).max())
        if longest <= 0:
            raise ValueError("a volume of one voxel has no diagonal to compare lengths with")
        return longest

    def inside(self, voxel_ijk: ArrayLike, outside: Outside = "raise") -> Floats:
        """(N, 3) voxel positions, none beyond the outer edges (-0.5 to n - 0.5 on each axis).

        Raises
        ------
        ValueError
            When a position lies outside and `outside` is "raise" (it names the first), or is no number.
        """
        if outside not in get_args(Outside):
            raise ValueError(f"a fixation outside is an error (raise) or clamped (clamp), not {outside!r}")
        voxel = np.asarray(voxel_ijk, dtype=np.float64).reshape(-1, 3)
        low, high = -0.5, self.shape_ijk - 0.5
        wrong = (voxel < low) | (voxel > high) | ~np.isfinite(voxel) if outside == "raise" else np.isnan(voxel)
        beyond = np.flatnonzero(wrong.any(axis=1))
        if len(beyond):
            where = ", ".join(f"{v:g}" for v in voxel[beyond[0]])
            raise ValueError(
                f"fixation {beyond[0]} at voxel ({where}) lies outside the volume of {self.shape_kji} "
                f"slices, rows, columns ({len(beyond)} such); cut it off or clamp it"
            )
        return np.clip(voxel, low, high)

    def known_mm_per_degree(self) -> float:
        """Millimetres per degree, or a ValueError that says how to give them."""
        if not self.mm_per_degree > 0:
            raise ValueError(f"degrees need mm_per_degree above 0; it is {self.mm_per_degree}")
        return self.mm_per_degree

    def _axes_mm(self) -> NDArray[np.float64]:
        if self.axes_mm is None:
            raise ValueError("millimetres and degrees need the volume's affine, and it has none")
        return np.array(self.axes_mm)
