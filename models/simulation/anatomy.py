"""Shapes of a procedural chest: wall, lungs, heart, diaphragm and belly as signed distances on one axial slice.

Body coordinates in mm: x to the patient's left, y to the back, z to the feet; x = 0 in the midline, z = 0 at the level
of the first ribs and 300 in the upper belly. Sizes are those of a medium adult, rounded from sectional anatomy.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Slice = NDArray[np.float32]

_LEVELS_MM = (-60, 0, 15, 30, 60, 90, 130, 170, 210, 250, 300, 360)
_PROFILES_MM = {
    "cage_half_width": (42, 52, 66, 82, 104, 117, 127, 131, 133, 133, 131, 129),
    "cage_front": (10, -2, -17, -31, -55, -71, -84, -89, -91, -91, -89, -87),
    "cage_back": (66, 70, 75, 79, 85, 89, 92, 93, 93, 93, 91, 89),
    "body_half_width": (140, 206, 206, 201, 189, 180, 171, 166, 163, 161, 160, 159),
    "body_front": (-12, -34, -45, -58, -81, -97, -110, -115, -117, -117, -115, -113),
    "body_back": (106, 112, 115, 118, 121, 123, 124, 124, 124, 124, 123, 122),
    "spine": (40, 45, 48, 51, 57, 60, 63, 63, 61, 58, 53, 48),
    "vertebra_half_width": (13, 13, 13.5, 14, 15, 15.5, 16, 17, 18, 19, 20.5, 22),
    "vertebra_half_depth": (9, 9.5, 10, 10.5, 11.5, 12, 13, 13.5, 14, 14.5, 15, 16),
    "sternum_half_width": (27, 27, 27, 26, 18, 14, 17, 9, 9, 9, 9, 9),
}
_FINE_LEVELS_MM = np.arange(-60.0, 361.0)
VERTEBRA_PITCH_MM = 24.5
FIRST_VERTEBRA_MM = -12.0
"""z of the middle of the first thoracic vertebra."""


def _smoothed(values: tuple[float, ...]) -> NDArray[np.float64]:
    fine = np.interp(_FINE_LEVELS_MM, _LEVELS_MM, values)
    kernel = np.hanning(27)
    return np.convolve(np.pad(fine, 13, mode="edge"), kernel / kernel.sum(), mode="valid")


_FINE_PROFILES_MM = {name: _smoothed(values) for name, values in _PROFILES_MM.items()}


def profile(name: str, z_mm: float) -> float:
    """One size of the body at a level, in mm."""
    return float(np.interp(z_mm, _FINE_LEVELS_MM, _FINE_PROFILES_MM[name]))


def squircle_distance(x: Slice, y: Slice, half_width: float, front: float, back: float, roundness: float) -> Slice:
    """First-order signed distance to u^4 + v^4 + roundness u^2 v^2 = 1: an ellipse at 2, squarer below."""
    half_depth, middle = (back - front) / 2, (back + front) / 2
    u, v = x / np.float32(half_width), (y - np.float32(middle)) / np.float32(half_depth)
    uu, vv = u * u, v * v
    q = uu * uu + vv * vv + np.float32(roundness) * uu * vv + np.float32(1e-6)
    r = np.sqrt(np.sqrt(q))
    slope_u = u * (4 * uu + np.float32(2 * roundness) * vv) / np.float32(half_width)
    slope_v = v * (4 * vv + np.float32(2 * roundness) * uu) / np.float32(half_depth)
    slope = np.sqrt(slope_u * slope_u + slope_v * slope_v) * r / (4 * q) + np.float32(1e-4)
    return np.asarray((r - 1) / slope, dtype=np.float32)


def ellipsoid_distance(
    x: Slice,
    y: Slice,
    z: float,
    centre: tuple[float, float, float],
    radii: tuple[float, float, float],
    turn_deg: float = 0,
) -> Slice:
    """First-order signed distance to an ellipsoid, turned about z by `turn_deg`."""
    dx, dy, dz = x - np.float32(centre[0]), y - np.float32(centre[1]), z - centre[2]
    if turn_deg:
        c, s = np.float32(np.cos(np.radians(turn_deg))), np.float32(np.sin(np.radians(turn_deg)))
        dx, dy = c * dx + s * dy, c * dy - s * dx
    u, v, w = dx / np.float32(radii[0]), dy / np.float32(radii[1]), dz / radii[2]
    k0 = np.sqrt(u * u + v * v + np.float32(w * w))
    su, sv = u / np.float32(radii[0]), v / np.float32(radii[1])
    k1 = np.sqrt(su * su + sv * sv + np.float32((w / radii[2]) ** 2)) + np.float32(1e-6)
    return np.asarray(k0 * (k0 - 1) / k1, dtype=np.float32)


def blend(a: Slice, b: Slice, k_mm: float) -> Slice:
    """Union of two shapes with a fillet of about `k_mm` (polynomial smooth minimum)."""
    h = np.maximum(np.float32(k_mm) - np.abs(a - b), 0) / np.float32(k_mm)
    return np.asarray(np.minimum(a, b) - h * h * np.float32(k_mm / 4), dtype=np.float32)


def body_distance(x: Slice, y: Slice, z: float) -> Slice:
    """Skin: squarish, flat on the table, grooved over breastbone and spine."""
    front, back = profile("body_front", z), profile("body_back", z)
    skin = squircle_distance(x, y, profile("body_half_width", z), front, back + 6, 1.15)
    groove = np.exp(-((x / 20) ** 2))
    skin = skin + groove * np.where(y < 0, np.float32(4.0), np.float32(3.0))
    return -blend(-skin, np.float32(back) - y, 10)


def cage_distance(x: Slice, y: Slice, z: float) -> Slice:
    """Inner surface of the rib cage."""
    return squircle_distance(
        x, y, profile("cage_half_width", z), profile("cage_front", z), profile("cage_back", z), 1.45
    )


def dome_distance(x: Slice, y: Slice, z: float) -> Slice:
    """Upper surface of the diaphragm: negative in the belly."""
    right = ellipsoid_distance(x, y, min(z, 290), (-66, -6, 290), (67, 85, 88))
    left = ellipsoid_distance(x, y, min(z, 296), (66, -4, 296), (67, 85, 80))
    middle = ellipsoid_distance(x, y, min(z, 300), (8, -34, 300), (72, 56, 76))
    return blend(blend(right, left, 12), middle, 14)


def heart_distance(x: Slice, y: Slice, z: float) -> Slice:
    """Outside of the heart muscle."""
    ventricles = ellipsoid_distance(x, y, z, (24, -34, 182), (52, 39, 45), 28)
    right_atrium = ellipsoid_distance(x, y, z, (-22, -22, 172), (25, 33, 38))
    left_atrium = ellipsoid_distance(x, y, z, (4, 14, 152), (34, 18, 21))
    outflow = ellipsoid_distance(x, y, z, (16, -46, 150), (22, 20, 30))
    return blend(blend(blend(ventricles, right_atrium, 12), left_atrium, 12), outflow, 9)


def mediastinum_distance(x: Slice, y: Slice, z: float, heart: Slice | None) -> Slice:
    """Everything between the lungs: spine, middle fat, septum behind the breastbone, heart with its fat."""
    spine_y = profile("spine", z)
    half_width, half_depth = profile("vertebra_half_width", z), profile("vertebra_half_depth", z)
    shape = ellipsoid_distance(x, y, 0, (0, spine_y, 0), (half_width + 4, half_depth + 4, 1e3))
    shape = blend(shape, ellipsoid_distance(x, y, 0, (0, spine_y + 30, 0), (27, 23, 1e3)), 6)
    upper = float(np.clip((150 - z) / 40, 0, 1))
    low = float(np.clip((z - 150) / 60, 0, 1))
    top = float(np.clip((60 - z) / 50, 0, 1))
    column = (18 + 11 * top + 3 * upper - 3 * low, 46 + 8 * upper - 14 * low, 1e3)
    shape = blend(shape, ellipsoid_distance(x, y, 0, (-2 + 8 * low, 6 + 22 * low, 0), column), 10)
    front = profile("cage_front", z)
    septum_depth = max(14.0, (10 - front) * 0.62)
    septum = (3.5 + 16 * top + 6 * low, septum_depth, 1e3)
    shape = blend(shape, ellipsoid_distance(x, y, 0, (1 + 4 * low, front + septum_depth * 0.75, 0), septum), 12)
    if heart is not None:
        shape = blend(shape, heart - np.float32(3.5), 10)
    return shape


def apex_distance(x: Slice, y: Slice, z: float) -> Slice:
    """Caps over both lungs above z = 75."""
    scale = float(np.sqrt(max(1 - ((min(z, 75) - 75) / 69) ** 2, 1e-4)))
    centre_y = 12 + 24 * (1 - scale)
    side = np.abs(x)
    return ellipsoid_distance(side, y, 0, (52, centre_y, 0), (63 * scale, 82 * scale, 1e3))


@dataclass(frozen=True)
class Distances:
    """Signed distances in mm on one slice, negative inside."""

    cage: Slice
    lung: Slice
    dome: Slice | None
    heart: Slice | None


def distances_on_slice(x: Slice, y: Slice, z: float) -> Distances:
    """All shapes inside the chest wall at one level.

    Parameters
    ----------
    x, y
        float32 (rows, columns): body coordinates of the pixels in mm.
    """
    cage = cage_distance(x, y, z)
    heart = heart_distance(x, y, z) if 100 < z < 245 else None
    dome = dome_distance(x, y, z) if z > 195 else None
    lung = np.maximum(cage, -mediastinum_distance(x, y, z, heart))
    if z < 75:
        lung = np.maximum(lung, apex_distance(x, y, z))
    if dome is not None:
        lung = -blend(-lung, dome, 3)
    return Distances(cage, lung, dome, heart)


def cage_point(angle_deg: float, z_mm: float, outward_mm: float) -> tuple[float, float]:
    """(x, y) on the left side of the rib cage at an angle from the back (0) over the side (90) to the front (180)."""
    half_width = profile("cage_half_width", z_mm) + outward_mm
    front, back = profile("cage_front", z_mm) - outward_mm, profile("cage_back", z_mm) + outward_mm
    half_depth = (back - front) / 2
    s, c = np.sin(np.radians(angle_deg)), np.cos(np.radians(angle_deg))
    u, v = s / half_width, c / half_depth
    reach = float((u**4 + v**4 + 1.45 * u**2 * v**2) ** -0.25)
    return reach * float(s), (back + front) / 2 + reach * float(c)
