from math import exp, log

import pytest
import torch

from models.ct_searcher.decoding import GROUP, sample_paths
from models.ct_searcher.network import CtSearcher
from models.ct_searcher.settings import SearcherSettings
from models.ct_searcher.steps import Encoded
from models.errors import Cancelled, ModelError
from tests.models.ct_searcher.tiny_networks import CELLS, FULL, GRID_KJI, tiny_encoded, tiny_network

KINDS = pytest.mark.parametrize("options", [{}, {"offsets": True}, FULL], ids=["published steps", "offsets", "in turn"])


def with_stop_bias(network: CtSearcher, value: float) -> Encoded:
    """Encoding whose stop scores `value` more at every step, whatever the state."""
    with torch.no_grad():
        network.spatial_fc.bias.zero_()
        network.spatial_fc.bias[0] = 10.0
    encoded = tiny_encoded(network)
    encoded.keys[:, :, 0] = 0.0
    encoded.keys[:, -1, 0] = value * 24**0.5 / 10
    return encoded


@KINDS
def test_the_same_seed_gives_the_same_paths_and_another_does_not(options: dict[str, bool]) -> None:
    network = tiny_network(**options)
    encoded = tiny_encoded(network)
    one, again, other = (sample_paths(network, encoded, count=2, seed=seed, length=12) for seed in (5, 5, 6))
    for path, same in zip(one, again, strict=True):
        assert torch.equal(path.cells, same.cells)
        assert torch.equal(path.offset_kji, same.offset_kji)
        assert torch.equal(path.duration_s, same.duration_s)
    assert not torch.equal(one[0].cells, other[0].cells)
    assert not torch.equal(one[0].cells, one[1].cells)


@KINDS
def test_a_path_is_the_same_whatever_the_count_and_begins_as_a_shorter_one(options: dict[str, bool]) -> None:
    network = tiny_network(**options)
    encoded = tiny_encoded(network)
    many = sample_paths(network, encoded, count=GROUP + 3, seed=1, length=18)
    for count, path in ((1, 0), (4, 3), (GROUP + 1, GROUP)):
        alone = sample_paths(network, encoded, count=count, seed=1, length=18)[path]
        assert torch.equal(alone.cells, many[path].cells)
        assert torch.equal(alone.duration_s, many[path].duration_s)
        assert torch.equal(alone.offset_kji, many[path].offset_kji)
    short = sample_paths(network, encoded, count=1, seed=1, length=7)[0]
    assert torch.equal(short.cells, many[0].cells[:7])


@KINDS
@pytest.mark.parametrize("length", [1, 13, 20])
def test_a_length_is_met_exactly_even_by_a_network_that_would_stop_at_once(
    options: dict[str, bool], length: int
) -> None:
    network = tiny_network(**options)
    paths = sample_paths(network, with_stop_bias(network, 30.0), count=3, seed=0, length=length)
    for path in paths:
        assert path.cells.shape == path.duration_s.shape == (length,)
        assert path.offset_kji.shape == (length, 3)
        assert path.cells.max() < CELLS
        assert path.offset_kji.abs().max() <= 0.5


@KINDS
def test_a_network_that_wants_to_stop_stops_once_it_may(options: dict[str, bool]) -> None:
    network = tiny_network(**options)
    encoded = with_stop_bias(network, 30.0)
    assert [len(path.cells) for path in sample_paths(network, encoded, count=3, seed=0, min_steps=6)] == [6, 6, 6]
    assert [len(path.cells) for path in sample_paths(network, encoded, count=2, seed=0)] == [1, 1]
    assert [len(path.cells) for path in sample_paths(network, encoded, count=2, seed=0, min_steps=0)] == [0, 0]


@KINDS
def test_a_network_that_never_stops_is_cut_off_at_its_longest(options: dict[str, bool]) -> None:
    network = tiny_network(**options)
    paths = sample_paths(network, with_stop_bias(network, -1000.0), count=2, seed=0)
    assert [len(path.cells) for path in paths] == [20, 20]


