"""`ctgaze model evaluate`: tables, JSON, cards, and one line for what cannot be evaluated."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
import typer
from typer.testing import CliRunner, Result

from ctgaze_app.cli.model.evaluate import evaluate
from ctgaze_app.errors import CTGazeError
from models.card import NOT_SAVED, Card, InputCard, TrainingCard, read_card
from models.ct_searcher.files import save_searcher
from models.ct_searcher.network import CtSearcher
from models.ct_searcher.settings import SearcherSettings
from models.datasets import simulated
from models.datasets.case import TrainingCase
from models.errors import ModelError
from models.simulation.search_reader import HELD_OUT_FAMILIES, TRAINING_FAMILIES
from tests.models.ct_searcher.evaluated_cases import case_of

app = typer.Typer()
app.command()(evaluate)
SETTINGS = SearcherSettings(
    grid_kji=(4, 2, 2), max_steps=20, width=12, heads=2, encoder_layers=1, decoder_layers=1, feed_forward=8,
    feature_channels=6, encoder="small", input_shape_kji=(8, 8, 8), dropout=0.0,
)  # fmt: skip
FEW = ("--bootstrap", "100", "--count", "1")


def run(*words: object, columns: int = 100) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words], env={"COLUMNS": str(columns)})


def save(folder: Path, settings: SearcherSettings = SETTINGS, name: str = "tiny", seed: int = 1) -> Path:
    torch.manual_seed(seed)
    card = Card(
        name=name, version="1", task="scanpath", architecture="ct_searcher", licence="Apache-2.0",
        weights_sha256=NOT_SAVED, limits=("Not trained.",), settings={},
        input=InputCard(orientation="canonical", hu_windows=(), spacing="any"), training=TrainingCard(data="none"),
    )  # fmt: skip
    return save_searcher(folder, CtSearcher(settings), card).folder


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Small cases in place of made patients; what was asked for."""
    found: list[dict[str, Any]] = []

    def made(
        count: int, *, first_seed: int, families: Sequence[str] = (), progress: Any, **rest: Any
    ) -> list[TrainingCase]:
        found.append({"count": count, "first_seed": first_seed, "families": families, **rest})
        progress(count, count)
        return [case_of(first_seed // 1000 + number) for number in range(count)]

    monkeypatch.setattr(simulated, "simulated_cases", made)
    return found


def test_the_tables_say_what_they_are(model: Path, asked: list[dict[str, Any]]) -> None:
    done = run(model, "--simulated", 4, "--training", 2, *FEW)
    assert done.exit_code == 0, done.output
    text = " ".join(done.output.split())
    for words in (
        "tiny, told the length (model)", "lesion centres (oracle)", "fixed average path", "between simulated readers",
        "Floors beaten?", "What the CT is worth", "Continuity", "This proves the code, not radiology.",
        "4 cases of 4 patients, 8 readings", "another patient's path by a simulated reader",
    ):  # fmt: skip
        assert words in text, words
    assert "differences" not in text.split("Floors beaten?")[0]
    assert max(map(len, done.output.splitlines())) <= 100
    test, learned = asked
    assert (test["count"], test["first_seed"], test["families"]) == (4, 2_000_000, TRAINING_FAMILIES)
    assert (learned["count"], learned["first_seed"]) == (2, 0)


def test_json_out_and_cards_have_the_same_figures(model: Path, asked: list[dict[str, Any]], tmp_path: Path) -> None:
    own, out = save(tmp_path / "own"), tmp_path / "found.json"
    done = run(own, "--simulated", 3, "--training", 0, "--families", "held-out", "--json", "--out", out, "--card", *FEW)
    assert done.exit_code == 0, done.output
    printed, written = json.loads(done.output), json.loads(out.read_text("utf-8"))
    assert "pairs" not in printed["comparison"]
    assert len(written["comparison"]["pairs"]) > 0
    rows = {row["name"]: row["scores"] for row in written["comparison"]["rows"]}
    assert rows == {row["name"]: row["scores"] for row in printed["comparison"]["rows"]}
    card = read_card(own)
    assert card.metrics["own length"].measures["nss"].value == round(rows["tiny (model)"]["nss"]["mean"], 4)
    assert "3 cases, 3 patients" in card.metrics_on
    assert [each["families"] for each in asked] == [HELD_OUT_FAMILIES]
    assert not read_card(model).metrics
    assert list(tmp_path.glob(".*")) == []


def test_models_of_one_name_are_told_apart_by_their_folders(asked: list[dict[str, Any]], tmp_path: Path) -> None:
    folders = [save(tmp_path / f"seed{seed}", seed=seed) for seed in (1, 2)]
    done = run(*folders, "--simulated", 3, "--training", 0, "--json", *FEW)
    found = json.loads(done.output)
    assert [model["name"] for model in found["models"]] == ["tiny seed1", "tiny seed2"]
    assert {each["n_models"] for each in found["spread"]} == {2}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "name one of --config, --simulated and --data"),
        (("--simulated", "3", "--data", "x"), "name one of --config, --simulated and --data"),
        (("--data", "x", "--readers", "3"), "belong to --simulated"),
    ],
)
def test_options_that_do_not_fit_are_usage_errors(words: tuple[str, ...], said: str, model: Path) -> None:
    done = run(model, *words, columns=200)
    assert done.exit_code == 2
    assert said in done.output


def test_what_cannot_be_evaluated_is_one_line(model: Path, asked: list[dict[str, Any]], tmp_path: Path) -> None:
    fed = save(tmp_path / "fed", SearcherSettings(**{**SETTINGS.model_dump(), "encoder": "given"}), "fed")
    for words, error, said in (
        ((tmp_path / "none", "--simulated", 3), ModelError, "there is no"),
        ((fed, "--simulated", 3, "--training", 0), ModelError, "given features, and nothing makes them"),
        ((model, "--simulated", 3, "--out", tmp_path / "no" / "x.json"), CTGazeError, "its folder does not exist"),
        ((model, "--simulated", 3, "--out", tmp_path), CTGazeError, "is a folder (name a file)"),
        ((model, "--config", tmp_path / "no.toml"), ModelError, "there is no such file or recipe"),
        ((model, "--data", tmp_path), CTGazeError, ""),
        ((model, model, "--simulated", 3, "--training", 0), ModelError, "comes twice"),
    ):
        done = run(*words, *FEW)
        assert isinstance(done.exception, error), (words, done.output)
        assert said in str(done.exception)
        assert len(str(done.exception).splitlines()) == 1
