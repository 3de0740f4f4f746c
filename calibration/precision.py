"""Data-quality measures of gaze in Fick angles (azimuth, elevation) in degrees.

Definitions of ETDQualitizer (10.3758/s13428-026-03039-4): accuracy is the angle between the mean gaze direction and the
target; RMS-S2S = sqrt(mean(dazi^2 + dele^2)); STD = hypot of both standard deviations (ddof 0); BCEA = 2 k pi s_azi
s_ele sqrt(1 - rho^2) with k = ln(1 / (1 - P)) (ddof 1). NaN marks an invalid sample; a step into or out of one does not
count. Every measure is NaN when there are too few samples for it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

BCEA_SHARE = 0.68


def accuracy_deg(
    azimuth_deg: ArrayLike, elevation_deg: ArrayLike, target_azimuth_deg: float, target_elevation_deg: float
) -> tuple[float, float, float]:
    """Angle between the mean gaze direction and the target, and its horizontal and vertical parts (signed).

    Parameters
    ----------
    azimuth_deg, elevation_deg
        (N,) Fick angles, NaN where invalid.

    Returns
    -------
    (total, horizontal, vertical) in degrees; hypot(horizontal, vertical) = total.
    """
    gaze = _fick_to_vector(np.asarray(azimuth_deg, dtype=np.float64), np.asarray(elevation_deg, dtype=np.float64))
    gaze = gaze[np.isfinite(gaze).all(axis=-1)]
    if not len(gaze):
        return (float("nan"),) * 3
    mean = gaze.mean(axis=0)
    mean /= np.linalg.norm(mean)
    target = _fick_to_vector(np.asarray(target_azimuth_deg), np.asarray(target_elevation_deg))
    total = float(np.degrees(2.0 * np.arcsin(min(float(np.linalg.norm(mean - target)) / 2.0, 1.0))))
    direction = np.arctan2(mean[1] / mean[2] - target[1] / target[2], mean[0] / mean[2] - target[0] / target[2])
    return total, total * float(np.cos(direction)), total * float(np.sin(direction))


def rms_s2s_deg(angles_deg: NDArray[np.float64]) -> float:
    """RMS of sample-to-sample steps of (N, 2) angles."""
    squared = (np.diff(angles_deg, axis=0) ** 2).sum(axis=1)
    squared = squared[np.isfinite(squared)]
    return float(np.sqrt(squared.mean())) if len(squared) else float("nan")


def std_deg(angles_deg: NDArray[np.float64]) -> float:
    """Standard deviation of (N, 2) angles, both axes together."""
    valid = _valid(angles_deg)
    return float(np.hypot(*valid.std(axis=0))) if len(valid) else float("nan")


def bcea_deg2(angles_deg: NDArray[np.float64], share: float = BCEA_SHARE) -> float:
    """Area in square degrees of the ellipse that holds `share` of (N, 2) angles."""
    valid = _valid(angles_deg)
    if len(valid) < 3:
        return float("nan")
    covariance = np.cov(valid.T, ddof=1)
    # s_x s_y sqrt(1 - rho^2) is the root of the determinant, also where one axis does not vary and rho has no value
    area = np.sqrt(max(float(np.linalg.det(covariance)), 0.0))
    return float(2.0 * np.log(1.0 / (1.0 - share)) * np.pi * area)


def _valid(angles_deg: NDArray[np.float64]) -> NDArray[np.float64]:
    return angles_deg[np.isfinite(angles_deg).all(axis=1)]


def _fick_to_vector(azimuth_deg: NDArray[np.float64], elevation_deg: NDArray[np.float64]) -> NDArray[np.float64]:
    azimuth, elevation = np.radians(azimuth_deg), np.radians(elevation_deg)
    return np.stack(
        [np.cos(elevation) * np.sin(azimuth), np.sin(elevation), np.cos(elevation) * np.cos(azimuth)], axis=-1
    )
