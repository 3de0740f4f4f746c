"""A named place in a volume: a lesion, an organ or a region of interest, as a box with or without a mask."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, eq=False)
class LabelledRegion:
    """A region of voxels.

    Attributes
    ----------
    name
        Unique among the regions of a case, e.g. ``left lung`` or ``lesion 2``.
    first_kji, last_kji
        First and last voxel of its bounding box on each axis, 0-based, both inside it.
    mask
        bool, the box's shape [k, j, i]; None means the whole box.
    group
        What several regions share (``lesion``, ``lung``), free text.
    attributes
        Further facts of the source as text (diameter, certainty, reader); never names, UIDs or dates of a patient.
    """

    name: str
    first_kji: tuple[int, int, int]
    last_kji: tuple[int, int, int]
    mask: NDArray[np.bool_] | None = field(default=None, repr=False)
    group: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if any(last < first for first, last in zip(self.first_kji, self.last_kji, strict=True)):
            raise ValueError(f"region {self.name}: its box is empty: {self.first_kji} to {self.last_kji}")
        if self.mask is not None and self.mask.shape != self.box_shape_kji:
            raise ValueError(f"region {self.name}: mask {self.mask.shape} does not fit its box {self.box_shape_kji}")

    @classmethod
    def from_mask(cls, name: str, mask_kji: NDArray[np.bool_], group: str = "", **attributes: str) -> LabelledRegion:
        """From a mask of the whole volume.

        Raises
        ------
        ValueError
            When the mask is empty.
        """
        where = [np.flatnonzero(mask_kji.any(axis=axes)) for axes in ((1, 2), (0, 2), (0, 1))]
        if len(where[0]) == 0:
            raise ValueError(f"region {name}: its mask holds no voxel")
        first = tuple(int(axis[0]) for axis in where)
        last = tuple(int(axis[-1]) for axis in where)
        box = tuple(slice(a, b + 1) for a, b in zip(first, last, strict=True))
        return cls(name, first, last, np.array(mask_kji[box]), group, attributes)  # type: ignore[arg-type]

    @property
    def box_shape_kji(self) -> tuple[int, int, int]:
        """Slices, rows and columns of the bounding box."""
        k, j, i = (last - first + 1 for first, last in zip(self.first_kji, self.last_kji, strict=True))
        return k, j, i

    @property
    def n_voxels(self) -> int:
        """How many voxels belong to it."""
        return int(np.prod(self.box_shape_kji)) if self.mask is None else int(self.mask.sum())

    def contains(self, voxel_ijk: ArrayLike) -> NDArray[np.bool_]:
        """Whether each voxel (..., 3), floats as (i, j, k), lies in it (nearest voxel; NaN never does)."""
        voxel = np.asarray(voxel_ijk, dtype=np.float64)
        known: NDArray[np.bool_] = np.asarray(np.isfinite(voxel).all(axis=-1))
        index = np.floor(np.where(known[..., None], voxel, -1e6) + 0.5).astype(np.int64)[..., ::-1]
        place = index - np.asarray(self.first_kji)
        inside: NDArray[np.bool_] = np.asarray(
            known & ((place >= 0) & (place < np.asarray(self.box_shape_kji))).all(axis=-1)
        )
        if self.mask is not None:
            safe = np.where(inside[..., None], place, 0)
            inside = inside & self.mask[safe[..., 0], safe[..., 1], safe[..., 2]]
        return inside

    def full_mask(self, shape_kji: tuple[int, int, int]) -> NDArray[np.bool_]:
        """The mask in a volume of that shape.

        Raises
        ------
        ValueError
            When the region reaches beyond the volume.
        """
        if min(self.first_kji) < 0 or any(last >= size for last, size in zip(self.last_kji, shape_kji, strict=True)):
            raise ValueError(f"region {self.name} reaches beyond the volume {shape_kji}")
        full = np.zeros(shape_kji, dtype=bool)
        box = tuple(slice(a, b + 1) for a, b in zip(self.first_kji, self.last_kji, strict=True))
        full[box] = True if self.mask is None else self.mask
        return full
