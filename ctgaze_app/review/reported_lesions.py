"""Which lesions a reader reported: by name, or by marks near them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ctgaze_app.ct.labelled_region import LabelledRegion
from ctgaze_app.gaze.frames import SeriesGeometry, voxel_to_patient_mm

MARK_TOLERANCE_MM = 5.0
"""A mark this near to a lesion's edge names it: about what a mouse click misses by on a fitted slice (our choice)."""


@dataclass(frozen=True)
class ReportedMark:
    """A place that a reader marked as a lesion: voxel (i, j, k), and how far from the lesion it may lie."""

    voxel_ijk: tuple[float, float, float]
    tolerance_mm: float = MARK_TOLERANCE_MM


@dataclass(frozen=True)
class MatchedMarks:
    """`reported` are the names of lesions with a mark; `unmatched` the indices of marks near none (false positives)."""

    reported: frozenset[str]
    unmatched: tuple[int, ...]


def match_marks(
    lesions: Sequence[LabelledRegion], marks: Iterable[ReportedMark], series: SeriesGeometry
) -> MatchedMarks:
    """Give each mark to the lesion nearest to it (millimetres to its nearest voxel centre), within its tolerance.

    Several marks may name one lesion. A mark inside a lesion's voxels always names it.
    """
    from scipy.spatial import cKDTree

    trees = []
    for lesion in lesions:
        mask = np.ones(lesion.box_shape_kji, dtype=bool) if lesion.mask is None else lesion.mask
        voxel = (np.argwhere(mask) + lesion.first_kji)[:, ::-1]
        trees.append(cKDTree(voxel_to_patient_mm(voxel, series)))
    reported: set[str] = set()
    unmatched: list[int] = []
    for number, mark in enumerate(marks):
        point = voxel_to_patient_mm(np.asarray(mark.voxel_ijk, dtype=np.float64), series)
        distance = [
            0.0
            if lesion.contains(mark.voxel_ijk)
            else float(tree.query(point)[0])
            if np.isfinite(point).all()
            else np.inf
            for lesion, tree in zip(lesions, trees, strict=True)
        ]
        best = int(np.argmin(distance)) if distance else -1
        if best >= 0 and distance[best] <= mark.tolerance_mm:
            reported.add(lesions[best].name)
        else:
            unmatched.append(number)
    return MatchedMarks(frozenset(reported), tuple(unmatched))
