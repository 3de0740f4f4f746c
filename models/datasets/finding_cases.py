"""Training sets of made patients with findings: volumes with labels, slices with gaze, radiographs with gaze.

Every part of a split has its own band of seeds (`models.datasets.simulated.FIRST_SEED`); each case declares its part.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from models.datasets.case import PARTS, Part
from models.datasets.finding_files import finding_patient
from models.datasets.labelled_case import LabelledCase
from models.datasets.making import Progress, Stop, made_in_order
from models.datasets.picture_case import PictureCase
from models.datasets.simulated import FIRST_SEED, check_seeds
from models.errors import ModelError
from models.simulation.chest_radiograph import frontal_radiograph, radiograph_labels, read_radiograph
from models.simulation.finding_gaze import mark_structure
from models.simulation.findings import BASE, FINDINGS, FindingPatient, with_findings
from models.simulation.simulated_patients import PatientSettings, body_axes, load_patient, make_patient
from models.volumes import CtVolume, PictureVolume

Made = TypeVar("Made")

SLICE_SIDE_MM: Mapping[str, float] = MappingProxyType(
    {
        "nodule": 90.0,
        "opacity": 160.0,
        "effusion": 240.0,
        "emphysema": 160.0,
        "calcification": 110.0,
        "cardiomegaly": 260.0,
    }
)
"""Side of the square that a slice's picture shows, by finding: as a person would zoom to outline it."""
SLICE_PIXELS = 128
SEEDS_OF_DRAW = 10_000_000
"""Between the seeds of one draw of findings on a body and of the next."""
_FEWEST_MM2 = 25.0
_RADIOGRAPH_KINDS: tuple[Mapping[str, bool], ...] = (
    {"cardiomegaly": False, "effusion": False, "opacity": False},
    {"cardiomegaly": True, "effusion": True, "opacity": False},
    {"cardiomegaly": True, "effusion": False, "opacity": False},
    {"cardiomegaly": False, "effusion": True, "opacity": False},
    {"cardiomegaly": False, "effusion": False, "opacity": True},
)
_KIND_CHANCES = (1 / 3, 1 / 9, 1 / 9, 1 / 9, 1 / 3)


def labelled_cases(
    count: int,
    *,
    first_seed: int = FIRST_SEED["train"],
    draws: int = 1,
    folder: Path | None = None,
    workers: int = 1,
    progress: Progress | None = None,
    cancelled: Stop | None = None,
    settings: PatientSettings = BASE,
) -> list[LabelledCase]:
    """Patients `first_seed` to ``first_seed + count - 1`` with a label and a mask for each of `FINDINGS`.

    Parameters
    ----------
    draws
        Scans of each patient: on the same body, findings and noise are drawn so often. All of them are the patient's,
        so that no split parts them; cases of later ones end in ``-2``, ``-3``.
    folder
        Keeps the patients in files, without findings of later draws, which are drawn again whenever a volume is
        loaded; without a folder all is made again then.
    workers
        Processes that make patients; the cases are the same for any number.
    progress
        Called with patients done and in all.
    cancelled
        Asked after each patient.

    Raises
    ------
    ModelError
        When a number cannot be, the seeds run into the next part's, a file cannot be read, or a process died.
    Cancelled
        `cancelled` said so.
    """
    task = partial(_labels, draws=draws, folder=folder, settings=settings)
    made = _made(task, count, first_seed, workers, progress, cancelled)
    return [
        LabelledCase(
            case=patient if draw == 0 else f"{patient}-{draw + 1}",
            patient=patient,
            origin="simulated",
            place=f"simulated patient {seed}",
            labels=labels,
            load=partial(_volume, seed, draw, folder, settings),
            declared_part=part_of_seed(seed),
            load_masks=partial(_masks, seed, draw, folder, settings),
        )
        for seed, (patient, scans) in made
        for draw, labels in enumerate(scans)
    ]


