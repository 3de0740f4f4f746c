"""What a training run of gaze-supervised segmentation is: one TOML file.

The defaults are the published constants (reference: GazeMedSeg, B6 and B9) where there is one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from models.gaze_segmentation.crf import CrfSettings
from models.gaze_segmentation.heat_maps import HeatMapSettings
from models.gaze_segmentation.pseudo_masks import PseudoMaskSettings
from models.gaze_segmentation.settings import SegmentationSettings
from models.simulation.findings import FINDINGS
from models.training.table import NamedTable, Positive, RunConfig, RunTable, Share, Table

Monitor = Literal["auto", "val/dice", "val/loss"]


class SimulatedSlices(Table):
    """Slices of made patients with a finding, its true mask, and simulated gaze that marks it.

    Attributes
    ----------
    count, first_seed
        Patients `first_seed` to `first_seed + count - 1`; the band of seeds says which part they are for.
    """

    kind: Literal["simulated"]
    finding: str = "opacity"
    count: int = Field(ge=1, le=1_000_000)
    first_seed: int = Field(default=0, ge=0)
    slices_per_patient: int = Field(default=3, ge=1, le=1000)

    @model_validator(mode="after")
    def _known(self) -> SimulatedSlices:
        if self.finding not in FINDINGS:
            raise ValueError(f"there is no finding {self.finding!r}; one of {', '.join(FINDINGS)}")
        return self


class PictureFolder(Table):
    """A folder laid out as Kvasir-SEG or NCI-ISBI prostate, with its table of fixations.

    Attributes
    ----------
    fixations
        None: the only CSV in ``gaze`` or the folder itself.
    """

    kind: Literal["kvasir", "prostate"]
    folder: Path
    fixations: Path | None = None


Source = Annotated[SimulatedSlices | PictureFolder, Field(discriminator="kind")]


class PseudoMaskTable(Table):
    """How gaze becomes the map whose thresholds the levels learn from (`models.gaze_segmentation.pseudo_masks`)."""

    preset: str = "kvasir"
    heat_map: HeatMapSettings = HeatMapSettings()
    crf: CrfSettings | None = CrfSettings()
    window: tuple[float, float] | None = None
    faithful: bool = False
    px_per_degree: Positive | None = None

    def settings(self, thresholds: tuple[float, ...]) -> PseudoMaskSettings:
        """With the network's thresholds."""
        return PseudoMaskSettings(
            thresholds=thresholds, **{name: getattr(self, name) for name in type(self).model_fields}
        )

    @model_validator(mode="after")
    def _possible(self) -> PseudoMaskTable:
        self.settings((0.5,))
        return self


class DataTable(Table):
    """Which pictures, and how they are split by patient.

    Attributes
    ----------
    split
        ``declared``: what the source says of each case, with validation cut out of its training part where it declares
        none. ``patient``: dealt by `shares`.
    cache
        Folder for made patients and pseudo-mask maps; by default one in the user's cache.
    """

    source: tuple[Source, ...] = Field(min_length=1)
    split: Literal["declared", "patient"] = "declared"
    split_seed: int = Field(default=1, ge=0)
    shares: tuple[Share, Share, Share] = (0.7, 0.15, 0.15)
    validation_share: Annotated[float, Field(gt=0, lt=1)] = 0.15
    cache: Path | None = None
    pseudo_masks: PseudoMaskTable = PseudoMaskTable()

    @model_validator(mode="after")
    def _whole(self) -> DataTable:
        if abs(sum(self.shares) - 1) > 1e-6 or min(self.shares[:2]) <= 0:
            raise ValueError(f"shares {self.shares} must add up to 1, with some for training and validation")
        return self


class TrainingTable(RunTable):
    """How the network learns.

    Attributes
    ----------
    pictures_per_batch
        Of the training part.
    optimizer
        ``sgd`` with Nesterov's momentum, as published, or ``adamw``.
    schedule
        Of the learning rate: ``cosine_by_epoch`` to `last_learning_rate`, as published; ``cosine`` by step, after a
        warm-up; ``constant``.
    flip_left_right, flip_up_down
        Share of the pictures that are flipped, with their maps, before thresholds are applied.
    monitor
        ``auto``: Dice on the validation part where each of its cases has a mask, else the loss on its pseudo-masks.
        With ``val/loss`` no mask is opened in the whole training from gaze.
    """

    pictures_per_batch: int = Field(default=8, ge=1, le=4096)
    optimizer: Literal["sgd", "adamw"] = "sgd"
    momentum: float = Field(default=0.99, ge=0, lt=1)
    learning_rate: Positive = 1e-2
    last_learning_rate: float = Field(default=1e-4, ge=0)
    weight_decay: float = Field(default=4e-4, ge=0)
    schedule: Literal["cosine_by_epoch", "cosine", "constant"] = "cosine_by_epoch"
    warm_up_share: float = Field(default=0.0, ge=0, lt=1)
    flip_left_right: Share = 0.5
    flip_up_down: Share = 0.5
    monitor: Monitor = "auto"


class ModelTable(NamedTable):
    """What the trained model is called and what its card says of it."""

    settings: SegmentationSettings = SegmentationSettings()


class SegmentationConfig(RunConfig):
    """One training run."""

    model: ModelTable
    data: DataTable
    training: TrainingTable = TrainingTable()
