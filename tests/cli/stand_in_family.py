"""A small architecture in place of a real one: it remembers what it was asked, and its answers are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from pydantic import BaseModel
from torch import nn

from models.card import NOT_SAVED, Card, Figure, InputCard, MetricRow, TrainingCard
from models.datasets.labelled_case import LabelledCase
from models.datasets.splits import Split
from models.errors import ModelError
from models.evaluations import EvaluationTable, TableEvaluation
from models.model_folder import LoadedModel, load_model, save_model
from models.predictions import SegmentationPrediction
from models.training.recipes import parse_recipe
from models.training.result import TrainingResult, TrainingState
from models.training.table import NamedTable, RunConfig, RunTable, Table
from models.volumes import CtVolume, PictureVolume

RECIPE = b"""
[model]
name = "stand-in"
version = "1"
limits = ["a test"]
licence = "Apache-2.0"
[data]
[training]
epochs = 4
"""


class NoSettings(BaseModel):
    """Nothing to set."""


def card(values: Any = "hu", task: Any = "segmentation") -> Card:
    """Of a model of gaze segmentation."""
    return Card(
        name="stand-in", version="1", task=task, architecture="gaze_segmentation", licence="Apache-2.0",
        weights_sha256=NOT_SAVED, limits=("A test.",), settings={},
        input=InputCard(orientation="stored", hu_windows=(), spacing="any", values=values),
        training=TrainingCard(data="none"),
    )  # fmt: skip


def saved(folder: Path, **said: Any) -> LoadedModel[nn.Linear]:
    """A model on disk."""
    torch.manual_seed(0)
    return save_model(folder, nn.Linear(2, 1), card(**said), NoSettings())


@dataclass
class StandIn:
    """Functions of `models.families.Family`."""

    asked: dict[str, Any] = field(default_factory=dict)
    test_cases: int = 2
    fails: Exception | None = None
    PREDICT_OPTIONS: Mapping[str, str] = field(default_factory=lambda: {"threshold": "0 to 1", "level": "its name"})
    IMPORT_OPTIONS: Mapping[str, str] = field(default_factory=lambda: {"dataset": "kvasir or nci-isbi"})

    def load(self, folder: Path) -> LoadedModel[nn.Linear]:
        """From its folder."""
        return load_model(folder, "gaze_segmentation", lambda *_: nn.Linear(2, 1))

    def predict(
        self, model: LoadedModel[Any], volume: CtVolume | PictureVolume, *, options: Mapping[str, str], device: str,
        progress: Any, cancelled: Any = None,
    ) -> SegmentationPrediction:  # fmt: skip
        """A box in the second slice, or in the only one."""
        self.asked = {"volume": volume, "options": dict(options), "device": device}
        if self.fails is not None:
            raise self.fails
        progress(1, 1)
        probability = np.zeros(volume.shape_kji, dtype=np.uint8)
        probability[min(1, len(probability) - 1), 1:3, 1:5] = 255
        return SegmentationPrediction(
            case=volume.case, patient=volume.patient, shape_kji=volume.shape_kji, affine_lps=volume.affine_lps,
            model=model.card.name, version=model.card.version, model_sha256=model.sha256,
            volume_sha256=volume.digest(), device="cpu", seconds=0.5, parameters={"threads": 1}, structure="lesion",
            probability_kji=probability, seen_k=np.ones(len(probability), dtype=np.bool_),
        )  # fmt: skip

    def import_published(
        self, path: Path, folder: Path, *, name: str, version: str, options: Mapping[str, str]
    ) -> LoadedModel[nn.Linear]:
        """Any file becomes the same model."""
        self.asked = {"path": path, "options": dict(options)}
        made = card().model_copy(update={"name": name, "version": version})
        return save_model(folder, nn.Linear(2, 1), made, NoSettings())

    def read_recipe(self, name: str) -> RunConfig:
        """One that is known."""
        self.asked["recipe"] = name
        if name == "no_recipe":
            raise ModelError("there is no such file or recipe", place=name)
        return parse_recipe(RECIPE, RunConfig, place=name)

    def cases_of(self, config: RunConfig, *, cache: Path, workers: int, progress: Any) -> Split[LabelledCase]:
        """Empty volumes."""
        self.asked |= {"cache": cache, "workers": workers}
        progress(1, 1)
        cases = [LabelledCase(f"c{n}", f"c{n}", "simulated", "", {}, lambda: None) for n in range(4)]  # type: ignore[arg-type,return-value]
        return Split((cases[0],), (cases[1],), tuple(cases[2 : 2 + self.test_cases]))

    def train(self, config: RunConfig, cases: Split[Any], out: Path, **options: Any) -> TrainingResult:
        """Tells one epoch."""
        self.asked |= {"config": config, **options}
        if self.fails is not None:
            raise self.fails
        options["preparing"](1, 1)
        options["progress"](TrainingState("supervised", 1, 4, 3, 12, {"train/loss": 0.5, "val/dice": 0.25}, True))
        return TrainingResult(out, 1, "val/dice", {"val/dice": 0.25}, epochs=4, seconds=1.0, step_s=0.1)

    def evaluate(self, models: Sequence[Any], cases: Sequence[Any], **options: Any) -> TableEvaluation:
        """Two rows."""
        self.asked |= {"models": models, "cases": cases, **options}
        options["progress"](1, 1)
        rows = {
            "stand-in": MetricRow(role="candidate", measures={"Dice": Figure(value=0.5, low=0.25, high=0.75)}),
            "empty mask": MetricRow(role="floor", measures={"Dice": Figure(value=0.0), "voxels": Figure(value=1234.5)}),
        }
        table = EvaluationTable("Overlap with the true mask", ("Dice", "voxels"), rows)
        return TableEvaluation("2 cases of 2 patients", (table,), ("This proves the code, not radiology.",))


def configuration(**training: Any) -> RunConfig:
    """As the recipe, changed."""
    model = NamedTable(name="stand-in", version="1", limits=("a test",), licence="Apache-2.0")
    return RunConfig(model=model, data=Table(), training=RunTable(**{"epochs": 4, **training}))


def module_for(family: StandIn) -> Any:
    """In place of `importlib.import_module` in `models.families`."""
    return lambda name: SimpleNamespace(
        **{each: getattr(family, each) for each in dir(family) if not each.startswith("_")}
    )
