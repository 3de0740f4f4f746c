"""`ctgaze model ...` of another architecture than CT-Searcher: pictures, masks, named options, tables of figures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from ctgaze_app.cli.model import app
from ctgaze_app.cli.model.architectures import Command
from ctgaze_app.errors import CTGazeError
from models.card import read_card
from models.errors import Cancelled, ModelError
from models.families import FAMILIES
from models.features.devices import choose_device
from models.prediction_file import read_prediction
from models.predictions import SegmentationPrediction
from models.registry import MODELS_VARIABLE
from models.volumes import CtVolume, PictureVolume
from tests.cli.stand_in_family import StandIn, configuration, module_for, saved
from tests.factories.sessions import make_session
from tests.models.ct_searcher.saved_searchers import saved_searcher

RAMP = np.arange(8 * 6, dtype=np.uint8).reshape(6, 8)


def run(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words], env={"COLUMNS": "200"})


def failure(*words: object) -> str:
    said = run(*words)
    assert said.exit_code == 1, said.output
    assert isinstance(said.exception, CTGazeError | ModelError)
    assert "\n" not in str(said.exception)
    return str(said.exception)


@pytest.fixture
def family(monkeypatch: pytest.MonkeyPatch) -> StandIn:
    made = StandIn()
    monkeypatch.setattr("models.families.import_module", module_for(made))
    return made


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, family: StandIn) -> Path:
    """Models that read CT, grey and colour pictures; a NIfTI file and two pictures."""
    monkeypatch.setenv(MODELS_VARIABLE, str(tmp_path / "models"))
    monkeypatch.setattr("models.registry.shipped_models", lambda: tmp_path / "shipped")
    for values in ("hu", "grey", "rgb"):
        saved(tmp_path / "models" / values, values=values)
    voxels = np.arange(3 * 6 * 8, dtype=np.int16).reshape(8, 6, 3)
    nib.save(nib.Nifti1Image(voxels, np.diag([-2.0, -2.0, 5.0, 1.0])), tmp_path / "ct.nii.gz")
    Image.fromarray(RAMP).save(tmp_path / "grey.png")
    Image.fromarray(np.stack([RAMP, RAMP[::-1], RAMP * 2], axis=-1)).save(tmp_path / "colour.png")
    return tmp_path


def test_every_architecture_can_be_named():
    assert [one.value for one in Command] == [one.command for one in FAMILIES.values()]


def test_a_mask_of_a_nifti_file_is_written_on_its_own_grid(place: Path, family: StandIn):
    out = place / "mask.nii.gz"
    said = run("predict", place / "models" / "hu", "--nifti", place / "ct.nii.gz", "--out", out, "--format", "nifti")
    assert said.exit_code == 0, said.output
    image = nib.load(out)
    mask = np.asanyarray(image.dataobj)
    assert (mask.dtype, mask.shape, int(mask.sum())) == (np.uint8, (8, 6, 3), 8)
    assert mask[1:5, 1:3, 1].all()
    assert (image.affine == nib.load(place / "ct.nii.gz").affine).all()
    assert b"lesion: stand-in 1, research only" in image.header["descrip"].tobytes()
    assert "lesion: 8 voxels, 0.2 ml, slices 1 to 1, from 0; 3 of 3 slices looked at" in said.stdout
    assert "Computed in 0.5 s on CPU" in said.stdout
    assert [path.name for path in place.glob("*mask*")] == ["mask.nii.gz"]


def test_options_go_to_the_model_and_the_prediction_to_its_file(place: Path, family: StandIn):
    words = ("predict", place / "models" / "hu", "--nifti", place / "ct.nii.gz", "--code", "c7", "--device", "cpu")
    said = run(*words, "--option", "threshold=0.7", "--option", "level=a=b", "--out", place / "p.json", "--json")
    assert said.exit_code == 0, said.output
    assert family.asked["options"] == {"threshold": "0.7", "level": "a=b"}
    assert family.asked["device"] == "cpu"
    found = read_prediction(place / "p.json")
    assert isinstance(found, SegmentationPrediction)
    assert (found.case, int(found.mask_kji.sum())) == ("c7", 8)
    assert said.stdout == (place / "p.json").read_text(encoding="utf-8")
    assert "seconds" not in json.loads(said.stdout)


def test_pictures_reach_the_model_as_they_are_stored(place: Path, family: StandIn):
    assert run("predict", place / "models" / "grey", "--picture", place / "grey.png").exit_code == 0
    grey = family.asked["volume"]
    assert isinstance(grey, PictureVolume) and grey.affine_lps is None
    assert (grey.values == RAMP[None]).all()
    assert run("predict", place / "models" / "rgb", "--picture", place / "colour.png").exit_code == 0
    colour = family.asked["volume"]
    assert colour.is_colour and (colour.values[0, ..., 1] == RAMP[::-1]).all()
    assert run("predict", place / "models" / "grey", "--nifti", place / "ct.nii.gz").exit_code == 0
    assert isinstance(family.asked["volume"], PictureVolume)


@pytest.mark.parametrize(
    ("model", "words", "said"),
    [
        ("hu", ("--picture", "grey.png"), "case: stand-in reads CT in Hounsfield units, and this is a grey picture"),
        ("hu", ("--picture", "colour.png"), "reads CT in Hounsfield units, and this is a colour picture"),
        ("rgb", ("--picture", "grey.png"), "reads colour pictures, and this is a grey picture, no CT"),
        ("grey", ("--picture", "colour.png"), "reads grey pictures without Hounsfield units, and this is a colour"),
        ("rgb", ("--nifti", "ct.nii.gz"), "reads colour pictures, and this is a grey picture, no CT"),
    ],
)
def test_an_image_of_another_kind_is_one_line(place: Path, model: str, words: tuple[str, str], said: str):
    assert said in failure("predict", place / "models" / model, words[0], place / words[1])


def test_ct_of_a_session_is_no_picture(place: Path, family: StandIn, monkeypatch: pytest.MonkeyPatch):
    session = make_session(place / "s1", trials=1, audio=False)
    monkeypatch.setattr("ctgaze_app.study.loading.load_volume", lambda *_, **__: session.volume)
    assert run("predict", place / "models" / "hu", "--session", f"{session.folder}:1").exit_code == 0
    assert isinstance(family.asked["volume"], CtVolume)
    assert family.asked["volume"].case == session.manifest.trials[0].case
    said = failure("predict", place / "models" / "grey", "--session", f"{session.folder}:1")
    assert "reads grey pictures without Hounsfield units, and this is CT in Hounsfield units" in said


def test_options_of_another_architecture_are_refused(place: Path, family: StandIn):
    words = ("predict", place / "models" / "hu", "--nifti", place / "ct.nii.gz")
    assert failure(*words, "--count", 3) == (
        "--count belongs to CT-Searcher, and this is a model of Gaze-supervised segmentation (leave out --count)"
    )
    assert "--encoder-weights belongs to CT-Searcher" in failure(*words, "--encoder-weights", "w")
    assert failure(*words, "--option", "sigma=3") == (
        "stand-in has no option 'sigma' (options: threshold: 0 to 1; level: its name)"
    )
    assert "is not NAME=VALUE" in failure(*words, "--option", "threshold")
    assert "comes twice" in failure(*words, "--option", "threshold=1", "--option", "threshold=2")
    assert "--format ct_scangaze holds a scanpath, and stand-in predicts a segmentation" in failure(
        *words, "--out", place / "new", "--format", "ct_scangaze"
    )
    saved_searcher(place / "models" / "tiny")
    searcher = ("predict", "tiny", "--nifti", place / "ct.nii.gz")
    assert "tiny has no option 'threshold' (leave it out)" in failure(*searcher, "--option", "threshold=1")
    assert "--format nifti holds a segmentation" in failure(*searcher, "--out", place / "m.nii", "--format", "nifti")
    assert "ends with .nii or .nii.gz" in failure(*words, "--out", place / "m.png", "--format", "nifti")
    assert family.asked == {}


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("CUDA out of memory. Tried to allocate 9 GiB")])
def test_memory_that_ran_out_is_said_without_paths(place: Path, family: StandIn, error: Exception):
    family.fails = error
    said = failure("predict", place / "models" / "hu", "--nifti", place / "ct.nii.gz")
    assert said == "memory ran out (close other programs, --device cpu)"


def test_progress_as_lines_prints_nothing_else(place: Path):
    said = run("predict", place / "models" / "hu", "--nifti", place / "ct.nii.gz", "--progress", "json")
    lines = [json.loads(line) for line in said.stderr.splitlines()]
    assert (lines[-1]["done"], lines[-1]["total"]) == (1, 1)
    assert said.stdout == ""


def test_the_list_tells_task_architecture_values_and_options(place: Path, family: StandIn):
    saved_searcher(place / "models" / "tiny")
    entries = {entry["folder"]: entry for entry in json.loads(run("list", "--json").stdout)["models"]}
    entry = entries[str(place / "models" / "grey")]
    assert (entry["task"], entry["architecture"], entry["values"]) == ("segmentation", "gaze_segmentation", "grey")
    assert entry["options"] == {"threshold": "0 to 1", "level": "its name"}
    assert entries[str(place / "models" / "tiny")]["options"] == {}
    rows = [line.split() for line in run("list").stdout.splitlines()]
    assert rows[0] == ["NAME", "VERSION", "ARCHITECTURE", "TASK", "READS", "MB", "WHERE"]
    assert rows[1][:6] == ["stand-in", "1", "Gaze-supervised", "segmentation", "segmentation", "grey"]


def test_the_list_without_pytorch_tells_no_options(place: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("ctgaze_app.study.models_extra.find_spec", lambda name: None)
    assert {entry["options"] for entry in json.loads(run("list", "--json").stdout)["models"]} == {None}


def test_a_checkpoint_is_imported_with_what_it_does_not_tell(place: Path, family: StandIn):
    words = ("import", place / "w.pth", "--architecture", "gaze-segmentation", "--name", "polyps")
    assert failure(*words, "--option", "heads=3") == (
        "Gaze-supervised segmentation has no option 'heads' (options: dataset: kvasir or nci-isbi)"
    )
    assert "--heads belongs to CT-Searcher" in failure(*words, "--heads", 3)
    said = run(*words, "--option", "dataset=kvasir", "--json")
    assert said.exit_code == 0, said.output
    content = json.loads(said.stdout)
    assert (content["name"], content["architecture"], content["parameters"]) == ("polyps", "gaze_segmentation", 3)
    assert family.asked["options"] == {"dataset": "kvasir"}
    assert read_card(place / "models" / "polyps").version == "imported"


def test_training_takes_recipe_changes_and_cases_of_the_family(place: Path, family: StandIn):
    words = ("train", "gaze-segmentation", "--config", "some", "--out", place / "run", "--device", "cpu")
    said = run(*words, "--epochs", 2, "--seed", 9, "--workers", 3, "--initial", place / "models" / "hu")
    assert said.exit_code == 0, said.output
    assert family.asked["config"] == configuration(epochs=2, seed=9, initial=place / "models" / "hu")
    assert (family.asked["recipe"], family.asked["workers"]) == ("some", 3)
    assert family.asked["initial"] == place / "models" / "hu"
    assert (family.asked["device"], family.asked["resume"]) == ("cpu", False)
    assert "epoch 1 of 4 is the best by val/dice" in said.stdout
    name = choose_device("cpu").name
    assert said.stderr == f"Training on {name}\nEpoch 1/4: train/loss 0.500, val/dice 0.250\n"


def test_training_says_its_device_as_json_and_one_that_is_not_there_at_once(place: Path, family: StandIn):
    words = ("train", "gaze-segmentation", "--config", "some", "--out", place / "run")
    assert json.loads(run(*words, "--device", "cpu", "--json").stdout)["device"] == choose_device("cpu").name
    family.asked.clear()
    assert failure(*words, "--device", "cuda:99").startswith("cuda:99 cannot be used: ")
    assert "workers" not in family.asked  # no case was made


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("CUDA out of memory. Tried to allocate 9 GiB")])
def test_memory_that_ran_out_in_training_is_one_line(place: Path, family: StandIn, error: Exception):
    family.fails = error
    said = failure("train", "gaze-segmentation", "--config", "some", "--out", place / "run", "--device", "cpu")
    assert said == "memory ran out (close other programs, lower how many cases training takes per batch)"


def test_a_folder_that_a_run_cannot_have_is_refused_before_any_case_is_made(place: Path, family: StandIn):
    words = ("train", "gaze-segmentation", "--config", "some", "--out")
    models = place / "models"
    assert failure(*words, models) == f"{models}: is not empty (name a new folder, or resume the run there)"
    file = place / "models" / "hu" / "card.toml"
    assert f"{file / 'run'}: cannot be made: card.toml is no folder that you may write to" in failure(
        *words, file / "run"
    )
    again = ("train", "gaze-segmentation", "--resume", "--out")
    assert failure(*again, place / "nowhere") == f"{place / 'nowhere'}: there is no run to resume (start it anew)"
    assert "its training is finished" in failure(*again, models / "hu")
    assert family.asked == {}


def test_a_run_is_resumed_with_its_own_configuration(place: Path, family: StandIn):
    out = place / "run"
    out.mkdir()
    (out / "config.toml").touch()
    assert json.loads(run("train", "gaze-segmentation", "--resume", "--out", out, "--json").stdout)["epochs"] == 4
    assert (family.asked["recipe"], family.asked["resume"]) == (str(out / "config.toml"), True)
    family.fails = Cancelled("stopped in epoch 2; it can be resumed")
    out = place / "new"
    said = failure("train", "gaze-segmentation", "--config", "some", "--out", out)
    assert said == f"{out}: stopped in epoch 2; it can be resumed (go on with --resume)"
    assert "no_recipe: there is no such" in failure(
        "train", "gaze-segmentation", "--config", "no_recipe", "--out", place / "other"
    )


def evaluated(place: Path, *words: Any) -> tuple[Any, ...]:
    return "evaluate", place / "models" / "hu", *words


def test_an_evaluation_is_a_table_with_intervals_floors_and_sentences(place: Path, family: StandIn):
    said = run(*evaluated(place, "--config", "some", "--seed", 5, "--bootstrap", 200, "--device", "cpu"))
    assert said.exit_code == 0, said.output
    lines = [" ".join(line.split()) for line in said.stdout.splitlines()]
    for line in (
        "Overlap with the true mask", "Dice voxels", "stand-in 0.500 n/a", "[0.250 0.750]",
        "empty mask (floor) 0.000 1234", "2 cases of 2 patients", "This proves the code, not radiology.",
    ):  # fmt: skip
        assert line in lines, line
    assert (family.asked["seed"], family.asked["resamples"], family.asked["device"]) == (5, 200, "cpu")
    assert [case.case for case in family.asked["cases"]] == ["c2", "c3"]
    assert read_card(place / "models" / "hu").metrics == {}


def test_json_file_and_card_hold_the_same_figures(place: Path, family: StandIn):
    out = place / "found.json"
    said = run(*evaluated(place, "--config", "some", "--json", "--out", out, "--card"))
    assert said.exit_code == 0, said.output
    content = json.loads(said.stdout)
    assert content == json.loads(out.read_text(encoding="utf-8"))
    assert content["tables"][0]["rows"]["stand-in"]["measures"]["Dice"] == {"value": 0.5, "low": 0.25, "high": 0.75}
    card = read_card(place / "models" / "hu")
    assert card.metrics_on == "2 cases of 2 patients"
    assert card.metrics["empty mask"].role == "floor"


def test_what_cannot_be_evaluated_together_is_one_line(place: Path, family: StandIn):
    assert "--simulated belongs to CT-Searcher" in failure(*evaluated(place, "--simulated", 3))
    assert "--count belongs to CT-Searcher" in failure(*evaluated(place, "--config", "some", "--count", 3))
    saved_searcher(place / "models" / "tiny")
    said = failure(*evaluated(place, "tiny", "--config", "some"))
    assert "these are models of CT-Searcher and Gaze-supervised segmentation" in said
    family.test_cases = 0
    assert "leaves no patient for a test" in failure(*evaluated(place, "--config", "some"))
