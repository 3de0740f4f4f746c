from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from calibration.fit import fit_eyes
from calibration.record import RecordError, build_record, read_record
from calibration.targets import grid_targets
from calibration.validation import judge, validate
from tests.calibration.synthetic_gaze import MONITOR, collected

NINE = grid_targets(MONITOR)


def _record(**changes: Any) -> dict[str, Any]:
    samples = collected(NINE, lambda px: px * 1.05 + 30.0, noise_px=4.0, without_data=(3,), rate_hz=20)
    refits = fit_eyes(samples, MONITOR)
    validation = validate(samples, MONITOR, refits)
    record = build_record(
        "refit",
        MONITOR,
        samples,
        refits=refits,
        validation=validation,
        raw_validation=validate(samples, MONITOR),
        verdict=judge(validation),
        pattern="grid",
        eye="left",
        first_trial=2,
    )
    return {**json.loads(json.dumps(record, allow_nan=False)), **changes}


def test_a_record_survives_json_with_its_refits_geometry_and_verdict() -> None:
    found = read_record(_record())
    samples = collected(NINE, lambda px: px * 1.05 + 30.0, noise_px=4.0, without_data=(3,), rate_hz=20)
    assert found.refits == fit_eyes(samples, MONITOR)
    assert (found.kind, found.accepted, found.first_trial, found.geometry) == ("refit", True, 2, MONITOR)
    assert np.array(found.targets_px).tolist() == NINE.tolist()
    assert found.verdict["repeat_dots"] == [3]
    raw, corrected = (found.figures[name]["left"]["mean"]["accuracy_deg"] for name in ("raw", "corrected"))
    assert raw > 1.0 > corrected


def test_missing_gaze_is_null_and_samples_keep_their_stamps() -> None:
    record = _record()
    empty = record["targets"][3]
    assert empty["has_data"] is False
    assert empty["eyes"]["left"]["x_screen_px"] == [None] * 20
    assert record["targets"][1]["time_lsl"][:2] == [10.0, 10.05]
    assert record["figures"]["corrected"]["left"]["dots"][3]["figures"]["accuracy_deg"] is None


def test_a_rejected_step_is_a_record_too() -> None:
    record = build_record("validation", MONITOR, collected(NINE[:2]), accepted=False)
    assert read_record(record).accepted is False
    assert read_record(record).refits == {}


def test_an_unknown_kind_is_refused_when_writing() -> None:
    with pytest.raises(RecordError, match="kind"):
        build_record("guess", MONITOR, [])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("schema", 2),
        ("kind", "guess"),
        ("kind", None),
        ("kind", []),
        ("accepted", "yes"),
        ("first_trial", 0),
        ("first_trial", True),
        ("geometry", None),
        ("geometry", {"width_px": 1920}),
        ("geometry", {"width_px": 1, "height_px": 1, "width_mm": float("nan"), "height_mm": 1, "distance_mm": 1}),
        ("geometry", {"width_px": 1, "height_px": 1, "width_mm": -1, "height_mm": 1, "distance_mm": 1}),
        ("refits", []),
        ("refits", {"left": None}),
        ("refits", {"left": {"kind": "affine"}}),
        ("targets", {}),
        ("targets", [3]),
        ("targets", [{"x_screen_px": float("inf"), "y_screen_px": 1.0}]),
        ("figures", 3),
        ("verdict", "good"),
    ],
)
def test_a_broken_record_is_refused_with_the_name_of_the_field(field: str, value: object) -> None:
    with pytest.raises(RecordError, match=field):
        read_record(_record(**{field: value}))


@pytest.mark.parametrize("value", [None, [], "text", 3])
def test_something_else_than_an_object_is_refused(value: Any) -> None:
    with pytest.raises(RecordError, match="object"):
        read_record(value)
