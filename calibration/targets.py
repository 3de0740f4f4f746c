"""Where the targets of a calibration or validation stand, in `screen_px`.

A validation on the points that the fit has seen flatters it (reference: Tobii Pro Lab's own calibration numbers do so),
therefore `validation_targets` keeps a distance in degrees from every point that it is told about.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibration.geometry import ScreenGeometry

GRID_MARGIN = 0.10
"""Share of width and height left free on each side: a 3 x 3 grid stands at 10, 50 and 90 %."""

UNSEEN_DISTANCE_DEG = 2.0
"""A validation point closer than this to a fitted point would measure the fit's memory (our choice)."""

CANDIDATES_PER_POINT = 64
TRIES_PER_POINT = 40


def grid_targets(
    geometry: ScreenGeometry,
    rows: int = 3,
    columns: int = 3,
    margin: float = GRID_MARGIN,
    *,
    shuffle_seed: int | None = None,
) -> NDArray[np.float64]:
    """Points of a regular grid.

    Parameters
    ----------
    margin
        Share (0..0.5) of width and height that stays free at each edge.
    shuffle_seed
        None keeps reading order; a number shuffles reproducibly. The point nearest the centre always comes first.

    Returns
    -------
    (rows * columns, 2) `screen_px`.

    Raises
    ------
    ValueError
        No row or column, or a margin that leaves no area.
    """
    if rows < 1 or columns < 1 or not 0.0 <= margin < 0.5:
        raise ValueError(f"a grid needs rows, columns and a margin of 0 to 0.5: {rows} x {columns}, {margin}")
    points = geometry.norm_to_px([(x, y) for y in _spread(rows, margin) for x in _spread(columns, margin)])
    return _centre_first(points, geometry, shuffle_seed)


def random_targets(
    geometry: ScreenGeometry,
    count: int,
    seed: int,
    minimum_separation_deg: float = 3.0,
    *,
    margin: float = GRID_MARGIN,
    exclude: ArrayLike | None = None,
    exclude_distance_deg: float = UNSEEN_DISTANCE_DEG,
) -> NDArray[np.float64]:
    """Seeded random dots that fill the area evenly (Mitchell's best candidate: the loneliest of 64 proposals).

    Parameters
    ----------
    minimum_separation_deg
        Least visual angle between two dots.
    exclude
        (N, 2) `screen_px` of points to stay `exclude_distance_deg` away from.

    Returns
    -------
    (count, 2) `screen_px`, the same for the same seed and geometry.

    Raises
    ------
    ValueError
        The dots do not fit with this separation.
    """
    if count < 1 or not 0.0 <= margin < 0.5:
        raise ValueError(f"random dots need a count of 1 or more and a margin of 0 to 0.5: {count}, {margin}")
    random = np.random.default_rng(seed)
    low, high = np.full(2, margin), np.full(2, 1.0 - margin)
    avoided = _points(exclude)
    chosen = np.empty((0, 2))
    for _ in range(count):
        for _ in range(TRIES_PER_POINT):
            proposals = geometry.norm_to_px(random.uniform(low, high, size=(CANDIDATES_PER_POINT, 2)))
            to_chosen = _nearest_deg(geometry, proposals, chosen)
            to_avoided = _nearest_deg(geometry, proposals, avoided)
            allowed = (to_chosen >= minimum_separation_deg) & (to_avoided >= exclude_distance_deg)
            if allowed.any():
                loneliness = np.where(allowed, np.minimum(to_chosen, to_avoided), -np.inf)
                chosen = np.vstack([chosen, proposals[int(np.argmax(loneliness))]])
                break
        else:
            raise ValueError(
                f"{count} dots do not fit on this screen with {minimum_separation_deg:g} degrees between them"
                f" and {exclude_distance_deg:g} degrees from {len(avoided)} other points"
            )
    return chosen


