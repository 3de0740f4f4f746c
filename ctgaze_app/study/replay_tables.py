"""The derived tables and markers of a trial, turned into what replay asks for."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ctgaze_app.review.replay import DwellSegment, EventBar, GazeTrack, ReplayFixation

if TYPE_CHECKING:
    import pandas as pd

SHOWN_EVENTS = ("answer", "mark", "key_image", "dialog", "drift_check", "fault")


def gaze_track(table: pd.DataFrame, tracker_latency_s: float) -> GazeTrack:
    """Gaze of one trial out of the rows of `gaze.parquet`, on the eye's own time."""
    ordered = table.sort_values("time_lsl", kind="stable")
    return GazeTrack(
        time_lsl=ordered["time_lsl"].to_numpy(dtype=np.float64) - tracker_latency_s,
        screen_px=ordered[["x_screen_px", "y_screen_px"]].to_numpy(dtype=np.float64),
        voxel=ordered[["x_voxel", "y_voxel", "z_voxel"]].to_numpy(dtype=np.float64),
        uncertainty_mm=ordered["uncertainty_mm"].to_numpy(dtype=np.float64),
    )


def fixations_of(table: pd.DataFrame) -> tuple[ReplayFixation, ...]:
    """Fixations of one trial out of the rows of `fixations.csv`; a fixation that never met a slice has slice -1."""
    return tuple(_fixation(row) for row in table.to_dict("records"))


def segments_of(table: pd.DataFrame, fixations: pd.DataFrame) -> tuple[DwellSegment, ...]:
    """Dwell segments of one trial out of the rows of `dwell_segments.csv`; those off the image are left out.

    Segments carry the trial's own seconds; its `fixations` tell where those begin on the LSL clock.
    """
    if table.empty or fixations.empty:
        return ()
    origin_lsl = float((fixations["onset_lsl"] - fixations["onset_s"]).median())
    return tuple(
        DwellSegment(
            fixation=int(row["fixation"]),
            slice_index=int(row["slice_index"]),
            onset_lsl=origin_lsl + float(row["onset_s"]),
            duration_s=float(row["duration_s"]),
        )
        for row in table.to_dict("records")
        if math.isfinite(row["slice_index"]) and row["slice_index"] >= 0
    )


def events_of(markers: list[tuple[float, dict[str, Any]]], trial: int) -> tuple[EventBar, ...]:
    """What the timeline shows of a trial's markers: pauses as spans, the rest as moments."""
    bars, paused_lsl = [], None
    for time_lsl, fields in markers:
        if int(fields.get("trial", 0)) != trial:
            continue
        event = fields["event"]
        if event == "pause":
            paused_lsl = time_lsl
        elif event == "resume" and paused_lsl is not None:
            bars.append(EventBar("pause", paused_lsl, time_lsl, "paused"))
            paused_lsl = None
        elif event in SHOWN_EVENTS:
            bars.append(EventBar(event, time_lsl, time_lsl, str(fields.get("label", event)).replace("_", " ")))
    return tuple(bars)


def end_of_trial(markers: list[tuple[float, dict[str, Any]]], trial: int) -> float | None:
    """LSL time of the trial's end marker, None when it has none."""
    ends = [time for time, fields in markers if fields["event"] == "trial_end" and int(fields.get("trial", 0)) == trial]
    return ends[-1] if ends else None


def _fixation(row: dict[Any, Any]) -> ReplayFixation:
    slice_index = _whole(row["slice_index"])
    return ReplayFixation(
        number=int(row["fixation"]),
        onset_lsl=float(row["onset_lsl"]),
        duration_s=float(row["duration_s"]),
        slice_index=slice_index,
        slice_first=min(_whole(row["slice_first"]), _whole(row["slice_last"])) if slice_index >= 0 else -1,
        slice_last=max(_whole(row["slice_first"]), _whole(row["slice_last"])) if slice_index >= 0 else -1,
        voxel=(float(row["x_voxel"]), float(row["y_voxel"]), float(row["z_voxel"])),
        patient_mm=(float(row["x_mm"]), float(row["y_mm"]), float(row["z_mm"])),
        uncertainty_mm=float(row["uncertainty_mm"]),
        screen_px=(float(row["x_screen_px"]), float(row["y_screen_px"])),
        dispersion_deg=float(row.get("dispersion_deg", math.nan)),
        kind=str(row.get("kind", "fixation")),
        view_state=str(row.get("view_state", "still")),
        slice_uncertain=bool(row.get("slice_uncertain", False)),
    )


def _whole(value: Any) -> int:
    number = float(value)
    return int(number) if math.isfinite(number) else -1
