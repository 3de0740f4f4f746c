"""`ctgaze model import`: published checkpoints become model folders."""

from __future__ import annotations

import json
import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ctgaze_app.cli.model.extra import require_models_extra


class Architecture(StrEnum):
    """Whose checkpoints are known."""

    CT_SEARCHER = "ct-searcher"


def import_model(
    architecture: Annotated[Architecture, typer.Argument(help="What the checkpoint is of.")],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A .ckpt, .pt, .pth, or .npz with weights/<name>.")],
    name: Annotated[str, typer.Option("--name", help="What the model is to be called.")],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FOLDER", help="A new folder; default: among your own models.")
    ] = None,
    version: Annotated[str, typer.Option("--model-version", help="Its version.")] = "imported",
    heads: Annotated[int, typer.Option("--heads", min=1, max=64, help="Attention heads; the file does not tell.")] = 8,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Import published weights; no code of the file is run.

    Everything but the number of heads is found from the tensors. The model computes as published, defects included:
    its weights were trained with them. To predict it needs Swin UNETR's weights, which the first prediction asks for.

    Example: ctgaze model import ct-searcher last.ckpt --name published-searcher
    """
    require_models_extra()
    from models.card import NAME_PATTERN
    from models.ct_searcher.import_published import import_searcher
    from models.registry import user_models

    assert architecture is Architecture.CT_SEARCHER
    folder = out if out is not None else user_models() / name
    if out is None and re.fullmatch(NAME_PATTERN, name) is None:
        raise typer.BadParameter("lower-case letters, digits, ., - and _ make a name", param_hint="--name")
    loaded = import_searcher(file, folder, name=name, version=version, heads=heads)
    parameters = sum(parameter.numel() for parameter in loaded.network.parameters())
    if as_json:
        content = {
            "name": loaded.card.name, "version": loaded.card.version, "folder": str(folder), "parameters": parameters,
            "weights_sha256": loaded.sha256, "settings": loaded.card.settings,
        }  # fmt: skip
        typer.echo(json.dumps(content, allow_nan=False))
        return
    settings = loaded.network.settings
    typer.echo(
        f"{loaded.card.name} {loaded.card.version}: {parameters / 1e6:.1f} million parameters, width {settings.width}, "
        f"{settings.encoder_layers} + {settings.decoder_layers} layers, {settings.heads} heads, "
        f"{settings.max_steps} steps, computes as published"
    )
    typer.echo(f"Written to {folder}")
