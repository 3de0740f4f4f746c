"""Visual angles between gaze and a lesion on the slices that show it, and how the uncertainty of gaze spreads them."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibration.geometry import ScreenGeometry
from ctgaze_app.ct.labelled_region import LabelledRegion
from ctgaze_app.gaze.frames import screen_px_to_voxel, voxel_to_screen_px
from ctgaze_app.review.dwell_points import DwellPoints

Floats = NDArray[np.float64]

_CANDIDATES = 8  # pixels whose centre is nearest; the pixel whose edge is nearest is always among them


def pixels_on_slice(region: LabelledRegion, k: int) -> NDArray[np.int64]:
    """(P, 2) columns and rows (i, j) of a region's voxels on slice k; empty where it has none."""
    first_k, first_j, first_i = region.first_kji
    if not first_k <= k <= region.last_kji[0]:
        return np.empty((0, 2), dtype=np.int64)
    _, rows, columns = region.box_shape_kji
    layer = np.ones((rows, columns), dtype=bool) if region.mask is None else region.mask[k - first_k]
    j, i = np.nonzero(layer)
    return np.stack([i + first_i, j + first_j], axis=1).astype(np.int64)


def slices_of(region: LabelledRegion) -> NDArray[np.int64]:
    """The slices k that hold a voxel of it, ascending."""
    first, last = region.first_kji[0], region.last_kji[0]
    if region.mask is None:
        return np.arange(first, last + 1)
    return np.flatnonzero(region.mask.any(axis=(1, 2))) + first


@lru_cache(maxsize=8)
def gaussian_nodes(count: int) -> Floats:
    """(count, 2) equally likely points of a round Gaussian of standard deviation 1 along each axis.

    Radii are the quantiles of the Rayleigh distribution at the middles of `count` equal shares, directions turn by the
    golden angle (Vogel's spiral): the share of nodes in a region is its probability, within 0.5 % at 1,024 nodes, the
    same in every run.
    """
    share = (np.arange(count) + 0.5) / count
    radius = np.sqrt(-2.0 * np.log1p(-share))
    angle = np.arange(count) * (np.pi * (3.0 - np.sqrt(5.0)))
    nodes = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    nodes.flags.writeable = False
    return nodes


def angles_to_region_deg(region: LabelledRegion, points: DwellPoints, offsets_deg: ArrayLike = ((0.0, 0.0),)) -> Floats:
    """Visual angle from gaze to the nearest edge of a region on the slice that was shown.

    Parameters
    ----------
    points
        N stays of the eye.
    offsets_deg
        (M, 2) errors of gaze to the right and down, degrees; each one is added to every stay.

    Returns
    -------
    (N, M) degrees; 0 inside the region, infinite where the slice does not show it. A voxel is the whole square that is
    drawn for it. The angle is the true one between two lines of sight.
    """
    from scipy.spatial import cKDTree

    offsets = np.asarray(offsets_deg, dtype=np.float64).reshape(-1, 2)
    angles = np.full((len(points), len(offsets)), np.inf)
    for k in np.unique(points.slice_index):
        pixels = pixels_on_slice(region, int(k))
        if len(pixels) == 0:
            continue
        rows = np.flatnonzero(points.slice_index == k)
        maps = points.view_maps[points.view[rows]]
        px = _displaced(points.screen_px[rows], offsets, points.screen)
        gaze = screen_px_to_voxel(px, maps[:, None])[..., :2]
        scale = _screen_mm_per_voxel(maps, points.screen)
        shape = scale[0] / scale[0].max()  # pictures keep their aspect: only its ratio matters for what is nearest
        rim = _rim(pixels)
        _, nearest = cKDTree(rim * shape).query((gaze * shape).reshape(-1, 2), k=min(_CANDIDATES, len(rim)))
        candidates = rim[nearest.reshape(*gaze.shape[:2], -1)]
        edge = np.clip(gaze[:, :, None], candidates - 0.5, candidates + 0.5)
        distance = np.linalg.norm((edge - gaze[:, :, None]) * scale[:, None, None], axis=-1)
        best = np.argmin(distance, axis=-1)
        point = np.take_along_axis(edge, best[..., None, None], axis=2)[:, :, 0]
        voxel = np.concatenate([point, np.full((*point.shape[:2], 1), float(k))], axis=-1)
        there = voxel_to_screen_px(voxel, maps[:, None])
        inside = region.contains(np.concatenate([gaze, voxel[..., 2:]], axis=-1))
        angles[rows] = np.where(inside, 0.0, points.screen.angle_between_deg(px, there))
    return angles


