"""What a network with its own encoder takes: canonical orientation, HU windows, averaged to a fixed shape."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from models.ct_searcher.settings import SearcherSettings
from models.errors import Cancelled, ModelError
from models.volumes import FEWEST_SLICES, CanonicalFrame, CtVolume

Progress = Callable[[int, int], None]
Stop = Callable[[], bool]
Image = NDArray[np.float32]

SLAB_VOXELS = 2**21
"""Voxels that are held as float32 at a time: 8 MiB, or one slice where that is more."""

NO_HU = 5.0
"""Values that all lie within plus and minus this are shares or z-scores, not Hounsfield units: air is -1000."""


def network_input(
    volume: CtVolume,
    settings: SearcherSettings,
    *,
    progress: Progress | None = None,
    cancelled: Stop | None = None,
) -> Image:
    """The volume as the small encoder sees it.

    Every voxel is clipped to the HU window and scaled to 0..1 *before* averaging, so that a 6 mm nodule in lung raises
    its cell whatever dense bone or air lies beside it: clipping after averaging would let -1000 HU of surrounding air
    pull it out of the window. Averages are exact: each voxel counts with the share of it that lies in the cell.
    Volumes stored in another orientation or order of slices give the same array, bit for bit.

    Memory beside the volume and the result: one slab of `SLAB_VOXELS` float32 voxels and its averages.

    Parameters
    ----------
    volume
        Any orientation and spacing.
    settings
        Its `input_shape_kji` and `windows_hu` are used.
    progress
        Called with slices done and slices in all.
    cancelled
        Asked before each slab.

    Returns
    -------
    ndarray
        (windows, K, J, I) float32 in 0..1, canonical axes.

    Raises
    ------
    ModelError
        Too few slices, values that are no numbers or no Hounsfield units.
    Cancelled
        `cancelled` said so.
    """
    check_volume(volume)
    canonical = CanonicalFrame.of(volume.shape_kji, volume.affine_lps).reorient(volume.hu_kji)
    slices, rows, columns = canonical.shape
    weights_k, weights_j, weights_i = (
        area_weights(before, after) for before, after in zip(canonical.shape, settings.input_shape_kji, strict=True)
    )
    sums = np.zeros((len(settings.windows_hu), *settings.input_shape_kji), dtype=np.float32)
    room = np.empty((slab_slices(rows * columns, slices), rows, columns), dtype=np.float32)
    for start, stop in slabs(rows * columns, slices):
        if cancelled is not None and cancelled():
            raise Cancelled
        first, last = _touched(weights_k[:, start:stop])
        slab = room[: stop - start]
        for window, (low, high) in enumerate(settings.windows_hu):
            _clip(canonical[start:stop], low, high, out=slab)
            reduced = (weights_j @ slab) @ weights_i.T
            part = np.tensordot(weights_k[first:last, start:stop], reduced, axes=1)
            sums[window, first:last] += part
        if progress is not None:
            progress(stop, slices)
    for image, (low, high) in zip(sums, settings.windows_hu, strict=True):
        image -= low
        image /= high - low
    return np.clip(sums, 0.0, 1.0, out=sums)


def area_weights(before: int, after: int) -> Image:
    """(after, before) float32: share of each old place in each new one along an axis, rows summing to 1.

    New places cut the axis into equal parts; a part that covers places of the old axis in fractions takes them in these
    fractions. With more parts than places, each part repeats the place that it lies in.
    """
    edges = np.linspace(0.0, before, after + 1)
    old = np.arange(before, dtype=np.float64)
    overlap = np.minimum(edges[1:, None], old + 1.0) - np.maximum(edges[:-1, None], old)
    weights = np.clip(overlap, 0.0, None)
    weights[weights < 1e-9] = 0.0
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


def check_volume(volume: CtVolume) -> None:
    """Refuse what no path through slices can be predicted for, one line each."""
    canonical = CanonicalFrame.of(volume.shape_kji, volume.affine_lps).canonical_shape_kji
    place = volume.case or "volume"
    if canonical[0] < FEWEST_SLICES or min(canonical) < 2:
        raise ModelError(
            f"slices x rows x columns are {canonical[0]} x {canonical[1]} x {canonical[2]}; "
            f"a volume has at least {FEWEST_SLICES} slices",
            place=place,
            remedy="give the whole series",
        )
    lowest, highest = np.inf, -np.inf
    for number, plane in enumerate(volume.hu_kji):
        low, high = float(plane.min()), float(plane.max())
        if not np.isfinite([low, high]).all():
            raise ModelError(
                "holds values that are no numbers",
                place=f"{place}, slice {number}",
                remedy="give what was not measured -1024 HU",
            )
        lowest, highest = min(lowest, low), max(highest, high)
    if lowest >= -NO_HU and highest <= NO_HU:
        raise ModelError(
            f"its values run from {lowest:.3g} to {highest:.3g}: rescaled, not Hounsfield units",
            place=place,
            remedy="give the CT before any normalisation",
        )


def slab_slices(slice_voxels: int, slices: int) -> int:
    """Slices of `slice_voxels` that are held at a time."""
    return max(1, min(slices, SLAB_VOXELS // slice_voxels))


def slabs(slice_voxels: int, slices: int) -> Iterator[tuple[int, int]]:
    """First slice and one past the last of each slab."""
    thick = slab_slices(slice_voxels, slices)
    for start in range(0, slices, thick):
        yield start, min(start + thick, slices)


def _touched(weights: Image) -> tuple[int, int]:
    """First row with a weight and one past the last."""
    rows = np.flatnonzero(weights.any(axis=1))
    return int(rows[0]), int(rows[-1]) + 1


def _clip(values: NDArray[np.generic], low: float, high: float, *, out: Image) -> None:
    """Values limited to low..high, as float32 into `out`."""
    np.copyto(out, values, casting="unsafe")
    np.clip(out, np.float32(low), np.float32(high), out=out)
