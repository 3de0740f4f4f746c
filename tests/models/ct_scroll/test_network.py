"""Masks, chunks, folded normalisation and attention of the network; settings that no network has."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import nn

from models.ct_scroll import network as network_module
from models.ct_scroll.scrolling import Attention, local_masks
from models.ct_scroll.settings import ScrollSettings
from models.ct_scroll.trunk import FoldedTrunk, load_imagenet, make_trunk
from models.errors import Cancelled, ModelError
from tests.models.ct_scroll.made_chests import tiny_network, tiny_settings

CPU = torch.device("cpu")


def volume(slices: int = 18, batch: int = 1, seed: int = 4) -> torch.Tensor:
    return torch.rand(batch, 1, slices, 32, 32, generator=torch.Generator().manual_seed(seed)) - 0.449


def test_local_masks_see_a_window_below_and_above():
    below, above = local_masks(5, 2, CPU)
    assert below.int().tolist() == [
        [1, 0, 0, 0, 0], [1, 1, 0, 0, 0], [0, 1, 1, 0, 0], [0, 0, 1, 1, 0], [0, 0, 0, 1, 1],
    ]  # fmt: skip
    assert torch.equal(above, below.T)
    published = local_masks(80, 16, CPU)[0]
    for token in (0, 7, 40, 79):
        assert published[token].nonzero().ravel().tolist() == list(range(max(0, token - 15), token + 1))


def test_masks_are_made_once_for_each_size():
    assert local_masks(7, 3, CPU)[0] is local_masks(7, 3, CPU)[0]
    assert not any("mask" in name for name in tiny_network().state_dict())


def test_masks_that_prediction_made_serve_training():
    network = tiny_network(windows=(3,))
    with torch.inference_mode():
        network(volume(27))
    network.train()
    network(volume(27, batch=2)).sum().backward()


def test_caudal_and_cranial_are_not_the_same():
    network = tiny_network()
    with torch.no_grad():
        tokens = network.tokens(volume(30))
        turned = network.logits(tokens.flip(1))
        network.blocks[0].caudal_cranial_block, network.blocks[0].cranial_caudal_block = None, None
        alone = network.logits(tokens)
        alone_turned = network.logits(tokens.flip(1))
        straight = tiny_network().logits(tokens)
    # Without local attention the order of tokens says nothing; with it, it does.
    torch.testing.assert_close(alone, alone_turned, rtol=1e-5, atol=1e-6)
    assert float((turned - straight).abs().max()) > 1e-4


@pytest.mark.parametrize("slices", [3, 12, 51])
@pytest.mark.parametrize("window", [1, 2, 40])
def test_any_depth_that_divides_by_three_and_any_window(slices: int, window: int):
    with torch.inference_mode():
        assert tiny_network(windows=(window, window))(volume(slices)).shape == (1, 2)


def test_a_depth_that_does_not_divide_by_three_is_refused():
    with pytest.raises(ValueError, match="20 slices do not divide by 3"):
        tiny_network()(volume(20))


def test_slices_3i_to_3i_plus_2_make_token_i():
    network = tiny_network()
    given = volume()
    with torch.inference_mode():
        whole = network.tokens(given)[0]
        second = network.tokens(given[:, :, 3:6])[0, 0]
    torch.testing.assert_close(whole[1], second, rtol=1e-5, atol=1e-6)


def test_chunks_and_folded_normalisation_change_nothing(monkeypatch):
    network = tiny_network()
    plain = network.projection_gap(network.features(volume(30).reshape(10, 3, 32, 32)).mean((2, 3)))
    for images in (1, 3, 100):
        monkeypatch.setattr(network_module, "PIXELS_PER_CHUNK", images * 32 * 32)
        with torch.no_grad():
            found = network.tokens(volume(30))[0]
        torch.testing.assert_close(found, plain, rtol=1e-4, atol=1e-5)


def test_the_folded_trunk_is_no_part_of_what_is_saved():
    network = tiny_network()
    names = set(network.state_dict())
    with torch.inference_mode():
        network(volume())
    assert set(network.state_dict()) == names


def test_training_normalises_over_the_batch_and_evaluation_does_not():
    network = tiny_network(projection_dropout=0.0, attention_dropout=0.0, classifier_dropout=0.0)
    pair = torch.cat([volume(seed=1), volume(seed=2)])
    with torch.inference_mode():
        torch.testing.assert_close(network(pair)[:1], network(pair[:1]), rtol=1e-4, atol=1e-5)
    network.train()
    with torch.no_grad():
        assert float((network(pair)[:1] - network(pair[:1])).abs().max()) > 1e-3


def test_attention_is_torchs_own_under_its_own_names():
    torch.manual_seed(1)
    theirs = nn.MultiheadAttention(12, 3, batch_first=True).eval()
    ours = Attention(12, 3, 0.1).eval()
    ours.load_state_dict(theirs.state_dict(), strict=True)
    tokens = torch.randn(2, 7, 12)
    mask = local_masks(7, 3, CPU)[0]
    wanted, weights = theirs(tokens, tokens, tokens, attn_mask=~mask, average_attn_weights=False)
    torch.testing.assert_close(ours(tokens, mask), wanted, rtol=1e-5, atol=1e-6)
    mixed, found = ours.with_weights(tokens, mask)
    torch.testing.assert_close(mixed, wanted, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(found, weights, rtol=1e-5, atol=1e-6)


def test_attention_by_block_part_and_head_stays_in_its_windows():
    network = tiny_network(windows=(2, 3))
    with torch.inference_mode():
        found = network.attention(network.tokens(volume(30)))
    assert found.shape == (2, 3, 1, 2, 10, 10)
    torch.testing.assert_close(found.sum(-1), torch.ones(2, 3, 1, 2, 10))
    assert not found[1, 1, ..., ~local_masks(10, 3, CPU)[0]].any()
    assert tiny_network(local_attention=False).attention(torch.rand(1, 5, 16)).shape == (1, 1, 1, 2, 5, 5)


def test_without_blocks_the_tokens_are_only_averaged():
    network = tiny_network(windows=())
    tokens = torch.rand(1, 6, 16)
    wanted = network.classifier(network.layer_norm_out(tokens).mean(1))
    torch.testing.assert_close(network.logits(tokens), wanted)


def test_cancelling_stops_between_chunks(monkeypatch):
    monkeypatch.setattr(network_module, "PIXELS_PER_CHUNK", 2 * 32 * 32)
    said: list[tuple[int, int]] = []
    with torch.inference_mode(), pytest.raises(Cancelled):
        tiny_network().tokens(volume(), progress=lambda *done: said.append(done), cancelled=lambda: len(said) == 2)
    assert said == [(2, 6), (4, 6)]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"input_shape_slp": (20, 32, 32)}, "must divide by 3"),
        ({"input_shape_slp": (18, 8, 32)}, "16 x 16 are the least"),
        ({"input_shape_slp": (3000, 4000, 4000)}, "fits no memory"),
        ({"heads": 3}, "must divide by 3 heads"),
        ({"labels": ("a", "a")}, "two labels have one name"),
        ({"thresholds": (0.5,)}, "1 thresholds for 2 labels"),
        ({"thresholds": (0.5, 1.5)}, "less than or equal to 1"),
        ({"hu_range": (200.0, -1000.0)}, "a lower and a higher value"),
        ({"surprise": 1}, "Extra inputs"),
    ],
)
def test_settings_that_no_network_has_are_refused(options, said: str):
    with pytest.raises(ValidationError, match=said):
        tiny_settings(**options)


def test_weights_of_imagenet_fill_the_trunk_under_torchvisions_names():
    source = make_trunk(4)
    places = {"0": "conv1", "1": "bn1", "4": "layer1", "5": "layer2", "6": "layer3", "7": "layer4"}
    named = {}
    for name, value in source.state_dict().items():
        part, _, rest = name.partition(".")
        named[f"{places[part]}.{rest}"] = value
    named |= {"fc.weight": torch.zeros(10, 32), "fc.bias": torch.zeros(10)}
    trunk = make_trunk(4)
    load_imagenet(trunk, named, place="resnet18.pth")
    images = torch.rand(2, 3, 32, 32)
    assert torch.equal(trunk.eval()(images), source.eval()(images))
    np.testing.assert_allclose(FoldedTrunk(trunk)(images), source(images).detach(), rtol=1e-4, atol=1e-5)
    with pytest.raises(ModelError, match=r"resnet18.pth: 0.weight has the shape \(4, 3, 7, 7\), not \(8, 3, 7, 7\)"):
        load_imagenet(make_trunk(8), named, place="resnet18.pth")
    del named["layer4.1.bn2.weight"]
    with pytest.raises(ModelError, match=r"lacks the tensor of 7\.1\.bn2\.weight"):
        load_imagenet(trunk, named, place="resnet18.pth")


def test_the_defaults_are_published():
    settings = ScrollSettings()
    assert (settings.tokens, settings.windows, len(settings.labels)) == (80, (16,), 18)
    assert settings.labels[9] == "Lung nodule"
