"""Published checkpoints become models; whatever is wrong with one is one line."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from models.ct_scroll import family
from models.ct_scroll.network import CtScroll
from models.ct_scroll.settings import CT_RATE_LABELS, ScrollSettings
from models.errors import ModelError
from tests.models.ct_scroll.made_chests import tiny_network

NAME = {"name": "imported", "version": "1"}


def checkpoint(path: Path, **options) -> CtScroll:
    """A small network with 18 labels under the published names, whose input stays published."""
    network = tiny_network(labels=CT_RATE_LABELS, **{"heads": 8, "windows": (16,), **options})
    torch.save(network.state_dict(), path)
    return network


def thresholds(path: Path, table: object) -> str:
    path.write_text(table if isinstance(table, str) else json.dumps({"thresholds": table}), encoding="utf-8")
    return str(path)


def test_a_bare_state_dict_becomes_a_model_with_the_labels_of_ct_rate(tmp_path: Path):
    network = checkpoint(tmp_path / "w.pth")
    found = family.import_published(tmp_path / "w.pth", tmp_path / "m", options={}, **NAME)
    settings = found.network.settings
    assert settings.labels == CT_RATE_LABELS
    assert settings.thresholds == ()
    assert (settings.input_shape_slp, settings.spacing_slp_mm) == ((240, 480, 480), (1.5, 0.75, 0.75))
    assert (settings.windows, settings.heads, settings.trunk_width, settings.embedding) == ((16,), 8, 4, 16)
    assert any("order of its labels is assumed" in limit for limit in found.card.limits)
    again = family.load(tmp_path / "m")
    assert all(torch.equal(value, again.network.state_dict()[name]) for name, value in network.state_dict().items())


def test_the_order_of_the_thresholds_is_the_order_of_the_labels(tmp_path: Path):
    checkpoint(tmp_path / "w.pth")
    table = {label: round(0.2 + number / 100, 2) for number, label in enumerate(reversed(CT_RATE_LABELS))}
    options = {"thresholds": thresholds(tmp_path / "t.json", table)}
    found = family.import_published(tmp_path / "w.pth", tmp_path / "m", options=options, **NAME)
    assert found.network.settings.labels == tuple(reversed(CT_RATE_LABELS))
    assert found.network.settings.thresholds[:2] == (0.2, 0.21)
    assert not any("assumed" in limit for limit in found.card.limits)
    assert family.load(tmp_path / "m").network.settings == found.network.settings


def test_other_labels_need_their_thresholds(tmp_path: Path):
    torch.save(tiny_network(heads=8).state_dict(), tmp_path / "w.pth")
    with pytest.raises(ModelError, match=r"2 outputs, and CT-RATE has 18 labels .*: --option thresholds=FILE"):
        family.import_published(tmp_path / "w.pth", tmp_path / "m", options={}, **NAME)
    options = {"thresholds": thresholds(tmp_path / "t.json", {"a": 0.5, "b": 0.25})}
    found = family.import_published(tmp_path / "w.pth", tmp_path / "m", options=options, **NAME)
    assert found.network.settings.labels == ("a", "b")


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("{", "is no JSON of thresholds"),
        ("[1]", 'holds no table "thresholds"'),
        ('{"thresholds": {}}', 'holds no table "thresholds"'),
        ('{"thresholds": {"a": 0.1, "a": 0.2}}', "a name is there twice"),
        ({"a": 1.5}, "'a': 1.5 is no probability"),
        ({"a": "0.5"}, "'a': 0.5 is no probability"),
        ('{"thresholds": {"a": NaN}}', "'a': nan is no probability"),
        ({"a": 0.5}, "18 outputs, and the thresholds name 1 labels"),
        ('{"thresholds": ' + "[" * 100_000, "is no JSON of thresholds"),
    ],
)
def test_thresholds_that_cannot_be_are_one_line(tmp_path: Path, table, said: str):
    checkpoint(tmp_path / "w.pth")
    options = {"thresholds": thresholds(tmp_path / "t.json", table)}
    with pytest.raises(ModelError, match=said) as caught:
        family.import_published(tmp_path / "w.pth", tmp_path / "m", options=options, **NAME)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "m").exists()


def test_thresholds_that_are_not_there_are_one_line(tmp_path: Path):
    checkpoint(tmp_path / "w.pth")
    with pytest.raises(ModelError, match=r"no.json: cannot be read"):
        family.import_published(tmp_path / "w.pth", tmp_path / "m", options={"thresholds": str(tmp_path / "no.json")},
                                **NAME)  # fmt: skip


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            {"heads": "3"},
            "must divide by 3 heads .give the number of heads it was trained with: --option heads=NUMBER",
        ),
        ({"heads": "-1"}, "heads = '-1' is no number of heads .--option heads=8 as published"),
        ({"window": "0"}, "window = '0' is no number of window"),
        ({"labels": "x"}, "importing CT-Scroll has no option 'labels'"),
    ],
)
def test_options_that_cannot_be_are_one_line(tmp_path: Path, options, said: str):
    checkpoint(tmp_path / "w.pth")
    with pytest.raises(ModelError, match=said):
        family.import_published(tmp_path / "w.pth", tmp_path / "m", options=options, **NAME)


def change(path: Path, how) -> None:
    weights = torch.load(path, weights_only=True)
    how(weights)
    torch.save(weights, path)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        (lambda w: w.pop("classifier.3.weight"), "holds no classifier.3.weight: no CT-Scroll"),
        (lambda w: w.pop("blocks.0.cranial_caudal_block.norm1.bias"), "lacks the tensor blocks.0.cranial_caudal"),
        (lambda w: w.update(surprise=torch.zeros(2)), "holds surprise, which CT-Scroll has not"),
        (lambda w: w.update({"layer_norm_out.bias": torch.zeros(3)}), r"layer_norm_out.bias has the shape \(3,\)"),
        (lambda w: w["features.0.weight"].fill_(torch.inf), "features.0.weight holds values that are no numbers"),
        (lambda w: w.update({"features.0.weight": torch.zeros(4)}), "features.0.weight has 1 axes, not 4"),
    ],
)
def test_checkpoints_of_another_network_are_one_line(tmp_path: Path, how, said: str):
    checkpoint(tmp_path / "w.pth")
    change(tmp_path / "w.pth", how)
    with pytest.raises(ModelError, match=said) as caught:
        family.import_published(tmp_path / "w.pth", tmp_path / "m", options={}, **NAME)
    assert "\n" not in str(caught.value)


class _Code:
    def __reduce__(self):
        return Path.touch, (Path("ran.txt"),)


def test_code_in_a_checkpoint_is_never_run(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"features.0.weight": _Code()}, tmp_path / "w.pth", pickle_module=pickle)
    with pytest.raises(ModelError, match="holds code or objects"):
        family.import_published(tmp_path / "w.pth", tmp_path / "m", options={}, **NAME)
    assert not (tmp_path / "ran.txt").exists()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"not weights at all"])
def test_damaged_files_are_one_line(tmp_path: Path, content: bytes):
    (tmp_path / "w.pth").write_bytes(content)
    with pytest.raises(ModelError, match=r"w\.pth: ") as caught:
        family.import_published(tmp_path / "w.pth", tmp_path / "m", options={}, **NAME)
    assert "\n" not in str(caught.value)


def test_names_that_no_model_has_are_one_line(tmp_path: Path):
    checkpoint(tmp_path / "w.pth")
    with pytest.raises(ModelError, match="name: String should match"):
        family.import_published(tmp_path / "w.pth", tmp_path / "m", name="A B", version="1", options={})


def test_the_published_size_is_found_from_its_shapes():
    from models.ct_scroll.published import scroll_settings_of

    with torch.device("meta"):
        weights = CtScroll(ScrollSettings()).state_dict()
    assert scroll_settings_of(weights, None, heads=8, window=16, place="x") == ScrollSettings()
    assert np.prod(weights["blocks.0.global_block.attention.in_proj_weight"].shape) == 3 * 512 * 512
