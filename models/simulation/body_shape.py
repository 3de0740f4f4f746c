"""A drawn body changed in shape: the heart larger or smaller than planned, the chest wall thicker or thinner.

What is drawn moves with what it lies in. The skin stays where it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from models.simulation.anatomy import cage_distance, heart_distance
from models.simulation.finding_canvas import Array, Canvas, Mask

USUAL_HEART = (0.93, 1.07)
ENLARGED_HEART = (1.22, 1.40)
"""Of the heart's width and depth. In the middle body the heart takes 0.45 of the chest's width: 1.22 makes that 0.55,
and more than half counts as enlarged (Danzer 1919, Am J Med Sci 157:513)."""
INNER_SIZE = (0.84, 1.11)
"""Of everything inside the chest wall: under 1 the wall is thicker. Ours."""
_HEART_MIDDLE_MM = (14.0, -24.0)
_GIVES_WAY_MM = 35.0
_HEART_LEVELS_MM = (96.0, 122.0, 205.0, 240.0)
_BACK_MM = (8.0, 45.0)
_INNER_MIDDLE_MM = (0.0, 5.0)
_WALL_MM = 28.0
_EDGE_MM = 30.0


@dataclass(frozen=True)
class BodyShape:
    """Factors on width and depth.

    Attributes
    ----------
    heart
        Of the heart beside what lies around it; the lungs give way, wall and spine stay.
    inner
        Of everything inside the rib cage; the wall gives way.
    """

    heart: float
    inner: float

    @classmethod
    def draw(cls, rng: np.random.Generator, *, enlarged: bool) -> BodyShape:
        """A patient's; the wall does not depend on whether the heart is enlarged."""
        inner, share = rng.uniform(*INNER_SIZE), rng.random()
        low, high = ENLARGED_HEART if enlarged else USUAL_HEART
        return cls(float(low + share * (high - low)), float(inner))


def reshape_body(canvas: Canvas, shape: BodyShape, *masks: Mask) -> Mask:
    """Give the body a shape, in place, and carry masks along.

    Returns
    -------
    ndarray
        (K, J, I) where the heart is: of the body's plan, without the patient's own deformation of a few millimetres.
    """
    axes = canvas.axes
    heart = np.zeros(canvas.hu.shape, dtype=bool)
    x, y = np.meshgrid(axes.x_mm.astype(np.float32), axes.y_mm.astype(np.float32))
    # Nothing moves over the edge of the round field of view: beyond it nothing was measured.
    middle_x, middle_y = (0.5 * (axis[0] + axis[-1]) for axis in (axes.x_mm, axes.y_mm))
    from_edge = 0.5 * (axes.x_mm[-1] - axes.x_mm[0]) - np.hypot(x - middle_x, y - middle_y)
    free = _smooth_step(from_edge, 0.0, _EDGE_MM)
    steps = (axes.x_mm[1] - axes.x_mm[0], axes.y_mm[1] - axes.y_mm[0])
    for k, z in enumerate(axes.z_mm):
        from_x, from_y = _sources(x, y, float(z), shape, free)
        at = np.stack([(from_y - axes.y_mm[0]) / steps[1], (from_x - axes.x_mm[0]) / steps[0]])
        canvas.hu[k] = map_coordinates(canvas.hu[k], at, order=1, mode="nearest", prefilter=False)
        for mask in (canvas.lungs, *masks):
            if mask[k].any():
                mask[k] = map_coordinates(mask[k].view(np.uint8), at, order=0, mode="nearest").view(bool)
        if _HEART_LEVELS_MM[0] < z < _HEART_LEVELS_MM[3]:
            heart[k] = heart_distance(from_x, from_y, float(z)) < 0
    return heart & ~canvas.lungs


def _sources(x: Array, y: Array, z: float, shape: BodyShape, free: Array) -> tuple[Array, Array]:
    """Body coordinates that the places x, y on a slice show after the change; none where `free` is 0."""
    inside = free * (1 - _smooth_step(cage_distance(x, y, z) * np.float32(shape.inner), 0.0, _WALL_MM))
    grown = inside * np.float32(1 - 1 / shape.inner)
    x = x - grown * (x - np.float32(_INNER_MIDDLE_MM[0]))
    y = y - grown * (y - np.float32(_INNER_MIDDLE_MM[1]))
    level = float(_smooth_step(z, *_HEART_LEVELS_MM[:2])) * (1 - float(_smooth_step(z, *_HEART_LEVELS_MM[2:])))
    if level == 0:
        return x, y
    lung = _smooth_step(-cage_distance(x, y, z), 0.0, _GIVES_WAY_MM) * (1 - _smooth_step(y, *_BACK_MM))
    grown = np.float32(level * (1 - 1 / shape.heart)) * free * lung
    x_moved = x - grown * (x - np.float32(_HEART_MIDDLE_MM[0]))
    y_moved = y - grown * (y - np.float32(_HEART_MIDDLE_MM[1]))
    return x_moved, y_moved


def _smooth_step(value: NDArray[np.floating] | float, low: float, high: float) -> Array:
    share = np.clip((np.asarray(value, dtype=np.float32) - np.float32(low)) / np.float32(high - low), 0, 1)
    return np.asarray(share * share * (3 - 2 * share), dtype=np.float32)
