"""Writing the files of an export: plain bytes into a folder, failures as one line."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ctgaze_app.formats.contract import FormatError

if TYPE_CHECKING:
    import pandas as pd


def write_files(folder: Path, files: Mapping[str, bytes]) -> tuple[Path, ...]:
    """Write every file into `folder`, made when it is not there.

    Raises
    ------
    FormatError
        When the folder refuses.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (folder / name).write_bytes(content)
    except OSError as error:
        raise FormatError(
            f"cannot be written: {error.strerror or type(error).__name__}", place=folder.name, remedy="check rights"
        ) from error
    return tuple(folder / name for name in files)


def json_bytes(content: Any) -> bytes:
    """JSON in UTF-8, indented by one, LF at the end."""
    return (json.dumps(content, indent=1, allow_nan=False, ensure_ascii=False) + "\n").encode("utf-8")


def csv_bytes(table: pd.DataFrame) -> bytes:
    """CSV in UTF-8 with LF; numbers with all their digits, an empty cell for what is not known."""
    text: str = table.to_csv(index=False, lineterminator="\n")
    return text.encode("utf-8")


def file_stem(text: str) -> str:
    """`text` as part of a file name; raises `FormatError` when it could name another place."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", text):
        raise FormatError(f"{text[:60]!r} cannot be part of a file name", remedy="letters, digits, ., - and _ only")
    return text
