"""A scan path through a volume: where somebody (or a model) looked, in order, and for how long."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Source = Literal["reader", "model", "simulated"]


@dataclass(frozen=True, eq=False)
class Scanpath:
    """N fixations on one case, in time order. A picture is a volume of one slice.

    Attributes
    ----------
    who
        Code of the reader or name of the model.
    case, patient
        Codes; `patient` groups cases for statistics and equals `case` where nothing better is known.
    shape_kji
        Slices, rows, columns of the volume.
    x_voxel, y_voxel, z_voxel
        (N,) column i, row j, slice k; 0-based floats, pixel and voxel centres at integers.
    duration_s
        (N,) seconds, not negative.
    onset_s
        (N,) seconds from the trial's first visible view, ascending; NaN throughout where the source has none.
    affine_lps
        (4, 4) from (i, j, k, 1) to LPS millimetres, or None for pictures without a known spacing.
    source
        A recorded reader, a model, or a simulated reader.
    trial
        ``session:trial`` or whatever tells two readings by one reader of one case apart.
    mm_per_degree
        Patient millimetres per degree of visual angle at the reading's median zoom; NaN when not known.

    Raises
    ------
    ValueError
        When lengths differ, a value is not finite, a duration is negative or onsets descend.
    """

    who: str
    case: str
    shape_kji: tuple[int, int, int]
    x_voxel: Floats = field(repr=False)
    y_voxel: Floats = field(repr=False)
    z_voxel: Floats = field(repr=False)
    duration_s: Floats = field(repr=False)
    onset_s: Floats = field(repr=False)
    affine_lps: Floats | None = field(default=None, repr=False)
    source: Source = "reader"
    patient: str = ""
    trial: str = ""
    mm_per_degree: float = float("nan")

    def __post_init__(self) -> None:
        for name in ("x_voxel", "y_voxel", "z_voxel", "duration_s", "onset_s"):
            object.__setattr__(self, name, np.array(getattr(self, name), dtype=np.float64).ravel())
        if not self.patient:
            object.__setattr__(self, "patient", self.case)
        if self.affine_lps is not None:
            object.__setattr__(self, "affine_lps", np.array(self.affine_lps, dtype=np.float64).reshape(4, 4))
        lengths = {len(getattr(self, name)) for name in ("x_voxel", "y_voxel", "z_voxel", "duration_s", "onset_s")}
        if len(lengths) != 1:
            raise ValueError(f"coordinates, durations and onsets differ in length: {sorted(lengths)}")
        if len(self.shape_kji) != 3 or min(self.shape_kji) < 1:
            raise ValueError(f"not the shape of a volume: {self.shape_kji}")
        if not np.isfinite(self.voxel_ijk).all() or not np.isfinite(self.duration_s).all():
            raise ValueError("a coordinate or a duration is not a number")
        if (self.duration_s < 0).any():
            raise ValueError(f"a duration is negative: {self.duration_s.min()} s")
        if np.isfinite(self.onset_s).any() and not (np.diff(self.onset_s) >= 0).all():
            raise ValueError("onsets must ascend, or all be unknown")

    @classmethod
    def from_voxels(
        cls,
        voxel_ijk: ArrayLike,
        duration_s: ArrayLike,
        *,
        shape_kji: tuple[int, int, int],
        who: str = "",
        case: str = "",
        onset_s: ArrayLike | None = None,
        **fields: object,
    ) -> Scanpath:
        """From (N, 3) voxels (i, j, k) and (N,) durations; without onsets they are unknown."""
        voxel = np.asarray(voxel_ijk, dtype=np.float64).reshape(-1, 3)
        onset = np.full(len(voxel), np.nan) if onset_s is None else onset_s
        return cls(who, case, shape_kji, voxel[:, 0], voxel[:, 1], voxel[:, 2], duration_s, onset, **fields)  # type: ignore[arg-type]

    def __len__(self) -> int:
        """Number of fixations."""
        return len(self.x_voxel)

    @property
    def voxel_ijk(self) -> Floats:
        """(N, 3) column i, row j, slice k."""
        return np.stack([self.x_voxel, self.y_voxel, self.z_voxel], axis=1)

    @property
    def spacing_ijk_mm(self) -> Floats | None:
        """(3,) millimetres per column, row and slice, or None without an affine."""
        return None if self.affine_lps is None else np.linalg.norm(self.affine_lps[:3, :3], axis=0)

    def part(self, rows: NDArray[np.bool_] | NDArray[np.intp] | slice) -> Scanpath:
        """Only the named fixations, in the order given."""
        names = ("x_voxel", "y_voxel", "z_voxel", "duration_s", "onset_s")
        return replace(self, **{name: getattr(self, name)[rows] for name in names})
