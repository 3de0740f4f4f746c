"""`ctgaze model list`: the models there are, and what is wrong with those that cannot be used."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ctgaze_app.cli.model.architectures import title_of

if TYPE_CHECKING:
    from models.registry import FoundModel

HEADINGS = ("NAME", "VERSION", "ARCHITECTURE", "TASK", "READS", "MB", "WHERE")


def list_models(as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False) -> None:
    """List the models that came with the program and your own.

    Your own lie in the folder models of the program's data folder, or where the environment variable CTGAZE_MODELS
    says. Commands also take a model's folder in place of its name. --json also tells the options of each model, where
    PyTorch is installed.

    Example: ctgaze model list
    """
    from models.registry import find_models, user_models

    found = find_models()
    if as_json:
        options = _options_of(found)
        content = {"models": [_entry(one, options) for one in found], "folder": str(user_models())}
        typer.echo(json.dumps(content, allow_nan=False, ensure_ascii=False))
        return
    if not found:
        typer.echo(f"No models. Your own go into {user_models()}; ctgaze model train and import make them.")
        return
    rows = [HEADINGS, *(_row(one) for one in found)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS) - 1)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        typer.echo("  ".join([*cells, row[-1]]).rstrip())
    for one in found:
        if one.problem:
            typer.echo(f"{one.name}: {one.problem}", err=True)


def _row(found: FoundModel) -> tuple[str, ...]:
    card, where = found.card, f"{found.origin}: {found.folder}"
    unusable = " (cannot be used)" if card is None or found.problem else ""
    if card is None:
        return found.folder.name, *("-",) * 5, where + unusable
    size = f"{found.size_bytes / 1e6:.1f}" if found.size_bytes else "-"
    return (
        card.name, card.version, title_of(card.architecture), card.task, card.input.values, size, where + unusable
    )  # fmt: skip


def _entry(found: FoundModel, options: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    card = found.card
    return {
        "name": found.name,
        "version": None if card is None else card.version,
        "task": None if card is None else card.task,
        "architecture": None if card is None else card.architecture,
        "values": None if card is None else card.input.values,
        "options": None if card is None else options.get(card.architecture),
        "licence": None if card is None else card.licence,
        "research_only": None if card is None else card.research_only,
        "weights_sha256": None if card is None else card.weights_sha256,
        "bytes": found.size_bytes,
        "origin": found.origin,
        "folder": str(found.folder),
        "problem": found.problem or None,
    }


def _options_of(models: Sequence[FoundModel]) -> dict[str, dict[str, str]]:
    """What --option can name, by architecture."""
    from ctgaze_app.study.models_extra import is_installed
    from models.families import FAMILIES, family_of

    wanted = {one.card.architecture for one in models if one.card is not None} & set(FAMILIES)
    if not is_installed():
        return {}
    return {name: dict(family_of(name).PREDICT_OPTIONS) if FAMILIES[name].module else {} for name in sorted(wanted)}
