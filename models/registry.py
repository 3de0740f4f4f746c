"""The models there are: shipped with the program, the user's own, and any folder by its path."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Literal

from platformdirs import user_data_path

from models.card import CARD_FILE, WEIGHTS_FILE, Card, read_card
from models.errors import ModelError

MODELS_VARIABLE = "CTGAZE_MODELS"
"""Environment variable: another folder in place of the user's own."""

Origin = Literal["shipped", "user", "folder"]


@dataclass(frozen=True)
class FoundModel:
    """A folder that holds a model, or should.

    Attributes
    ----------
    card
        None when it cannot be read.
    problem
        Why the model cannot be used, one line; empty when nothing is seen from outside.
    size_bytes
        Of the weights.
    """

    folder: Path
    card: Card | None
    problem: str
    origin: Origin = "folder"
    size_bytes: int = 0

    @property
    def name(self) -> str:
        """As the card says, else the folder's."""
        return self.card.name if self.card is not None else self.folder.name


def shipped_models() -> Path:
    """The folder of the models that came with the program."""
    return Path(str(files("resources"))) / "models"


def user_models() -> Path:
    """The folder of the user's own models; it need not exist."""
    given = os.environ.get(MODELS_VARIABLE, "")
    return Path(given) if given else user_data_path("ctgaze", appauthor=False) / "models"


def find_models(folders: Sequence[Path] | None = None) -> list[FoundModel]:
    """Every model below some folders, sorted by name and version; a broken one says why and stops nothing.

    Parameters
    ----------
    folders
        Each holds models in folders of their own; None: the shipped ones and the user's. Others count as the user's.
    """
    shipped = shipped_models()
    places = (shipped, user_models()) if folders is None else tuple(folders)
    found = [
        _looked_at(folder, "shipped" if place == shipped else "user") for place in places for folder in _inside(place)
    ]
    return sorted(found, key=lambda one: (one.name, "" if one.card is None else one.card.version, str(one.folder)))


def model_folder(name: str | Path, folders: Sequence[Path] | None = None) -> Path:
    """The folder that a name or a path means.

    Parameters
    ----------
    name
        A model's folder; or the name on a card, alone or as ``name==version``. The user's own go before shipped ones.

    Raises
    ------
    ModelError
        No or more than one model of that name.
    """
    text = str(name)
    path = Path(text)
    if path.is_dir() and ((path / CARD_FILE).exists() or isinstance(name, Path) or os.sep in text):
        return path
    if isinstance(name, Path) and len(path.parts) > 1:
        raise ModelError("there is no such folder", place=text, remedy="ctgaze model list names the models there are")
    wanted, _, version = text.partition("==")
    models = find_models(folders)
    named = [
        one for one in models if one.name == wanted and (not version or one.card is None or one.card.version == version)
    ]
    best = [one for one in named if one.origin != "shipped"] or named
    if len(best) > 1:
        choices = ", ".join(
            f"{one.name}=={one.card.version}" if one.card is not None else str(one.folder) for one in best
        )
        raise ModelError(f"several models are called {wanted[:60]!r}", remedy=f"name one: {choices}"[:300])
    if not best:
        known = ", ".join(dict.fromkeys(one.name for one in models)) or "none"
        raise ModelError(f"there is no model {text[:100]!r}", remedy=f"name a folder, or one of: {known}"[:300])
    return best[0].folder


def _inside(place: Path) -> list[Path]:
    try:
        return sorted(
            folder for folder in place.iterdir() if folder.is_dir() and not folder.name.startswith((".", "_"))
        )
    except OSError:
        # A folder of models that is not there, or not ours to read, holds none.
        return []


def _looked_at(folder: Path, origin: Origin) -> FoundModel:
    weights = folder / WEIGHTS_FILE
    try:
        size = weights.stat().st_size if weights.is_file() else 0
        card = read_card(folder)
    except ModelError as error:
        return FoundModel(folder, None, str(error), origin)
    except OSError as error:
        return FoundModel(folder, None, f"cannot be read: {error.strerror or error}", origin)
    return FoundModel(folder, card, "" if size else f"holds no {WEIGHTS_FILE}", origin, size)
