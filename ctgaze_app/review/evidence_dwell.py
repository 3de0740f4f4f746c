"""Whether a model found its evidence on the slices where a reader looked long, with the floors that give it meaning.

Both curves are smooth along the stack, so that two unrelated ones correlate by chance far more than independent numbers
would. The floors keep the smoothness: the reader's own curve shifted around the stack, and curves of other patients.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
FEWEST_SLICES = 8
"""Fewer give no correlation worth a number."""
NOT_KNOWN = float("nan")


@dataclass(frozen=True)
class Floor:
    """What correlation comes about without any relation.

    Attributes
    ----------
    curves
        How many stand behind it.
    mean, high
        Mean and 95th percentile of their correlations; NaN without any.
    p
        One-sided: share of curves, the observed one counted among them, that correlate at least as much. NaN without.
    """

    curves: int
    mean: float
    high: float
    p: float


@dataclass(frozen=True)
class Correlation:
    """One coefficient with its floors.

    Attributes
    ----------
    value
        NaN when it could not be taken (`EvidenceDwell.reason`).
    shifted
        The reader's curve shifted around the seen slices by every number of slices. Small shifts look alike, which
        makes p too large rather than too small.
    others
        Curves of other patients, stretched onto the seen slices; the reader's place in the chest says as much.
    """

    value: float
    shifted: Floor
    others: Floor


@dataclass(frozen=True)
class EvidenceDwell:
    """How the evidence of one label and the looking agree over the slices.

    Attributes
    ----------
    slices
        That were compared: seen by the network, both curves known.
    reason
        Why there is no correlation; empty text when there is one.
    """

    slices: int
    pearson: Correlation
    spearman: Correlation
    reason: str = ""


def evidence_dwell(
    contribution_k: ArrayLike,
    dwell_s_k: ArrayLike,
    seen_k: ArrayLike,
    *,
    other_dwell_s_k: Sequence[ArrayLike] = (),
) -> EvidenceDwell:
    """Correlate one label's evidence per slice, what speaks for it only, with the reader's seconds per slice.

    Parameters
    ----------
    contribution_k
        (K,) of `models.predictions.SliceEvidence.contribution_lk`, one label.
    dwell_s_k
        (K,) seconds on each slice (`slice_dwell.SliceDwell.fixated_s`).
    seen_k
        (K,) bool: slices that the network looked at; the others are left out.
    other_dwell_s_k
        The same curves of other patients, of any lengths; NaN counts as 0.

    Raises
    ------
    ValueError
        When the three curves have different lengths.
    """
    evidence = np.asarray(contribution_k, dtype=np.float64).ravel()
    dwell, seen = np.asarray(dwell_s_k, dtype=np.float64).ravel(), np.asarray(seen_k, dtype=bool).ravel()
    if not len(evidence) == len(dwell) == len(seen):
        raise ValueError(f"curves over {len(evidence)}, {len(dwell)} and {len(seen)} slices")
    evidence = np.maximum(evidence, 0.0)
    used = seen & np.isfinite(evidence) & np.isfinite(dwell)
    evidence, dwell = evidence[used], dwell[used]
    reason = _reason(evidence, dwell)
    if reason:
        nothing = Correlation(NOT_KNOWN, _floor(NOT_KNOWN, np.empty(0)), _floor(NOT_KNOWN, np.empty(0)))
        return EvidenceDwell(int(used.sum()), nothing, nothing, reason)
    others = [stretched for each in other_dwell_s_k if np.ptp(stretched := _stretched(each, len(dwell))) > 0]
    return EvidenceDwell(
        len(dwell), _correlation(evidence, dwell, others),
        _correlation(_ranks(evidence), _ranks(dwell), [_ranks(each) for each in others]),
    )  # fmt: skip


def _reason(evidence: Floats, dwell: Floats) -> str:
    if len(dwell) < FEWEST_SLICES:
        return f"only {len(dwell)} slices to compare"
    if not np.ptp(dwell) > 0:
        return "the reader looked at every slice for the same time, or at none"
    if not np.ptp(evidence) > 0:
        return "the evidence is the same on every slice"
    return ""


def _correlation(evidence: Floats, dwell: Floats, others: Sequence[Floats]) -> Correlation:
    one, other = _standard(evidence), _standard(dwell)
    # Correlations with all circular shifts at once; that by 0 is the value itself.
    around = np.fft.irfft(np.fft.rfft(one) * np.conj(np.fft.rfft(other)), n=len(one)) / len(one)
    value = float(np.clip((one * other).mean(), -1.0, 1.0))
    of_others = np.array([float((one * _standard(each)).mean()) for each in others])
    return Correlation(value, _floor(value, around[1:]), _floor(value, of_others))


def _floor(value: float, correlations: Floats) -> Floor:
    if len(correlations) == 0:
        return Floor(0, NOT_KNOWN, NOT_KNOWN, NOT_KNOWN)
    # Equal ones differ in their last digits.
    at_least = int((correlations >= value - 1e-12).sum())
    return Floor(
        len(correlations),
        float(correlations.mean()),
        float(np.percentile(correlations, 95)),
        (1 + at_least) / (1 + len(correlations)),
    )


def _standard(curve: Floats) -> Floats:
    return np.asarray((curve - curve.mean()) / curve.std(), dtype=np.float64)


def _ranks(curve: Floats) -> Floats:
    """Ranks from 0; equal values share the mean of theirs."""
    _, place, counts = np.unique(curve, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts + 1) / 2)[place.ravel()], dtype=np.float64)


def _stretched(curve: ArrayLike, count: int) -> Floats:
    """A curve of another stack from its first slice to its last on `count` slices; empty: all 0."""
    given = np.nan_to_num(np.asarray(curve, dtype=np.float64).ravel(), nan=0.0, posinf=0.0, neginf=0.0)
    if len(given) == 0:
        return np.zeros(count)
    return np.asarray(np.interp(np.linspace(0, 1, count), np.linspace(0, 1, len(given)), given), dtype=np.float64)