@KINDS
def test_cells_are_drawn_as_often_as_the_network_says(options: dict[str, bool]) -> None:
    network = tiny_network(**options)
    encoded = with_stop_bias(network, -1000.0)
    paths = sample_paths(network, encoded, count=600, seed=2, length=1)
    found = torch.bincount(torch.cat([path.cells for path in paths]), minlength=CELLS) / len(paths)
    state = network.queries(encoded, 0, 1)
    if network.settings.autoregressive:
        state = state + network.start(1)
    with torch.no_grad():
        state = network.states(encoded, state)
        expected = network.place_logits(state, encoded.keys, torch.zeros(1, 1).long(), torch.tensor([True]))
    torch.testing.assert_close(found, expected.softmax(-1)[0, 0, :CELLS], atol=0.05, rtol=0)


def test_durations_spread_by_sigma_and_by_its_square_in_the_faithful_network() -> None:
    variance = 0.25
    spreads = {}
    for faithful in (False, True):
        shape = {"width": 12, "heads": 1, "encoder_layers": 0, "decoder_layers": 1, "feed_forward": 4, "max_steps": 400}
        network = CtSearcher(SearcherSettings(faithful=faithful, feature_channels=4, **shape)).eval()  # type: ignore[arg-type]
        with torch.no_grad():
            for head, value in ((network.duration_mu, -1.0), (network.duration_logvar, log(variance))):
                head[2].weight.zero_()
                head[2].bias.fill_(value)
            encoded = network.encode(torch.zeros(1, 512, 4))
        paths = sample_paths(network, encoded, count=5, seed=0, length=400)
        logs = torch.cat([path.duration_s for path in paths]).log()
        assert logs.mean().item() == pytest.approx(-1.0, abs=0.05)
        spreads[faithful] = logs.std().item()
        warm = sample_paths(network, encoded, count=5, seed=0, length=400, temperature=2.0)
        assert torch.cat([path.duration_s for path in warm]).log().std().item() == pytest.approx(2 * spreads[faithful])
    assert spreads[False] == pytest.approx(0.5, abs=0.03)
    assert spreads[True] == pytest.approx(0.25, abs=0.015)


def test_the_faithful_network_stops_by_class_0_and_not_before_100_fixations() -> None:
    shape = {"width": 12, "heads": 1, "encoder_layers": 0, "decoder_layers": 1, "feed_forward": 4, "max_steps": 120}
    network = CtSearcher(SearcherSettings(faithful=True, feature_channels=4, **shape)).eval()  # type: ignore[arg-type]
    with torch.no_grad():
        encoded = network.encode(torch.zeros(1, 512, 4))
        network.spatial_fc.bias.fill_(10.0)
        encoded.keys.zero_()
        encoded.keys[:, 0] = 1.0
    paths = sample_paths(network, encoded, count=3, seed=0)
    assert [len(path.cells) for path in paths] == [100, 100, 100]
    assert all(path.cells.min() > 0 for path in paths)
    assert max(path.cells.max() for path in paths) > 500


def test_a_low_temperature_goes_to_the_likeliest_cells() -> None:
    network = tiny_network()
    encoded = tiny_encoded(network)
    cold = sample_paths(network, encoded, count=1, seed=0, length=20, temperature=1e-6)[0]
    with torch.no_grad():
        expected = network.decode(encoded).logits[0, :, :CELLS].argmax(-1)
    assert torch.equal(cold.cells, expected)


def test_a_network_that_learned_to_step_through_slices_scrolls() -> None:
    network = tiny_network(**FULL)
    assert network.moves is not None
    with torch.no_grad():
        for axis in network.moves.axes:
            axis.weight.zero_()
            axis.bias.zero_()
        slices = network.moves.axes[0]
        slices.bias[GRID_KJI[0] - 1 + 1] = 50.0
        slices.bias[0] = 50.0
    path = sample_paths(network, tiny_encoded(network), count=1, seed=0, length=12)[0]
    k = path.cells // (GRID_KJI[1] * GRID_KJI[2])
    assert ((k[1:] - k[:-1]) % 4 == 1).all()


