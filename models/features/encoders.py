"""The encoders there are, by name; the small one is a part of its network (`models.ct_searcher.small_encoder`)."""

from __future__ import annotations

from models.features.contract import Encoder
from models.features.swin_unetr import SwinUnetr, SwinUnetrSettings


def encoders(settings: SwinUnetrSettings | None = None) -> dict[str, Encoder]:
    """Every encoder outside a network, by the name that cards and commands use; weights are read when first needed.

    Parameters
    ----------
    settings
        File of the weights and how the right way places windows; whether it is the published way follows the name.
    """
    chosen = settings or SwinUnetrSettings()
    ways = (SwinUnetr(chosen.model_copy(update={"published": published})) for published in (False, True))
    return {way.name: way for way in ways}
