import torch

from models.ct_searcher.decoding import sample_paths
from models.ct_searcher.incremental import DecoderCache
from models.ct_searcher.steps import Steps
from tests.models.ct_searcher.tiny_networks import FULL, tiny_encoded, tiny_network


def test_one_step_at_a_time_gives_the_states_of_all_at_once() -> None:
    network = tiny_network()
    encoded = tiny_encoded(network)
    queries = torch.randn(3, 9, 24, generator=torch.Generator().manual_seed(0))
    cache = DecoderCache(network.transformer_decoder.layers, encoded.memory, 3, 9)
    with torch.no_grad():
        one_by_one = torch.stack([cache.advance(queries[:, step]) for step in range(9)], dim=1)
        at_once = network.states(encoded.take(torch.zeros(3, dtype=torch.int64)), queries)
    torch.testing.assert_close(one_by_one, at_once, atol=1e-5, rtol=0)


def test_a_sampled_path_is_what_the_whole_network_says_along_it() -> None:
    """At a temperature near 0 every draw is a mode, so that a forward pass along the path must agree with it."""
    network = tiny_network(**FULL, readers=("a",))
    with torch.no_grad():
        encoded = network.tell(tiny_encoded(network), torch.tensor([0]))
    path = sample_paths(network, encoded, count=2, seed=4, length=18, temperature=1e-7)[1]
    with torch.no_grad():
        found = network.decode(encoded, Steps(path.cells[None], path.offset_kji[None], path.duration_s[None]))
    assert found.offset_mean is not None
    assert torch.equal(found.logits[0, :, :-1].argmax(-1), path.cells)
    torch.testing.assert_close(found.duration_mu[0].exp(), path.duration_s, atol=1e-5, rtol=0)
    torch.testing.assert_close(found.offset_mean[0], path.offset_kji, atol=1e-5, rtol=0)
    assert len(path.cells.unique()) > 3
