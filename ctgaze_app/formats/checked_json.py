"""Reads JSON without what the standard reader lets pass: double keys, NaN, other encodings, endless nesting."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from ctgaze_app.formats.contract import FormatError, at
from ctgaze_app.formats.text_file import read_text_bytes

if TYPE_CHECKING:
    from pydantic import BaseModel

    Model = TypeVar("Model", bound=BaseModel)


def read_json(path: Path) -> Any:
    """The content of a JSON file in UTF-8.

    Raises
    ------
    FormatError
        With file and line, when it is no JSON, has a key twice in one object, or a number that is none.
    """
    text = read_text_bytes(path).decode("utf-8")

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(items)
        if len(found) != len(items):
            names = [name for name, _ in items]
            double = next(name for name in names if names.count(name) > 1)
            raise FormatError(f"the key {double[:40]!r} is twice in one object", place=at(path), remedy="delete one")
        return found

    def constant(name: str) -> NoReturn:
        raise FormatError(f"{name} is not a number that can be measured", place=at(path), remedy="correct it")

    def number(digits: str) -> float:
        value = float(digits)
        return value if math.isfinite(value) else constant(digits[:20])

    try:
        content = json.loads(text, object_pairs_hook=pairs, parse_constant=constant, parse_float=number)
    except json.JSONDecodeError as error:
        raise FormatError(
            f"is not JSON: {error.msg} in line {error.lineno}, character {error.colno}",
            place=at(path),
            remedy="restore it from a copy",
        ) from error
    except RecursionError as error:
        raise FormatError("is nested too deep", place=at(path), remedy="restore it from a copy") from error
    except ValueError as error:  # an integer of thousands of digits
        raise FormatError(f"is not JSON: {str(error)[:100]}", place=at(path), remedy="correct it") from error
    if re.search(r"\\u[dD][89a-fA-F]", text):
        try:
            json.dumps(content, ensure_ascii=False).encode("utf-8")
        except UnicodeEncodeError as error:
            half = error.object[error.start]
            raise FormatError(
                f"\\u{ord(half):04x} is half a character", place=at(path), remedy="restore it from a copy"
            ) from error
    return content


def read_json_model(path: Path, model: type[Model]) -> Model:
    """The content of a JSON file as a pydantic model, types strict; raises `FormatError` with the first wrong field."""
    from pydantic import ValidationError

    content = read_json(path)
    try:
        return model.model_validate_json(json.dumps(content), strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])[:100] or "top level"
        raise FormatError(f"{where}: {first['msg']}"[:300], place=at(path), remedy="correct this field") from error
