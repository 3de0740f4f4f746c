"""A training run from prepared cases to a model folder, resumable at every epoch."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from math import ceil
from pathlib import Path
from typing import Any

import lightning
import torch

from models.ct_searcher.batches import loader
from models.ct_searcher.config import MONITORS, SearcherConfig
from models.ct_searcher.files import load_searcher, save_searcher
from models.ct_searcher.lightning_module import SearcherTraining
from models.ct_searcher.lightning_trainer import (
    BEST,
    LAST,
    Watch,
    Watcher,
    device_options,
    fit,
    is_first_process,
    make_trainer,
    quiet_and_repeatable,
)
from models.ct_searcher.network import CtSearcher
from models.ct_searcher.run_folder import RunFolder, config_text
from models.ct_searcher.self_critical import REWARD, SelfCriticalTraining
from models.ct_searcher.settings import SearcherSettings
from models.ct_searcher.training_card import card_of
from models.datasets.checks import check_split
from models.datasets.prepared import Features, PreparedCases
from models.datasets.splits import Split
from models.errors import Cancelled, ModelError

SUPERVISED, SELF_CRITICAL = "supervised", "self_critical"


@dataclass(frozen=True)
class TrainingResult:
    """What a run made.

    Attributes
    ----------
    folder
        With model.safetensors, card.toml, config.toml, split.csv and training/.
    best_epoch
        From 1, of the last stage; its weights are the model's.
    monitor
        What the best epoch was chosen by.
    figures
        Values of that epoch on the validation part.
    epochs
        That were trained, of the last stage.
    stopped_early
        Whether fewer than the configuration allows.
    seconds, step_s
        Of this run, and the median of a training step, from batch to updated weights.
    """

    folder: Path
    best_epoch: int
    monitor: str
    figures: dict[str, float] = field(default_factory=dict)
    epochs: int = 0
    stopped_early: bool = False
    seconds: float = 0.0
    step_s: float = 0.0


@dataclass(frozen=True)
class _Stage:
    name: str
    epochs: int
    monitor: str
    patience: int | None
    make: Callable[[CtSearcher], SearcherTraining]


def train(
    config: SearcherConfig,
    cases: Split,
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
        for stage in _stages(config, cases):
            found = _run_stage(stage, network, config, parts, run, resume, device, workers, progress, cancelled)
    assert found is not None
    result = TrainingResult(**{**vars(found), "seconds": time.perf_counter() - began})
    if is_first_process():
        card = card_of(config, config_text(config), cases, best_epoch=result.best_epoch, figures=result.figures)
        save_searcher(out, network.cpu().eval(), card)
    return result


def _prepared(
    settings: SearcherSettings,
    cases: Split,
    features: Features | None,
    cache: Path | None,
    preparing: Callable[[int, int], None] | None,
    cancelled: Callable[[], bool] | None,
) -> tuple[PreparedCases, PreparedCases]:
    """Training and validation part; volumes of one patient under two names are refused once they are read."""
    count = len(cases.train) + len(cases.validation)
    ready = []
    for part, before in ((cases.train, 0), (cases.validation, len(cases.train))):
        tell = None if preparing is None else partial(_tell_from, preparing, before, count)
        try:
            found = PreparedCases(part, settings, features=features, folder=cache, progress=tell, cancelled=cancelled)
        except Cancelled as stop:
            raise Cancelled("stopped before the first epoch; it can be resumed") from stop
        ready.append(found)
    check_split(cases, {**ready[0].volume_sha256, **ready[1].volume_sha256})
    return ready[0], ready[1]


def _tell_from(preparing: Callable[[int, int], None], before: int, count: int, done: int, _: int) -> None:
    preparing(before + done, count)


def _stages(config: SearcherConfig, cases: Split) -> list[_Stage]:
    table, second = config.training, config.self_critical
    stages = [_Stage(SUPERVISED, table.epochs, table.monitor, table.patience, lambda net: SearcherTraining(net, table))]
    if second is not None:
        train, validation = ([case.paths for case in part] for part in (cases.train, cases.validation))
        stages.append(
            _Stage(
                SELF_CRITICAL,
                second.epochs,
                REWARD,
                table.patience,
                lambda net: SelfCriticalTraining(net, table, second, train=train, validation=validation),
            )
        )
    return stages


def _run_stage(
    stage: _Stage,
    network: CtSearcher,
    config: SearcherConfig,
    parts: tuple[PreparedCases, PreparedCases],
    run: RunFolder,
    resume: bool,
    device: str,
    workers: int,
    progress: Watcher | None,
    cancelled: Callable[[], bool] | None,
) -> TrainingResult:
    """Train one stage, or take up the weights of one that is finished; `network` then has its best weights."""
    table, folder = config.training, run.stage(stage.name)
    watch = Watch(stage.name, progress, cancelled)
    if not run.is_finished(stage.name):
        processes = table.nodes * (table.devices if isinstance(table.devices, int) else 1)
        batches = ceil(len(parts[0]) / (table.cases_per_batch * processes))
        trainer = make_trainer(
            table, folder, watch, epochs=stage.epochs, monitor=stage.monitor, patience=stage.patience,
            mode={**MONITORS, REWARD: "max"}[stage.monitor], batches=batches, device=device,
            whole_network=stage.name == SUPERVISED,
        )  # fmt: skip
        share: dict[str, Any] = {
            "cases_per_batch": table.cases_per_batch,
            "seed": table.seed,
            "rank": trainer.global_rank,
            "processes": trainer.world_size,
            "workers": workers,
            "pin_memory": trainer.accelerator.__class__.__name__ == "CUDAAccelerator",
        }
        train = loader(parts[0], paths_per_case=table.paths_per_case, **share)
        validation = loader(parts[1], paths_per_case=None, **share)
        checkpoint = folder / LAST if resume and (folder / LAST).is_file() else None
        if checkpoint is not None:
            run.checkpoint(stage.name, LAST)
        fit(trainer, stage.make(network), train, validation, checkpoint)
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


def _weights_of(folder: Path, settings: SearcherSettings) -> dict[str, torch.Tensor]:
    """Weights of a model that has the same architecture; only its dropout may differ."""
    start = load_searcher(folder)
    theirs, ours = start.network.settings.model_dump(), settings.model_dump()
    differ = [name for name in ours if name != "dropout" and theirs[name] != ours[name]]
    if differ:
        raise ModelError(
            f"is another network: {', '.join(f'{name} {theirs[name]}, not {ours[name]}' for name in differ)}"[:300],
            place=str(folder),
            remedy="give the configuration the same settings",
        )
    return dict(start.network.state_dict())
