"""The network has the published names and sizes, and levels of its own."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from pydantic import ValidationError

from models.gaze_segmentation.network import GazeSegmenter
from models.gaze_segmentation.settings import SegmentationSettings
from tests.models.gaze_segmentation.tiny_segmenters import tiny_settings


@pytest.mark.parametrize(
    ("values", "normalisation", "count"), [("grey", "z-score", 62_766_466), ("rgb", "imagenet", 62_768_770)]
)
def test_the_published_sizes_have_the_published_number_of_parameters(values: Any, normalisation: Any, count: int):
    with torch.device("meta"):
        network = GazeSegmenter(SegmentationSettings(values=values, normalisation=normalisation))
    assert sum(parameter.numel() for parameter in network.parameters()) == count


def test_parameters_have_the_published_names():
    names = set(GazeSegmenter(tiny_settings()).state_dict())
    for level in (0, 1):
        assert {name for name in names if name.startswith(f"model.{level}.") and ".encoder." not in name} == {
            f"model.{level}.{part}" for part in (
                "head.0.weight", "head.0.bias", "head.2.weight", "head.2.bias", "classifier.weight", "classifier.bias",
            )
        }  # fmt: skip
        assert f"model.{level}.encoder.upcat_1.convs.conv_1.adn.N.weight" in names


def test_levels_begin_apart_and_as_copies_when_faithful(capsys: pytest.CaptureFixture[str]):
    def same(network: GazeSegmenter) -> bool:
        first, second = (dict(level.state_dict()) for level in network.model)
        return all(torch.equal(first[name], second[name]) for name in first)

    assert not same(GazeSegmenter(tiny_settings()))
    faithful = GazeSegmenter(tiny_settings(faithful=True))
    assert same(faithful)
    first, second = faithful.model
    assert next(first.parameters()) is not next(second.parameters())
    assert capsys.readouterr().out == ""


def test_logits_have_one_plane_a_level_and_picture():
    network = GazeSegmenter(tiny_settings(thresholds=(0.5, 0.3, 0.4)))
    found = network(torch.randn(2, 1, 32, 48))
    assert found.plain.shape == (3, 2, 32, 48)
    assert found.propagated is None
    assert network(torch.randn(2, 1, 32, 48), propagate=True).propagated.shape == (3, 2, 32, 48)


def test_the_unused_head_is_not_trained():
    network = GazeSegmenter(tiny_settings())
    found = network(torch.randn(1, 1, 32, 32), propagate=True)
    (found.plain.sum() + found.propagated.sum()).backward()
    without = [name for name, parameter in network.named_parameters() if parameter.grad is None]
    assert without
    assert all(".head." in name for name in without)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"values": "rgb"}, "it takes imagenet"),
        ({"window_hu": None}, "window_hu belongs to"),
        ({"window_hu": (100.0, -100.0)}, "a lower and a higher"),
        ({"values": "grey", "window_hu": None, "normalisation": "z-score", "region": "chest"}, "region belongs to"),
        ({"groups": 3}, "divide into 3 groups"),
        ({"mode": "full"}, "one level"),
        ({"thresholds": (0.5,)}, "needs two levels"),
        ({"input_rows_columns_px": (40, 32)}, "multiple of 16"),
        ({"thresholds": (0.5, 1.0)}, "less than or equal to 0.999"),
    ],
)
def test_settings_of_no_network_are_refused(changes: dict[str, Any], said: str):
    with pytest.raises(ValidationError, match=said):
        tiny_settings(**changes)
