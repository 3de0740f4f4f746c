"""Features for a network without an encoder: made once, kept, and only of the width that it takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.ct_searcher.given_features import GivenFeatures
from models.ct_searcher.settings import SearcherSettings
from models.errors import ModelError
from models.features.cache import FeatureCache
from models.features.devices import choose_device
from tests.models.ct_searcher.saved_searchers import features_card, small_patient
from tests.models.ct_searcher.tiny_networks import tiny_settings

CPU = choose_device("cpu")


class CountingEncoder:
    """Gives ones, and counts how often it was asked."""

    name, channels, cell_order, settings = "counting", 10, "canonical", {"encoder": "counting"}

    def __init__(self) -> None:
        self.asked = 0

    def estimate_s(self, shape_kji: tuple[int, int, int], device: Any, **_: Any) -> float:
        return 40.0

    def encode(self, volume: Any, grid_kji: tuple[int, int, int], **_: Any) -> np.ndarray:
        self.asked += 1
        return np.ones((int(np.prod(grid_kji)), 10), dtype=np.float32)


def test_features_are_made_once(tmp_path: Path):
    encoder = CountingEncoder()
    given = GivenFeatures(encoder, FeatureCache(tmp_path), tiny_settings())
    assert given.estimate_s(small_patient(), CPU) == 40.0
    for _ in range(2):
        features, note = given.features(small_patient(), CPU)
        assert features.shape == (24, 10)
        assert note == ""
    assert encoder.asked == 1
    assert given.estimate_s(small_patient(), CPU) == 0.0


@pytest.mark.parametrize("name", ["swin_unetr", "swin_unetr_published"])
def test_the_encoder_is_the_one_that_the_card_names(tmp_path: Path, name: str):
    encoder = GivenFeatures.of(features_card(name), SearcherSettings(), tmp_path / "weights.pt", tmp_path).encoder
    assert (encoder.name, encoder.channels) == (name, 768)


def test_a_card_that_names_no_encoder_is_refused(tmp_path: Path):
    with pytest.raises(ModelError, match="tiny: the card does not say which encoder makes its features"):
        GivenFeatures.of(features_card(""), SearcherSettings(), None, tmp_path)


def test_a_width_that_swin_unetr_does_not_give_is_refused(tmp_path: Path):
    with pytest.raises(ModelError, match="takes 500 features a cell; Swin UNETR gives 768"):
        GivenFeatures.of(features_card("swin_unetr"), SearcherSettings(feature_channels=500), None, tmp_path)


def test_weights_that_are_not_there_say_what_to_type(tmp_path: Path):
    given = GivenFeatures.of(features_card("swin_unetr"), SearcherSettings(), tmp_path / "weights.pt", tmp_path)
    with pytest.raises(ModelError, match=r"the Swin UNETR weights are not there .* type: curl"):
        given.estimate_s(small_patient(), CPU)
