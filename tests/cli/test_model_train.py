"""`ctgaze model train`: what it prints, what it hands on, and one line for what goes wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from ctgaze_app.cli.model import configured
from ctgaze_app.cli.model.train import train
from ctgaze_app.cli.model.training_progress import training_progress, values_text
from ctgaze_app.errors import CTGazeError
from models.ct_searcher import training as training_run
from models.ct_searcher.config import SearcherConfig
from models.errors import ModelError
from models.training.recipes import config_text, read_recipe_file
from models.training.result import TrainingState
from tests.models.ct_searcher.trained_cases import TINY, a_split, patients, tiny

app = typer.Typer()
app.command()(train)


def run(*words: object) -> Result:
    return CliRunner().invoke(app, ["ct-searcher", *(str(word) for word in words)])


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration whose cases need no simulation."""
    monkeypatch.setattr(configured, "split_of", lambda *_, **__: a_split())
    path = tmp_path / "run.toml"
    path.write_text(config_text(tiny(epochs=1)))
    return path


def test_a_model_is_trained_and_its_figures_printed(config: Path, tmp_path: Path) -> None:
    result = run("--config", config, "--out", tmp_path / "model", "--device", "cpu", "--epochs", 2, "--seed", 5)
    assert result.exit_code == 0, result.output
    assert "of 2 is the best by val/place" in result.stdout
    assert "Epoch 2/2: train/total" in result.stderr
    assert "seed = 5" in (tmp_path / "model" / "config.toml").read_text()
    assert (tmp_path / "model" / "card.toml").is_file()


def test_json_is_one_object_with_the_figures_and_nothing_else_is_printed(config: Path, tmp_path: Path) -> None:
    result = run("--config", config, "--out", tmp_path / "model", "--device", "cpu", "--json")
    content = json.loads(result.stdout)
    assert (content["epochs"], content["best_epoch"], content["monitor"]) == (1, 1, "val/place")
    assert content["figures"]["val/place"] > 0 and content["step_s"] > 0
    assert result.stderr == ""


def test_a_stopped_run_says_how_to_go_on_and_goes_on_with_its_own_configuration(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = training_run.train

    def stopped(*given: Any, **options: Any) -> None:
        whole(*given, **options, cancelled=lambda: True)

    out = tmp_path / "model"
    monkeypatch.setattr(training_run, "train", stopped)
    error = run("--config", config, "--out", out, "--device", "cpu").exception
    assert isinstance(error, CTGazeError)
    assert str(error) == f"{out}: stopped before the first epoch; it can be resumed (go on with --resume)"
    monkeypatch.setattr(training_run, "train", whole)
    result = run("--out", out, "--resume", "--device", "cpu", "--json")
    assert json.loads(result.stdout)["epochs"] == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--config", "no_recipe"], "no_recipe: there is no such file or recipe (recipes: ct_searcher_published,"),
        (["--resume"], "model: there is no run to resume (start it anew)"),
        (["--config", "RUN", "--device", "tpu"], "no such device: 'tpu'"),
        (["--config", "RUN", "--initial", "nowhere"], "there is no model 'nowhere'"),
    ],
)
def test_what_goes_wrong_is_one_line(words: list[str], said: str, config: Path, tmp_path: Path) -> None:
    asked = [str(config) if word == "RUN" else word for word in words]
    error = run(*asked, "--out", tmp_path / "model").exception
    assert isinstance(error, ModelError)
    assert said in str(error) and "\n" not in str(error)
    assert not (tmp_path / "model").exists()


def test_a_configuration_is_needed(tmp_path: Path) -> None:
    result = run("--out", tmp_path / "model")
    assert result.exit_code == 2
    assert "--config" in result.stderr


def test_a_resumed_run_keeps_its_own_configuration(config: Path, tmp_path: Path) -> None:
    result = run("--config", config, "--out", tmp_path / "model", "--resume")
    assert result.exit_code == 2
    assert "keeps its own configuration" in result.stderr


