"""`ctgaze model predict`: paths of a series, a NIfTI file and a recorded trial, and one line for what cannot be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import typer
from typer.testing import CliRunner, Result

from ctgaze_app.cli.model.predict import predict
from ctgaze_app.errors import CTGazeError
from ctgaze_app.formats.ct_scangaze import read_ct_scangaze
from ctgaze_app.formats.scanpath_sources import read_scanpaths
from models.errors import ModelError
from models.prediction_file import read_prediction
from models.registry import MODELS_VARIABLE
from tests.factories.dicom_series import write_series
from tests.factories.sessions import SyntheticSession, make_session
from tests.models.ct_searcher.saved_searchers import in_ellipse, saved_searcher, small_patient

app = typer.Typer()
app.command()(predict)


def run(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the models `tiny` and `given`, a DICOM series and the same as NIfTI."""
    folder = tmp_path_factory.mktemp("places")
    saved_searcher(folder / "models" / "tiny")
    saved_searcher(folder / "models" / "given", name="given", encoder="given")
    patient = small_patient()
    write_series(folder / "series", slices=16, rows=40, columns=48, pixels=patient.hu_kji)
    image = nib.Nifti1Image(patient.hu_kji.transpose(2, 1, 0), np.diag([-2.0, -2.0, -5.0, 1.0]))
    nib.save(image, folder / "ct.nii.gz")
    return folder


@pytest.fixture(autouse=True)
def own_models(places: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MODELS_VARIABLE, str(places / "models"))


def test_json_has_the_same_bytes_for_the_same_seed_and_lies_in_the_body(places: Path):
    words = ("tiny", "--case", places / "series", "--count", 3, "--length", 8, "--seed", 5, "--json")
    first = run(*words)
    assert first.exit_code == 0
    assert run(*words).stdout_bytes == first.stdout_bytes
    said = json.loads(first.stdout)
    assert "seconds" not in said
    assert (said["case"], said["shape_kji"], len(said["paths"])) == ("case", [16, 40, 48], 3)
    for path in said["paths"]:
        voxel = np.column_stack([path["x_voxel"], path["y_voxel"], path["z_voxel"]])
        assert len(voxel) == 8
        assert in_ellipse(voxel).all()
        assert all(z in range(16) for z in path["z_voxel"])
    assert run(*words[:-3], "--seed", 6, "--json").stdout != first.stdout


def test_a_nifti_file_gives_the_paths_of_the_series(places: Path):
    words = ("--length", 5, "--json", "--device", "cpu")
    series = json.loads(run("tiny", "--case", places / "series", *words).stdout)
    nifti = json.loads(run("tiny", "--nifti", places / "ct.nii.gz", *words).stdout)
    assert nifti["paths"] == series["paths"]


def test_what_is_written_reads_back_and_is_a_source_of_compare(places: Path, tmp_path: Path):
    out = tmp_path / "p.json"
    said = run("tiny", "--nifti", places / "ct.nii.gz", "--count", 2, "--code", "c7", "--out", out)
    assert said.exit_code == 0
    assert "tiny 1.0 - model, research only" in said.stdout
    assert "sample 2" in said.stdout
    found = read_prediction(out)
    assert {path.case for path in found.paths} == {"c7"}
    source = read_scanpaths(str(out))
    assert [path.voxel_ijk.tolist() for path in source.paths] == [path.voxel_ijk.tolist() for path in found.paths]
    assert {(path.source, path.who) for path in source.paths} == {("model", "tiny")}
    (tmp_path / "q.json").write_bytes(out.read_bytes())
    both = read_scanpaths(str(tmp_path))
    assert [path.trial for path in both.paths] == ["p sample 1", "p sample 2", "q sample 1", "q sample 2"]


def test_ct_scangaze_holds_the_same_places(places: Path, tmp_path: Path):
    words = ("tiny", "--nifti", places / "ct.nii.gz", "--count", 2, "--code", "c7")
    run(*words, "--out", tmp_path / "p.json")
    assert run(*words, "--out", tmp_path / "sg", "--format", "ct_scangaze").exit_code == 0
    (tmp_path / "grid.csv").write_text("case,slices,rows,columns\nc7,16,40,48\n", encoding="utf-8")
    options = {
        "index_base": "1",
        "z": "slice",
        "axes": "column_row",
        "xy": "pixel",
        "shape": str(tmp_path / "grid.csv"),
    }
    read = read_ct_scangaze(tmp_path / "sg" / "ct_scangaze.json", options).scanpaths()
    ours = read_prediction(tmp_path / "p.json").paths
    assert [path.voxel_ijk.tolist() for path in read] == [path.voxel_ijk.tolist() for path in ours]
    assert [path.onset_s.tolist() for path in read] == [path.onset_s.tolist() for path in ours]
    with pytest.raises(CTGazeError, match="sg: is there already"):
        CliRunner().invoke(
            app, [str(word) for word in (*words, "--out", tmp_path / "sg", "--format", "ct_scangaze")],
            catch_exceptions=False,
        )  # fmt: skip


