"""What a training run of a gaze classifier is: one TOML file that names the network, its cases, and how it learns.

The defaults of the schedule are those of the temporal experiment (reference: chest X-ray study, C9).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from models.gaze_classifier.settings import GazeClassifierSettings
from models.training.recipes import read_recipe
from models.training.table import NamedTable, Positive, RunConfig, RunTable, Share, Table

MONITORS: dict[str, Literal["min", "max"]] = {
    "val/loss": "min",
    "val/findings": "min",
    "val/map": "min",
    "val/auroc": "max",
}
"""What early stopping and the choice of the best epoch can go by, and which way is better."""


class SimulatedSource(Table):
    """Made radiographs of made patients with a simulated reader's gaze; the seeds' bands say which part they are for.

    Attributes
    ----------
    count, first_seed
        Patients `first_seed` to `first_seed + count - 1`.
    """

    kind: Literal["simulated"]
    count: int = Field(ge=1, le=1_000_000)
    first_seed: int = Field(default=0, ge=0)


class EgdSource(Table):
    """The chest X-ray study's tables and the radiographs that they name.

    Attributes
    ----------
    folder
        With master_sheet.csv and fixations.csv.
    pictures
        Folder of the radiographs, DICOM or PNG, by the sheet's path or by ``dicom_id``.
    options
        What the tables do not say themselves, as for `ctgaze import --format egd`.
    """

    kind: Literal["egd"]
    folder: Path
    pictures: Path
    options: dict[str, str] = Field(default_factory=dict)


Source = Annotated[SimulatedSource | EgdSource, Field(discriminator="kind")]


class DataTable(Table):
    """Which cases, and how they are split by patient into training, validation and test part.

    Attributes
    ----------
    split
        ``patient``: dealt by `shares`. ``declared``: what the source says, validation cut out of its training part.
    shares
        Of patients; only the first two parts are ever opened by the training.
    cache
        Folder for patients once made; by default one in the user's cache.
    """

    source: tuple[Source, ...] = Field(min_length=1)
    split: Literal["patient", "declared"] = "patient"
    split_seed: int = Field(default=1, ge=0)
    shares: tuple[Share, Share, Share] = (0.8, 0.1, 0.1)
    cache: Path | None = None

    @model_validator(mode="after")
    def _whole(self) -> DataTable:
        if abs(sum(self.shares) - 1) > 1e-6 or min(self.shares[:2]) <= 0:
            raise ValueError(f"shares {self.shares} must add up to 1, with some for training and validation")
        return self


class AugmentationTable(Table):
    """Changes of pictures while training, the same of picture and gaze. There is no flip: left and right differ.

    Attributes
    ----------
    shift
        Largest shift across and down, as a share of the side.
    scale
        Largest change of size: 0.1 for 0.9 to 1.1.
    contrast
        Largest change of contrast and brightness, as a share of the range.
    noise
        Standard deviation of each pixel, as a share of the range.
    """

    shift: float = Field(default=0.0, ge=0, le=0.5)
    scale: float = Field(default=0.0, ge=0, le=0.5)
    contrast: float = Field(default=0.0, ge=0, le=0.5)
    noise: float = Field(default=0.0, ge=0, le=0.5)


class TrainingTable(RunTable):
    """How the network learns (Adam).

    Attributes
    ----------
    schedule
        Of the learning rate from epoch to epoch: ``cyclic`` is the published triangle, from `cycle_floor` times the
        rate up to the rate in `cycle_epochs` and down again, its height halved with every cycle.
    classification_share
        Of the loss, g: the findings' part is g, the gaze map's 1 - g. At 1 the map is not learned.
    gradient_clip_value
        Largest value of any element of the gradient; None for no clipping.
    gaze_dropout
        Share of training readings that the temporal network is not shown, so that it can go by the picture alone.
    borrowed_gaze
        A control: every picture gets the gaze on another patient's picture, in training and validation alike.
    """

    epochs: int = Field(default=20, ge=1, le=100_000)
    cases_per_batch: int = Field(default=16, ge=2)
    learning_rate: Positive = 1e-3
    schedule: Literal["cyclic", "cosine", "constant"] = "cyclic"
    cycle_epochs: int = Field(default=5, ge=1)
    cycle_floor: Share = 0.001
    monitors = MONITORS
    monitor: str = "val/auroc"
    classification_share: Share = 1.0
    gradient_clip_value: Positive | None = None
    gaze_dropout: float = Field(default=0.0, ge=0, lt=1)
    borrowed_gaze: bool = False
    augmentation: AugmentationTable = AugmentationTable()


class ModelTable(NamedTable):
    """What the trained model is called, what its card says of it, and its network."""

    settings: GazeClassifierSettings


class ClassifierConfig(RunConfig):
    """One training run."""

    model: ModelTable
    data: DataTable
    training: TrainingTable = TrainingTable()

    @model_validator(mode="after")
    def _fits(self) -> ClassifierConfig:
        settings, training = self.model.settings, self.training
        if settings.kind != "static" and (training.classification_share != 1 or training.monitor == "val/map"):
            raise ValueError('training.classification_share and val/map are for kind = "static", which predicts a map')
        if settings.kind == "static" and training.classification_share == 1 and training.monitor == "val/map":
            raise ValueError("training.monitor val/map, with a map that is not learned")
        if settings.kind != "temporal" and (training.gaze_dropout or training.borrowed_gaze):
            raise ValueError('training.gaze_dropout and borrowed_gaze are for kind = "temporal", which is shown gaze')
        if (training.gaze_dropout > 0) != (settings.without_gaze == "image_only"):
            raise ValueError('training.gaze_dropout and without_gaze = "image_only" go together')
        if settings.thresholds:
            raise ValueError("model.settings.thresholds are chosen by the training")
        return self


def read_config(name: str) -> ClassifierConfig:
    """The configuration of a file or of a shipped recipe; raises `ModelError` as `models.training.recipes`."""
    return read_recipe(name, ClassifierConfig, architecture="gaze_classifier")