def test_without_lightning_it_says_what_to_install(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ctgaze_app.study.models_extra.find_spec", lambda name: None if name == "lightning" else name)
    error = run("--config", config, "--out", tmp_path / "model").exception
    assert isinstance(error, CTGazeError) and error.remedy == 'pip install "ctgaze[train]"'


SOURCES = """
[data]
cache = "cache"
[[data.source]]
kind = "simulated"
count = 2
first_seed = 7
families = ["driller"]
readers_per_case = 3
[[data.source]]
kind = "lifted"
count = 2
paths_per_case = 5
[[data.source]]
kind = "lifted"
count = 2
folder = "egd"
[[data.source]]
kind = "sessions"
folders = ["a", "b"]
[[data.source]]
kind = "ct_scangaze"
file = "gaze.json"
volumes = "ct"
options = { patients = "report" }
"""


def test_every_kind_of_source_is_asked_for_its_cases_as_configured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {}

    def stands_for(module: str, name: str, first: int) -> None:
        def called(*given: Any, **options: Any) -> list[Any]:
            asked[name] = given, options
            return list(patients(2, first))

        monkeypatch.setattr(f"{module}.{name}", called)

    stands_for("models.datasets.simulated", "simulated_cases", 0)
    stands_for("models.datasets.lifted", "lifted_simulated_cases", 2)
    stands_for("ctgaze_app.formats.training_sources", "lifted_cases_from_egd", 4)
    stands_for("ctgaze_app.formats.training_sources", "cases_from_sessions", 6)
    stands_for("ctgaze_app.formats.training_sources", "cases_from_ct_scangaze", 8)
    head, _, _ = TINY.partition("[[data.source]]")
    (tmp_path / "run.toml").write_text(head + SOURCES)
    split = configured.split_of(read_recipe_file(tmp_path / "run.toml", SearcherConfig), workers=1)
    assert sum(len(part) for part in (split.train, split.validation, split.test)) == 10
    given, options = asked["simulated_cases"]
    assert given == (2,) and options["families"] == ("driller",)
    assert (options["first_seed"], options["readers_per_case"]) == (7, 3)
    assert options["folder"] == tmp_path / "cache" / "patients"
    assert asked["lifted_simulated_cases"][1]["paths_per_case"] == 5
    assert asked["lifted_cases_from_egd"][0][0] == tmp_path / "egd"
    assert asked["cases_from_sessions"][0] == ((tmp_path / "a", tmp_path / "b"),)
    assert asked["cases_from_ct_scangaze"][0] == (tmp_path / "gaze.json", tmp_path / "ct", {"patients": "report"})


def test_elsewhere_than_on_a_terminal_an_epoch_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    state = TrainingState("self_critical", 1, 2, 3, 6, {"train/reward": 0.25, "val/reward": 0.5, "val/offset": 1})
    with training_progress(shown=True) as told:
        told.preparing(1, 2)
        told.training(state)
        told.training(TrainingState(**{**vars(state), "validated": True}))
    assert capsys.readouterr().err == "Self-critical epoch 1/2: train/reward 0.250, val/reward 0.500\n"
    assert values_text(state) == "train/reward 0.250, val/reward 0.500"


def test_every_architecture_tells_its_validation_values() -> None:
    values = {"train/total": -1.5, "train/supervised": 0.3, "train/consistency": -1.8, "val/dice": 0.6, "val/loss": 0.2}
    said = values_text(TrainingState("supervised", 1, 2, 3, 6, values))
    assert said.endswith("val/dice 0.600, val/loss 0.200")
    values = {"train/total": 3.0, "train/place": 2.0, "val/place": 1.9, "val/duration": 0.4, "val/offset": 1.0}
    said = values_text(TrainingState("supervised", 1, 2, 3, 6, values))
    assert said == "train/total 3.000, val/place 1.900, val/duration 0.400"