def slice_cases(
    count: int,
    *,
    first_seed: int = FIRST_SEED["train"],
    finding: str = "opacity",
    slices_per_patient: int = 3,
    folder: Path | None = None,
    workers: int = 1,
    progress: Progress | None = None,
    cancelled: Stop | None = None,
    settings: PatientSettings = BASE,
) -> list[PictureCase]:
    """Slices of `count` patients who all have the finding, with its true mask and gaze that marks it.

    A picture is float32 Hounsfield units, `SLICE_PIXELS` wide and high, of a square of `SLICE_SIDE_MM` around the
    finding, which lies anywhere in its middle half. Patients with the finding on fewer slices give fewer pictures.

    Parameters
    ----------
    finding
        One of `FINDINGS`; ``cardiomegaly`` gives the heart. The other findings are drawn.
    folder, workers, progress, cancelled
        As in `labelled_cases`.

    Raises
    ------
    ModelError, Cancelled
        As `labelled_cases`; or when there is no such finding.
    """
    if finding not in FINDINGS:
        raise ModelError(f"there is no finding {finding!r}", remedy=f"one of {', '.join(FINDINGS)}")
    if slices_per_patient < 1:
        raise ModelError(f"{slices_per_patient} slices of each patient", remedy="at least one")
    task = partial(_slices, finding=finding, most=slices_per_patient, folder=folder, settings=settings)
    return [case for _, cases in _made(task, count, first_seed, workers, progress, cancelled) for case in cases]


def radiograph_cases(
    count: int,
    *,
    first_seed: int = FIRST_SEED["train"],
    folder: Path | None = None,
    workers: int = 1,
    progress: Progress | None = None,
    cancelled: Stop | None = None,
    settings: PatientSettings = BASE,
) -> list[PictureCase]:
    """Frontal radiographs of `count` patients with one of three labels and a reader's gaze.

    The labels ``Normal``, ``CHF`` and ``Pneumonia`` exclude each other and are equally frequent.

    Parameters
    ----------
    folder, workers, progress, cancelled
        As in `labelled_cases`.

    Raises
    ------
    ModelError, Cancelled
        As `labelled_cases`.
    """
    task = partial(_radiograph, folder=folder, settings=settings)
    return [case for _, case in _made(task, count, first_seed, workers, progress, cancelled)]


def part_of_seed(seed: int) -> Part:
    """The part in whose band of seeds a patient lies."""
    return [part for part in PARTS if FIRST_SEED[part] <= seed][-1]


def _made(
    task: Callable[[int], Made],
    count: int,
    first_seed: int,
    workers: int,
    progress: Progress | None,
    cancelled: Stop | None,
) -> list[tuple[int, Made]]:
    if count < 1 or first_seed < 0:
        raise ModelError(f"{count} patients from seed {first_seed}", remedy="at least one patient, seeds from 0")
    check_seeds(count, first_seed)
    seeds = range(first_seed, first_seed + count)
    made = made_in_order(task, seeds, workers=workers, progress=progress, cancelled=cancelled)
    return list(zip(seeds, made, strict=True))


def _labels(
    seed: int, *, draws: int, folder: Path | None, settings: PatientSettings
) -> tuple[str, list[dict[str, int]]]:
    patients = [_scan(seed, draw, folder, settings) for draw in range(draws)]
    return patients[0].patient, [patient.labels for patient in patients]


def _volume(seed: int, draw: int, folder: Path | None, settings: PatientSettings) -> CtVolume:
    return _scan(seed, draw, folder, settings).volume


def _masks(seed: int, draw: int, folder: Path | None, settings: PatientSettings) -> Mapping[str, NDArray[np.bool_]]:
    return _scan(seed, draw, folder, settings).masks_kji


@lru_cache(maxsize=1)  # volume and masks of a case are asked for one after the other
def _scan(seed: int, draw: int, folder: Path | None, settings: PatientSettings) -> FindingPatient:
    if draw == 0:
        return finding_patient(seed, folder=folder, wanted={}, settings=settings)
    base = make_patient(seed, settings=settings) if folder is None else load_patient(seed, settings, folder)
    return with_findings(base, body_axes(seed, settings=settings), seed + draw * SEEDS_OF_DRAW)


