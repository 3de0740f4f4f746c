"""A model's folder: what was saved is loaded, and everything else is one line."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
import torch

from models.card import CARD_FILE
from models.errors import ModelError
from models.families import FAMILIES, family_of
from models.gaze_classifier import family
from models.gaze_classifier.files import save_classifier
from tests.models.gaze_classifier.saved_classifiers import LABELS, saved_classifier, tiny_card, tiny_network


@pytest.mark.parametrize("kind", ["baseline", "temporal", "static", "static_baseline"])
def test_what_was_saved_is_loaded(tmp_path: Path, kind: str) -> None:
    saved = saved_classifier(tmp_path / "m", kind)

    found = family.load(tmp_path / "m")

    assert found.network.settings == saved.network.settings
    for name, value in saved.network.state_dict().items():
        assert torch.equal(found.network.state_dict()[name], value)


def test_the_table_of_architectures_leads_here() -> None:
    assert family_of("gaze_classifier") is family
    assert FAMILIES["gaze_classifier"].tasks == ("classification", "saliency")


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('kind = "static"', 'kind = "dynamic"', r"settings.kind"),
        ('kind = "static"', 'kind = "baseline"', r"task: a network of the kind baseline is for classification"),
        ("size_px = 32", "size_px = 33", r"settings.size_px"),
        ("size_px = 32", 'size_px = "32"', r"settings.size_px"),
        ("size_px = 32", "size_px = 36", r"size_px 36 must divide by 8"),
        ("size_px = 32\n", "", r"settings.size_px: this field is missing"),
        ("hidden = 8", "hidden = 8\ncolour = 1", r"settings.colour"),
        ("sigma = 0.05", "sigma = inf", r"holds a value that no card has|settings.sigma"),
    ],
)
def test_a_broken_card_is_one_line(tmp_path: Path, before: str, after: str, said: str) -> None:
    saved_classifier(tmp_path / "m", "static")
    card = tmp_path / "m" / CARD_FILE
    assert before in card.read_text()
    card.write_text(card.read_text().replace(before, after))

    with pytest.raises(ModelError, match=said) as caught:
        family.load(tmp_path / "m")
    assert "\n" not in str(caught.value)


def test_settings_of_a_network_too_large_for_any_memory_are_one_line(tmp_path: Path) -> None:
    saved_classifier(tmp_path / "m", "baseline")
    card = tmp_path / "m" / CARD_FILE
    for before, after in (
        ("size_px = 32", "size_px = 1024"), ("channels = 4", "channels = 2048"), ("hidden = 8", "hidden = 2048")
    ):  # fmt: skip
        card.write_text(card.read_text().replace(f"\n{before}", f"\n{after}"))

    with pytest.raises(ModelError, match=r"a network of .* parameters"):
        family.load(tmp_path / "m")


def test_weights_of_another_kind_are_one_line(tmp_path: Path) -> None:
    network = tiny_network("baseline")
    save_classifier(tmp_path / "m", network, tiny_card(network.settings))
    card = tmp_path / "m" / CARD_FILE
    card.write_text(card.read_text().replace('kind = "baseline"', 'kind = "temporal"'))
    assert tomllib.loads(card.read_text())["settings"]["labels"] == list(LABELS)

    with pytest.raises(ModelError, match=r"model.safetensors.*(lacks|missing|tensor)") as caught:
        family.load(tmp_path / "m")
    assert "\n" not in str(caught.value)


def test_nothing_can_be_imported_and_the_line_says_why(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"w.pt: weights .* were never published") as caught:
        family.import_published(tmp_path / "w.pt", tmp_path / "m", name="a", version="1", options={})
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "m").exists()
