"""The heart made larger or smaller by moving what lies around it; the lungs give way, wall and spine stay."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from models.simulation.anatomy import cage_distance, heart_distance
from models.simulation.finding_canvas import Array, Canvas, Mask

USUAL_SIZE = (0.93, 1.07)
ENLARGED = (1.22, 1.40)
"""Of the heart's width and depth. In the middle body the heart takes 0.45 of the chest's width: 1.22 makes that 0.55,
and more than half counts as enlarged (Danzer 1919, Am J Med Sci 157:513)."""
_MIDDLE_MM = (14.0, -24.0)
_GIVES_WAY_MM = 35.0
_LEVELS_MM = (96.0, 122.0, 205.0, 240.0)
_BACK_MM = (8.0, 45.0)


def resize_heart(canvas: Canvas, factor: float, *masks: Mask) -> None:
    """Change the heart's width and depth by a factor, in place, and carry masks along."""
    for k, source in _moved_slices(canvas, factor):
        canvas.hu[k] = map_coordinates(canvas.hu[k], source, order=1, mode="nearest")
        for mask in (canvas.lungs, *masks):
            if mask[k].any():
                mask[k] = map_coordinates(mask[k].view(np.uint8), source, order=0, mode="nearest").view(bool)


def heart_region(canvas: Canvas, factor: float) -> Mask:
    """(K, J, I) where the heart is, after it was resized by a factor: of the body's plan, without the patient's own
    deformation of a few millimetres."""
    region = np.zeros(canvas.hu.shape, dtype=bool)
    for k, source in _moved_slices(canvas, factor):
        y = np.interp(source[0], np.arange(len(canvas.axes.y_mm)), canvas.axes.y_mm).astype(np.float32)
        x = np.interp(source[1], np.arange(len(canvas.axes.x_mm)), canvas.axes.x_mm).astype(np.float32)
        region[k] = heart_distance(x, y, float(canvas.axes.z_mm[k])) < 0
    return region & ~canvas.lungs


def _moved_slices(canvas: Canvas, factor: float) -> list[tuple[int, NDArray[np.float64]]]:
    """Slices on which something moves, with the (2, J, I) rows and columns that their pixels come from."""
    axes = canvas.axes
    x, y = np.meshgrid(axes.x_mm.astype(np.float32), axes.y_mm.astype(np.float32))
    rows, columns = np.indices(x.shape).astype(np.float64)
    not_back = 1 - _smooth_step(y, *_BACK_MM)
    found = []
    for k in np.flatnonzero((axes.z_mm > _LEVELS_MM[0]) & (axes.z_mm < _LEVELS_MM[3])):
        z = float(axes.z_mm[k])
        level = float(_smooth_step(np.float32(z), *_LEVELS_MM[:2]) * (1 - _smooth_step(np.float32(z), *_LEVELS_MM[2:])))
        inside = _smooth_step(-cage_distance(x, y, z), 0.0, _GIVES_WAY_MM)
        share = (1 - 1 / factor) * level * inside * not_back
        source = np.stack(
            [
                rows - share * (y - _MIDDLE_MM[1]) / (axes.y_mm[1] - axes.y_mm[0]),
                columns - share * (x - _MIDDLE_MM[0]) / (axes.x_mm[1] - axes.x_mm[0]),
            ]
        )
        found.append((int(k), source))
    return found


def _smooth_step(value: Array | np.float32, low: float, high: float) -> Array:
    share = np.clip((value - np.float32(low)) / np.float32(high - low), 0, 1)
    return np.asarray(share * share * (3 - 2 * share), dtype=np.float32)
