"""Aorta, caval veins, pulmonary trunk, airways and gullet of the procedural chest as swept tubes."""

from __future__ import annotations

import numpy as np

from models.simulation.swept_tubes import Tubes, along, join

Node = tuple[float, float, float, float]

TRACHEA: tuple[Node, ...] = (
    (-3, 13, -60, 8.5),
    (-3, 15, 0, 8.8),
    (-4, 18, 50, 8.8),
    (-3, 21, 84, 9.2),
    (-1, 22, 95, 9.0),
)
RIGHT_BRONCHUS: tuple[Node, ...] = ((-3, 22, 92, 7.5), (-14, 23, 103, 7.0), (-26, 21, 112, 6.2), (-36, 19, 122, 5.2))
LEFT_BRONCHUS: tuple[Node, ...] = ((1, 23, 92, 7.2), (14, 26, 107, 6.4), (28, 25, 116, 5.8), (40, 21, 123, 5.0))

AORTA: tuple[Node, ...] = (
    (6, -18, 142, 14),
    (0, -25, 120, 15),
    (-3, -27, 100, 15.5),
    (-2, -22, 84, 15),
    (5, -13, 74, 14),
    (14, -1, 70.5, 13.5),
    (22, 14, 71, 13),
    (27, 30, 76, 12.8),
    (29, 43, 89, 12.5),
    (29, 49, 110, 12),
    (27, 49, 160, 11.8),
    (22, 44, 200, 11.4),
    (15, 36, 240, 11),
    (7, 27, 280, 10.6),
    (4, 22, 350, 10),
)
_ARTERIES: tuple[tuple[Node, ...], ...] = (
    AORTA,
    ((3, -12, 64, 6.5), (-8, -2, 45, 6), (-17, 4, 20, 5.5), (-24, 6, -10, 5), (-26, 8, -50, 4)),
    ((11, -4, 62, 5), (13, 2, 40, 4), (16, 8, 0, 4), (18, 10, -50, 3.5)),
    ((23, 14, 62, 5.5), (24, 20, 40, 5), (30, 20, 16, 5), (55, 12, 2, 4.5), (95, 0, -4, 4), (130, -4, 10, 4)),
    ((-22, 5, 14, 4.5), (-55, 10, 2, 4.5), (-95, 0, -4, 4), (-130, -4, 10, 4)),
    (
        (22, -44, 142, 13),
        (21, -32, 124, 13.5),
        (19, -16, 111, 13.5),
        (24, -6, 107, 12),
        (36, 6, 107, 10.5),
        (46, 15, 113, 8.5),
    ),
    ((15, -10, 113, 12), (-6, -1, 115, 11), (-26, 2, 117, 10), (-42, 7, 121, 8)),
)
_VEINS: tuple[tuple[Node, ...], ...] = (
    ((-24, -12, 56, 8.5), (-23, -9, 90, 9), (-24, -12, 125, 9.5), (-25, -14, 152, 11)),
    ((-24, -12, 60, 8), (-25, -12, 30, 8), (-29, -4, 8, 7), (-32, 2, -20, 7), (-33, 4, -55, 7)),
    ((-24, -14, 60, 8), (-6, -25, 49, 7), (14, -23, 39, 7), (27, -12, 22, 7.5), (31, 0, 0, 7), (33, 4, -55, 7)),
    ((60, -8, 14, 5), (30, -8, 18, 6.5)), ((-60, -8, 14, 5), (-28, -6, 18, 6.5)),
    ((60, -8, 14, 5), (100, -10, 8, 5), (135, -12, 22, 4.5)),
    ((-60, -8, 14, 5), (-100, -10, 8, 5), (-135, -12, 22, 4.5)),
    ((-26, 10, 176, 11), (-23, 6, 205, 11.5), (-20, 14, 240, 11.5), (-20, 20, 350, 11.5)),
    ((-22, 8, 142, 7), (-34, 5, 136, 6), (-44, 4, 128, 3.8)),
    ((-26, 19, 154, 7), (-38, 23, 157, 6), (-47, 27, 162, 3.8)),
    ((30, 5, 142, 7), (40, 1, 134, 6), (47, -2, 125, 3.8)), ((32, 20, 153, 7), (42, 25, 157, 6), (50, 29, 161, 3.8)),
    ((-11, 45, 350, 3.2), (-10, 47, 200, 3.6), (-11, 46, 110, 4),
     (-14, 40, 93, 4), (-24, 18, 86, 4), (-28, -4, 92, 4.5)),
)  # fmt: skip

