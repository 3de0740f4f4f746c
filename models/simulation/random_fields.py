"""Smooth random fields as sums of plane waves: cheap on a whole slice, exact at any point, the same on every grid."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class PlaneWaves:
    """A stationary, nearly Gaussian random field over the body, with mean 0 and standard deviation 1.

    Parameters
    ----------
    rng
        Source of the wave vectors and phases.
    wavelength_mm
        Typical distance between two crests; the waves spread over 0.7 to 1.4 times that.
    count
        Number of waves.
    flattening
        Factor on the wave numbers along x, y and z: under 1 stretches the structures along that axis.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        wavelength_mm: float,
        *,
        count: int = 16,
        flattening: tuple[float, float, float] = (1.0, 1.0, 1.0),
    ) -> None:
        direction = rng.standard_normal((count, 3))
        direction /= np.linalg.norm(direction, axis=1, keepdims=True)
        number = 2 * np.pi / (wavelength_mm * np.exp(rng.uniform(np.log(0.7), np.log(1.4), count)))
        self._wave = direction * number[:, None] * np.asarray(flattening)
        self._phase = rng.uniform(0, 2 * np.pi, count)
        self._gain = np.sqrt(2.0 / count)

    def on_slice(self, x_mm: NDArray[np.floating], y_mm: NDArray[np.floating], z_mm: float) -> NDArray[np.float32]:
        """Evaluate the field on the grid of `y_mm` (rows) by `x_mm` (columns) at one z.

        sin(a + b) splits into products of a function of x and one of y, so that a slice is one matrix product.
        """
        along_x = np.outer(self._wave[:, 0], x_mm)
        along_y = np.outer(y_mm, self._wave[:, 1]) + self._wave[:, 2] * z_mm + self._phase
        left = np.hstack([np.sin(along_y), np.cos(along_y)]) * self._gain
        right = np.vstack([np.cos(along_x), np.sin(along_x)])
        # In double precision: the last bits of a product depend on the number of threads, and must not reach the image.
        return np.asarray(left @ right, dtype=np.float32)

    def at(self, points_mm: NDArray[np.floating]) -> NDArray[np.float64]:
        """Evaluate the field at (N, 3) points."""
        return np.asarray(np.sin(points_mm @ self._wave.T + self._phase).sum(axis=1) * self._gain)
