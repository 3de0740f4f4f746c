"""What a training run is: one TOML file that names the network, its cases, and how it learns.

The defaults are the published constants (reference: CT-ScanGaze, 3.7) where the publication has one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from models.ct_searcher.settings import SearcherSettings
from models.training import recipes
from models.training.table import NamedTable, Positive, RunConfig, RunTable, Share, Table

MONITORS: dict[str, Literal["min", "max"]] = {
    "val/total": "min",
    "val/place": "min",
    "val/duration": "min",
    "val/offset": "min",
    "val/dwell": "min",
    "val/perplexity": "min",
    "val/accuracy": "max",
}
"""What early stopping and the choice of the best epoch can go by, and which way is better."""


class SimulatedSource(Table):
    """Simulated readers over procedural patients, made by seed.

    Attributes
    ----------
    count, first_seed
        Patients `first_seed` to `first_seed + count - 1`.
    families
        Of readers (`models.simulation.search_reader`); empty: all that are for training.
    readers_per_case
        Paths on each patient, by readers of these families in turn.
    """

    kind: Literal["simulated"]
    count: int = Field(ge=1, le=1_000_000)
    first_seed: int = Field(default=1, ge=0)
    families: tuple[str, ...] = ()
    readers_per_case: int = Field(default=4, ge=1, le=64)


class LiftedSource(Table):
    """Gaze on chest X-rays, lifted into procedural patients; it has no true depth.

    Attributes
    ----------
    folder
        With EGD's tables; None: simulated readers of each patient's own radiograph.
    options
        What the tables do not say themselves, as for `ctgaze import --format egd`.
    """

    kind: Literal["lifted"]
    folder: Path | None = None
    options: dict[str, str] = Field(default_factory=dict)
    count: int = Field(ge=1, le=1_000_000)
    first_seed: int = Field(default=1, ge=0)
    paths_per_case: int = Field(default=4, ge=1, le=64)


class SessionsSource(Table):
    """Recorded sessions: their folders, or a folder that holds them."""

    kind: Literal["sessions"]
    folders: tuple[Path, ...] = Field(min_length=1)


class CtScanGazeSource(Table):
    """CT-ScanGaze: a JSON file of scan paths and the folder of NIfTI volumes that it names.

    Attributes
    ----------
    options
        What the file does not say itself, as for `ctgaze import --format ct_scangaze --option NAME=VALUE`.
    """

    kind: Literal["ct_scangaze"]
    file: Path
    volumes: Path
    options: dict[str, str] = Field(default_factory=dict)


Source = Annotated[SimulatedSource | LiftedSource | SessionsSource | CtScanGazeSource, Field(discriminator="kind")]


class FeatureTable(Table):
    """The frozen encoder of a network that is given features: Swin UNETR with the user's weights.

    Attributes
    ----------
    weights
        The published BTCV bundle's file.
    faithful
        The published preprocessing (one window, no orientation, no spacing) and placement.
    """

    weights: Path
    faithful: bool = False


class DataTable(Table):
    """Which cases, and how they are split by patient into training, validation and test part.

    Attributes
    ----------
    cache
        Folder for patients and features once made; by default one in the user's cache.
    split
        ``patient``: dealt by `shares`. ``declared``: what the source says, validation cut out of its training part.
    shares
        Of patients; only the first two parts are ever opened by the training.
    """

    source: tuple[Source, ...] = Field(min_length=1)
    split: Literal["patient", "declared"] = "patient"
    split_seed: int = Field(default=1, ge=0)
    shares: tuple[Share, Share, Share] = (0.7, 0.15, 0.15)
    cache: Path | None = None
    features: FeatureTable | None = None

    @model_validator(mode="after")
    def _whole(self) -> DataTable:
        if abs(sum(self.shares) - 1) > 1e-6 or min(self.shares[:2]) <= 0:
            raise ValueError(f"shares {self.shares} must add up to 1, with some for training and validation")
        return self


class LossTable(Table):
    """Weights of the parts of the loss; place and duration at 1 are published."""

    place: float = Field(default=1.0, ge=0)
    duration: float = Field(default=1.0, ge=0)
    offset: float = Field(default=0.3, ge=0)
    dwell: float = Field(default=0.3, ge=0)


class AugmentationTable(Table):
    """Noise on the input while training: standard deviations as shares of an HU window's width.

    There is no flip, since left and right differ in a chest, and no crop, since procedural patients vary in their field
    of view already and can be made in any number.
    """

    shift: float = Field(default=0.0, ge=0, le=0.5)
    noise: float = Field(default=0.0, ge=0, le=0.5)


class TrainingTable(RunTable):
    """How the network learns.

    Attributes
    ----------
    warm_up_share
        Of all steps, in which the learning rate rises from 0 in a straight line.
    schedule
        How it then falls to 0, or that it stays.
    gradient_clip
        As in `RunTable`; the published -1 is None.
    reader_dropout
        Share of paths whose reader (and task) the network is not told, so that it also learns the average one.
    """

    cases_per_batch: int = Field(default=2, ge=1)
    paths_per_case: int = Field(default=2, ge=1)
    warm_up_share: float = Field(default=0.025, ge=0, lt=1)
    schedule: Literal["linear", "cosine", "constant"] = "linear"
    weight_decay: float = Field(default=5e-5, ge=0)
    betas: tuple[float, float] = (0.9, 0.98)
    eps: Positive = 1e-9
    monitors = MONITORS
    monitor: str = "val/place"
    loss: LossTable = LossTable()
    augmentation: AugmentationTable = AugmentationTable()
    reader_dropout: Share = 0.0

    @field_validator("betas")
    @classmethod
    def _shares(cls, betas: tuple[float, float]) -> tuple[float, float]:
        if not all(0 <= beta < 1 for beta in betas):
            raise ValueError(f"{betas} must lie from 0 to under 1")
        return betas


class SelfCriticalTable(Table):
    """The second stage: samples are rewarded by their ScanMatch with the readers' paths (reference: 3.7)."""

    epochs: int = Field(default=20, ge=1, le=100_000)
    samples: int = Field(default=5, ge=2, le=256)
    learning_rate_factor: Positive = 0.1
    temporal_bin_s: Positive = 0.05
    duration_weight: float = Field(default=1.0, ge=0)


