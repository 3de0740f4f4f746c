"""Training cases from simulated readers over made patients: any number, the same again for the same seeds.

Every part of a split has its own band of seeds, so that a test set made on its own cannot hold a training patient.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from models.datasets.case import PARTS, Lesion, Part, TrainingCase
from models.datasets.making import Progress, Stop, made_in_order
from models.errors import ModelError
from models.scanpath import Scanpath
from models.simulation.search_reader import FAMILIES, TRAINING_FAMILIES, read_case
from models.simulation.simulated_patients import PatientSettings, SimulatedPatient, load_patient, make_patient
from models.volumes import CtVolume

SEEDS_PER_PART = 1_000_000
FIRST_SEED: Mapping[Part, int] = MappingProxyType({part: n * SEEDS_PER_PART for n, part in enumerate(PARTS)})
"""Where each part's band of patient seeds begins; the last band has no end."""

USUAL = PatientSettings()
Made = tuple[tuple[Scanpath, ...], tuple[Lesion, ...]]


def simulated_cases(
    count: int,
    *,
    first_seed: int = FIRST_SEED["train"],
    families: Sequence[str] = TRAINING_FAMILIES,
    readers_per_case: int = 4,
    folder: Path | None = None,
    settings: PatientSettings = USUAL,
    progress: Progress | None = None,
    cancelled: Stop | None = None,
    workers: int = 1,
) -> list[TrainingCase]:
    """Make patients `first_seed` to ``first_seed + count - 1`` and have each read.

    Parameters
    ----------
    families
        Of readers (`models.simulation.search_reader`), in turn.
    readers_per_case
        Paths on each patient. The same readers read all patients: ``<family>-1``, ``<family>-2``, ...
    folder
        Keeps the patients in files; without it they are made again whenever a volume is loaded.
    progress
        Called with patients done and in all.
    cancelled
        Asked after each patient.
    workers
        Processes that make patients; the cases are the same for any number.

    Raises
    ------
    ModelError
        When a number cannot be, a family is not known, the seeds run into the next part's, or a process died.
    Cancelled
        `cancelled` said so.
    """
    _check(count, first_seed, families, readers_per_case)
    task = partial(_make, families=tuple(families), readers=readers_per_case, folder=folder, settings=settings)
    seeds = range(first_seed, first_seed + count)
    made = made_in_order(task, seeds, workers=workers, progress=progress, cancelled=cancelled)
    return [_case(seed, paths, lesions, folder, settings) for seed, (paths, lesions) in zip(seeds, made, strict=True)]


def patient_of_seed(seed: int, folder: Path | None, settings: PatientSettings) -> SimulatedPatient:
    """Made anew, or through the files in a folder."""
    return make_patient(seed, settings=settings) if folder is None else load_patient(seed, settings, Path(folder))


def volume_of_seed(seed: int, folder: Path | None, settings: PatientSettings) -> CtVolume:
    """The volume of `patient_of_seed`."""
    return patient_of_seed(seed, folder, settings).volume


def lungs_of_seed(seed: int, folder: Path | None, settings: PatientSettings) -> NDArray[np.bool_]:
    """The lungs of `patient_of_seed`."""
    return patient_of_seed(seed, folder, settings).lungs_kji


def check_seeds(count: int, first_seed: int) -> None:
    """Refuse seeds that run from one part's band into the next."""
    last = first_seed + count - 1
    for part in PARTS[1:]:
        if first_seed < FIRST_SEED[part] <= last:
            raise ModelError(
                f"patients {first_seed} to {last} run into the seeds of the {part} part, which begin at "
                f"{FIRST_SEED[part]}",
                remedy="choose another first seed or fewer patients",
            )


def _case(
    seed: int, paths: tuple[Scanpath, ...], lesions: tuple[Lesion, ...], folder: Path | None, settings: PatientSettings
) -> TrainingCase:
    return TrainingCase(
        case=paths[0].case,
        patient=paths[0].patient,
        origin="simulated",
        place=f"simulated patient {seed}",
        load=partial(volume_of_seed, seed, folder, settings),
        paths=paths,
        lesions=lesions,
        load_lungs=partial(lungs_of_seed, seed, folder, settings),
    )


def _make(
    seed: int, *, families: tuple[str, ...], readers: int, folder: Path | None, settings: PatientSettings
) -> Made:
    patient = patient_of_seed(seed, folder, settings)
    paths = []
    for number in range(readers):
        family = families[number % len(families)]
        paths.append(read_case(patient, family, seed=seed, reader=f"{family}-{number // len(families) + 1}"))
    return tuple(paths), patient.lesions


def _check(count: int, first_seed: int, families: Sequence[str], readers: int) -> None:
    if count < 1 or first_seed < 0 or readers < 1:
        raise ModelError(
            f"{count} patients from seed {first_seed}, {readers} readers each",
            place="simulated cases",
            remedy="at least one of each, seeds from 0",
        )
    unknown = [name for name in families if name not in FAMILIES]
    if unknown or not families:
        raise ModelError(
            f"there is no family of readers {unknown[0]!r}" if unknown else "no family of readers is named",
            place="simulated cases",
            remedy=f"families: {', '.join(FAMILIES)}",
        )
    check_seeds(count, first_seed)
