"""From a CT volume to what CT-Scroll is given: S-L-P axes, its spacing, its range of Hounsfield units, its size.

Published steps and constants (reference: CT-Scroll, A1). The published code reads volumes that somebody oriented and
resampled before; kernel and anti-aliasing are ours.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from models.ct_scroll.resampling import resampled
from models.ct_scroll.settings import MEAN_OF_IMAGENET, ScrollSettings
from models.ct_scroll.tokens import TokenMap, slp_grids, slp_view, token_map
from models.features.chest import check_chest
from models.volumes import CanonicalFrame, CtVolume

Progress = Callable[[int, int], None]
Stop = Callable[[], bool]


@dataclass(frozen=True, eq=False)
class ScrollInput:
    """A prepared volume.

    Attributes
    ----------
    values
        (S, L, P) float32: caudal to cranial, right to left, anterior to posterior; -0.449 is air, and the padding.
    tokens
        Where its triplets of slices lie.
    """

    values: NDArray[np.float32] = field(repr=False)
    tokens: TokenMap


def scroll_input(
    volume: CtVolume,
    settings: ScrollSettings,
    *,
    progress: Progress | None = None,
    cancelled: Stop | None = None,
) -> ScrollInput:
    """Prepare a volume, whatever its orientation, spacing and order of slices.

    Axes are found by the affine, permuted and flipped, then resampled along each of them: linear, averaged over the new
    voxel's width where it is the larger one. Then Hounsfield units are clipped and scaled, and the middle is cropped or
    padded with air. A tilted gantry keeps its tilt. Memory beside volume and result: a few slices.

    Parameters
    ----------
    progress
        Called with slices done and in all.
    cancelled
        Asked before each slice.

    Raises
    ------
    ModelError
        As `models.features.chest.check_chest`.
    Cancelled
        `cancelled` said so.
    """
    check_chest(volume)
    frame = CanonicalFrame.of(volume.shape_kji, volume.affine_lps)
    grids = slp_grids(frame, settings)
    values = resampled(
        slp_view(volume, frame), grids, padding=settings.hu_range[0], progress=progress, cancelled=cancelled
    )
    return ScrollInput(scaled(values, settings), token_map(volume, settings))


def scaled(hu: NDArray[np.float32], settings: ScrollSettings) -> NDArray[np.float32]:
    """Hounsfield units clipped to the range, 0..1 in it, less ImageNet's mean; in place."""
    low, high = settings.hu_range
    np.clip(hu, low, high, out=hu)
    hu -= low
    hu /= high - low
    hu -= MEAN_OF_IMAGENET
    return hu
