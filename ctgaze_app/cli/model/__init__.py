"""`ctgaze model ...`: list, train, evaluate, predict and import models."""

from __future__ import annotations

import typer

app = typer.Typer(no_args_is_help=True)


@app.callback()
def model() -> None:
    """Models that predict where readers look: list, train, evaluate, predict, import."""
