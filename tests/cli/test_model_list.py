"""`ctgaze model list` and `ctgaze model import`: what there is, what is broken, and published weights made a model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner, Result

from ctgaze_app.cli.model import app
from models.errors import ModelError
from models.registry import MODELS_VARIABLE
from tests.models.ct_searcher.saved_searchers import saved_searcher
from tests.models.ct_searcher.test_import_published import published_weights


def run(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture(autouse=True)
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's models, and none shipped."""
    monkeypatch.setenv(MODELS_VARIABLE, str(tmp_path / "own"))
    monkeypatch.setattr("models.registry.shipped_models", lambda: tmp_path / "shipped")
    return tmp_path / "own"


def test_no_models_are_no_error(own: Path):
    said = run("list")
    assert said.exit_code == 0
    assert str(own) in said.stdout
    assert json.loads(run("list", "--json").stdout) == {"models": [], "folder": str(own)}


def test_a_broken_card_never_stops_the_list(own: Path):
    saved = saved_searcher(own / "tiny")
    (own / "broken").mkdir()
    (own / "broken" / "card.toml").write_text("name = 3", encoding="utf-8")
    said = run("list")
    assert said.exit_code == 0
    assert [line.split()[0] for line in said.stdout.splitlines()] == ["NAME", "broken", "tiny"]
    assert "broken: " in said.stderr
    entries = {entry["name"]: entry for entry in json.loads(run("list", "--json").stdout)["models"]}
    assert entries["tiny"]["problem"] is None
    assert entries["tiny"]["weights_sha256"] == saved.sha256
    assert entries["tiny"]["bytes"] == (own / "tiny" / "model.safetensors").stat().st_size
    assert "this field is missing" in entries["broken"]["problem"]


def test_an_imported_model_is_among_ones_own(tmp_path: Path, own: Path):
    torch.save({"state_dict": {f"model.{n}": t for n, t in published_weights().items()}}, tmp_path / "last.ckpt")
    said = run("import", tmp_path / "last.ckpt", "--architecture", "ct-searcher", "--name", "published", "--heads", 4)
    assert said.exit_code == 0
    assert "width 24, 1 + 2 layers, 4 heads, 5 steps, computes as published" in said.stdout
    assert (own / "published" / "model.safetensors").is_file()
    assert "published" in run("list").stdout
    again = run("import", tmp_path / "last.ckpt", "--architecture", "ct-searcher", "--name", "published", "--heads", 4)
    assert again.exit_code == 1
    assert isinstance(again.exception, ModelError)
    assert "holds a model already" in str(again.exception)


def test_a_name_that_leaves_the_folder_is_refused(tmp_path: Path, own: Path):
    (tmp_path / "last.ckpt").write_bytes(b"")
    said = run("import", tmp_path / "last.ckpt", "--architecture", "ct-searcher", "--name", "../up")
    assert said.exit_code == 2
    assert not own.exists()


@pytest.mark.parametrize("command", ["list", "import", "predict"])
def test_help_has_an_example(command: str):
    assert f"Example: ctgaze model {command}" in " ".join(run(command, "--help").stdout.split())
