"""How far a training run is: a bar with the losses on a terminal, a line an epoch elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from models.training.result import TrainingState

SHOWN = ("train/total", "train/reward", "val/place", "val/duration", "val/reward")
"""Of CT-Searcher, which logs more than fits a line."""
SEARCHERS = ("/place", "/reward")
"""Ends of names that no other architecture logs."""
MOST_SHOWN = 5


@dataclass(frozen=True)
class Told:
    """What a training run calls."""

    preparing: Callable[[int, int], None]
    training: Callable[[TrainingState], None]


@contextmanager
def training_progress(*, shown: bool) -> Iterator[Told]:
    """Progress on the error stream."""
    if not shown:
        yield Told(lambda done, total: None, lambda state: None)
        return
    if not sys.stderr.isatty():
        yield Told(lambda done, total: None, _Lines().tell)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[values]}"), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task: Any = bar.add_task("Preparing volumes", total=None, values="")

        def preparing(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        def training(state: TrainingState) -> None:
            bar.update(
                task, description=f"{_stage(state)} {state.epoch}/{state.epochs}", completed=state.step,
                total=state.steps, values=values_text(state),
            )  # fmt: skip

        yield Told(preparing, training)


def values_text(state: TrainingState) -> str:
    """A few values in one line: what training goes by, then validation."""
    of_searcher = any(name.endswith(SEARCHERS) for name in state.values)
    known = [name for name in SHOWN if of_searcher and name in state.values]
    others = sorted((name for name in state.values if name.startswith(("train/", "val/"))), key=_order)
    return ", ".join(f"{name} {state.values[name]:.3f}" for name in (known or others)[:MOST_SHOWN])


def _order(name: str) -> tuple[bool, str]:
    return name.startswith("val/"), name


class _Lines:
    def __init__(self) -> None:
        self.told: tuple[str, int] | None = None

    def tell(self, state: TrainingState) -> None:
        """One line when an epoch's validation is done."""
        if not state.validated or self.told == (state.stage, state.epoch):
            return
        self.told = state.stage, state.epoch
        typer.echo(f"{_stage(state)} {state.epoch}/{state.epochs}: {values_text(state)}", err=True)


def _stage(state: TrainingState) -> str:
    return "Epoch" if state.stage == "supervised" else "Self-critical epoch"
