"""What lies inside the lungs: vessel and airway trees, fissures and nodules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from models.simulation.anatomy import Slice, cage_distance, distances_on_slice
from models.simulation.branching import grow_tree
from models.simulation.great_vessels import PULMONARY_ROOTS
from models.simulation.swept_tubes import Tubes, join

NoduleKind = Literal["solid", "ground_glass", "juxta_pleural"]
NODULE_KINDS: tuple[NoduleKind, ...] = ("solid", "ground_glass", "juxta_pleural")

_COARSE_MM = 4.0
_TWIGS = {"artery": 2800, "vein": 2100, "airway": 30}
_LEAF_RADIUS_MM = {"artery": 0.38, "vein": 0.36, "airway": 0.8}
_SMALLEST_DEPTH_MM = 3.0
_MINIMUM_NODULE_SEPARATION_MM = 35.0
_VESSEL_CLEARANCE_MM = 2.5
_SMALLEST_CONFUSING_RADIUS_MM = 1.0
_PLACES_TRIED = 40


@dataclass(frozen=True)
class NoduleSpec:
    """A nodule to place: diameter in mm and kind."""

    diameter_mm: float
    kind: NoduleKind = "solid"


@dataclass(frozen=True)
class PlacedNodule:
    """A nodule in body coordinates."""

    centre_mm: tuple[float, float, float]
    diameter_mm: float
    kind: NoduleKind


@dataclass(frozen=True)
class LungMap:
    """The lungs on a coarse grid.

    Attributes
    ----------
    points_mm
        float64 (N, 3) grid points inside a lung.
    depth_mm
        float64 (N,) distance from each to the nearest lung surface.
    """

    points_mm: NDArray[np.float64]
    depth_mm: NDArray[np.float64]


def map_lungs() -> LungMap:
    """Sample the lungs every 4 mm, from apex to base."""
    from scipy.ndimage import distance_transform_edt

    axis = np.arange(-140, 141, _COARSE_MM)
    levels = np.arange(0, 321, _COARSE_MM)
    x, y = np.meshgrid(axis.astype(np.float32), axis.astype(np.float32))
    inside = np.stack([distances_on_slice(x, y, float(z)).lung < 0 for z in levels])
    depth = distance_transform_edt(inside, sampling=_COARSE_MM)
    k, j, i = np.nonzero(inside)
    return LungMap(np.stack([axis[i], axis[j], levels[k]], axis=1), np.asarray(depth[k, j, i]))


def fissure_distance(x: Slice, y: Slice, z: float) -> Slice:
    """Unsigned distance to the nearest fissure: oblique on both sides, horizontal on the right; large elsewhere."""
    oblique = _above_oblique(x, y, z) / np.float32(1.35)
    horizontal = (z - 128 - 0.05 * (y + 40) + 0.0016 * (x + 80) ** 2) / np.float32(1.03)
    horizontal = np.where((x < 0) & (oblique > 0), np.abs(horizontal), np.float32(1e3))
    return np.asarray(np.minimum(np.abs(oblique), horizontal), dtype=np.float32)


def _above_oblique(
    x: NDArray[np.floating], y: NDArray[np.floating], z: float | NDArray[np.floating]
) -> NDArray[np.floating]:
    bow = 0.0025 * (np.abs(x) - 70) ** 2
    return np.asarray(138 - 0.95 * (y - 10) - z + bow, dtype=x.dtype)


def _lobe(points: NDArray[np.float64]) -> NDArray[np.intp]:
    above = _above_oblique(points[:, 0], points[:, 1], points[:, 2]) > 0
    middle = above & (points[:, 0] < 0) & (points[:, 2] > 128)
    return np.asarray(np.where(middle, 2, np.where(above, 1, 0)), dtype=np.intp)


def grow_trees(rng: np.random.Generator, lungs: LungMap) -> tuple[Tubes, Tubes]:
    """Grow the pulmonary vessels and the bronchi, lobe by lobe.

    Returns
    -------
    vessels, airways
        Outer tubes; the radius of an airway is that of its air.
    """
    vessels: list[Tubes] = []
    airways: list[Tubes] = []
    deep = lungs.depth_mm > _SMALLEST_DEPTH_MM
    points = lungs.points_mm[deep]
    lobes = _lobe(points)
    for side, kind, root, heading in PULMONARY_ROOTS:
        on_side = (points[:, 0] < 0) == (side == "right")
        for lobe in range(3):
            region = points[on_side & (lobes == lobe)]
            count = round(_TWIGS[kind] * len(region) / max(int(on_side.sum()), 1))
            if count < 2:
                continue
            targets = region[rng.choice(len(region), count, replace=False)]
            targets = targets + rng.uniform(-_COARSE_MM / 2, _COARSE_MM / 2, targets.shape)
            if kind == "airway":
                # Bronchi are seen only in the inner half of the lungs.
                targets = np.asarray(root) + 0.62 * (targets - np.asarray(root))
            tree = grow_tree(rng, np.asarray(root), np.asarray(heading), targets, leaf_radius_mm=_LEAF_RADIUS_MM[kind])
            (airways if kind == "airway" else vessels).append(tree)
    return join(vessels), join(airways)


def place_nodules(
    rng: np.random.Generator,
    lungs: LungMap,
    specs: Sequence[NoduleSpec],
    vessels: Tubes,
    *,
    low_mm: tuple[float, float, float],
    high_mm: tuple[float, float, float],
) -> tuple[PlacedNodule, ...]:
    """Choose a place for each nodule: in a lung, apart from the others, clear of large `vessels`, inside the box.

    Raises
    ------
    ValueError
        When the box holds no place for a nodule.
    """
    placed: list[PlacedNodule] = []
    root = np.array([[-42.0, 10.0, 121.0], [46.0, 12.0, 120.0]])
    from_root = np.linalg.norm(lungs.points_mm[:, None] - root, axis=2).min(axis=1)
    for spec in specs:
        radius = spec.diameter_mm / 2
        margin = radius + 3
        usable = (from_root > 40) & np.all(lungs.points_mm > np.add(low_mm, margin), axis=1)
        usable &= np.all(lungs.points_mm < np.subtract(high_mm, margin), axis=1)
        if spec.kind == "juxta_pleural":
            usable &= (lungs.depth_mm < radius + 2 * _COARSE_MM) & (np.abs(lungs.points_mm[:, 0]) > 60)
            usable &= (lungs.points_mm[:, 2] < 200) & (lungs.points_mm[:, 2] > 50)
        else:
            usable &= lungs.depth_mm > radius + 9
        for other in placed:
            apart = np.linalg.norm(lungs.points_mm - np.asarray(other.centre_mm), axis=1)
            usable &= apart > _MINIMUM_NODULE_SEPARATION_MM
        choices = np.flatnonzero(usable)
        if not len(choices):
            raise ValueError("no place left in the lungs for a nodule")
        tries = rng.choice(choices, min(len(choices), _PLACES_TRIED), replace=False)
        centres = lungs.points_mm[tries] + rng.uniform(-_COARSE_MM / 2, _COARSE_MM / 2, (len(tries), 3))
        if spec.kind == "juxta_pleural":
            centres = np.array([_against_the_wall(centre, radius) for centre in centres])
        centre = centres[int(np.argmax(np.minimum(_clearance(centres, vessels) - radius, _VESSEL_CLEARANCE_MM)))]
        placed.append(PlacedNodule((float(centre[0]), float(centre[1]), float(centre[2])), spec.diameter_mm, spec.kind))
    return tuple(placed)


def _clearance(centres: NDArray[np.float64], vessels: Tubes) -> NDArray[np.float64]:
    """Distance from each centre to the nearest vessel that could be taken for a nodule, or hide one."""
    large = vessels.radii_mm > _SMALLEST_CONFUSING_RADIUS_MM
    places, radii = vessels.centres_mm[large], vessels.radii_mm[large]
    return np.array([(np.linalg.norm(places - centre, axis=1) - radii).min() for centre in centres])


def _against_the_wall(centre: NDArray[np.float64], radius: float) -> NDArray[np.float64]:
    """Move a point outward at its level until its ball touches the rib cage with about a fifth of its diameter."""
    outward = np.array([centre[0], centre[1] - 5.0])
    outward /= np.linalg.norm(outward)
    steps = np.arange(0.0, 60.0, 0.5)
    path = centre[:2] + steps[:, None] * outward
    depth = cage_distance(path[:, 0].astype(np.float32)[None], path[:, 1].astype(np.float32)[None], float(centre[2]))[0]
    chosen = path[int(np.argmin(np.abs(depth + 0.75 * radius)))]
    return np.array([chosen[0], chosen[1], centre[2]])
