from dataclasses import replace

import numpy as np
import pytest
import torch

from models.ct_searcher.losses import searcher_loss
from models.ct_searcher.network import LOG_OFFSET_SD_RANGE, LOG_VARIANCE_RANGE, CtSearcher
from models.ct_searcher.positions import grid_positions
from models.ct_searcher.settings import SearcherSettings
from models.ct_searcher.steps import Steps
from models.errors import ModelError
from tests.models.ct_searcher.tiny_networks import (
    CELLS,
    FULL,
    GRID_KJI,
    tiny_encoded,
    tiny_features,
    tiny_network,
    tiny_settings,
    tiny_steps,
)


def heard_of_permuted_tokens(network: CtSearcher) -> float:
    """How much logits change when tokens are permuted and logits permuted back, in their own standard deviations."""
    cells = network.settings.cells
    features = torch.randn(1, cells, 768, generator=torch.Generator().manual_seed(3))
    order = torch.randperm(cells, generator=torch.Generator().manual_seed(4))
    with torch.no_grad():
        straight = network(features).logits[..., :cells]
        permuted = network(features[:, order]).logits[..., :cells]
    return ((permuted[..., order.argsort()] - straight).std() / straight.std()).item()


def test_the_published_start_is_blind_to_position_and_the_corrected_one_is_not() -> None:
    shape = {"width": 96, "encoder_layers": 2, "decoder_layers": 2, "feed_forward": 96, "max_steps": 24}
    torch.manual_seed(0)
    faithful = CtSearcher(SearcherSettings(faithful=True, **shape)).eval()  # type: ignore[arg-type]
    torch.manual_seed(0)
    corrected = CtSearcher(SearcherSettings(**shape)).eval()  # type: ignore[arg-type]
    assert heard_of_permuted_tokens(faithful) < 0.1
    assert heard_of_permuted_tokens(corrected) > 0.5


def test_the_corrected_network_keeps_its_positional_encoding_fixed() -> None:
    network = tiny_network()
    assert torch.equal(network.pos_embed.pos, grid_positions(GRID_KJI, 24))
    assert not network.pos_embed.pos.requires_grad
    assert "pos_embed.pos" in network.state_dict()


def test_the_stop_is_scored_by_the_stop_token_last_when_corrected_and_by_the_first_token_as_published() -> None:
    network = tiny_network()
    encoded = tiny_encoded(network)
    before = network.decode(encoded).logits
    encoded.keys[:, -1] += 1.0
    changed = (network.decode(encoded).logits != before)[0, 0].nonzero()[:, 0]
    assert network.stop_class == CELLS
    assert changed.tolist() == [CELLS]
    assert CtSearcher(tiny_settings(faithful=True, grid_kji=(8, 8, 8))).stop_class == 0


def test_a_cell_is_scored_by_its_own_token_scaled_by_the_width() -> None:
    network = tiny_network()
    encoded = tiny_encoded(network)
    states = network.states(encoded, network.queries(encoded, 0, 20))
    with torch.no_grad():
        expected = network.spatial_fc(states[0, 5]) @ encoded.keys[0, 7] / 24**0.5
    torch.testing.assert_close(network.decode(encoded).logits[0, 5, 7], expected)


def test_without_steps_every_query_is_decoded() -> None:
    found = tiny_network()(tiny_features(2))
    assert found.logits.shape == (2, 20, CELLS + 1)
    assert found.duration_mu.shape == found.duration_log_variance.shape == (2, 20)
    assert found.offset_mean is None


def test_every_output_of_an_autoregressive_step_follows_from_the_steps_before_and_its_own_cell() -> None:
    network = tiny_network(**FULL)
    encoded = tiny_encoded(network, 1).take(torch.tensor([0, 0]))
    steps = tiny_steps(2, 8)
    changed_at = 4
    other = Steps(steps.cells.clone(), steps.offset_kji.clone(), steps.duration_s.clone())
    other.cells[:, changed_at:] = (other.cells[:, changed_at:] + 5) % CELLS
    other.offset_kji[:, changed_at:] *= -1
    other.duration_s[:, changed_at:] += 1
    with torch.no_grad():
        one, two = network.decode(encoded, steps), network.decode(encoded, other)
    same = slice(0, changed_at + 1)
    assert torch.equal(one.logits[:, same], two.logits[:, same])
    assert torch.equal(one.duration_mu[:, :changed_at], two.duration_mu[:, :changed_at])
    assert (one.logits[:, changed_at + 1] - two.logits[:, changed_at + 1]).abs().max() > 1e-3
    assert (one.duration_mu[:, changed_at] - two.duration_mu[:, changed_at]).abs().max() > 1e-4


