"""Fluid around the lungs of a patient who lies on the back: a level surface that climbs where it meets the wall."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, generate_binary_structure

from models.simulation.finding_canvas import Canvas, Mask, PlacedFinding
from models.simulation.lung_findings import ball_mm, middle_of

Floats = NDArray[np.float64]

DEPTH_MM = (13.0, 36.0)
"""From the hindmost lung to the fluid's surface: a shallow to a moderate effusion."""
COMPRESSED_MM = (5.0, 24.0)
COMPRESSED_HU = (-650.0, -260.0)
"""Lung above the fluid that is pressed together."""
FLUID_HU = (0.0, 38.0)
"""From water to blood (transudates and exudates overlap: Nandalur et al. 2005, Clin Radiol 60:1283)."""


def draw_effusion(canvas: Canvas, rng: np.random.Generator) -> tuple[Mask, list[PlacedFinding]]:
    """Fluid behind one lung or both."""
    mask = np.zeros(canvas.hu.shape, dtype=bool)
    placed: list[PlacedFinding] = []
    left = canvas.axes.x_mm > 0
    sides = (left, ~left) if rng.random() < 0.35 else ((left,) if rng.random() < 0.5 else (~left,))
    for side in sides:
        own = _one_side(canvas, rng, canvas.lungs & side)
        if own.any():
            mask |= own
            placed.append(PlacedFinding("effusion", middle_of(own), ball_mm(canvas, own)))
    canvas.lungs &= ~mask
    return mask, placed


def _one_side(canvas: Canvas, rng: np.random.Generator, lung: Mask) -> Mask:
    if not lung.any():
        return lung
    y, x, z = canvas.axes.y_mm, canvas.axes.x_mm, canvas.axes.z_mm
    back = y[np.flatnonzero(lung.any(axis=(0, 2)))[-1]]
    depth = rng.uniform(*DEPTH_MM) / canvas.axes.scale_xyz[1]
    lowest = z[np.flatnonzero(lung.any(axis=(1, 2)))[-1]]
    # The surface sinks towards the head: the lung's base swims up most.
    level = (back - depth + 0.07 * np.maximum(lowest - 60 - z, 0))[:, None]
    behind = np.asarray(lung[:, y > back - 60].any(axis=1))
    first, last = _ends(behind, x)
    across = np.clip(2 * (x[None, :] - first) / np.maximum(last - first, 1.0) - 1, -1.2, 1.2)
    level = level - rng.uniform(8, 18) * across**4
    soft = abs(y[1] - y[0]) * 1.3
    cover = np.clip(0.5 + (y[None, :, None] - level[:, None, :]) / soft, 0, 1).astype(np.float32)
    fluid = (cover >= 0.5) & lung
    # Voxels that lung and wall share hold fluid too, else a dark line would stay between fluid and wall.
    rim = binary_dilation(fluid, generate_binary_structure(3, 1)) & ~lung
    whole = (slice(None), slice(None), slice(None))
    above = (level[:, None, :] - y[None, :, None]) / (rng.uniform(*COMPRESSED_MM) / canvas.axes.scale_xyz[1])
    pressed = np.float32(rng.uniform(*COMPRESSED_HU))
    # Lung that no fluid lies behind is not pressed.
    share = np.clip(1 - above, 0, 1) * lung * fluid.any(axis=1, keepdims=True) * (canvas.hu < pressed)
    canvas.lay(whole, share.astype(np.float32), pressed)
    value = np.float32(rng.uniform(*FLUID_HU))
    cover = np.where(lung, cover, np.where(rim & (canvas.hu < value), np.float32(1), np.float32(0)))
    canvas.lay(whole, cover, value)
    return fluid


def _ends(found_ki: Mask, x_mm: Floats) -> tuple[Floats, Floats]:
    """(K, 1) first and last body coordinate of what is found on each slice; where nothing is, of the whole stack."""
    overall = np.flatnonzero(found_ki.any(axis=0))
    low, high = (x_mm[overall[0]], x_mm[overall[-1]]) if len(overall) else (x_mm[0], x_mm[-1])
    some = found_ki.any(axis=1)
    first = np.where(some, x_mm[found_ki.argmax(axis=1)], low)
    last = np.where(some, x_mm[found_ki.shape[1] - 1 - found_ki[:, ::-1].argmax(axis=1)], high)
    return first[:, None], last[:, None]
