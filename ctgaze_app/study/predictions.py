"""Predictions of a session's trials: what is asked for, where it is kept, and when nobody may see any."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ctgaze_app.study.session import SessionManifest, TrialRecord

FOLDER = "predictions"
DIGEST_LETTERS = 8
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


def _in_file_name(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9.]+", "-", text).strip("-.") or "model"
