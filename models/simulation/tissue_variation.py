"""How bodies differ without being ill, as far as counts of Hounsfield units could take it for a finding.

Muscle holds more or less fat, the liver too, blood is thinner or thicker, and the hindmost lung is less aerated in who
lies on the back. Ranges are ours; the densities of muscle and liver are those that fatty ones have on CT (Aubrey et al.
2014, Acta Physiol 210:489; Kodama et al. 2007, AJR 188:1307).
"""

from __future__ import annotations

import numpy as np

from models.simulation.anatomy import cage_distance, dome_distance
from models.simulation.finding_canvas import Array, Canvas
from models.simulation.thorax_slice import FAT_HU

WALL_SHIFT_HU = (-45.0, 8.0)
BLOOD_SHIFT_HU = (-25.0, 15.0)
BELLY_SHIFT_HU = (-45.0, 10.0)
BELLY_FLUID_HU = (0.0, 38.0)
DEPENDENT_MM = (2.0, 26.0)
DEPENDENT_HU = (-780.0, -350.0)
_DOME_FROM_MM = 195.0


def vary_tissue(canvas: Canvas, rng: np.random.Generator) -> None:
    """Give muscle, blood and belly densities of their own, in place."""
    wall, blood, belly = (np.float32(rng.uniform(*span)) for span in (WALL_SHIFT_HU, BLOOD_SHIFT_HU, BELLY_SHIFT_HU))
    # Half of all have fluid in the belly, up to some level: it stands where fat would be.
    fluid = np.float32(rng.uniform(*BELLY_FLUID_HU))
    surface_mm = float(rng.uniform(-60, 90)) if rng.random() < 0.5 else np.inf
    axes = canvas.axes
    x, y = np.meshgrid(axes.x_mm.astype(np.float32), axes.y_mm.astype(np.float32))
    for k, z in enumerate(axes.z_mm):
        softness = _softness(canvas.hu[k])
        shift = np.where(cage_distance(x, y, float(z)) > 0, wall, blood)
        if z > _DOME_FROM_MM:
            inside = (dome_distance(x, y, float(z)) < 0) & (cage_distance(x, y, float(z)) < 0)
            shift = np.where(inside, belly, shift)
            wet = inside & (y > surface_mm) & (canvas.hu[k] > -150) & (canvas.hu[k] < -40)
            canvas.hu[k] += np.where(wet, fluid - np.float32(FAT_HU), np.float32(0))
        canvas.hu[k] += shift * softness


def draw_dependent_density(canvas: Canvas, rng: np.random.Generator) -> None:
    """A band of less aerated lung along the back, fading to the front."""
    lungs = canvas.lungs
    if not lungs.any():
        return
    y = canvas.axes.y_mm
    depth = rng.uniform(*DEPENDENT_MM) / canvas.axes.scale_xyz[1]
    back = np.where(lungs.any(axis=1), y[lungs.shape[1] - 1 - lungs[:, ::-1].argmax(axis=1)], np.inf)
    share = np.clip(1 - (back[:, None, :] - y[None, :, None]) / depth, 0, 1) ** 2
    value = np.float32(rng.uniform(*DEPENDENT_HU))
    cover = (share * lungs * (canvas.hu < value)).astype(np.float32)
    canvas.lay((slice(None), slice(None), slice(None)), cover, value)


def _softness(hu: Array) -> Array:
    """1 for muscle, blood and organs, falling to 0 at fat and at bone."""
    return np.asarray(np.interp(hu, [-60, 10, 90, 150], [0, 1, 1, 0]), dtype=np.float32)
