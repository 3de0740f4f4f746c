"""A saved CT-Searcher loads as it was; whatever is wrong with a model folder is one line."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from models.ct_searcher.files import load_searcher, save_searcher
from models.errors import ModelError
from tests.models.ct_searcher.saved_searchers import saved_searcher, tiny_card


def test_a_network_loads_as_it_was_saved(tmp_path: Path):
    saved = saved_searcher(tmp_path / "m")
    loaded = load_searcher(tmp_path / "m")
    assert loaded.card == saved.card
    assert loaded.sha256 == saved.card.weights_sha256
    assert not loaded.network.training
    theirs = loaded.network.state_dict()
    assert all(torch.equal(tensor, theirs[name]) for name, tensor in saved.network.state_dict().items())
    assert sorted(path.name for path in (tmp_path / "m").iterdir()) == ["card.toml", "model.safetensors"]


def test_a_model_is_never_overwritten(tmp_path: Path):
    saved = saved_searcher(tmp_path)
    before = (tmp_path / "model.safetensors").read_bytes()
    with pytest.raises(ModelError, match="holds a model already"):
        save_searcher(tmp_path, saved.network, tiny_card())
    assert (tmp_path / "model.safetensors").read_bytes() == before


def test_weights_that_are_no_numbers_leave_no_half_model(tmp_path: Path):
    network = saved_searcher(tmp_path / "a").network
    with torch.no_grad():
        network.stop_token[0, 0, 0] = torch.nan
    with pytest.raises(ModelError, match="stop_token holds values that are no numbers"):
        save_searcher(tmp_path / "b", network, tiny_card())
    assert list((tmp_path / "b").iterdir()) == []


def change_card(folder: Path, before: str, after: str) -> None:
    path = folder / "card.toml"
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after), encoding="utf-8")


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('architecture = "ct_searcher"', 'architecture = "ct_scroll"', "is a card of ct_scroll, not of ct_searcher"),
        ('task = "scanpath"', 'task = "saliency"', "is a card for saliency, not for scanpath"),
        ("width = 24\n", "", "settings.width: this field is missing"),
        ("width = 24", "width = 25", "settings: Value error, width 25 must divide by 6"),
        ("width = 24", 'width = "24"', "settings.width: Input should be a valid integer"),
        ("max_steps = 12", "max_steps = 13", r"query_embed.weight has the shape \(12, 24\); the card's network has"),
        ("width = 24\n", "width = 24\nsurprise = 1\n", "settings.surprise: Extra inputs"),
        ('weights_sha256 = "', 'weights_sha256 = "0', "weights_sha256: String should match"),
    ],
)
def test_a_card_of_another_network_is_one_line(tmp_path: Path, before: str, after: str, said: str):
    saved_searcher(tmp_path)
    change_card(tmp_path, before, after)
    with pytest.raises(ModelError, match=said) as caught:
        load_searcher(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_card_from_before_the_sampling_settings_loads(tmp_path: Path):
    saved_searcher(tmp_path)
    change_card(tmp_path, "consensus = 1\n", "")
    change_card(tmp_path, "temperature = 1.0\n", "")
    assert load_searcher(tmp_path).network.settings.consensus == 1


def test_other_weights_than_the_cards_are_refused(tmp_path: Path):
    saved_searcher(tmp_path / "a")
    saved_searcher(tmp_path / "b", seed=1)
    (tmp_path / "a" / "model.safetensors").write_bytes((tmp_path / "b" / "model.safetensors").read_bytes())
    with pytest.raises(ModelError, match=r"model.safetensors: is not the file that the card was written for"):
        load_searcher(tmp_path / "a")


def test_missing_weights_are_one_line(tmp_path: Path):
    saved_searcher(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"model.safetensors: there is no such file"):
        load_searcher(tmp_path)
