"""Models are found by name or folder; a broken one says why and stops nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.card import write_card
from models.errors import ModelError
from models.registry import MODELS_VARIABLE, find_models, model_folder, shipped_models, user_models
from tests.models.ct_searcher.saved_searchers import tiny_card


def make_model(folder: Path, **fields: str) -> Path:
    folder.mkdir(parents=True)
    write_card(folder, tiny_card(**fields))
    (folder / "model.safetensors").write_bytes(b"1234")
    return folder


def test_models_are_listed_by_name_and_a_broken_one_says_why(tmp_path: Path):
    make_model(tmp_path / "second", name="beta")
    make_model(tmp_path / "first", name="alpha", version="2")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "card.toml").write_text("schema = ", encoding="utf-8")
    (tmp_path / "nothing").mkdir()
    (tmp_path / "a file").write_bytes(b"")
    (make_model(tmp_path / "half", name="half") / "model.safetensors").unlink()
    found = find_models([tmp_path, tmp_path / "not there"])
    assert [one.name for one in found] == ["alpha", "beta", "broken", "half", "nothing"]
    assert [one.size_bytes for one in found] == [4, 4, 0, 0, 0]
    problems = {one.name: one.problem for one in found}
    assert problems["alpha"] == problems["beta"] == ""
    assert "is no TOML" in problems["broken"]
    assert problems["half"] == "holds no model.safetensors"
    assert "holds no card.toml" in problems["nothing"]


def test_a_name_a_version_and_a_folder_all_work(tmp_path: Path):
    one = make_model(tmp_path / "one", name="alpha", version="1")
    two = make_model(tmp_path / "two", name="alpha", version="2")
    assert model_folder("alpha==1", [tmp_path]) == one
    assert model_folder(str(two), []) == two
    assert model_folder(two, []) == two
    with pytest.raises(ModelError, match=r"several models are called 'alpha' .name one: alpha==1, alpha==2"):
        model_folder("alpha", [tmp_path])
    with pytest.raises(ModelError, match=r"there is no model 'gamma' .name a folder, or one of: alpha"):
        model_folder("gamma", [tmp_path])


def test_the_users_folder_follows_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(MODELS_VARIABLE, str(tmp_path))
    assert user_models() == tmp_path
    make_model(tmp_path / "mine", name="mine")
    assert "mine" in [one.name for one in find_models()]
    monkeypatch.delenv(MODELS_VARIABLE)
    assert user_models().name == "models"


def test_the_users_own_go_before_shipped_ones_of_the_same_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("models.registry.shipped_models", lambda: tmp_path / "shipped")
    monkeypatch.setenv(MODELS_VARIABLE, str(tmp_path / "own"))
    make_model(tmp_path / "shipped" / "a", name="alpha")
    assert model_folder("alpha") == tmp_path / "shipped" / "a"
    own = make_model(tmp_path / "own" / "a", name="alpha")
    assert model_folder("alpha") == own
    assert [one.origin for one in find_models()] == ["user", "shipped"]


def test_every_shipped_model_has_a_card_that_can_be_read():
    for found in find_models([shipped_models()]):
        assert found.problem == ""
