"""Labelled volumes ready for the network: each opened once, its input kept small, in memory or in a file. No torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.ct_scroll.preprocessing import scroll_input
from models.ct_scroll.settings import ScrollSettings
from models.datasets.input_room import InputRoom
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
        self._room = InputRoom(inputs)
        self.cells = cells
        self.truth = truth
        self.volume_sha256 = volume_sha256 or {}

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
        shape = (len(cases), *settings.input_shape_slp)
        room = InputRoom.make(shape, folder=folder, memory_bytes=memory_bytes, what="volumes")
        found = cls(room.inputs, truth)
        found._room = room
        cells = []
        for number, case in enumerate(cases):
            if cancelled is not None and cancelled():
                raise Cancelled
            volume = case.load()
            room.inputs[number] = scroll_input(volume, settings, cancelled=cancelled).values
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
        return len(self._room.inputs)

    def __getitem__(self, number: int) -> tuple[Half, NDArray[np.float32]]:  # type: ignore[override]
        """One case."""
        return self._room.inputs[number], self.truth[number]

    @property
    def inputs(self) -> Half:
        """(cases, S, L, P)."""
        return self._room.inputs

    @property
    def in_memory(self) -> bool:
        """Whether the inputs are in memory rather than in a file."""
        return self._room.in_memory


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
