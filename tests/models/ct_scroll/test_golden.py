"""The network against outputs of the published code at its published size."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from models.ct_scroll.network import CtScroll
from models.ct_scroll.settings import ScrollSettings


@pytest.fixture(scope="module")
def golden(shared_data: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((shared_data / "golden" / "published_ct_scroll.json").read_text("utf-8"))
    return found


@pytest.fixture(scope="module")
def drawn(golden) -> tuple[CtScroll, np.random.Generator, torch.Tensor]:
    """The network with weights as the golden file's rule draws them, what is left of the draw, and its tokens."""
    random = np.random.default_rng(golden["seed"])
    network = CtScroll(ScrollSettings()).eval()
    weights = network.state_dict()
    for name in sorted(weights):
        if name.endswith("num_batches_tracked"):
            continue
        shape = tuple(weights[name].shape)
        values = random.standard_normal(shape).astype(np.float32)
        if name.endswith("running_var"):
            values = 1 + np.abs(values)
        elif len(shape) == 1:
            values = 0.1 * values + (1 if name.endswith("weight") else 0)
        else:
            values = values * np.sqrt(2 / np.prod(shape[1:]))
        weights[name] = torch.from_numpy(values.astype(np.float32))
    network.load_state_dict(weights, strict=True)
    tokens = torch.from_numpy(random.standard_normal((1, 80, 512)).astype(np.float32))
    return network, random, tokens


def test_the_published_size_has_the_published_tensors_and_parameters(golden):
    with torch.device("meta"):
        network = CtScroll(ScrollSettings())
    assert len(network.state_dict()) == golden["n_tensors"] == 155
    assert sum(parameter.numel() for parameter in network.parameters()) == golden["n_parameters"] == 16_239_058


def test_tokens_give_the_published_logits(golden, drawn):
    network, _, tokens = drawn
    with torch.inference_mode():
        projected = network.projection_gap(tokens)
        scrolled = network.scrolled(projected)
        logits = network.logits(projected)[0]
    assert float(scrolled.mean()) == pytest.approx(golden["token_block_output_mean"], abs=1e-4)
    np.testing.assert_allclose(scrolled[0, 0, :8], golden["token_block_output_first8"], rtol=0, atol=1e-4)
    np.testing.assert_allclose(scrolled[0, -1, :8], golden["token_block_output_last8"], rtol=0, atol=1e-4)
    np.testing.assert_allclose(logits, golden["logits_from_tokens"], rtol=0, atol=1e-4)


def test_a_whole_volume_gives_the_published_probabilities(golden, drawn):
    network, random, _ = drawn
    volume = random.uniform(-0.449, 0.551, (1, 1, 240, 480, 480)).astype(np.float32)
    with torch.inference_mode():
        found = network(torch.from_numpy(volume)).sigmoid()[0]
    np.testing.assert_allclose(found, golden["probabilities_from_volume"], rtol=0, atol=1e-4)
