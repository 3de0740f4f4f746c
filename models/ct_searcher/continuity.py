"""Does a path scroll? Steps from slice to slice, courses through the stack, and how many slices are visited.

A course is a passage in one direction; it ends where the path turns back by at least a share of the stack (Ba et al.
2020, J Med Imaging 7(4) 045501, describe it in words; the share is our parameter). Slices are counted from the head.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.scanpath import Scanpath
from models.volumes import CanonicalFrame

Floats = NDArray[np.float64]
Slices = NDArray[np.int64]

REVERSAL_SHARE = 0.10
"""Of the stack's slices (and at least two): turning back by less does not end a course."""
QUANTILES: Final = (0.05, 0.25, 0.5, 0.75, 0.95)
STEP_EDGES: Final = (0, 1, 2, 3, 5, 9, 17, 33)
"""Lower ends of the histogram's bins of absolute steps in slices; the last has no upper end."""


@dataclass(frozen=True)
class Continuity:
    """How some paths move through their stacks, all paths together.

    Attributes
    ----------
    n_paths, n_steps
        Paths with two fixations or more, and steps between consecutive fixations.
    step_slices, step_mm
        (n_steps,) signed steps towards the feet; millimetres along the slice axis, empty where a path has no spacing.
    courses
        Of each path.
    slices_per_fixation
        Different slices over fixations, of each path: 1 where no slice is visited twice.
    """

    name: str
    n_paths: int
    n_steps: int
    step_slices: Slices = field(repr=False)
    step_mm: Floats = field(repr=False)
    courses: tuple[int, ...] = field(repr=False)
    slices_per_fixation: tuple[float, ...] = field(repr=False)

    def quantiles_slices(self) -> tuple[float, ...]:
        """Of the absolute steps, at `QUANTILES`."""
        return tuple(float(v) for v in np.quantile(np.abs(self.step_slices), QUANTILES))

    def quantiles_mm(self) -> tuple[float, ...]:
        """Of the absolute steps, at `QUANTILES`; empty without a spacing."""
        return tuple(float(v) for v in np.quantile(np.abs(self.step_mm), QUANTILES)) if len(self.step_mm) else ()

    def histogram(self) -> tuple[float, ...]:
        """Share of the steps in each bin of `STEP_EDGES`."""
        counts, _ = np.histogram(np.abs(self.step_slices), [*STEP_EDGES, np.inf])
        return tuple(float(v) for v in counts / self.n_steps)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "name": self.name,
            "n_paths": self.n_paths,
            "n_steps": self.n_steps,
            "quantiles": list(QUANTILES),
            "absolute_step_slices": list(self.quantiles_slices()),
            "absolute_step_mm": list(self.quantiles_mm()),
            "histogram_from_slices": list(STEP_EDGES),
            "histogram_share": list(self.histogram()),
            "courses_mean": float(np.mean(self.courses)),
            "courses_sd": float(np.std(self.courses)),
            "slices_per_fixation_mean": float(np.mean(self.slices_per_fixation)),
        }


@dataclass(frozen=True)
class StepDistance:
    """How far the signed steps of some paths are from those of the readers.

    `wasserstein_slices` and `wasserstein_mm` (None without a spacing): mean distance by which steps would have to
    change; `ks`: the largest difference of the two distribution functions of steps in slices, 0 to 1.
    """

    name: str
    wasserstein_slices: float
    wasserstein_mm: float | None
    ks: float


@dataclass(frozen=True)
class ContinuityTable:
    """The readers first, then every candidate, and each candidate's distance from the readers."""

    rows: tuple[Continuity, ...]
    distances: tuple[StepDistance, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"rows": [row.to_dict() for row in self.rows], "distances": [vars(each) for each in self.distances]}


def continuity(name: str, paths: Sequence[Scanpath], *, reversal_share: float = REVERSAL_SHARE) -> Continuity:
    """The movement of some paths through their stacks.

    Raises
    ------
    ValueError
        When no path has two fixations.
    """
    kept = [path for path in paths if len(path) > 1]
    if not kept:
        raise ValueError(f"no path of {name} has two fixations")
    visited = [slices_of(path) for path in kept]
    steps = [np.diff(each) for each in visited]
    known = all(path.affine_lps is not None for path in kept)
    mm = [step * _slice_mm(path) for step, path in zip(steps, kept, strict=True)] if known else []
    return Continuity(
        name,
        len(kept),
        sum(len(step) for step in steps),
        np.concatenate(steps),
        np.concatenate(mm) if mm else np.empty(0),
        tuple(
            count_courses(each, max(2, round(reversal_share * _frame(path).canonical_shape_kji[0])))
            for each, path in zip(visited, kept, strict=True)
        ),
        tuple(len(np.unique(each)) / len(each) for each in visited),
    )


def compare(readers: Continuity, candidates: Sequence[Continuity]) -> ContinuityTable:
    """Readers and candidates side by side, with the distances of steps."""
    from scipy.stats import ks_2samp, wasserstein_distance

    distances = []
    for each in candidates:
        spaced = len(each.step_mm) and len(readers.step_mm)
        distances.append(
            StepDistance(
                each.name,
                float(wasserstein_distance(each.step_slices, readers.step_slices)),
                float(wasserstein_distance(each.step_mm, readers.step_mm)) if spaced else None,
                float(ks_2samp(each.step_slices, readers.step_slices, method="asymp").statistic),
            )
        )
    return ContinuityTable((readers, *candidates), tuple(distances))


def slices_of(path: Scanpath) -> Slices:
    """(N,) the slice of each fixation, 0 nearest to the head; beyond the volume the nearest slice."""
    frame = _frame(path)
    count = frame.canonical_shape_kji[0]
    return np.clip(np.floor(frame.to_shares(path.voxel_ijk)[:, 2] * count + 1e-9), 0, count - 1).astype(np.int64)


def count_courses(slices: Slices, reversal: int) -> int:
    """Passages in one direction: a turn counts when the path then goes back by at least `reversal` slices; smaller
    moves to and fro belong to the passage that they interrupt. 0 when the path never moves that far."""
    if not len(slices):
        return 0
    low = high = int(slices[0])
    direction, courses = 0, 0
    for place in slices.tolist():
        if direction >= 0:
            high = max(high, place)
        if direction <= 0:
            low = min(low, place)
        if direction <= 0 and place - low >= reversal:
            direction, high, courses = 1, place, courses + 1
        elif direction >= 0 and high - place >= reversal:
            direction, low, courses = -1, place, courses + 1
    return courses


def _frame(path: Scanpath) -> CanonicalFrame:
    return CanonicalFrame.of(path.shape_kji, path.affine_lps)


def _slice_mm(path: Scanpath) -> float:
    return _frame(path).spacing_ijk_mm[2]