def _slices(seed: int, *, finding: str, most: int, folder: Path | None, settings: PatientSettings) -> list[PictureCase]:
    patient = finding_patient(seed, folder=folder, wanted={finding: True}, settings=settings)
    spacing = np.linalg.norm(patient.volume.affine_lps[:3, :3], axis=0)
    mask = patient.masks_kji.get(finding)
    if mask is None:
        return []
    rng = np.random.default_rng([seed, 61, FINDINGS.index(finding)])
    area = mask.sum(axis=(1, 2))
    shown = np.flatnonzero(area >= max(_FEWEST_MM2 / (spacing[0] * spacing[1]), 0.2 * area.max()))
    chosen = np.sort(rng.choice(shown, min(most, len(shown)), replace=False))
    return [_slice_case(seed, patient, finding, mask[k], int(k), rng) for k in chosen]


def _slice_case(
    seed: int,
    patient: FindingPatient,
    finding: str,
    mask_ji: NDArray[np.bool_],
    k: int,
    rng: np.random.Generator,
) -> PictureCase:
    spacing = np.linalg.norm(patient.volume.affine_lps[:3, :3], axis=0)
    side_mm = SLICE_SIDE_MM[finding]
    rows, columns = np.nonzero(mask_ji)
    middle_mm = np.array([columns.mean() * spacing[0], rows.mean() * spacing[1]])
    corner_mm = middle_mm - side_mm * rng.uniform(0.25, 0.75, 2)
    centres = (np.arange(SLICE_PIXELS) + 0.5) * side_mm / SLICE_PIXELS
    where = np.meshgrid((corner_mm[1] + centres) / spacing[1], (corner_mm[0] + centres) / spacing[0], indexing="ij")
    hu = patient.volume.hu_kji[k].astype(np.float32)
    shown = map_coordinates(hu, where, order=1, mode="constant", cval=-1024.0).astype(np.float32)
    mask = map_coordinates(mask_ji.astype(np.float32), where, order=1, mode="constant") >= 0.5
    affine = patient.volume.affine_lps.copy()
    pixel_mm = side_mm / SLICE_PIXELS
    first = np.array([where[1][0, 0], where[0][0, 0], k, 1.0])
    affine[:, 3] = patient.volume.affine_lps @ first
    affine[:3, 0] *= pixel_mm / spacing[0]
    affine[:3, 1] *= pixel_mm / spacing[1]
    code = f"{patient.case}-{finding}-{k:03d}"
    return PictureCase(
        case=code,
        patient=patient.patient,
        origin="simulated",
        place=f"simulated patient {seed}, slice {k}",
        load=partial(_given_picture, PictureVolume(shown[None], affine, code, patient.patient)),
        gaze=mark_structure(mask, rng),
        load_mask=partial(_given_mask, mask),
        declared_part=part_of_seed(seed),
    )


def _radiograph(seed: int, *, folder: Path | None, settings: PatientSettings) -> PictureCase:
    rng = np.random.default_rng([seed, 62])
    wanted = _RADIOGRAPH_KINDS[int(rng.choice(len(_RADIOGRAPH_KINDS), p=_KIND_CHANCES))]
    patient = finding_patient(seed, folder=folder, wanted=wanted, settings=settings)
    radiograph = frontal_radiograph(patient.volume, patient.lungs_kji)
    code = f"{patient.case}-frontal"
    pixel_mm = radiograph.pixel_mm
    # Columns run to the patient's left, rows to the feet; the picture has no depth.
    affine = np.array([[pixel_mm, 0, 0, 0], [0, 0, 1, 0], [0, -pixel_mm, 0, 0], [0, 0, 0, 1.0]])
    return PictureCase(
        case=code,
        patient=patient.patient,
        origin="simulated",
        place=f"simulated patient {seed}",
        load=partial(_given_picture, PictureVolume(radiograph.values_ji[None], affine, code, patient.patient)),
        gaze=read_radiograph(patient, radiograph, rng),
        labels=radiograph_labels(patient.labels),
        declared_part=part_of_seed(seed),
    )


def _given_picture(picture: PictureVolume) -> PictureVolume:
    return picture


def _given_mask(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return mask
