"""A training run from cases to a model folder, resumable at every epoch."""

from __future__ import annotations

from pathlib import Path

import torch

from models.datasets.making import counted_from
from models.datasets.picture_case import PictureCase
from models.datasets.splits import Split
from models.errors import ModelError
from models.families import Progress, Stop
from models.gaze_classifier.batches import loader
from models.gaze_classifier.config import MONITORS, ClassifierConfig
from models.gaze_classifier.files import Classifier, load_classifier, make_network, save_classifier
from models.gaze_classifier.inference import probabilities_of
from models.gaze_classifier.lightning_module import ClassifierTraining
from models.gaze_classifier.prepared_pictures import PreparedPicture, prepare, truth_of, with_borrowed_gaze
from models.gaze_classifier.settings import GazeClassifierSettings
from models.gaze_classifier.training_card import card_of
from models.metrics.classification import best_f1_threshold
from models.model_folder import check_same_settings
from models.training.lightning_trainer import is_first_process
from models.training.result import TrainingResult, Watcher
from models.training.run_folder import RunFolder
from models.training.single_run import train_network


def train(
    config: ClassifierConfig,
    cases: Split[PictureCase],
    out: Path,
    *,
    resume: bool = False,
    initial: Path | None = None,
    device: str = "auto",
    preparing: Progress | None = None,
    progress: Watcher | None = None,
    cancelled: Stop | None = None,
) -> TrainingResult:
    """Train on the training part; best epoch and thresholds by the validation part; the test part is never opened.

    Parameters
    ----------
    out
        New or empty; with `resume`, of a run that was interrupted.
    initial
        Model of the same settings to start from, instead of the configuration's.
    preparing
        Called with cases prepared and in all.

    Raises
    ------
    ModelError
        Cases that do not fit the network, a part without a finding or without its absence, and as
        `models.training.single_run.train_network`.
    Cancelled
        After Ctrl+C or when asked; the folder can be resumed.
    """
    settings, table = config.model.settings, config.training
    if is_first_process():
        RunFolder(out).check(config, cases, resume=resume)
    parts = _prepared(config, cases, preparing, cancelled)
    torch.manual_seed(table.seed)
    network = make_network(settings)
    start = initial or table.initial
    if start is not None:
        network.load_state_dict(_weights_of(start, settings))
    result = train_network(
        network,
        lambda: ClassifierTraining(network, table),
        loader(parts[0], settings, cases_per_batch=table.cases_per_batch, shuffle_seed=table.seed),
        loader(parts[1], settings, cases_per_batch=table.cases_per_batch),
        config=config,
        split=cases,
        out=out,
        mode=MONITORS[table.monitor],
        resume=resume,
        device=device,
        progress=progress,
        cancelled=cancelled,
    )
    if is_first_process():
        network.settings = settings.model_copy(update={"thresholds": chosen_thresholds(network, parts[1])})
        card = card_of(config, cases, best_epoch=result.best_epoch, figures=result.figures)
        save_classifier(out, network, card)
    return result


def chosen_thresholds(network: Classifier, validation: list[PreparedPicture]) -> tuple[float, ...]:
    """From which probability on each label counts as found, so that F1 is best on the validation part."""
    truth, scores = truth_of(validation), probabilities_of(network, validation)
    return tuple(best_f1_threshold(truth[:, label], scores[:, label]) for label in range(truth.shape[1]))


def _prepared(
    config: ClassifierConfig, cases: Split[PictureCase], preparing: Progress | None, cancelled: Stop | None
) -> list[list[PreparedPicture]]:
    """Training and validation part."""
    settings, table = config.model.settings, config.training
    count = len(cases.train) + len(cases.validation)
    parts = []
    for name, part, before in (("training", cases.train, 0), ("validation", cases.validation, len(cases.train))):
        tell = counted_from(preparing, before, count)
        pictures = prepare(part, settings, progress=tell, cancelled=cancelled)
        _check_labels(name, pictures, settings)
        parts.append(with_borrowed_gaze(pictures, table.seed) if table.borrowed_gaze else pictures)
    if settings.kind == "static" and table.classification_share < 1:
        for name, pictures in zip(("training", "validation"), parts, strict=True):
            if all(one.fixations is None for one in pictures):
                raise ModelError(
                    f"nobody looked at a picture of the {name} part, and the gaze map is to be learned",
                    remedy="name a source with gaze, or set training.classification_share to 1",
                )
    return parts


def _check_labels(name: str, pictures: list[PreparedPicture], settings: GazeClassifierSettings) -> None:
    if not pictures:
        raise ModelError(f"the {name} part has no case", remedy="add cases or change the shares")
    means = truth_of(pictures).mean(axis=0)
    for label, mean in zip(settings.labels, means, strict=True):
        if not 0 < mean < 1:
            which = "no" if mean == 0 else "every"
            raise ModelError(
                f"{which} picture of the {name} part has {label}",
                remedy="add cases, deal them by another split_seed, or leave this label out",
            )


def _weights_of(folder: Path, settings: GazeClassifierSettings) -> dict[str, torch.Tensor]:
    start = load_classifier(folder)
    check_same_settings(start.network.settings, settings, ("dropout", "thresholds"), place=str(folder))
    return dict(start.network.state_dict())
