"""`ctgaze model evaluate`: models beside floors and ceilings on cases that none of them was trained on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ctgaze_app.cli.model import evaluated_scanpaths
from ctgaze_app.cli.model.architectures import CT_SEARCHER, refuse_options_of_another, title_of
from ctgaze_app.cli.model.extra import require_models_extra
from ctgaze_app.cli.model.memory import memory_in_words
from ctgaze_app.cli.progress import progress_bar
from ctgaze_app.errors import CTGazeError

if TYPE_CHECKING:
    from models.evaluations import TableEvaluation

OWN = "CT-Searcher"
OWN_OPTIONS = ("simulated", "data", "first_seed", "families", "readers", "training", "count", "differences")
"""Parameters that no other architecture has."""


def evaluate(
    context: typer.Context,
    models: Annotated[
        list[str], typer.Argument(metavar="MODEL ...", help="Names or folders of models (`model list`).")
    ],
    config: Annotated[
        str | None,
        typer.Option("--config", metavar="FILE|NAME", help="On the test part of a training configuration."),
    ] = None,
    simulated: Annotated[
        int | None, typer.Option("--simulated", metavar="COUNT", min=1, help=f"{OWN}: on so many simulated patients.")
    ] = None,
    data: Annotated[
        list[str] | None,
        typer.Option(
            "--data", metavar="SESSION", help=f"{OWN}: on recorded sessions (folders, or one that holds them)."
        ),
    ] = None,
    first_seed: Annotated[
        int | None,
        typer.Option("--first-seed", min=0, help=f"{OWN}: of its patients; default: the first that no training has."),
    ] = None,
    families: Annotated[
        str | None,
        typer.Option("--families", metavar="A,B", help=f"{OWN}: of its readers, or training (default), held-out."),
    ] = None,
    readers: Annotated[
        int | None,
        typer.Option(
            "--readers", min=2, max=64, help=f"{OWN}: simulated readers of each patient; default: 3, or the families."
        ),
    ] = None,
    training: Annotated[
        int,
        typer.Option(
            "--training",
            metavar="COUNT",
            min=0,
            help=f"{OWN}: cases that floors and the average path learn from.",
        ),
    ] = 20,
    count: Annotated[int, typer.Option("--count", min=1, max=100, help=f"{OWN}: paths of a kind and case.")] = 3,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of sampling, floors and bootstrap.")] = 1,
    bootstrap: Annotated[
        int, typer.Option("--bootstrap", min=100, max=1_000_000, help="Resamples over patients.")
    ] = 10_000,
    device: Annotated[str, typer.Option("--device", metavar="DEVICE", help="auto, cpu, cuda or cuda:N.")] = "auto",
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, help="Processes that make cases; default: one a core.")
    ] = None,
    differences: Annotated[
        bool,
        typer.Option("--differences/--no-differences", help=f"{OWN}: also every single difference."),
    ] = False,
    card: Annotated[bool, typer.Option("--card", help="Write the figures into the cards of the models, too.")] = False,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write everything as JSON, too.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object: the same numbers and more.")] = False,
) -> None:
    """Evaluate models of one architecture on the test part of a configuration, beside floors and ceilings.

    CT-Searcher: ScanMatch, MultiMatch, edit distance and heat maps beside floors, ceiling and oracles. Each model also
    gets another patient's CT, and its tokens permuted: what it loses is what it takes from the CT. Several models
    (seeds of one training) are also told with their mean and range. Intervals are over patients.

    Example: ctgaze model evaluate ct-searcher --simulated 40
    """
    if sum((config is not None, simulated is not None, bool(data))) != 1:
        raise typer.BadParameter("name one of --config, --simulated and --data: what to evaluate on")
    if simulated is None and any(option is not None for option in (first_seed, families, readers)):
        raise typer.BadParameter("--first-seed, --families and --readers belong to --simulated")
    if out is not None and not out.absolute().parent.is_dir():
        raise CTGazeError("its folder does not exist", place=str(out), remedy="make it first")
    if out is not None and out.is_dir():
        raise CTGazeError("is a folder", place=str(out), remedy="name a file")
    require_models_extra()
    from models.card import read_card
    from models.features.devices import choose_device
    from models.registry import model_folder

    on = choose_device(device).name
    folders = [model_folder(name) for name in models]
    architectures = sorted({read_card(folder).architecture for folder in folders})
    if len(architectures) > 1:
        raise CTGazeError(
            f"these are models of {' and '.join(title_of(one) for one in architectures)}",
            remedy="evaluate models of one architecture together",
        )
    if architectures[0] == CT_SEARCHER:
        subject = evaluated_scanpaths.Subject(
            config, simulated, tuple(data or ()), first_seed, families, readers, training, workers
        )
        with memory_in_words(device):
            found = evaluated_scanpaths.evaluated(
                folders, subject, count=count, seed=seed, resamples=bootstrap, device=device, card=card,
                shown=not as_json,
            )  # fmt: skip
        _tell(found.to_dict(pairs=False), found.to_dict(), out, as_json)
        if not as_json:
            evaluated_scanpaths.show(found, differences=differences)
        return
    refuse_options_of_another(context, OWN_OPTIONS, OWN, f"a model of {title_of(architectures[0])}")
    assert config is not None
    with memory_in_words(device):
        tables = _of_family(
            architectures[0], folders, config, seed=seed, resamples=bootstrap, device=device, on=on, workers=workers,
            card=card, shown=not as_json,
        )  # fmt: skip
    _tell(tables.to_dict(), tables.to_dict(), out, as_json)
    if not as_json:
        from ctgaze_app.cli.model import evaluated_tables

        evaluated_tables.show(tables)


def _of_family(
    architecture: str,
    folders: Sequence[Path],
    config: str,
    *,
    seed: int,
    resamples: int,
    device: str,
    on: str,
    workers: int | None,
    card: bool,
    shown: bool,
) -> TableEvaluation:
    from ctgaze_app.cli.model.configured import family_cases
    from models.card import write_card
    from models.evaluations import card_with
    from models.families import family_of

    family = family_of(architecture)
    loaded = [family.load(folder) for folder in folders]
    recipe = family.read_recipe(config)
    with progress_bar("Making cases", shown=shown) as making:
        cases = family_cases(architecture, family, recipe, workers=workers, progress=making)
    if not cases.test:
        raise CTGazeError(
            "this configuration leaves no patient for a test", place=config, remedy="give its split a test part"
        )
    with progress_bar(f"Evaluating on {on}", shown=shown) as report:
        found = family.evaluate(loaded, cases.test, seed=seed, resamples=resamples, device=device, progress=report)
    if card:
        for model in loaded:
            write_card(model.folder, card_with(model.card, found))
    return found


def _tell(printed: dict[str, Any], written: dict[str, Any], out: Path | None, as_json: bool) -> None:
    if out is not None:
        _write(out, written)
    if as_json:
        typer.echo(json.dumps(printed, allow_nan=False))


def _write(path: Path, content: dict[str, Any]) -> None:
    """Through a file beside it, so that none is left half written."""
    beside = path.with_name(f".{path.name}.part")
    try:
        beside.write_text(json.dumps(content, allow_nan=False), "utf-8")
        beside.replace(path)
    except OSError as error:
        raise CTGazeError(
            f"cannot be written: {error.strerror}", place=str(path), remedy="name another file"
        ) from error
