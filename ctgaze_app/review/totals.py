"""The few figures of a whole trial that stand beside its replay."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ctgaze_app.review.replay import ReplayTrial


@dataclass(frozen=True)
class TrialTotals:
    """Totals of one trial; `gaze_fraction` is the part of its gaze samples with a position, NaN without samples."""

    duration_s: float
    n_views: int
    slices_seen: int
    n_fixations: int
    fixation_time_s: float
    mean_fixation_s: float
    longest_fixation_s: float
    slices_fixated: int
    gaze_fraction: float
    longest_gap_s: float


def trial_totals(trial: ReplayTrial) -> TrialTotals:
    """Count and add up one trial; means are NaN when there is no fixation."""
    durations_s = np.array([fixation.duration_s for fixation in trial.fixations])
    _, slices = trial.slice_trace(columns=1_000_000)
    seen = np.all(np.isfinite(trial.gaze.screen_px), axis=1)
    if trial.segments:
        fixated = {segment.slice_index for segment in trial.segments}
    else:
        fixated = {fixation.slice_index for fixation in trial.fixations if fixation.on_image}
    return TrialTotals(
        duration_s=trial.duration_s,
        n_views=trial.n_views,
        slices_seen=len(np.unique(slices[np.isfinite(slices)])),
        n_fixations=len(durations_s),
        fixation_time_s=float(durations_s.sum()),
        mean_fixation_s=float(durations_s.mean()) if len(durations_s) else float("nan"),
        longest_fixation_s=float(durations_s.max()) if len(durations_s) else float("nan"),
        slices_fixated=len(fixated),
        gaze_fraction=float(np.mean(seen)) if np.size(seen) else float("nan"),
        longest_gap_s=max((bar.end_lsl - bar.start_lsl for bar in trial.events if bar.kind == "gap"), default=0.0),
    )


def format_time(seconds: float) -> str:
    """Time as m:ss.s, rounded once so that 59.96 s reads 1:00.0."""
    if not np.isfinite(seconds):
        return "-"
    tenths = round(abs(seconds) * 10)
    sign = "-" if seconds < 0 and tenths else ""
    return f"{sign}{tenths // 600}:{tenths % 600 // 10:02d}.{tenths % 10}"
