"""The cases that a configuration names, split by patient."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from models.datasets.finding_cases import radiograph_cases
from models.datasets.making import counted_from
from models.datasets.picture_case import PictureCase
from models.datasets.splits import Split, split_as_declared, split_by_patient
from models.errors import ModelError
from models.families import Progress
from models.gaze_classifier.config import ClassifierConfig, SimulatedSource

Reader = Callable[[Any], list[PictureCase]]
"""Cases of a source whose files this package cannot read."""


def cases_of(
    config: ClassifierConfig,
    *,
    cache: Path,
    workers: int = 1,
    progress: Progress | None = None,
    sources: Mapping[str, Reader] | None = None,
) -> Split[PictureCase]:
    """Every source's cases.

    Parameters
    ----------
    cache
        Folder whose ``patients`` keeps what is made.
    workers
        Processes that make patients.
    progress
        Called with patients made and in all.
    sources
        By kind of source, what reads it; the application gives ``egd``.

    Raises
    ------
    ModelError
        A source that cannot be read, or cases that cannot be split.
    """
    data = config.data
    folder = (cache if data.cache is None else data.cache) / "patients"
    total = sum(source.count for source in data.source if isinstance(source, SimulatedSource))
    cases: list[PictureCase] = []
    made = 0
    for source in data.source:
        if isinstance(source, SimulatedSource):
            cases += radiograph_cases(
                source.count,
                first_seed=source.first_seed,
                folder=folder,
                workers=workers,
                progress=counted_from(progress, made, total),
            )
            made += source.count
        elif source.kind in (sources or {}):
            assert sources is not None
            cases += sources[source.kind](source)
        else:
            raise ModelError(
                f"nothing here reads sources of the kind {source.kind}",
                place="data.source",
                remedy="train with ctgaze model train, which reads these tables",
            )
    if data.split == "declared":
        return split_as_declared(cases, data.shares[1], data.split_seed)
    return split_by_patient(cases, data.shares, data.split_seed)
