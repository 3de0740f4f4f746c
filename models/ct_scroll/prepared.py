"""Labelled volumes ready for the network: each opened once, its input kept small, in memory or in a file. No torch."""

from __future__ import annotations

import os
import tempfile
import weakref
from collections.abc import Callable, Mapping, Sequence
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.ct_scroll.preprocessing import scroll_input
from models.ct_scroll.settings import ScrollSettings
from models.datasets.labelled_case import LabelledCase
from models.errors import Cancelled, ModelError
from models.volumes import CtVolume

Progress = Callable[[int, int], None]
Stop = Callable[[], bool]
Half = NDArray[np.float16]
CellsOf = Callable[[Mapping[str, NDArray[np.bool_]], CtVolume, ScrollSettings], NDArray[np.bool_]]

MEMORY_BYTES = 3 * 2**30
"""Inputs that take more are kept in a file."""


class PreparedVolumes(Sequence[tuple[Half, NDArray[np.float32]]]):
    """Input (S, L, P) float16 and truth (labels,) float32 of each case.

    Parameters
    ----------
    inputs
        (cases, S, L, P); may be a memory-mapped file.
    truth
        (cases, labels) 1 or 0.
    volume_sha256
        By case code, for `models.datasets.checks.check_split`.
    cells
        (cases, tokens, labels, rows, columns) of `models.ct_scroll.slice_stage.finding_cells`, where asked for.
    """

    def __init__(
        self,
        inputs: Half,
        truth: NDArray[np.float32],
        volume_sha256: dict[str, str] | None = None,
        cells: NDArray[np.bool_] | None = None,
    ) -> None:
        if len(inputs) != len(truth):
            raise ValueError(f"{len(inputs)} volumes and the truth of {len(truth)}")
        self._inputs = inputs
        self.cells = cells
        self.truth = truth
        self.volume_sha256 = volume_sha256 or {}
        self._file: Path | None = None

    @classmethod
    def of(
        cls,
        cases: Sequence[LabelledCase],
        settings: ScrollSettings,
        *,
        folder: Path | None = None,
        memory_bytes: int = MEMORY_BYTES,
        cells_of: CellsOf | None = None,
        progress: Progress | None = None,
        cancelled: Stop | None = None,
    ) -> PreparedVolumes:
        """Prepare every case.

        Parameters
        ----------
        cells_of
            Which cells hold which finding, from a case's masks, its volume and the settings; needs cases with masks.
        folder
            For inputs that exceed `memory_bytes`: all of them are then in a file there, deleted with this object.
        progress
            Called with cases done and in all.
        cancelled
            Asked before each case.

        Raises
        ------
        ModelError
            A case without one of the labels, a volume that is no chest, no folder for more than memory holds.
        Cancelled
            `cancelled` said so.
        """
        truth = truth_of(cases, settings.labels)
        inputs, file = _room(len(cases), settings, folder, memory_bytes)
        found = cls(inputs, truth)
        if file is not None:
            found._file = file
            weakref.finalize(found, _remove, file, os.getpid())
        cells = []
        for number, case in enumerate(cases):
            if cancelled is not None and cancelled():
                raise Cancelled
            volume = case.load()
            inputs[number] = scroll_input(volume, settings, cancelled=cancelled).values
            found.volume_sha256[case.case] = volume.digest()
            if cells_of is not None:
                cells.append(cells_of(_masks(case), volume, settings))
            if progress is not None:
                progress(number + 1, len(cases))
        if cells_of is not None:
            found.cells = np.stack(cells)
        return found

    def __len__(self) -> int:
        """Number of cases."""
        return len(self._inputs)

    def __getitem__(self, number: int) -> tuple[Half, NDArray[np.float32]]:  # type: ignore[override]
        """One case."""
        return self._inputs[number], self.truth[number]

    def __getstate__(self) -> dict[str, Any]:
        """A file goes to another process by its name."""
        return {**self.__dict__, "_inputs": None} if self._file is not None else self.__dict__

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Opens the file again where there is one."""
        self.__dict__.update(state)
        if self._file is not None:
            self._inputs = np.load(self._file, mmap_mode="r")

    @property
    def inputs(self) -> Half:
        """(cases, S, L, P)."""
        return self._inputs

    @property
    def in_memory(self) -> bool:
        """Whether the inputs are in memory rather than in a file."""
        return self._file is None


def truth_of(cases: Sequence[LabelledCase], labels: Sequence[str]) -> NDArray[np.float32]:
    """(cases, labels) 1 or 0.

    Raises
    ------
    ModelError
        When a case does not have one of the labels.
    """
    for case in cases:
        missing = [label for label in labels if label not in case.labels]
        if missing:
            raise ModelError(
                f"nothing says whether case {case.case} has {missing[0]!r}",
                place=case.place,
                remedy=f"its labels: {', '.join(case.labels)}"[:300],
            )
    rows = [[case.labels[label] for label in labels] for case in cases]
    return np.array(rows, dtype=np.float32).reshape(len(cases), len(labels))


def _masks(case: LabelledCase) -> Mapping[str, NDArray[np.bool_]]:
    if case.load_masks is None:
        raise ModelError(
            f"nobody outlined the findings of case {case.case}",
            place=case.place,
            remedy="leave out the table slices, or train on made patients alone",
        )
    return case.load_masks()


def _room(count: int, settings: ScrollSettings, folder: Path | None, memory_bytes: int) -> tuple[Half, Path | None]:
    shape = (count, *settings.input_shape_slp)
    needed = prod(shape) * np.dtype(np.float16).itemsize
    if needed <= memory_bytes:
        return np.empty(shape, dtype=np.float16), None
    if folder is None:
        raise ModelError(
            f"{count} volumes take {needed / 2**30:.1f} GiB, more than {memory_bytes / 2**30:.1f} GiB",
            remedy="name a folder for them, or use fewer cases",
        )
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, prefix="volumes_", suffix=".npy", delete=False) as file:
            path = Path(file.name)
        return np.lib.format.open_memmap(path, mode="w+", dtype=np.float16, shape=shape), path
    except OSError as error:
        raise ModelError(
            f"{needed / 2**30:.1f} GiB cannot be written: {error.strerror}",
            place=str(folder),
            remedy="make room or name another folder",
        ) from error


def _remove(file: Path, owner: int) -> None:
    # A forked worker that drops its copy must not take the file from the others.
    if os.getpid() == owner:
        file.unlink(missing_ok=True)
