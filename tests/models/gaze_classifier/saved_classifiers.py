"""Networks, pictures and gaze small enough that a test of them takes milliseconds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from models.card import NOT_SAVED, Card, InputCard, TrainingCard
from models.datasets.picture_case import PictureGaze
from models.gaze_classifier.files import Classifier, LoadedClassifier, make_network, save_classifier
from models.gaze_classifier.settings import GazeClassifierSettings
from models.volumes import PictureVolume

LABELS = ("Normal", "CHF", "pneumonia")


def tiny_settings(kind: str, **options: Any) -> GazeClassifierSettings:
    """32 pixels, a few channels."""
    said: dict[str, Any] = {
        "kind": kind, "labels": LABELS, "size_px": 32, "channels": 4, "hidden": 8, "embedding": 6, "encoder": "small",
        "encoder_channels": (4, 6, 8), "decoder_channels": (8, 6, 4), "most_frames": 8,
    }  # fmt: skip
    return GazeClassifierSettings(**{**said, **options})


def tiny_network(kind: str, *, seed: int = 0, **options: Any) -> Classifier:
    """With random weights, in evaluation mode."""
    torch.manual_seed(seed)
    return make_network(tiny_settings(kind, **options)).eval()


def tiny_card(settings: GazeClassifierSettings, **changes: Any) -> Card:
    """Says everything that a card must say."""
    said: dict[str, Any] = {
        "name": "tiny", "version": "1.0", "task": settings.task, "architecture": "gaze_classifier",
        "licence": "Apache-2.0", "weights_sha256": NOT_SAVED, "limits": ("It knows nothing.",),
        "input": InputCard(orientation="as shown", hu_windows=(), spacing="stretched to a square", values="grey"),
        "training": TrainingCard(data="None: random weights."), "settings": {},
    }  # fmt: skip
    return Card(**{**said, **changes})


def saved_classifier(folder: Path, kind: str, *, seed: int = 0, name: str = "tiny", **options: Any) -> LoadedClassifier:
    """A model folder with random weights."""
    network = tiny_network(kind, seed=seed, **options)
    return save_classifier(folder, network, tiny_card(network.settings, name=name))


def radiograph(rows: int = 50, columns: int = 40, *, scale: float = 1.0, case: str = "x1") -> PictureVolume:
    """Two dark lungs on a brighter body, with a few bright pixels."""
    j, i = np.mgrid[0:rows, 0:columns]
    values = np.full((rows, columns), 800.0)
    for side in (0.3, 0.7):
        values[((i / columns - side) / 0.15) ** 2 + ((j / rows - 0.5) / 0.35) ** 2 < 1] = 200.0
    values[rows // 3, columns // 3] = 1000.0
    return PictureVolume((values * scale)[None].astype(np.float32), case=case)


def gaze_at(*points: tuple[float, float], duration_s: float = 0.2) -> PictureGaze:
    """One fixation a point, equally long."""
    count = len(points)
    return PictureGaze(
        np.array(points, dtype=float).reshape(-1, 2),
        np.full(count, duration_s),
        0.3 * np.arange(count, dtype=np.float64),
    )
