"""Paints axial slices of the procedural chest in HU, noise-free, from the shapes of `anatomy` and swept tubes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models.simulation import anatomy
from models.simulation.anatomy import Distances, Slice, blend, ellipsoid_distance, profile
from models.simulation.lung_content import PlacedNodule, fissure_distance
from models.simulation.random_fields import PlaneWaves
from models.simulation.swept_tubes import Tubes, distance_on_slice

AIR_HU = -1000.0
FAT_HU = -102.0
MUSCLE_HU = 52.0
BLOOD_HU = 38.0
HEART_HU = 46.0
LIVER_HU = 57.0
SPLEEN_HU = 48.0
LUNG_HU = -880.0
LUNG_GRADIENT_HU_PER_MM = 0.42
"""Lung density rises towards the back of a patient who lies on it (about 0.3 to 0.6 HU per mm at full inspiration)."""
CORTEX_HU = 820.0
MARROW_HU = 190.0
SOLID_NODULE_HU = 30.0
GROUND_GLASS_HU = -610.0


@dataclass(frozen=True)
class Fields:
    """Random fields that make one patient differ from the next."""

    warp_x: PlaneWaves
    warp_y: PlaneWaves
    fat_depth: PlaneWaves
    muscle_planes: PlaneWaves
    fat_strands: PlaneWaves
    lung_patches: PlaneWaves
    marrow: PlaneWaves


@dataclass(frozen=True)
class Patient:
    """Everything that is swept or placed, in warped pixel positions (see `PaintedSlice`)."""

    bones: Tubes
    cartilage: Tubes
    blood: Tubes
    small_vessels: Tubes
    nodes: Tubes
    gullet: Tubes
    crura: Tubes
    central_airways: Tubes
    lung_vessels: Tubes
    lung_airways: Tubes
    liver_vessels: Tubes
    nodules: tuple[PlacedNodule, ...]
    fields: Fields


WARP_MM = 2.6


@dataclass(frozen=True)
class PaintedSlice:
    """One slice: HU without blur or noise, and which pixels belong to the lungs."""

    hu: NDArray[np.float32]
    lung: NDArray[np.bool_]
    body: NDArray[np.bool_]


class SlicePainter:
    """Paints slices of one patient on one pixel grid.

    Parameters
    ----------
    x_mm, y_mm
        Body coordinates of columns and rows, evenly spaced.
    slice_mm
        Slice thickness.
    """

    def __init__(
        self, patient: Patient, x_mm: NDArray[np.floating], y_mm: NDArray[np.floating], slice_mm: float
    ) -> None:
        self._patient = patient
        self._x = x_mm
        self._y = y_mm
        self._pixel = np.float32(max(x_mm[1] - x_mm[0], y_mm[1] - y_mm[0]))
        self._slab = 0.35 * slice_mm
        self._grid_x = np.broadcast_to(x_mm.astype(np.float32)[None, :], (len(y_mm), len(x_mm)))
        self._grid_y = np.broadcast_to(y_mm.astype(np.float32)[:, None], (len(y_mm), len(x_mm)))

    def paint(self, z: float) -> PaintedSlice:
        """Paint the slice at level z (mm)."""
        fields = self._patient.fields
        x = self._grid_x + np.float32(WARP_MM) * fields.warp_x.on_slice(self._x, self._y, z)
        y = self._grid_y + np.float32(WARP_MM) * fields.warp_y.on_slice(self._x, self._y, z)
        shapes = anatomy.distances_on_slice(x, y, z)
        hu = np.full(x.shape, AIR_HU, dtype=np.float32)
        strands = fields.fat_strands.on_slice(self._x, self._y, z)
        planes = fields.muscle_planes.on_slice(self._x, self._y, z)
        # Only part of the inner deformation reaches the skin, and hardly any the back, which the table keeps flat.
        skin_x = self._grid_x + np.float32(0.5) * (x - self._grid_x)
        skin_y = self._grid_y + np.float32(0.2) * (y - self._grid_y)
        body = anatomy.body_distance(skin_x, skin_y, z)
        self._wall(hu, x, y, z, body, shapes.cage, strands, planes)
        if shapes.dome is not None:
            self._belly(hu, x, y, z, shapes, strands)
        if shapes.heart is not None:
            self._heart(hu, z, shapes.heart, shapes.dome, planes)
        shapes = replace(shapes, lung=self._soft_tubes(hu, z, shapes.lung))
        self._bones(hu, x, y, z)
        self._lung(hu, y, z, shapes)
        self._airways(hu, z, shapes.lung)
        self._nodules(hu, z, strands)
        self._table(hu, z)
        return PaintedSlice(hu, shapes.lung < 0, body < 0)

    def _cover(self, distance: Slice) -> Slice:
        """Share of each pixel inside a shape, from its signed distance."""
        return np.clip(np.float32(0.5) - distance / self._pixel, 0, 1)

    def _lay(self, hu: Slice, distance: Slice, value: float | np.floating | Slice) -> None:
        hu += (value - hu) * self._cover(distance)

    def _wall(
        self, hu: Slice, x: Slice, y: Slice, z: float, body: Slice, cage: Slice, strands: Slice, planes: Slice
    ) -> None:
        under_skin = -body
        fat = np.float32(FAT_HU) + 7 * strands
        self._lay(hu, body, np.float32(5.0))
        self._lay(hu, 1.7 - under_skin, fat)
        side = np.abs(x) / np.float32(profile("body_half_width", z))
        depth = 8 + 8 * side * side + 2.5 * self._patient.fields.fat_depth.on_slice(self._x, self._y, z)
        depth = depth + np.where(y < 0, np.float32(2), np.float32(0))
        muscle = np.maximum(depth - under_skin, -cage)
        if z < 130:
            cage_width = profile("cage_half_width", z)
            pocket = ellipsoid_distance(np.abs(x), y, z, (cage_width + 20, 2, 70), (17, 27, 62), -18)
            muscle = np.maximum(muscle, -pocket - 3 * planes)
        self._lay(hu, muscle, np.float32(MUSCLE_HU) + 4 * strands)
        # Muscles part along wandering sheets of fat and along the layer over the ribs.
        outer = cage > 1
        sheet = np.abs(planes) * np.float32(9.5) - np.float32(0.3)
        layer = cage - 12.5 + 4 * planes
        layer = np.abs(layer - 10 * np.maximum(np.rint(layer / 10), 0)) - np.float32(0.55)
        plane = np.where(outer & (under_skin > depth), np.minimum(sheet, layer), np.float32(9))
        hu += (np.float32(-75) - hu) * self._cover(plane) * np.clip(0.55 + 0.3 * strands, 0.1, 0.9)
        strand_lines = np.abs(strands) * np.float32(5) - np.float32(0.1)
        in_fat = (under_skin > 2.5) & (under_skin < depth - 0.5)
        hu += np.where(in_fat, np.float32(38) * self._cover(strand_lines), np.float32(0))
        # The space between the lungs is fat until something else is painted there.
        self._lay(hu, cage + 1.2, np.float32(FAT_HU + 4) + 9 * strands)
        spine_y = profile("spine", z)
        beside = ellipsoid_distance(x, y, 0, (0, spine_y + 32, 0), (46, 30, 1e3))
        if z < 45:
            neck = ellipsoid_distance(np.abs(x), y, 0, (15, spine_y - 6, 0), (18, 15, 1e3)) + 4 * planes
            beside = np.minimum(beside, neck + 0.4 * max(z - 25, 0))
        self._lay(hu, np.maximum(beside, cage), np.float32(MUSCLE_HU - 6) + 4 * strands)

    def _belly(self, hu: Slice, x: Slice, y: Slice, z: float, shapes: Distances, strands: Slice) -> None:
        assert shapes.dome is not None
        inner = np.maximum(shapes.dome, shapes.cage + 1.5)
        self._lay(hu, inner, np.float32(MUSCLE_HU - 4))
        inner = np.maximum(shapes.dome + 3, shapes.cage + 4)
        self._lay(hu, inner, np.float32(FAT_HU) + 10 * strands)
        inner = np.maximum(shapes.dome + 1.8, shapes.cage + 3.5)
        right = ellipsoid_distance(x, y, min(z, 292), (-66, -6, 291), (70, 89, 92))
        left = ellipsoid_distance(x, y, z, (4, -52, 268), (58, 33, 42), -12)
        spine = ellipsoid_distance(x, y, 0, (0, profile("spine", z), 0), (38, 36, 1e3))
        liver = np.maximum(np.maximum(blend(right, left, 14), inner), -spine)
        self._lay(hu, liver, np.float32(LIVER_HU) + 1.5 * strands)
        vessels = distance_on_slice(
            self._patient.liver_vessels, self._x, self._y, z, margin_mm=float(self._pixel), slab_mm=self._slab
        )
        if vessels is not None:
            self._lay(hu, np.maximum(vessels, liver + 2), np.float32(BLOOD_HU - 2))
        spleen = np.maximum(ellipsoid_distance(x, y, z, (94, 34, 278), (30, 50, 54), -22), inner)
        self._lay(hu, spleen, np.float32(SPLEEN_HU))
        stomach = np.maximum(
            ellipsoid_distance(x, y, z, (57, -12, 274), (46, 54, 66), 20), np.maximum(inner, 1 - spleen)
        )
        stomach = np.maximum(stomach, 1.5 - liver)
        self._lay(hu, stomach, np.float32(44))
        self._lay(hu, stomach + 3.5, np.float32(22) + 14 * strands)
        self._lay(hu, np.maximum(stomach + 3.5, y + 22), np.float32(-985))
        for side, level in ((-1, 322), (1, 312)):
            kidney = ellipsoid_distance(x, y, z, (side * 52, 52, level), (26, 24, 46), side * 25)
            self._lay(hu, kidney, np.float32(33))

    def _heart(self, hu: Slice, z: float, heart: Slice, dome: Slice | None, planes: Slice) -> None:
        if dome is not None:
            heart = np.maximum(heart, 2 - dome)
        if z > 165:  # the sac shows as a line where fat lies on both sides, over the lower heart
            self._lay(hu, np.abs(heart - 4.2) - np.float32(0.5), np.float32(-30))
        self._lay(hu, heart + 1.4 * planes, np.float32(HEART_HU + 6))
        self._lay(hu, heart + 9 + 2 * planes, np.float32(BLOOD_HU))

    def _soft_tubes(self, hu: Slice, z: float, lung: Slice) -> Slice:
        """Paint tubes of soft tissue; return the lung as the great vessels and airways leave it."""
        patient = self._patient
        for tubes, clearance_mm in ((patient.blood, 1.4), (patient.central_airways, 2.6), (patient.gullet, 1.5)):
            distance = self._near(tubes, z, 9)
            if distance is not None:
                lung = -blend(-lung, distance - np.float32(clearance_mm), 7)
        for tubes, value in (
            (patient.crura, 50.0),
            (patient.nodes, 28.0),
            (patient.small_vessels, 40.0),
            (patient.gullet, 34.0),
            (patient.blood, BLOOD_HU + 4),
            (patient.cartilage, 112.0),
        ):
            distance = self._near(tubes, z)
            if distance is not None:
                self._lay(hu, distance, np.float32(value))
        return lung

    def _near(self, tubes: Tubes, z: float, extra_mm: float = 0.0) -> Slice | None:
        return distance_on_slice(tubes, self._x, self._y, z, margin_mm=float(self._pixel) + extra_mm, slab_mm=0.0)

    def _bones(self, hu: Slice, x: Slice, y: Slice, z: float) -> None:
        middle = slice(*np.searchsorted(self._x, (-55.0, 55.0)))
        x, y, marrow_x = x[:, middle], y[:, middle], self._x[middle]
        marrow = np.float32(MARROW_HU) + 45 * self._patient.fields.marrow.on_slice(marrow_x, self._y, z)
        strip = hu[:, middle]
        spine_y = profile("spine", z)
        half_width, half_depth = profile("vertebra_half_width", z), profile("vertebra_half_depth", z)
        canal_y = spine_y + half_depth + 8
        phase = (z - anatomy.FIRST_VERTEBRA_MM) / anatomy.VERTEBRA_PITCH_MM
        from_disc = (0.5 - abs(phase - round(phase))) * anatomy.VERTEBRA_PITCH_MM
        waist = 1.6 * (1 - np.exp(-from_disc / 4))
        body = ellipsoid_distance(x, y, 0, (0, spine_y, 0), (half_width + 1 - waist, half_depth + 1 - waist, 1e3))
        canal = ellipsoid_distance(x, y, 0, (0, canal_y, 0), (10.0, 8.2, 1e3))
        body = np.maximum(body, -canal - 1)
        # Erector muscles fill the trough between ribs and spinous processes.
        if from_disc < 2.6:
            self._lay(strip, body, np.float32(85))
        else:
            plate = float(np.clip(1 - (from_disc - 2.6) / 1.8, 0, 1))
            self._lay(strip, body, np.float32(560 + 140 * plate))
            self._lay(strip, body + 1.5, marrow + np.float32(330 * plate))
        self._lay(strip, canal, np.float32(FAT_HU + 30))
        self._lay(strip, canal + 1.4, np.float32(12))
        self._lay(strip, ellipsoid_distance(x, y, 0, (0, canal_y, 0), (5.6, 4.4, 1e3)), np.float32(38))
        if 16 < z < 166:
            front = profile("cage_front", z) - 8.5
            half = profile("sternum_half_width", z) * min(1.0, (z - 14) / 8, (166 - z) / 10)
            if abs(z - 66) > 2:
                plate_y = y - np.float32(front) - 0.004 * x * x
                sternum = -blend(-(np.abs(plate_y) - np.float32(5.5)), -(np.abs(x) - np.float32(half)), 5)
                self._lay(strip, sternum, np.float32(470))
                self._lay(strip, sternum + 1.6, marrow - 60)
        bones = self._near(self._patient.bones, z)
        if bones is not None:
            texture = self._patient.fields.marrow.on_slice(self._x, self._y, z)
            self._lay(hu, bones, np.float32(CORTEX_HU) + 60 * texture)
            self._lay(hu, bones + 1.35, np.float32(MARROW_HU + 30) + 45 * texture)

    def _lung(self, hu: Slice, y: Slice, z: float, shapes: Distances) -> None:
        lung = shapes.lung
        fields = self._patient.fields
        air = np.float32(LUNG_HU) + np.float32(LUNG_GRADIENT_HU_PER_MM) * (y - 5) + np.float32(0.04 * (z - 150))
        air += 11 * fields.lung_patches.on_slice(self._x, self._y, z)
        x = self._grid_x
        fissure = self._cover(
            fissure_distance(x + 4 * fields.lung_patches.on_slice(self._x, self._y, 0.3 * z), y, z) - np.float32(0.25)
        )
        air += np.float32(95) * fissure
        vessels = distance_on_slice(
            self._patient.lung_vessels, self._x, self._y, z, margin_mm=float(self._pixel), slab_mm=self._slab
        )
        if vessels is not None:
            # Where a vessel leaves the lung it goes on for a few millimetres only: the rest would cross heart or wall.
            self._lay(hu, np.maximum(vessels, lung - 7), np.float32(BLOOD_HU))
            air += (np.float32(BLOOD_HU) - air) * self._cover(vessels)
        self._lay(hu, lung, air)

    def _airways(self, hu: Slice, z: float, lung: Slice) -> None:
        wall_mm, small_wall_mm = np.float32(1.5), np.float32(0.7)
        main = self._near(self._patient.central_airways, z, 1.5)
        small = self._near(self._patient.lung_airways, z, 0.7)
        if small is not None:
            # Only the first few millimetres may run outside the lung: further on they would cross heart or liver.
            small = np.maximum(small, lung - 1)
            self._lay(hu, small - small_wall_mm, np.float32(-110))
        if main is not None:
            self._lay(hu, main - wall_mm, np.float32(42))
        for air in (small, main):
            if air is not None:
                self._lay(hu, air, np.float32(-990))

    def _nodules(self, hu: Slice, z: float, lobes: Slice) -> None:
        for nodule in self._patient.nodules:
            radius = nodule.diameter_mm / 2
            cx, cy, cz = nodule.centre_mm
            away = max(abs(z - cz) - self._slab, 0.0)
            if away > radius + 2:
                continue
            j = slice(*np.searchsorted(self._y, (cy - radius - 4, cy + radius + 4)))
            i = slice(*np.searchsorted(self._x, (cx - radius - 4, cx + radius + 4)))
            dx, dy = self._grid_x[j, i] - np.float32(cx), self._grid_y[j, i] - np.float32(cy)
            distance = np.sqrt(dx * dx + dy * dy + np.float32(away**2)) - np.float32(radius)
            distance = distance + np.float32(0.12 * radius) * lobes[j, i]
            cover = self._cover(distance)
            if nodule.kind == "ground_glass":
                cover = np.clip(0.5 - distance / 2.0, 0, 1).astype(np.float32)
            density = GROUND_GLASS_HU if nodule.kind == "ground_glass" else SOLID_NODULE_HU
            value = np.maximum(hu[j, i], np.float32(density))
            hu[j, i] += (value - hu[j, i]) * cover

    def _table(self, hu: Slice, z: float) -> None:
        x, y = self._grid_x, self._grid_y
        top = 125.0 - 0.00018 * x * x
        wide = np.abs(x) - np.float32(205)
        mat = np.maximum(np.maximum(top - y, y - top - 9), wide)
        outside = hu < -900
        hu += np.where(outside, (np.float32(-955) - hu) * self._cover(mat), np.float32(0))
        shell_y = 138 - 0.0009 * x * x
        shell = np.maximum(np.abs(y - shell_y) - np.float32(0.9), np.abs(x) - np.float32(118))
        hu += np.where(hu < -700, (np.float32(60) - hu) * self._cover(shell), np.float32(0))
        foam = np.maximum(np.maximum(shell_y + 1 - y, y - 175), np.abs(x) - np.float32(118))
        hu += np.where(hu < -960, np.float32(45) * self._cover(foam), np.float32(0))
