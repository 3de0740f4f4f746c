"""What a tracker makes of the true gaze: a fixed distortion, white noise, drop-outs, lost frames. Pure and seeded."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

MATRIX = np.array([[1.03, -0.018], [0.026, 0.97]])
"""Gain, rotation and shear of the default distortion, about the screen's centre."""
OFFSET_DEG = np.array([1.5, -1.2])
"""Offset of the default distortion, degrees at the screen's centre: 1.9 in all, so that each eye is off by over 1.5."""
BEND_DEG = 0.08
"""Size of the part that no affine map undoes, degrees at the screen's centre."""
VERGENCE_DEG = 0.06
"""Half of the difference between both eyes, horizontally."""


@dataclass(frozen=True)
class Distortion:
    """A fixed error in the plane of the screen, as calibration meets it: affine, and slightly bent.

    Attributes
    ----------
    centre_px, half_size_px
        Middle and half of the size of the screen, `screen_px`.
    px_per_deg
        Pixels per degree at the centre.
    strength
        Scales everything; 0 gives the true gaze, 1 a mean error of 1.5 degrees or more over the screen.
    """

    centre_px: tuple[float, float]
    half_size_px: tuple[float, float]
    px_per_deg: float
    strength: float = 1.0

    def apply(self, true_px: ArrayLike, eye: str) -> NDArray[np.float64]:
        """Distorted `screen_px` (N, 2) of the `left` or `right` eye."""
        true = np.asarray(true_px, dtype=np.float64)
        centred = true - self.centre_px
        u = centred[..., 0] / self.half_size_px[0]
        v = centred[..., 1] / self.half_size_px[1]
        offset = OFFSET_DEG + np.array([{"left": VERGENCE_DEG, "right": -VERGENCE_DEG}[eye], 0.0])
        bend = BEND_DEG * np.stack([u * v, u**2 - 1.0 / 3.0], axis=-1)
        error = centred @ (MATRIX - np.eye(2)).T + (offset + bend) * self.px_per_deg
        return true + self.strength * error


def white_noise_deg(random: np.random.Generator, count: int, rms_s2s_deg: float) -> NDArray[np.float64]:
    """Noise (count, 2) in degrees whose RMS sample-to-sample distance is `rms_s2s_deg`.

    RMS-S2S = sqrt(mean(dazi^2 + dele^2)) (reference 2.3). Two independent samples of standard deviation s differ by
    variance 2 s^2 on each of two axes, hence s = rms / 2.
    """
    return random.normal(0.0, rms_s2s_deg / 2.0, size=(count, 2)) if rms_s2s_deg > 0 else np.zeros((count, 2))


class DropOuts:
    """Spells in which the tracker loses both eyes, as a Poisson process in time.

    Parameters
    ----------
    per_minute
        Mean number of spells a minute; 0 means none.
    duration_s
        Mean length of a spell in seconds; each is between half and one and a half of it.
    """

    def __init__(self, per_minute: float, duration_s: float, start_s: float, random: np.random.Generator) -> None:
        self._gap_s = 60.0 / per_minute if per_minute > 0 else np.inf
        self._duration_s = duration_s
        self._random = random
        self._begin, self._end = np.inf, np.inf
        if np.isfinite(self._gap_s):
            self._draw(start_s)

    def lost(self, times_s: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which of the ascending `times_s` (N,) lie in a spell; times must not go back between calls."""
        lost = np.zeros(len(times_s), dtype=bool)
        while len(times_s) and self._begin <= times_s[-1]:
            lost |= (times_s >= self._begin) & (times_s < self._end)
            if self._end > times_s[-1]:
                break
            self._draw(self._end)
        return lost

    def _draw(self, after_s: float) -> None:
        self._begin = after_s + self._random.exponential(self._gap_s)
        self._end = self._begin + self._duration_s * self._random.uniform(0.5, 1.5)
