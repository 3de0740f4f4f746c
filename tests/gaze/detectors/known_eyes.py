"""Eyes without noise whose every event is known."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tests.gaze.simulated_eye import to_vectors

Floats = NDArray[np.float64]


def eye_along(
    knots_s: list[float], knots_deg: list[float], rate_hz: float, vertical: bool = False
) -> tuple[Floats, Floats]:
    """Times and directions of an eye that moves in straight lines between knots (azimuth, or elevation down)."""
    time = np.arange(0, knots_s[-1] + 0.5 / rate_hz, 1 / rate_hz)
    place = np.interp(time, knots_s, knots_deg)
    degrees = np.stack([0 * place, place] if vertical else [place, 0 * place], axis=1)
    return time, to_vectors(degrees)


def one_saccade(
    rate_hz: float, shift_deg: tuple[float, float] = (5.0, 0.0), lasting_s: float = 0.040
) -> tuple[Floats, Floats]:
    """0.5 s still, a saccade of constant velocity from 0.5 s on, 0.5 s still."""
    time = np.arange(0, 1.0 + lasting_s, 1 / rate_hz)
    share = np.clip((time - 0.5) / lasting_s, 0, 1)
    return time, to_vectors(share[:, None] * np.array(shift_deg))
