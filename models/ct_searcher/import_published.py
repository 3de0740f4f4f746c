"""Published checkpoints of CT-Searcher: their sizes are found in their tensors, and they become a model's folder."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError
from torch import Tensor

from models.card import Card, InputCard, TrainingCard, imported_card
from models.checkpoints import read_checkpoint
from models.ct_searcher.files import ARCHITECTURE, LoadedSearcher, save_searcher
from models.ct_searcher.network import CtSearcher
from models.ct_searcher.settings import SearcherSettings
from models.errors import ModelError
from models.model_folder import built, fitting_tensors

PUBLISHED_HEADS = 8
_REMEDY = "name a published checkpoint of CT-Searcher"
_LAYER = re.compile(r"transformer_(encoder|decoder)\.layers\.(\d+)\.")


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
    network = built(lambda: CtSearcher(settings), place)
    network.load_state_dict(fitting_tensors(weights, network, place=place, kind="CT-Searcher"))
    return save_searcher(folder, network, card)


def published_card(*, name: str, version: str, source: str, settings: SearcherSettings) -> Card:
    """What can be said of imported weights, which is little; raises `ModelError` for a name that no model can have."""
    return imported_card(
        name=name,
        version=version,
        task="scanpath",
        architecture=ARCHITECTURE,
        licence="as the checkpoint's own; the published code is CC BY-NC-SA 4.0",
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


def _layers(weights: Mapping[str, Tensor], part: str) -> int:
    matches = (_LAYER.match(name) for name in weights)
    return len({match[2] for match in matches if match is not None and match[1] == part})
