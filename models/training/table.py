"""Tables that every training configuration has: what the model is called, and how a run goes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

Positive = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]


class Table(BaseModel):
    """A table of the file: unknown fields, infinities and numbers written as text are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, strict=True)


class NamedTable(Table):
    """What the trained model is called and what its card says of it."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,62}$")
    version: str = Field(pattern=r"^[0-9A-Za-z][0-9A-Za-z_.+-]{0,30}$")
    limits: tuple[str, ...] = Field(min_length=1)
    licence: str = Field(min_length=1)


class RunTable(Table):
    """How a run goes, whatever is trained. Steps per epoch and in all follow from the cases, never from a number here.

    Attributes
    ----------
    gradient_clip
        Largest norm of the gradient; None for no clipping.
    monitor
        Value on the validation part that early stopping and the choice of the best epoch go by.
    patience
        Epochs without a better `monitor` after which training stops; None: never.
    deterministic
        The same weights again on the same device, at the cost of speed on a GPU.
    accelerator, devices, nodes, strategy
        As Lightning takes them; under SLURM, devices and nodes as given to `sbatch`.
    initial
        Model to start from.
    monitors
        What an architecture can go by, and whether more or less of it is better; empty where it says so itself.
    """

    monitors: ClassVar[Mapping[str, Literal["min", "max"]]] = {}

    epochs: int = Field(default=40, ge=1, le=100_000)
    learning_rate: Positive = 1e-4
    weight_decay: float = Field(default=0.0, ge=0)
    gradient_clip: Positive | None = None
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "32-true"
    monitor: str = "val/loss"
    patience: int | None = Field(default=None, ge=1)
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
        if cls.monitors and name not in cls.monitors:
            raise ValueError(f"{name!r} is not among {', '.join(cls.monitors)}; the test part is never looked at")
        return name


class RunConfig(Table):
    """One training run; each architecture narrows the three tables to its own."""

    model: NamedTable
    data: Table
    training: RunTable
