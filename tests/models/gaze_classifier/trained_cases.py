"""Pictures whose label is seen at a glance, and a run on them that takes a second."""

from __future__ import annotations

from typing import Any

import numpy as np

from models.datasets.case import Part
from models.datasets.picture_case import PictureCase, PictureGaze
from models.datasets.splits import Split
from models.gaze_classifier.config import ClassifierConfig, DataTable, ModelTable, SimulatedSource, TrainingTable
from models.volumes import PictureVolume
from tests.models.gaze_classifier.saved_classifiers import tiny_settings

SIDES = ("left", "right")


def spotted_case(seed: int, *, part: Part = "train", gaze: bool = True, size: int = 40) -> PictureCase:
    """A small bright spot on the left or a large one on the right, in noise, and three fixations on it."""
    rng = np.random.default_rng(seed)
    side = seed % 2
    x, y = 0.25 + 0.5 * side, rng.uniform(0.3, 0.7)
    j, i = np.mgrid[0:size, 0:size] / size
    values = rng.normal(0, 0.1, (size, size)) + np.exp(-((i - x) ** 2 + (j - y) ** 2) / (0.004, 0.04)[side])
    code = f"s{seed:04d}"
    points = np.array([x, y]) + rng.normal(0, 0.02, (3, 2))
    return PictureCase(
        case=code,
        patient=code,
        origin="simulated",
        place=f"spot {seed}",
        load=lambda: PictureVolume(values[None].astype(np.float32), case=code),
        gaze=PictureGaze(points, np.full(3, 0.2), np.array([0.0, 0.3, 0.6]), "r1") if gaze else None,
        labels={name: int(number == side) for number, name in enumerate(SIDES)},
        declared_part=part,
    )


def spotted_split(train: int = 32, validation: int = 8, test: int = 8, **options: Any) -> Split[PictureCase]:
    """Cases of three bands of seeds."""
    return Split(
        tuple(spotted_case(seed, **options) for seed in range(train)),
        tuple(spotted_case(seed, part="validation", **options) for seed in range(1000, 1000 + validation)),
        tuple(spotted_case(seed, part="test", **options) for seed in range(2000, 2000 + test)),
        seed=1,
    )


def tiny_config(kind: str, *, settings: dict[str, Any] | None = None, **training: Any) -> ClassifierConfig:
    """Four epochs on the CPU."""
    said = {"epochs": 4, "cases_per_batch": 8, "schedule": "constant", "learning_rate": 0.01, "accelerator": "cpu"}
    return ClassifierConfig(
        model=ModelTable(
            name="tiny", version="1.0", limits=("It knows spots.",), licence="Apache-2.0",
            settings=tiny_settings(kind, **{"labels": SIDES, **(settings or {})}),
        ),
        data=DataTable(source=(SimulatedSource(kind="simulated", count=32),)),
        training=TrainingTable(**{**said, **training}),
    )  # fmt: skip
