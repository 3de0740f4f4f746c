"""Refuses what is no CT of a chest in Hounsfield units: no probability of a chest's findings means anything there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from models.ct_searcher.bodies import body_mask
from models.errors import ModelError
from models.features.inputs import check_volume
from models.volumes import CanonicalFrame, CtVolume

SPACING_MM = (0.1, 12.0)
FIELD_MM = (120.0, 1200.0)
LENGTH_MM = (60.0, 2500.0)
"""Distances of voxels, sides of a slice and lengths of a stack that a CT of a chest can have."""
AXES = ("to the left", "to the back", "along the body")
MOST_SAMPLED = 112
"""Voxels along an axis that the body is looked for in."""

LUNG_HU = (-1023.0, -500.0)
FEWEST_LUNG = 0.04
"""Share of the body that is as light as lung. Chests have 0.1 to 0.4, with the abdomen 0.06 and more; heads and
abdomens with sinuses and bowel gas stay below."""
SOFT_TISSUE_HU = (-150.0, 250.0)
FEWEST_SOFT_TISSUE = 0.01
"""Share of a volume's voxels that are water, fat or muscle."""
LIGHTER_THAN_AIR_HU = -1500.0


def check_chest(volume: CtVolume) -> None:
    """Refuse a volume that the network was not made for.

    Raises
    ------
    ModelError
        One line: too few slices, values that are no numbers, rescaled, not rescaled or rescaled twice, a spacing or
        size that no chest has, no body, or no lungs in it.
    """
    check_volume(volume)
    _check(volume, axes=3)


def check_chest_slices(volume: CtVolume) -> None:
    """Refuse axial slices of something else than a chest, however many there are and however far apart they lie.

    Raises
    ------
    ModelError
        One line: a spacing or size across that no chest has, values that are no Hounsfield units, no body, or no lungs
        in it.
    """
    _check(volume, axes=2)


def _check(volume: CtVolume, axes: int) -> None:
    """Sizes along the first axes (to the left, to the back, along the body), units, body and lungs."""
    place = volume.case or "volume"
    _check_sizes(volume, place, axes)
    sampled = _sampled(volume)
    _check_units(sampled.hu_kji, place)
    body = body_mask(sampled)
    if body is None or not body.any():
        raise ModelError("no body is seen in it", place=place, remedy="give a CT of a patient")
    inside = sampled.hu_kji[body]
    lung = float(((inside >= LUNG_HU[0]) & (inside <= LUNG_HU[1])).mean())
    if lung < FEWEST_LUNG:
        raise ModelError(
            f"no chest: {100 * lung:.1f} % of the body is as light as lung, not {100 * FEWEST_LUNG:.0f} % or more",
            place=place,
            remedy="give a CT of the chest",
        )


def _sampled(volume: CtVolume) -> CtVolume:
    """At most `MOST_SAMPLED` voxels along each axis."""
    strides = [-(-size // MOST_SAMPLED) for size in volume.shape_kji]
    seen = volume.hu_kji[:: strides[0], :: strides[1], :: strides[2]]
    return CtVolume(seen, volume.affine_lps @ np.diag([*map(float, strides[::-1]), 1.0]), volume.case)


def _check_sizes(volume: CtVolume, place: str, axes: int) -> None:
    frame = CanonicalFrame.of(volume.shape_kji, volume.affine_lps)
    spacing = frame.spacing_ijk_mm[:axes]
    if not all(SPACING_MM[0] <= step <= SPACING_MM[1] for step in spacing):
        raise ModelError(
            f"its voxels are {_by(spacing)} mm apart; a chest CT's are {SPACING_MM[0]:g} to {SPACING_MM[1]:g} mm",
            place=place,
            remedy="correct its affine",
        )
    sizes = frame.canonical_shape_kji[::-1]
    extent = [size * step for size, step in zip(sizes, spacing, strict=False)]
    limits = (FIELD_MM, FIELD_MM, LENGTH_MM)[:axes]
    if not all(low <= size <= high for size, (low, high) in zip(extent, limits, strict=True)):
        raise ModelError(
            f"it is {_by(extent)} mm large ({', '.join(AXES[:axes])}): no chest",
            place=place,
            remedy="give a CT of the chest with its true spacing",
        )


def _check_units(seen: np.ndarray, place: str) -> None:
    low, high = float(seen.min()), float(seen.max())
    if low > LUNG_HU[1]:
        raise ModelError(
            f"its values run from {low:g} to {high:g}, nothing is as light as air: stored values or a picture, not "
            "Hounsfield units",
            place=place,
            remedy="apply the rescale slope and intercept once, or give the CT before any normalisation",
        )
    soft = float(((seen >= SOFT_TISSUE_HU[0]) & (seen <= SOFT_TISSUE_HU[1])).mean())
    if soft < FEWEST_SOFT_TISSUE:
        light = float((seen < LIGHTER_THAN_AIR_HU).mean())
        twice = " and much is lighter than air: rescaled twice" if light > 0.1 else ""
        raise ModelError(
            f"{100 * soft:.1f} % of its voxels are soft tissue{twice}; no Hounsfield units of a chest",
            place=place,
            remedy="apply the rescale slope and intercept once" if twice else "give a CT of the chest",
        )


def _by(numbers: Sequence[float]) -> str:
    return " x ".join(f"{number:.3g}" for number in numbers)
