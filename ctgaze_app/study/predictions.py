"""Predictions of a session's trials: where they are kept, which are out of date, and when nobody may see them."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ctgaze_app.errors import SessionError
from ctgaze_app.study.session import SessionManifest, TrialRecord

if TYPE_CHECKING:
    from models.predictions import Prediction

FOLDER = "predictions"
DIGEST_LETTERS = 8
MAKING = "making-"
"""Begins the name of a file that a worker still writes."""
MOST_PATHS = 20

Task = Literal["scanpath", "classification", "segmentation", "saliency"]


@dataclass(frozen=True)
class PredictionRequest:
    """What is predicted: which weights, for which task, with which options.

    Attributes
    ----------
    count, seed
        Of sampled scan paths; of no meaning for other tasks.
    task
        The model's.
    options
        Names and values of `models.families.Family.PREDICT_OPTIONS`; empty for scan paths.
    """

    model: str
    version: str
    model_sha256: str
    count: int = 1
    seed: int = 0
    task: Task = "scanpath"
    options: tuple[tuple[str, str], ...] = ()

    def arguments(self) -> tuple[str, ...]:
        """For ``ctgaze model predict``."""
        if self.task == "scanpath":
            return "--count", str(self.count), "--seed", str(self.seed)
        return tuple(word for name, value in self.options for word in ("--option", f"{name}={value}"))

    def digest(self, volume_digest: str) -> str:
        """Hexadecimal letters that differ when weights, settings or the volume do."""
        own = ("count", "seed") if self.task == "scanpath" else ("task", "options")
        settings = {name: getattr(self, name) for name in ("model", "version", "model_sha256", *own)}
        settings["volume"] = volume_digest
        return hashlib.sha256(json.dumps(settings, sort_keys=True).encode("utf-8")).hexdigest()[:DIGEST_LETTERS]


@dataclass(frozen=True, eq=False)
class StoredPrediction:
    """One file of `derived/predictions/`.

    `prediction` is None when the file cannot be used, and `problem` then says why; `stale` says why a prediction that
    can be read no longer belongs to what is shown.
    """

    path: Path
    prediction: Prediction | None = field(repr=False)
    problem: str = ""
    stale: str = ""


def why_hidden(manifest: SessionManifest, trial: TrialRecord) -> str:
    """Why no prediction of this trial may be shown, as one sentence; empty when it may.

    A reader who sees what a model predicts is no longer a reader alone. So nothing is shown while a session is
    recorded or was never closed, of a trial that runs, and of what the session or the trial calls blinded. The reading
    room asks for no predictions at all.
    """
    if manifest.state == "open" or any(part.state == "recording" for part in manifest.parts):
        return "Hidden until the session is closed. One that stopped by a fault: ctgaze session salvage closes it."
    if trial.state == "running":
        return "Hidden until this trial is over."
    # The manifests of this version have no such field; one that a study protocol adds must not be overlooked.
    if any(getattr(record, "blinded", False) for record in (manifest, trial)):
        return "Hidden: this reading is blinded."
    return ""


def predicted_series(manifest: SessionManifest, trial: TrialRecord) -> int:
    """Index of the series that a trial's predictions are about: the first whose role is current, else the first; -1
    without any."""
    known = [index for index in trial.series if index < len(manifest.series)]
    return next((index for index in known if manifest.series[index].role == "current"), known[0] if known else -1)


def prediction_path(folder: Path, manifest: SessionManifest, trial: TrialRecord, request: PredictionRequest) -> Path:
    """`<session>/derived/predictions/<trial>_<model>-<version>_<digest>.json`; makes nothing."""
    series = predicted_series(manifest, trial)
    digest = request.digest(manifest.series[series].digest if series >= 0 else "")
    name = f"{_in_file_name(request.model)}-{_in_file_name(request.version)}"
    return folder / "derived" / FOLDER / f"{trial.number}_{name}_{digest}.json"


def stored_predictions(
    folder: Path,
    trial: TrialRecord,
    *,
    volume_sha256: str = "",
    weights: Mapping[tuple[str, str], Collection[str]] | None = None,
) -> tuple[StoredPrediction, ...]:
    """The trial's predictions, the newest first; a file that cannot be used says why and spoils nothing.

    Parameters
    ----------
    volume_sha256
        `digest` of the volume that is shown, as models take it
        (`ctgaze_app.study.model_volumes.input_for_models`); empty when it is not known, then nothing is held against
        it.
    weights
        Digests of the weights by (name, version) of the models that are there now; a prediction of a model that is
        gone is not out of date.
    """
    places = prediction_places(folder, trial)
    return tuple(_stored(path, trial, volume_sha256, weights or {}) for path in places)


def prediction_places(folder: Path, trial: TrialRecord) -> list[Path]:
    """The files of the trial's predictions, the newest first; none of them is read."""
    files = (folder / "derived" / FOLDER).glob(f"{trial.number}_*.json")
    return sorted(files, key=lambda path: (_modified(path), path.name), reverse=True)


def remove_prediction(stored: StoredPrediction) -> None:
    """Delete the file.

    Raises
    ------
    SessionError
        When the folder refuses.
    """
    try:
        stored.path.unlink(missing_ok=True)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise SessionError(f"cannot be removed: {reason}", place=stored.path.name, remedy="check rights") from error


def place_to_write(path: Path) -> Path:
    """Where a worker writes what then moves to `path`, so that a worker that dies leaves no half prediction.

    Raises
    ------
    SessionError
        When the folder cannot be made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for left in (*path.parent.glob(f"{MAKING}*"), *path.parent.glob(f".{MAKING}*")):
            left.unlink(missing_ok=True)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise SessionError(
            f"predictions cannot be written: {reason}", place=str(path.parent), remedy="check rights and space"
        ) from error
    return path.with_name(f"{MAKING}{path.name}")


def _stored(
    path: Path, trial: TrialRecord, volume_sha256: str, weights: Mapping[tuple[str, str], Collection[str]]
) -> StoredPrediction:
    from models.errors import ModelError
    from models.prediction_file import read_prediction
    from models.predictions import ScanpathPrediction

    try:
        prediction = read_prediction(path)
    except ModelError as error:
        return StoredPrediction(path, None, problem=f"{path.name}: {error.message}")
    cases = {one.case for one in prediction.paths} if isinstance(prediction, ScanpathPrediction) else {prediction.case}
    others = cases - {trial.case}
    if others:
        return StoredPrediction(path, None, problem=f"{path.name}: is of case {min(others)}, not of {trial.case}")
    stale = ""
    if volume_sha256 and prediction.volume_sha256 != volume_sha256:
        stale = "made on another CT or picture than the one that is shown"
    elif prediction.model_sha256 not in weights.get((prediction.model, prediction.version), {prediction.model_sha256}):
        stale = "made by other weights than this model has now"
    return StoredPrediction(path, prediction, stale=stale)


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _in_file_name(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9.]+", "-", text).strip("-.") or "model"
