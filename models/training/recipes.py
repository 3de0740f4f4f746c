"""Training configurations from TOML: a file, or a recipe that is shipped; every fault is one line with its field."""

from __future__ import annotations

import json
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import TypeVar

import tomlkit
from pydantic import BaseModel, ValidationError

from models.errors import ModelError

LARGEST_FILE = 1 << 20
RECIPES = "model_recipes"

Config = TypeVar("Config", bound=BaseModel)


def recipe_names(architecture: str = "") -> list[str]:
    """Names of the shipped recipes, of one architecture or of all."""
    shipped = files("resources") / RECIPES
    names = sorted(entry.name.removesuffix(".toml") for entry in shipped.iterdir() if entry.name.endswith(".toml"))
    return [name for name in names if name.startswith(architecture)]


def read_recipe(name: str, kind: type[Config], *, architecture: str = "") -> Config:
    """The configuration of a shipped recipe, by its name, or of a file.

    Parameters
    ----------
    kind
        The configuration's type.
    architecture
        Only recipes whose name begins so are known; empty: all.

    Raises
    ------
    ModelError
        As `read_recipe_file`; also when there is neither such a file nor such a recipe.
    """
    names = recipe_names(architecture)
    if name in names:
        text = (files("resources") / RECIPES / f"{name}.toml").read_bytes()
        return parse_recipe(text, kind, place=name, folder=Path.cwd())
    if not Path(name).exists():
        if name in recipe_names():
            raise ModelError(
                "this recipe is of another architecture", place=name, remedy=f"recipes: {', '.join(names)}"
            )
        raise ModelError("there is no such file or recipe", place=name, remedy=f"recipes: {', '.join(names) or 'none'}")
    return read_recipe_file(Path(name), kind)


def read_recipe_file(path: Path, kind: type[Config]) -> Config:
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
    return parse_recipe(text, kind, place=str(path), folder=path.parent)


def parse_recipe(text: bytes, kind: type[Config], *, place: str, folder: Path | None = None) -> Config:
    """As `read_recipe_file`, from a file's bytes; without a folder paths stay as they are written."""
    try:
        content = json.dumps(tomllib.loads(text.decode("utf-8")), default=str)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise ModelError(f"is no TOML: {str(error)[:200]}", place=place, remedy="correct it") from error
    try:
        config = kind.model_validate_json(content, strict=True)
    except ValidationError as error:
        first, *others = error.errors()
        field = ".".join(str(part) for part in first["loc"]) or "the file"
        more = f" ({len(others)} more)" if others else ""
        message = " ".join(f"{field}: {first['msg'].removeprefix('Value error, ')}{more}".split())[:400]
        raise ModelError(message, place=place, remedy="correct this field") from error
    return config if folder is None else _from_folder(config, folder)


def config_text(config: BaseModel, *, with_cache: bool = True) -> str:
    """The configuration with every default spelt out, as TOML.

    Parameters
    ----------
    with_cache
        False leaves out ``data.cache``, which is of this computer and changes nothing of the model.
    """
    exclude = None if with_cache else {"data": {"cache"}}
    return tomlkit.dumps(json.loads(config.model_dump_json(exclude=exclude, exclude_none=True)))


def _from_folder(config: Config, folder: Path) -> Config:
    def walk(value: object) -> object:
        if isinstance(value, Path):
            return (folder / value.expanduser()).absolute()
        if isinstance(value, tuple):
            return tuple(walk(item) for item in value)
        if isinstance(value, BaseModel):
            return value.model_copy(update={name: walk(getattr(value, name)) for name in type(value).model_fields})
        return value

    found = walk(config)
    assert isinstance(found, type(config))
    return found
