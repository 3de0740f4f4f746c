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
    unknown = "no validation"
    if number is not None:
        measured, unknown = _measured(read_calibration(folder, number), refits)
        accuracy, precision = _figures(measured, manifest.eye)
    if math.isnan(accuracy):
        problems.append(f"{unknown}, so the uncertainty in millimetres is unknown")
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


def _measured(record: CalibrationRecord, refits: Mapping[str, Refit]) -> tuple[Mapping[str, Any], str]:
    """Figures per eye of the correction that is in force, and why there may be none that count.

    A validation measures gaze with the refits of its own time and without any. When another correction holds now,
    neither says how far off it is.
    """
    if _coefficients(record.refits) == _coefficients(refits):
        chosen = record.figures.get("corrected") or record.figures.get("raw")
    elif not _coefficients(refits):
        chosen = record.figures.get("raw")
    else:
        return {}, "the validation measured another correction than the one in force"
    return (chosen if isinstance(chosen, Mapping) else {}), "the validation has no figures of the eye that counts"


def _coefficients(refits: Mapping[str, Refit]) -> dict[str, object]:
    """What moves gaze: an eye without correction is as if it had no refit."""
    return {eye: refit.coefficients for eye, refit in refits.items() if refit.kind != "none"}


def _figures(measured: Mapping[str, Any], eye: str) -> tuple[float, float]:
    """Mean accuracy and precision in degrees of the eye that counts; NaN when it was not measured.

    The average of both stands in for a lost eye as the mapping does: with the combined eye, or with the one that is
    left.
    """
    for name in ("average", "combined", "left", "right") if eye == "average" else (eye,):
        mean = measured.get(name, {}).get("mean", {})
        accuracy, precision = mean.get("accuracy_deg"), mean.get("rms_s2s_deg")
        if isinstance(accuracy, int | float) and isinstance(precision, int | float):
            return float(accuracy), float(precision)
    return math.nan, math.nan
