"""The pictures that a training configuration names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from models.datasets.finding_cases import slice_cases
from models.datasets.making import counted_from
from models.datasets.picture_case import PictureCase
from models.datasets.picture_folders import kvasir_cases, prostate_cases
from models.datasets.splits import Split, split_as_declared, split_by_patient
from models.errors import ModelError
from models.gaze_segmentation.config import DataTable, SegmentationConfig, SimulatedSlices, Source

Progress = Callable[[int, int], None]
PATIENTS = "patients"


def cases_of(
    config: SegmentationConfig, *, cache: Path, workers: int = 1, progress: Progress | None = None
) -> Split[PictureCase]:
    """Every case of the configuration's sources, split by patient as it says.

    Parameters
    ----------
    cache
        Keeps made patients (below ``patients``); the configuration's own goes before it.
    workers
        Processes that make patients.
    progress
        Called with made patients done and in all.

    Raises
    ------
    ModelError
        A source that cannot be read, codes that occur twice, or too few patients for the split.
    """
    data = config.data
    folder = (data.cache or cache) / PATIENTS
    total = sum(source.count for source in data.source if isinstance(source, SimulatedSlices))
    cases: list[PictureCase] = []
    before = 0
    for source in data.source:
        cases.extend(_read(source, folder, workers, counted_from(progress, before, total)))
        before += source.count if isinstance(source, SimulatedSlices) else 0
    _check_codes(cases)
    return _split(data, cases)


def _read(source: Source, folder: Path, workers: int, progress: Progress | None) -> list[PictureCase]:
    if isinstance(source, SimulatedSlices):
        return slice_cases(
            source.count, first_seed=source.first_seed, finding=source.finding,
            slices_per_patient=source.slices_per_patient, folder=folder, workers=workers, progress=progress,
        )  # fmt: skip
    read = kvasir_cases if source.kind == "kvasir" else prostate_cases
    return read(source.folder, source.fixations)


def _check_codes(cases: list[PictureCase]) -> None:
    known: dict[str, str] = {}
    for case in cases:
        if case.case in known:
            raise ModelError(
                f"case {case.case} is there a second time, first in {known[case.case]}",
                place=case.place,
                remedy="name each source once",
            )
        known[case.case] = case.place
    if not cases:
        raise ModelError("there is no picture in the training set", remedy="name a source that holds one")


def _split(data: DataTable, cases: list[PictureCase]) -> Split[PictureCase]:
    if data.split == "declared":
        return split_as_declared(cases, data.validation_share, data.split_seed)
    return split_by_patient(cases, data.shares, data.split_seed)
