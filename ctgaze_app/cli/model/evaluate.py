"""`ctgaze model evaluate`: models beside readers, floors, ceiling, oracles, and themselves with another CT."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ctgaze_app.cli.model.extra import require_models_extra
from ctgaze_app.cli.progress import progress_bar
from ctgaze_app.errors import CTGazeError

if TYPE_CHECKING:
    from models.ct_searcher.evaluation_report import Evaluation
    from models.datasets.case import TrainingCase
    from models.datasets.prepared import Features


def evaluate(
    models: Annotated[
        list[str], typer.Argument(metavar="MODEL ...", help="Names or folders of models (`model list`).")
    ],
    config: Annotated[
        str | None,
        typer.Option("--config", metavar="FILE|NAME", help="On the test part of a training configuration."),
    ] = None,
    simulated: Annotated[
        int | None, typer.Option("--simulated", metavar="COUNT", min=1, help="On so many simulated patients.")
    ] = None,
    data: Annotated[
        list[str] | None,
        typer.Option("--data", metavar="SESSION", help="On recorded sessions: folders, or a folder that holds them."),
    ] = None,
    first_seed: Annotated[
        int | None,
        typer.Option("--first-seed", min=0, help="Of the simulated patients; default: the first that no training has."),
    ] = None,
    families: Annotated[
        str | None,
        typer.Option("--families", metavar="A,B", help="Of simulated readers, or: training (the default), held-out."),
    ] = None,
    readers: Annotated[
        int | None,
        typer.Option(
            "--readers", min=2, max=64, help="Simulated readers of each patient; default: 3, or the families."
        ),
    ] = None,
    training: Annotated[
        int,
        typer.Option(
            "--training", metavar="COUNT", min=0, help="Training cases that floors and the average path learn from."
        ),
    ] = 20,
    count: Annotated[int, typer.Option("--count", min=1, max=100, help="Sampled paths of a kind and case.")] = 3,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of sampling, floors and bootstrap.")] = 1,
    bootstrap: Annotated[
        int, typer.Option("--bootstrap", min=100, max=1_000_000, help="Resamples over patients.")
    ] = 10_000,
    device: Annotated[str, typer.Option("--device", metavar="DEVICE", help="auto, cpu, cuda or cuda:N.")] = "auto",
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, help="Processes that make patients; default: one a core.")
    ] = None,
    differences: Annotated[
        bool, typer.Option("--differences/--no-differences", help="Also every difference from floors and candidates.")
    ] = False,
    card: Annotated[bool, typer.Option("--card", help="Write the figures into the cards of the models, too.")] = False,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write everything as JSON, too.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object: the same numbers and more.")] = False,
) -> None:
    """Evaluate models: ScanMatch, MultiMatch, edit distance and heat maps beside floors, ceiling and oracles.

    Each model also gets another patient's CT, and its tokens permuted: what it loses is what it takes from the CT.
    Several models (seeds of one training) are also told with their mean and range. Intervals are over patients.

    Example: ctgaze model evaluate ct-searcher --simulated 40
    """
    if sum((config is not None, simulated is not None, bool(data))) != 1:
        raise typer.BadParameter("name one of --config, --simulated and --data: what to evaluate on")
    if simulated is None and any(option is not None for option in (first_seed, families, readers)):
        raise typer.BadParameter("--first-seed, --families and --readers belong to --simulated")
    if out is not None and not out.absolute().parent.is_dir():
        raise CTGazeError("its folder does not exist", place=str(out), remedy="make it first")
    require_models_extra()
    from models.card import write_card
    from models.ct_searcher.evaluation import evaluate as evaluate_models
    from models.ct_searcher.evaluation_report import card_with
    from models.ct_searcher.files import load_searcher
    from models.registry import model_folder

    loaded = [load_searcher(model_folder(name)) for name in models]
    features = None
    with progress_bar("Making cases", shown=not as_json) as making:
        if config is not None:
            cases, learned, features = _configured(config, training, workers, device, making)
        elif simulated is not None:
            cases, learned = _simulated(simulated, first_seed, families, readers, training, workers, making)
        else:
            cases, learned = _recorded(data or [], making), []
    with progress_bar("Evaluating", shown=not as_json) as report:
        found = evaluate_models(
            loaded, cases, training=learned, seed=seed, count=count, resamples=bootstrap, device=device,
            features=features, progress=lambda done, total, what: report(done, total),
        )  # fmt: skip
    if out is not None:
        _write(out, found)
    if card:
        for model, told in zip(loaded, found.models, strict=True):
            write_card(model.folder, card_with(model.card, found, told))
    if as_json:
        typer.echo(json.dumps(found.to_dict(pairs=False), allow_nan=False))
        return
    show(found, differences=differences)


def show(found: Evaluation, *, differences: bool) -> None:
    """Every table on the terminal, and below them what a reader of them must know."""
    from dataclasses import replace

    from rich.console import Console

    from ctgaze_app.cli import comparison_table
    from ctgaze_app.cli.model import evaluation_table

    console = Console(highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console = Console(highlight=False, width=comparison_table.WIDTH)
    shown = found.comparison if differences else replace(found.comparison, differences=())
    tables = [*comparison_table.tables_of(shown, width=console.width), *evaluation_table.tables_of(found)]
    for title, table in tables:
        console.print(title, markup=False, style="bold")
        console.print(table)
        console.print()
    for line in [*evaluation_table.sentences(found), *comparison_table.footnotes(shown)]:
        console.print(line, markup=False, style="dim")


def _configured(
    name: str, training: int, workers: int | None, device: str, progress: Callable[[int, int], None]
) -> tuple[Sequence[TrainingCase], Sequence[TrainingCase], Features | None]:
    """The test part of a configuration, some of its training part, and what makes its features."""
    from ctgaze_app.cli.model.configured import features_of, split_of
    from models.ct_searcher.config import read_recipe

    chosen = read_recipe(name)
    split = split_of(chosen, workers=workers, progress=progress)
    if not split.test:
        raise CTGazeError(
            "this configuration leaves no patient for a test", place=name, remedy="name --simulated COUNT or --data"
        )
    return split.test, split.train[:training], features_of(chosen, device)


def _simulated(
    count: int,
    first_seed: int | None,
    families: str | None,
    readers: int | None,
    training: int,
    workers: int | None,
    progress: Callable[[int, int], None],
) -> tuple[Sequence[TrainingCase], Sequence[TrainingCase]]:
    """Test patients of their own seeds, and training patients read by the same families, or, where these were held out,
    by those of training: floors know what the model can know."""
    from ctgaze_app.cli.model.configured import usual_cache
    from models.datasets.simulated import FIRST_SEED, simulated_cases
    from models.simulation.search_reader import HELD_OUT_FAMILIES, TRAINING_FAMILIES

    folder, processes = usual_cache() / "patients", workers or os.cpu_count() or 1
    groups = {"training": TRAINING_FAMILIES, "held-out": HELD_OUT_FAMILIES}
    text = families or "training"
    named = groups.get(text) or tuple(name.strip() for name in text.split(","))
    known = tuple(name for name in named if name in TRAINING_FAMILIES) or TRAINING_FAMILIES
    first = FIRST_SEED["test"] if first_seed is None else first_seed
    cases = simulated_cases(
        count, first_seed=first, families=named, readers_per_case=readers or max(3, len(named)),
        progress=lambda done, _: progress(done, count + training), folder=folder, workers=processes,
    )  # fmt: skip
    learned: Sequence[TrainingCase] = []
    if training:
        learned = simulated_cases(
            training, first_seed=FIRST_SEED["train"], families=known, readers_per_case=max(3, len(known)),
            progress=lambda done, _: progress(count + done, count + training), folder=folder, workers=processes,
        )  # fmt: skip
    return cases, learned


def _recorded(folders: Sequence[str], progress: Callable[[int, int], None]) -> Sequence[TrainingCase]:
    from ctgaze_app.formats.training_sources import cases_from_sessions

    return cases_from_sessions([Path(folder) for folder in folders], progress=progress)


def _write(path: Path, found: Evaluation) -> None:
    """Through a file beside it, so that none is left half written."""
    beside = path.with_name(f".{path.name}.part")
    try:
        beside.write_text(json.dumps(found.to_dict(), allow_nan=False), "utf-8")
        beside.replace(path)
    except OSError as error:
        raise CTGazeError(
            f"cannot be written: {error.strerror}", place=str(path), remedy="name another file"
        ) from error
