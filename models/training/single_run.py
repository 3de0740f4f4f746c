"""A whole training run of one stage, for architectures that need no more; the caller saves the model."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import lightning
from torch import nn
from torch.utils.data import DataLoader

from models.datasets.checks import check_split
from models.datasets.splits import Split
from models.training.lightning_trainer import device_options, is_first_process, quiet_and_repeatable
from models.training.result import TrainingResult, Watcher
from models.training.run_folder import RunFolder
from models.training.stages import SUPERVISED, Stage, run_stage
from models.training.table import RunConfig


def train_network(
    network: nn.Module,
    make_module: Callable[[], lightning.LightningModule],
    train_loader: DataLoader[Any],
    validation_loader: DataLoader[Any],
    *,
    config: RunConfig,
    split: Split[Any],
    out: Path,
    mode: Literal["min", "max"],
    resume: bool = False,
    device: str = "auto",
    progress: Watcher | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> TrainingResult:
    """Train on the training part, choose the best epoch by the validation part, leave its weights in `network`.

    Only the two loaders are read: the test part is never opened. Give the training loader a
    `models.training.sampling.ShuffledSampler`, so that a resumed run sees the same order.

    Parameters
    ----------
    network
        With its initial weights; ends on the CPU, in evaluation mode, with the best epoch's.
    make_module
        Gives the Lightning module, whose attribute `network` is `network`; it logs ``val/...`` values, among them
        ``config.training.monitor``.
    config
        Written beside the model; its training table says how the run goes.
    split
        What the cases were dealt to; written beside the model.
    out
        New or empty; with `resume`, of a run that was interrupted.
    mode
        Whether the monitored value is better when low or when high.
    device
        ``auto``: as configured; ``cpu``, ``cuda`` or ``cuda:N`` for this one alone.
    progress
        Called every few steps.

    Raises
    ------
    ModelError
        When the folder holds something else, the split leaks, the loss diverges, or devices do not work.
    Cancelled
        After Ctrl+C or when asked; the folder can be resumed.
    """
    began = time.perf_counter()
    run, table = RunFolder(out), config.training
    check_split(split)
    with quiet_and_repeatable():
        device_options(table, device)
        if is_first_process():
            run.open(config, split, resume=resume)
        stage = Stage(
            SUPERVISED, table.epochs, table.monitor, mode, table.patience, make_module, len(train_loader),
            spread_cases=True,
        )  # fmt: skip
        lightning.seed_everything(table.seed, verbose=False)
        found = run_stage(
            stage, network, lambda _: (train_loader, validation_loader), table=table, run=run, resume=resume,
            device=device, progress=progress, cancelled=cancelled,
        )  # fmt: skip
    network.cpu().eval()
    return replace(found, seconds=time.perf_counter() - began)
