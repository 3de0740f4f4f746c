"""Simulated gaze on made findings: a search through the volume, and the two looks at one slice that mark a structure.

The reading of a volume follows the rules of `models.simulation.search_rules`; what is found is inspected, so that its
slices are looked at for longer. The gaze on one slice follows the protocol by which gaze was recorded for segmentation
(GazeMedSeg, MICCAI 2024: look roughly and find the target; then go over it, the middle first, then the boundary, until
all its parts have been looked at; fixations under 50 ms and beside the image are left out). Counts are ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, label

from models.datasets.case import Lesion
from models.datasets.picture_case import PictureGaze
from models.errors import ModelError
from models.scanpath import Scanpath
from models.simulation.chest_view import ChestView, VisibleLesion
from models.simulation.finding_canvas import PlacedFinding
from models.simulation.findings import FindingPatient
from models.simulation.search_reader import FAMILIES, read_view
from models.simulation.simulated_patients import SimulatedPatient

Floats = NDArray[np.float64]

MEASURED = ("nodule", "opacity")
"""Findings whose conspicuity is their contrast with the lung around them; the others have a fixed one."""
CONSPICUITY = {"effusion": 1.5, "emphysema": 0.7, "calcification": 0.8, "cardiomegaly": 1.2}
MOST_OF_ONE_KIND = 3
"""Of many plaques only the largest are inspected."""
LARGEST_RADIUS_MM = 25.0
"""The eye goes over so much of a large finding from its middle."""

DEGREES_ACROSS = 20.0
ACCURACY_DEG = 0.5
SHORTEST_S = 0.05
SACCADE_S = 0.04
_STEP_DEG = 1.3
_MOST_PLACES = 30


def read_findings(patient: FindingPatient, *, seed: int, reader: str = "driller-lung-1") -> Scanpath:
    """One reader's fixations on one patient, the same for the same arguments.

    Parameters
    ----------
    seed
        Decides this reading's chance events.
    reader
        ``<family>-<number>`` with a family of `models.simulation.search_reader`; the same reader has the same habits.

    Raises
    ------
    ModelError
        For a reader of no known family.
    """
    family = reader.rpartition("-")[0]
    if family not in FAMILIES:
        raise ModelError(
            f"the simulated reader {reader!r} is of no known family",
            remedy=f"<family>-<number> with one of {', '.join(FAMILIES)}",
        )
    measured = [each for each in patient.lesions if each.finding in MEASURED]
    seen = SimulatedPatient(
        patient.case,
        patient.patient,
        patient.volume,
        tuple(Lesion(each.voxel_ijk, each.diameter_mm) for each in measured),
        patient.lungs_kji,
    )
    view = ChestView.of(seen)
    shown = replace(view, lesions=(*view.lesions, *_striking(patient.lesions, float(view.spacing_ijk_mm[2]))))
    return read_view(shown, seen, family, seed=seed, reader=reader)


def mark_structure(
    mask_ji: NDArray[np.bool_],
    rng: np.random.Generator,
    *,
    degrees_across: float = DEGREES_ACROSS,
    reader: str = "simulated-1",
) -> PictureGaze:
    """Gaze that marks a structure on one picture in two looks.

    Parameters
    ----------
    mask_ji
        The structure, on square pixels; may be empty: then there is only the first, rough look.
    rng
        All chance of it.
    degrees_across
        Visual angle of the picture's width.
    """
    height, width = mask_ji.shape
    pixels_per_deg = width / degrees_across
    middle = np.array([width / 2, height / 2])
    looks = [(middle, 0.8, 0.22)]
    looks += [(rng.uniform(0.1, 0.9, 2) * (width, height), 0.8, 0.18) for _ in range(int(rng.integers(1, 4)))]
    for part in _parts(mask_ji):
        places = _places(part, pixels_per_deg)
        looks += [(places[0], 1.0, 0.25)] + [(places[0], 0.0, 0.35)] * int(rng.integers(1, 3))
        looks += [(place, 0.0, 0.3) for place in _around(places[1:], places[0])]
    points = np.array([place for place, _, _ in looks])
    wander = np.array([spread for _, spread, _ in looks])[:, None]
    # Half of the tracker's error stays the same through one picture.
    error = ACCURACY_DEG / 2 * (rng.standard_normal(2) + rng.standard_normal(points.shape))
    points = points + pixels_per_deg * (error + wander * rng.standard_normal(points.shape))
    duration_s = np.array([median for _, _, median in looks]) * rng.lognormal(0, 0.45, len(looks))
    onset_s = np.cumsum(duration_s) - duration_s + SACCADE_S * np.arange(1, len(looks) + 1)
    shares = points / (width, height)
    kept = (duration_s >= SHORTEST_S) & ((shares >= 0) & (shares <= 1)).all(axis=1)
    return PictureGaze(shares[kept], duration_s[kept], onset_s[kept], reader)


def _striking(lesions: Sequence[PlacedFinding], slice_mm: float) -> list[VisibleLesion]:
    """What stands out as much in everybody."""
    found: list[VisibleLesion] = []
    for name in CONSPICUITY:
        same = sorted((each for each in lesions if each.finding == name), key=lambda each: -each.diameter_mm)
        found += [_visible(each, slice_mm) for each in same[:MOST_OF_ONE_KIND]]
    return found


def _visible(placed: PlacedFinding, slice_mm: float) -> VisibleLesion:
    radius = min(placed.diameter_mm / 2, LARGEST_RADIUS_MM)
    return VisibleLesion(
        np.array(placed.voxel_ijk[:2]),
        round(placed.voxel_ijk[2]),
        max(round(radius / slice_mm), 1),
        radius,
        CONSPICUITY[placed.finding],
    )


def _parts(mask_ji: NDArray[np.bool_]) -> list[NDArray[np.bool_]]:
    """Connected parts of a mask, the largest first."""
    numbers, count = label(mask_ji)
    parts = [numbers == number for number in range(1, count + 1)]
    return sorted(parts, key=lambda part: -int(part.sum()))


def _places(part: NDArray[np.bool_], pixels_per_deg: float) -> Floats:
    """(N, 2) x, y in pixels from the picture's outer corner: the deepest place, then each time the one farthest from
    all so far, until none is farther than a step of the eye."""
    depth = distance_transform_edt(np.pad(part, 1))[1:-1, 1:-1]
    rows, columns = np.nonzero(part)
    points = np.stack([columns + 0.5, rows + 0.5], axis=1)
    chosen = [int(np.argmax(depth[rows, columns]))]
    away = np.linalg.norm(points - points[chosen[0]], axis=1)
    while away.max() > _STEP_DEG * pixels_per_deg and len(chosen) < _MOST_PLACES:
        chosen.append(int(np.argmax(away)))
        away = np.minimum(away, np.linalg.norm(points - points[chosen[-1]], axis=1))
    # The farthest places lie on the very edge; the eye rests a little inside of it.
    inward = points[chosen] + 0.15 * (points[chosen[0]] - points[chosen])
    return np.asarray(inward)


def _around(places: Floats, middle: Floats) -> list[Floats]:
    """Near places first, within a ring from bearing to bearing."""
    if len(places) == 0:
        return []
    offset = places - middle
    reach = np.linalg.norm(offset, axis=1)
    ring = np.floor(2 * reach / max(float(reach.max()), 1e-6)).clip(0, 1)
    order = np.lexsort((np.arctan2(offset[:, 1], offset[:, 0]), ring))
    return [places[row] for row in order]
