"""What a training run is: one TOML file that names the network, its cases, and how it learns.

The defaults are the published constants (reference: CT-ScanGaze, 3.7) where the publication has one.
"""

from __future__ import annotations

import json
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from models.ct_searcher.settings import SearcherSettings
from models.errors import ModelError

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

LARGEST_FILE = 1 << 20
RECIPES = "model_recipes"
Positive = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]


class Table(BaseModel):
    """A table of the file: unknown fields, infinities and numbers written as text are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, strict=True)


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


class TrainingTable(Table):
    """How the network learns. Steps per epoch and in all follow from the cases, never from a number here.

    Attributes
    ----------
    warm_up_share
        Of all steps, in which the learning rate rises from 0 in a straight line.
    schedule
        How it then falls to 0, or that it stays.
    gradient_clip
        Largest norm of the gradient; None (the published -1) for no clipping.
    patience
        Epochs without a better `monitor` after which training stops; None: never.
    reader_dropout
        Share of paths whose reader (and task) the network is not told, so that it also learns the average one.
    deterministic
        The same weights again on the same device, at the cost of speed on a GPU.
    accelerator, devices, nodes, strategy
        As Lightning takes them; under SLURM, devices and nodes as given to `sbatch`.
    """

    epochs: int = Field(default=40, ge=1, le=100_000)
    cases_per_batch: int = Field(default=2, ge=1)
    paths_per_case: int = Field(default=2, ge=1)
    learning_rate: Positive = 1e-4
    warm_up_share: float = Field(default=0.025, ge=0, lt=1)
    schedule: Literal["linear", "cosine", "constant"] = "linear"
    weight_decay: float = Field(default=5e-5, ge=0)
    betas: tuple[float, float] = (0.9, 0.98)
    eps: Positive = 1e-9
    gradient_clip: Positive | None = None
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "32-true"
    monitor: str = "val/place"
    patience: int | None = Field(default=None, ge=1)
    loss: LossTable = LossTable()
    augmentation: AugmentationTable = AugmentationTable()
    reader_dropout: Share = 0.0
    seed: int = Field(default=1, ge=0, lt=2**31)
    deterministic: bool = True
    accelerator: Literal["auto", "cpu", "gpu", "cuda"] = "auto"
    devices: int | tuple[int, ...] | Literal["auto"] = 1
    nodes: int = Field(default=1, ge=1)
    strategy: Literal["auto", "ddp"] = "auto"
    initial: Path | None = None

    @field_validator("monitor")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in MONITORS:
            raise ValueError(f"{name!r} is not among {', '.join(MONITORS)}; the test part is never looked at")
        return name

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


class ModelTable(Table):
    """What the trained model is called and what its card says of it."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,62}$")
    version: str = Field(pattern=r"^[0-9A-Za-z][0-9A-Za-z_.+-]{0,30}$")
    limits: tuple[str, ...] = Field(min_length=1)
    licence: str = Field(min_length=1)
    settings: SearcherSettings = SearcherSettings()


class SearcherConfig(Table):
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


def read_config(path: Path) -> SearcherConfig:
    """Read and check a training configuration; paths in it count from the file's own folder.

    Raises
    ------
    ModelError
        When the file cannot be read, is no TOML, or a field is missing, unknown or wrong: one line with the field.
    """
    try:
        with path.open("rb") as file:
            text = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise ModelError(f"cannot be read: {error.strerror or error}", place=str(path), remedy="name a file") from error
    if len(text) > LARGEST_FILE:
        raise ModelError("is too large for a training configuration", place=str(path))
    return parse_config(text, place=str(path), folder=path.parent)


def read_recipe(name: str) -> SearcherConfig:
    """As `read_config`, of a file or of a recipe that is shipped (`RECIPES`), by its name.

    Raises
    ------
    ModelError
        As `read_config`; also when there is neither such a file nor such a recipe.
    """
    shipped = files("resources") / RECIPES
    names = sorted(entry.name.removesuffix(".toml") for entry in shipped.iterdir() if entry.name.endswith(".toml"))
    if name in names:
        return parse_config((shipped / f"{name}.toml").read_bytes(), place=name, folder=Path.cwd())
    if not Path(name).exists():
        raise ModelError("there is no such file or recipe", place=name, remedy=f"recipes: {', '.join(names)}")
    return read_config(Path(name))


def parse_config(text: bytes, *, place: str, folder: Path | None = None) -> SearcherConfig:
    """As `read_config`, from a file's bytes."""
    try:
        content = json.dumps(tomllib.loads(text.decode("utf-8")), default=str)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise ModelError(f"is no TOML: {str(error)[:200]}", place=place, remedy="correct it") from error
    try:
        config = SearcherConfig.model_validate_json(content, strict=True)
    except ValidationError as error:
        first, *others = error.errors()
        field = ".".join(str(part) for part in first["loc"]) or "the file"
        more = f" ({len(others)} more)" if others else ""
        message = " ".join(f"{field}: {first['msg'].removeprefix('Value error, ')}{more}".split())[:400]
        raise ModelError(message, place=place, remedy="correct this field") from error
    return config if folder is None else _from_folder(config, folder)


def _from_folder(config: SearcherConfig, folder: Path) -> SearcherConfig:
    def walk(value: object) -> object:
        if isinstance(value, Path):
            return (folder / value.expanduser()).absolute()
        if isinstance(value, tuple):
            return tuple(walk(item) for item in value)
        if isinstance(value, Table):
            return value.model_copy(update={name: walk(getattr(value, name)) for name in type(value).model_fields})
        return value

    found = walk(config)
    assert isinstance(found, SearcherConfig)
    return found
