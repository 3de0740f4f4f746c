"""Room for the float16 inputs of many cases: in memory, or in a file that is deleted with it. No torch."""

from __future__ import annotations

import os
import tempfile
import weakref
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import ModelError

Half = NDArray[np.float16]


class InputRoom:
    """Inputs of all cases; a copy that is sent to another process reads the same file.

    Parameters
    ----------
    inputs
        (cases, ...), of somebody who keeps them.
    """

    def __init__(self, inputs: Half) -> None:
        self.inputs = inputs
        self._file: Path | None = None

    @classmethod
    def make(cls, shape: tuple[int, ...], *, folder: Path | None, memory_bytes: int, what: str) -> InputRoom:
        """Empty room for inputs of this shape, the first number being that of the cases.

        Parameters
        ----------
        folder
            For inputs that take more than `memory_bytes`: all of them are then in a file there.
        what
            The cases are called, for messages.

        Raises
        ------
        ModelError
            No folder for more than memory holds, or one that refuses.
        """
        needed = prod(shape) * np.dtype(np.float16).itemsize
        if needed <= memory_bytes:
            return cls(np.empty(shape, dtype=np.float16))
        if folder is None:
            raise ModelError(
                f"{shape[0]} {what} take {needed / 2**30:.1f} GiB, more than {memory_bytes / 2**30:.1f} GiB",
                remedy=f"name a folder for them, or use fewer {what}",
            )
        path: Path | None = None
        try:
            Path(folder).mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=folder, prefix="inputs_", suffix=".npy", delete=False) as file:
                path = Path(file.name)
            made = cls(np.lib.format.open_memmap(path, mode="w+", dtype=np.float16, shape=shape))
        except OSError as error:
            if path is not None:
                path.unlink(missing_ok=True)
            raise ModelError(
                f"{needed / 2**30:.1f} GiB cannot be written: {error.strerror}",
                place=str(folder),
                remedy="make room or name another folder",
            ) from error
        made._file = path
        weakref.finalize(made, _remove, path, os.getpid())
        return made

    def __getstate__(self) -> dict[str, Any]:
        """A file goes to another process by its name."""
        return {**self.__dict__, "inputs": None} if self._file is not None else self.__dict__

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Opens the file again where there is one."""
        self.__dict__.update(state)
        if self._file is not None:
            self.inputs = np.load(self._file, mmap_mode="r")

    @property
    def in_memory(self) -> bool:
        """Whether the inputs are in memory rather than in a file."""
        return self._file is None


def _remove(file: Path, owner: int) -> None:
    # A forked worker that drops its copy must not take the file from the others.
    if os.getpid() == owner:
        file.unlink(missing_ok=True)
