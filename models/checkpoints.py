"""Published weights of the field's networks as named tensors, and what sizes they have; no code of a file is run."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from pydantic import ValidationError
from torch import Tensor

from models.card import NOT_SAVED, Card, InputCard, TrainingCard
from models.ct_searcher.files import ARCHITECTURE, LoadedSearcher, built, save_searcher
from models.ct_searcher.settings import SearcherSettings
from models.errors import ModelError
from models.pickled_tensors import read_tensors

PREFIXES = ("model.", "module.", "network.")
"""What training frameworks put before the names of a network's parameters."""
NPZ_WEIGHTS = "weights/"
PUBLISHED_HEADS = 8
LARGEST_ARRAY = 1 << 31
_REMEDY = "name a published checkpoint of CT-Searcher: .ckpt, .pt, .pth, or .npz with weights/<name>"
_LAYER = re.compile(r"transformer_(encoder|decoder)\.layers\.(\d+)\.")


def read_checkpoint(path: Path) -> dict[str, Tensor]:
    """The tensors of a checkpoint without the prefix of the framework that trained it.

    Parameters
    ----------
    path
        ``.ckpt``, ``.pt``, ``.pth``: a state dict, alone or under ``state_dict`` or ``model``. ``.npz``: arrays called
        ``weights/<name>``.

    Raises
    ------
    ModelError
        One line: missing, damaged, holding code or no tensors.
    """
    path = Path(path)
    found = _read_npz(path) if path.suffix.lower() == ".npz" else read_tensors(path, remedy=_REMEDY)
    for prefix in PREFIXES:
        if all(name.startswith(prefix) for name in found):
            found = {name.removeprefix(prefix): value for name, value in found.items()}
    inside = {name.removeprefix("model."): value for name, value in found.items() if name.startswith("model.")}
    # A Lightning checkpoint may hold its loss's tensors beside the network's.
    return inside or found


def searcher_settings_of(weights: Mapping[str, Tensor], *, heads: int, place: str) -> SearcherSettings:
    """Settings of a published CT-Searcher from the shapes of its tensors; heads leave no trace there.

    Raises
    ------
    ModelError
        When a tensor is missing or the sizes are no published CT-Searcher's.
    """

    def shape(name: str, axes: int) -> tuple[int, ...]:
        if name not in weights:
            raise ModelError(f"holds no {name}: no CT-Searcher", place=place, remedy=_REMEDY)
        if weights[name].ndim != axes:
            raise ModelError(f"{name} has {weights[name].ndim} axes, not {axes}", place=place, remedy=_REMEDY)
        return tuple(weights[name].shape)

    width, channels = shape("input_proj.0.weight", 2)
    steps, _ = shape("query_embed.weight", 2)
    shape("transformer_encoder.layers.0.linear1.weight", 2)
    feed_forward, _ = shape("transformer_decoder.layers.0.linear1.weight", 2)
    try:
        return SearcherSettings(
            max_steps=steps,
            width=width,
            heads=heads,
            encoder_layers=_layers(weights, "encoder"),
            decoder_layers=_layers(weights, "decoder"),
            feed_forward=feed_forward,
            feature_channels=channels,
            faithful=True,
        )
    except ValidationError as error:
        said = error.errors()[0]["msg"].removeprefix("Value error, ")
        remedy = "give the number of heads it was trained with: --heads" if "heads" in said else _REMEDY
        raise ModelError(f"its sizes are no CT-Searcher's: {said}"[:300], place=place, remedy=remedy) from error


