"""What a network with its own encoder takes: canonical orientation, HU windows, averaged to a fixed shape."""

from __future__ import annotations

import numpy as np

from models.ct_searcher.settings import SearcherSettings
from models.errors import ModelError
from models.features.resampling import Image, Progress, Stop, area_weights, resampled
from models.volumes import FEWEST_SLICES, CanonicalFrame, CtVolume

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

    Averages are exact: each voxel, clipped to the HU window first (`resampling.resampled`), counts with the share of it
    that lies in the cell. Volumes stored in another orientation or order of slices give the same array, bit for bit.
    Memory beside the volume and the result: one slab of 8 MiB and its averages.

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
    along, down, across = (
        area_weights(before, after) for before, after in zip(canonical.shape, settings.input_shape_kji, strict=True)
    )
    return resampled(canonical, (along, down, across), settings.windows_hu, progress=progress, cancelled=cancelled)


def check_volume(volume: CtVolume) -> None:
    """Refuse what no path through slices can be predicted for.

    Raises
    ------
    ModelError
        Fewer than `FEWEST_SLICES` slices, values that are no numbers, or none that could be Hounsfield units.
    """
    k, j, i = CanonicalFrame.of(volume.shape_kji, volume.affine_lps).canonical_shape_kji
    place = volume.case or "volume"
    if k < FEWEST_SLICES or min(j, i) < 2:
        raise ModelError(
            f"slices x rows x columns are {k} x {j} x {i}; a volume has at least {FEWEST_SLICES} slices",
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
