"""Effect sizes with intervals, and corrections for many tests."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class HedgesG:
    """Standardised difference of two means, with its interval; NaN where a group has fewer than two values."""

    g: float
    low: float
    high: float


def hedges_g(first: ArrayLike, second: ArrayLike, confidence: float = 0.95) -> HedgesG:
    """Hedges' g = J (mean(second) - mean(first)) / pooled SD.

    J is the exact correction gamma(m/2) / (sqrt(m/2) gamma((m-1)/2)), m = n1 + n2 - 2 (Hedges 1981,
    doi 10.3102/10769986006002107); the interval turns the non-central t distribution round (Steiger and Fouladi 1997),
    for independent values.
    """
    from scipy import special

    a, b = (np.asarray(each, dtype=np.float64).ravel() for each in (first, second))
    degrees = len(a) + len(b) - 2
    if len(a) < 2 or len(b) < 2:
        return HedgesG(float("nan"), float("nan"), float("nan"))
    pooled = np.sqrt((a.var(ddof=1) * (len(a) - 1) + b.var(ddof=1) * (len(b) - 1)) / degrees)
    if not pooled > 0:
        return HedgesG(float("nan"), float("nan"), float("nan"))
    correction = float(np.exp(special.gammaln(degrees / 2) - special.gammaln((degrees - 1) / 2)) / np.sqrt(degrees / 2))
    per_t = np.sqrt(1 / len(a) + 1 / len(b))
    difference = (b.mean() - a.mean()) / pooled
    tail = (1 - confidence) / 2
    low, high = (float(special.nctdtrinc(degrees, p, difference / per_t)) for p in (1 - tail, tail))
    return HedgesG(float(correction * difference), float(correction * low * per_t), float(correction * high * per_t))


def holm(p_values: ArrayLike) -> Floats:
    """Holm's adjusted p values (family-wise error); NaN stays NaN and does not count as a test."""
    p = np.asarray(p_values, dtype=np.float64)
    known = np.flatnonzero(np.isfinite(p))
    order = known[np.argsort(p[known], kind="stable")]
    adjusted = np.full(p.shape, np.nan)
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(order), 0, -1)), 1.0)
    return adjusted


def false_discovery_rate(p_values: ArrayLike) -> Floats:
    """Benjamini and Hochberg's adjusted p values (false discovery rate); NaN stays NaN and does not count."""
    from scipy import stats

    p = np.asarray(p_values, dtype=np.float64)
    adjusted = np.full(p.shape, np.nan)
    known = np.isfinite(p)
    if known.any():
        adjusted[known] = stats.false_discovery_control(p[known], method="bh")
    return adjusted
