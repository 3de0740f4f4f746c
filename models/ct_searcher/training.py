"""A training run from prepared cases to a model folder, resumable at every epoch."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from math import ceil
from pathlib import Path
from typing import Any

import lightning
import torch

from models.ct_searcher.batches import loader
from models.ct_searcher.config import MONITORS, SearcherConfig, TrainingTable
from models.ct_searcher.files import load_searcher, save_searcher
from models.ct_searcher.lightning_module import SearcherTraining
from models.ct_searcher.network import CtSearcher
from models.ct_searcher.self_critical import REWARD, SelfCriticalTraining
from models.ct_searcher.settings import SearcherSettings
from models.ct_searcher.training_card import card_of
from models.datasets.case import TrainingCase
from models.datasets.checks import check_split
from models.datasets.making import counted_from
from models.datasets.prepared import Features, PreparedCases
from models.datasets.splits import Split
from models.errors import Cancelled
from models.model_folder import check_same_settings
from models.training.lightning_trainer import LAST, device_options, is_first_process, quiet_and_repeatable
from models.training.result import TrainingResult, Watcher
from models.training.run_folder import RunFolder
from models.training.stages import SUPERVISED, Stage, run_stage

SELF_CRITICAL = "self_critical"


def train(
    config: SearcherConfig,
    cases: Split[TrainingCase],
    out: Path,
    *,
    features: Features | None = None,
    cache: Path | None = None,
    resume: bool = False,
    initial: Path | None = None,
    device: str = "auto",
    workers: int = 0,
    preparing: Callable[[int, int], None] | None = None,
    progress: Watcher | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> TrainingResult:
    """Train on the training part, choose the best epoch on the validation part; the test part is never opened.

    Parameters
    ----------
    out
        New or empty; with `resume`, of a run that was interrupted.
    features
        For a network that is given features: what makes them of a volume.
    cache
        Folder for inputs that are too many for memory.
    initial
        Model to start from, instead of the configuration's.
    device
        ``auto``: as configured; ``cpu``, ``cuda`` or ``cuda:N`` for this one alone.
    workers
        Processes that load cases.
    preparing
        Called with cases prepared and in all.
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
    run = RunFolder(out)
    check_split(cases)
    table = config.training
    with quiet_and_repeatable():
        lightning.seed_everything(table.seed, verbose=False)
        network = CtSearcher(config.model.settings)
        start = initial or table.initial
        if start is not None and not (run.stage(SUPERVISED) / LAST).is_file():
            network.load_state_dict(_weights_of(start, config.model.settings))
        device_options(table, device)
        if is_first_process():
            run.open(config, cases, resume=resume)
        parts = _prepared(config.model.settings, cases, features, cache, preparing, cancelled)
        found: TrainingResult | None = None
        for stage in _stages(config, cases, parts, network):
            found = run_stage(
                stage, network, partial(_loaders, table, parts, workers), table=table, run=run, resume=resume,
                device=device, progress=progress, cancelled=cancelled,
            )  # fmt: skip
    assert found is not None
    result = replace(found, seconds=time.perf_counter() - began)
    if is_first_process():
        card = card_of(config, cases, best_epoch=result.best_epoch, figures=result.figures)
        save_searcher(out, network.cpu().eval(), card)
    return result


def _prepared(
    settings: SearcherSettings,
    cases: Split[TrainingCase],
    features: Features | None,
    cache: Path | None,
    preparing: Callable[[int, int], None] | None,
    cancelled: Callable[[], bool] | None,
) -> tuple[PreparedCases, PreparedCases]:
    """Training and validation part; volumes of one patient under two names are refused once they are read."""
    count = len(cases.train) + len(cases.validation)
    ready = []
    for part, before in ((cases.train, 0), (cases.validation, len(cases.train))):
        tell = counted_from(preparing, before, count)
        try:
            found = PreparedCases(part, settings, features=features, folder=cache, progress=tell, cancelled=cancelled)
        except Cancelled as stop:
            raise Cancelled("stopped before the first epoch; it can be resumed") from stop
        ready.append(found)
    check_split(cases, {**ready[0].volume_sha256, **ready[1].volume_sha256})
    return ready[0], ready[1]


def _stages(
    config: SearcherConfig, cases: Split[TrainingCase], parts: tuple[PreparedCases, PreparedCases], network: CtSearcher
) -> list[Stage]:
    table, second = config.training, config.self_critical
    processes = table.nodes * (table.devices if isinstance(table.devices, int) else 1)
    batches = ceil(len(parts[0]) / (table.cases_per_batch * processes))
    stages = [
        Stage(
            SUPERVISED, table.epochs, table.monitor, MONITORS[table.monitor], table.patience,
            lambda: SearcherTraining(network, table), batches,
        )
    ]  # fmt: skip
    if second is not None:
        train, validation = ([case.paths for case in part] for part in (cases.train, cases.validation))

        def sampled() -> SelfCriticalTraining:
            return SelfCriticalTraining(network, table, second, train=train, validation=validation)

        stages.append(
            Stage(SELF_CRITICAL, second.epochs, REWARD, "max", table.patience, sampled, batches, whole_network=False)
        )
    return stages


def _loaders(
    table: TrainingTable, parts: tuple[PreparedCases, PreparedCases], workers: int, trainer: lightning.Trainer
) -> tuple[Any, Any]:
    share: dict[str, Any] = {
        "cases_per_batch": table.cases_per_batch,
        "seed": table.seed,
        "rank": trainer.global_rank,
        "processes": trainer.world_size,
        "workers": workers,
        "pin_memory": trainer.accelerator.__class__.__name__ == "CUDAAccelerator",
    }
    train = loader(parts[0], paths_per_case=table.paths_per_case, **share)
    return train, loader(parts[1], paths_per_case=None, **share)


def _weights_of(folder: Path, settings: SearcherSettings) -> dict[str, torch.Tensor]:
    """Weights of a model that has the same architecture; only its dropout may differ."""
    start = load_searcher(folder)
    check_same_settings(start.network.settings, settings, ("dropout",), place=str(folder))
    return dict(start.network.state_dict())
