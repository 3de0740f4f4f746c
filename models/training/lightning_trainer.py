"""Lightning's trainer as our runs need it: devices, curves, checkpoints, early stopping, quiet, safe to resume."""

from __future__ import annotations

import logging
import signal
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from lightning.pytorch.utilities.rank_zero import rank_zero_only

from models.errors import Cancelled, ModelError
from models.features.devices import Device, choose_device, memory_in_words
from models.training.result import TrainingState, Watcher
from models.training.table import RunTable

BEST, LAST = "best.ckpt", "last.ckpt"
LOG_EVERY = 20
"""Steps between rows of the training curves."""

NOISE = (
    ("does not have many workers", "cases are prepared beforehand, so that loading is no bottleneck"),
    (r"Checkpoint directory .* exists and is not empty", "a resumed run goes on there"),
    ("The dirpath has changed from", "a folder that was moved is resumed like any other"),
    (r"`isinstance\(treespec, LeafSpec\)` is deprecated", "torch speaks to Lightning"),
    ("does not have a deterministic implementation", "the fastest there is where no other exists"),
    ("Deterministic behavior was enabled with either", "as above, for matrix products"),
    ("GPU available but not used", "the user asked for the CPU"),
    ("The `srun` command is available on your system but is not used", "one process was asked for"),
    ("Grad strides do not match bucket view strides", "several processes: a hint on speed, no error"),
    (r"You are using a CUDA device .* that has Tensor Cores", "advice to a programmer"),
)
"""Third parties' warnings that a user can do nothing about, each with why it may be left out."""


class FiniteMonitor(Callback):
    """Ends a run whose monitored value has become no number; it comes before all that choose by this value."""

    def __init__(self, monitor: str) -> None:
        self.monitor = monitor

    def on_validation_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Looks at the value."""
        value = trainer.callback_metrics.get(self.monitor)
        if value is not None and not bool(torch.isfinite(value)):
            raise diverged(f"{self.monitor} is {value.item()} after epoch {trainer.current_epoch + 1}")


class SeededSteps(Callback):
    """Dropout and noise follow from seed, epoch and batch, so that a resumed run goes on as if never stopped."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def on_train_batch_start(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Seeds torch."""
        # Not by epoch: on resuming, Lightning opens its loaders once more, which takes a number from torch's.
        entropy = np.random.SeedSequence((self.seed, trainer.current_epoch, batch_idx, trainer.global_rank))
        torch.manual_seed(int(entropy.generate_state(1, np.uint64)[0]))


