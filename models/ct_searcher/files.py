"""A CT-Searcher model in its folder: card and weights, read with every check and written whole or not at all."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from models.card import CARD_FILE, WEIGHTS_FILE, Card, read_card, write_card
from models.ct_searcher.network import CtSearcher
from models.ct_searcher.settings import SearcherSettings
from models.errors import ModelError
from models.weights import file_sha256, load_weights, save_weights

ARCHITECTURE = "ct_searcher"
SAMPLING = ("temperature", "consensus")
"""Settings that a card may leave out: they shape no weights, and cards were written before they were there."""
MOST_PARAMETERS = 1_000_000_000
"""More than sixteen times the published network; settings that ask for more are a fault."""


@dataclass(frozen=True, eq=False)
class LoadedSearcher:
    """A network that is ready to predict (in evaluation mode, on the CPU), and what is said of it."""

    card: Card
    network: CtSearcher = field(repr=False)
    folder: Path
    sha256: str

    @property
    def settings(self) -> SearcherSettings:
        """Of the network."""
        return self.network.settings


def load_searcher(folder: Path) -> LoadedSearcher:
    """The model of a folder.

    Raises
    ------
    ModelError
        One line: no or a broken card, another task or architecture, settings of no network, weights that are missing,
        damaged, of another network or not the card's.
    """
    folder = Path(folder)
    card = read_card(folder)
    place = str(folder / CARD_FILE)
    settings = searcher_settings(card, place=place)
    path = folder / WEIGHTS_FILE
    sha256 = file_sha256(path)
    if sha256 != card.weights_sha256:
        raise ModelError(
            "is not the file that the card was written for (weights_sha256 differs)",
            place=str(path),
            remedy="take the model again from where it came",
        )
    network = built(settings, place)
    network.load_state_dict(load_weights(path, network.state_dict()))
    return LoadedSearcher(card, network.eval(), folder, sha256)


def save_searcher(folder: Path, network: CtSearcher, card: Card) -> LoadedSearcher:
    """Write `model.safetensors` and `card.toml`; the card is written last, so that half a model is none.

    Parameters
    ----------
    folder
        Made when it is not there; may hold other files, but no model.
    card
        Its settings and digest of the weights are set here.

    Raises
    ------
    ModelError
        There is a model already, weights that are not finite, or the folder refuses.
    """
    folder = Path(folder)
    for name in (CARD_FILE, WEIGHTS_FILE):
        if (folder / name).exists():
            raise ModelError("holds a model already", place=str(folder), remedy="name a new folder")
    path = folder / WEIGHTS_FILE
    unfinished = folder / f".{WEIGHTS_FILE}.unfinished"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            save_weights(unfinished, network.state_dict())
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)
    except OSError as error:
        raise ModelError(
            f"cannot be written: {error.strerror or error}", place=str(folder), remedy="check rights"
        ) from (error)
    settings = json.loads(network.settings.model_dump_json())
    sha256 = file_sha256(path)
    try:
        saved = card.model_copy(
            update={"settings": settings, "weights_sha256": sha256, "task": "scanpath", "architecture": ARCHITECTURE}
        )
        write_card(folder, saved)
    except ModelError:
        path.unlink(missing_ok=True)
        raise
    return LoadedSearcher(saved, network.eval(), folder, sha256)


def searcher_settings(card: Card, *, place: str) -> SearcherSettings:
    """The settings that a card names; raises `ModelError` when they are none, or another architecture's."""
    if card.architecture != ARCHITECTURE or card.task != "scanpath":
        raise ModelError(
            f"is a card of {card.architecture} for {card.task}, not of {ARCHITECTURE} for scanpath",
            place=place,
            remedy="choose another model",
        )
    missing = sorted(set(SearcherSettings.model_fields) - set(SAMPLING) - set(card.settings))
    if missing:
        raise ModelError(f"settings.{missing[0]}: this field is missing", place=place, remedy="correct the card")
    try:
        return SearcherSettings.model_validate_json(json.dumps(card.settings), strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in ("settings", *first["loc"]))[:100]
        raise ModelError(f"{where}: {first['msg']}"[:300], place=place, remedy="correct the card") from error


def built(settings: SearcherSettings, place: str) -> CtSearcher:
    """The network; raises `ModelError` where its sizes could only come from a broken file."""
    import torch

    with torch.device("meta"):
        count = sum(parameter.numel() for parameter in CtSearcher(settings).parameters())
    if count > MOST_PARAMETERS:
        raise ModelError(
            f"settings: a network of {count:,} parameters",
            place=place,
            remedy="take the model again from where it came",
        )
    return CtSearcher(settings)
