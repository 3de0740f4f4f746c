"""A frontal chest radiograph as a projection of a made CT, and a reader who looks at what is there."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import zoom

from models.datasets.picture_case import PictureGaze
from models.simulation.findings import FindingPatient
from models.simulation.lifting import seen_from_front
from models.simulation.markov_reader import Box
from models.simulation.radiograph_reader import simulated_radiograph_gaze
from models.volumes import CanonicalFrame, CtVolume

WATER_PER_MM = 0.02
"""Attenuation of water at the mean energy of a chest radiograph, about 60 keV (NIST: 0.0206 per mm)."""
_SHOWN = ("nodule", "opacity", "effusion")
_HEART_BORDERS = ((0.06, 0.6), (0.94, 0.6), (0.5, 0.9))
"""Where an enlarged heart is looked at, as shares of its own box: both borders and the lower edge."""


@dataclass(frozen=True, eq=False)
class ChestRadiograph:
    """A picture and where the lungs lie in it.

    Attributes
    ----------
    values_ji
        float32 in 0..1, bright where little passes, rows from head to feet, columns from the patient's right to the
        left, on square pixels.
    pixel_mm
        Side of a pixel in the patient.
    lungs_in_picture
        Left, top, right and bottom of the lungs' box, as shares of the picture.
    """

    values_ji: NDArray[np.float32] = field(repr=False)
    pixel_mm: float
    lungs_in_picture: tuple[float, float, float, float]


def frontal_radiograph(volume: CtVolume, lungs_kji: NDArray[np.bool_]) -> ChestRadiograph:
    """Parallel rays from back to front; the logarithm of what passes, from its 1st to its 99.5th percentile.

    Raises
    ------
    ValueError
        For an empty lung mask.
    """
    frame = CanonicalFrame.of(volume.shape_kji, volume.affine_lps)
    hu = frame.reorient(volume.hu_kji)
    step_i, step_j, step_k = frame.spacing_ijk_mm
    density = np.maximum(hu.astype(np.float32) + np.float32(1000), 0) / np.float32(1000)
    crossed = density.sum(axis=1) * np.float32(WATER_PER_MM * step_j)
    square = zoom(crossed, (step_k / step_i, 1.0), order=1, mode="nearest", grid_mode=True)
    low, high = np.percentile(square, [1.0, 99.5])
    values = np.clip((square - low) / max(float(high - low), 1e-6), 0, 1).astype(np.float32)
    box = Box.of_mask(frame.reorient(lungs_kji))
    slices, _, columns = frame.canonical_shape_kji
    edges = (
        (box.low_ijk[0] + 0.5) / columns,
        (box.low_ijk[2] + 0.5) / slices,
        (box.high_ijk[0] + 0.5) / columns,
        (box.high_ijk[2] + 0.5) / slices,
    )
    return ChestRadiograph(values, step_i, edges)


def radiograph_labels(labels: dict[str, int]) -> dict[str, int]:
    """``CHF`` with an enlarged heart or fluid, ``Pneumonia`` with an opacity, ``Normal`` with neither.

    Names are those of the chest radiograph study with gaze (EGD); here they stand for made findings only.
    """
    failure = int(bool(labels["cardiomegaly"] or labels["effusion"]))
    pneumonia = labels["opacity"]
    return {"Normal": int(not failure and not pneumonia), "CHF": failure, "Pneumonia": pneumonia}


def read_radiograph(
    patient: FindingPatient, radiograph: ChestRadiograph, rng: np.random.Generator, *, reader: str = "simulated-1"
) -> PictureGaze:
    """A reader's fixations on a patient's radiograph: a search, and dwells on findings that are noticed."""
    places = [each.voxel_ijk for each in patient.lesions if each.finding in _SHOWN]
    if "cardiomegaly" in patient.masks_kji:
        heart = Box.of_mask(patient.masks_kji["cardiomegaly"])
        places += [tuple(heart.to_voxels((x, 0.5, z))[0]) for x, z in _HEART_BORDERS]
    shares = seen_from_front(places, patient.volume, patient.lungs_kji) if places else np.empty((0, 2))
    found = [(float(x), float(y)) for x, y in shares]
    gaze = simulated_radiograph_gaze(rng, findings_xy_share=found)
    left, top, right, bottom = radiograph.lungs_in_picture
    points = gaze.points_xy_share * (right - left, bottom - top) + (left, top)
    return PictureGaze(points, gaze.duration_s, gaze.onset_s, reader)
