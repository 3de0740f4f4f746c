"""A model in its folder, whatever its architecture: card and weights, read with every check, written whole or not at
all."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

import torch
from pydantic import BaseModel, ValidationError
from torch import Tensor, nn

from models.card import CARD_FILE, WEIGHTS_FILE, Card, read_card, write_card
from models.errors import ModelError
from models.weights import file_sha256, load_weights, save_weights

MOST_PARAMETERS = 1_000_000_000
"""More than any network of the field; settings that ask for more are a fault."""

Network = TypeVar("Network", bound=nn.Module)
Settings = TypeVar("Settings", bound=BaseModel)


@dataclass(frozen=True, eq=False)
class LoadedModel(Generic[Network]):
    """A network that is ready to predict (in evaluation mode, on the CPU), and what is said of it."""

    card: Card
    network: Network = field(repr=False)
    folder: Path
    sha256: str


def load_model(folder: Path, architecture: str, build: Callable[[Card, str], Network]) -> LoadedModel[Network]:
    """The model of a folder.

    Parameters
    ----------
    build
        Makes the network of a card; its second argument is the place for messages (`built`, `settings_of`).

    Raises
    ------
    ModelError
        One line: no or a broken card, another architecture, settings of no network, weights that are missing, damaged,
        of another network or not the card's.
    """
    folder = Path(folder)
    card = read_card(folder)
    place = str(folder / CARD_FILE)
    if card.architecture != architecture:
        raise ModelError(
            f"is a card of {card.architecture}, not of {architecture}", place=place, remedy="choose another model"
        )
    network = build(card, place)
    path = folder / WEIGHTS_FILE
    sha256 = file_sha256(path)
    if sha256 != card.weights_sha256:
        raise ModelError(
            "is not the file that the card was written for (weights_sha256 differs)",
            place=str(path),
            remedy="take the model again from where it came",
        )
    network.load_state_dict(load_weights(path, network.state_dict()))
    return LoadedModel(card, network.eval(), folder, sha256)


def save_model(folder: Path, network: Network, card: Card, settings: BaseModel) -> LoadedModel[Network]:
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
        ) from error
    sha256 = file_sha256(path)
    try:
        plain = json.loads(settings.model_dump_json(exclude_none=True))
        saved = card.model_copy(update={"settings": plain, "weights_sha256": sha256})
        write_card(folder, saved)
    except ModelError:
        path.unlink(missing_ok=True)
        raise
    return LoadedModel(saved, network.eval(), folder, sha256)


def settings_of(card: Card, kind: type[Settings], *, place: str, optional: tuple[str, ...] = ()) -> Settings:
    """The settings that a card names; raises `ModelError` with the field when one is missing, unknown or wrong.

    Parameters
    ----------
    optional
        Fields that a card may leave out.
    """
    missing = sorted(set(kind.model_fields) - set(optional) - set(card.settings))
    if missing:
        raise ModelError(f"settings.{missing[0]}: this field is missing", place=place, remedy="correct the card")
    try:
        return kind.model_validate_json(json.dumps(card.settings), strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in ("settings", *first["loc"]))[:100]
        raise ModelError(f"{where}: {first['msg']}"[:300], place=place, remedy="correct the card") from error


def built(make: Callable[[], Network], place: str) -> Network:
    """The network; raises `ModelError` where its sizes could only come from a broken file."""
    with torch.device("meta"):
        count = sum(parameter.numel() for parameter in make().parameters())
    if count > MOST_PARAMETERS:
        raise ModelError(
            f"settings: a network of {count:,} parameters",
            place=place,
            remedy="take the model again from where it came",
        )
    return make()


def check_same_settings(theirs: BaseModel, ours: BaseModel, free: Collection[str], *, place: str) -> None:
    """Refuse a model to start from whose settings, those in `free` apart, are not the configuration's.

    Raises
    ------
    ModelError
        With every setting that differs.
    """
    found, wanted = theirs.model_dump(), ours.model_dump()
    differ = [name for name in wanted if name not in free and found[name] != wanted[name]]
    if differ:
        raise ModelError(
            f"is another network: {', '.join(f'{name} {found[name]}, not {wanted[name]}' for name in differ)}"[:300],
            place=place,
            remedy="give the configuration the same settings",
        )


def fitting_tensors(found: Mapping[str, Tensor], network: nn.Module, *, place: str, kind: str) -> dict[str, Tensor]:
    """A checkpoint's tensors for a network, every name and shape checked (strict).

    Parameters
    ----------
    kind
        The network's name, for messages.

    Raises
    ------
    ModelError
        A tensor is missing, too many, of another shape, no floating point number, or not finite.
    """
    wanted = network.state_dict()
    remedy = f"name a published checkpoint of {kind}"
    fitting: dict[str, Tensor] = {}
    for name in sorted(set(wanted) | set(found)):
        if name not in found:
            raise ModelError(f"lacks the tensor {name}", place=place, remedy=remedy)
        if name not in wanted:
            raise ModelError(f"holds {name[:100]}, which {kind} has not", place=place, remedy=remedy)
        given, own = found[name], wanted[name]
        if given.shape != own.shape:
            raise ModelError(f"{name} has the shape {tuple(given.shape)}, not {tuple(own.shape)}", place=place)
        if own.is_floating_point() and not given.is_floating_point():
            raise ModelError(
                f"{name} is {str(given.dtype).removeprefix('torch.')}, not numbers with a point", place=place
            )
        if not bool(torch.isfinite(given).all()):
            raise ModelError(f"{name} holds values that are no numbers", place=place)
        fitting[name] = given.to(own.dtype)
    return fitting
