"""Keeps predicted places inside the patient's body and on slices that exist."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.ct_searcher.bodies import body_mask
from models.ct_searcher.settings import SearcherSettings
from models.ct_searcher.targets import classes_of_cells
from models.errors import ModelError
from models.volumes import CanonicalFrame, CtVolume

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

MOST_PIXELS = 256
"""Along a slice's edge; larger slices are looked at in every second, third, ... pixel, which finds the same body."""


@dataclass(frozen=True, eq=False)
class Body:
    """The body in a volume, found in every slice at every `stride`-th row and column.

    Attributes
    ----------
    shape_kji
        Of the volume as it is stored.
    mask_kji
        (K, J', I') of the pixels that were looked at, without the outermost: a path stays clear of the skin.
    frame
        Of the volume.
    """

    shape_kji: tuple[int, int, int]
    stride: int
    mask_kji: Mask = field(repr=False)
    frame: CanonicalFrame

    @classmethod
    def of(cls, volume: CtVolume) -> Body:
        """Find it (`models.ct_searcher.bodies.body_mask`: over -300 HU, holes such as lungs filled).

        Raises
        ------
        ModelError
            When there is none.
        """
        stride = -(-max(volume.shape_kji[1:]) // MOST_PIXELS)
        seen = CtVolume(
            volume.hu_kji[:, ::stride, ::stride],
            volume.affine_lps @ np.diag([stride, stride, 1.0, 1.0]),
            volume.case,
            volume.patient,
        )
        mask = body_mask(seen)
        if mask is None or not mask.any():
            raise ModelError("no body is seen in it", place=volume.case or "volume", remedy="give a CT of a patient")
        mask = _without_skin(mask)
        return cls(volume.shape_kji, stride, mask, CanonicalFrame.of(volume.shape_kji, volume.affine_lps))

    def classes(self, settings: SearcherSettings) -> Mask:
        """(cells + 1,) by class index: whether the cell holds a voxel of the body; the stop is True."""
        pooled = self.frame.reorient(self.mask_kji).astype(np.bool_, copy=False)
        # Pixels that were skipped leave the others where they are, as shares of the whole volume.
        for axis, cells in enumerate(settings.grid_kji):
            pooled = _pooled(pooled, axis, cells, self._shares(axis))
        allowed = np.ones(settings.cells + 1, dtype=np.bool_)
        every = np.argwhere(np.ones(settings.grid_kji, dtype=np.bool_))
        allowed[classes_of_cells(every, settings)] = pooled.ravel()
        return allowed

    def place(self, voxel_ijk: ArrayLike) -> Floats:
        """(N, 3) voxels on existing slices and inside the body.

        The slice is the nearest one, or the nearest one that shows the body at all. A point beside the body goes to the
        nearest pixel of it in that slice; a point inside stays where it is.
        """
        voxel = np.array(voxel_ijk, dtype=np.float64).reshape(-1, 3)
        limits = np.array(self.shape_kji[::-1]) - 1.0
        voxel = np.clip(voxel, 0.0, limits)
        # Halves go up, not to the even slice: one rule for all slices.
        slices = np.minimum(np.floor(voxel[:, 2] + 0.5), limits[2]).astype(np.intp)
        shown = self._slices_with_body
        for k in np.unique(slices):
            rows = np.flatnonzero(slices == k)
            seen = k if self.mask_kji[k].any() else shown[np.argmin(np.abs(shown - k))]
            voxel[rows, 2] = seen
            self._move_inside(self.mask_kji[seen], voxel, rows)
        return voxel

    def _move_inside(self, mask: Mask, voxel: Floats, rows: NDArray[np.intp]) -> None:
        """Those of `rows` with a pixel beside the body around them, among those that were looked at."""
        from scipy import ndimage

        x, y = voxel[rows, 0] / self.stride, voxel[rows, 1] / self.stride
        last_y, last_x = mask.shape[0] - 1, mask.shape[1] - 1
        low_x, high_x = (np.clip(edge(x), 0, last_x).astype(np.intp) for edge in (np.floor, np.ceil))
        low_y, high_y = (np.clip(edge(y), 0, last_y).astype(np.intp) for edge in (np.floor, np.ceil))
        beside = ~(mask[low_y, low_x] & mask[low_y, high_x] & mask[high_y, low_x] & mask[high_y, high_x])
        if not beside.any():
            return
        _, (near_y, near_x) = ndimage.distance_transform_edt(~mask, sampling=self._row_column_mm, return_indices=True)
        at_x = np.clip(np.rint(x[beside]), 0, last_x).astype(np.intp)
        at_y = np.clip(np.rint(y[beside]), 0, last_y).astype(np.intp)
        voxel[rows[beside], 0] = near_x[at_y, at_x] * self.stride
        voxel[rows[beside], 1] = near_y[at_y, at_x] * self.stride

    @cached_property
    def _slices_with_body(self) -> NDArray[np.intp]:
        return np.flatnonzero(self.mask_kji.any(axis=(1, 2)))

    @property
    def _row_column_mm(self) -> tuple[float, float]:
        """Millimetres from row to row and from column to column of a stored slice."""
        spacing = dict(zip(self.frame.axes, self.frame.spacing_ijk_mm, strict=True))
        return spacing[1], spacing[0]

    def _shares(self, axis_kji: int) -> Floats:
        """Shares 0..1 of the pixels that were looked at along a canonical axis (0: k, 1: j, 2: i), ascending."""
        canonical = 2 - axis_kji
        stored = self.frame.axes[canonical]
        size = self.shape_kji[2 - stored]
        seen = np.arange(0, size, 1 if stored == 2 else self.stride)
        shares = (seen + 0.5) / size
        return (1.0 - shares)[::-1] if self.frame.flipped[canonical] else shares


def _without_skin(mask: Mask) -> Mask:
    """One pixel less all around in every slice that keeps some; the picture's edge is no skin."""
    from scipy import ndimage

    square = np.ones((1, 3, 3), dtype=np.bool_)
    inner: Mask = ndimage.binary_erosion(mask, square, border_value=1)
    thin = ~inner.any(axis=(1, 2))
    inner[thin] = mask[thin]
    return inner


def _pooled(mask: Mask, axis: int, cells: int, shares: Floats) -> Mask:
    """Any along parts of one axis."""
    cell = np.minimum((shares * cells).astype(np.intp), cells - 1)
    moved = np.moveaxis(mask, axis, 0)
    found = np.stack([moved[cell == number].any(axis=0) for number in range(cells)])
    return np.moveaxis(found, 0, axis)
