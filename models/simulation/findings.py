"""Made chest CTs with labelled findings, drawn independently of each other onto patients without any.

What the scan looks like (`models.simulation.scan_variation`) and what says nothing (size of the normal heart, lime in
the rib cartilage) is drawn independently too, so that no count of Hounsfield units tells a finding.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from models.simulation.body_shape import BodyShape, reshape_body
from models.simulation.calcifications import draw_cartilage_lime, draw_plaques
from models.simulation.finding_canvas import Canvas, Mask, PlacedFinding
from models.simulation.lung_findings import ball_mm, draw_emphysema, draw_nodules, draw_opacities, middle_of
from models.simulation.pleural_effusion import draw_effusion
from models.simulation.scan_variation import vary_scan
from models.simulation.simulated_patients import (
    BodyAxes,
    PatientSettings,
    SimulatedPatient,
    body_axes,
    load_patient,
    make_patient,
)
from models.simulation.tissue_variation import draw_dependent_density, vary_tissue
from models.volumes import CtVolume

FINDINGS = ("nodule", "opacity", "effusion", "emphysema", "calcification", "cardiomegaly")
PREVALENCE = 0.35
BASE = PatientSettings(slices=(80, 96), pixels=(104, 120), lesion_counts_weight=(1.0,))
_ANYTHING: Mapping[str, bool] = MappingProxyType({})
_LUNG_FINDINGS = {
    "effusion": draw_effusion,
    "emphysema": draw_emphysema,
    "opacity": draw_opacities,
    "nodule": draw_nodules,
}
"""In the order in which they are drawn: what lies in the lung lies in what the fluid has left of it."""


@dataclass(frozen=True, eq=False)
class FindingPatient:
    """A made scan, which findings it has, and where.

    Attributes
    ----------
    volume
        int16, slices from head to feet, columns to the patient's left, rows to the back.
    labels
        1 or 0 for each of `FINDINGS`.
    masks_kji
        (K, J, I) bool of each finding that is there; of an enlarged heart the heart.
    lungs_kji
        Lungs with their vessels and what lies in them, without fluid around them.
    lesions
        What was drawn, one entry a nodule, patch, side, cluster or plaque.
    """

    case: str
    patient: str
    volume: CtVolume = field(repr=False)
    labels: dict[str, int]
    masks_kji: dict[str, NDArray[np.bool_]] = field(repr=False)
    lungs_kji: NDArray[np.bool_] = field(repr=False)
    lesions: tuple[PlacedFinding, ...]


def make_finding_patient(
    seed: int,
    *,
    folder: Path | None = None,
    wanted: Mapping[str, bool] = _ANYTHING,
    settings: PatientSettings = BASE,
) -> FindingPatient:
    """Make one patient; the same arguments give the same voxels.

    Parameters
    ----------
    seed
        Decides everything: the patient, which findings there are, and the scan.
    folder
        Keeps the patient without findings in a file (`models.simulation.simulated_patients.load_patient`).
    wanted
        Findings that must, or must not, be there; the others are drawn, each with the chance `PREVALENCE`.

    Raises
    ------
    ValueError
        For a negative seed or a finding that is not one of `FINDINGS`.
    ModelError
        As `load_patient`.
    """
    base = make_patient(seed, settings=settings) if folder is None else load_patient(seed, settings, Path(folder))
    return with_findings(base, body_axes(seed, settings=settings), seed, wanted=wanted)


def with_findings(
    base: SimulatedPatient, axes: BodyAxes, seed: int, *, wanted: Mapping[str, bool] = _ANYTHING
) -> FindingPatient:
    """Draw findings onto a made patient, whose lesions are not looked at; the seed decides what, where, and the scan.

    Parameters
    ----------
    axes
        Of that patient (`models.simulation.simulated_patients.body_axes`).
    wanted
        As in `make_finding_patient`.

    Raises
    ------
    ValueError
        As `make_finding_patient`.
    """
    there = drawn_labels(seed, wanted)
    spacing = np.linalg.norm(base.volume.affine_lps[:3, :3], axis=0)[::-1]
    canvas = Canvas(
        base.volume.hu_kji.astype(np.float32),
        base.lungs_kji.copy(),
        (float(spacing[0]), float(spacing[1]), float(spacing[2])),
        axes,
        np.random.default_rng([seed, 41]).standard_normal(base.volume.shape_kji, dtype=np.float32),
    )
    masks, lesions = _draw(canvas, seed, there)
    hu = vary_scan(canvas.hu, np.random.default_rng([seed, 43]))
    volume = CtVolume(np.rint(hu).astype(np.int16), base.volume.affine_lps, base.case, base.patient)
    labels = {name: int(name in masks) for name in FINDINGS}
    return FindingPatient(base.case, base.patient, volume, labels, masks, canvas.lungs, tuple(lesions))


def drawn_labels(seed: int, wanted: Mapping[str, bool] = _ANYTHING) -> dict[str, bool]:
    """Which findings a seed's patient is to have; raises ValueError for one that is not in `FINDINGS`."""
    unknown = [name for name in wanted if name not in FINDINGS]
    if unknown:
        raise ValueError(f"there is no finding {unknown[0]!r}: {', '.join(FINDINGS)}")
    chances = np.random.default_rng([seed, 40]).random(len(FINDINGS))
    return {name: wanted.get(name, bool(chance < PREVALENCE)) for name, chance in zip(FINDINGS, chances, strict=True)}


def _draw(canvas: Canvas, seed: int, there: Mapping[str, bool]) -> tuple[dict[str, Mask], list[PlacedFinding]]:
    """Each finding has its own chance: whether another one is there changes nothing of it."""
    masks: dict[str, Mask] = {}
    lesions: list[PlacedFinding] = []
    rng = {name: np.random.default_rng([seed, 50 + number]) for number, name in enumerate(FINDINGS)}
    body = np.random.default_rng([seed, 42])
    vary_tissue(canvas, body)
    draw_cartilage_lime(canvas, body)
    plaques = np.zeros(canvas.hu.shape, dtype=bool)
    if there["calcification"]:
        plaques, _ = draw_plaques(canvas, rng["calcification"])
    heart = reshape_body(canvas, BodyShape.draw(rng["cardiomegaly"], enlarged=there["cardiomegaly"]), plaques)
    if plaques.any():
        masks["calcification"] = plaques
        lesions += _plaques(canvas, plaques)
    if there["cardiomegaly"]:
        masks["cardiomegaly"] = heart
        lesions.append(PlacedFinding("cardiomegaly", middle_of(heart), ball_mm(canvas, heart)))
    draw_dependent_density(canvas, body)
    for name, draw in _LUNG_FINDINGS.items():
        if there[name]:
            mask, placed = draw(canvas, rng[name])
            if placed and mask.any():
                masks[name] = mask
                lesions += placed
    return {name: masks[name] for name in FINDINGS if name in masks}, lesions


def _plaques(canvas: Canvas, mask: Mask) -> list[PlacedFinding]:
    """Each plaque where the heart's size has brought it."""
    from scipy.ndimage import center_of_mass, label

    numbers, count = label(mask)
    middles = center_of_mass(mask, numbers, range(1, count + 1))
    sizes = np.bincount(numbers.ravel(), minlength=count + 1)[1:]
    return [
        PlacedFinding(
            "calcification",
            (float(i), float(j), float(k)),
            float(2 * (int(size) * canvas.voxel_mm3 * 3 / (4 * np.pi)) ** (1 / 3)),
        )
        for (k, j, i), size in zip(middles, sizes, strict=True)
    ]
