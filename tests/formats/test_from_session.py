"""A session as a data set: the same numbers as its tables, on its own clock, without anything private."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ctgaze_app.errors import SessionError
from ctgaze_app.formats.dataset import EVENT_COLUMNS, FIXATION_COLUMNS, SAMPLE_COLUMNS
from ctgaze_app.formats.from_session import _samples, dataset_from_session
from ctgaze_app.study.processing import process_session
from ctgaze_app.study.session import read_manifest
from tests.factories.sessions import SyntheticSession, make_session


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> SyntheticSession:
    made = make_session(tmp_path_factory.mktemp("session") / "s", trials=2, seconds=5.0)
    words = [{"text": "left", "start_s": 1.0, "end_s": 1.25, "probability": 0.9, "source": "typed"}]
    path = made.folder / "dictation" / "1_case-1.transcript.json"
    path.write_text(json.dumps({"audio": "1_case-1.flac", "words": words}), encoding="utf-8")
    process_session(made.folder)
    return made


def test_fixations_are_those_of_the_session_in_its_voxels(session: SyntheticSession) -> None:
    data = dataset_from_session(session.folder)
    table = pd.read_csv(session.folder / "derived" / "fixations.csv")
    assert tuple(data.fixations.columns[: len(FIXATION_COLUMNS)]) == FIXATION_COLUMNS
    assert len(data.fixations) == len(table) > 20
    assert np.array_equal(data.fixations["z_voxel"], table["z_voxel"], equal_nan=True)
    assert np.array_equal(data.fixations["x_screen_norm"], table["x_screen_px"] / 1920, equal_nan=True)
    assert set(data.fixations["reader"]) == {"r01"}
    assert set(data.fixations["pupil_unit"]) == {"mm"}
    truth = np.array([f.voxel for f in session.fixations if f.trial == 1 and f.still])
    paths = data.scanpaths()
    assert [path.trial for path in paths] == ["r01_20260102T030405Z:1", "r01_20260102T030405Z:2"]
    distance = np.linalg.norm(truth[:, None, :] - paths[0].voxel_ijk[None, :, :], axis=2).min(axis=1)
    assert np.median(distance) < 0.5


def test_cases_carry_shape_affine_and_codes(session: SyntheticSession) -> None:
    data = dataset_from_session(session.folder)
    assert [(case.case, case.patient) for case in data.cases] == [("case-1", "case-1"), ("case-2", "case-2")]
    assert data.cases[0].shape_kji == session.volume.shape_kji
    assert np.array_equal(data.cases[0].affine_lps, session.volume.affine_lps)
    assert data.source == "simulated"
    assert data.screen == {
        "width_px": 1920.0, "height_px": 1080.0, "width_mm": 528.0, "height_mm": 297.0, "distance_mm": 650.0,
        "rate_hz": 250.0,
    }  # fmt: skip


def test_samples_and_events_come_too(session: SyntheticSession) -> None:
    data = dataset_from_session(session.folder)
    gaze = pd.read_parquet(session.folder / "derived" / "gaze.parquet")
    assert data.samples is not None
    assert tuple(data.samples.columns[: len(SAMPLE_COLUMNS)]) == SAMPLE_COLUMNS
    assert len(data.samples) == len(gaze)
    assert np.allclose(data.samples["pupil"][data.samples["valid"]], 3.2)
    assert data.events is not None
    assert tuple(data.events.columns) == EVENT_COLUMNS
    assert set(data.events["event"]) <= {"saccade", "blink"}
    assert (data.events["event"] == "saccade").sum() > 10
    assert dataset_from_session(session.folder, samples=False).samples is None


def test_an_eye_that_was_not_seen_has_no_position(tmp_path: Path) -> None:
    made = make_session(tmp_path / "s", seconds=2.0, audio=False)
    process_session(made.folder)
    path = made.folder / "derived" / "gaze.parquet"
    gaze = pd.read_parquet(path)
    gaze.loc[3:5, "left_valid"] = False
    gaze.loc[3:5, ["left_x", "left_y", "left_pupil"]] = 0.0
    table = _samples(gaze, read_manifest(made.folder), {1: 0})
    assert table["source_left_x"][3:6].isna().all()
    assert table["source_left_pupil"][3:6].isna().all()
    assert table["source_right_x"][3:6].notna().all()


def test_words_lie_on_the_clock_of_the_gaze(session: SyntheticSession) -> None:
    data = dataset_from_session(session.folder)
    assert data.words is not None
    word = data.words.iloc[0]
    fixations = pd.read_csv(session.folder / "derived" / "fixations.csv").query("trial == 1")
    origin = float((fixations["onset_lsl"] - fixations["onset_s"]).median())
    # The factory's sound begins 13 ms after the trial at LSL 1001.
    assert word["start_s"] == pytest.approx(1001.013 + 1.0 - origin, abs=2e-3)
    assert word["end_s"] - word["start_s"] == pytest.approx(0.25, abs=1e-3)
    assert (word["text"], word["trial"], word["source"]) == ("left", 1, "typed")


def test_trials_may_be_chosen_and_unknown_ones_are_told(session: SyntheticSession) -> None:
    assert set(dataset_from_session(session.folder, trials=(2,)).fixations["trial"]) == {2}
    with pytest.raises(SessionError, match="there is no trial 7"):
        dataset_from_session(session.folder, trials=(7,))


def test_nothing_private_is_in_it(session: SyntheticSession) -> None:
    data = dataset_from_session(session.folder)
    assert str(session.folder) not in repr(data.provenance)
    assert set(data.provenance["files"]) >= {"fixations.csv", "gaze.parquet"}
