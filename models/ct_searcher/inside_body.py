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
        for row, k in enumerate(slices):
            if not self.mask_kji[k].any():
                k = shown[np.argmin(np.abs(shown - k))]
            voxel[row, 2] = k
            if not self._is_inside(k, voxel[row, 0], voxel[row, 1]):
                voxel[row, :2] = self._nearest(k, voxel[row, 0], voxel[row, 1])
        return voxel

    def _is_inside(self, k: int, x: float, y: float) -> bool:
        """Whether all pixels around the point that were looked at are body."""
        mask = self.mask_kji[k]
        rows = _around(y / self.stride, mask.shape[0])
        columns = _around(x / self.stride, mask.shape[1])
        return bool(mask[np.ix_(rows, columns)].all())

    def _nearest(self, k: int, x: float, y: float) -> Floats:
        rows, columns = np.nonzero(self.mask_kji[k])
        pixels = np.stack([columns, rows], axis=1) * float(self.stride)
        found: Floats = pixels[np.argmin(((pixels - [x, y]) ** 2 * self._pixel_mm2).sum(axis=1))]
        return found

    @cached_property
    def _slices_with_body(self) -> NDArray[np.intp]:
        return np.flatnonzero(self.mask_kji.any(axis=(1, 2)))

    @cached_property
    def _pixel_mm2(self) -> Floats:
        """(2,) squared millimetres of a column and a row."""
        spacing = dict(zip(self.frame.axes, self.frame.spacing_ijk_mm, strict=True))
        return np.array([spacing[0], spacing[1]]) ** 2

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


def _around(position: float, size: int) -> NDArray[np.intp]:
    both = [int(np.floor(position)), int(np.ceil(position))]
    return np.unique(np.clip(both, 0, size - 1)).astype(np.intp)
