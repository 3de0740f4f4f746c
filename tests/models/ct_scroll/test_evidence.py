"""Evidence of tokens: exact where it can be known, and where it was put."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from models.ct_scroll.evidence import (
    METHODS,
    attention_by_head,
    gradient_times_input,
    leave_one_out,
    slice_evidence,
)
from models.ct_scroll.tokens import token_map
from models.errors import Cancelled
from tests.models.ct_scroll.made_chests import chest, tiny_network, tiny_settings


def tokens(count: int = 6, seed: int = 3) -> torch.Tensor:
    return torch.rand(count, 16, generator=torch.Generator().manual_seed(seed))


def test_gradient_times_input_is_the_slope_towards_each_token():
    network, given = tiny_network().double(), tokens().double()
    found = gradient_times_input(network, given)
    step = 1e-6
    with torch.no_grad():
        for token in range(6):
            ahead, back = given.clone(), given.clone()
            ahead[token] *= 1 + step
            back[token] *= 1 - step
            slope = (network.logits(ahead[None]) - network.logits(back[None]))[0] / (2 * step)
            np.testing.assert_allclose(found[:, token], slope, rtol=1e-4, atol=1e-6)


def test_leaving_a_token_out_of_a_network_without_blocks_is_the_network_of_the_others():
    network, given = tiny_network(windows=()), tokens()
    found = leave_one_out(network, given)
    with torch.no_grad():
        whole = network.logits(given[None])[0]
        for token in range(6):
            rest = torch.cat([given[:token], given[token + 1 :]])
            np.testing.assert_allclose(found[:, token], whole - network.logits(rest[None])[0], atol=1e-5)


def test_a_token_that_is_left_out_is_seen_by_none():
    network, given = tiny_network(windows=(1, 3)), tokens()
    keep = torch.ones(1, 6, dtype=torch.bool)
    keep[0, 2] = False
    other = given.clone()
    other[2] = 9.0
    with torch.no_grad():
        assert torch.equal(network.logits(given[None], keep), network.logits(other[None], keep))
        assert torch.isfinite(network.logits(given[None], keep)).all()
        torch.testing.assert_close(network.logits(given[None], torch.ones_like(keep)), network.logits(given[None]))


def test_without_local_attention_the_global_block_of_the_others_is_exact():
    network, given = tiny_network(local_attention=False), tokens()
    found = leave_one_out(network, given)
    with torch.no_grad():
        rest = given[1:]
        wanted = network.logits(given[None])[0] - network.logits(rest[None])[0]
    np.testing.assert_allclose(found[:, 0], wanted, atol=1e-5)


def test_evidence_lies_on_the_slices_of_its_tokens():
    where = token_map(chest(), tiny_settings())
    found = slice_evidence(tiny_network(), tokens(), where, METHODS)
    assert [one.method for one in found] == ["gradient x input", "leave one out"]
    for one in found:
        assert one.contribution_lk.shape == (2, 30)
        assert one.contribution_lk.dtype == np.float32
        assert one.seen_k.all()
    np.testing.assert_allclose(
        found[1].contribution_lk.sum(1), leave_one_out(tiny_network(), tokens()).sum(1), atol=1e-5
    )


def test_attention_and_evidence_take_tokens_of_a_prediction():
    network = tiny_network()
    with torch.inference_mode():
        given = network.tokens(torch.rand(1, 1, 18, 32, 32))[0]
    assert gradient_times_input(network, given).shape == (2, 6)
    assert attention_by_head(network, given).shape == (1, 3, 2, 6, 6)
    assert all(parameter.grad is None for parameter in network.parameters())


def test_cancelling_and_one_token():
    with pytest.raises(Cancelled):
        leave_one_out(tiny_network(), tokens(), cancelled=lambda: True)
    with pytest.raises(ValueError, match="has no rest"):
        leave_one_out(tiny_network(), tokens(1))
