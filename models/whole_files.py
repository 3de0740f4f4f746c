"""Text files that appear whole or not at all."""

from __future__ import annotations

from pathlib import Path

from models.errors import ModelError


def write_whole(path: Path, text: str) -> Path:
    """Write UTF-8 text through a file beside it; replaces one that is there, makes its folder.

    Raises
    ------
    ModelError
        The folder refuses.
    """
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            unfinished.write_text(text, encoding="utf-8", newline="\n")
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)
    except OSError as error:
        raise ModelError(
            f"cannot be written: {error.strerror or error}", place=str(path), remedy="check rights"
        ) from error
    return path
