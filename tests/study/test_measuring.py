from __future__ import annotations

import json
import shutil
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ctgaze_app.ct.volume import Volume
from ctgaze_app.errors import SessionError
from ctgaze_app.study.measuring import SessionMeasures, Truth, measure_session, measures_are_current
from tests.factories.sessions import SyntheticSession, make_session


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> SyntheticSession:
    return make_session(tmp_path_factory.mktemp("measured") / "s", seconds=8.0, rate_hz=120.0, audio=False, trials=2)


@pytest.fixture(scope="module")
def measured(made: SyntheticSession) -> SessionMeasures:
    return measure_session(made.folder, volumes={0: made.volume})


def boxes(path: Path, i: int, j: int, k: int) -> Truth:
    path.write_text(f"name,x0,x1,y0,y1,z\nnodule,{i},{i + 1},{j},{j + 1},{k}\nelsewhere,0,1,0,1,19\n")
    options = {
        "x_first": "x0", "x_last": "x1", "y_first": "y0", "y_last": "y1", "slice": "z", "slice_is": "index",
        "index_base": "0", "ends": "inclusive", "lesion": "name",
    }  # fmt: skip
    return Truth(path, options=options, reported=["elsewhere"])


def test_every_trial_is_one_row_with_its_keys(measured: SessionMeasures) -> None:
    rows = measured.rows()
    assert [(row["session"], row["reader"], row["trial"], row["case"]) for row in rows] == [
        ("r01_20260102T030405Z", "r01", 1, "case-1"),
        ("r01_20260102T030405Z", "r01", 2, "case-2"),
    ]
    # Shown from 0.1 s after the trial's start to its end, through a display latency.
    assert rows[0]["displayed_s"] == pytest.approx(7.9, abs=0.1)
    assert 4 < rows[0]["fixated_s"] <= rows[0]["displayed_s"]
    assert rows[0]["n_direction_changes"] >= 0


def test_without_lungs_coverage_is_empty_and_the_reason_is_told(measured: SessionMeasures) -> None:
    assert np.isnan(measured.rows()[0]["coverage_2_5_deg_fraction"])
    assert any("coverage is not available" in note for note in measured.trials[0].notes)


def test_the_files_hold_the_same_numbers(made: SyntheticSession, measured: SessionMeasures) -> None:
    derived = made.folder / "derived"
    record = json.loads((derived / "measures.json").read_text())
    table = pd.read_csv(derived / "measures.csv")
    assert record["trials"][0]["measures"]["n_courses"] == table["n_courses"][0] == measured.rows()[0]["n_courses"]
    assert record["schema"] == 1
    assert str(made.folder) not in (derived / "measures.json").read_text()
    assert not (derived / "lesions.csv").exists()


def test_other_detectors_stand_beside_the_one_in_force(made: SyntheticSession, measured: SessionMeasures) -> None:
    rows = json.loads((made.folder / "derived" / "measures.json").read_text())["trials"][0]["detector_sensitivity"]
    fixations = pd.read_csv(made.folder / "derived" / "fixations.csv")
    assert rows[0]["fixations"] == int((fixations["trial"] == 1).sum())
    assert rows[0]["fixations_ratio"] == 1.0
    names = [row["detector"] for row in rows if row["value"] is None]
    assert len(names) == len(set(names)) == 3


def test_a_lesion_under_a_fixation_is_met_and_one_far_away_is_not(made: SyntheticSession, tmp_path: Path) -> None:
    target = next(each for each in made.fixations if each.still)
    i, j, k = (int(value) for value in target.voxel)
    truth = {"case-1": boxes(tmp_path / "boxes.csv", i, j, k)}
    found = measure_session(made.folder, volumes={0: made.volume}, organ="none", truth=truth)
    assert found.trials[1].lesions is None
    lesions = found.trials[0].lesions
    assert lesions is not None
    nodule, elsewhere = lesions.lesions
    assert nodule.looks.n_fixations >= 1
    assert nodule.outcome in ("search", "recognition", "decision")
    assert nodule.probability_met > 0.99
    assert elsewhere.outcome == "detected"
    table = pd.read_csv(made.folder / "derived" / "lesions.csv")
    assert table["name"].tolist() == ["nodule", "elsewhere"]
    assert table[["reader", "trial", "case"]].iloc[0].tolist() == ["r01", 1, "case-1"]


def test_what_truth_cannot_be_is_one_line(made: SyntheticSession, tmp_path: Path) -> None:
    truth = boxes(tmp_path / "boxes.csv", 10, 10, 5)
    with pytest.raises(SessionError, match=r"case other was not read .*case-1, case-2"):
        measure_session(made.folder, truth={"other": truth}, volumes={0: made.volume})
    wrong = Truth(truth.path, options=truth.options, reported=["mass"])
    with pytest.raises(SessionError, match=r"no lesion called mass \(its lesions: nodule, elsewhere"):
        measure_session(made.folder, truth={"case-1": wrong}, volumes={0: made.volume}, organ="none")


def test_every_column_is_explained_and_nothing_else_is(made: SyntheticSession, tmp_path: Path) -> None:
    truth = {"case-1": boxes(tmp_path / "boxes.csv", 10, 10, 5)}
    measure_session(made.folder, volumes={0: made.volume}, organ="none", truth=truth)
    explained = tomllib.loads((made.folder / "derived" / "measure_columns.toml").read_text(encoding="utf-8"))
    keys = ["session", "reader", "trial", "case"]
    for table in ("measures", "lesions"):
        columns = pd.read_csv(made.folder / "derived" / f"{table}.csv").columns.tolist()
        assert [*keys, *explained[table]] == columns


def test_a_session_whose_ct_is_gone_is_measured_without_it(made: SyntheticSession) -> None:
    found = measure_session(made.folder)
    assert len(found.trials) == 2
    assert any("coverage is not available" in note for note in found.notes)
    # Once the disk is back, coverage is not to stay empty.
    assert not measures_are_current(made.folder, "lungs")


def test_a_trial_without_gaze_says_so(tmp_path: Path) -> None:
    made = make_session(tmp_path / "s", seconds=3.0, rate_hz=120.0, audio=False, gaze_until_s=0.9)
    (trial,) = measure_session(made.folder, volumes={0: made.volume}, organ="none").trials
    assert trial.notes == ("no fixation was recorded on its series: what needs gaze is not available",)
    assert trial.measures.scalars()["displayed_s"] > 2


def test_a_broken_transcript_is_told_and_costs_no_measure(tmp_path: Path) -> None:
    made = make_session(tmp_path / "s", seconds=3.0, rate_hz=120.0)
    (made.folder / "dictation" / "1_case-1.transcript.json").write_text("{")
    (trial,) = measure_session(made.folder, volumes={0: made.volume}, organ="none").trials
    assert trial.speech is None
    assert trial.measures.scalars()["fixated_s"] > 1
    assert any("its words are left out: 1_case-1.transcript.json: is no transcript" in note for note in trial.notes)


def test_measures_are_current_until_something_they_depend_on_changes(made: SyntheticSession, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(made.folder, tmp_path / "s"))
    volumes: dict[int, Volume] = {0: made.volume}
    measure_session(folder, volumes=volumes, organ="none")
    assert measures_are_current(folder, "none")
    assert not measures_are_current(folder, "lungs")
    with (folder / "derived" / "saccades.csv").open("a") as file:
        file.write("\n")
    assert not measures_are_current(folder, "none")
