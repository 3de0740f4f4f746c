"""Which figures become the uncertainty: those of the correction and of the eye that count, or none."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from calibration.fit import Refit
from ctgaze_app.study.calibrations import CalibrationInForce, calibration_of_trial
from ctgaze_app.study.session import read_manifest
from tests.factories.sessions import make_session

FIGURES = {
    "corrected": {
        eye: {"mean": {"accuracy_deg": accuracy, "rms_s2s_deg": 0.1}}
        for eye, accuracy in (("left", 0.3), ("right", 0.4), ("average", 0.2))
    },
    "raw": {eye: {"mean": {"accuracy_deg": 2.0, "rms_s2s_deg": 0.1}} for eye in ("left", "right", "average")},
}


def _edit(path: Path, **changes: Any) -> None:
    record = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**record, **changes}), encoding="utf-8")


def _in_force(folder: Path, eye: str = "average", **trial: Any) -> tuple[CalibrationInForce, list[str]]:
    manifest = read_manifest(folder).model_copy(update={"eye": eye})
    return calibration_of_trial(folder, manifest, manifest.trials[0].model_copy(update=trial))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    session = make_session(tmp_path / "s", audio=False, seconds=2.0)
    _edit(session.folder / "calibration" / "002.json", figures=FIGURES)
    return session.folder


@pytest.mark.parametrize(("eye", "accuracy_deg"), [("left", 0.3), ("right", 0.4), ("average", 0.2)])
def test_the_eye_that_counts_has_its_own_figures(folder: Path, eye: str, accuracy_deg: float) -> None:
    found, problems = _in_force(folder, eye)
    assert (found.settings.accuracy_deg, found.settings.precision_deg) == (accuracy_deg, 0.1)
    assert found.settings.angle_uncertainty_deg == pytest.approx(math.hypot(accuracy_deg, 0.1))
    assert problems == []


def test_another_eye_never_stands_in_for_a_fixed_one(folder: Path) -> None:
    only_right = {"corrected": {"right": FIGURES["corrected"]["right"]}, "raw": {}}
    _edit(folder / "calibration" / "002.json", figures=only_right)
    found, problems = _in_force(folder, "left")
    assert math.isnan(found.settings.accuracy_deg)
    assert problems == [
        "the validation has no figures of the eye that counts, so the uncertainty in millimetres is unknown"
    ]
    # The average of both eyes goes on with the one that is left, here as in the mapping.
    assert _in_force(folder, "average")[0].settings.accuracy_deg == 0.4


def test_a_validation_of_another_correction_says_nothing_of_this_one(folder: Path) -> None:
    newer = Refit("offset", ((1.0, 0.0, 9.0), (0.0, 1.0, 9.0)), {}, "newer", 9).to_dict()
    record = json.loads((folder / "calibration" / "001.json").read_text(encoding="utf-8"))
    (folder / "calibration" / "003.json").write_text(
        json.dumps({**record, "refits": {"left": newer, "right": newer}}), encoding="utf-8"
    )
    found, problems = _in_force(folder, calibration=3)
    assert math.isnan(found.settings.accuracy_deg)
    assert problems == [
        "the validation measured another correction than the one in force, so the uncertainty in millimetres is unknown"
    ]


def test_without_correction_the_figures_of_the_gaze_as_sent_count(folder: Path) -> None:
    (folder / "calibration" / "001.json").unlink()
    found, problems = _in_force(folder, calibration=None)
    assert found.settings.accuracy_deg == 2.0
    assert problems == ["no calibration of ours; gaze is taken as the tracker sent it"]


def test_the_newest_accepted_record_up_to_the_trial_holds_without_a_link(folder: Path) -> None:
    record = json.loads((folder / "calibration" / "002.json").read_text(encoding="utf-8"))
    for number, changes in ((3, {"accepted": False}), (4, {"first_trial": 2})):
        (folder / "calibration" / f"{number:03d}.json").write_text(json.dumps({**record, **changes}), encoding="utf-8")
    found, _ = _in_force(folder, calibration=None, validation=None)
    assert (found.calibration, found.validation) == (1, 2)