@pytest.mark.parametrize("what", ["cells", "offset_kji", "duration_s"])
def test_the_next_step_sees_place_offset_and_duration(what: str) -> None:
    network = tiny_network(**FULL)
    encoded, steps = tiny_encoded(network), tiny_steps(1, 3)
    value = getattr(steps, what).clone()
    value[:, 0] = (value[:, 0] + 7) % CELLS if what == "cells" else -value[:, 0] + 0.9
    with torch.no_grad():
        one, two = network.decode(encoded, steps), network.decode(encoded, replace(steps, **{what: value}))
    assert (one.logits[:, 1] - two.logits[:, 1]).abs().max() > 1e-4


def test_a_network_without_offsets_is_fed_back_the_cells_centres() -> None:
    network = tiny_network(autoregressive=True)
    encoded, steps = tiny_encoded(network), tiny_steps(1, 3)
    centred = replace(steps, offset_kji=torch.zeros_like(steps.offset_kji))
    with torch.no_grad():
        assert torch.equal(network.decode(encoded, steps).logits, network.decode(encoded, centred).logits)


def test_places_are_shares_of_the_volume() -> None:
    network = tiny_network(offsets=True)
    cell = (2 * GRID_KJI[1] + 1) * GRID_KJI[2] + 2
    found = network.places_kji(torch.tensor([cell]), torch.tensor([[0.25, 0.0, -0.5]]))
    torch.testing.assert_close(found, torch.tensor([[2.75 / 4, 1.5 / 2, 2.0 / 3]]))
    centres = network.places_kji(torch.arange(CELLS), torch.zeros(CELLS, 3))
    expected = np.stack(np.unravel_index(np.arange(CELLS), GRID_KJI), axis=-1)
    np.testing.assert_allclose(centres.numpy(), (expected + 0.5) / GRID_KJI, rtol=1e-6)


def test_outputs_are_clamped_where_they_could_overflow() -> None:
    network = tiny_network(**FULL)
    with torch.no_grad():
        assert network.offset is not None
        network.offset[2].bias[:] = 1000.0
        network.duration_logvar[2].bias[:] = 1000.0
        found = network.decode(tiny_encoded(network), tiny_steps(1))
    assert found.offset_mean is not None and found.offset_log_sd is not None
    assert found.offset_mean.abs().max() <= 0.5
    assert found.offset_log_sd.max() == LOG_OFFSET_SD_RANGE[1]
    assert found.duration_log_variance.max() == LOG_VARIANCE_RANGE[1]


def test_who_reads_changes_the_path_and_need_not_be_told() -> None:
    network = tiny_network(readers=("a", "b"), tasks=("nodules",))
    features = tiny_features(1)
    with torch.no_grad():
        first, second, untold = (
            network(features, reader=None if n is None else torch.tensor([n]), task=torch.tensor([0])).logits
            for n in (0, 1, None)
        )
        also_untold = network(features, reader=torch.tensor([-1]), task=torch.tensor([0])).logits
    assert (first - second).abs().max() > 1e-5
    assert (first - untold).abs().max() > 1e-5
    assert torch.equal(untold, also_untold)


def test_one_encoding_serves_several_paths_told_different_readers() -> None:
    network = tiny_network(readers=("a", "b"))
    encoded = tiny_encoded(network, 2)
    taken = network.tell(encoded.take(torch.tensor([1, 1, 0])), torch.tensor([0, 1, 1]))
    with torch.no_grad():
        found = network.decode(taken).logits
        alone = network(tiny_features(2)[1:], reader=torch.tensor([1])).logits
    torch.testing.assert_close(found[1:2], alone)


def test_dwell_is_a_score_for_every_cell() -> None:
    network = tiny_network(dwell_head=True)
    assert network.dwell_logits(tiny_encoded(network, 2)).shape == (2, CELLS)


