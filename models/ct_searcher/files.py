"""A CT-Searcher model in its folder (`models.model_folder`)."""

from __future__ import annotations

from pathlib import Path

from models.card import Card
from models.ct_searcher.network import CtSearcher
from models.ct_searcher.settings import SearcherSettings
from models.errors import ModelError
from models.model_folder import LoadedModel, built, load_model, save_model, settings_of

ARCHITECTURE = "ct_searcher"
SAMPLING = ("temperature", "consensus")
"""Settings that a card may leave out: they shape no weights, and cards were written before they were there."""

LoadedSearcher = LoadedModel[CtSearcher]


def load_searcher(folder: Path) -> LoadedSearcher:
    """The model of a folder; raises `ModelError` as `load_model`, also for a card of another task."""
    return load_model(folder, ARCHITECTURE, _network)


def save_searcher(folder: Path, network: CtSearcher, card: Card) -> LoadedSearcher:
    """As `save_model`, with the network's own settings."""
    card = card.model_copy(update={"task": "scanpath", "architecture": ARCHITECTURE})
    return save_model(folder, network, card, network.settings)


def _network(card: Card, place: str) -> CtSearcher:
    if card.task != "scanpath":
        raise ModelError(f"is a card for {card.task}, not for scanpath", place=place, remedy="choose another model")
    settings = settings_of(card, SearcherSettings, place=place, optional=SAMPLING)
    return built(lambda: CtSearcher(settings), place)
