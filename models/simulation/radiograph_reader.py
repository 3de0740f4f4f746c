"""A simulated reader of a frontal chest radiograph: gaze to lift into CT where no recorded gaze may be used.

The rules: a global look first, then a search in focus (Kundel & Nodine's global-focal model); both lungs compared zone
by zone, which is how radiographs are taught to be read (upper, middle, lower zone, side against side); the heart and
the upper mediastinum, the angles between ribs and diaphragm and the apices as check points; decision dwells of about
1 s in several fixations on what stands out, and returns to it. Places and numbers without a source are ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Point = tuple[float, float]

GLOBAL_LOOK: tuple[Point, ...] = ((0.5, 0.45), (0.28, 0.4), (0.72, 0.4), (0.55, 0.65))
ZONE_HEIGHTS = (0.18, 0.42, 0.68)
ZONE_CENTRES: tuple[float, float] = (0.24, 0.77)
"""Across, for the patient's right lung and the left one; shares of the lungs' bounding box."""
CHECK_POINTS: tuple[Point, ...] = (
    (0.5, 0.15), (0.57, 0.6), (0.06, 0.93), (0.95, 0.93), (0.32, 0.05), (0.68, 0.05),
)  # fmt: skip
"""Upper mediastinum, heart, the angles between ribs and diaphragm, the apices."""
WITHIN_ZONE = (0.09, 0.07)
AT_POINT = 0.02
NOTICED_WITHIN = 0.22
"""A finding this near to a zone's middle is seen when the zone is read."""
SACCADE_S = 0.04
SEARCH_S, DECISION_S, DURATION_LOG_SD = 0.25, 0.45, 0.35


@dataclass(frozen=True, eq=False)
class RadiographGaze:
    """N fixations on a radiograph in order.

    Attributes
    ----------
    points_xy_share
        (N, 2) shares of the lungs' bounding box: from the patient's right to left, from the top down; in 0..1.
    duration_s, onset_s
        (N,) seconds.
    """

    points_xy_share: Floats = field(repr=False)
    duration_s: Floats = field(repr=False)
    onset_s: Floats = field(repr=False)


def simulated_radiograph_gaze(
    rng: np.random.Generator, *, findings_xy_share: Sequence[Point] = (), rounds: int = 2
) -> RadiographGaze:
    """One reading, about 30 fixations a round and 7 more for each finding that is noticed.

    Parameters
    ----------
    rng
        All chance of it.
    findings_xy_share
        What stands out, as shares of the lungs' bounding box: a CT's lesions seen from the front, say.
    rounds
        How often the zones are gone through.

    Raises
    ------
    ValueError
        Without a round.
    """
    if rounds < 1:
        raise ValueError(f"at least one round is read, not {rounds}")
    looks: list[tuple[Point, Point, float]] = [(point, (0.04, 0.04), SEARCH_S) for point in GLOBAL_LOOK]
    seen: list[Point] = []
    first_side = int(rng.integers(2))
    for number in range(rounds):
        for height in ZONE_HEIGHTS:
            for side in (first_side, 1 - first_side):
                zone = (ZONE_CENTRES[side], height)
                looks += [(zone, WITHIN_ZONE, SEARCH_S)] * int(rng.integers(3, 6))
                for finding in findings_xy_share:
                    near = np.hypot(finding[0] - zone[0], finding[1] - zone[1]) <= NOTICED_WITHIN
                    if near and finding not in seen:
                        seen.append(finding)
                        looks += [(finding, (AT_POINT, AT_POINT), DECISION_S)] * int(rng.integers(4, 7))
        if number == 0:
            looks += [(point, (AT_POINT, AT_POINT), SEARCH_S) for point in CHECK_POINTS]
    for finding in seen:
        looks += [(finding, (AT_POINT, AT_POINT), DECISION_S)] * 2
    centres = np.array([centre for centre, _, _ in looks])
    spreads = np.array([spread for _, spread, _ in looks])
    duration_s = np.array([median for _, _, median in looks]) * rng.lognormal(0, DURATION_LOG_SD, len(looks))
    points = np.clip(centres + rng.normal(0, 1, centres.shape) * spreads, 0, 1)
    onset_s = np.cumsum(duration_s) - duration_s + SACCADE_S * np.arange(1, len(looks) + 1)
    return RadiographGaze(points, duration_s, onset_s)
