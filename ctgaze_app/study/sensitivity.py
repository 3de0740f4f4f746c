"""The sensitivity of a processed session's events to the detector: every detector, every trial, from its own gaze."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from ctgaze_app.errors import SessionError
from ctgaze_app.gaze.detectors import (
    DetectorParameters,
    EngbertKlieglParameters,
    IdtParameters,
    IvtParameters,
)
from ctgaze_app.gaze.sensitivity import detector_sensitivity
from ctgaze_app.study.derived import GAZE_FILE, QUALITY_FILE
from ctgaze_app.study.session import read_manifest

_COLUMNS = ["trial", "part", "time_lsl", "eye_used", "x_screen_px", "y_screen_px"]


def parameters_in_force(folder: Path) -> DetectorParameters:
    """The detector's parameters that a session's tables were made with, out of its `quality.json`.

    Raises
    ------
    SessionError
        When they are not there, or of another version.
    """
    path = Path(folder) / "derived" / QUALITY_FILE
    try:
        written = dict(json.loads(path.read_text(encoding="utf-8"))["provenance"]["detector"])
        name = written.pop("name")
        kinds = (IvtParameters, IdtParameters, EngbertKlieglParameters)
        return next(kind for kind in kinds if kind.name == name)(**written)
    except (OSError, ValueError, KeyError, TypeError, StopIteration) as error:
        raise SessionError(
            "it does not say which detector made the tables", place=path.name, remedy="run: ctgaze session process"
        ) from error


def session_sensitivity(folder: Path) -> dict[int, list[dict[str, Any]]]:
    """Rows of `gaze.sensitivity.detector_sensitivity` for every trial of `derived/gaze.parquet`, all detectors tried.

    The first row of a trial is of the detector that the session was processed with.

    `quality.json` has the same for the thresholds and durations of the detector in force only, which is what processing
    has time for. A trial in several recording parts is told from its longest part.

    Raises
    ------
    SessionError
        When the session was not processed, or its gaze cannot be read.
    """
    import pandas as pd

    path = Path(folder) / "derived" / GAZE_FILE
    parameters = parameters_in_force(folder)
    manifest = read_manifest(Path(folder))
    try:
        gaze = pd.read_parquet(path, columns=_COLUMNS)
    except (OSError, ValueError) as error:
        raise SessionError(
            "there is no gaze table that can be read", place=str(path), remedy="run: ctgaze session process"
        ) from error
    geometry = manifest.screen.geometry()
    found: dict[int, list[dict[str, Any]]] = {}
    for number, rows in gaze.groupby("trial"):
        part = rows["part"].value_counts().idxmax()
        mine = rows[rows["part"] == part]
        direction = geometry.px_to_vector(mine[["x_screen_px", "y_screen_px"]].to_numpy(dtype=np.float64))
        valid = (mine["eye_used"].astype(str) != "none").to_numpy()
        time = mine["time_lsl"].to_numpy(dtype=np.float64) - manifest.tracker_latency.latency_s
        found[int(number)] = detector_sensitivity(time, direction, valid, parameters)
    return found
