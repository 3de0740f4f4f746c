"""A volume on another grid of voxels, axis by axis and one slice at a time: linear, and averaged where it shrinks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.errors import Cancelled

Floats = NDArray[np.float64]
Image = NDArray[np.float32]
Progress = Callable[[int, int], None]
Stop = Callable[[], bool]


@dataclass(frozen=True)
class AxisGrid:
    """New places along one axis: on a grid about the old one's middle, cropped to its middle, then padded.

    Attributes
    ----------
    before
        Old places.
    step
        From one new place to the next, in old ones.
    fitting
        New places that the old axis has room for.
    first, kept
        Of those, where the crop begins and how many it keeps.
    padded_before
        Places of padding in front of them.
    after
        Kept and padded together.
    """

    before: int
    step: float
    fitting: int
    first: int
    kept: int
    padded_before: int
    after: int

    @classmethod
    def of(cls, before: int, spacing_mm: float, after: int, spacing_after_mm: float) -> AxisGrid:
        """From numbers of places and their distance; an odd place of crop or padding is at the end."""
        step = spacing_after_mm / spacing_mm
        fitting = max(1, int(np.floor(before / step + 0.5)))
        first = max((fitting - after) // 2, 0)
        kept = min(first + after, fitting) - first
        return cls(before, step, fitting, first, kept, (after - kept) // 2, after)

    def places(self, new: NDArray[np.integer] | Floats) -> Floats:
        """Old places (centres at integers) of new ones, counted with the padding."""
        grid = np.asarray(new, dtype=np.float64) - self.padded_before + self.first
        return (self.before - 1) / 2 + (grid - (self.fitting - 1) / 2) * self.step

    @property
    def inside(self) -> slice:
        """The places that are no padding."""
        return slice(self.padded_before, self.padded_before + self.kept)

    def weights(self) -> Image:
        """(kept, before): triangles as wide as the coarser of the two grids, each row summing to 1."""
        places = self.places(np.arange(self.inside.start, self.inside.stop))
        away = np.abs(places[:, None] - np.arange(self.before)[None, :])
        found = np.clip(1.0 - away / max(1.0, self.step), 0.0, None)
        return (found / found.sum(axis=1, keepdims=True)).astype(np.float32)


def resampled(
    values: NDArray[np.generic],
    grids: tuple[AxisGrid, AxisGrid, AxisGrid],
    *,
    padding: float,
    progress: Progress | None = None,
    cancelled: Stop | None = None,
) -> Image:
    """A volume on the grids of its three axes.

    Memory beside the result: a few slices across the first axis.

    Parameters
    ----------
    values
        Three axes; may be a view.
    padding
        Value of new places outside.
    progress
        Called with slices done and in all.
    cancelled
        Asked before each slice.

    Raises
    ------
    Cancelled
        `cancelled` said so.
    """
    from scipy.sparse import csr_array

    along = grids[0].weights()
    down, across = (csr_array(grid.weights()) for grid in grids[1:])
    found = np.full([grid.after for grid in grids], padding, dtype=np.float32)
    inner = found[tuple(grid.inside for grid in grids)]
    inner[...] = 0.0
    for number in range(len(values)):
        if cancelled is not None and cancelled():
            raise Cancelled
        rows = np.flatnonzero(along[:, number])
        if len(rows):
            plane = down @ values[number].astype(np.float32)
            plane = (across @ np.ascontiguousarray(plane.T)).T
            for row in rows:
                inner[row] += along[row, number] * plane
        if progress is not None:
            progress(number + 1, len(values))
    return found
