"""CT-Searcher as the evaluation asks it: one encoding of a volume, paths of any length, tokens permuted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.ct_searcher.candidates import Predictor
from models.ct_searcher.evaluation_report import EvaluatedModel
from models.ct_searcher.inside_body import Body
from models.ct_searcher.network import CtSearcher
from models.ct_searcher.prediction import sample_inside, scanpath_of
from models.features.devices import choose_device
from models.features.inputs import network_input
from models.scanpath import Scanpath
from models.volumes import CtVolume

Features = Callable[[CtVolume], NDArray[np.floating[Any]]]


def network_predictor(
    model: EvaluatedModel, network: CtSearcher, *, features: Features | None = None, device: str = "auto"
) -> Predictor:
    """A network under evaluation.

    Parameters
    ----------
    features
        (cells, feature_channels) of a volume in canonical order; None: the network's own encoder makes them.
    device
        As `models.features.devices.choose_device`; the network is moved there.
    """
    place = choose_device(device).torch_device
    network = network.to(place).eval()
    make = own_features(network) if features is None else features

    def look(volume: CtVolume) -> _Looked:
        found = torch.from_numpy(np.ascontiguousarray(make(volume), dtype=np.float32))
        return _Looked(network, volume, Body.of(volume), found.to(place))

    settings = network.settings
    sampling = f"samples at temperature {settings.temperature:g}"
    if settings.consensus > 1:
        sampling += f" and takes of {settings.consensus} samples the one that agrees most with the others"
    return Predictor(model, look, settings.readers, sampling)


def own_features(network: CtSearcher) -> Features:
    """What a network's own encoder makes of volumes, (cells, feature_channels); for other networks to be fed with."""

    def make(volume: CtVolume) -> NDArray[np.float32]:
        image = torch.from_numpy(network_input(volume, network.settings))[None]
        with torch.inference_mode():
            found = network.features(image.to(network.query_embed.weight.device))
        return found[0].float().cpu().numpy()

    return make


@dataclass(frozen=True)
class _Looked:
    """A network that has looked at one volume; `features` are (cells, feature_channels)."""

    network: CtSearcher
    volume: CtVolume
    body: Body
    features: Tensor

    @torch.inference_mode()
    def paths(
        self, *, count: int, seed: int, length: int | None = None, permuted: bool = False, reader: str = ""
    ) -> list[Scanpath]:
        """As `models.ct_searcher.candidates.CasePredictor`; a path has at most as many fixations as the network."""
        features, settings = self.features, self.network.settings
        if permuted:
            order = np.random.default_rng(seed).permutation(len(features))
            features = features[torch.from_numpy(order).to(features.device)]
        told = None if not reader else torch.tensor([settings.readers.index(reader)], device=features.device)
        sampled = sample_inside(
            self.network,
            self.network.encode(features[None], told),
            self.body,
            count=count,
            seed=seed,
            length=None if length is None else min(length, settings.max_steps),
        )
        return [
            scanpath_of(path, self.volume, self.body, settings, who="", number=number)
            for number, path in enumerate(sampled, 1)
        ]