PULMONARY_ROOTS: tuple[tuple[str, str, tuple[float, float, float], tuple[float, float, float]], ...] = (
    ("right", "artery", (-42, 7, 121), (-1.0, 0.3, 0.3)),
    ("left", "artery", (46, 15, 113), (1.0, 0.5, 0.4)),
    ("right", "vein", (-44, 6, 132), (-1.0, -0.1, -0.4)),
    ("left", "vein", (47, 2, 130), (1.0, -0.2, -0.4)),
    ("right", "airway", (-36, 19, 122), (-1.0, 0.0, 0.9)),
    ("left", "airway", (40, 21, 123), (1.0, 0.0, 0.7)),
)
"""Side, kind, root (x, y, z) and first direction of the trees inside the lungs."""


def blood() -> Tubes:
    """Arteries and veins outside the lungs."""
    return join([along(nodes) for nodes in (*_ARTERIES, *_VEINS)])


def chest_wall_vessels() -> Tubes:
    """Internal mammary and axillary vessels and a few small lymph nodes in the fat."""
    parts = []
    for side in (-1.0, 1.0):
        parts.append(
            along(
                [
                    (side * 16, -26, 30, 1.4),
                    (side * 17, -62, 80, 1.4),
                    (side * 17, -86, 150, 1.4),
                    (side * 18, -88, 220, 1.2),
                ]
            )
        )
        parts.append(
            along(
                [
                    (side * 112, 0, 40, 3.0),
                    (side * 132, 6, 80, 2.2),
                    (side * 142, 18, 130, 1.4),
                    (side * 145, 25, 190, 1.0),
                ]
            )
        )
        for x, y, z, radius in ((122, -6, 52, 3.2), (128, 8, 66, 2.6), (134, -2, 84, 2.8), (139, 10, 102, 2.2)):
            parts.append(along([(side * x, y, z - 1, radius), (side * x + 2, y + 2, z + 3, radius * 0.8)]))
    return join(parts)


def mediastinal_nodes(rng: np.random.Generator) -> Tubes:
    """Small lymph nodes beside the trachea, under the arch and under the carina, with rest strands of the thymus."""
    places = (
        (-15, 12, 78),
        (-13, 2, 68),
        (10, 14, 92),
        (22, -12, 90),
        (-2, 28, 116),
        (4, 26, 124),
        (-10, -36, 70),
        (4, -46, 92),
        (10, -52, 110),
    )
    parts = []
    for x, y, z in places:
        shift, radius = rng.normal(0, 1.5, 3), float(rng.uniform(1.6, 3.4))
        tail = rng.normal(0, 2.5, 3)
        start = np.array([x, y, z]) + shift
        parts.append(along([(*start, radius), (*(start + tail), radius * 0.8)]))
    return join(parts)


def gullet() -> Tubes:
    """Oesophagus down to the stomach."""
    nodes: tuple[Node, ...] = (
        (5, 28, -55, 5.5), (6, 31, 0, 5.5), (8, 35, 50, 6), (7, 38, 95, 6), (8, 40, 130, 6.2),
        (12, 38, 165, 6.2), (14, 32, 200, 6.5), (18, 22, 232, 7), (34, 12, 250, 8),
    )  # fmt: skip
    return along(nodes)


def crura() -> Tubes:
    """Legs of the diaphragm beside the lower aorta."""
    return join(
        [
            along([(24, 24, 232, 2.5), (20, 30, 262, 4.2), (15, 38, 300, 5), (14, 40, 350, 5)]),
            along([(0, 20, 236, 2.5), (-8, 22, 262, 4.2), (-12, 34, 300, 5.5), (-12, 38, 350, 5.5)]),
        ]
    )


def airways() -> Tubes:
    """Trachea and main bronchi: the air inside."""
    return join([along(TRACHEA), along(RIGHT_BRONCHUS), along(LEFT_BRONCHUS)])
