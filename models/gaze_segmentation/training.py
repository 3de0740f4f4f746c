"""A training run of gaze-supervised segmentation: from cases to a model folder, resumable at every epoch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import torch
from torch.utils.data import DataLoader

from models.datasets.picture_case import PictureCase
from models.datasets.splits import Split
from models.errors import Cancelled, ModelError
from models.gaze_segmentation.config import SegmentationConfig
from models.gaze_segmentation.lightning_module import SegmentationTraining
from models.gaze_segmentation.network import GazeSegmenter
from models.gaze_segmentation.settings import SegmentationSettings
from models.gaze_segmentation.training_card import card_of
from models.gaze_segmentation.training_pictures import Item, Learnt, SegmentationPictures, looked_at
from models.model_folder import check_same_settings, save_model
from models.training.lightning_trainer import is_first_process
from models.training.result import TrainingResult, Watcher
from models.training.run_folder import RunFolder
from models.training.sampling import ShuffledSampler
from models.training.single_run import train_network


def train(
    config: SegmentationConfig,
    cases: Split[PictureCase],
    out: Path,
    *,
    cache: Path | None = None,
    resume: bool = False,
    start: GazeSegmenter | None = None,
    start_place: str = "",
    device: str = "auto",
    preparing: Callable[[int, int], None] | None = None,
    progress: Watcher | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> TrainingResult:
    """Train on the training part, choose the best epoch on the validation part; the test part is never opened.

    From gaze, no mask of the training part is opened, and one of the validation part only to choose the epoch by Dice.
    Pictures that nobody looked at are left out and counted on the card.

    Parameters
    ----------
    cache
        Folder that keeps pseudo-mask maps; the configuration's own goes before it.
    start, start_place
        Network to begin from, and where it was read, for messages.

    Raises
    ------
    ModelError
        A part without usable pictures, pictures that do not fit the network, and as `train_network`.
    Cancelled
        After Ctrl+C or when asked; the folder can be resumed.
    """
    settings, table = config.model.settings, config.training
    monitor = _monitor(config, cases.validation)
    config = config.model_copy(update={"training": table.model_copy(update={"monitor": monitor})})
    if is_first_process():
        RunFolder(out).check(config, cases, resume=resume)
    if start is not None:
        _check_same(start, settings, start_place)
    gaze = settings.mode == "gaze"
    folder = config.data.cache or cache
    learnt = Learnt(
        config.data.pseudo_masks.settings(settings.thresholds) if gaze else None,
        None if folder is None else folder / "maps",
    )
    sampler = ShuffledSampler(0, table.seed)
    train_cases, left_out = _usable(cases.train, "training", gaze=gaze, masks=not gaze)
    sampler.count = len(train_cases)
    training = SegmentationPictures(
        train_cases, settings, learnt, with_masks=False, part_of=lambda: sampler.epoch, seed=table.seed
    )
    by_dice = monitor == "val/dice"
    shown, _ = _usable(cases.validation, "validation", gaze=gaze and not by_dice, masks=by_dice or not gaze)
    mapped = not gaze or all(looked_at(case) for case in shown)
    validation = SegmentationPictures(shown, settings, learnt, with_masks=by_dice)
    sides = _prepared((training, validation), preparing, cancelled)
    torch.manual_seed(table.seed)
    network = GazeSegmenter(settings)
    if start is not None:
        network.load_state_dict(start.state_dict())
    one_size = len(sides) == 1
    result = train_network(
        network,
        lambda: SegmentationTraining(network, table, mapped=mapped),
        DataLoader(training, table.pictures_per_batch, sampler=sampler),
        DataLoader(validation, table.pictures_per_batch if one_size else 1),
        config=config,
        split=cases,
        out=out,
        mode="max" if by_dice else "min",
        resume=resume,
        device=device,
        progress=progress,
        cancelled=cancelled,
    )
    if is_first_process():
        save_model(out, network, card_of(config, cases, result, left_out=left_out), settings)
    return result


def _monitor(config: SegmentationConfig, validation: Sequence[PictureCase]) -> Literal["val/dice", "val/loss"]:
    said = config.training.monitor
    masks = bool(validation) and all(case.load_mask is not None for case in validation)
    if said == "val/dice" and not masks:
        raise ModelError(
            "val/dice needs a mask of every validation picture",
            place="training.monitor",
            remedy="use auto, or val/loss",
        )
    if said == "auto":
        return "val/dice" if masks else "val/loss"
    return said


def _usable(cases: Sequence[PictureCase], part: str, *, gaze: bool, masks: bool) -> tuple[list[PictureCase], int]:
    """Cases that have what is needed, and how many have not."""
    found = [case for case in cases if (not gaze or looked_at(case)) and (not masks or case.load_mask is not None)]
    if not found:
        what = "a fixation" if gaze else "a mask"
        raise ModelError(f"no picture of the {part} part has {what}", remedy="check the sources of the configuration")
    return found, len(cases) - len(found)


def _prepared(
    parts: tuple[SegmentationPictures, SegmentationPictures],
    preparing: Callable[[int, int], None] | None,
    cancelled: Callable[[], bool] | None,
) -> set[tuple[int, ...]]:
    """Every picture once, so that faults show before the first epoch; sizes of the validation pictures."""
    sizes: set[tuple[int, ...]] = set()
    total, done = sum(len(part) for part in parts), 0
    for part in parts:
        for number in range(len(part)):
            if cancelled is not None and cancelled():
                raise Cancelled("stopped before the first epoch")
            item: Item = part[number]
            if part is parts[1]:
                sizes.add(tuple(item[0].shape))
            done += 1
            if preparing is not None:
                preparing(done, total)
    return sizes


def _check_same(start: GazeSegmenter, ours: SegmentationSettings, place: str) -> None:
    """Refuse a network to start from of other sizes; what it learnt may have been something else."""
    theirs = start.settings
    sizes = {"features", "feature_channels", "groups"}
    sizes |= {"values"} if theirs.channels != ours.channels else set()
    sizes |= {"thresholds"} if theirs.levels != ours.levels else set()
    check_same_settings(theirs, ours, set(type(ours).model_fields) - sizes, place=place or "the model to start from")
