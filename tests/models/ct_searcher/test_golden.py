"""The faithful network against weights and outputs of the published code."""

from pathlib import Path

import numpy as np
import pytest
import torch

from models.ct_searcher.network import CtSearcher
from models.ct_searcher.settings import SearcherSettings

SETTINGS = SearcherSettings(faithful=True, width=96, encoder_layers=2, decoder_layers=2, feed_forward=96, max_steps=24)


@pytest.mark.parametrize("gradient", [True, False])
def test_the_faithful_network_takes_published_weights_and_gives_the_published_outputs(
    shared_data: Path, gradient: bool
) -> None:
    golden = np.load(shared_data / "golden" / "published_ct_searcher_small.npz")
    network = CtSearcher(SETTINGS).eval()
    weights = {name.removeprefix("weights/"): golden[name] for name in golden.files if name.startswith("weights/")}
    network.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()}, strict=True)
    with torch.set_grad_enabled(gradient):
        found = network(torch.from_numpy(golden["features"]).float())
    for name, values in (
        ("spatial_logits", found.logits),
        ("duration_mu", found.duration_mu),
        ("duration_sigma2", found.duration_log_variance.exp()),
    ):
        np.testing.assert_allclose(values.detach().numpy(), golden[f"out/{name}"], rtol=0, atol=1e-4, err_msg=name)


def test_the_published_size_has_the_published_number_of_parameters() -> None:
    with torch.device("meta"):
        network = CtSearcher(SearcherSettings(faithful=True))
    counts = [parameter.numel() for parameter in network.parameters()]
    trained = [parameter.numel() for parameter in network.parameters() if parameter.requires_grad]
    assert round(sum(counts) / 1e6, 2) == 59.81
    assert round(sum(trained) / 1e6, 2) == 59.41
