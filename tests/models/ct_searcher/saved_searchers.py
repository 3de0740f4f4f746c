"""A model folder with a tiny network in it, and a patient small enough to predict on in milliseconds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from models.card import NOT_SAVED, Card, InputCard, TrainingCard
from models.ct_searcher.files import LoadedSearcher, save_searcher
from models.ct_searcher.network import CtSearcher
from models.ct_searcher.settings import SearcherSettings
from models.volumes import CtVolume


def tiny_card(**changes: Any) -> Card:
    """Says everything that a card must say."""
    said: dict[str, Any] = {
        "name": "tiny", "version": "1.0", "task": "scanpath", "architecture": "ct_searcher", "licence": "Apache-2.0",
        "weights_sha256": NOT_SAVED, "limits": ("It knows nothing.",),
        "input": InputCard(orientation="canonical", hu_windows=((-1150.0, 350.0),), spacing="shares of the volume"),
        "training": TrainingCard(data="None: random weights."), "settings": {},
    }  # fmt: skip
    return Card(**{**said, **changes})


def features_card(features: str) -> Card:
    """Of a network that is given features."""
    said = InputCard(orientation="canonical", hu_windows=(), spacing="shares", features=features)  # type: ignore[arg-type]
    return tiny_card(input=said)


def saved_searcher(folder: Path, *, name: str = "tiny", seed: int = 0, **options: Any) -> LoadedSearcher:
    """Autoregressive with offsets and an encoder of its own, 4 x 2 x 3 cells, 12 steps, readers a and b."""
    torch.manual_seed(seed)
    settings = {
        "grid_kji": (4, 2, 3), "max_steps": 12, "width": 24, "heads": 2, "encoder_layers": 1, "decoder_layers": 1,
        "feed_forward": 24, "feature_channels": 8, "encoder": "small", "input_shape_kji": (8, 8, 12),
        "windows_hu": ((-1150.0, 350.0),), "autoregressive": True, "offsets": True, "readers": ("a", "b"),
    }  # fmt: skip
    return save_searcher(folder, CtSearcher(SearcherSettings(**{**settings, **options})), tiny_card(name=name))


def small_patient(*, slices: int = 16, rows: int = 40, columns: int = 48, air_slices: int = 0) -> CtVolume:
    """An elliptic body of 40 HU with two lungs of -850 HU, in the middle of air; the last slices may show air alone."""
    k, j, i = np.mgrid[0:slices, 0:rows, 0:columns]
    y, x = (j - rows / 2) / (0.3 * rows), (i - columns / 2) / (0.4 * columns)
    hu = np.full((slices, rows, columns), -1000, dtype=np.int16)
    hu[(x**2 + y**2 < 1) & (k < slices - air_slices)] = 40
    for side in (-0.45, 0.45):
        hu[(((x - side) / 0.3) ** 2 + (y / 0.6) ** 2 < 1) & (k > 2) & (k < slices - 2 - air_slices)] = -850
    affine = np.diag([2.0, 2.0, -5.0, 1.0])
    return CtVolume(hu, affine, "c1", "p1")


def in_ellipse(voxel_ijk: np.ndarray, rows: int = 40, columns: int = 48) -> np.ndarray:
    """(N,) whether places lie in that body, from its formula."""
    y = (voxel_ijk[:, 1] - rows / 2) / (0.3 * rows)
    x = (voxel_ijk[:, 0] - columns / 2) / (0.4 * columns)
    return np.asarray(x**2 + y**2 < 1)
