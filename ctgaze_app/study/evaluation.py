"""What a scripted session shows of the whole chain: recorded and processed figures held against the truth.

Truth is the plan made before the reading (voxels) and the simulated tracker's own log (times and screen positions).
Nothing here calls `gaze.mapping`; the tables it wrote are what is judged.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ctgaze_app.gaze.agreement import match_one_to_one, overlap_over_union
from models.simulation.script import ReadingPlan

MINIMUM_DURATION_S = 0.150
MINIMUM_OVERLAP = 0.5


@dataclass(frozen=True)
class TrueFixation:
    """A fixation of the simulated eye (LSL seconds of the eye itself) and the planned voxel it belongs to."""

    id: str
    start_lsl: float
    end_lsl: float
    screen_px: tuple[float, float]
    voxel_ijk: tuple[float, float, float]


@dataclass(frozen=True)
class FixationAgreement:
    """How well the found fixations agree with the true ones; NaN where nothing was matched."""

    fixations_true: int
    fixations_found: int
    slice_index_agreement: float
    median_error_px: float
    median_error_voxel: float


def true_fixations(plan: ReadingPlan, truth_csv: Path, moving: NDArray[np.float64]) -> list[TrueFixation]:
    """True fixations of 150 ms or more on planned dwells while the slices stood still.

    Parameters
    ----------
    truth_csv
        The tracker's own `fixations.csv` (id, start_lsl, end_lsl, x_screen_px, y_screen_px).
    moving
        (S, 2) LSL intervals in which the script scrolled.
    """
    planned = {dwell.id: dwell.voxel_ijk for dwell in plan.dwells}
    found = []
    with truth_csv.open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            start, end = float(row["start_lsl"]), float(row["end_lsl"])
            still = not bool(np.any((moving[:, 0] < end) & (moving[:, 1] > start))) if len(moving) else True
            if row["id"] in planned and end - start >= MINIMUM_DURATION_S and still:
                position = (float(row["x_screen_px"]), float(row["y_screen_px"]))
                found.append(TrueFixation(row["id"], start, end, position, planned[row["id"]]))
    return found


def compare_fixations(truth: list[TrueFixation], fixations_csv: Path, trial: int) -> FixationAgreement:
    """Match the processed fixations of one trial with the true ones and compare slice, screen and voxel."""
    with fixations_csv.open(encoding="utf-8", newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if int(row["trial"]) == trial]
    true_times = np.array([(item.start_lsl, item.end_lsl) for item in truth], dtype=np.float64).reshape(-1, 2)
    onset = np.array([float(row["onset_lsl"]) for row in rows], dtype=np.float64)
    duration = np.array([float(row["duration_s"]) for row in rows], dtype=np.float64)
    pairs = match_one_to_one(
        overlap_over_union(true_times, np.stack([onset, onset + duration], axis=-1)), MINIMUM_OVERLAP
    )
    same_slice, error_px, error_voxel = [], [], []
    for true_index, row_index in pairs:
        item, row = truth[true_index], rows[row_index]
        same_slice.append(int(row["slice_index"]) == round(item.voxel_ijk[2]))
        error_px.append(
            np.hypot(float(row["x_screen_px"]) - item.screen_px[0], float(row["y_screen_px"]) - item.screen_px[1])
        )
        # A fixation beside the image has no voxel: as far off as can be, never left out.
        on_image = bool(row["x_voxel"]) and bool(row["y_voxel"])
        error_voxel.append(
            np.hypot(float(row["x_voxel"]) - item.voxel_ijk[0], float(row["y_voxel"]) - item.voxel_ijk[1])
            if on_image
            else np.inf
        )
    return FixationAgreement(
        fixations_true=len(truth),
        fixations_found=len(pairs),
        slice_index_agreement=float(np.mean(same_slice)) if pairs else float("nan"),
        median_error_px=float(np.median(error_px)) if pairs else float("nan"),
        median_error_voxel=float(np.median(error_voxel)) if pairs else float("nan"),
    )
