"""Cards, folders and published checkpoints of segmentation networks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from models.errors import ModelError
from models.families import family_of
from models.gaze_segmentation.network import GazeSegmenter
from models.gaze_segmentation.published import import_published
from models.gaze_segmentation.settings import SegmentationSettings
from tests.models.gaze_segmentation.tiny_segmenters import saved_segmenter, tiny_colour_settings, tiny_settings

PUBLISHED = {"faithful": True, "features": (8, 12, 8, 8, 4, 8), "feature_channels": 4, "groups": 4}


def published_checkpoint(path: Path, network: GazeSegmenter, **changes: Any) -> Path:
    """As the published code saves it."""
    content = {"state_dict": {**network.state_dict(), **changes}, "opt": "sgd", "epoch": 3, "iteration": 7}
    torch.save({**content, "best_performance": 0.5, "best_iteration": 7}, path)
    return path


def test_a_folder_gives_the_same_network_again(tmp_path: Path):
    saved = saved_segmenter(tmp_path, tiny_settings(spacing_mm=2.0))
    loaded = family_of("gaze_segmentation").load(tmp_path)
    assert loaded.network.settings == saved.network.settings
    assert all(
        torch.equal(value, saved.network.state_dict()[name]) for name, value in loaded.network.state_dict().items()
    )


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('values = "hu"\nwindow', 'values = "grey"\nwindow', "settings"),
        ("groups = 2", "groups = 3", "divide into 3 groups"),
        ("groups = 2", "", "settings.groups: this field is missing"),
        ('task = "segmentation"', 'task = "saliency"', "is a card for saliency"),
    ],
)
def test_a_card_of_no_network_is_one_line(tmp_path: Path, before: str, after: str, said: str):
    saved_segmenter(tmp_path)
    card = tmp_path / "card.toml"
    text = card.read_text()
    assert before in text
    card.write_text(text.replace(before, after))
    with pytest.raises(ModelError, match=said):
        family_of("gaze_segmentation").load(tmp_path)


@pytest.mark.parametrize("levels", [1, 2, 3])
def test_published_checkpoints_become_faithful_models(tmp_path: Path, levels: int):
    torch.manual_seed(0)
    thresholds = (0.5, 0.3, 0.4)[:levels]
    consistency = "propagated" if levels > 1 else "none"
    settings = tiny_colour_settings(**PUBLISHED, thresholds=thresholds, consistency=consistency, structure="polyp")
    network = GazeSegmenter(settings)
    path = published_checkpoint(tmp_path / "model.pth", network)
    made = import_published(path, tmp_path / "folder", name="kvasir", version="1", options={})
    assert made.network.settings == SegmentationSettings(
        features=(8, 12, 8, 8, 4, 8), feature_channels=4, thresholds=thresholds, consistency=consistency, faithful=True
    )  # type: ignore[arg-type]
    assert all(torch.equal(value, network.state_dict()[name]) for name, value in made.network.state_dict().items())
    assert made.card.input.values == "rgb"


def test_one_channel_is_prostate_mr_and_options_say_otherwise(tmp_path: Path):
    network = GazeSegmenter(tiny_settings(**PUBLISHED))
    path = published_checkpoint(tmp_path / "model.pth", network)
    made = import_published(path, tmp_path / "first", name="nci", version="1", options={})
    said = made.network.settings
    assert (said.structure, said.thresholds, said.values, said.normalisation) == (
        "prostate", (0.2, 0.4), "grey", "z-score",
    )  # fmt: skip
    options = {"structure": "lesion", "thresholds": "0.6,0.4"}
    other = import_published(path, tmp_path / "second", name="own", version="1", options=options).network.settings
    assert (other.structure, other.thresholds) == ("lesion", (0.6, 0.4))


@pytest.mark.parametrize(
    ("levels", "structure", "words"),
    [
        (1, None, "its 1 level, and none were published for prostate with 1 channel"),
        (3, None, "its 3 levels, and none were published for prostate with 1 channel"),
        (3, "prostate", "its 3 levels, and none were published for prostate with 1 channel"),
        (2, "lesion", "its 2 levels, and none were published for lesion with 1 channel"),
        (2, "polyp", "its 2 levels, and none were published for polyp with 1 channel"),
    ],
)
def test_thresholds_that_nobody_published_are_asked_for(tmp_path: Path, levels: int, structure: str | None, words: str):
    given = (0.6, 0.4, 0.2)[:levels]
    consistency = "propagated" if levels > 1 else "none"
    network = GazeSegmenter(tiny_settings(**PUBLISHED, thresholds=given, consistency=consistency))
    path = published_checkpoint(tmp_path / "model.pth", network)
    options = {} if structure is None else {"structure": structure}
    with pytest.raises(ModelError) as caught:
        import_published(path, tmp_path / "m", name="n", version="1", options=options)
    asked = ",".join(["0.5"] * levels)
    assert str(caught.value) == (
        f"{path}: does not tell the thresholds of {words} (give what it was trained with: --option thresholds={asked})"
    )
    assert not (tmp_path / "m").exists()
    options["thresholds"] = ",".join(map(str, given))
    made = import_published(path, tmp_path / "m", name="n", version="1", options=options)
    assert made.network.settings.thresholds == given
    assert made.network.settings.structure == (structure or "prostate")


def test_checkpoints_of_other_networks_are_one_line(tmp_path: Path):
    network = GazeSegmenter(tiny_settings(**PUBLISHED))
    more = published_checkpoint(tmp_path / "more.pth", network, **{"model.0.extra.weight": torch.zeros(2)})
    nan = published_checkpoint(
        tmp_path / "nan.pth", network, **{"model.1.classifier.bias": torch.tensor([float("nan")])}
    )
    torch.save({"state_dict": {"conv.weight": torch.zeros(2, 2)}}, tmp_path / "other.pth")
    for path, options, said in (
        (more, {}, "holds model.0.extra.weight"),
        (nan, {}, "holds values that are no numbers"),
        (tmp_path / "other.pth", {}, "holds no model.0.encoder.conv_0.conv_0.conv.weight"),
        (more, {"heads": "2"}, "there is no option 'heads'"),
        (more, {"thresholds": "a"}, "thresholds 'a'"),
        (more, {"thresholds": "0.5"}, "1 thresholds for 2 levels"),
    ):
        with pytest.raises(ModelError, match=said):
            import_published(path, tmp_path / "folder", name="n", version="1", options=options)
    assert not (tmp_path / "folder").exists()


def test_a_version_that_no_model_can_have_is_one_line(tmp_path: Path):
    network = GazeSegmenter(tiny_colour_settings(**PUBLISHED))
    path = published_checkpoint(tmp_path / "x.pth", network)
    with pytest.raises(ModelError, match="version: String should match"):
        import_published(path, tmp_path / "m", name="polyp", version="!!", options={})
