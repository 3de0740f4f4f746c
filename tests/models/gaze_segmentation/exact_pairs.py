"""All pairs of pixels one by one, and mean field with both labels written out: what the fast way is held against."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Floats = NDArray[np.float64]


class ExactPairs:
    """A Gaussian filter by brute force: memory grows with the square of the pixels."""

    def __init__(self, features: Floats) -> None:
        squares = (features**2).sum(axis=1)
        distance2 = squares[:, None] + squares - 2 * features @ features.T
        self.kernel = np.exp(-0.5 * np.maximum(distance2, 0))

    def sums(self, values: Floats) -> Floats:
        """(N,) weighted sums of the values of all pixels."""
        return self.kernel @ values


def plain_features(levels: NDArray[np.float32], sxy_px: float, srgb: float) -> Floats:
    """Row, column and three colours of each pixel in sigmas; grey repeated, as the published code does."""
    colour = levels if levels.ndim == 3 else np.repeat(levels[..., None], 3, axis=2)
    rows, columns = np.indices(levels.shape[:2])
    return np.column_stack(
        [rows.ravel() / sxy_px, columns.ravel() / sxy_px, *(colour[..., c].ravel() / srgb for c in range(3))]
    ).astype(np.float64)


def two_label_mean_field(probability: Floats, features: Floats, compat: float, iterations: int) -> Floats:
    """(N,) foreground marginals by the published package's own steps, both labels side by side."""
    kernel = ExactPairs(features).kernel
    scale = 1 / np.sqrt(kernel.sum(axis=1))
    softmax = np.stack([1 - probability, probability])
    unary = -np.log(np.clip(softmax, 1e-5, 1.0))

    def normalised(energy: Floats) -> Floats:
        raised = np.exp(-energy - (-energy).max(axis=0))
        return raised / raised.sum(axis=0)

    found = normalised(unary)
    for _ in range(iterations):
        messages = (scale * (kernel @ (scale * found).T).T) * -compat
        found = normalised(unary + messages)
    return np.asarray(found[1])


def picture(rows: int, columns: int, *, colour: bool, seed: int = 0, noise: float = 6.0) -> NDArray[np.float32]:
    """Soft shapes in related colours with noise, 0 to 255: about as varied as a photograph."""
    random = np.random.default_rng(seed)
    wide = min(rows, columns) / 12
    base = np.stack([ndimage.gaussian_filter(random.standard_normal((rows, columns)), wide) for _ in range(3)], -1)
    mixed = (base / base.std() * 30 + 120) @ np.array([[1, 0.7, 0.5], [0.3, 0.5, 0.1], [0.1, 0.2, 0.3]]) * 0.7
    levels = np.clip(mixed + random.normal(0, noise, (rows, columns, 3)), 0, 255).astype(np.float32)
    return levels if colour else levels[..., 0]


def spot(rows: int, columns: int, sigma: float) -> NDArray[np.float32]:
    """A Gaussian spot left of the middle, highest value 1."""
    j, i = np.indices((rows, columns))
    away2 = (i - columns * 0.4) ** 2 + (j - rows * 0.5) ** 2
    return np.exp(-0.5 * away2 / sigma**2).astype(np.float32)
