"""Features for networks without an encoder of their own: Swin UNETR with the user's weights, kept once made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from models.ct_searcher.settings import SearcherSettings
from models.errors import ModelError
from models.features.cache import FeatureCache, cached_features
from models.volumes import CtVolume

if TYPE_CHECKING:
    from models.card import Card
    from models.features.contract import Encoder
    from models.features.devices import Device

PUBLISHED = "swin_unetr_published"


@dataclass(frozen=True, eq=False)
class GivenFeatures:
    """Where a network's features come from.

    Attributes
    ----------
    encoder
        The one that the model's card names.
    cache
        Features that were made before.
    """

    encoder: Encoder
    cache: FeatureCache = field(repr=False)
    settings: SearcherSettings = field(repr=False)

    @classmethod
    def of(cls, card: Card, settings: SearcherSettings, weights: Path | None, folder: Path) -> GivenFeatures:
        """For a model.

        Parameters
        ----------
        card, settings
            Of the model.
        weights
            File of the published BTCV bundle; None: where `models.features.swin_unetr_weights.default_weights` says.
        folder
            Of the cache.

        Raises
        ------
        ModelError
            When the card names no encoder, or the network takes features of another width.
        """
        from models.features.swin_unetr import SwinUnetr, SwinUnetrSettings

        if not card.input.features:
            raise ModelError(
                "the card does not say which encoder makes its features",
                place=card.name,
                remedy='write input.features = "swin_unetr" or "swin_unetr_published" into it',
            )
        encoder = SwinUnetr(SwinUnetrSettings(weights=weights, published=card.input.features == PUBLISHED))
        if encoder.channels != settings.feature_channels:
            raise ModelError(
                f"this network takes {settings.feature_channels} features a cell; Swin UNETR gives {encoder.channels}",
                remedy="choose a network that was trained on Swin UNETR's features",
            )
        return cls(encoder, FeatureCache(folder), settings)

    def estimate_s(self, volume: CtVolume, device: Device) -> float:
        """Seconds that `features` will take; 0 when they are kept already."""
        grid_kji = self.settings.grid_kji
        if self.cache.get(volume.digest(), {**self.encoder.settings, "grid_kji": list(grid_kji)}).features is not None:
            return 0.0
        return self.encoder.estimate_s(volume.shape_kji, device, affine_lps=volume.affine_lps)

    def features(
        self,
        volume: CtVolume,
        device: Device,
        *,
        progress: Callable[[int, int], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> tuple[NDArray[np.float32], str]:
        """(cells, feature_channels), and a note on the cache, mostly empty; raises as `Encoder.encode`."""
        kept = cached_features(
            self.cache,
            self.encoder,
            volume,
            self.settings.grid_kji,
            device=device,
            progress=progress,
            cancelled=cancelled,
        )
        assert kept.features is not None
        return kept.features, kept.note
