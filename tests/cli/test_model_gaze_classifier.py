"""`ctgaze model` with a gaze classifier, from the chest X-ray study's tables to a prediction with a reader's gaze."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from ctgaze_app.cli.model import app
from ctgaze_app.cli.model.picture_names import named_picture
from ctgaze_app.cli.model.predicted_subject import Place
from ctgaze_app.errors import CTGazeError
from ctgaze_app.formats.scanpath_sources import read_scanpaths
from ctgaze_app.formats.trial_gaze import gaze_digest_of_trial
from ctgaze_app.gaze.detectors import PRESETS
from ctgaze_app.study.processing import process_session
from ctgaze_app.study.stored_predictions import OTHER_GAZE, TrialNow, stored_predictions
from models.errors import ModelError
from models.gaze_classifier.config import DataTable, EgdSource
from models.gaze_classifier.picture_gaze import write_fixations
from models.prediction_file import read_prediction
from models.predictions import ClassificationPrediction, SaliencyPrediction
from models.training.recipes import config_text
from tests.factories.sessions import SyntheticSession, make_session
from tests.models.gaze_classifier.saved_classifiers import gaze_at, saved_classifier
from tests.models.gaze_classifier.trained_cases import spotted_case, tiny_config


def run(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words], env={"COLUMNS": "200"})


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "x1.png"
    Image.fromarray(np.random.default_rng(1).integers(0, 255, (50, 40), dtype=np.uint8)).save(path)
    return path


def test_tables_of_the_study_are_trained_and_evaluated_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "ctgaze_app.formats.radiograph_training.radiograph_cases_from_egd",
        lambda folder, pictures, options: [spotted_case(seed) for seed in range(40)],
    )
    source = EgdSource(kind="egd", folder=tmp_path, pictures=tmp_path)
    config = tiny_config("temporal", epochs=1).model_copy(
        update={"data": DataTable(source=(source,), shares=(0.6, 0.2, 0.2))}
    )
    file = tmp_path / "run.toml"
    file.write_text(config_text(config))

    trained = run("train", "gaze-classifier", "--config", file, "--out", tmp_path / "m", "--device", "cpu")
    assert trained.exit_code == 0, trained.output
    found = run("evaluate", tmp_path / "m", "--config", file, "--bootstrap", 100, "--json", "--card", "--device", "cpu")

    assert found.exit_code == 0, found.output
    tables = json.loads(found.stdout)["tables"]
    assert list(tables[0]["rows"]) == [
        "tiny, its reader's gaze", "tiny, another patient's gaze", "shuffled labels"
    ]  # fmt: skip
    assert "mean AUROC" in (tmp_path / "m" / "card.toml").read_text()


def test_a_readers_gaze_reaches_the_temporal_model_as_a_table(tmp_path: Path, picture: Path) -> None:
    saved_classifier(tmp_path / "m", "temporal")
    table = write_fixations(tmp_path / "r1.csv", gaze_at((0.5, 0.5), (0.2, 0.7)), case="x1", shape_ji=(50, 40))

    words = ("predict", tmp_path / "m", "--picture", picture, "--device", "cpu", "--out", tmp_path / "p.json")
    said = run(*words, "--option", f"fixations={table}")

    assert said.exit_code == 0, said.output
    found = read_prediction(tmp_path / "p.json")
    assert isinstance(found, ClassificationPrediction)
    assert (found.parameters["frames"], found.parameters["reader"]) == (2, "r1")
    refused = run(*words)
    assert isinstance(refused.exception, ModelError | CTGazeError)
    assert "needs a reader's fixations on this picture" in str(refused.exception)


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SyntheticSession:
    made = make_session(tmp_path / "s1", trials=2, slices=1, audio=False)
    picture = replace(made.volume, units="arbitrary", voxels=np.arange(64 * 64, dtype=np.int16).reshape(1, 64, 64))
    # Where the picture of a session lies is told by private/series.json, which these sessions have none of.
    monkeypatch.setattr("ctgaze_app.study.loading.load_volume", lambda *_, **__: picture)
    return made


def test_of_a_recorded_trial_the_readers_own_fixations_are_taken(tmp_path: Path, session: SyntheticSession) -> None:
    saved_classifier(tmp_path / "m", "temporal")

    said = run("predict", tmp_path / "m", "--session", f"{session.folder}:2", "--out", tmp_path / "p.json")

    assert said.exit_code == 0, said.output
    found = read_prediction(tmp_path / "p.json")
    (path,) = read_scanpaths(f"{session.folder}:2").paths
    assert (found.parameters["frames"], found.parameters["reader"]) == (min(len(path), 8), session.manifest.reader)

    table = write_fixations(
        tmp_path / "r9.csv", gaze_at((0.5, 0.5)), case=session.manifest.trials[0].case, shape_ji=(64, 64)
    )
    run("predict", tmp_path / "m", "--session", f"{session.folder}:1", "--option", f"fixations={table}", "--out",
        tmp_path / "p.json")  # fmt: skip
    assert read_prediction(tmp_path / "p.json").parameters["reader"] == "r9"


def test_gaze_on_another_picture_is_refused_by_the_names_of_both(tmp_path: Path, picture: Path) -> None:
    saved_classifier(tmp_path / "m", "temporal")
    table = write_fixations(tmp_path / "r1.csv", gaze_at((0.5, 0.5)), case="x2", shape_ji=(50, 40))
    words = ("predict", tmp_path / "m", "--picture", picture, "--device", "cpu", "--option", f"fixations={table}")

    refused = str(run(*words).exception)
    assert refused.startswith("r1.csv: holds fixations on x2, and none on x1 (")
    assert "none on p7 (" in str(run(*words, "--code", "p7").exception)
    assert run(*words, "--option", "picture=x2").exit_code == 0
    assert run(*words, "--code", "x2").exit_code == 0


@pytest.mark.parametrize(
    ("place", "name"),
    [
        (Place(picture=Path("f/1.2.3.dcm")), "1.2.3"),
        (Place(nifti=Path("f/x1.nii.gz")), "x1"),
        (Place(nifti=Path("f/x1.nii")), "x1"),
        (Place(case=Path("f/x1.dcm")), "x1"),
    ],
)
def test_an_image_without_a_code_is_called_as_its_file(place: Place, name: str) -> None:
    given = {"fixations": "t.csv"}

    assert named_picture(given, place, "case", code_given=False)["picture"] == name
    assert named_picture(given, place, "p7", code_given=True)["picture"] == "p7"
    assert named_picture({}, place, "case", code_given=False) == {}
    assert named_picture(given, Place(session="s"), "case", code_given=False) == given


def test_a_folder_of_one_file_is_called_as_that_and_one_of_more_by_its_own_name(tmp_path: Path) -> None:
    (tmp_path / "x.1").mkdir()
    (tmp_path / "x.1" / "a.dcm").touch()
    found = partial(named_picture, {"fixations": "t.csv"}, Place(case=tmp_path / "x.1"), "case", code_given=False)

    assert found()["picture"] == "a"
    (tmp_path / "x.1" / "b.dcm").touch()
    assert found()["picture"] == "x.1"


def test_fixations_made_anew_make_the_prediction_out_of_date(tmp_path: Path, session: SyntheticSession) -> None:
    saved_classifier(tmp_path / "m", "temporal")
    folder, trial = session.folder, session.manifest.trials[1]
    out = folder / "derived" / "predictions" / "2_tiny-1.0_00000000.json"
    said = run("predict", tmp_path / "m", "--session", f"{folder}:2", "--out", out)
    assert said.exit_code == 0, said.output
    now = TrialNow(reader=session.manifest.reader, gaze_sha256=lambda: gaze_digest_of_trial(folder, trial, (1, 64, 64)))

    process_session(folder)
    (found,) = stored_predictions(folder, trial, now)
    assert (found.problem, found.stale, found.doubt) == ("", "", "")
    process_session(folder, parameters=PRESETS["engbert-kliegl"])
    (found,) = stored_predictions(folder, trial, now)
    assert (found.stale, found.doubt) == (OTHER_GAZE, "")
    (folder / "derived" / "fixations.csv").unlink()
    (found,) = stored_predictions(folder, trial, now)
    assert found.stale == "" and "its tables are missing or out of date" in found.doubt


def test_maps_of_the_u_net_go_to_the_prediction_file(tmp_path: Path, picture: Path) -> None:
    saved_classifier(tmp_path / "m", "static")

    said = run("predict", tmp_path / "m", "--picture", picture, "--device", "cpu", "--out", tmp_path / "p.json")

    assert said.exit_code == 0, said.output
    found = read_prediction(tmp_path / "p.json")
    assert isinstance(found, SaliencyPrediction)
    assert {name: one.shape for name, one in found.maps_kji.items()} == {
        "predicted gaze": (1, 50, 40),
        "Grad-CAM": (1, 50, 40),
    }


def test_published_weights_cannot_be_imported(tmp_path: Path) -> None:
    (tmp_path / "w.pt").write_bytes(b"x")

    said = run("import", tmp_path / "w.pt", "--architecture", "gaze-classifier", "--name", "a", "--out", tmp_path / "m")

    assert isinstance(said.exception, ModelError | CTGazeError), said.output
    assert "never published" in str(said.exception)
