"""Tiny segmentation networks in folders, and pictures for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from models.card import NOT_SAVED, Card, InputCard, TrainingCard
from models.gaze_segmentation.network import GazeSegmenter
from models.gaze_segmentation.settings import SegmentationSettings
from models.model_folder import LoadedModel, save_model


def tiny_settings(**changes: Any) -> SegmentationSettings:
    """Two levels of a few channels for CT."""
    said: dict[str, Any] = {
        "structure": "opacity", "values": "hu", "window_hu": (-1000.0, 200.0), "normalisation": "window",
        "input_rows_columns_px": (32, 32), "spacing_mm": None, "features": (4, 4, 4, 4, 4, 4), "feature_channels": 4,
        "groups": 2,
    }  # fmt: skip
    return SegmentationSettings(**{**said, **changes})


def tiny_colour_settings(**changes: Any) -> SegmentationSettings:
    """The same for photographs."""
    return tiny_settings(**{"values": "rgb", "window_hu": None, "normalisation": "imagenet", **changes})


def tiny_grey_settings(**changes: Any) -> SegmentationSettings:
    """The same for MR."""
    return tiny_settings(**{"values": "grey", "window_hu": None, "normalisation": "z-score", **changes})


def saved_segmenter(
    folder: Path, settings: SegmentationSettings | None = None, *, name: str = "tiny", seed: int = 0
) -> LoadedModel[GazeSegmenter]:
    """A random network in a folder."""
    settings = settings or tiny_settings()
    torch.manual_seed(seed)
    windows = () if settings.window_hu is None else (settings.window_hu,)
    card = Card(
        name=name, version="1.0", task="segmentation", architecture="gaze_segmentation", licence="Apache-2.0",
        weights_sha256=NOT_SAVED, limits=("It knows nothing.",),
        input=InputCard(orientation="canonical", hu_windows=windows, spacing="any", values=settings.values),
        training=TrainingCard(data="None: random weights."), settings={},
    )  # fmt: skip
    return save_model(folder, GazeSegmenter(settings), card, settings)
