"""One calibration step as a JSON object, what `calibration/NNN.json` of a session holds, and the way back.

Numbers that do not exist (no gaze on a dot) are null: JSON has no NaN. `schema` counts the layout.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from calibration.fit import Refit
from calibration.geometry import ScreenGeometry
from calibration.procedure import TargetSamples
from calibration.validation import Validation, Verdict

SCHEMA = 1
KINDS = ("device", "refit", "validation", "drift")


class RecordError(ValueError):
    """A calibration record is broken; the message names the field."""


@dataclass(frozen=True, eq=False)
class CalibrationRecord:
    """What later steps need from a record; `figures` and `verdict` stay plain values as stored."""

    kind: str
    accepted: bool
    first_trial: int | None
    geometry: ScreenGeometry
    targets_px: tuple[tuple[float, float], ...]
    refits: dict[str, Refit]
    figures: dict[str, Any]
    verdict: dict[str, Any]


def build_record(
    kind: str,
    geometry: ScreenGeometry,
    samples: Sequence[TargetSamples],
    *,
    refits: Mapping[str, Refit] | None = None,
    validation: Validation | None = None,
    raw_validation: Validation | None = None,
    verdict: Verdict | None = None,
    pattern: str = "",
    eye: str = "",
    accepted: bool = True,
    first_trial: int | None = None,
) -> dict[str, Any]:
    """Everything about one step, ready for `json.dumps(..., allow_nan=False)`.

    Parameters
    ----------
    kind
        device, refit, validation or drift.
    refits
        Per eye: of a refit the fitted ones, of a validation those that were applied to `validation`.
    raw_validation
        Figures of the same samples without correction.
    eye
        The eye that counts in this session.
    accepted
        False for a step that was rejected or repeated; it is kept all the same.
    first_trial
        The first trial that the step applies to.

    Raises
    ------
    RecordError
        Unknown kind.
    """
    if kind not in KINDS:
        raise RecordError(f"kind must be one of {', '.join(KINDS)}, not {kind!r}")
    figures = {
        name: {each: asdict(found) for each, found in measured.eyes.items()}
        for name, measured in (("corrected", validation), ("raw", raw_validation))
        if measured is not None
    }
    record = {
        "schema": SCHEMA,
        "kind": kind,
        "pattern": pattern,
        "accepted": accepted,
        "first_trial": first_trial,
        "eye": eye,
        "geometry": asdict(geometry),
        "targets": [_target(target) for target in samples],
        "refits": {name: refit.to_dict() for name, refit in (refits or {}).items()},
        "figures": figures,
        "verdict": {} if verdict is None else {**asdict(verdict), "sentence": verdict.sentence()},
    }
    return {name: _plain(value) for name, value in record.items()}


def read_record(record: Mapping[str, Any]) -> CalibrationRecord:
    """Check a record and give its parts back typed.

    Raises
    ------
    RecordError
        A field is missing, of the wrong type, or not a usable number.
    """
    if not isinstance(record, Mapping):
        raise RecordError("a calibration record must be a JSON object")
    if record.get("schema") != SCHEMA:
        raise RecordError(f"schema {record.get('schema')!r} is not {SCHEMA}; this version cannot read it")
    kind, first_trial = record.get("kind"), record.get("first_trial")
    if kind not in KINDS:
        raise RecordError(f"kind must be one of {', '.join(KINDS)}, not {kind!r}")
    if first_trial is not None and (
        not isinstance(first_trial, int) or isinstance(first_trial, bool) or first_trial < 1
    ):
        raise RecordError(f"first_trial must be a trial number or null, not {first_trial!r}")
    if not isinstance(record.get("accepted"), bool):
        raise RecordError("accepted must be true or false")
    refits = {}
    for eye, values in _object(record, "refits").items():
        try:
            refits[str(eye)] = Refit.from_dict(values)
        except (ValueError, TypeError) as error:
            raise RecordError(f"refits.{eye}: {error}") from error
    targets = record.get("targets")
    if not isinstance(targets, list):
        raise RecordError("targets must be a list")
    return CalibrationRecord(
        kind=kind,
        accepted=record["accepted"],
        first_trial=first_trial,
        geometry=_geometry(_object(record, "geometry")),
        targets_px=tuple(_target_px(target) for target in targets),
        refits=refits,
        figures=dict(_object(record, "figures")),
        verdict=dict(_object(record, "verdict")),
    )


def _target(target: TargetSamples) -> dict[str, Any]:
    return {
        "index": target.index,
        "x_screen_px": target.target_px[0],
        "y_screen_px": target.target_px[1],
        "attempt": target.attempt,
        "has_data": target.has_data,
        "window_start_lsl": target.window_start_s,
        "window_end_lsl": target.window_end_s,
        "time_lsl": target.time_s.tolist(),
        "eyes": {
            name: {
                "x_screen_px": eye.px[:, 0].round(3).tolist(),
                "y_screen_px": eye.px[:, 1].round(3).tolist(),
                "valid": eye.valid.tolist(),
            }
            for name, eye in target.eyes.items()
        },
    }


def _plain(value: Any) -> Any:
    """Tuples as lists, numbers that are not finite as None."""
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _object(record: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = record.get(name)
    if not isinstance(value, Mapping):
        raise RecordError(f"{name} must be an object")
    return value


def _geometry(values: Mapping[str, Any]) -> ScreenGeometry:
    try:
        sizes = {name: float(values[name]) for name in ("width_mm", "height_mm", "distance_mm")}
        if not all(math.isfinite(size) for size in sizes.values()):
            raise RecordError("geometry: sizes must be finite numbers")
        return ScreenGeometry(int(values["width_px"]), int(values["height_px"]), **sizes)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise RecordError(f"geometry: {error}") from error


def _target_px(target: Any) -> tuple[float, float]:
    try:
        x, y = float(target["x_screen_px"]), float(target["y_screen_px"])
    except (KeyError, TypeError, ValueError) as error:
        raise RecordError(f"targets: {error}") from error
    if not (math.isfinite(x) and math.isfinite(y)):
        raise RecordError("targets: positions must be finite numbers")
    return x, y
