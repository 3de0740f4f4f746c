"""Which calibration and validation hold for a trial, out of `calibration/NNN.json`."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from calibration.fit import Refit
from calibration.record import CalibrationRecord, RecordError, read_record
from ctgaze_app.errors import SessionError
from ctgaze_app.gaze.mapping import MappingSettings
from ctgaze_app.study.session import SessionManifest, TrialRecord


@dataclass(frozen=True)
class CalibrationInForce:
    """Numbers of the records that hold for a trial (None: none), the refit of each eye, and the settings of the
    mapping."""

    calibration: int | None
    validation: int | None
    refits: Mapping[str, Refit] = field(repr=False)
    settings: MappingSettings

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        known = (("accuracy_deg", self.settings.accuracy_deg), ("precision_deg", self.settings.precision_deg))
        return {
            "calibration": self.calibration,
            "validation": self.validation,
            "refits": {eye: refit.kind for eye, refit in sorted(self.refits.items())},
            **{name: value if math.isfinite(value) else None for name, value in known},
        }


def calibration_of_trial(
    folder: Path, manifest: SessionManifest, trial: TrialRecord
) -> tuple[CalibrationInForce, list[str]]:
    """What holds for a trial, and what is missing in plain words.

    The trial's own links count; without one, the newest accepted record whose first trial is this one or an earlier
    one.

    Raises
    ------
    SessionError
        When a record that is needed cannot be read.
    """
    problems = []
    refit_number = trial.calibration if trial.calibration is not None else _newest(folder, "refit", trial.number)
    refits: Mapping[str, Refit] = {}
    if refit_number is not None:
        refits = read_calibration(folder, refit_number).refits
    else:
        problems.append("no calibration of ours; gaze is taken as the tracker sent it")
    number = trial.validation if trial.validation is not None else _newest(folder, "validation", trial.number)
    accuracy = precision = math.nan
    if number is not None:
        accuracy, precision = _figures(read_calibration(folder, number), manifest.eye)
    if math.isnan(accuracy):
        problems.append("no validation, so the uncertainty in millimetres is unknown")
    settings = MappingSettings(
        display_latency_s=manifest.display.latency_s,
        display_uncertainty_s=manifest.display.uncertainty_s,
        tracker_latency_s=manifest.tracker_latency.latency_s,
        tracker_uncertainty_s=manifest.tracker_latency.uncertainty_s,
        eye=manifest.eye,
        accuracy_deg=accuracy,
        precision_deg=precision,
    )
    return CalibrationInForce(refit_number, number, refits, settings), problems


def read_calibration(folder: Path, number: int) -> CalibrationRecord:
    """Read and check `calibration/NNN.json`; raises SessionError with what is wrong."""
    path = folder / "calibration" / f"{number:03d}.json"
    try:
        return read_record(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise SessionError("this calibration is missing", place=str(path), remedy="restore it from a copy") from error
    except (OSError, ValueError) as error:
        what = str(error) if isinstance(error, RecordError) else "it cannot be read"
        raise SessionError(what, place=str(path), remedy="restore it from a copy") from error


def calibration_digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every calibration record, by file name."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted((folder / "calibration").glob("*.json"))
    }


def _newest(folder: Path, kind: str, trial: int) -> int | None:
    for path in sorted((folder / "calibration").glob("[0-9][0-9][0-9].json"), reverse=True):
        record = read_calibration(folder, int(path.stem))
        if record.kind == kind and record.accepted and record.first_trial is not None and record.first_trial <= trial:
            return int(path.stem)
    return None


def _figures(record: CalibrationRecord, eye: str) -> tuple[float, float]:
    """Mean accuracy and precision in degrees of the eye that counts (else of any eye that was measured), after the
    refit."""
    measured = record.figures.get("corrected") or record.figures.get("raw") or {}
    for name in (eye, "average", "combined", "left", "right"):
        mean = measured.get(name, {}).get("mean", {}) if isinstance(measured, Mapping) else {}
        accuracy, precision = mean.get("accuracy_deg"), mean.get("rms_s2s_deg")
        if isinstance(accuracy, int | float) and isinstance(precision, int | float):
            return float(accuracy), float(precision)
    return math.nan, math.nan
