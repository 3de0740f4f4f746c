"""Made patients with findings kept in files, so that a training set is drawn once."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.simulation.finding_canvas import PlacedFinding
from models.simulation.findings import BASE, FINDINGS, FindingPatient, make_finding_patient
from models.simulation.kept_patients import keep, reading
from models.simulation.simulated_patients import PatientSettings
from models.volumes import CtVolume

FINDINGS_SCHEMA = 4
"""To be raised when the same arguments give other voxels than before: older files are then made anew."""
NAMES = ("case", "hu_kji", "affine_lps", "lungs", "labels", "masks", "lesion_of", "lesions")


def finding_patient(
    seed: int, *, folder: Path | None, wanted: Mapping[str, bool], settings: PatientSettings = BASE
) -> FindingPatient:
    """As `make_finding_patient`, kept in a file in `folder` that is written when it is first asked for.

    Raises
    ------
    ModelError
        When the file that is there cannot be read, or the folder refuses a new one.
    """
    if folder is None:
        return make_finding_patient(seed, wanted=wanted, settings=settings)
    key = repr((FINDINGS_SCHEMA, settings.digest(), sorted(wanted.items())))
    place = Path(folder) / f"findings_{seed:06d}_{hashlib.sha256(key.encode()).hexdigest()[:8]}.npz"
    if place.exists():
        return _read(place)
    made = make_finding_patient(seed, folder=Path(folder), wanted=wanted, settings=settings)
    _write(place, made)
    return made


def _read(place: Path) -> FindingPatient:
    with reading(place, NAMES) as arrays:
        shape = arrays["hu_kji"].shape
        labels = {name: int(value) for name, value in zip(FINDINGS, arrays["labels"], strict=True)}
        there = [name for name in FINDINGS if labels[name]]
        masks = {name: _unpacked(bits, shape) for name, bits in zip(there, arrays["masks"], strict=True)}
        lesions = tuple(
            PlacedFinding(FINDINGS[which], (float(i), float(j), float(k)), float(size))
            for which, (i, j, k, size) in zip(arrays["lesion_of"], arrays["lesions"], strict=True)
        )
        lungs = _unpacked(arrays["lungs"], shape)
        code = str(arrays["case"])
        volume = CtVolume(arrays["hu_kji"], arrays["affine_lps"], code, code)
    return FindingPatient(code, code, volume, labels, masks, lungs, lesions)


def _write(place: Path, made: FindingPatient) -> None:
    masks = [np.packbits(mask) for mask in made.masks_kji.values()]
    rows = [(*lesion.voxel_ijk, lesion.diameter_mm) for lesion in made.lesions]
    keep(
        place,
        case=np.array(made.case),
        hu_kji=made.volume.hu_kji,
        affine_lps=made.volume.affine_lps,
        lungs=np.packbits(made.lungs_kji),
        labels=np.array([made.labels[name] for name in FINDINGS], dtype=np.uint8),
        masks=np.array(masks, dtype=np.uint8),
        lesion_of=np.array([FINDINGS.index(lesion.finding) for lesion in made.lesions], dtype=np.uint8),
        lesions=np.array(rows, dtype=np.float64).reshape(-1, 4),
    )


def _unpacked(bits: NDArray[np.uint8], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    count = int(np.prod(shape))
    if bits.shape != ((count + 7) // 8,):
        raise ValueError(f"a mask of {bits.shape} bytes for {shape} voxels")
    return np.unpackbits(bits, count=count).reshape(shape).view(bool)
