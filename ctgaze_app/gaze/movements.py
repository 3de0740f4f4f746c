"""The columns of `saccades.csv` and `blinks.csv`: what the eye did between fixations, on the painted views."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ctgaze_app.gaze.detectors import EyeEvents
from ctgaze_app.gaze.fixations import Table
from ctgaze_app.gaze.mapping import MappedGaze
from ctgaze_app.gaze.view_track import VIEW_STATES

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]

SACCADE_KINDS = ("saccade", "catch_up", "slow")
TOUCHING_S = 0.075
"""A saccade belongs to a pursuit that ends or begins within this time of it: the longest gap that is filled."""
MAIN_SEQUENCE_BASE_S, MAIN_SEQUENCE_S_PER_DEG = 0.021, 0.0022
"""Duration of a saccade of a given amplitude (Carpenter, Movements of the Eyes, 1988)."""
SLOW_FACTOR, SLOW_SLACK_S = 2.0, 0.040
"""A movement that lasts longer than twice the main sequence and two velocity windows is no saccade (our choice)."""
SACCADE_KIND_RULE = {"touching_s": TOUCHING_S, "slow_factor": SLOW_FACTOR, "slow_slack_s": SLOW_SLACK_S}
"""What decides on the kind of a saccade, for the provenance of tables."""

SACCADE_COLUMNS = (
    "session", "reader", "trial", "case", "part", "saccade", "onset_s", "offset_s", "duration_s", "onset_lsl",
    "amplitude_deg", "peak_velocity_deg_s", "direction_deg", "x_start_screen_px", "y_start_screen_px",
    "x_end_screen_px", "y_end_screen_px", "slice_start", "slice_end", "view_state", "kind",
)  # fmt: skip

BLINK_COLUMNS = (
    "session", "reader", "trial", "case", "part", "blink", "onset_s", "offset_s", "duration_s", "onset_lsl",
    "slice_start", "slice_end", "view_state",
)  # fmt: skip


def saccade_table(
    mapped: MappedGaze, events: EyeEvents, fixations: Table, origin_lsl: float, first_number: int = 1
) -> Table:
    """Columns of `saccades.csv` that do not name session, reader, trial, case or part.

    Parameters
    ----------
    fixations
        Of the same samples, from `gaze.fixations.fixation_tables`: their kinds tell a saccade that catches up with
        something moving.
    origin_lsl
        Eye time at which onset_s is 0.
    """
    found = events.saccades
    px = mapped.px
    table = _spans(mapped, found.first, found.last, origin_lsl)
    return {
        "saccade": np.arange(len(found.first), dtype=np.int64) + first_number,
        **table,
        "amplitude_deg": found.amplitude_deg,
        "peak_velocity_deg_s": found.peak_velocity_deg_s,
        "direction_deg": found.direction_deg,
        "x_start_screen_px": px[found.first, 0],
        "y_start_screen_px": px[found.first, 1],
        "x_end_screen_px": px[found.last, 0],
        "y_end_screen_px": px[found.last, 1],
        "kind": np.array(SACCADE_KINDS)[_saccade_kinds(mapped, events, fixations)],
    }


def blink_table(mapped: MappedGaze, events: EyeEvents, origin_lsl: float, first_number: int = 1) -> Table:
    """Columns of `blinks.csv` that do not name session, reader, trial, case or part."""
    first, last = events.blinks.first, events.blinks.last
    number = np.arange(len(first), dtype=np.int64) + first_number
    return {"blink": number, **_spans(mapped, first, last, origin_lsl)}


def _spans(mapped: MappedGaze, first: Indices, last: Indices, origin_lsl: float) -> Table:
    """Times, slices and the view's state at the onset of events from their first to their last sample."""
    onset, offset = mapped.eye_time_lsl[first], mapped.eye_time_lsl[last]
    onset_s, offset_s = np.round(onset - origin_lsl, 6), np.round(offset - origin_lsl, 6)
    return {
        "onset_s": onset_s,
        "offset_s": offset_s,
        "duration_s": offset_s - onset_s,
        "onset_lsl": onset,
        "slice_start": mapped.slice_index[first].astype(np.int64),
        "slice_end": mapped.slice_index[last].astype(np.int64),
        "view_state": np.array(VIEW_STATES)[mapped.view_state[first]],
    }


def _saccade_kinds(mapped: MappedGaze, events: EyeEvents, fixations: Table) -> NDArray[np.int64]:
    """Index into `SACCADE_KINDS`: `catch_up` between two pursuits, `slow` when it lasts too long for its amplitude."""
    found, time = events.saccades, mapped.eye_time_lsl
    kind = np.zeros(len(found.first), dtype=np.int64)
    if len(kind) == 0:
        return kind
    onset, offset = time[found.first], time[found.last]
    pursuit = np.flatnonzero(fixations["kind"] == "pursuit")
    if len(pursuit):
        begins, ends = time[events.first[pursuit]], time[events.last[pursuit]]
        before = np.searchsorted(ends, onset + 1e-9, side="right") - 1
        after = np.searchsorted(begins, offset - 1e-9, side="left")
        left = (before >= 0) & (onset - ends[np.maximum(before, 0)] <= TOUCHING_S)
        right = (after < len(begins)) & (begins[np.minimum(after, len(begins) - 1)] - offset <= TOUCHING_S)
        kind[left & right] = SACCADE_KINDS.index("catch_up")
    longest = SLOW_FACTOR * (MAIN_SEQUENCE_BASE_S + MAIN_SEQUENCE_S_PER_DEG * found.amplitude_deg) + SLOW_SLACK_S
    kind[offset - onset > longest] = SACCADE_KINDS.index("slow")
    return kind