def test_progress_rises_to_its_end_and_sampling_can_be_cancelled() -> None:
    network = tiny_network(**FULL)
    encoded = tiny_encoded(network)
    seen: list[tuple[int, int]] = []
    sample_paths(network, encoded, count=GROUP + 1, seed=0, length=5, progress=lambda n, most: seen.append((n, most)))
    assert seen == [(n, 10) for n in range(11)]
    with pytest.raises(Cancelled):
        sample_paths(network, encoded, count=1, seed=0, cancelled=lambda: len(seen) > 0)


def test_sampling_leaves_a_network_in_training_as_it_was_and_ignores_half_precision() -> None:
    network = tiny_network(**FULL, dropout=0.5)
    encoded = tiny_encoded(network)
    calm = sample_paths(network, encoded, count=1, seed=0, length=10)[0]
    network.train()
    with torch.autocast("cpu", torch.bfloat16):
        found = sample_paths(network, encoded, count=1, seed=0, length=10)[0]
    assert network.training
    assert torch.equal(found.cells, calm.cells)
    assert torch.equal(found.duration_s, calm.duration_s)


def test_steps_in_turn_do_not_depend_on_the_threads_and_leave_them_as_they_were() -> None:
    network = tiny_network(**FULL)
    encoded, before = tiny_encoded(network), torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        two = sample_paths(network, encoded, count=1, seed=0, length=20)[0]
        assert torch.get_num_threads() == 2
        torch.set_num_threads(1)
        one = sample_paths(network, encoded, count=1, seed=0, length=20)[0]
    finally:
        torch.set_num_threads(before)
    assert torch.equal(one.duration_s, two.duration_s)


def test_sampled_paths_can_be_trained_on() -> None:
    network = tiny_network(**FULL)
    path = sample_paths(network, tiny_encoded(network), count=1, seed=0, length=6)[0]
    assert not path.cells.is_inference()
    assert exp(path.duration_s.log().mean().item()) > 0


def test_what_cannot_be_sampled_is_one_line() -> None:
    network = tiny_network(**FULL)
    encoded = tiny_encoded(network)
    for asked, message in (
        ({"length": 21}, "a path of 21 fixations (this network draws 1 to 20)"),
        ({"length": 0}, "a path of 0 fixations (this network draws 1 to 20)"),
        ({"min_steps": 21}, "at least 21 fixations (this network draws up to 20)"),
        ({"count": 0}, "0 paths (ask for at least one)"),
        ({"temperature": 0.0}, "a temperature of 0.0 (give one above 0)"),
        ({"temperature": float("nan")}, "a temperature of nan (give one above 0)"),
    ):
        with pytest.raises(ModelError) as raised:
            sample_paths(network, encoded, **{"count": 1, "seed": 0, **asked})  # type: ignore[arg-type]
        assert str(raised.value) == message
    with pytest.raises(ModelError, match="2 volumes at once"):
        sample_paths(network, tiny_encoded(network, 2), count=1, seed=0)


@KINDS
@pytest.mark.parametrize("part", ["spatial_fc", "duration_mu"])
def test_weights_that_are_no_numbers_are_found_out(options: dict[str, bool], part: str) -> None:
    network = tiny_network(**options)
    encoded = tiny_encoded(network)
    with torch.no_grad():
        for parameter in getattr(network, part).parameters():
            parameter.fill_(float("nan"))
    with pytest.raises(ModelError, match="not finite"):
        sample_paths(network, encoded, count=1, seed=0)


@KINDS
def test_a_path_keeps_to_the_cells_that_it_may_go_to_and_may_still_stop(options: dict[str, bool]) -> None:
    network = tiny_network(**options)
    allowed = torch.zeros(CELLS + 1, dtype=torch.bool)
    allowed[[3, 11, 20]] = True
    path = sample_paths(network, tiny_encoded(network), count=1, seed=0, length=20, allowed_cells=allowed)[0]
    assert set(path.cells.tolist()) <= {3, 11, 20}
    assert len(path.cells.unique()) > 1
    encoded = with_stop_bias(network, 30.0)
    assert len(sample_paths(network, encoded, count=1, seed=0, allowed_cells=allowed)[0].cells) == 1
    with pytest.raises(ModelError, match="no cell is left"):
        sample_paths(network, encoded, count=1, seed=0, allowed_cells=torch.zeros(CELLS + 1, dtype=torch.bool))
