"""Findings in the lungs: nodules, opacities, and the small holes of emphysema.

Sizes are those of the finding's usual description (Fleischner glossary, Hansell et al. 2008, Radiology 246:697): a
nodule is rounded and up to 30 mm, an opacity of ground glass leaves vessels visible and a consolidation hides them,
centrilobular emphysema is small holes without walls, clustered. Densities and counts are ours.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from scipy.ndimage import gaussian_filter

from models.simulation.finding_canvas import Canvas, Mask, PlacedFinding, Point, box, place_in_lung, soft_ellipsoid
from models.simulation.random_fields import PlaneWaves

Drawn = tuple[Mask, list[PlacedFinding]]

NODULE_MM = (6.0, 20.0)
SMALLEST_GROUND_GLASS_MM = 10.0
OPACITY_MM = (20.0, 60.0)
EMPHYSEMA_HU = -985.0
UPPER_LUNG_MM = 150.0
"""Body level down to which the lung is the upper one here."""


def draw_nodules(canvas: Canvas, rng: np.random.Generator) -> Drawn:
    """One to three nodules of 6 to 20 mm, solid or of ground glass, apart from each other."""
    mask = np.zeros(canvas.hu.shape, dtype=bool)
    placed: list[PlacedFinding] = []
    for number in range(int(rng.choice([1, 2, 3], p=[0.5, 0.3, 0.2]))):
        # The first is never the smallest that there is: a patient with nodules has one that can be found.
        diameter = float(np.exp(rng.uniform(np.log(NODULE_MM[0] + 3 * (number == 0)), np.log(NODULE_MM[1]))))
        ground_glass = diameter > SMALLEST_GROUND_GLASS_MM and rng.random() < 0.3
        value = rng.uniform(-600, -420) if ground_glass else rng.normal(30, 15)
        place = place_in_lung(canvas, rng, diameter / 2 + 1.5, partial(_apart, canvas, placed))
        if place is None:
            continue
        radii = diameter / 2 * rng.uniform(0.88, 1.12, 3)
        size = (float(radii[0]), float(radii[1]), float(radii[2]))
        edge = float(max(canvas.spacing_kji_mm)) * (1.3 if ground_glass else 1.0)
        window, cover = soft_ellipsoid(canvas, rng, place, size, edge_mm=edge, roughness=0.07)
        cover = cover * (canvas.hu[window] < value)
        canvas.lay(window, cover, value)
        mask[window] |= cover >= 0.5
        placed.append(PlacedFinding("nodule", place, diameter))
    return mask, placed


def draw_opacities(canvas: Canvas, rng: np.random.Generator) -> Drawn:
    """One or two patches of 20 to 60 mm with soft edges, each a consolidation or ground glass, inside the lungs."""
    mask = np.zeros(canvas.hu.shape, dtype=bool)
    placed: list[PlacedFinding] = []
    for _ in range(1 if rng.random() < 0.7 else 2):
        diameter = float(np.exp(rng.uniform(np.log(OPACITY_MM[0]), np.log(OPACITY_MM[1]))))
        place = place_in_lung(canvas, rng, 0.3 * diameter)
        if place is None:
            continue
        consolidated = rng.random() < 0.5
        radii = diameter / 2 * rng.uniform(0.75, 1.2, 3)
        size = (float(radii[0]), float(radii[1]), float(radii[2]))
        edge = float(rng.uniform(6, 12))
        window, cover = soft_ellipsoid(canvas, rng, place, size, edge_mm=edge, roughness=0.16)
        texture = PlaneWaves(rng, 14.0, count=14)
        grid = np.stack(np.meshgrid(*(np.arange(part.start, part.stop) for part in window), indexing="ij"), axis=-1)
        patches = texture.at(grid.reshape(-1, 3) * np.asarray(canvas.spacing_kji_mm)).reshape(cover.shape)
        value = (rng.uniform(-120, 20) + 60 * patches) if consolidated else (rng.uniform(-680, -520) + 50 * patches)
        inside = (cover * canvas.lungs[window] * (canvas.hu[window] < value)).astype(np.float32)
        canvas.lay(window, inside, np.asarray(value, dtype=np.float32))
        own = (cover >= 0.5) & canvas.lungs[window]
        mask[window] |= own
        placed.append(PlacedFinding("opacity", middle_of(own, window), ball_mm(canvas, own)))
    return mask, placed


def draw_emphysema(canvas: Canvas, rng: np.random.Generator) -> Drawn:
    """Two to four clusters of small holes, 20 to 38 mm in radius, in the upper lungs more often than in the lower."""
    mask = np.zeros(canvas.hu.shape, dtype=bool)
    placed: list[PlacedFinding] = []
    for _ in range(int(rng.integers(2, 5))):
        lowest_mm = UPPER_LUNG_MM if rng.random() < 0.7 else np.inf
        place = place_in_lung(canvas, rng, 7.0, partial(_above, canvas, lowest_mm))
        if place is None:
            continue
        radius = float(rng.uniform(20, 38))
        window, offset = box(canvas, place, radius)
        away = np.linalg.norm(offset, axis=0) / radius
        sigma = [2.4 / step for step in canvas.spacing_kji_mm]
        field = gaussian_filter(rng.standard_normal(away.shape), [max(one, 0.55) for one in sigma], mode="wrap")
        field /= field.std()
        holes = np.clip((field - 0.1 - 1.5 * away**2) / 0.4, 0, 1)
        free = canvas.lungs[window] & (canvas.hu[window] < -640)
        cover = (0.95 * holes * free).astype(np.float32)
        canvas.lay(window, cover, EMPHYSEMA_HU)
        own = cover >= 0.5
        mask[window] |= own
        placed.append(PlacedFinding("emphysema", place, 1.3 * radius))
    return mask, placed


def ball_mm(canvas: Canvas, mask: Mask) -> float:
    """Diameter of a ball of the same volume."""
    return float(2 * (int(mask.sum()) * canvas.voxel_mm3 * 3 / (4 * np.pi)) ** (1 / 3))


def middle_of(mask: Mask, window: tuple[slice, slice, slice] | None = None) -> Point:
    """Mean column, row, slice of a mask that is not empty, in the whole volume."""
    k, j, i = (float(np.mean(found)) for found in np.nonzero(mask))
    if window is None:
        return i, j, k
    return i + window[2].start, j + window[1].start, k + window[0].start


def _above(canvas: Canvas, lowest_mm: float, place: Point) -> bool:
    return bool(canvas.axes.z_mm[int(place[2])] < lowest_mm)


def _apart(canvas: Canvas, placed: list[PlacedFinding], place: Point) -> bool:
    steps = np.asarray(canvas.spacing_kji_mm)[::-1]
    return all(np.linalg.norm((np.array(place) - each.voxel_ijk) * steps) > 30 for each in placed)
