"""Intervals and tests over patients: fixations of one patient are not independent, patients are.

Scores are averaged within each patient first, then patients are drawn with replacement (percentile bootstrap, Efron &
Tibshirani 1993, chapters 13 and 16). From one or two patients nothing is drawn: the result says 'not available'.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
FEWEST_PATIENTS = 3
FEW_PATIENTS = 10
"""Below this a percentile interval is known to be too short; the result says so."""
RESAMPLES = 10_000


@dataclass(frozen=True)
class Estimate:
    """A mean over patients with its bootstrap interval.

    Attributes
    ----------
    mean
        Mean over patients of each patient's mean; NaN without any.
    low, high
        Percentile interval; NaN when not available.
    p
        Two-sided bootstrap p of a mean of 0: twice the smaller share of resamples on either side, with 1 added to
        counts (never 0), and never below 2^(1 - patients), the least that an exact sign-flip test could give: three
        patients prove nothing. NaN when not available, and for scores that are no differences.
    n_patients, n_scores
        Patients and finite scores behind it.
    reason
        Why there is no interval, or what weakens it; empty text when nothing does.
    """

    mean: float
    low: float
    high: float
    p: float
    n_patients: int
    n_scores: int
    level: float
    resamples: int
    seed: int
    reason: str = ""

    @property
    def available(self) -> bool:
        """Whether there is an interval."""
        return bool(np.isfinite(self.low))

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; what is not available is null."""
        values: dict[str, Any] = {
            name: value if np.isfinite(value) else None
            for name, value in (("mean", self.mean), ("low", self.low), ("high", self.high), ("p", self.p))
        }
        return {**values, "n_patients": self.n_patients, "n_scores": self.n_scores, "reason": self.reason}


def mean_interval(
    score: ArrayLike, patient: Sequence[str], *, seed: int, resamples: int = RESAMPLES, level: float = 0.95
) -> Estimate:
    """The mean of a score over patients with its interval.

    Parameters
    ----------
    score
        (N,) scores; those that are not finite are left out.
    patient
        (N,) patient code of each.

    Raises
    ------
    ValueError
        When lengths differ, or the level or the number of resamples is none.
    """
    return _estimate(score, patient, seed, resamples, level, test=False)


def paired_difference(
    candidate: ArrayLike,
    floor: ArrayLike,
    patient: Sequence[str],
    *,
    seed: int,
    resamples: int = RESAMPLES,
    level: float = 0.95,
) -> Estimate:
    """The mean of candidate minus floor, pair by pair, over patients, with its interval and p.

    Parameters
    ----------
    candidate, floor
        (N,) scores of both against the same references, in the same order.
    patient
        (N,) patient code of each pair.
    """
    first, second = np.asarray(candidate, dtype=np.float64), np.asarray(floor, dtype=np.float64)
    if first.shape != second.shape:
        raise ValueError(f"{len(first)} scores cannot be paired with {len(second)}")
    return _estimate(first - second, patient, seed, resamples, level, test=True)


def _estimate(
    score: ArrayLike, patient: Sequence[str], seed: int, resamples: int, level: float, *, test: bool
) -> Estimate:
    values = np.asarray(score, dtype=np.float64).ravel()
    if len(values) != len(patient):
        raise ValueError(f"{len(values)} scores for {len(patient)} patient codes")
    if not 0 < level < 1 or resamples < 1:
        raise ValueError(f"neither a level nor a number of resamples: {level}, {resamples}")
    finite = np.isfinite(values)
    kept = values[finite]
    codes, place = np.unique(np.asarray(patient, dtype=object)[finite].astype(str), return_inverse=True)
    nan = float("nan")
    if len(codes) == 0:
        return Estimate(nan, nan, nan, nan, 0, 0, level, resamples, seed, "not available: no score")
    means = np.bincount(place, weights=kept) / np.bincount(place)
    mean = float(means.mean())
    if len(codes) < FEWEST_PATIENTS:
        reason = (
            f"not available: {len(codes)} patient{'s' if len(codes) > 1 else ''}, at least {FEWEST_PATIENTS} needed"
        )
        return Estimate(mean, nan, nan, nan, len(codes), len(kept), level, resamples, seed, reason)
    drawn = _resampled_means(means, resamples, seed)
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    p = nan
    if test:
        # Rounding must not put a resample of equal differences on one side of 0.
        slack = 1e-12 * float(np.abs(means).max())
        below, above = int((drawn <= slack).sum()), int((drawn >= -slack).sum())
        p = min(1.0, max(2 * (min(below, above) + 1) / (resamples + 1), 2.0 ** (1 - len(codes))))
    reason = (
        f"few patients ({len(codes)}): intervals are too short, p is at least {2.0 ** (1 - len(codes)):.2g}"
        if len(codes) < FEW_PATIENTS
        else ""
    )
    return Estimate(mean, float(low), float(high), p, len(codes), len(kept), level, resamples, seed, reason)


def _resampled_means(means: Floats, resamples: int, seed: int) -> Floats:
    """(resamples,) means of patients drawn with replacement, in blocks of at most 10 million draws."""
    random = np.random.default_rng(seed)
    block = max(1, 10_000_000 // len(means))
    parts = [
        means[random.integers(0, len(means), (min(block, resamples - start), len(means)))].mean(axis=1)
        for start in range(0, resamples, block)
    ]
    return np.concatenate(parts)