def import_searcher(
    path: Path, folder: Path, *, name: str, version: str = "imported", heads: int = PUBLISHED_HEADS
) -> LoadedSearcher:
    """Make a model folder of a published checkpoint.

    The network is the faithful one: published weights were trained with its defects (a positional encoding that was
    overwritten, class 0 scored by the stop token's neighbour), and mean nothing under the corrected computation.

    Parameters
    ----------
    folder
        Of the new model.
    heads
        Attention heads it was trained with.

    Raises
    ------
    ModelError
        As `read_checkpoint` and `save_searcher`; tensors that are missing, too many, of another shape or not finite.
    """
    weights = read_checkpoint(path)
    place = str(path)
    settings = searcher_settings_of(weights, heads=heads, place=place)
    card = published_card(name=name, version=version, source=Path(path).name, settings=settings)
    network = built(settings, place)
    wanted = network.state_dict()
    for tensor_name in sorted(set(wanted) | set(weights)):
        _check(tensor_name, weights.get(tensor_name), wanted.get(tensor_name), place)
    network.load_state_dict({key: value.to(wanted[key].dtype) for key, value in weights.items()})
    return save_searcher(folder, network, card)


def published_card(*, name: str, version: str, source: str, settings: SearcherSettings) -> Card:
    """What can be said of imported weights, which is little; raises `ModelError` for a name that no model can have."""
    try:
        return Card(
            name=name,
            version=version,
            task="scanpath",
            architecture=ARCHITECTURE,
            licence="as the checkpoint's own; the published code is CC BY-NC-SA 4.0",
            weights_sha256=NOT_SAVED,
            limits=(
                "Imported from a checkpoint: nobody measured it here, so no figure is given.",
                "Computes as published, with its defects: nearly blind to position, steps drawn independently.",
                f"Needs features of Swin UNETR, {settings.feature_channels} a cell, made as published; no others fit.",
                "Predicts where people looked, not disease; for research only.",
            ),
            input=InputCard(
                orientation="axes as they are stored, as published",
                hu_windows=(),
                spacing="8 x 8 x 8 cells over the whole volume, whatever its spacing",
                features="swin_unetr_published",
            ),
            training=TrainingCard(data=f"Unknown; the checkpoint {source} does not say."),
            settings={},
            metrics_on="nothing",
        )
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ModelError(
            f"{where}: {first['msg']}"[:300], remedy="lower-case letters, digits, ., - and _ make a name"
        ) from error


def _check(name: str, found: Tensor | None, wanted: Tensor | None, place: str) -> None:
    if found is None:
        raise ModelError(f"lacks the tensor {name}", place=place, remedy=_REMEDY)
    if wanted is None:
        raise ModelError(f"holds {name[:100]}, which CT-Searcher has not", place=place, remedy=_REMEDY)
    if found.shape != wanted.shape:
        raise ModelError(f"{name} has the shape {tuple(found.shape)}, not {tuple(wanted.shape)}", place=place)
    if not found.is_floating_point():
        raise ModelError(f"{name} is {str(found.dtype).removeprefix('torch.')}, not numbers with a point", place=place)
    if not bool(torch.isfinite(found).all()):
        raise ModelError(f"{name} holds values that are no numbers", place=place)


def _layers(weights: Mapping[str, Tensor], part: str) -> int:
    matches = (_LAYER.match(name) for name in weights)
    return len({match[2] for match in matches if match is not None and match[1] == part})


def _read_npz(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise ModelError("no such file", place=str(path), remedy=_REMEDY)
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            names = [name for name in file.files if name.startswith(NPZ_WEIGHTS)]
            if any(entry.file_size > LARGEST_ARRAY for entry in file.zip.infolist()):
                raise ModelError("holds an array too large for weights", place=str(path), remedy=_REMEDY)
            arrays = {name.removeprefix(NPZ_WEIGHTS): file[name] for name in names}
    except (OSError, ValueError, EOFError, KeyError, TypeError, AttributeError, zipfile.BadZipFile) as error:
        what = (
            "holds objects, which may be code; nothing of it was run"
            if "pickle" in str(error).lower()
            else ("cannot be read as .npz: damaged or of another format")
        )
        raise ModelError(what, place=str(path), remedy=_REMEDY) from error
    if not arrays:
        raise ModelError("holds no arrays called weights/<name>", place=str(path), remedy=_REMEDY)
    wrong = next((name for name, array in arrays.items() if array.dtype.kind not in "fiu"), None)
    if wrong is not None:
        raise ModelError(f"{wrong} holds no numbers", place=str(path), remedy=_REMEDY)
    return {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in arrays.items()}