def validation_targets(
    pattern: str,
    geometry: ScreenGeometry,
    seen_px: ArrayLike | None,
    *,
    count: int = 8,
    seed: int = 0,
    minimum_distance_deg: float = UNSEEN_DISTANCE_DEG,
) -> NDArray[np.float64]:
    """Points for a validation, all at least `minimum_distance_deg` from every point that the fit has seen.

    Parameters
    ----------
    pattern
        "grid": two rows between those of the calibration grid, a point that stands too close to a seen one moves to the
        nearest free place. "random": seeded dots.
    seen_px
        (N, 2) `screen_px`; None or empty when there was no fit.
    count
        Number of points; the grid needs an even one.

    Raises
    ------
    ValueError
        Unknown pattern, or no room.
    """
    seen = _points(seen_px)
    if pattern == "random":
        separation_deg = min(3.0, 0.35 * _area_side_deg(geometry, GRID_MARGIN) / np.sqrt(count))
        return random_targets(
            geometry, count, seed, separation_deg, exclude=seen, exclude_distance_deg=minimum_distance_deg
        )
    if pattern != "grid":
        raise ValueError(f"a validation pattern is grid or random, not {pattern!r}")
    if count < 2 or count % 2:
        raise ValueError(f"a validation grid has two rows, so an even count: {count}")
    columns = count // 2
    x = (np.arange(columns) + 0.5) / columns
    wanted = geometry.norm_to_px([(a, b) for b in (0.27, 0.73) for a in 0.5 + (x - 0.5) * 0.94])
    placed = np.empty((0, 2))
    for point in wanted:
        free = _free_place(geometry, point, seen, placed, minimum_distance_deg)
        placed = np.vstack([placed, free])
    return _centre_first(placed, geometry, seed)


def _free_place(
    geometry: ScreenGeometry,
    wanted: NDArray[np.float64],
    seen: NDArray[np.float64],
    placed: NDArray[np.float64],
    distance_deg: float,
) -> NDArray[np.float64]:
    """The place nearest to `wanted` (on growing rings) that is inside the screen and far enough from all others."""
    step_px = 0.25 * geometry.px_per_deg()
    angles = np.linspace(0.0, 2.0 * np.pi, 24, endpoint=False)
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    low = geometry.norm_to_px([0.05, 0.05])
    high = geometry.norm_to_px([0.95, 0.95])
    for ring in range(80):
        places = wanted + ring * step_px * circle
        inside = ((places >= low) & (places <= high)).all(axis=1)
        away = _nearest_deg(geometry, places, np.vstack([seen, placed])) >= distance_deg
        if (inside & away).any():
            return places[int(np.argmax(inside & away))]
    raise ValueError(f"no place on this screen is {distance_deg:g} degrees from all {len(seen) + len(placed)} points")


def _spread(count: int, margin: float) -> NDArray[np.float64]:
    return np.array([0.5]) if count == 1 else np.linspace(margin, 1.0 - margin, count)


def _centre_first(points: NDArray[np.float64], geometry: ScreenGeometry, seed: int | None) -> NDArray[np.float64]:
    first = int(np.argmin(np.linalg.norm(points - geometry.norm_to_px([0.5, 0.5]), axis=1)))
    others = np.delete(np.arange(len(points)), first)
    if seed is not None:
        others = np.random.default_rng(seed).permutation(others)
    return points[np.concatenate([[first], others])]


def _points(points_px: ArrayLike | None) -> NDArray[np.float64]:
    return np.empty((0, 2)) if points_px is None else np.asarray(points_px, dtype=np.float64).reshape(-1, 2)


def _nearest_deg(
    geometry: ScreenGeometry, points: NDArray[np.float64], others: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(N,) degrees from each point to the nearest of the others; infinite when there are none."""
    if not len(others):
        return np.full(len(points), np.inf)
    return geometry.angle_between_deg(points[:, None, :], others[None, :, :]).min(axis=1)


def _area_side_deg(geometry: ScreenGeometry, margin: float) -> float:
    """The shorter side of the usable area in degrees."""
    centre = 0.5
    vertical = geometry.angle_between_deg(
        geometry.norm_to_px([centre, margin]), geometry.norm_to_px([centre, 1.0 - margin])
    )
    horizontal = geometry.angle_between_deg(
        geometry.norm_to_px([margin, centre]), geometry.norm_to_px([1.0 - margin, centre])
    )
    return float(min(vertical, horizontal))
