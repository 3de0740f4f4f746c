"""Tubes swept along curves (vessels, airways, ribs), and their distance maps slice by slice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

FAR_MM = np.float32(1e3)
_RADIUS_CLASSES_MM = (0.0, 0.8, 1.6, 3.0, 6.0, 12.0, 24.0, 1e3)


@dataclass(frozen=True)
class Tubes:
    """Balls whose union is the tubes.

    Attributes
    ----------
    centres_mm
        float64 (N, 3) x, y, z in body coordinates.
    radii_mm
        float64 (N,) radius in the axial plane.
    heights_mm
        float64 (N,) half height along z; equal to the radius for a round tube, more for a rib.
    """

    centres_mm: NDArray[np.float64]
    radii_mm: NDArray[np.float64]
    heights_mm: NDArray[np.float64]


def join(tubes: Sequence[Tubes]) -> Tubes:
    """Put several sets of tubes into one."""
    return Tubes(
        np.concatenate([tube.centres_mm for tube in tubes]),
        np.concatenate([tube.radii_mm for tube in tubes]),
        np.concatenate([tube.heights_mm for tube in tubes]),
    )


def along(nodes: Sequence[Sequence[float]], *, height_ratio: float = 1.0) -> Tubes:
    """Sweep a ball along a smooth curve through `nodes`.

    Parameters
    ----------
    nodes
        (N, 4) rows x, y, z, radius in mm.
    height_ratio
        Half height along z over radius.
    """
    table = np.asarray(nodes, dtype=np.float64)
    smooth = _catmull_rom(table, 8) if len(table) > 2 else table
    step = np.linalg.norm(np.diff(smooth[:, :3], axis=0), axis=1)
    way = np.concatenate([[0.0], np.cumsum(step)])
    spacing = max(0.35 * float(table[:, 3].min()), 0.4)
    at = np.linspace(0, way[-1], max(int(np.ceil(way[-1] / spacing)) + 1, 2))
    dense = np.stack([np.interp(at, way, smooth[:, column]) for column in range(4)], axis=1)
    return Tubes(dense[:, :3], dense[:, 3], dense[:, 3] * height_ratio)


def _catmull_rom(table: NDArray[np.float64], pieces: int) -> NDArray[np.float64]:
    padded = np.vstack([2 * table[0] - table[1], table, 2 * table[-1] - table[-2]])
    t = np.linspace(0, 1, pieces, endpoint=False)[:, None]
    p0, p1, p2, p3 = padded[:-3, None], padded[1:-2, None], padded[2:-1, None], padded[3:, None]
    curve = 0.5 * (2 * p1 + (p2 - p0) * t + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2 + (3 * p1 - p0 - 3 * p2 + p3) * t**3)
    dense = np.vstack([curve.reshape(-1, table.shape[1]), table[-1]])
    dense[:, 3] = np.maximum(dense[:, 3], table[:, 3].min())
    return dense


def mirrored(tubes: Tubes) -> Tubes:
    """The same tubes on the other side of the body."""
    return Tubes(tubes.centres_mm * (-1.0, 1.0, 1.0), tubes.radii_mm, tubes.heights_mm)


def distance_on_slice(
    tubes: Tubes,
    x_mm: NDArray[np.floating],
    y_mm: NDArray[np.floating],
    z_mm: float,
    *,
    margin_mm: float,
    slab_mm: float = 0.0,
) -> NDArray[np.float32] | None:
    """Signed distance to the tubes on one slice, exact up to `margin_mm` outside them and `FAR_MM` beyond.

    Parameters
    ----------
    x_mm, y_mm
        Evenly spaced coordinates of the columns and rows.
    slab_mm
        Half of the slice thickness that a small tube may lie off centre without getting thinner.

    Returns
    -------
    float32 (rows, columns), negative inside, or None when no tube comes near the slice.
    """
    away = np.maximum(np.abs(tubes.centres_mm[:, 2] - z_mm) - slab_mm, 0.0)
    near = np.flatnonzero(away < tubes.heights_mm + margin_mm)
    if not len(near):
        return None
    pitch_x, pitch_y = float(x_mm[1] - x_mm[0]), float(y_mm[1] - y_mm[0])
    distance = np.full((len(y_mm), len(x_mm)), FAR_MM, dtype=np.float32)
    flat = distance.reshape(-1)
    radii = tubes.radii_mm[near]
    for low, high in pairwise(_RADIUS_CLASSES_MM):
        chosen = near[(radii >= low) & (radii < high)]
        if not len(chosen):
            continue
        radius = tubes.radii_mm[chosen].astype(np.float32)
        reach = float(radius.max()) + margin_mm
        half_x, half_y = int(np.ceil(reach / pitch_x)), int(np.ceil(reach / pitch_y))
        centre_i = (tubes.centres_mm[chosen, 0] - x_mm[0]) / pitch_x
        centre_j = (tubes.centres_mm[chosen, 1] - y_mm[0]) / pitch_y
        i = np.rint(centre_i).astype(np.intp)[:, None] + np.arange(-half_x, half_x + 1)
        j = np.rint(centre_j).astype(np.intp)[:, None] + np.arange(-half_y, half_y + 1)
        dx = ((i - centre_i[:, None]) * pitch_x).astype(np.float32)
        dy = ((j - centre_j[:, None]) * pitch_y).astype(np.float32)
        dz = (away[chosen] * tubes.radii_mm[chosen] / tubes.heights_mm[chosen]).astype(np.float32)
        value = np.sqrt((dy**2)[:, :, None] + (dx**2)[:, None, :] + (dz**2)[:, None, None]) - radius[:, None, None]
        inside = ((j >= 0) & (j < len(y_mm)))[:, :, None] & ((i >= 0) & (i < len(x_mm)))[:, None, :]
        keep = inside & (value < margin_mm)
        index = (j * len(x_mm))[:, :, None] + i[:, None, :]
        np.minimum.at(flat, index[keep], value[keep])
    return distance
