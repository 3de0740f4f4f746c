"""A training run of CT-Scroll from labelled cases to a model folder, resumable at every epoch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import cast

import lightning
import numpy as np
import torch
from platformdirs import user_cache_path
from torch.utils.data import DataLoader, Dataset

from models.card import NOT_SAVED, Card
from models.ct_scroll.config import MONITORS, ScrollConfig, SimulatedSource
from models.ct_scroll.files import ARCHITECTURE, input_card, load_scroll
from models.ct_scroll.lightning_module import ScrollTraining
from models.ct_scroll.network import CtScroll
from models.ct_scroll.prepared import CellsOf, PreparedVolumes
from models.ct_scroll.settings import ScrollSettings
from models.ct_scroll.slice_stage import finding_cells, trained_trunk
from models.ct_scroll.trunk import load_imagenet
from models.datasets.checks import check_split
from models.datasets.labelled_case import LabelledCase
from models.datasets.making import counted_from
from models.datasets.splits import Split
from models.errors import Cancelled, ModelError
from models.metrics.classification import best_f1_threshold
from models.model_folder import check_same_settings, save_model
from models.pickled_tensors import read_tensors
from models.training.card import training_card
from models.training.lightning_trainer import LAST, first_device, is_first_process
from models.training.result import TrainingResult, Watcher
from models.training.run_folder import RunFolder
from models.training.sampling import ShuffledSampler
from models.training.single_run import train_network
from models.training.stages import SUPERVISED

Progress = Callable[[int, int], None]
Stop = Callable[[], bool]
Sample = tuple[np.ndarray, np.ndarray]

FREE_SETTINGS = ("projection_dropout", "attention_dropout", "classifier_dropout", "thresholds", "labels")
"""That a model may have otherwise and still be the start of another run; as many labels it must have."""
NO_POSITIVE = 0.5
"""Threshold of a label that no validation patient has; the card says so."""


def train_scroll(
    config: ScrollConfig,
    cases: Split[LabelledCase],
    out: Path,
    *,
    cache: Path | None = None,
    prepared: tuple[PreparedVolumes, PreparedVolumes] | None = None,
    trunk: Mapping[str, torch.Tensor] | None = None,
    resume: bool = False,
    initial: Path | None = None,
    device: str = "auto",
    preparing: Progress | None = None,
    progress: Watcher | None = None,
    cancelled: Stop | None = None,
) -> TrainingResult:
    """Train on the training part, choose epoch and thresholds on the validation part; the test part is never opened.

    Parameters
    ----------
    out
        New or empty; with `resume`, of a run that was interrupted.
    cache
        Folder for prepared volumes that are too many for memory; the configuration's own goes before it, one in the
        user's cache stands in for it.
    prepared
        Of the training and the validation part, where somebody prepared them before.
    trunk
        State dict of a trunk that went through the first stage before, of this configuration and seed.
    initial
        Model to start from, instead of the configuration's.
    device
        ``auto``: as configured; ``cpu``, ``cuda`` or ``cuda:N`` for this one alone.
    preparing
        Called with cases prepared and in all; then, where the configuration has a first stage of the trunk, with that
        stage's steps done and in all.
    progress
        Called every few steps.

    Raises
    ------
    ModelError
        When the folder holds something else, the split leaks, the first stage would replace the weights of `initial`,
        the loss diverges, or devices do not work.
    Cancelled
        After Ctrl+C or when asked; the folder can be resumed.
    """
    table, settings = config.training, config.model.settings
    check_split(cases)
    run = RunFolder(out)
    if is_first_process():
        run.check(config, cases, resume=resume)
    start = initial or table.initial
    if start is not None and config.slices is not None:
        raise ModelError(
            "the first stage of the trunk would replace the weights to start from",
            place=str(start),
            remedy="leave out the table slices of the configuration",
        )
    chosen = first_device(table, device)
    lightning.seed_everything(table.seed, verbose=False)
    network = CtScroll(settings)
    _begin(network, start, table.trunk)
    folder = config.data.cache or cache or user_cache_path("ctgaze") / "training"
    cells_of = finding_cells if config.slices is not None else None
    parts = prepared or _prepared(settings, cases, folder, cells_of, preparing, cancelled)
    train, validation = parts
    check_split(cases, {**train.volume_sha256, **validation.volume_sha256})
    first_stage = config.slices is not None and is_first_process()
    if trunk is None and first_stage and not (run.stage(SUPERVISED) / LAST).is_file():
        assert train.cells is not None
        assert config.slices is not None
        trunk, _ = trained_trunk(
            settings.trunk_width, train.inputs, train.cells, config.slices, seed=table.seed,
            device=str(chosen.torch_device), progress=preparing, cancelled=cancelled,
        )  # fmt: skip
    if trunk is not None:
        network.features.load_state_dict(dict(trunk))
    size = table.volumes_per_batch
    result = train_network(
        network,
        lambda: ScrollTraining(network, table),
        DataLoader(
            cast("Dataset[Sample]", train), size, sampler=ShuffledSampler(len(train), table.seed), collate_fn=_batch,
            # One volume alone may leave a batch of few images, whose statistics say little.
            drop_last=len(train) % size == 1 and len(train) > size,
        ),
        DataLoader(cast("Dataset[Sample]", validation), 1, collate_fn=_batch),
        config=config,
        split=cases,
        out=out,
        mode=MONITORS[table.monitor],
        resume=resume,
        device=device,
        progress=progress,
        cancelled=cancelled,
    )  # fmt: skip
    if is_first_process():
        probability = probabilities(network, validation)
        thresholds, unseen = chosen_thresholds(validation.truth, probability, settings.labels)
        final = settings.model_copy(update={"thresholds": thresholds})
        network.settings = final
        save_model(out, network, _card(config, cases, result, unseen), final)
    return result


def probabilities(network: CtScroll, volumes: PreparedVolumes) -> np.ndarray:
    """(cases, labels) of a network in evaluation mode, on its own device."""
    device = next(network.parameters()).device
    found = []
    with torch.inference_mode():
        for inputs, _ in volumes:
            given = torch.from_numpy(inputs.astype(np.float32))[None, None].to(device)
            found.append(network(given).sigmoid()[0].cpu().numpy())
    return np.stack(found)


def chosen_thresholds(
    truth: np.ndarray, probability: np.ndarray, labels: tuple[str, ...]
) -> tuple[tuple[float, ...], tuple[str, ...]]:
    """For each label that of the largest F1, and the labels that no case has: they get `NO_POSITIVE`."""
    best = [best_f1_threshold(truth[:, number], probability[:, number]) for number in range(len(labels))]
    unseen = tuple(label for label, value in zip(labels, best, strict=True) if np.isnan(value))
    return tuple(NO_POSITIVE if np.isnan(value) else value for value in best), unseen


def _begin(network: CtScroll, initial: Path | None, trunk: Path | None) -> None:
    """Weights to start with: a model's, else the trunk's of ImageNet, else drawn."""
    if initial is None:
        if trunk is not None:
            load_imagenet(network.features, read_tensors(trunk), place=str(trunk))
        return
    start = load_scroll(initial)
    theirs, ours = start.network.settings, network.settings
    same_count = len(theirs.labels) == len(ours.labels)
    free = [name for name in FREE_SETTINGS if name != "labels" or same_count]
    check_same_settings(theirs, ours, free, place=str(initial))
    network.load_state_dict(start.network.state_dict())


def _prepared(
    settings: ScrollSettings,
    cases: Split[LabelledCase],
    folder: Path,
    cells_of: CellsOf | None,
    preparing: Progress | None,
    cancelled: Stop | None,
) -> tuple[PreparedVolumes, PreparedVolumes]:
    count = len(cases.train) + len(cases.validation)
    found = []
    for part, before in ((cases.train, 0), (cases.validation, len(cases.train))):
        tell = counted_from(preparing, before, count)
        try:
            found.append(
                PreparedVolumes.of(
                    part, settings, folder=folder, cells_of=cells_of if not before else None, progress=tell,
                    cancelled=cancelled,
                )
            )  # fmt: skip
        except Cancelled as stop:
            raise Cancelled("stopped before the first epoch; it can be started again") from stop
    return found[0], found[1]


def _batch(samples: list[Sample]) -> tuple[torch.Tensor, torch.Tensor]:
    inputs, truth = zip(*samples, strict=True)
    return torch.from_numpy(np.stack(inputs)), torch.from_numpy(np.stack(truth))


def _card(config: ScrollConfig, cases: Split[LabelledCase], result: TrainingResult, unseen: tuple[str, ...]) -> Card:
    origins = Counter(case.origin for case in cases.train)
    counted = ", ".join(f"{count} {origin}" for origin, count in sorted(origins.items()))
    validated = ", ".join(f"{name} {value:.4g}" for name, value in sorted(result.figures.items()))
    lacking = (
        f" No validation patient has {', '.join(unseen)}: the threshold there is {NO_POSITIVE:g}." if unseen else ""
    )
    begun = "" if config.training.trunk is None else " The trunk began with weights learned on ImageNet."
    if config.slices is not None:
        begun = " The trunk first learnt, from the masks of the same volumes, where on their slices findings lie."
    seeds = [source.first_seed for source in config.data.source if isinstance(source, SimulatedSource)]
    return Card(
        name=config.model.name,
        version=config.model.version,
        task="classification",
        architecture=ARCHITECTURE,
        licence=config.model.licence,
        weights_sha256=NOT_SAVED,
        limits=config.model.limits,
        input=input_card(config.model.settings),
        training=training_card(
            config,
            cases,
            data=(
                f"Trained on {len(cases.train)} volumes ({counted}), split by patient.{begun} Epoch "
                f"{result.best_epoch} was the best on {len(cases.validation)} validation volumes ({validated}); "
                f"thresholds have the largest F1 there.{lacking}"
            ),
            seeds=(*seeds, config.data.split_seed, config.training.seed),
        ),
        settings={},
    )
