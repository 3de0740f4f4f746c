"""Chests small enough that a test of them takes milliseconds, and networks that fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from models.card import NOT_SAVED, Card, TrainingCard
from models.ct_scroll.files import input_card
from models.ct_scroll.network import CtScroll
from models.ct_scroll.settings import ScrollSettings
from models.datasets.labelled_case import LabelledCase
from models.model_folder import LoadedModel, save_model
from models.volumes import CtVolume

AXIAL = np.diag([8.0, 8.0, -6.0, 1.0])
"""Columns to the left, rows to the back, slices from head to feet."""
SHAPE_KJI = (30, 40, 44)
LABELS = ("nodule", "effusion")


def chest_hu(shape_kji: tuple[int, int, int] = SHAPE_KJI, *, noise: float = 8.0, seed: int = 1) -> np.ndarray:
    """A body with two lungs that narrow to the head, a heart on the left, and a dense liver below on the right."""
    k, j, i = np.meshgrid(*(np.linspace(-1, 1, size) for size in shape_kji), indexing="ij")
    hu = np.full(shape_kji, -1000.0)
    hu[(i / 0.9) ** 2 + (j / 0.8) ** 2 < 1] = 40
    width = 0.28 + 0.08 * k
    for side in (-0.42, 0.42):
        hu[((i - side) / width) ** 2 + (j / 0.5) ** 2 < 1] = -850
    hu[((i - 0.25) / 0.22) ** 2 + ((j + 0.2) / 0.25) ** 2 + ((k - 0.3) / 0.4) ** 2 < 1] = 60
    hu[(k > 0.75) & (i < 0) & ((i + 0.4) ** 2 + j**2 < 0.16)] = 110
    hu += np.random.default_rng(seed).normal(0, noise, shape_kji)
    return hu.round().astype(np.int16)


def chest(case: str = "c1", *, affine_lps: np.ndarray = AXIAL, **options: Any) -> CtVolume:
    """`chest_hu` with an affine."""
    return CtVolume(chest_hu(**options), affine_lps, case, f"patient of {case}")


def stored_otherwise(volume: CtVolume, order: tuple[int, int, int], against: tuple[bool, bool, bool]) -> CtVolume:
    """The same anatomy with axes k, j, i in another order, and some running the other way."""
    hu = volume.hu_kji.transpose(order)
    columns = [volume.affine_lps[:3, 2 - axis] for axis in order]
    origin = volume.affine_lps[:3, 3].copy()
    for place, turned in enumerate(against):
        if turned:
            origin += columns[place] * (hu.shape[place] - 1)
            columns[place] = -columns[place]
            hu = np.flip(hu, place)
    affine = np.eye(4)
    affine[:3, :3] = np.stack(columns[::-1], axis=1)
    affine[:3, 3] = origin
    return CtVolume(np.ascontiguousarray(hu), affine, volume.case, volume.patient)


def tiny_settings(**options: Any) -> ScrollSettings:
    """Six tokens of 24 x 24 mm voxels and two labels."""
    usual: dict[str, Any] = {
        "labels": LABELS, "input_shape_slp": (18, 32, 32), "spacing_slp_mm": (10.0, 11.0, 11.0), "trunk_width": 4,
        "embedding": 16, "windows": (2,), "heads": 2, "classifier_width": 8,
    }  # fmt: skip
    return ScrollSettings(**{**usual, **options})


def tiny_network(seed: int = 0, **options: Any) -> CtScroll:
    """In evaluation mode, with statistics as after training."""
    torch.manual_seed(seed)
    network = CtScroll(tiny_settings(**options))
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.normal_(module.running_mean, std=0.1)
            torch.nn.init.uniform_(module.running_var, 0.5, 1.5)
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.normal_(module.bias, std=0.1)
    return network.eval()


def tiny_card(settings: ScrollSettings) -> Card:
    """Of a model that nobody measured."""
    return Card(
        name="tiny", version="1.0", task="classification", architecture="ct_scroll", licence="none",
        weights_sha256=NOT_SAVED, limits=("A test.",), input=input_card(settings), training=TrainingCard(data="none"),
        settings={}, metrics_on="nothing",
    )  # fmt: skip


def saved_model(folder: Path, seed: int = 0, **options: Any) -> LoadedModel[CtScroll]:
    """A tiny network in a folder."""
    network = tiny_network(seed, **options)
    return save_model(folder, network, tiny_card(network.settings), network.settings)


def labelled(number: int, labels: dict[str, int] | None = None, *, part: Any = None) -> LabelledCase:
    """A case whose first label shows: what all its lungs are as dense as."""
    truth = labels if labels is not None else {"nodule": number % 2, "effusion": (number // 2) % 2}

    def load() -> CtVolume:
        hu = chest_hu(seed=number)
        if truth.get("nodule"):
            hu[8:22, 14:26, 8:14] = 30
        if truth.get("effusion"):
            hu[22:, 26:32] = 20
        return CtVolume(hu, AXIAL, f"c{number}", f"p{number}")

    return LabelledCase(f"c{number}", f"p{number}", "simulated", f"made chest {number}", truth, load, part)
