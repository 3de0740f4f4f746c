"""One stage of a training run: trained, taken up again, or read from its folder, always ending at its best weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import lightning
from torch import nn

from models.training.lightning_trainer import BEST, LAST, Watch, fit, make_trainer
from models.training.result import TrainingResult, Watcher
from models.training.run_folder import RunFolder
from models.training.table import RunTable

SUPERVISED = "supervised"
Loaders = Callable[[lightning.Trainer], tuple[Any, Any]]
"""Batches of the training and of the validation part for a trainer, which knows its rank and device."""


@dataclass(frozen=True)
class Stage:
    """What a stage trains, for how long, and which of its epochs is the best.

    Attributes
    ----------
    make_module
        The Lightning module; its attribute `network` is the network that is trained.
    batches
        Of an epoch, in one process.
    whole_network
        Whether every parameter takes part in every step.
    spread_cases
        Whether Lightning deals the cases to several processes; otherwise the loaders do.
    """

    name: str
    epochs: int
    monitor: str
    mode: Literal["min", "max"]
    patience: int | None
    make_module: Callable[[], lightning.LightningModule] = field(repr=False)
    batches: int
    whole_network: bool = True
    spread_cases: bool = False


def run_stage(
    stage: Stage,
    network: nn.Module,
    loaders: Loaders,
    *,
    table: RunTable,
    run: RunFolder,
    resume: bool = False,
    device: str = "auto",
    progress: Watcher | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> TrainingResult:
    """Train one stage, or take up the weights of one that is finished; `network` then has its best weights.

    Raises
    ------
    ModelError
        When the loss diverges, devices do not work, or a checkpoint is broken.
    Cancelled
        After Ctrl+C or when asked; the stage can be resumed.
    """
    folder = run.stage(stage.name)
    if not run.is_finished(stage.name):
        watch = Watch(stage.name, progress, cancelled)
        trainer = make_trainer(
            table, folder, watch, epochs=stage.epochs, monitor=stage.monitor, mode=stage.mode, patience=stage.patience,
            batches=stage.batches, device=device, whole_network=stage.whole_network, spread_cases=stage.spread_cases,
        )  # fmt: skip
        train, validation = loaders(trainer)
        checkpoint = folder / LAST if resume and (folder / LAST).is_file() else None
        if checkpoint is not None:
            run.checkpoint(stage.name, LAST)
        fit(trainer, stage.make_module(), train, validation, checkpoint)
        trainer.strategy.barrier()
        if trainer.is_global_zero:
            run.finish(stage.name, epochs=trainer.current_epoch, step_s=watch.median_step_s)
    best = run.checkpoint(stage.name, BEST)
    weights = {
        name.removeprefix("network."): value
        for name, value in best["state_dict"].items()
        if name.startswith("network.")
    }
    network.load_state_dict(weights)
    epochs, step_s = run.finished(stage.name)
    return TrainingResult(
        folder=run.folder,
        best_epoch=int(best["epoch"]) + 1,
        monitor=stage.monitor,
        figures=dict(best["callbacks"]["Watch"]["history"][int(best["epoch"])]),
        epochs=epochs,
        stopped_early=epochs < stage.epochs,
        step_s=step_s,
    )
