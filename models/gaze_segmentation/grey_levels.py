"""A picture as levels 0..255, as the random field compares them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.errors import ModelError
from models.volumes import PictureVolume

HIGHEST_LEVEL = 255.0


def picture_levels(
    picture: PictureVolume, window: tuple[float, float] | None = None, *, eight_bits: bool = False
) -> NDArray[np.float32]:
    """(rows, columns, 3) of a colour picture as it is; (rows, columns) of a grey one, stretched.

    Parameters
    ----------
    picture
        One slice.
    window
        Centre and width in the picture's units, for CT; None: from the smallest value to the largest, as published for
        MR. A picture of one value only is 0.
    eight_bits
        Cut to whole levels, as published.

    Raises
    ------
    ModelError
        When it has several slices, holds no number, or a window is asked for on a colour picture.
    """
    if picture.shape_kji[0] != 1:
        raise ModelError(f"{picture.shape_kji[0]} slices where one picture is needed", place=picture.case)
    values = picture.values[0].astype(np.float32)
    if picture.is_colour:
        if window is not None:
            raise ModelError("a colour picture has no window", place=picture.case, remedy="leave the window out")
        return values
    if not np.isfinite(values).all():
        raise ModelError("a pixel is no number", place=picture.case, remedy="restore it from a copy")
    low, high = (float(values.min()), float(values.max())) if window is None else _ends(window)
    if not high > low:
        return np.zeros(values.shape, dtype=np.float32)
    levels = np.clip((values - low) / (high - low), 0, 1) * HIGHEST_LEVEL
    return np.asarray(np.trunc(levels) if eight_bits else levels, dtype=np.float32)


def _ends(window: tuple[float, float]) -> tuple[float, float]:
    centre, width = window
    if not width > 0:
        raise ModelError(f"a window of width {width:g}", remedy="give a width above 0")
    return centre - width / 2, centre + width / 2
