"""Agreement of two labellings of the same gaze: sample by sample (Cohen's kappa) and event by event (F1, timing).

Two human coders are not a gold standard (Hooge et al. 2018): report events and timing beside kappa.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

MINIMUM_OVERLAP = 0.5
"""Least temporal overlap over union of two events that are the same one: then at most one partner can reach it."""


def cohens_kappa(first: ArrayLike, second: ArrayLike) -> float:
    """Cohen's kappa of one class, (agreed - chance) / (1 - chance) (Cohen 1960), of two (N,) flags "sample is of it".

    NaN without samples, and when both give every sample the same label: then there is nothing beyond chance.

    Raises
    ------
    ValueError
        When lengths differ.
    """
    a, b = np.asarray(first, dtype=bool), np.asarray(second, dtype=bool)
    if a.shape != b.shape or a.ndim != 1:
        raise ValueError(f"labels of {a.shape} and {b.shape} samples do not belong together")
    if len(a) == 0:
        return float("nan")
    agreed = float((a == b).mean())
    chance = float(a.mean() * b.mean() + (~a).mean() * (~b).mean())
    return (agreed - chance) / (1 - chance) if chance < 1 else float("nan")


def overlap_over_union(first: Floats, second: Floats) -> Floats:
    """Temporal overlap over union of every pair of intervals (N, 2) and (M, 2): (N, M)."""
    start = np.maximum(first[:, None, 0], second[None, :, 0])
    end = np.minimum(first[:, None, 1], second[None, :, 1])
    overlap = np.clip(end - start, 0.0, None)
    union = np.maximum(first[:, None, 1], second[None, :, 1]) - np.minimum(first[:, None, 0], second[None, :, 0])
    return np.where(union > 0, overlap / np.where(union > 0, union, 1.0), 0.0)


def match_one_to_one(overlap: Floats, minimum: float) -> list[tuple[int, int]]:
    """Pairs (row, column) of at least `minimum`, each row and column once, the greatest overlaps first."""
    rows, columns = np.nonzero(overlap >= minimum)
    order = np.argsort(-overlap[rows, columns], kind="stable")
    used_rows: set[int] = set()
    used_columns: set[int] = set()
    pairs = []
    for row, column in zip(rows[order].tolist(), columns[order].tolist(), strict=True):
        if row not in used_rows and column not in used_columns:
            used_rows.add(row)
            used_columns.add(column)
            pairs.append((row, column))
    return sorted(pairs)


def events_of(flags: ArrayLike, sample_s: float) -> Floats:
    """(E, 2) onset and offset in seconds of every run of True; each sample lasts `sample_s`."""
    padded = np.concatenate([[0], np.asarray(flags, dtype=np.int8), [0]])
    change = np.diff(padded)
    bounds = np.stack([np.flatnonzero(change == 1), np.flatnonzero(change == -1)], axis=1)
    return bounds.astype(np.float64) * sample_s


@dataclass(frozen=True)
class EventAgreement:
    """How well events of one labelling meet those of another; NaN where it cannot be told.

    Attributes
    ----------
    reference, found, matched
        Numbers of events; matched one to one by at least the demanded overlap over union.
    f1
        2 matched / (reference + found).
    onset_offset_ms, offset_offset_ms
        Mean of found minus reference over the matched events (relative timing offset, Hooge et al. 2018).
    onset_deviation_ms, offset_deviation_ms
        Standard deviation of the same (relative timing deviation), ddof 0.
    """

    reference: int
    found: int
    matched: int
    f1: float
    onset_offset_ms: float
    onset_deviation_ms: float
    offset_offset_ms: float
    offset_deviation_ms: float

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, null for what cannot be told."""
        return {name: None if value != value else value for name, value in asdict(self).items()}


def event_agreement(reference_s: Floats, found_s: Floats, minimum_overlap: float = MINIMUM_OVERLAP) -> EventAgreement:
    """Agreement of the intervals `found_s` (M, 2) with `reference_s` (N, 2), seconds on one clock."""
    reference, found = np.reshape(reference_s, (-1, 2)), np.reshape(found_s, (-1, 2))
    pairs = match_one_to_one(overlap_over_union(reference, found), minimum_overlap)
    total = len(reference) + len(found)
    f1 = 2 * len(pairs) / total if total else float("nan")
    if not pairs:
        return EventAgreement(len(reference), len(found), 0, f1, *[float("nan")] * 4)
    rows, columns = np.array(pairs).T
    shift_ms = (found[columns] - reference[rows]) * 1000
    mean, deviation = shift_ms.mean(axis=0), shift_ms.std(axis=0)
    return EventAgreement(
        len(reference), len(found), len(pairs), f1,
        float(mean[0]), float(deviation[0]), float(mean[1]), float(deviation[1]),
    )  # fmt: skip
