"""What a training run of CT-Scroll is: one TOML file that names the network, its cases, and how it learns.

The publication gives the loss alone (reference: CT-Scroll, A5); every other default here is ours.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from models.ct_scroll.settings import ScrollSettings
from models.training.table import NamedTable, Positive, RunConfig, RunTable, Share, Table

MONITORS: dict[str, Literal["min", "max"]] = {"val/auroc": "max", "val/loss": "min"}
"""What early stopping and the choice of the best epoch can go by, and which way is better."""


class SimulatedSource(Table):
    """Made patients with drawn findings, by seed; the band of a seed is its part.

    Attributes
    ----------
    draws
        Scans of each patient: findings are drawn so often on the same body.
    """

    kind: Literal["simulated"]
    count: int = Field(ge=1, le=1_000_000)
    first_seed: int = Field(default=0, ge=0)
    draws: int = Field(default=1, ge=1, le=100)


class CtRateSource(Table):
    """CT-RATE: its table of labels and its volumes (`models.datasets.labelled_volumes.ct_rate_cases`).

    Attributes
    ----------
    metadata
        For the first release alone, whose volumes hold stored values: the table with slopes and intercepts.
    """

    kind: Literal["ct-rate"]
    labels: Path
    volumes: Path
    metadata: Path | None = None


class RadChestCtSource(Table):
    """Rad-ChestCT: its table of labels and its volumes (`models.datasets.labelled_volumes.rad_chestct_cases`).

    Attributes
    ----------
    metadata
        The table that says whose scan each is; without it every scan counts as a patient of its own.
    names
        What its labels are called here: ``{nodule = "Lung nodule"}``; empty: as in the table.
    """

    kind: Literal["rad-chestct"]
    labels: Path
    volumes: Path
    metadata: Path | None = None
    names: dict[str, str] = Field(default_factory=dict)


Source = Annotated[SimulatedSource | CtRateSource | RadChestCtSource, Field(discriminator="kind")]


class ScrollDataTable(Table):
    """Which cases, and how they are split by patient into training, validation and test part.

    Attributes
    ----------
    split
        ``declared``: what the source says, validation cut out of its training part where it declares none.
        ``patient``: dealt by `shares`.
    shares
        Of patients; only the first two parts are ever opened by the training.
    validation_share
        Of the training patients, where the sources declare no validation part.
    cache
        Folder for made patients and prepared volumes; by default one in the user's cache.
    """

    source: tuple[Source, ...] = Field(min_length=1)
    split: Literal["declared", "patient"] = "declared"
    split_seed: int = Field(default=1, ge=0)
    shares: tuple[Share, Share, Share] = (0.7, 0.15, 0.15)
    validation_share: Share = 0.1
    cache: Path | None = None

    @model_validator(mode="after")
    def _whole(self) -> ScrollDataTable:
        if abs(sum(self.shares) - 1) > 1e-6 or min(self.shares[:2]) <= 0:
            raise ValueError(f"shares {self.shares} must add up to 1, with some for training and validation")
        if not 0 < self.validation_share < 1:
            raise ValueError("validation_share must leave some patients for training and some for validation")
        return self


class ScrollAugmentationTable(Table):
    """Changes of the prepared volume while training; there is no flip, since left and right differ in a chest.

    Attributes
    ----------
    translate_voxels
        Largest shift along each axis; air moves in.
    shift, noise
        Standard deviations, as shares of the range of Hounsfield units: of the volume as a whole, and of each voxel.
    """

    translate_voxels: int = Field(default=0, ge=0, le=64)
    shift: float = Field(default=0.0, ge=0, le=0.5)
    noise: float = Field(default=0.0, ge=0, le=0.5)


class ScrollTrainingTable(RunTable):
    """How the network learns.

    Attributes
    ----------
    volumes_per_batch
        Of each process.
    warm_up_share
        Of all steps, in which the learning rate rises from 0 in a straight line.
    schedule
        How it then falls to 0, or that it stays.
    trunk
        State dict of torchvision's `resnet18`, trained on ImageNet, that the trunk begins with; needs trunk_width = 64.
    trunk_rate
        Learning rate of the trunk as a share of the others'; small where the trunk has learnt before.
    """

    volumes_per_batch: int = Field(default=2, ge=1, le=1024)
    warm_up_share: float = Field(default=0.05, ge=0, lt=1)
    schedule: Literal["linear", "cosine", "constant"] = "cosine"
    monitors = MONITORS
    monitor: str = "val/auroc"
    trunk: Path | None = None
    trunk_rate: Positive = 1.0
    augmentation: ScrollAugmentationTable = ScrollAugmentationTable()


class ScrollModelTable(NamedTable):
    """What the trained model is called, what its card says of it, and its network."""

    settings: ScrollSettings

    @field_validator("settings")
    @classmethod
    def _unmeasured(cls, settings: ScrollSettings) -> ScrollSettings:
        if settings.thresholds:
            raise ValueError("thresholds are chosen on validation patients, not set")
        return settings


class SliceStageTable(Table):
    """A first stage for the trunk alone: where in three slices a finding lies, from the masks of the training cases.

    Volumes' labels alone teach a trunk that knows nothing very slowly: a finding is in few of many slices. The
    published trunk begins with ImageNet for the same reason.

    Attributes
    ----------
    translate_pixels
        Largest shift of a batch's images along each axis; their cells stay, so that it must be small beside 16 pixels.
    """

    steps: int = Field(ge=1, le=10_000_000)
    images_per_batch: int = Field(default=32, ge=2, le=4096)
    learning_rate: Positive = 3e-3
    weight_decay: float = Field(default=0.02, ge=0)
    translate_pixels: int = Field(default=5, ge=0, le=64)


class ScrollConfig(RunConfig):
    """One training run."""

    model: ScrollModelTable
    data: ScrollDataTable
    training: ScrollTrainingTable = ScrollTrainingTable()
    slices: SliceStageTable | None = None

    @model_validator(mode="after")
    def _one_start(self) -> ScrollConfig:
        if self.slices is not None and (self.training.trunk or self.training.initial):
            raise ValueError("the table slices trains a trunk that training.trunk or training.initial would replace")
        return self
