"""Made chest CTs that differ as patients and their scans do, with the truth about lesions and lungs.

On top of `make_thorax`, which makes one body: size of the body, field of view, centring in the gantry, levels at which
the scan starts and stops, slices and pixels, and how many lesions of which size and kind there are. All ranges are
ours, chosen to hold what a set of clinical chest CTs shows; voxels are coarse: a training set is made in minutes.
"""

from __future__ import annotations

import hashlib
from dataclasses import astuple, dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.datasets.case import Lesion
from models.simulation.ct_noise import outside_reconstruction
from models.simulation.kept_patients import keep, reading
from models.simulation.lung_content import NODULE_KINDS
from models.simulation.thorax import LOWEST_STORED_HU, MIDDLE_LEVEL_MM, NoduleSpec, Thorax, make_thorax
from models.volumes import CtVolume

Floats = NDArray[np.float64]
Range = tuple[float, float]

CACHE_SCHEMA = 1
"""To be raised when the same arguments give other voxels than before: older files are then made anew."""


@dataclass(frozen=True)
class PatientSettings:
    """Ranges that patients are drawn from, each uniformly unless it says otherwise.

    Attributes
    ----------
    slices, pixels
        Number of slices, and of rows and columns (as many of each).
    field_of_view_mm
        Side of a slice. 320 mm cut off the shoulders of a large patient; 430 mm leave air around a small one.
    off_centre_mm
        Largest shift of the body from the middle of the slice, along each axis.
    top_mm, bottom_mm
        Body levels of the first and last slice in a body of size 1 (0: first ribs, 210: domes of the diaphragm, 310:
        lowest lung).
    body_scale, height_scale
        Size of the body, in the slice and along it.
    lesion_counts_weight
        Weights of 0, 1, 2, ... lesions.
    lesion_mm
        Smallest and largest diameter; the logarithm is drawn uniformly.
    kind_weights
        Weights of `NODULE_KINDS`: solid, ground glass, at the pleura.
    """

    slices: tuple[int, int] = (96, 130)
    pixels: tuple[int, int] = (96, 128)
    field_of_view_mm: Range = (320.0, 430.0)
    off_centre_mm: Range = (22.0, 28.0)
    top_mm: Range = (-45.0, 8.0)
    bottom_mm: Range = (278.0, 345.0)
    body_scale: Range = (0.88, 1.12)
    height_scale: Range = (0.90, 1.10)
    lesion_counts_weight: tuple[float, ...] = (0.14, 0.2, 0.2, 0.18, 0.12, 0.09, 0.07)
    lesion_mm: Range = (6.0, 30.0)
    kind_weights: tuple[float, float, float] = (0.5, 0.22, 0.28)

    def __post_init__(self) -> None:
        spans = (self.slices, self.pixels, self.field_of_view_mm, self.body_scale, self.height_scale, self.lesion_mm)
        if any(not 0 < low <= high for low, high in spans):
            raise ValueError(f"a range runs from a smaller to a larger positive number: {self}")
        if not self.top_mm[0] <= self.top_mm[1] < self.bottom_mm[0] <= self.bottom_mm[1]:
            raise ValueError(f"the scan starts above the level where it stops: {self.top_mm}, {self.bottom_mm}")
        for weights in (self.lesion_counts_weight, self.kind_weights):
            if min(weights) < 0 or sum(weights) <= 0:
                raise ValueError(f"weights are not negative and not all 0: {weights}")

    def digest(self) -> str:
        """Eight hexadecimal digits that differ between settings."""
        return hashlib.sha256(repr((CACHE_SCHEMA, astuple(self))).encode()).hexdigest()[:8]


@dataclass(frozen=True, eq=False)
class SimulatedPatient:
    """One made scan and the truth about it.

    Attributes
    ----------
    volume
        int16, slices from head to feet, columns to the patient's left, rows to the back.
    lesions
        Those with their centre in the volume, head to feet; diameters before blur.
    lungs_kji
        Lungs with their vessels and lesions.
    """

    case: str
    patient: str
    volume: CtVolume = field(repr=False)
    lesions: tuple[Lesion, ...]
    lungs_kji: NDArray[np.bool_] = field(repr=False)