class ModelTable(NamedTable):
    """What the trained model is called, what its card says of it, and its network."""

    settings: SearcherSettings = SearcherSettings()


class SearcherConfig(RunConfig):
    """One training run."""

    model: ModelTable
    data: DataTable
    training: TrainingTable = TrainingTable()
    self_critical: SelfCriticalTable | None = None

    @model_validator(mode="after")
    def _fits(self) -> SearcherConfig:
        settings, monitor = self.model.settings, self.training.monitor
        if settings.encoder == "given" and self.data.features is None:
            raise ValueError('encoder = "given" needs a table data.features with the weights of Swin UNETR')
        if settings.encoder == "small" and self.data.features is not None:
            raise ValueError('data.features has no use with encoder = "small"')
        if self.data.features is not None and self.data.features.faithful != settings.faithful:
            raise ValueError("data.features.faithful must be as model.settings.faithful: they order cells differently")
        computed = {"val/offset": settings.offsets, "val/dwell": settings.dwell_head}
        if not computed.get(monitor, True):
            raise ValueError(f"training.monitor {monitor} is not computed by this network")
        if settings.encoder == "given" and (self.training.augmentation.shift or self.training.augmentation.noise):
            raise ValueError("training.augmentation changes images, and this network is given features")
        if self.training.reader_dropout and not settings.readers and not settings.tasks:
            raise ValueError("training.reader_dropout has no use where the network is told no reader")
        return self


def read_recipe(name: str) -> SearcherConfig:
    """The configuration of a file or of a shipped recipe of CT-Searcher (`models.training.recipes.read_recipe`)."""
    return recipes.read_recipe(name, SearcherConfig, architecture="ct_searcher")
