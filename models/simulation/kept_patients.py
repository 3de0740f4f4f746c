"""Made patients in .npz files: written whole or not at all, and one line for a file that is none."""

from __future__ import annotations

import os
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from models.errors import ModelError


@contextmanager
def reading(place: Path, names: Sequence[str]) -> Iterator[dict[str, NDArray[Any]]]:
    """The arrays of a file by name; what goes wrong with them inside is one line, too.

    Raises
    ------
    ModelError
        When it cannot be read, lacks one of them, or they do not go together.
    """
    try:
        with place.open("rb") as file, np.load(file, allow_pickle=False) as found:
            arrays = {name: found[name] for name in names}
        yield arrays
    except OSError as error:
        raise ModelError(f"cannot be read: {error.strerror or error}", place=str(place)) from error
    except (BadZipFile, ValueError, KeyError, IndexError, EOFError, zlib.error) as error:
        raise ModelError(
            f"not a made patient ({error})", place=str(place), remedy="delete the file: it is made anew"
        ) from error


def keep(place: Path, **arrays: NDArray[Any]) -> None:
    """Write them through a file beside it; raises `ModelError` when the folder refuses."""
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        handle, part = tempfile.mkstemp(dir=place.parent, prefix=".part_", suffix=".npz")
        try:
            with os.fdopen(handle, "wb") as file:
                np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
            Path(part).replace(place)
        finally:
            Path(part).unlink(missing_ok=True)
    except OSError as error:
        raise ModelError(
            f"a made patient cannot be kept: {error.strerror or error}",
            place=str(place),
            remedy="name another folder",
        ) from error
