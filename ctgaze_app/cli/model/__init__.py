"""`ctgaze model ...`: list, train, evaluate, predict and import models, and make what they learn from."""

from __future__ import annotations

import typer

from ctgaze_app.cli.model import evaluate, import_model, list_models, make_set, predict, pseudo_masks, train

app = typer.Typer(no_args_is_help=True)


@app.callback()
def model() -> None:
    """Models of scan paths, findings, masks and gaze maps: list, train, evaluate, predict, import. Research only."""


app.command(name="train")(train.train)
app.command(name="evaluate")(evaluate.evaluate)
app.command(name="list")(list_models.list_models)
app.command(name="import")(import_model.import_model)
app.command(name="predict")(predict.predict)
app.command(name="pseudo-masks")(pseudo_masks.pseudo_masks)
app.command(name="make-set")(make_set.make_set)
