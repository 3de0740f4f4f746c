"""A model's card: what it is, what it was trained on, how it did beside floors and ceiling, what it is not for.

`card.toml` lies beside `model.safetensors` in the model's folder. Texts are folded, so that people can read them.
"""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from models.card_text import toml_text
from models.errors import ModelError
from models.predictions import RESEARCH_ONLY
from models.whole_files import write_whole

CARD_FILE = "card.toml"
WEIGHTS_FILE = "model.safetensors"
NOT_SAVED = "0" * 64
"""Stands for the digest of weights until they are saved."""
LARGEST_CARD = 1 << 20

NAME_PATTERN = r"^[a-z0-9][a-z0-9._-]{0,63}$"
Name = Annotated[str, Field(pattern=NAME_PATTERN)]
Version = Annotated[str, Field(pattern=r"^[0-9A-Za-z][0-9A-Za-z.+_-]{0,31}$")]
Sentence = Annotated[str, Field(min_length=1, max_length=20_000)]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Part(BaseModel):
    """A table of the card: unknown fields, numbers written as text and numbers that are none are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class InputCard(Part):
    """What the network sees of a volume.

    Attributes
    ----------
    orientation
        Which way its axes run.
    hu_windows
        Lower and upper Hounsfield unit of each window; empty where another encoder decides.
    spacing
        What a voxel or cell of the input means in millimetres, as a sentence.
    features
        Encoder outside the network that makes its features (`models.features.encoders`); empty where there is none, or
        where nobody knows.
    """

    orientation: Sentence
    hu_windows: tuple[tuple[float, float], ...]
    spacing: Sentence
    features: Literal["", "swin_unetr", "swin_unetr_published"] = ""
    values: Literal["hu", "grey", "rgb"] = "hu"

    @field_validator("hu_windows")
    @classmethod
    def _ascend(cls, windows: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
        if any(not low < high for low, high in windows):
            raise ValueError("each window needs a lower and a higher value")
        return windows


class TrainingCard(Part):
    """What the network was trained on.

    Attributes
    ----------
    data
        Description.
    seeds
        That make the same data and the same run again; empty where there are none.
    recipe_sha256
        Of the configuration that it was trained by; empty where it is not known.
    patients
        By part (train, validation, test).
    date
        Empty where it is not said.
    """

    data: Sentence
    seeds: tuple[int, ...] = ()
    recipe_sha256: Digest | Literal[""] = ""
    patients: dict[str, Annotated[int, Field(ge=0)]] = Field(default_factory=dict)
    date: str = ""


class Figure(Part):
    """A measured value and its interval, where there is one."""

    value: float
    low: float | None = None
    high: float | None = None


class MetricRow(Part):
    """One row of the evaluation's table: who, and its figures by measure."""

    role: Literal["candidate", "floor", "ceiling"]
    measures: dict[str, Figure]


class Card(Part):
    """All that is said of a model.

    Attributes
    ----------
    name, version
        Lower-case letters, digits, ``.``, ``_``, ``-``: they become parts of file names.
    task
        What it predicts.
    architecture
        Which code builds it: a key of `models.families.FAMILIES`.
    settings
        The architecture's own settings; the code that builds it checks them.
    metrics
        By row name; `metrics_on` says what they were measured on.
    limits
        What it is not and not for; at least one sentence.
    weights_sha256
        Of `model.safetensors`.
    """

    schema_version: Literal[1] = Field(default=1, alias="schema")
    name: Name
    version: Version
    task: Literal["scanpath", "classification", "segmentation", "saliency"]
    architecture: Name
    research_only: Sentence = RESEARCH_ONLY
    licence: Sentence
    weights_sha256: Digest
    limits: tuple[Sentence, ...] = Field(min_length=1)
    input: InputCard
    training: TrainingCard
    settings: dict[str, Any]
    metrics_on: str = ""
    metrics: dict[str, MetricRow] = Field(default_factory=dict)

    model_config = ConfigDict(populate_by_name=True)


REQUIRED = ("schema", "research_only", "metrics_on", "metrics")
"""Of a file, beside the fields without a default; an empty table says that nothing was measured."""


def read_card(folder: Path) -> Card:
    """The card of a model's folder.

    Raises
    ------
    ModelError
        No card, no TOML, or a field that is missing, unknown or of a wrong kind; the line names file and field.
    """
    path = Path(folder) / CARD_FILE
    if not path.is_file():
        raise ModelError(
            f"holds no {CARD_FILE}: no model" if Path(folder).is_dir() else "there is no such folder",
            place=str(folder),
            remedy="ctgaze model list names the models there are",
        )
    try:
        if path.stat().st_size > LARGEST_CARD:
            raise ModelError("is too large for a card", place=str(path), remedy="restore it from a copy")
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ModelError(f"cannot be read: {error.strerror or error}", place=str(path)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise ModelError(f"is no TOML: {_first_line(error)}", place=str(path), remedy="correct it") from error
    missing = [name for name in REQUIRED if name not in data]
    if missing:
        raise ModelError(f"{missing[0]}: this field is missing", place=str(path), remedy="correct the card")
    return parse_card(data, place=str(path))


def parse_card(data: dict[str, Any], *, place: str) -> Card:
    """A card from plain values; raises as `read_card`."""
    try:
        return Card.model_validate_json(json.dumps(data, allow_nan=False))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])[:100] or "top level"
        said = "this field is missing" if first["type"] == "missing" else first["msg"]
        raise ModelError(f"{where}: {said}"[:300], place=place, remedy="correct the card") from error
    except (TypeError, ValueError, RecursionError) as error:
        raise ModelError(f"holds a value that no card has: {_first_line(error)}", place=place) from error


def imported_card(**fields: Any) -> Card:
    """The card of weights that a user names and imports; their digest comes with saving.

    Raises
    ------
    ModelError
        For a name or version that no model can have.
    """
    try:
        return Card(weights_sha256=NOT_SAVED, **fields)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ModelError(
            f"{where}: {first['msg']}"[:300], remedy="lower-case letters, digits, ., - and _ make a name"
        ) from error


def card_text(card: Card) -> str:
    """The card as TOML."""
    return toml_text(json.loads(card.model_dump_json(by_alias=True, exclude_none=True)))


def write_card(folder: Path, card: Card) -> Path:
    """Write `card.toml`; replaces one that is there.

    Raises
    ------
    ModelError
        The folder refuses.
    """
    return write_whole(Path(folder) / CARD_FILE, card_text(card))


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
