"""Gaze on targets with a known distortion, as a procedure would have collected it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from calibration.geometry import ScreenGeometry
from calibration.procedure import EyeWindow, TargetSamples

MONITOR = ScreenGeometry(1920, 1080, 528.0, 297.0, 650.0)

Distortion = Callable[[NDArray[np.float64]], NDArray[np.float64]]


def collected(
    targets_px: NDArray[np.float64],
    distort: Distortion = lambda px: px,
    *,
    noise_px: float = 0.0,
    bias_px: float = 0.0,
    seed: int = 0,
    rate_hz: int = 120,
    eyes: tuple[str, ...] = ("left", "right"),
    without_data: tuple[int, ...] = (),
) -> tuple[TargetSamples, ...]:
    """One second on each target: `distort(target)` + one random bias a target and eye + white noise a sample."""
    random = np.random.default_rng(seed)
    result = []
    for index, target in enumerate(np.asarray(targets_px, dtype=np.float64)):
        found = {}
        for eye in eyes:
            centre = distort(target) + random.normal(0.0, 1.0, 2) * bias_px
            px = centre + random.normal(0.0, 1.0, (rate_hz, 2)) * noise_px
            valid = np.full(rate_hz, index not in without_data)
            found[eye] = EyeWindow(np.where(valid[:, None], px, np.nan), valid)
        time_s = 10.0 * index + np.arange(rate_hz) / rate_hz
        point = (float(target[0]), float(target[1]))
        result.append(TargetSamples(index, point, time_s, found, 10.0 * index, 10.0 * index + 1.0))
    return tuple(result)
