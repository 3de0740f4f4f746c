"""How well probabilities of findings fit the truth, with intervals over patients; no torch.

Every measure takes weights of the cases, many sets of them at once: a bootstrap over patients is a set of weights.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def auroc(truth: ArrayLike, score: ArrayLike, weights: ArrayLike | None = None) -> Floats:
    """Area under the receiver operating characteristic: how often a positive case scores above a negative one.

    Ties count half (Mann and Whitney 1947; Hanley and McNeil 1982).

    Parameters
    ----------
    truth, score
        (N,) 1 or 0, and numbers that are larger where the finding is more probable.
    weights
        (..., N) of the cases, not negative; 1 each by default.

    Returns
    -------
    ndarray
        (...) 0..1; NaN where positives or negatives have no weight.
    """
    positive, value, weight = _checked(truth, score, weights)
    order = np.argsort(value, kind="stable")
    starts = np.flatnonzero(np.diff(value[order], prepend=-np.inf) > 0) if len(value) else np.zeros(0, dtype=np.intp)
    ordered = weight[..., order]
    if not len(starts):
        return np.full(weight.shape[:-1], np.nan)
    above = np.add.reduceat(ordered * positive[order], starts, axis=-1)
    below = np.add.reduceat(ordered * ~positive[order], starts, axis=-1)
    won = (above * (np.cumsum(below, axis=-1) - 0.5 * below)).sum(-1)
    pairs = above.sum(-1) * below.sum(-1)
    return np.divide(won, pairs, out=np.full_like(won, np.nan), where=pairs > 0)


def f1_score(truth: ArrayLike, found: ArrayLike, weights: ArrayLike | None = None) -> Floats:
    """(...) harmonic mean of precision and recall: 2 TP / (2 TP + FP + FN); NaN where nothing is there or found."""
    positive, named, weight = _checked(truth, found, weights)
    hits = (weight * (positive & (named > 0))).sum(-1)
    both = (weight * positive).sum(-1) + (weight * (named > 0)).sum(-1)
    return np.divide(2 * hits, both, out=np.full_like(hits, np.nan), where=both > 0)


def accuracy(truth: ArrayLike, found: ArrayLike, weights: ArrayLike | None = None) -> Floats:
    """(...) share of the cases that are named rightly; NaN without any."""
    positive, named, weight = _checked(truth, found, weights)
    total = weight.sum(-1)
    right = (weight * (positive == (named > 0))).sum(-1)
    return np.divide(right, total, out=np.full_like(right, np.nan), where=total > 0)


def best_f1_threshold(truth: ArrayLike, probability: ArrayLike) -> float:
    """From which probability on a finding counts, so that F1 is largest on these cases.

    It lies halfway between the lowest probability that counts and the next lower one; of equally good ones the highest.
    NaN without a positive case.
    """
    positive, value, _ = _checked(truth, probability, None)
    if not positive.any():
        return float("nan")
    distinct = np.unique(value)[::-1]
    scores = [float(f1_score(positive, value >= one)) for one in distinct]
    best = int(np.argmax(scores))
    below = distinct[best + 1] if best + 1 < len(distinct) else 0.0
    return float(min(max((distinct[best] + below) / 2, 0.0), 1.0))


def patient_weights(patients: Sequence[str], *, seed: int, resamples: int) -> Floats:
    """(resamples, N) how often each case is drawn when patients, with all their cases, are drawn with replacement.

    Cases of one patient are not independent, patients are (Efron & Tibshirani 1993, chapter 13).
    """
    codes, of_case = np.unique(np.asarray(patients, dtype=str), return_inverse=True)
    random = np.random.default_rng(seed)
    drawn = random.multinomial(len(codes), np.full(len(codes), 1 / len(codes)), size=resamples)
    return drawn[:, of_case].astype(np.float64)


def percentile_interval(values: ArrayLike, *, level: float = 0.95) -> tuple[float, float]:
    """Lower and upper end over resamples, those left out that have no value; NaN where fewer than half have one."""
    drawn = np.asarray(values, dtype=np.float64)
    finite = drawn[np.isfinite(drawn)]
    if 2 * len(finite) < len(drawn) or not len(finite):
        return float("nan"), float("nan")
    low, high = np.quantile(finite, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _checked(truth: ArrayLike, score: ArrayLike, weights: ArrayLike | None) -> tuple[NDArray[np.bool_], Floats, Floats]:
    positive, value = np.asarray(truth), np.asarray(score, dtype=np.float64)
    if positive.ndim != 1 or positive.shape != value.shape:
        raise ValueError(f"truth {positive.shape} and scores {value.shape} are not one of each a case")
    if not np.isin(positive, (0, 1)).all():
        raise ValueError("the truth is 1 or 0")
    if not np.isfinite(value).all():
        raise ValueError("a score is no number")
    weight = np.ones(len(value)) if weights is None else np.asarray(weights, dtype=np.float64)
    if weight.shape[-1:] != value.shape:
        raise ValueError(f"weights {weight.shape} for {len(value)} cases")
    return positive.astype(np.bool_), value, weight
