"""Distributions of what the eye did between and in fixations: amplitudes, durations, quadrants visited per slice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibration.geometry import ScreenGeometry

Floats = NDArray[np.float64]

LONGEST_GAP_S = 0.15
"""Two fixations farther apart in time are not joined by one saccade: a blink or a loss lay between (ours; saccades on a
desktop monitor stay below 0.1 s)."""


@dataclass(frozen=True)
class Distribution:
    """A sample of N numbers: `mean_low` to `mean_high` is the 95 % interval of the mean (Student's t), NaN below two
    values."""

    n: int
    mean: float
    sd: float
    mean_low: float
    mean_high: float
    median: float
    quartile_low: float
    quartile_high: float
    percentile_90: float

    def to_dict(self) -> dict[str, float]:
        """Plain numbers for JSON."""
        return asdict(self)


def distribution(values: ArrayLike) -> Distribution:
    """Figures of a sample; unknown values (NaN) are left out."""
    from scipy.special import stdtrit

    known = np.asarray(values, dtype=np.float64).ravel()
    known = known[np.isfinite(known)]
    nan = float("nan")
    if len(known) == 0:
        return Distribution(0, *[nan] * 8)
    mean = float(known.mean())
    sd = float(known.std(ddof=1)) if len(known) > 1 else nan
    half = float(stdtrit(len(known) - 1, 0.975)) * sd / np.sqrt(len(known)) if len(known) > 1 else nan
    low, middle, high, ninety = (float(each) for each in np.percentile(known, [25, 50, 75, 90]))
    return Distribution(len(known), mean, sd, mean - half, mean + half, middle, low, high, ninety)


def fixation_steps_deg(
    fixations: Mapping[str, Any], screen: ScreenGeometry, *, longest_gap_s: float = LONGEST_GAP_S
) -> Floats:
    """Angles on the screen between consecutive fixations that at most `longest_gap_s` parts: saccade amplitudes as
    the fixation table knows them.

    Parameters
    ----------
    fixations
        Columns onset_s, offset_s, x_screen_px, y_screen_px of one trial.
    """
    onset, offset = _numbers(fixations, "onset_s"), _numbers(fixations, "offset_s")
    order = np.argsort(onset, kind="stable")
    px = np.stack([_numbers(fixations, "x_screen_px"), _numbers(fixations, "y_screen_px")], axis=1)[order]
    if len(px) < 2:
        return np.empty(0)
    joined = onset[order][1:] - offset[order][:-1] <= longest_gap_s
    angle = screen.angle_between_deg(px[:-1], px[1:])
    return angle[joined & np.isfinite(angle)]


def saccade_amplitudes_deg(saccades: Mapping[str, Any] | None, fallback: Floats) -> Floats:
    """The detector's own amplitudes where there is a table of saccades (column amplitude_deg), else `fallback`."""
    if saccades is None or "amplitude_deg" not in saccades:
        return fallback
    amplitude = _numbers(saccades, "amplitude_deg")
    return amplitude[np.isfinite(amplitude)]


def quadrants(x_voxel: ArrayLike, y_voxel: ArrayLike, centre_ij: tuple[float, float]) -> NDArray[np.int64]:
    """(N,) quadrant of each place about a centre: 0 top left, 1 top right, 2 bottom left, 3 bottom right of the
    slice; -1 where unknown."""
    x, y = np.asarray(x_voxel, dtype=np.float64), np.asarray(y_voxel, dtype=np.float64)
    quadrant = (x >= centre_ij[0]).astype(np.int64) + 2 * (y >= centre_ij[1]).astype(np.int64)
    return np.where(np.isfinite(x) & np.isfinite(y), quadrant, -1)


def quadrants_per_slice(slice_index: NDArray[np.int64], quadrant: NDArray[np.int64]) -> NDArray[np.int64]:
    """For every slice that was fixated, how many of its four quadrants were."""
    known = (quadrant >= 0) & (slice_index >= 0)
    pairs = np.unique(np.stack([slice_index[known], quadrant[known]], axis=1), axis=0)
    if len(pairs) == 0:
        return np.empty(0, dtype=np.int64)
    return np.unique(pairs[:, 0], return_counts=True)[1].astype(np.int64)


def _numbers(table: Mapping[str, Any], name: str) -> Floats:
    return np.asarray(table[name], dtype=np.float64)
