"""`ctgaze model list`: the models there are, and what is wrong with those that cannot be used."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from models.registry import FoundModel


def list_models(as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False) -> None:
    """List the models that came with the program and your own.

    Your own lie in the folder models of the program's data folder, or where the environment variable CTGAZE_MODELS
    says. Commands also take a model's folder in place of its name.

    Example: ctgaze model list
    """
    from models.registry import find_models, user_models

    found = find_models()
    if as_json:
        content = {"models": [_entry(one) for one in found], "folder": str(user_models())}
        typer.echo(json.dumps(content, allow_nan=False, ensure_ascii=False))
        return
    if not found:
        typer.echo(f"No models. Your own go into {user_models()}; ctgaze model train and import make them.")
        return
    rows = [("NAME", "VERSION", "TASK", "MB", "WHERE"), *(_row(one) for one in found)]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        typer.echo("  ".join([*cells, row[4]]).rstrip())
    for one in found:
        if one.problem:
            typer.echo(f"{one.name}: {one.problem}", err=True)


def _row(found: FoundModel) -> tuple[str, str, str, str, str]:
    where = f"{found.origin}: {found.folder}"
    if found.card is None:
        return found.folder.name, "-", "-", "-", f"{where} (cannot be used)"
    size = f"{found.size_bytes / 1e6:.1f}" if found.size_bytes else "-"
    return (
        found.card.name,
        found.card.version,
        found.card.task,
        size,
        where + (" (cannot be used)" * bool(found.problem)),
    )


def _entry(found: FoundModel) -> dict[str, Any]:
    card = found.card
    return {
        "name": found.name,
        "version": None if card is None else card.version,
        "task": None if card is None else card.task,
        "architecture": None if card is None else card.architecture,
        "licence": None if card is None else card.licence,
        "research_only": None if card is None else card.research_only,
        "weights_sha256": None if card is None else card.weights_sha256,
        "bytes": found.size_bytes,
        "origin": found.origin,
        "folder": str(found.folder),
        "problem": found.problem or None,
    }
