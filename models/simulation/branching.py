"""Trees that fill a region by repeated splitting, as airways and pulmonary vessels do."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.simulation.swept_tubes import Tubes

MURRAY_EXPONENT = 2.8
"""Parent radius**e is the sum over its children; 3 by Murray (1926), 2.3 to 3 measured in pulmonary arteries."""


def grow_tree(
    rng: np.random.Generator,
    root_mm: NDArray[np.floating],
    heading: NDArray[np.floating],
    targets_mm: NDArray[np.floating],
    *,
    leaf_radius_mm: float,
    exponent: float = MURRAY_EXPONENT,
    sample_mm: float = 0.5,
) -> Tubes:
    """Grow a binary tree from a root so that one twig ends at every target.

    Each branch splits its targets in two across their longest axis and sends one child part of the way to the middle of
    each half (volume filling of Kitaoka et al. 1999, J Appl Physiol 87:2207, simplified); children leave along the
    parent's direction and bend, so that branches are curved.

    Parameters
    ----------
    root_mm, heading
        (3,) where the tree starts and its first direction.
    targets_mm
        (N, 3), N at least 1.
    leaf_radius_mm
        Radius of the twigs; every other radius follows by `exponent`.
    sample_mm
        Largest distance between two balls along a branch.
    """
    starts: list[NDArray[np.float64]] = []
    ends: list[NDArray[np.float64]] = []
    parents: list[int] = []
    stack: list[tuple[NDArray[np.float64], int, NDArray[np.float64]]] = [
        (np.asarray(root_mm, dtype=np.float64), -1, np.asarray(targets_mm, dtype=np.float64))
    ]
    while stack:
        start, parent, targets = stack.pop()
        if len(targets) == 1:
            halves = [targets]
        else:
            centred = targets - targets.mean(axis=0)
            axis = _longest_axis(centred) + rng.normal(0, 0.25, 3)
            order = np.argsort(centred @ axis)
            cut = min(max(round(len(order) * rng.uniform(0.3, 0.7)), 1), len(order) - 1)
            halves = [targets[order[:cut]], targets[order[cut:]]]
        for half in halves:
            reach = 1.0 if len(half) == 1 else rng.uniform(0.3, 0.48)
            end = start + reach * (half.mean(axis=0) - start)
            starts.append(start)
            ends.append(end)
            parents.append(parent)
            if len(half) > 1:
                stack.append((end, len(starts) - 1, half))
    parent_of = np.asarray(parents)
    flow = np.zeros(len(parent_of))
    is_leaf = np.ones(len(parent_of), dtype=bool)
    is_leaf[parent_of[parent_of >= 0]] = False
    flow[is_leaf] = leaf_radius_mm**exponent
    # A branch is always stored after its parent, so that one backward pass adds up the flow.
    for branch in range(len(parent_of) - 1, -1, -1):
        if parent_of[branch] >= 0:
            flow[parent_of[branch]] += flow[branch]
    return _curved_branches(
        np.array(starts), np.array(ends), parent_of, flow ** (1 / exponent), np.asarray(heading), sample_mm
    )


def _longest_axis(centred: NDArray[np.float64]) -> NDArray[np.float64]:
    """Unit vector along which points spread most, by power iteration: unlike an eigensolver's, its sign is defined."""
    spread = centred.T @ centred
    axis = np.eye(3)[int(np.argmax(np.diag(spread)))]
    for _ in range(8):
        axis = spread @ axis
        axis /= np.sqrt(axis @ axis)
    return axis


def _curved_branches(
    start: NDArray[np.float64],
    end: NDArray[np.float64],
    parent_of: NDArray[np.intp],
    radius: NDArray[np.float64],
    heading: NDArray[np.float64],
    sample_mm: float,
) -> Tubes:
    chord = end - start
    length = np.linalg.norm(chord, axis=1)
    direction = chord / np.maximum(length, 1e-6)[:, None]
    incoming = np.where((parent_of >= 0)[:, None], direction[parent_of], heading / np.linalg.norm(heading))
    control = start + 0.4 * length[:, None] * (0.6 * incoming + 0.4 * direction)
    count = np.maximum(np.ceil(length / np.maximum(sample_mm, 0.45 * radius)), 2).astype(np.intp)
    branch = np.repeat(np.arange(len(count)), count)
    within = np.arange(len(branch)) - np.repeat(np.cumsum(count) - count, count)
    t = ((within + 1) / count[branch])[:, None]
    points = (1 - t) ** 2 * start[branch] + 2 * t * (1 - t) * control[branch] + t**2 * end[branch]
    wide = np.where(parent_of >= 0, radius[parent_of], radius)
    # Radius narrows over the first third of a branch instead of in one step at the fork.
    share = np.clip(3 * t[:, 0], 0, 1)
    radii = np.minimum(wide, 1.25 * radius)[branch] * (1 - share) + radius[branch] * share
    return Tubes(points, radii, radii)
