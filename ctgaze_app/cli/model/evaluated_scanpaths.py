"""Models of CT-Searcher on the cases of a configuration, of simulated readers or of recorded sessions."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ctgaze_app.cli.progress import progress_bar
from ctgaze_app.errors import CTGazeError

if TYPE_CHECKING:
    from models.ct_searcher.evaluation_report import Evaluation
    from models.datasets.case import TrainingCase
    from models.datasets.prepared import Features


@dataclass(frozen=True)
class Subject:
    """What is evaluated on, as the command's options of the same names say."""

    config: str | None
    simulated: int | None
    data: tuple[str, ...]
    first_seed: int | None
    families: str | None
    readers: int | None
    training: int
    workers: int | None


def evaluated(
    folders: Sequence[Path],
    on: Subject,
    *,
    count: int,
    seed: int,
    resamples: int,
    device: str,
    card: bool,
    shown: bool,
) -> Evaluation:
    """Every model beside readers, floors, ceiling, oracles, and itself with another CT; also into the cards if asked.

    Raises
    ------
    ModelError, CTGazeError
        When a model or the cases cannot be used.
    """
    from models.card import write_card
    from models.ct_searcher.evaluation import evaluate
    from models.ct_searcher.evaluation_report import card_with
    from models.ct_searcher.files import load_searcher
    from models.features.devices import choose_device

    where = choose_device(device).name
    loaded = [load_searcher(folder) for folder in folders]
    features = None
    with progress_bar("Making cases", shown=shown) as making:
        if on.config is not None:
            cases, learned, features = _configured(on.config, on.training, on.workers, device, making)
        elif on.simulated is not None:
            cases, learned = _simulated(
                on.simulated, on.first_seed, on.families, on.readers, on.training, on.workers, making
            )
        else:
            cases, learned = _recorded(on.data, making), []
    with progress_bar(f"Evaluating on {where}", shown=shown) as report:
        found = evaluate(
            loaded, cases, training=learned, seed=seed, count=count, resamples=resamples, device=device,
            features=features, progress=lambda done, total, what: report(done, total),
        )  # fmt: skip
    if card:
        for model, told in zip(loaded, found.models, strict=True):
            write_card(model.folder, card_with(model.card, found, told))
    return found


def show(found: Evaluation, *, differences: bool) -> None:
    """Every table on the terminal, and below them what a reader of them must know."""
    from ctgaze_app.cli import comparison_table
    from ctgaze_app.cli.model import evaluation_table
    from ctgaze_app.cli.model.evaluated_tables import console_of, print_tables

    console = console_of()
    shown = found.comparison if differences else replace(found.comparison, differences=())
    tables = [*comparison_table.tables_of(shown, width=console.width), *evaluation_table.tables_of(found)]
    lines = [*evaluation_table.sentences(found), *comparison_table.footnotes(shown)]
    print_tables(console, tables, lines)


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
