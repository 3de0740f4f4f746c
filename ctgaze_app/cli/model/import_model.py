"""`ctgaze model import`: published checkpoints become model folders."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ctgaze_app.cli.model.architectures import (
    CT_SEARCHER,
    Command,
    architecture_called,
    named_options,
    refuse_options_of_another,
)
from ctgaze_app.cli.model.extra import require_models_extra

if TYPE_CHECKING:
    from models.ct_searcher.settings import SearcherSettings

PUBLISHED_HEADS = 8


def import_model(
    context: typer.Context,
    file: Annotated[
        Path, typer.Argument(metavar="CHECKPOINT", help="A .ckpt, .pt, .pth, or .npz with weights/<name>.")
    ],
    architecture: Annotated[Command, typer.Option("--architecture", help="What the checkpoint is of.")],
    name: Annotated[str, typer.Option("--name", help="What the model is to be called.")],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FOLDER", help="A new folder; default: among your own models.")
    ] = None,
    version: Annotated[str, typer.Option("--model-version", help="Its version.")] = "imported",
    option: Annotated[
        list[str] | None,
        typer.Option("--option", metavar="NAME=VALUE", help="What the file does not tell; a wrong name lists them."),
    ] = None,
    heads: Annotated[
        int, typer.Option("--heads", min=1, max=64, help="CT-Searcher: attention heads; the file does not tell.")
    ] = PUBLISHED_HEADS,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Import published weights; no code of the file is run.

    Sizes are found from the tensors. The model computes as published, defects included: its weights were trained with
    them. CT-Searcher also needs Swin UNETR's weights, which its first prediction asks for.

    Example: ctgaze model import last.ckpt --architecture ct-searcher --name published-searcher
    """
    require_models_extra()
    from models.card import NAME_PATTERN
    from models.families import family_of
    from models.registry import user_models

    chosen = architecture_called(architecture)
    folder = out if out is not None else user_models() / name
    if out is None and re.fullmatch(NAME_PATTERN, name) is None:
        raise typer.BadParameter("lower-case letters, digits, ., - and _ make a name", param_hint="--name")
    loaded: Any
    if chosen.name == CT_SEARCHER:
        from models.ct_searcher.import_published import import_searcher

        named_options(option or (), {}, chosen.title)
        loaded = import_searcher(file, folder, name=name, version=version, heads=heads)
        said = _sizes(loaded.network.settings)
    else:
        refuse_options_of_another(context, ("heads",), "CT-Searcher", chosen.title)
        family = family_of(chosen.name)
        options = named_options(option or (), family.IMPORT_OPTIONS, chosen.title)
        loaded = family.import_published(file, folder, name=name, version=version, options=options)
        said = ""
    parameters = sum(parameter.numel() for parameter in loaded.network.parameters())
    if as_json:
        content = {
            "name": loaded.card.name, "version": loaded.card.version, "architecture": loaded.card.architecture,
            "folder": str(folder), "parameters": parameters, "weights_sha256": loaded.sha256,
            "settings": loaded.card.settings,
        }  # fmt: skip
        typer.echo(json.dumps(content, allow_nan=False))
        return
    typer.echo(f"{loaded.card.name} {loaded.card.version}: {parameters:,} parameters, {said}computes as published")
    typer.echo(f"Written to {folder}")


def _sizes(settings: SearcherSettings) -> str:
    return (
        f"width {settings.width}, {settings.encoder_layers} + {settings.decoder_layers} layers, "
        f"{settings.heads} heads, {settings.max_steps} steps, "
    )
