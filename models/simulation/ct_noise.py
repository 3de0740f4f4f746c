"""The scanner: point spread, slice profile and quantum noise of a filtered back projection with a soft kernel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

NOISE_CUTOFF_PER_MM = 0.45
"""Where the noise power of a standard body kernel has fallen to 1/e beyond its peak near 0.3 per mm."""


class NoiseTexture:
    """Noise slices with the power spectrum f^1 exp(-(f/f0)^2) that filtered back projection leaves (Hanson 1979).

    Parameters
    ----------
    shape_ji
        Rows and columns.
    pitch_ji_mm
        Row and column spacing.
    """

    def __init__(self, shape_ji: tuple[int, int], pitch_ji_mm: tuple[float, float]) -> None:
        rows, columns = shape_ji
        fy = np.fft.fftfreq(rows, pitch_ji_mm[0])[:, None]
        fx = np.fft.rfftfreq(columns, pitch_ji_mm[1])[None, :]
        frequency = np.hypot(fy, fx)
        # A noise power that is never quite zero at the centre keeps a faint large-scale mottle.
        gain = np.sqrt((frequency + 0.03) * np.exp(-((frequency / NOISE_CUTOFF_PER_MM) ** 2)))
        streak = gain * np.exp(-((fx / 0.035) ** 2))
        self._shape = shape_ji
        self._gain = self._unit(gain)
        self._streak = self._unit(streak)

    def _unit(self, gain: NDArray[np.float64]) -> NDArray[np.float32]:
        whole = 2 * (gain**2).sum() - (gain[:, 0] ** 2).sum()
        if self._shape[1] % 2 == 0:
            whole -= (gain[:, -1] ** 2).sum()
        return (gain * np.sqrt(gain.shape[0] * self._shape[1] / whole)).astype(np.float32)

    def draw(self, rng: np.random.Generator, streak_share: float) -> NDArray[np.float32]:
        """One slice of noise with standard deviation 1.

        Parameters
        ----------
        streak_share
            0 to 1: part of the variance that runs in lines from side to side, as through the shoulders.
        """
        spectrum = np.fft.rfft2(rng.standard_normal(self._shape, dtype=np.float32))
        gain = np.sqrt(1 - streak_share) * self._gain + np.sqrt(streak_share) * self._streak
        return np.fft.irfft2(spectrum * gain, s=self._shape).astype(np.float32)


def blur_in_plane(
    hu: NDArray[np.float32], pitch_ji_mm: tuple[float, float], sigma_mm: float = 0.42
) -> NDArray[np.float32]:
    """Blur one slice by the scanner's in-plane point spread (Gaussian, `sigma_mm`)."""
    from scipy.ndimage import gaussian_filter

    sigma = [sigma_mm / pitch for pitch in pitch_ji_mm]
    return np.asarray(gaussian_filter(hu, sigma, truncate=3.0, mode="nearest"), dtype=np.float32)


def outside_reconstruction(
    x_mm: NDArray[np.floating], y_mm: NDArray[np.floating], radius_mm: float
) -> NDArray[np.bool_]:
    """True where a round field of view of `radius_mm` has no data."""
    return np.asarray((x_mm[None, :] ** 2 + y_mm[:, None] ** 2) > radius_mm**2)
