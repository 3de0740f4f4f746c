"""`ctgaze model train`: from a configuration to a model folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ctgaze_app.cli.model.architectures import CT_SEARCHER, Command, architecture_called
from ctgaze_app.cli.model.extra import require_train_extra
from ctgaze_app.cli.model.memory import memory_in_words
from ctgaze_app.cli.progress import progress_bar
from ctgaze_app.errors import CTGazeError

if TYPE_CHECKING:
    from models.training.result import TrainingResult


def train(
    architecture: Annotated[Command, typer.Argument(help="What to train.")],
    out: Annotated[Path, typer.Option("--out", help="New folder for the model; with --resume, of the run.")],
    config: Annotated[
        str | None,
        typer.Option(
            "--config", metavar="FILE|NAME", help="Training configuration, or a shipped recipe; not with --resume."
        ),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where a run was stopped.")] = False,
    initial: Annotated[
        str | None, typer.Option("--initial", metavar="MODEL", help="Start from this model's weights (fine-tuning).")
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", min=0, max=2**31 - 1, help="Instead of the configuration's.")
    ] = None,
    epochs: Annotated[
        int | None, typer.Option("--epochs", min=1, help="At most; instead of the configuration's.")
    ] = None,
    device: Annotated[
        str, typer.Option("--device", help="auto (as configured), cpu, cuda or cuda:N.", metavar="DEVICE")
    ] = "auto",
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, help="Processes that make cases; default: one a core.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object at the end.")] = False,
) -> None:
    """Train a model on recorded, published or made cases; the best epoch is chosen on held-out patients.

    Curves are in OUT/training (CSV and TensorBoard). The test part of the split is never looked at.

    Example: ctgaze model train ct-searcher --config ct_searcher_small --out my-model
    """
    if not resume and config is None:
        raise typer.BadParameter("name a configuration file or a recipe", param_hint="--config")
    if resume and config is not None:
        raise typer.BadParameter("a resumed run keeps its own configuration", param_hint="--config")
    require_train_extra()
    from models.errors import Cancelled
    from models.registry import model_folder
    from models.training.lightning_trainer import first_device, is_first_process
    from models.training.run_folder import CONFIG, RunFolder

    if is_first_process():
        RunFolder(out).check_place(resume=resume)
    chosen = architecture_called(architecture)
    asked = {"seed": seed, "epochs": epochs, "initial": None if initial is None else model_folder(initial).absolute()}
    changes = {name: value for name, value in asked.items() if value is not None}
    recipe = str(out / CONFIG) if config is None else config
    settings = _config(chosen.name, recipe, changes)
    on = first_device(settings.training, device).name
    if not as_json and is_first_process():
        typer.echo(f"Training on {on}", err=True)
    run = _train_searcher if chosen.name == CT_SEARCHER else _train_family
    try:
        with memory_in_words(device, ", lower how many cases training takes per batch"):
            result = run(chosen.name, settings, out, resume=resume, device=device, workers=workers, shown=not as_json)
    except Cancelled as stop:
        raise CTGazeError(str(stop), place=str(out), remedy="go on with --resume") from stop
    if is_first_process():
        _tell(result, on, as_json)


def _config(name: str, recipe: str, changes: dict[str, Any]) -> Any:
    from models.ct_searcher.config import read_recipe
    from models.families import family_of

    found = read_recipe(recipe) if name == CT_SEARCHER else family_of(name).read_recipe(recipe)
    return found.model_copy(update={"training": found.training.model_copy(update=changes)})


def _train_searcher(
    name: str, config: Any, out: Path, *, resume: bool, device: str, workers: int | None, shown: bool
) -> TrainingResult:
    from ctgaze_app.cli.model.configured import cache_of, features_of, split_of
    from ctgaze_app.cli.model.training_progress import training_progress
    from models.ct_searcher.training import train as train_searcher

    with progress_bar("Making patients", shown=shown) as making:
        cases = split_of(config, workers=workers, progress=making)
    with training_progress(shown=shown) as told:
        return train_searcher(
            config, cases, out, features=features_of(config, device), cache=cache_of(config), resume=resume,
            device=device, preparing=told.preparing, progress=told.training,
        )  # fmt: skip


def _train_family(
    name: str, config: Any, out: Path, *, resume: bool, device: str, workers: int | None, shown: bool
) -> TrainingResult:
    from ctgaze_app.cli.model.configured import family_cases
    from ctgaze_app.cli.model.training_progress import training_progress
    from models.families import family_of

    family = family_of(name)
    with progress_bar("Making cases", shown=shown) as making:
        cases = family_cases(name, family, config, workers=workers, progress=making)
    with training_progress(shown=shown) as told:
        found: TrainingResult = family.train(
            config, cases, out, resume=resume, initial=config.training.initial, device=device,
            preparing=told.preparing, progress=told.training,
        )  # fmt: skip
    return found


def _tell(result: TrainingResult, device: str, as_json: bool) -> None:
    if as_json:
        content = {
            "folder": str(result.folder), "best_epoch": result.best_epoch, "epochs": result.epochs,
            "stopped_early": result.stopped_early, "monitor": result.monitor, "figures": result.figures,
            "seconds": round(result.seconds, 3), "step_s": round(result.step_s, 4),
            "device": device,
        }  # fmt: skip
        typer.echo(json.dumps(content, allow_nan=False))
        return
    early = "; it got no better for longer" if result.stopped_early else ""
    typer.echo(f"{result.folder}: epoch {result.best_epoch} of {result.epochs} is the best by {result.monitor}{early}")
    for name, value in sorted(result.figures.items()):
        typer.echo(f"  {name} {value:.4g}")
    typer.echo(f"  {result.seconds:.0f} s, {result.step_s:.3g} s a step")
