"""Networks, paths and images small enough that a test of them takes milliseconds."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from models.ct_searcher.network import CtSearcher
from models.ct_searcher.settings import SearcherSettings
from models.ct_searcher.steps import Encoded, Steps

GRID_KJI = (4, 2, 3)
CELLS = 24
CHANNELS = 10
FULL: dict[str, Any] = {"autoregressive": True, "offsets": True, "dwell_head": True}


def tiny_settings(**options: Any) -> SearcherSettings:
    """24 cells, 20 steps, width 24."""
    shape = {"grid_kji": GRID_KJI, "max_steps": 20, "width": 24, "heads": 2, "encoder_layers": 1, "decoder_layers": 2}
    return SearcherSettings(**{**shape, "feed_forward": 32, "dropout": 0.1, "feature_channels": CHANNELS, **options})


def tiny_network(seed: int = 0, **options: Any) -> CtSearcher:
    """In evaluation mode; every module that starts at 0 has weights too."""
    torch.manual_seed(seed)
    network = CtSearcher(tiny_settings(**options)).eval()
    if network.moves is not None:
        for parameter in network.moves.parameters():
            torch.nn.init.normal_(parameter, std=0.3)
    return network


def tiny_features(cases: int = 1, *, seed: int = 1) -> Tensor:
    """(cases, 24, 10)."""
    return torch.randn(cases, CELLS, CHANNELS, generator=torch.Generator().manual_seed(seed))


def tiny_encoded(network: CtSearcher, cases: int = 1) -> Encoded:
    """Without a gradient."""
    with torch.no_grad():
        return network.encode(tiny_features(cases))


def tiny_steps(paths: int = 2, count: int = 8, *, seed: int = 2) -> Steps:
    """Random fixations, no stop."""
    source = torch.Generator().manual_seed(seed)
    return Steps(
        torch.randint(0, CELLS, (paths, count), generator=source),
        torch.rand(paths, count, 3, generator=source) - 0.5,
        torch.rand(paths, count, generator=source) + 0.1,
    )