def test_a_tiny_case_is_learned_by_heart() -> None:
    network = tiny_network(**FULL, dropout=0.0).train()
    features, steps = tiny_features(), tiny_steps(2, 8)
    share = torch.full((1, CELLS), 1 / CELLS)
    every = torch.ones(2, 8, dtype=torch.bool)
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3)
    losses = []
    for _ in range(80):
        encoded = network.encode(features)
        found = network.decode(encoded.take(torch.tensor([0, 0])), steps)
        loss = searcher_loss(found, steps, every, every, dwell_logits=network.dwell_logits(encoded), dwell_share=share)
        optimizer.zero_grad()
        loss.total.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(loss.place.item())
    assert losses[0] > 2.5
    assert losses[-1] < 0.5


@pytest.mark.parametrize("training", [True, False])
def test_half_precision_runs_through_everything_and_stays_close(training: bool) -> None:
    network = tiny_network(**FULL, encoder="small", input_shape_kji=(8, 8, 12), dropout=0.0).train(training)
    image, steps = torch.rand(1, 2, 8, 8, 12), tiny_steps(1)
    every = torch.ones(1, 8, dtype=torch.bool)
    totals = []
    for half in (False, True):
        with torch.autocast("cpu", torch.bfloat16, enabled=half), torch.set_grad_enabled(training):
            encoded = network.encode(network.features(image))
            found = network.decode(encoded, steps)
            loss = searcher_loss(
                found, steps, every, every,
                dwell_logits=network.dwell_logits(encoded), dwell_share=torch.full((1, CELLS), 1 / CELLS),
            ).total  # fmt: skip
        totals.append(loss.item())
        if training:
            loss.backward()  # type: ignore[no-untyped-call]
            assert all(parameter.grad is None or parameter.grad.isfinite().all() for parameter in network.parameters())
    assert totals[1] == pytest.approx(totals[0], rel=0.05)
    assert totals[1] != totals[0]


def test_dropout_acts_in_training_only() -> None:
    network, features = tiny_network(dropout=0.5), tiny_features()
    with torch.no_grad():
        assert torch.equal(network(features).logits, network(features).logits)
        network.train()
        assert not torch.equal(network(features).logits, network(features).logits)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((1, CELLS, 11), "features of shape (1, 24, 11); expected (cases, 24, 10)"),
        ((CELLS, 10), "features of shape (24, 10); expected (cases, 24, 10)"),
    ],
)
def test_features_of_another_shape_are_refused(shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(ModelError) as raised:
        tiny_network().encode(torch.zeros(shape))
    assert str(raised.value) == message


def test_features_that_are_no_numbers_are_refused() -> None:
    features = tiny_features()
    features[0, 3, 2] = float("nan")
    with pytest.raises(ModelError, match="features with values that are not finite"):
        tiny_network().encode(features)


@pytest.mark.parametrize("index", [2, -2])
def test_a_reader_that_the_network_does_not_know_is_refused(index: int) -> None:
    with pytest.raises(ModelError, match=rf"^a reader index of \[{index}\]; this network knows 2 \(-1: not told\)$"):
        tiny_network(readers=("a", "b")).encode(tiny_features(), reader=torch.tensor([index]))
    with pytest.raises(ModelError, match="this network knows 0"):
        tiny_network().encode(tiny_features(), reader=torch.tensor([0]))


def test_what_a_network_does_not_have_is_one_line() -> None:
    network = tiny_network()
    with pytest.raises(ModelError, match="no dwell head"):
        network.dwell_logits(tiny_encoded(network))
    with pytest.raises(ModelError, match="no encoder of its own"):
        network.features(torch.zeros(1, 2, 96, 64, 64))
    with pytest.raises(ModelError, match="21 steps; this network has 20"):
        network.decode(tiny_encoded(network), tiny_steps(1, 21))
    with pytest.raises(ModelError, match="decodes along given steps"):
        tiny_network(autoregressive=True)(tiny_features())


@pytest.mark.parametrize(("faithful", "expected"), [(True, 0.2), (False, 0.0)])
def test_attention_weights_are_dropped_in_the_faithful_network_only(faithful: bool, expected: float) -> None:
    network = CtSearcher(tiny_settings(faithful=faithful, grid_kji=(8, 8, 8), dropout=0.2))
    attentions = [module for module in network.modules() if isinstance(module, torch.nn.MultiheadAttention)]
    assert len(attentions) == 5
    assert {attention.dropout for attention in attentions} == {expected}
