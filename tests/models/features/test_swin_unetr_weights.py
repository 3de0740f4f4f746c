"""Swin UNETR's weights: MONAI's own network and names, and one line for a file that is not them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from monai.networks.nets import SwinUNETR

from models.errors import ModelError
from models.features.swin_unetr_weights import Bottleneck, default_weights, load_bottleneck, weights_digest

SMALL = 12


@pytest.fixture(scope="module")
def whole() -> SwinUNETR:
    """MONAI's whole network, small and random."""
    torch.manual_seed(3)
    return SwinUNETR(in_channels=1, out_channels=14, feature_size=SMALL).eval()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "model.pt"


def test_names_and_shapes_are_those_of_the_published_network():
    published = SwinUNETR(in_channels=1, out_channels=14, feature_size=48).state_dict()
    part = {name: each.shape for name, each in published.items() if name.split(".")[0] in ("swinViT", "encoder10")}
    assert {name: each.shape for name, each in Bottleneck().state_dict().items()} == part


@pytest.mark.parametrize(("wrapper", "prefix"), [(None, ""), ("state_dict", "module."), ("state_dict", "net.")])
def test_features_are_those_of_monais_bottleneck(whole, file, wrapper, prefix):
    state = {prefix + name: each for name, each in whole.state_dict().items()}
    torch.save({wrapper: state, "epoch": 5} if wrapper else state, file)
    window = torch.rand(1, 1, 32, 64, 32)
    with torch.inference_mode():
        wanted = whole.encoder10(whole.swinViT(window, whole.normalize)[4])
        found = load_bottleneck(file, SMALL)(window)
    assert found.shape == (1, 192, 1, 2, 1)
    assert torch.equal(found, wanted)


def test_index_buffers_may_be_missing(whole, file):
    torch.save({name: each for name, each in whole.state_dict().items() if "position_index" not in name}, file)
    assert not load_bottleneck(file, SMALL).training


def test_a_missing_file_says_what_it_is_and_what_to_type(file):
    with pytest.raises(ModelError) as caught:
        load_bottleneck(file)
    assert str(caught.value) == (
        f"{file}: the Swin UNETR weights are not there (they are models/model.pt (256 MB) of the bundle "
        "swin_unetr_btcv_segmentation in MONAI's model zoo; type: curl -L --create-dirs -o "
        f'"{file}" https://huggingface.co/MONAI/swin_unetr_btcv_segmentation/resolve/main/models/model.pt)'
    )
    with pytest.raises(ModelError, match="are not there"):
        weights_digest(file)


def test_without_a_name_they_lie_in_the_users_data_folder():
    assert default_weights().parts[-4:] == ("bundles", "swin_unetr_btcv_segmentation", "models", "model.pt")


def test_weights_of_another_size_are_refused(whole, file):
    torch.save(whole.state_dict(), file)
    with pytest.raises(ModelError, match=r"swinViT.patch_embed.proj.weight has shape \(12, .* not feature size 24"):
        load_bottleneck(file, 24)


def test_weights_of_the_transformer_alone_are_refused(whole, file):
    torch.save({name: each for name, each in whole.state_dict().items() if name.startswith("swinViT")}, file)
    with pytest.raises(ModelError, match=r"2 of Swin UNETR's weights are missing, first encoder10\.\S+ .* again"):
        load_bottleneck(file, SMALL)


def test_values_that_are_no_numbers_are_refused(whole, file):
    state = dict(whole.state_dict())
    name = "encoder10.layer.conv1.conv.weight"
    state[name] = state[name].clone()
    state[name][0, 0, 0, 0, 0] = float("nan")
    torch.save(state, file)
    with pytest.raises(ModelError, match=f"{name} holds values that are no numbers"):
        load_bottleneck(file, SMALL)
