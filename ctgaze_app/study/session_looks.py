"""Dwell rows of a recorded session with what was on the screen meanwhile: what regions of its CT are measured on.

Fixation tables know one slice a fixation. A drill dwells on many, so the rows here are dwell segments, and the times
are those at which slices were really shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ctgaze_app.gaze.view_track import ViewTrack
from ctgaze_app.review.slice_dwell import ShownSlices, shown_slices
from ctgaze_app.study.trial_tables import NotShownError, SessionTables, TrialTables

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    "session", "reader", "trial", "case", "fixation", "onset_s", "duration_s", "x_voxel", "y_voxel", "z_voxel",
)  # fmt: skip
PRACTICE = "practice"


@dataclass(frozen=True, eq=False)
class SessionLooks:
    """Looks of one session, practice left out.

    Attributes
    ----------
    rows
        `COLUMNS`, one row a fixation and slice. Voxels are NaN off the image, on another series than the trial's
        current one, and where a slab hides the depth.
    reading_s
        By (session, trial): seconds that a picture was on the screen.
    shown
        By (session, trial): which slice of the current series was shown when.
    notes
        What is left out.
    """

    session: str
    rows: pd.DataFrame = field(repr=False)
    reading_s: Mapping[tuple[str, int], float]
    shown: Mapping[tuple[str, int], ShownSlices] = field(repr=False)
    notes: tuple[str, ...]


def session_looks(folder: Path) -> SessionLooks:
    """Read a session; it is processed first when its tables are missing or out of date.

    Raises
    ------
    SessionError
        When it cannot be read or processed.
    """
    import pandas as pd

    session = SessionTables.open(Path(folder))
    code, latency_s = session.manifest.session, session.manifest.display.latency_s
    parts, notes = [pd.DataFrame(columns=list(COLUMNS))], []
    reading_s, shown = {}, {}
    for record in session.manifest.trials:
        if record.kind == PRACTICE:
            continue
        try:
            trial = session.trial(record)
        except NotShownError as reason:
            notes.append(f"session {code}, trial {record.number}: {reason}")
            continue
        key = (code, record.number)
        reading_s[key] = _picture_seconds(trial.views, trial.end_lsl, latency_s)
        shown[key] = shown_slices(trial.views, trial.end_lsl, display_latency_s=latency_s, series=trial.series)
        parts.append(_rows(trial))
    kept = [part for part in parts if len(part)] or parts[:1]
    rows = pd.concat(kept, ignore_index=True)
    rows["session"], rows["reader"], rows["case"] = (rows[name].astype(str) for name in ("session", "reader", "case"))
    return SessionLooks(code, rows, reading_s, shown, tuple(notes))


def _rows(trial: TrialTables) -> pd.DataFrame:
    segments, fixations = trial.rows["segments"], trial.rows["fixations"]
    flat = fixations.loc[fixations["depth_ambiguous"].astype(bool), "fixation"]
    placed = (segments["series"] == trial.series) & ~segments["fixation"].isin(flat)
    rows = segments[list(COLUMNS)].copy()
    rows.loc[~placed, ["x_voxel", "y_voxel", "z_voxel"]] = np.nan
    return rows


def _picture_seconds(views: ViewTrack, end_lsl: float, latency_s: float) -> float:
    """Seconds that the pane which showed most had a picture."""
    longest = 0.0
    for pane in views.panes:
        rows = views.rows_of_pane(pane)
        begin = views.time_lsl[rows] + latency_s
        seconds = np.maximum(np.append(begin[1:], end_lsl) - begin, 0.0)
        longest = max(longest, float(seconds[views.visible[rows]].sum()))
    return longest