def _rim(pixels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Those of (P, 2) pixels that have a neighbour above, below, left or right which is none of them."""
    low = pixels.min(axis=0) - 1
    layer = np.zeros(pixels.max(axis=0) - low + 2, dtype=bool)
    place = pixels - low
    layer[place[:, 0], place[:, 1]] = True
    inner = layer[:-2, 1:-1] & layer[2:, 1:-1] & layer[1:-1, :-2] & layer[1:-1, 2:]
    return pixels[~inner[place[:, 0] - 1, place[:, 1] - 1]]


def _displaced(px: Floats, offsets_deg: Floats, screen: ScreenGeometry) -> Floats:
    """(N, M, 2) `screen_px` of gaze moved by each offset, as far as that angle reaches there (`screen_disc_mm`)."""
    pitch = np.asarray(screen.mm_per_px)
    from_centre_mm = px * pitch - (screen.width_mm / 2, screen.height_mm / 2)
    sight_mm = np.sqrt((from_centre_mm**2).sum(axis=1) + screen.distance_mm**2)
    length = np.linalg.norm(offsets_deg, axis=1)
    safe = np.where(length > 0, length, 1.0)
    reach = np.where(length > 0, np.tan(np.radians(np.minimum(length, 80.0))) / safe, 0.0)
    return np.asarray(px[:, None] + (offsets_deg * reach[:, None]) * sight_mm[:, None, None] / pitch)


def _screen_mm_per_voxel(maps: Floats, screen: ScreenGeometry) -> Floats:
    """(N, 2) millimetres on the screen of one voxel along i and along j."""
    to_screen = np.linalg.inv(maps[:, :2, :2])
    return np.asarray(np.linalg.norm(to_screen * np.asarray(screen.mm_per_px)[:, None], axis=1))


def angle_uncertainty_deg(
    uncertainty_mm: ArrayLike,
    zoom: ArrayLike,
    px: ArrayLike,
    screen: ScreenGeometry,
    pixel_spacing_ij_mm: tuple[float, float],
) -> float:
    """The angle of which `uncertainty_mm` of a fixation table is the reach; the median over rows, NaN without one.

    Inverse of `gaze.frames.screen_disc_mm` for a stack's own slices.

    Parameters
    ----------
    uncertainty_mm, zoom, px
        (N,), (N,) and (N, 2) columns uncertainty_mm, zoom, and x_screen_px, y_screen_px.
    """
    pitch = np.asarray(screen.mm_per_px)
    from_centre_mm = np.asarray(px, dtype=np.float64) * pitch - (screen.width_mm / 2, screen.height_mm / 2)
    sight_mm = np.sqrt((from_centre_mm**2).sum(axis=-1) + screen.distance_mm**2)
    mm_per_px = np.sqrt(pixel_spacing_ij_mm[0] * pixel_spacing_ij_mm[1]) / np.asarray(zoom, dtype=np.float64)
    screen_mm = np.asarray(uncertainty_mm, dtype=np.float64) / mm_per_px * np.sqrt(pitch[0] * pitch[1])
    angle = np.degrees(np.arctan(screen_mm / sight_mm))
    known = angle[np.isfinite(angle)]
    return float(np.median(known)) if len(known) else float("nan")
