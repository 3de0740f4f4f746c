"""Training cases from gaze on chest radiographs, brought into CT volumes: a prior on places, with no true depth.

A radiograph's patient is given to one CT patient only, so that a split by CT patient keeps one person's gaze in one
part however often it is lifted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.datasets.case import TrainingCase
from models.datasets.making import Progress, Stop, made_in_order
from models.datasets.simulated import check_seeds, patient_of_seed
from models.datasets.splits import in_drawn_order
from models.errors import ModelError
from models.scanpath import Scanpath
from models.simulation.lifting import WHOLE_PICTURE, BoxShare, lift, seen_from_front
from models.simulation.radiograph_reader import simulated_radiograph_gaze
from models.simulation.simulated_patients import PatientSettings
from models.volumes import CtVolume

Floats = NDArray[np.float64]
USUAL = PatientSettings()


@dataclass(frozen=True, eq=False)
class RadiographReading:
    """One reader's fixations on one frontal chest radiograph.

    Attributes
    ----------
    points_xy_share
        (N, 2) shares of the picture, from the patient's right to left and from the top down.
    duration_s
        (N,) seconds.
    onset_s
        (N,) seconds, or None when not known.
    who, picture, patient
        Codes; the patient is the radiograph's.
    lungs_in_picture
        Where the lungs lie: left, top, right, bottom in shares.
    place
        File and record, for messages.
    """

    points_xy_share: Floats = field(repr=False)
    duration_s: Floats = field(repr=False)
    onset_s: Floats | None = field(repr=False)
    who: str
    picture: str
    patient: str
    lungs_in_picture: BoxShare = WHOLE_PICTURE
    place: str = ""


@dataclass(frozen=True)
class LungVolume:
    """A CT whose lungs are known, to lift gaze into.

    Attributes
    ----------
    load
        The volume and its lungs (slices, rows, columns).
    """

    case: str
    patient: str
    place: str
    load: Callable[[], tuple[CtVolume, NDArray[np.bool_]]] = field(repr=False)


def made_volumes(
    count: int, *, first_seed: int = 0, folder: Path | None = None, settings: PatientSettings = USUAL
) -> list[LungVolume]:
    """Made patients to lift into; nothing is made yet.

    Raises
    ------
    ModelError
        When the seeds run into the next part's (`models.datasets.simulated`), or there is no patient.
    """
    if count < 1 or first_seed < 0:
        raise ModelError(f"{count} patients from seed {first_seed}", place="lifted cases", remedy="at least one")
    check_seeds(count, first_seed)
    names = [(seed, f"simulated-{seed:06d}") for seed in range(first_seed, first_seed + count)]
    return [
        LungVolume(name, name, f"simulated patient {seed}", partial(_volume_and_lungs, seed, folder, settings))
        for seed, name in names
    ]


def lifted_cases(
    readings: Sequence[RadiographReading],
    volumes: Sequence[LungVolume],
    *,
    paths_per_case: int = 4,
    seed: int = 0,
    progress: Progress | None = None,
    cancelled: Stop | None = None,
    workers: int = 1,
) -> list[TrainingCase]:
    """Give each volume `paths_per_case` readings, all of radiographs whose patients no other CT patient gets.

    A volume with fewer readings gets them again with other depths.

    Raises
    ------
    ModelError
        When there are fewer radiograph patients than CT patients, a reading is empty, or lungs are not there.
    Cancelled
        `cancelled` said so.
    """
    if paths_per_case < 1:
        raise ModelError(f"{paths_per_case} paths a case", place="lifted cases", remedy="at least one")
    for reading in readings:
        if not len(reading.points_xy_share):
            raise ModelError("there is no fixation on the picture", place=reading.place, remedy="leave it out")
    dealt = _dealt(readings, volumes, seed)
    jobs = [(volume, tuple(dealt[volume.patient])) for volume in volumes]
    task = partial(_lift_readings, paths=paths_per_case, seed=seed)
    made = made_in_order(task, jobs, workers=workers, progress=progress, cancelled=cancelled)
    return [_case(volume, paths) for volume, paths in zip(volumes, made, strict=True)]


def lifted_simulated_cases(
    count: int,
    *,
    first_seed: int = 0,
    paths_per_case: int = 4,
    folder: Path | None = None,
    settings: PatientSettings = USUAL,
    seed: int = 0,
    progress: Progress | None = None,
    cancelled: Stop | None = None,
    workers: int = 1,
) -> list[TrainingCase]:
    """The same with simulated readers of the CT's own radiograph, where no recorded gaze may be used.

    Raises
    ------
    ModelError
        As `made_volumes` and `lifted_cases`.
    Cancelled
        `cancelled` said so.
    """
    if paths_per_case < 1:
        raise ModelError(f"{paths_per_case} paths a case", place="lifted cases", remedy="at least one")
    volumes = made_volumes(count, first_seed=first_seed, folder=folder, settings=settings)
    task = partial(_lift_simulated, paths=paths_per_case, folder=folder, settings=settings, seed=seed)
    jobs = [(volume, first_seed + number) for number, volume in enumerate(volumes)]
    made = made_in_order(task, jobs, workers=workers, progress=progress, cancelled=cancelled)
    return [_case(volume, paths) for volume, paths in zip(volumes, made, strict=True)]


def _volume_and_lungs(seed: int, folder: Path | None, settings: PatientSettings) -> tuple[CtVolume, NDArray[np.bool_]]:
    patient = patient_of_seed(seed, folder, settings)
    return patient.volume, patient.lungs_kji


def _volume_alone(volume: LungVolume) -> CtVolume:
    return volume.load()[0]


def _lungs_alone(volume: LungVolume) -> NDArray[np.bool_]:
    return volume.load()[1]


def _case(volume: LungVolume, paths: tuple[Scanpath, ...]) -> TrainingCase:
    return TrainingCase(
        case=volume.case,
        patient=volume.patient,
        origin="lifted",
        place=volume.place,
        load=partial(_volume_alone, volume),
        paths=paths,
        load_lungs=partial(_lungs_alone, volume),
    )


def _dealt(
    readings: Sequence[RadiographReading], volumes: Sequence[LungVolume], seed: int
) -> dict[str, list[RadiographReading]]:
    """Readings by CT patient, the same whatever the order of both."""
    people = in_drawn_order({reading.patient for reading in readings}, seed)
    patients = in_drawn_order({volume.patient for volume in volumes}, seed)
    if len(people) < len(patients):
        raise ModelError(
            f"{len(patients)} CT patients need radiographs of as many patients; there are {len(people)}",
            place="lifted cases",
            remedy=f"use {len(people)} volumes or fewer" if people else "add gaze",
        )
    owner = {person: patients[number % len(patients)] for number, person in enumerate(people)}
    dealt: dict[str, list[RadiographReading]] = {patient: [] for patient in patients}
    for reading in sorted(readings, key=lambda each: (each.picture, each.who, each.place)):
        dealt[owner[reading.patient]].append(reading)
    return dealt


def _lift_readings(
    job: tuple[LungVolume, tuple[RadiographReading, ...]], *, paths: int, seed: int
) -> tuple[Scanpath, ...]:
    volume, readings = job
    ct, lungs = volume.load()
    order = np.random.default_rng(_number(seed, volume.case)).permutation(len(readings))
    chosen = [readings[order[number % len(readings)]] for number in range(paths)]
    return tuple(_lift(reading, volume, ct, lungs, number, seed) for number, reading in enumerate(chosen, start=1))


def _lift_simulated(
    job: tuple[LungVolume, int], *, paths: int, folder: Path | None, settings: PatientSettings, seed: int
) -> tuple[Scanpath, ...]:
    volume, patient_seed = job
    patient = patient_of_seed(patient_seed, folder, settings)
    places = np.array([lesion.voxel_ijk for lesion in patient.lesions]).reshape(-1, 3)
    findings = [(float(x), float(y)) for x, y in seen_from_front(places, patient.volume, patient.lungs_kji)]
    found = []
    for number in range(1, paths + 1):
        who = f"radiograph-{number}"
        random = np.random.default_rng(_number(seed, volume.case, who))
        gaze = simulated_radiograph_gaze(random, findings_xy_share=findings)
        reading = RadiographReading(
            gaze.points_xy_share, gaze.duration_s, gaze.onset_s, who, volume.case, volume.patient, place=volume.place
        )
        found.append(_lift(reading, volume, patient.volume, patient.lungs_kji, number, seed))
    return tuple(found)


def _lift(
    reading: RadiographReading, volume: LungVolume, ct: CtVolume, lungs: NDArray[np.bool_], number: int, seed: int
) -> Scanpath:
    if not lungs.any():
        raise ModelError("there are no lungs to lift gaze into", place=volume.place, remedy="leave this volume out")
    try:
        path = lift(
            reading.points_xy_share,
            reading.duration_s,
            ct,
            lungs,
            seed=_number(seed, volume.case, reading.picture, reading.who, str(number)),
            lungs_in_picture=reading.lungs_in_picture,
            onset_s=reading.onset_s,
            who=reading.who,
        )
    except ValueError as error:
        raise ModelError(
            f"the gaze on {reading.picture} cannot be lifted into {volume.case}: {error}", place=reading.place
        ) from error
    return replace(path, case=volume.case, patient=volume.patient, trial=f"{reading.picture} {number}")


def _number(seed: int, *codes: str) -> int:
    """A seed that differs wherever one of these does."""
    return int.from_bytes(hashlib.sha256(repr((seed, codes)).encode()).digest()[:4])