@dataclass(frozen=True)
class _Scan:
    """One draw from the settings."""

    slices: int
    pixels: int
    spacing_kji_mm: tuple[float, float, float]
    body_scale: float
    height_scale: float
    shift_ij: tuple[int, int]
    first_level_mm: float
    origin_lps_mm: tuple[float, float, float]
    nodules: tuple[NoduleSpec, ...]


def make_patient(seed: int, *, settings: PatientSettings = PatientSettings()) -> SimulatedPatient:
    """Make one patient; the same arguments give the same voxels.

    Raises
    ------
    ValueError
        For a negative seed.
    """
    scan = _draw(np.random.default_rng([seed, 7]), settings)
    thorax, first_slice = _with_places_for_nodules(seed, scan)
    pixels, slices = scan.pixels, scan.slices
    margin_j, margin_i = ((n - pixels) // 2 for n in thorax.hu.shape[1:])
    # The body moves one way where the window on it moves the other way.
    start_i, start_j = margin_i - scan.shift_ij[0], margin_j - scan.shift_ij[1]
    window = (
        slice(first_slice, first_slice + slices),
        slice(start_j, start_j + pixels),
        slice(start_i, start_i + pixels),
    )
    hu, lungs = thorax.hu[window].copy(), thorax.lung_mask[window].copy()
    axis = (np.arange(pixels) - (pixels - 1) / 2) * scan.spacing_kji_mm[2]
    outside = outside_reconstruction(axis, axis, 0.5 * pixels * scan.spacing_kji_mm[2])
    hu[:, outside] = LOWEST_STORED_HU
    lungs[:, outside] = False
    lesions = []
    for nodule in thorax.nodules:
        i, j, k = np.subtract(nodule.voxel_ijk, (start_i, start_j, first_slice))
        size_mm = nodule.diameter_mm * scan.body_scale
        if min(i, j, k) >= 0 and max(i, j) <= pixels - 1 and k <= slices - 1 and not outside[round(j), round(i)]:
            lesions.append(Lesion((float(i), float(j), float(k)), size_mm))
    code = f"simulated-{seed:06d}"
    volume = CtVolume(hu, _affine_lps(scan), code, code)
    return SimulatedPatient(code, code, volume, tuple(sorted(lesions, key=lambda each: each.voxel_ijk[2])), lungs)


@dataclass(frozen=True, eq=False)
class BodyAxes:
    """Where a made patient's voxels lie in the body (`models.simulation.anatomy`), before its random deformation.

    Attributes
    ----------
    x_mm, y_mm, z_mm
        Body coordinate of each column, row and slice in a body of size 1.
    scale_xyz
        Millimetres of the patient in one of the body.
    """

    x_mm: Floats = field(repr=False)
    y_mm: Floats = field(repr=False)
    z_mm: Floats = field(repr=False)
    scale_xyz: tuple[float, float, float]


def body_axes(seed: int, *, settings: PatientSettings = PatientSettings()) -> BodyAxes:
    """Those of the patient that `make_patient` makes of the same arguments."""
    scan = _draw(np.random.default_rng([seed, 7]), settings)
    step_k, step_j, step_i = scan.spacing_kji_mm
    centre = (scan.pixels - 1) / 2
    _, first_slice, middle_slice = _stack(scan)
    across = np.arange(scan.pixels) - centre
    along = np.arange(scan.slices) + first_slice - middle_slice
    return BodyAxes(
        np.asarray((across - scan.shift_ij[0]) * step_i / scan.body_scale),
        np.asarray((across - scan.shift_ij[1]) * step_j / scan.body_scale),
        np.asarray(along * step_k / scan.height_scale + MIDDLE_LEVEL_MM),
        (scan.body_scale, scan.body_scale, scan.height_scale),
    )


def load_patient(seed: int, settings: PatientSettings, folder: Path) -> SimulatedPatient:
    """The same as `make_patient`, kept in a file in `folder` that is written when it is first asked for.

    Raises
    ------
    ModelError
        When the file that is there cannot be read, or the folder refuses a new one.
    """
    place = Path(folder) / f"patient_{seed:06d}_{settings.digest()}.npz"
    if not place.exists():
        made = make_patient(seed, settings=settings)
        rows = [(*lesion.voxel_ijk, lesion.diameter_mm) for lesion in made.lesions]
        keep(
            place,
            hu_kji=made.volume.hu_kji,
            lungs_kji=made.lungs_kji,
            affine_lps=made.volume.affine_lps,
            lesions=np.array(rows, dtype=np.float64).reshape(-1, 4),
            case=np.array(made.case),
        )
        return made
    with reading(place, ("hu_kji", "lungs_kji", "affine_lps", "lesions", "case")) as arrays:
        code = str(arrays["case"])
        lesions = tuple(Lesion((float(i), float(j), float(k)), float(size)) for i, j, k, size in arrays["lesions"])
        volume = CtVolume(arrays["hu_kji"], arrays["affine_lps"], code, code)
    return SimulatedPatient(code, code, volume, lesions, arrays["lungs_kji"])


def _draw(rng: np.random.Generator, settings: PatientSettings) -> _Scan:
    slices = int(rng.integers(settings.slices[0], settings.slices[1] + 1))
    pixels = int(rng.integers(settings.pixels[0], settings.pixels[1] + 1))
    pixel_mm = float(rng.uniform(*settings.field_of_view_mm)) / pixels
    body_scale, height_scale = float(rng.uniform(*settings.body_scale)), float(rng.uniform(*settings.height_scale))
    top, bottom = float(rng.uniform(*settings.top_mm)), float(rng.uniform(*settings.bottom_mm))
    step_mm = (bottom - top) * height_scale / max(slices - 1, 1)
    shift_i, shift_j = (round(float(rng.uniform(-most, most)) / pixel_mm) for most in settings.off_centre_mm)
    origin = (float(rng.normal(-170, 25)), float(rng.normal(-190, 30)), float(rng.uniform(-400, 900)))
    weights = np.array(settings.lesion_counts_weight)
    count = int(rng.choice(len(weights), p=weights / weights.sum()))
    kinds = rng.choice(len(NODULE_KINDS), count, p=np.array(settings.kind_weights) / sum(settings.kind_weights))
    sizes = np.exp(rng.uniform(np.log(settings.lesion_mm[0]), np.log(settings.lesion_mm[1]), count))
    nodules = [
        NoduleSpec(float(size) / body_scale, NODULE_KINDS[kind]) for size, kind in zip(sizes, kinds, strict=True)
    ]
    return _Scan(
        slices,
        pixels,
        (step_mm, pixel_mm, pixel_mm),
        body_scale,
        height_scale,
        (shift_i, shift_j),
        top,
        origin,
        tuple(sorted(nodules, key=lambda spec: -spec.diameter_mm)),
    )


def _with_places_for_nodules(seed: int, scan: _Scan) -> tuple[Thorax, int]:
    """A body whose stack is centred on `MIDDLE_LEVEL_MM` and wide enough for the shift, and the scan's first slice.

    A small lung may have no room for all nodules at their distance from each other: then the smallest are left out.
    """
    step_mm = scan.spacing_kji_mm[0] / scan.height_scale
    total, first_slice, _ = _stack(scan)
    wide = scan.pixels + 2 * max(abs(shift) for shift in scan.shift_ij)
    spacing = (step_mm, scan.spacing_kji_mm[1] / scan.body_scale, scan.spacing_kji_mm[2] / scan.body_scale)
    nodules = scan.nodules
    while True:
        try:
            return make_thorax(seed, (total, wide, wide), spacing, nodules), first_slice
        except ValueError:
            if not nodules:
                raise
            nodules = nodules[:-1]


def _stack(scan: _Scan) -> tuple[int, int, float]:
    """Slices of a stack centred on `MIDDLE_LEVEL_MM` that holds the scan, the scan's first in it, and its middle.

    The stack's first or last slice is the scan's, within a quarter of a step: the stack has whole slices.
    """
    step_mm = scan.spacing_kji_mm[0] / scan.height_scale
    last_level = scan.first_level_mm + (scan.slices - 1) * step_mm
    half_mm = max(MIDDLE_LEVEL_MM - scan.first_level_mm, last_level - MIDDLE_LEVEL_MM)
    total = scan.slices + round(abs(2 * MIDDLE_LEVEL_MM - scan.first_level_mm - last_level) / step_mm)
    first_slice = 0 if MIDDLE_LEVEL_MM - scan.first_level_mm >= half_mm else total - scan.slices
    return total, first_slice, (total - 1) / 2


def _affine_lps(scan: _Scan) -> Floats:
    step_k, step_j, step_i = scan.spacing_kji_mm
    affine = np.diag([step_i, step_j, -step_k, 1.0])
    affine[:3, 3] = scan.origin_lps_mm
    return affine
