"""Heat maps exactly as the published programs make them, defects included, to reproduce their results.

GazeMedSeg (reference: gaze_segmentation B3): a square canvas whatever the picture's shape, pixel round(768 x) - 1 where
0 wraps to the far edge, stretched to 0..1, cubic interpolation whose overshoot wraps in eight bits. The chest X-ray set
(reference: cxr_eye_gaze C3, C4): pixel int(width x) on the picture itself, one count a row.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from models.datasets.picture_case import PictureGaze
from models.gaze_segmentation.heat_maps import PictureHeatMap, preset_named, stretched, usable

Floats = NDArray[np.float64]
CUBIC_A = -0.75
"""The cubic kernel's parameter in OpenCV."""


def published_heat_map(gaze: PictureGaze | None, shape_ji: tuple[int, int], preset: str) -> PictureHeatMap:
    """As `picture_heat_map`, by the rule that the preset's program follows.

    A map without any difference is 0 everywhere instead of their division by zero.

    Raises
    ------
    ModelError
        For an unknown preset or a duration that is no time.
    """
    chosen = preset_named(preset)
    points, weights, remarks = usable(gaze, chosen.weighting)
    if len(points) == 0:
        return PictureHeatMap(np.zeros(shape_ji, dtype=np.float32), 0, remarks)
    rows, columns = shape_ji
    if chosen.canvas_px is None:
        counted = np.zeros(shape_ji, dtype=np.float32)
        pixel = np.minimum(np.trunc(points * (columns, rows)), (columns - 1, rows - 1)).astype(np.intp)
        np.add.at(counted, (pixel[:, 1], pixel[:, 0]), weights)
        return PictureHeatMap(stretched(ndimage.gaussian_filter(counted, chosen.sigma_px)), len(points), remarks)
    assert chosen.sigma_fraction is not None
    side = chosen.canvas_px
    canvas = np.zeros((side, side), dtype=np.float32)
    pixel = (np.round(points * side) - 1).astype(np.intp)
    np.add.at(canvas, (pixel[:, 1], pixel[:, 0]), 1000 * weights)
    share = stretched(ndimage.gaussian_filter(canvas, chosen.sigma_fraction * side))
    enlarged = _cubic(rows, side) @ share.astype(np.float64) @ _cubic(columns, side).T
    eight_bits = np.trunc(enlarged.astype(np.float16) * np.float16(255)).astype(np.int64) & 0xFF
    return PictureHeatMap(np.asarray(eight_bits / np.float32(255), dtype=np.float32), len(points), remarks)


def _cubic(size: int, source: int) -> Floats:
    """(size, source) weights of OpenCV's INTER_CUBIC along one axis; the border pixel is repeated."""
    place = (np.arange(size) + 0.5) * source / size - 0.5
    first = np.floor(place).astype(np.intp)
    matrix = np.zeros((size, source))
    for step in range(-1, 3):
        away = np.abs(place - first - step)
        near = (CUBIC_A + 2) * away**3 - (CUBIC_A + 3) * away**2 + 1
        far = CUBIC_A * (away**3 - 5 * away**2 + 8 * away - 4)
        weight = np.where(away <= 1, near, np.where(away < 2, far, 0.0))
        np.add.at(matrix, (np.arange(size), np.clip(first + step, 0, source - 1)), weight)
    return matrix
