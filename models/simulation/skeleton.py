"""Bones of the procedural chest that are swept along curves: ribs, cartilage, vertebral arches, shoulder girdle."""

from __future__ import annotations

import numpy as np

from models.simulation.anatomy import FIRST_VERTEBRA_MM, VERTEBRA_PITCH_MM, cage_point, profile
from models.simulation.swept_tubes import Tubes, along, join, mirrored

_RIB_END_DEG = (150, 152, 151, 149, 147, 145, 142, 134, 124, 112, 84, 58)
_RIB_DROP_MM = (36, 50, 62, 72, 80, 85, 88, 88, 80, 70, 44, 28)
_STERNAL_LEVEL_MM = (24, 52, 74, 94, 112, 128, 143, 160, 178, 196)
_DEPTH_IN_WALL_MM = 6.5


def ribs() -> Tubes:
    """Twelve pairs of ribs, from the vertebral body round to the front, each lower in front than behind."""
    left = []
    for number, (end_deg, drop_mm) in enumerate(zip(_RIB_END_DEG, _RIB_DROP_MM, strict=True)):
        head_z = FIRST_VERTEBRA_MM + number * VERTEBRA_PITCH_MM - 8
        spine_y = profile("spine", head_z)
        half_width = profile("vertebra_half_width", head_z)
        depth = profile("vertebra_half_depth", head_z)
        thick = 3.2 if number in (0, 10, 11) else 3.8
        nodes = [
            (half_width + 1, spine_y + depth * 0.6, head_z, 3.6),
            (half_width + 14, spine_y + depth + 10, head_z + 4, 3.2),
        ]
        for angle in np.linspace(30, end_deg, max(int((end_deg - 30) // 8), 3)):
            share = (angle - 20) / (end_deg - 20)
            z = head_z + 4 + drop_mm * (0.55 * share + 0.45 * (1 - np.cos(np.pi * share)) / 2)
            nodes.append((*cage_point(angle, z, _DEPTH_IN_WALL_MM), z, thick))
        left.append(along(nodes, height_ratio=1.75))
    one_side = join(left)
    return join([one_side, mirrored(one_side)])


def costal_cartilage() -> Tubes:
    """Cartilage from the ends of the upper ten ribs to the breastbone or to the arch below it."""
    left = []
    for number, sternal_z in enumerate(_STERNAL_LEVEL_MM):
        end_deg = _RIB_END_DEG[number]
        rib_z = FIRST_VERTEBRA_MM + number * VERTEBRA_PITCH_MM - 4 + _RIB_DROP_MM[number]
        inner_deg = 172 if number < 7 else 166 - 4 * (number - 7)
        nodes = []
        for share in np.linspace(0, 1, 6):
            z = rib_z + (sternal_z - rib_z) * share**1.5
            nodes.append((*cage_point(end_deg + (inner_deg - end_deg) * share, z, _DEPTH_IN_WALL_MM + share), z, 4.2))
        left.append(along(nodes, height_ratio=1.3))
    one_side = join(left)
    return join([one_side, mirrored(one_side)])


def vertebral_arches() -> Tubes:
    """Pedicles, laminae, spinous and transverse processes of every vertebra (the bodies are drawn as areas)."""
    parts = []
    for number in range(-2, 15):
        z = FIRST_VERTEBRA_MM + number * VERTEBRA_PITCH_MM
        y = profile("spine", z)
        half_width, depth = profile("vertebra_half_width", z), profile("vertebra_half_depth", z)
        canal = y + depth + 8
        left = [
            along(
                [(half_width - 5, y + depth - 4, z - 4, 3.6), (12.5, canal - 2, z - 3, 3.8), (13, canal + 4, z, 3.8)],
                height_ratio=1.5,
            ),
            along(
                [(13, canal + 3, z, 3.4), (8, canal + 9.5, z + 4, 3.0), (0, canal + 14, z + 8, 3.0)], height_ratio=2.2
            ),
            along(
                [
                    (13, canal + 3, z - 1, 4.0),
                    (23, canal + 9, z, 3.6),
                    (33 - max(number - 8, 0) * 1.2, canal + 13, z, 4.2),
                ],
                height_ratio=1.3,
            ),
        ]
        parts += left + [mirrored(part) for part in left]
        parts.append(
            along(
                [(0, canal + 13, z + 8, 2.8), (0, canal + 22, z + 17, 2.4), (0.5, canal + 29, z + 24, 2.8)],
                height_ratio=2.0,
            )
        )
    return join(parts)


def shoulder_girdle() -> Tubes:
    """Collar bones, shoulder blades with spine, and the heads of the upper arms."""
    front = profile("cage_front", 18)
    parts = [
        along(
            [(20, front - 9, 20, 6.5), (48, front - 12, 10, 5.2), (85, front + 2, 0, 5.0), (125, front + 30, -8, 5.5)]
        ),
        along([(150, 28, -22, 20.0), (152, 27, -6, 21.0), (160, 27, 4, 16.0)]),
    ]
    for z in np.arange(12.0, 140.0, 2.5):
        share = (z - 12) / 128
        inner_deg, outer_deg = 24 + 20 * share, 74 - 20 * share
        lift = 15 + 7 * share
        nodes = []
        for angle in np.linspace(inner_deg, outer_deg, 7):
            x, y = cage_point(float(angle), max(z, 45.0), lift + 5 * np.sin(np.pi * (angle - inner_deg) / 55))
            nodes.append((x, min(y, 108.0), z, 1.5))
        nodes[-1] = (*nodes[-1][:3], 4.2)
        nodes[0] = (*nodes[0][:3], 2.4)
        parts.append(along(nodes, height_ratio=1.2))
    glenoid_x, glenoid_y = cage_point(74, 45, 17)
    parts.append(
        along(
            [
                (glenoid_x, glenoid_y, 26, 5.0),
                (glenoid_x + 10, glenoid_y - 8, 10, 8.0),
                (glenoid_x + 16, glenoid_y - 14, -4, 9.0),
            ]
        )
    )
    spine_nodes = [(75.0, 98.0, 34, 3.0), (98.0, 100.0, 22, 4.0), (125.0, 84.0, 8, 5.0), (150.0, 60.0, -6, 6.0)]
    parts.append(along(spine_nodes))
    one_side = join(parts)
    return join([one_side, mirrored(one_side)])
