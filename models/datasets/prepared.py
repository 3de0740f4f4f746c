"""Cases ready for a network: each volume opened once, its input kept small, its paths as targets. No torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.ct_searcher.settings import SearcherSettings
from models.ct_searcher.targets import PathTargets, dwell_share, path_targets
from models.datasets.case import TrainingCase
from models.datasets.checks import check_cases, check_volume
from models.datasets.input_room import InputRoom
from models.errors import Cancelled, ModelError
from models.features.inputs import network_input
from models.volumes import CanonicalFrame, CtVolume

Progress = Callable[[int, int], None]
Stop = Callable[[], bool]
Features = Callable[[CtVolume], NDArray[np.floating[Any]]]

MEMORY_BYTES = 2**30
"""Inputs that take more are kept in a file: 650 cases of the default input fit."""


@dataclass(frozen=True, eq=False)
class Sample:
    """One case as a network takes it.

    Attributes
    ----------
    inputs
        float16, (windows, K, J, I) image of `models.features.inputs.network_input`, or (cells, channels) features.
    targets
        Of all its paths.
    dwell
        (cells,) float32 share of all readers' dwell, canonical order.
    """

    inputs: NDArray[np.float16] = field(repr=False)
    targets: PathTargets = field(repr=False)
    dwell: NDArray[np.float32] = field(repr=False)


class PreparedCases(Sequence[Sample]):
    """Every case checked, loaded once and turned into what training takes.

    Inputs are float16, in memory up to `memory_bytes` together; beyond that all of them are in a memory-mapped file in
    `folder`, which is deleted with this object. Copies sent to other processes read the same file.

    Parameters
    ----------
    features
        From a volume to (cells, channels), for networks that are given features; None: the network's own encoder gets
        the image.
    folder
        For inputs that exceed `memory_bytes`.
    progress
        Called with cases done and in all.
    cancelled
        Asked before each case.

    Raises
    ------
    ModelError
        What `check_cases` and `check_volume` refuse, an input that does not fit the settings or float16, and more
        inputs than memory where there is no folder.
    Cancelled
        `cancelled` said so.
    """

    def __init__(
        self,
        cases: Sequence[TrainingCase],
        settings: SearcherSettings,
        *,
        features: Features | None = None,
        folder: Path | None = None,
        memory_bytes: int = MEMORY_BYTES,
        progress: Progress | None = None,
        cancelled: Stop | None = None,
    ) -> None:
        check_cases(cases)
        if (features is None) != (settings.encoder == "small"):
            raise ModelError(
                f'encoder = "{settings.encoder}" {"needs" if features is None else "takes no"} features',
                remedy="prepare the cases with what the network takes",
            )
        self.cases = tuple(cases)
        self.settings = settings
        self.frames: tuple[CanonicalFrame, ...] = ()
        self.volume_sha256: dict[str, str] = {}
        """By case code, for `models.datasets.checks.check_split`."""
        self._targets: list[PathTargets] = []
        self._dwell: list[NDArray[np.float32]] = []
        self._room = self._make_room(folder, memory_bytes)
        for number, case in enumerate(self.cases):
            if cancelled is not None and cancelled():
                raise Cancelled
            self._prepare(number, case, features)
            if progress is not None:
                progress(number + 1, len(self.cases))

    def __len__(self) -> int:
        """Number of cases."""
        return len(self.cases)

    def __getitem__(self, number: int) -> Sample:  # type: ignore[override]
        """One case."""
        return Sample(self._room.inputs[number], self._targets[number], self._dwell[number])

    @property
    def in_memory(self) -> bool:
        """Whether the inputs are in memory rather than in a file."""
        return self._room.in_memory

    def _prepare(self, number: int, case: TrainingCase, features: Features | None) -> None:
        volume = case.load()
        check_volume(case, volume)
        digest = self.volume_sha256.setdefault(case.case, volume.digest())
        if digest != volume.digest():
            raise ModelError(
                f"case {case.case} is another volume in another source",
                place=case.place,
                remedy="give different scans different case codes",
            )
        frame = CanonicalFrame.of(volume.shape_kji, volume.affine_lps)
        given = network_input(volume, self.settings) if features is None else features(volume)
        wanted = self._room.inputs.shape[1:]
        if given.shape != wanted:
            raise ModelError(
                f"the network's input has shape {given.shape}, not {wanted}",
                place=case.place,
                remedy="use features of the settings' grid and channels",
            )
        with np.errstate(over="ignore"):
            half = given.astype(np.float16)
        if not np.isfinite(half).all():
            raise ModelError("the network's input has values that float16 cannot hold", place=case.place)
        self._room.inputs[number] = half
        self.frames += (frame,)
        self._targets.append(path_targets(case.paths, frame, self.settings, place=case.place))
        self._dwell.append(dwell_share(case.paths, frame, self.settings.grid_kji))

    def _make_room(self, folder: Path | None, memory_bytes: int) -> InputRoom:
        settings = self.settings
        one = (
            (len(settings.windows_hu), *settings.input_shape_kji)
            if settings.encoder == "small"
            else (settings.cells, settings.feature_channels)
        )
        return InputRoom.make((len(self.cases), *one), folder=folder, memory_bytes=memory_bytes, what="cases")
