"""The cases and features that a training configuration names."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.ct_searcher.config import CtScanGazeSource, LiftedSource, SessionsSource, SimulatedSource

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from models.ct_searcher.config import SearcherConfig, Source
    from models.datasets.case import TrainingCase
    from models.datasets.picture_case import PictureCase
    from models.datasets.prepared import Features
    from models.datasets.splits import Split
    from models.families import Family
    from models.gaze_classifier.config import EgdSource
    from models.volumes import CtVolume

Progress = Callable[[int, int], None]


def split_of(
    config: SearcherConfig, *, workers: int | None = None, progress: Progress | None = None
) -> Split[TrainingCase]:
    """Every source's cases, split as configured.

    Parameters
    ----------
    workers
        Processes that make patients; None: one a core.

    Raises
    ------
    ModelError, CTGazeError
        When a source cannot be read, or the cases cannot be split.
    """
    from models.datasets.splits import split_as_declared, split_by_patient

    data = config.data
    cases: list[TrainingCase] = []
    for source in data.source:
        cases += cases_of(source, cache_of(config), workers or os.cpu_count() or 1, progress)
    if data.split == "declared":
        return split_as_declared(cases, data.shares[1], data.split_seed)
    return split_by_patient(cases, data.shares, data.split_seed)


def family_cases(
    name: str, family: Family, config: Any, *, workers: int | None = None, progress: Progress | None = None
) -> Split[Any]:
    """The cases that the configuration of any other architecture names.

    Parameters
    ----------
    name
        Of the architecture: a family whose configuration knows sources that only the application can read is given
        what reads them.

    Raises
    ------
    ModelError, CTGazeError
        As `split_of`.
    """
    own: dict[str, Any] = {"sources": {"egd": _egd_cases}} if name == "gaze_classifier" else {}
    found: Split[Any] = family.cases_of(
        config, cache=usual_cache(), workers=workers or os.cpu_count() or 1, progress=progress, **own
    )
    return found


def _egd_cases(source: EgdSource) -> list[PictureCase]:
    from ctgaze_app.formats.radiograph_training import cases_of_source

    return cases_of_source(source)


def cases_of(source: Source, cache: Path, workers: int, progress: Progress | None = None) -> list[TrainingCase]:
    """The cases of one source; made patients are kept in `cache`."""
    from models.datasets.lifted import lifted_simulated_cases, made_volumes
    from models.datasets.simulated import simulated_cases
    from models.simulation.search_reader import TRAINING_FAMILIES

    making: dict[str, Any] = {"workers": workers, "progress": progress}
    match source:
        case SimulatedSource():
            return simulated_cases(
                source.count, first_seed=source.first_seed, families=source.families or TRAINING_FAMILIES,
                readers_per_case=source.readers_per_case, folder=cache / "patients", **making,
            )  # fmt: skip
        case LiftedSource():
            made: dict[str, Any] = {"first_seed": source.first_seed, "folder": cache / "patients"}
            if source.folder is None:
                return lifted_simulated_cases(source.count, paths_per_case=source.paths_per_case, **made, **making)
            from ctgaze_app.formats.training_sources import lifted_cases_from_egd

            return lifted_cases_from_egd(
                source.folder, made_volumes(source.count, **made), options=source.options,
                paths_per_case=source.paths_per_case, **making,
            )  # fmt: skip
        case SessionsSource():
            from ctgaze_app.formats.training_sources import cases_from_sessions

            return cases_from_sessions(source.folders, progress=progress)
        case CtScanGazeSource():
            from ctgaze_app.formats.training_sources import cases_from_ct_scangaze

            return cases_from_ct_scangaze(source.file, source.volumes, source.options)


def features_of(config: SearcherConfig, device: str = "auto") -> Features | None:
    """What makes the features of a volume, kept once made; None for a network with its own encoder.

    Raises
    ------
    ModelError
        When the device cannot be used.
    """
    table = config.data.features
    if table is None:
        return None
    from models.features.cache import FeatureCache, cached_features
    from models.features.devices import choose_device
    from models.features.swin_unetr import SwinUnetr, SwinUnetrSettings

    encoder = SwinUnetr(SwinUnetrSettings(weights=table.weights, published=table.faithful))
    cache, chosen = FeatureCache(cache_of(config) / "features"), choose_device(device)
    grid = config.model.settings.grid_kji

    def features(volume: CtVolume) -> NDArray[np.float32]:
        found = cached_features(cache, encoder, volume, grid, device=chosen).features
        assert found is not None
        return found

    return features


def cache_of(config: SearcherConfig) -> Path:
    """Folder for patients and features once made."""
    return config.data.cache if config.data.cache is not None else usual_cache()


def usual_cache() -> Path:
    """Where patients are kept when no configuration names a folder."""
    from platformdirs import user_cache_path

    return user_cache_path("ctgaze") / "training"
