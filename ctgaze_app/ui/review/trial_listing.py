"""Finds, in a thread, what can be shown beside a trial: models, stored predictions, other readings. No Qt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ctgaze_app.errors import CTGazeError
from ctgaze_app.review.dwell_curve import dwell_of_path
from ctgaze_app.study.loading import RecordedSession, RecordedTrial
from ctgaze_app.study.other_readings import other_patients_readings, path_of_reading, readings_beside
from ctgaze_app.study.predictions import predicted_series
from ctgaze_app.study.stored_predictions import StoredPrediction, TrialNow, prediction_places, stored_predictions
from ctgaze_app.ui.review.layer_content import ReadingFound
from ctgaze_app.ui.review.model_choices import ModelChoice, ModelTools


@dataclass(frozen=True, eq=False)
class TrialListing:
    """What was found.

    Attributes
    ----------
    digest
        By which predictions name the volume; empty where no prediction asked for it.
    another_k
        (slices of that volume,) seconds per slice of a reading of another patient; None without any.
    another_name
        Whose and of which case that is.
    """

    models: tuple[ModelChoice, ...]
    digest: str
    stored: tuple[StoredPrediction, ...]
    readings: tuple[ReadingFound, ...]
    another_k: NDArray[np.float64] | None = field(default=None, repr=False)
    another_name: str = ""


def list_trial(
    session: RecordedSession,
    trial: RecordedTrial,
    tools: ModelTools,
    *,
    models: tuple[ModelChoice, ...] = (),
    digest: str = "",
    cancelled: Callable[[], bool] = lambda: False,
) -> TrialListing:
    """Look for everything; `models` and `digest` are taken as they are when they are known already.

    Raises
    ------
    CTGazeError
        When the volume cannot be named.
    models.errors.Cancelled
        After `cancelled` said so, while predictions were read.
    """
    found = models or tuple(tools.find_models())
    manifest, record = session.manifest, trial.record
    series = predicted_series(manifest, record)
    volume = session.volumes.get(series)
    if not digest and volume is not None and prediction_places(session.folder, record) and not cancelled():
        digest = tools.digest(volume)
    weights: dict[tuple[str, str], set[str]] = {}
    for one in found:
        if not one.problem:
            weights.setdefault((one.name, one.version), set()).add(one.sha256)
    now = TrialNow(
        digest,
        weights,
        manifest.reader,
        lambda: tools.gaze_digest(session.folder, record, manifest.series[series].shape_kji),
    )
    stored = stored_predictions(session.folder, record, now, cancelled=cancelled)
    readings = []
    for reading in readings_beside(session.folder, manifest, record):
        if cancelled():
            break
        try:
            readings.append(ReadingFound(reading, path_of_reading(reading, trial.replay.start_lsl)))
        except CTGazeError as error:
            readings.append(ReadingFound(reading, problem=str(error)))
    another_k, name = _another_patient(session, trial)
    return TrialListing(found, digest, stored, tuple(readings), another_k, name)


def _another_patient(session: RecordedSession, trial: RecordedTrial) -> tuple[NDArray[np.float64] | None, str]:
    for other in other_patients_readings(session.folder, session.manifest, trial.record):
        try:
            path = path_of_reading(other, 0.0)
        except CTGazeError:
            # Not processed yet: the next one; without any the floor is said to be missing.
            continue
        return dwell_of_path(path, other.slices), f"{other.reader}, {other.case}"
    return None, ""
