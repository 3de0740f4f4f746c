"""Dense conditional random field with a bilateral term: a probability map drawn to the edges of its picture.

Krähenbühl & Koltun 2011, NIPS 24:109, by mean field. Two labels; unary -log of the probability; one pairwise term,
Potts, with the kernel exp(-|p_i - p_j|^2 / 2 sxy^2 - |I_i - I_j|^2 / 2 srgb^2) over all pairs, each pixel with itself
included, normalised symmetrically: K(i, j) / sqrt(K(i, .) K(j, .)), as the published package does by default.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from scipy.special import expit

from models.errors import ModelError
from models.gaze_segmentation.bilateral_grid import BilateralGrid, smallest_box

Floats = NDArray[np.float64]
LEAST_PROBABILITY = 1e-5
"""Below it the logarithm is cut, as the published package does."""


class CrfSettings(BaseModel):
    """The published values of GazeMedSeg (reference: B4), which uses no other pairwise term.

    Attributes
    ----------
    sxy_px
        Sigma of place, in pixels of the picture.
    srgb
        Sigma of colour, in levels of 0..255 a channel. A grey picture counts as three equal channels, as published: its
        grey levels have a sigma of srgb / sqrt(3).
    compat
        Weight of the pairwise term.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, strict=True)

    sxy_px: float = Field(default=80.0, ge=0.5, le=100_000)
    srgb: float = Field(default=13.0, ge=0.1, le=100_000)
    compat: float = Field(default=1.0, ge=0, le=1000)
    iterations: int = Field(default=10, ge=0, le=1000)


class PairSums(Protocol):
    """A filter over the pixels of a picture: `BilateralGrid`, or all pairs one by one."""

    def sums(self, values: Floats) -> Floats:
        """(N,) weighted sums of the values (N,) of all pixels."""
        ...


@dataclass(frozen=True, eq=False)
class Refined:
    """Foreground marginal (rows, columns) float32, and the width of the grid's cells in sigmas."""

    marginal_ji: NDArray[np.float32]
    cell_sigmas: float


def refined(probability_ji: NDArray[np.float32], levels: NDArray[np.float32], settings: CrfSettings) -> Refined:
    """The foreground's marginal after mean field.

    Parameters
    ----------
    probability_ji
        (rows, columns) of the foreground, 0 to 1.
    levels
        (rows, columns) or (rows, columns, 3) of the picture, 0 to 255.

    Raises
    ------
    ModelError
        When sizes differ, a value is no number, or sigmas are too small for the picture (`BilateralGrid`).
    """
    if levels.shape[:2] != probability_ji.shape or levels.ndim not in (2, 3):
        raise ModelError(f"a map of {probability_ji.shape} and a picture of {levels.shape} do not fit")
    if not (np.isfinite(probability_ji).all() and np.isfinite(levels).all()):
        raise ModelError("the map or the picture holds values that are no numbers")
    grid = BilateralGrid(pixel_features(levels, settings))
    marginal = mean_field(probability_ji.ravel().astype(np.float64), grid, settings)
    return Refined(marginal.reshape(probability_ji.shape).astype(np.float32), grid.cell_sigmas)


def pixel_features(levels: NDArray[np.float32], settings: CrfSettings) -> Floats:
    """(N, 3) of a grey or (N, 5) of a colour picture: row, column and colour in sigmas."""
    rows, columns = np.indices(levels.shape[:2], dtype=np.float64).reshape(2, -1) / settings.sxy_px
    if levels.ndim == 2:
        colour = levels.reshape(-1, 1).astype(np.float64) * (np.sqrt(3.0) / settings.srgb)
    else:
        colour = smallest_box(levels.reshape(-1, 3).astype(np.float64) / settings.srgb)
    return np.column_stack([rows, columns, colour])


def mean_field(probability: Floats, pairs: PairSums, settings: CrfSettings) -> Floats:
    """(N,) marginals of the foreground.

    With two labels the other one's marginal is the rest, so that one sum an iteration is enough: the log odds are
    unary + compat (2 K q - K 1).
    """
    kept, rest = (np.log(np.clip(share, LEAST_PROBABILITY, 1.0)) for share in (probability, 1 - probability))
    given = kept - rest
    found = expit(given)
    if settings.compat == 0:
        return np.asarray(found, dtype=np.float64)
    scale = 1 / np.sqrt(pairs.sums(np.ones(len(probability))) + 1e-20)
    everything = scale * pairs.sums(scale)
    for _ in range(settings.iterations):
        found = expit(given + settings.compat * (2 * scale * pairs.sums(scale * found) - everything))
    return np.asarray(found, dtype=np.float64)
