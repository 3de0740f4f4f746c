"""Lime in the wall of the aorta and of the coronary arteries, and, in everybody, in the rib cartilage."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.simulation.anatomy import heart_distance
from models.simulation.finding_canvas import Canvas, Mask, PlacedFinding, Point, soft_ellipsoid
from models.simulation.great_vessels import AORTA
from models.simulation.lung_findings import middle_of
from models.simulation.skeleton import costal_cartilage
from models.simulation.swept_tubes import along

Floats = NDArray[np.float64]

LIME_HU = (350.0, 900.0)
LEAST_COVER = 0.15
"""Share of a voxel: less lime would not be seen."""
_CORONARY_LEVELS_MM = (136.0, 196.0)
_CORONARY_BEARINGS_DEG = (-75.0, -110.0, -150.0, 20.0)
"""Seen from the middle of the heart on a slice, 0 to the patient's left, -90 to the front: anterior descending and its
diagonal branch, right and circumflex artery. The bearings are ours."""
_HEART_MIDDLE_MM = (12.0, -26.0)


def draw_plaques(canvas: Canvas, rng: np.random.Generator) -> tuple[Mask, list[PlacedFinding]]:
    """Four to eleven plaques along the aorta's wall and the coronary arteries."""
    places = np.concatenate(
        [_on_aorta(rng, int(rng.integers(2, 7))), _on_coronary_arteries(rng, int(rng.integers(2, 6)))]
    )
    mask = np.zeros(canvas.hu.shape, dtype=bool)
    placed: list[PlacedFinding] = []
    for place in canvas.body_to_voxel(places):
        own = _speck(canvas, rng, place, float(rng.uniform(2.2, 4.2)))
        if own.any():
            mask |= own
            placed.append(PlacedFinding("calcification", middle_of(own), 6.0))
    return mask, placed


def draw_cartilage_lime(canvas: Canvas, rng: np.random.Generator) -> None:
    """Specks in the rib cartilage, which say nothing: from none to many, whatever the patient has."""
    centres = costal_cartilage().centres_mm
    chosen = centres[rng.choice(len(centres), int(rng.integers(0, 30)))]
    for place in canvas.body_to_voxel(chosen + rng.normal(0, 2.0, chosen.shape)):
        _speck(canvas, rng, place, float(rng.uniform(2.0, 4.5)))


def _speck(canvas: Canvas, rng: np.random.Generator, place: Floats, radius_mm: float) -> Mask:
    mask = np.zeros(canvas.hu.shape, dtype=bool)
    if (place < 1).any() or (place > np.array(canvas.hu.shape[::-1]) - 2).any():
        return mask
    centre: Point = (float(place[0]), float(place[1]), float(place[2]))
    radii = radius_mm * rng.uniform(0.7, 1.4, 3)
    size: Point = (float(radii[0]), float(radii[1]), float(radii[2]))
    value = float(rng.uniform(*LIME_HU))
    edge = float(max(canvas.spacing_kji_mm))
    window, cover = soft_ellipsoid(canvas, rng, centre, size, edge_mm=edge, roughness=0.1)
    # Lime lies in soft tissue: what is bone or lung stays as it is.
    cover = cover * ((canvas.hu[window] > -200) & (canvas.hu[window] < value))
    highest = float(cover.max(initial=0.0))
    if highest < LEAST_COVER:
        return mask
    canvas.lay(window, cover, value)
    mask[window] = cover >= min(0.4, highest)
    return mask


def _on_aorta(rng: np.random.Generator, count: int) -> Floats:
    aorta = along(AORTA)
    # From the arch on: the root, in the heart, has the least.
    usable = np.flatnonzero(np.arange(len(aorta.radii_mm)) > 0.2 * len(aorta.radii_mm))
    middle = rng.choice(usable, max(count // 3, 1))
    chosen = np.clip(rng.choice(middle, count) + rng.integers(-12, 13, count), usable[0], usable[-1])
    ways = rng.standard_normal((count, 3))
    along_vessel = aorta.centres_mm[np.minimum(chosen + 1, usable[-1])] - aorta.centres_mm[chosen - 1]
    along_vessel /= np.linalg.norm(along_vessel, axis=1, keepdims=True)
    ways -= (ways * along_vessel).sum(axis=1, keepdims=True) * along_vessel
    ways /= np.linalg.norm(ways, axis=1, keepdims=True)
    return np.asarray(aorta.centres_mm[chosen] + ways * (aorta.radii_mm[chosen, None] - 1.0))


def _on_coronary_arteries(rng: np.random.Generator, count: int) -> Floats:
    reach = np.arange(5.0, 90.0, 1.0, dtype=np.float32)
    places = []
    for _ in range(count):
        bearing = np.radians(float(rng.choice(_CORONARY_BEARINGS_DEG)) + rng.normal(0, 6))
        level = float(rng.uniform(*_CORONARY_LEVELS_MM))
        x = _HEART_MIDDLE_MM[0] + reach * np.float32(np.cos(bearing))
        y = _HEART_MIDDLE_MM[1] + reach * np.float32(np.sin(bearing))
        outside = np.flatnonzero(heart_distance(x[None], y[None], level)[0] > -1.5)
        step = int(outside[0]) if len(outside) else 0
        places.append((float(x[step]), float(y[step]), level))
    return np.array(places)