class Watch(Callback):
    """Tells how far the run is, keeps each epoch's validation values, and stops where the caller asks to."""

    def __init__(self, stage: str, watcher: Watcher | None, cancelled: Callable[[], bool] | None) -> None:
        self.stage, self.watcher, self.cancelled = stage, watcher, cancelled
        self.history: dict[int, dict[str, float]] = {}
        self.step_s: list[float] = []
        self._began = 0.0

    def state_dict(self) -> dict[str, Any]:
        """The validation values of every epoch."""
        return {"history": self.history}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """From a checkpoint."""
        self.history = state_dict["history"]

    def on_train_batch_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, *_: Any) -> None:
        """Stops between batches."""
        if self.cancelled is not None and self.cancelled():
            raise Cancelled(f"stopped in epoch {trainer.current_epoch + 1}; it can be resumed")
        self._began = time.perf_counter()

    def on_train_batch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, *_: Any) -> None:
        """Tells."""
        self.step_s.append(time.perf_counter() - self._began)
        if trainer.global_step % LOG_EVERY == 0 or trainer.is_last_batch:
            self._tell(trainer, validated=False)

    def on_validation_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Keeps and tells."""
        values = {name: float(value) for name, value in trainer.callback_metrics.items() if name.startswith("val/")}
        self.history[trainer.current_epoch] = values
        self._tell(trainer, validated=True)

    @property
    def median_step_s(self) -> float:
        """From a batch to the updated weights; NaN before the first step."""
        return float(np.median(self.step_s)) if self.step_s else float("nan")

    def _tell(self, trainer: lightning.Trainer, *, validated: bool) -> None:
        if self.watcher is None or not trainer.is_global_zero:
            return
        values = {name: float(value) for name, value in trainer.callback_metrics.items()}
        steps = int(trainer.estimated_stepping_batches)
        epochs = trainer.max_epochs or 0
        self.watcher(
            TrainingState(self.stage, trainer.current_epoch + 1, epochs, trainer.global_step, steps, values, validated)
        )


def device_options(table: RunTable, device: str = "auto") -> dict[str, Any]:
    """`accelerator`, `devices`, `num_nodes` and `strategy` for Lightning.

    Parameters
    ----------
    device
        ``auto``: as the table says; ``cpu``, ``cuda`` or ``cuda:N``: this one alone.

    Raises
    ------
    ModelError
        When a GPU is asked for and cannot be used.
    """
    if device != "auto":
        chosen = choose_device(device).torch_device
        one: list[int] | int = [chosen.index or 0] if chosen.type == "cuda" else 1
        return {"accelerator": chosen.type, "devices": one, "num_nodes": 1, "strategy": "auto"}
    accelerator = table.accelerator
    if accelerator == "auto":
        accelerator = "cuda" if choose_device("auto").is_gpu else "cpu"
    elif accelerator != "cpu":
        choose_device("cuda")
    devices = list(table.devices) if isinstance(table.devices, tuple) else table.devices
    return {"accelerator": accelerator, "devices": devices, "num_nodes": table.nodes, "strategy": table.strategy}


def first_device(table: RunTable, device: str = "auto") -> Device:
    """What a run's first process computes on.

    Raises
    ------
    ModelError
        As `device_options`.
    """
    options = device_options(table, device)
    if options["accelerator"] == "cpu":
        return choose_device("cpu")
    devices = options["devices"]
    return choose_device(f"cuda:{devices[0] if isinstance(devices, list) else 0}")


def make_trainer(
    table: RunTable,
    folder: Path,
    watch: Watch,
    *,
    epochs: int,
    monitor: str,
    mode: Literal["min", "max"],
    patience: int | None,
    batches: int,
    device: str = "auto",
    whole_network: bool = True,
    spread_cases: bool = False,
) -> lightning.Trainer:
    """A trainer that keeps the best and the last epoch.

    Parameters
    ----------
    folder
        For `BEST`, `LAST` and the curves, one folder of curves for every time the run was started.
    batches
        Per epoch.
    whole_network
        Whether every parameter takes part in every step.
    spread_cases
        Whether Lightning deals the cases to several processes; otherwise the loaders do.

    Raises
    ------
    ModelError
        When devices, strategy and precision do not go together here.
    """
    best = ModelCheckpoint(
        folder, Path(BEST).stem, monitor=monitor, mode=mode, save_top_k=1, enable_version_counter=False,
        save_on_train_epoch_end=False, auto_insert_metric_name=False,
    )  # fmt: skip
    last = ModelCheckpoint(
        folder, Path(LAST).stem, save_top_k=1, enable_version_counter=False, save_on_train_epoch_end=True,
        auto_insert_metric_name=False,
    )  # fmt: skip
    callbacks: list[Callback] = [FiniteMonitor(monitor), SeededSteps(table.seed), watch, best, last]
    if patience is not None:
        callbacks.append(EarlyStopping(monitor, mode=mode, patience=patience, check_on_train_epoch_end=False))
    start = 1 + sum(1 for _ in folder.glob("curves_*"))
    version = f"curves_{start}"
    loggers = [CSVLogger(folder, "", version), TensorBoardLogger(folder, "", version)]
    options = device_options(table, device)
    if not whole_network and options["strategy"] == "ddp":
        options["strategy"] = "ddp_find_unused_parameters_true"
    if options["accelerator"] == "cpu" and table.precision == "16-mixed":
        raise ModelError("16-mixed precision needs a GPU", remedy="use 32-true or bf16-mixed")
    try:
        trainer = lightning.Trainer(
            **options,
            precision=table.precision,
            max_epochs=epochs,
            gradient_clip_val=table.gradient_clip,
            deterministic="warn" if table.deterministic else None,
            callbacks=callbacks,
            logger=loggers,
            log_every_n_steps=max(1, min(LOG_EVERY, batches)),
            num_sanity_val_steps=0,
            use_distributed_sampler=spread_cases,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
    except (ValueError, RuntimeError, lightning.pytorch.utilities.exceptions.MisconfigurationException) as error:
        raise ModelError(
            f"cannot train on these devices: {' '.join(str(error).split())[:200]}",
            remedy="check accelerator, devices, nodes and strategy",
        ) from error
    return trainer


def fit(
    trainer: lightning.Trainer, module: lightning.LightningModule, train: Any, validation: Any, checkpoint: Path | None
) -> None:
    """Train, from a checkpoint where one is given; it is read without running any code in it.

    Raises
    ------
    Cancelled
        After Ctrl+C, or when the caller asked to stop; the run can be resumed from the epoch before.
    ModelError
        When the loss stops being a number, the checkpoint cannot be read, or a GPU has too little memory.
    """
    on_interrupt = signal.getsignal(signal.SIGINT)
    less = "lower how many cases training takes per batch, or take the device cpu"
    try:
        with memory_in_words(str(trainer.strategy.root_device), what="a batch of the training", remedy=less):
            trainer.fit(module, train, validation, ckpt_path=checkpoint, weights_only=True)
    except SystemExit as end:  # how Lightning ends a run on Ctrl+C
        if not isinstance(end.__context__, KeyboardInterrupt):
            raise
        signal.signal(signal.SIGINT, on_interrupt)
        raise Cancelled(f"stopped in epoch {trainer.current_epoch + 1}; it can be resumed") from end


def diverged(what: str) -> ModelError:
    """The error of a run whose loss is no number any more."""
    return ModelError(what, remedy="lower training.learning_rate, set training.gradient_clip, or use 32-true precision")


def is_first_process() -> bool:
    """Whether this process writes: the only one, or the first of several on all machines."""
    return int(rank_zero_only.rank) == 0  # type: ignore[attr-defined]


@contextmanager
def quiet_and_repeatable() -> Iterator[None]:
    """Lightning says nothing that is meant for programmers; torch's switches are afterwards as they were."""
    chatty = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric", "lightning")]
    levels = [logger.level for logger in chatty]
    deterministic = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    with warnings.catch_warnings():
        for message, _ in NOISE:
            warnings.filterwarnings("ignore", message=f".*{message}")
        for logger in chatty:
            logger.setLevel(logging.WARNING)
        try:
            yield
        finally:
            for logger, level in zip(chatty, levels, strict=True):
                logger.setLevel(level)
            torch.use_deterministic_algorithms(deterministic, warn_only=warn_only)
