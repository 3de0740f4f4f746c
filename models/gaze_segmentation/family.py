"""Gaze-supervised segmentation as one of the architectures (`models.families.Family`)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import cast

from platformdirs import user_cache_path

from models.card import Card
from models.datasets.picture_case import PictureCase
from models.datasets.splits import Split
from models.errors import ModelError
from models.gaze_segmentation import training
from models.gaze_segmentation.config import SegmentationConfig
from models.gaze_segmentation.evaluation import evaluate
from models.gaze_segmentation.network import GazeSegmenter
from models.gaze_segmentation.prediction import Average, predict_segmentation
from models.gaze_segmentation.published import ARCHITECTURE, IMPORT_OPTIONS, import_published
from models.gaze_segmentation.settings import SegmentationSettings
from models.gaze_segmentation.sources import cases_of
from models.model_folder import LoadedModel, built, load_model, settings_of
from models.predictions import SegmentationPrediction
from models.training import recipes
from models.training.result import TrainingResult, Watcher
from models.volumes import CtVolume, PictureVolume

__all__ = [
    "IMPORT_OPTIONS",
    "PREDICT_OPTIONS",
    "cases_of",
    "evaluate",
    "import_published",
    "load",
    "predict",
    "read_recipe",
    "train",
]

PREDICT_OPTIONS: Mapping[str, str] = MappingProxyType(
    {
        "slices": "first-last stored slice, from 0 (all)",
        "average": "of the levels: probabilities or logits (probabilities; logits for published weights)",
        "threshold": "from which probability on a voxel belongs to the structure (0.5)",
    }
)


def load(folder: Path) -> LoadedModel[GazeSegmenter]:
    """The model of a folder; raises `ModelError` as `models.model_folder.load_model`."""
    return load_model(folder, ARCHITECTURE, _network_of)


def predict(
    model: LoadedModel[GazeSegmenter],
    volume: CtVolume | PictureVolume,
    *,
    options: Mapping[str, str],
    device: str = "auto",
    progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> SegmentationPrediction:
    """Where the structure is (`predict_segmentation`), with options as texts."""
    unknown = sorted(set(options) - set(PREDICT_OPTIONS))
    if unknown:
        raise ModelError(f"there is no option {unknown[0][:60]!r}", remedy=f"options: {', '.join(PREDICT_OPTIONS)}")
    return predict_segmentation(
        model,
        volume,
        slices=_range(options.get("slices", "")),
        average=_average(options.get("average", "")),
        threshold=_threshold(options.get("threshold", "0.5")),
        device=device,
        progress=progress,
        cancelled=cancelled,
    )


def read_recipe(name: str) -> SegmentationConfig:
    """The configuration of a file or of a shipped recipe; raises `ModelError` as `models.training.recipes`."""
    return recipes.read_recipe(name, SegmentationConfig, architecture=ARCHITECTURE)


def train(
    config: SegmentationConfig,
    cases: Split[PictureCase],
    out: Path,
    *,
    resume: bool = False,
    initial: Path | None = None,
    device: str = "auto",
    preparing: Callable[[int, int], None] | None = None,
    progress: Watcher | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> TrainingResult:
    """Train (`models.gaze_segmentation.training.train`); pseudo-mask maps are kept in the configuration's cache, or in
    the user's."""
    begin = initial or config.training.initial
    return training.train(
        config,
        cases,
        out,
        cache=user_cache_path("ctgaze") / "training",
        resume=resume,
        start=None if begin is None else load(begin).network,
        start_place="" if begin is None else str(begin),
        device=device,
        preparing=preparing,
        progress=progress,
        cancelled=cancelled,
    )


def _network_of(card: Card, place: str) -> GazeSegmenter:
    settings = settings_of(card, SegmentationSettings, place=place, optional=("window_hu", "region", "spacing_mm"))
    if card.task != "segmentation" or card.input.values != settings.values:
        raise ModelError(
            f"is a card for {card.task} of {card.input.values}, and its settings for segmentation of {settings.values}",
            place=place,
            remedy="correct the card",
        )
    return built(lambda: GazeSegmenter(settings), place)


def _range(text: str) -> tuple[int, int] | None:
    if not text:
        return None
    match = re.fullmatch(r"(\d{1,6})(?:-(\d{1,6}))?", text.strip())
    if match is None:
        raise ModelError(f"slices {text[:60]!r}", remedy="write them as 10-40, from 0")
    return int(match[1]), int(match[2] or match[1])


def _average(text: str) -> Average | None:
    if text not in ("", "probabilities", "logits"):
        raise ModelError(f"average {text[:60]!r}", remedy="probabilities or logits")
    return cast("Average", text) if text else None


def _threshold(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise ModelError(f"threshold {text[:60]!r}", remedy="write a number such as 0.5") from error
