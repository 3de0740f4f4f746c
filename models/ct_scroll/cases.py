"""The cases that a training configuration names, dealt to its parts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from models.ct_scroll.config import CtRateSource, RadChestCtSource, ScrollConfig, SimulatedSource, Source
from models.datasets.finding_cases import labelled_cases
from models.datasets.labelled_case import LabelledCase
from models.datasets.labelled_volumes import ct_rate_cases, rad_chestct_cases
from models.datasets.making import counted_from
from models.datasets.splits import Split, split_as_declared, split_by_patient
from models.training.recipes import read_recipe as read_any_recipe

Progress = Callable[[int, int], None]


def read_recipe(name: str) -> ScrollConfig:
    """The training configuration of a file or of a shipped recipe; raises as `models.training.recipes.read_recipe`."""
    return read_any_recipe(name, ScrollConfig, architecture="ct_scroll")


def cases_of(
    config: ScrollConfig, *, cache: Path, workers: int = 1, progress: Progress | None = None
) -> Split[LabelledCase]:
    """The cases of every source, split by patient as the configuration says.

    Parameters
    ----------
    cache
        Folder for made patients, where the configuration names none.
    workers
        Processes that make patients.
    progress
        Called with patients made and in all.

    Raises
    ------
    ModelError
        What the sources refuse, and splits that cannot be.
    """
    data = config.data
    folder = (data.cache or cache) / "patients"
    counts = [source.count if isinstance(source, SimulatedSource) else 0 for source in data.source]
    cases: list[LabelledCase] = []
    for number, source in enumerate(data.source):
        cases += _cases(source, folder, workers, counted_from(progress, sum(counts[:number]), sum(counts)))
    if data.split == "patient":
        return split_by_patient(cases, data.shares, data.split_seed)
    return split_as_declared(cases, data.validation_share, data.split_seed)


def _cases(source: Source, folder: Path, workers: int, progress: Progress | None) -> list[LabelledCase]:
    match source:
        case SimulatedSource():
            return labelled_cases(
                source.count,
                first_seed=source.first_seed,
                draws=source.draws,
                folder=folder,
                workers=workers,
                progress=progress,
            )
        case CtRateSource():
            return ct_rate_cases(source.labels, source.volumes, metadata=source.metadata)
        case RadChestCtSource():
            return rad_chestct_cases(source.labels, source.volumes, metadata=source.metadata, names=source.names)
