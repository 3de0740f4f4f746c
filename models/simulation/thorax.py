"""A procedural chest CT: anatomy, vessel trees, nodules at known places and scanner noise, all from one seed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from models.simulation import great_vessels, skeleton
from models.simulation.branching import grow_tree
from models.simulation.ct_noise import NoiseTexture, blur_in_plane, outside_reconstruction
from models.simulation.lung_content import NoduleKind, NoduleSpec, PlacedNodule, grow_trees, map_lungs, place_nodules
from models.simulation.random_fields import PlaneWaves
from models.simulation.swept_tubes import Tubes, join
from models.simulation.thorax_slice import WARP_MM, Fields, Patient, SlicePainter

__all__ = ["DEFAULT_NODULES", "Nodule", "NoduleSpec", "Thorax", "make_thorax"]

DEFAULT_NODULES: tuple[NoduleSpec, ...] = (
    NoduleSpec(11.0, "solid"),
    NoduleSpec(7.0, "solid"),
    NoduleSpec(5.0, "solid"),
    NoduleSpec(12.0, "ground_glass"),
    NoduleSpec(8.0, "juxta_pleural"),
)
MIDDLE_LEVEL_MM = 150.0
"""Body level at the middle of the stack: 300 mm centred here run from the first ribs to the upper belly."""
LOWEST_STORED_HU = -1024
_SLICE_PROFILE = (0.18, 0.64, 0.18)
_THINNEST_DRAWN_PIXELS = 0.45


@dataclass(frozen=True)
class Nodule:
    """A nodule that was put into the lungs.

    Attributes
    ----------
    voxel_ijk
        Centre as column, row and slice; voxel centres at integers.
    diameter_mm
        Diameter before blur.
    kind
        ``"solid"``, ``"ground_glass"`` or ``"juxta_pleural"`` (solid, on the pleura).
    """

    voxel_ijk: tuple[float, float, float]
    diameter_mm: float
    kind: NoduleKind


@dataclass(frozen=True, eq=False)
class Thorax:
    """A made chest CT with its truth.

    Attributes
    ----------
    hu
        int16 [k, j, i], head to feet; i to the patient's left, j to the back; -1024 outside the field of view.
    spacing_kji_mm
        Distance of slices, rows and columns.
    nodules
        What was placed, in the order of the request.
    lung_mask
        bool [k, j, i], lungs with their vessels.
    """

    hu: NDArray[np.int16] = field(repr=False)
    spacing_kji_mm: tuple[float, float, float]
    nodules: tuple[Nodule, ...]
    lung_mask: NDArray[np.bool_] = field(repr=False)


def make_thorax(
    seed: int,
    shape_kji: tuple[int, int, int] = (120, 512, 512),
    spacing_kji_mm: tuple[float, float, float] = (2.5, 0.7, 0.7),
    nodules: Sequence[NoduleSpec] = DEFAULT_NODULES,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> Thorax:
    """Make a chest CT without contrast medium that is the same for the same arguments.

    Parameters
    ----------
    seed
        Decides body form, vessels, nodule places and noise.
    shape_kji
        Slices, rows, columns.
    spacing_kji_mm
        The body keeps its size: a smaller field sees less of it, centred.
    nodules
        What to put into the lungs.
    progress
        Called with slices done and slices in all.

    Raises
    ------
    ValueError
        When the field of view holds no place for a nodule.
    """
    slices, rows, columns = shape_kji
    step_z, step_y, step_x = spacing_kji_mm
    x = (np.arange(columns) - (columns - 1) / 2) * step_x
    y = (np.arange(rows) - (rows - 1) / 2) * step_y
    z = (np.arange(slices) - (slices - 1) / 2) * step_z + MIDDLE_LEVEL_MM
    box = ((x[0], y[0], z[0]), (x[-1], y[-1], z[-1]))
    patient = _make_patient(
        np.random.default_rng([seed, 1]), nodules, box, _THINNEST_DRAWN_PIXELS * min(step_x, step_y)
    )
    painter = SlicePainter(patient, x, y, step_z)
    noise = NoiseTexture((rows, columns), (step_y, step_x))
    outside = outside_reconstruction(x, y, 0.5 * min(rows * step_y, columns * step_x))
    hu = np.empty(shape_kji, dtype=np.int16)
    lung_mask = np.empty(shape_kji, dtype=bool)
    window = [painter.paint(float(z[0] - step_z)), painter.paint(float(z[0]))]
    for k in range(slices):
        window.append(painter.paint(float(z[k] + step_z)))
        mixed = sum(np.float32(share) * part.hu for share, part in zip(_SLICE_PROFILE, window, strict=True))
        image = blur_in_plane(np.asarray(mixed), (step_y, step_x))
        deviation, streaks = _noise_at(float(z[k]), window[1].body)
        image += deviation * noise.draw(np.random.default_rng([seed, 2, k]), streaks)
        image[outside] = LOWEST_STORED_HU
        hu[k] = np.clip(np.rint(image), LOWEST_STORED_HU, 3071)
        lung_mask[k] = window[1].lung & ~outside
        window.pop(0)
        if progress is not None:
            progress(k + 1, slices)
    truth = tuple(_in_voxels(nodule, (x, y, z), spacing_kji_mm) for nodule in patient.nodules)
    return Thorax(hu, spacing_kji_mm, truth, lung_mask)


def _noise_at(z: float, body: NDArray[np.bool_]) -> tuple[NDArray[np.float32], float]:
    """Standard deviation in HU, more through shoulders and belly than through the lungs, and the share of streaks."""
    shoulders = float(np.exp(-max(z, 0.0) / 22))
    belly = float(np.clip((z - 190) / 80, 0, 1))
    inside = 14.0 + 13 * shoulders + 4.5 * belly
    return np.where(body, np.float32(inside), np.float32(0.5 * inside)), 0.55 * shoulders


def _in_voxels(
    nodule: PlacedNodule,
    axes_xyz: tuple[NDArray[np.floating], NDArray[np.floating], NDArray[np.floating]],
    spacing_kji_mm: tuple[float, float, float],
) -> Nodule:
    i, j, k = (
        float((place - axis[0]) / step)
        for place, axis, step in zip(nodule.centre_mm, axes_xyz, spacing_kji_mm[::-1], strict=True)
    )
    return Nodule((i, j, k), nodule.diameter_mm, nodule.kind)


def _make_patient(
    rng: np.random.Generator,
    nodules: Sequence[NoduleSpec],
    box: tuple[tuple[float, float, float], tuple[float, float, float]],
    thinnest_mm: float,
) -> Patient:
    fields = Fields(
        warp_x=PlaneWaves(rng, 110, count=10),
        warp_y=PlaneWaves(rng, 110, count=10),
        fat_depth=PlaneWaves(rng, 80, count=10),
        muscle_planes=PlaneWaves(rng, 36, count=20, flattening=(1, 1, 0.5)),
        fat_strands=PlaneWaves(rng, 15, count=20),
        lung_patches=PlaneWaves(rng, 34, count=14),
        marrow=PlaneWaves(rng, 5.5, count=20),
    )
    lungs = map_lungs()
    lung_vessels, lung_airways = grow_trees(rng, lungs)
    portal = rng.normal(0, 1, (110, 3)) * (26, 30, 22) + (-62, -6, 262)
    liver_vessels = grow_tree(
        rng, np.array([-22.0, 2.0, 282.0]), np.array([-1.0, -0.3, -0.5]), portal, leaf_radius_mm=0.9, sample_mm=0.8
    )
    hepatic = rng.normal(0, 1, (60, 3)) * (24, 28, 16) + (-60, -6, 250)
    hepatic_veins = grow_tree(
        rng, np.array([-20.0, 10.0, 226.0]), np.array([-1.0, -0.3, 0.5]), hepatic, leaf_radius_mm=1.2, sample_mm=0.8
    )

    large = join([lung_vessels, great_vessels.blood(), great_vessels.airways(), great_vessels.gullet()])
    chosen = place_nodules(rng, lungs, nodules, large, low_mm=box[0], high_mm=box[1])

    def placed(tubes: Tubes) -> Tubes:
        return _drawable(_unwarped(tubes, fields), thinnest_mm)

    return Patient(
        bones=placed(join([skeleton.ribs(), skeleton.vertebral_arches(), skeleton.shoulder_girdle()])),
        cartilage=placed(skeleton.costal_cartilage()),
        blood=placed(great_vessels.blood()),
        small_vessels=placed(great_vessels.chest_wall_vessels()),
        nodes=placed(great_vessels.mediastinal_nodes(rng)),
        gullet=placed(great_vessels.gullet()),
        crura=placed(great_vessels.crura()),
        central_airways=placed(great_vessels.airways()),
        lung_vessels=placed(lung_vessels),
        lung_airways=placed(lung_airways),
        liver_vessels=placed(join([liver_vessels, hepatic_veins])),
        nodules=tuple(
            PlacedNodule(_unwarped_point(nodule.centre_mm, fields), nodule.diameter_mm, nodule.kind)
            for nodule in chosen
        ),
        fields=fields,
    )


def _unwarped(tubes: Tubes, fields: Fields) -> Tubes:
    """Move tubes from the ideal body to where the patient's random deformation puts them (first order)."""
    centres = tubes.centres_mm.copy()
    centres[:, 0] -= WARP_MM * fields.warp_x.at(tubes.centres_mm)
    centres[:, 1] -= WARP_MM * fields.warp_y.at(tubes.centres_mm)
    return Tubes(centres, tubes.radii_mm, tubes.heights_mm)


def _unwarped_point(point: tuple[float, float, float], fields: Fields) -> tuple[float, float, float]:
    one = np.asarray([point])
    return (
        point[0] - WARP_MM * float(fields.warp_x.at(one)[0]),
        point[1] - WARP_MM * float(fields.warp_y.at(one)[0]),
        point[2],
    )


def _drawable(tubes: Tubes, thinnest_mm: float) -> Tubes:
    """Leave out tubes that the pixels are too coarse for: they would only raise the mean density."""
    keep = tubes.radii_mm >= thinnest_mm
    return Tubes(tubes.centres_mm[keep], tubes.radii_mm[keep], tubes.heights_mm[keep])