def test_time_is_told_only_when_asked_for(places: Path):
    said = run("tiny", "--nifti", places / "ct.nii.gz", "--json", "--timing")
    assert json.loads(said.stdout)["seconds"] > 0


def test_progress_as_lines_ends_with_all_done(places: Path):
    said = run("tiny", "--nifti", places / "ct.nii.gz", "--progress", "json")
    lines = [json.loads(line) for line in said.stderr.splitlines()]
    assert lines[-1]["done"] == lines[-1]["total"] == 1000
    assert lines[-1]["what"].startswith("Predicting on ")
    assert said.stdout == ""


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SyntheticSession:
    made = make_session(tmp_path / "s1", trials=2, audio=False)
    # Where the CT of a session lies is told by private/series.json, which these sessions have none of.
    monkeypatch.setattr("ctgaze_app.study.loading.load_volume", lambda *_, **__: made.volume)
    return made


def test_a_trial_is_predicted_under_its_case(session: SyntheticSession):
    said = run("tiny", "--session", f"{session.folder}:1", "--length", 3, "--json")
    assert said.exit_code == 0, said.exception
    found = json.loads(said.stdout)
    assert found["case"] == session.manifest.trials[0].case
    assert found["shape_kji"] == list(session.volume.shape_kji)


def failure(*words: object) -> str:
    said = run(*words)
    assert said.exit_code == 1
    assert isinstance(said.exception, CTGazeError | ModelError)
    assert "\n" not in str(said.exception)
    return str(said.exception)


def test_trials_that_are_not_there_are_one_line(session: SyntheticSession):
    assert "has no trial 9" in failure("tiny", "--session", f"{session.folder}:9")
    if len({trial.case for trial in session.manifest.trials}) > 1:
        assert "has several cases" in failure("tiny", "--session", session.folder)


def test_what_cannot_be_predicted_is_one_line(places: Path, tmp_path: Path):
    ct = places / "ct.nii.gz"
    assert "there is no model 'gamma'" in failure("gamma", "--nifti", ct)
    assert "this file is missing" in failure("tiny", "--nifti", tmp_path / "no.nii")
    assert "knows no reader 'zoe'" in failure("tiny", "--nifti", ct, "--reader", "zoe")
    assert "a path of 99 fixations" in failure("tiny", "--nifti", ct, "--length", 99)
    assert "given: the card does not say which encoder" in failure("given", "--nifti", ct)
    assert "has an encoder of its own" in failure("tiny", "--nifti", ct, "--encoder-weights", ct)
    assert "no such device: 'tpu'" in failure("tiny", "--nifti", ct, "--device", "tpu")
    nib.save(nib.Nifti1Image(np.zeros((20, 20, 1), np.int16), np.eye(4)), tmp_path / "one.nii")
    assert "a volume has at least 8 slices" in failure("tiny", "--nifti", tmp_path / "one.nii")
    (tmp_path / "half.json").mkdir()
    assert "half.json: " in failure("tiny", "--nifti", ct, "--out", tmp_path / "half.json")


@pytest.mark.parametrize(
    "words",
    [
        ("tiny",),
        ("tiny", "--nifti", "a", "--case", "b"),
        ("tiny", "--nifti", "a", "--code", "../a"),
        ("tiny", "--nifti", "a", "--count", 0),
        ("tiny", "--nifti", "a", "--format", "ct_scangaze"),
    ],
)
def test_usage_is_checked_before_anything_is_read(words: tuple[Any, ...]):
    assert run(*words).exit_code == 2


def test_without_pytorch_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("ctgaze_app.study.models_extra.find_spec", lambda name: None)
    assert failure("tiny", "--nifti", "a") == (
        'models need PyTorch, which is not installed here (pip install "ctgaze[models]")'
    )


def test_help_has_an_example():
    assert "Example: ctgaze model predict" in " ".join(run("--help").stdout.split())
