"""Coverage: the share of an organ's voxels within R degrees of gaze, as a curve over the useful field of view.

No single radius is right: the useful field of view decides who searched what (Williams & Drew 2019, PMC6614227), so
the result is always the curve from 1 to 5 degrees (Kundel's cluster of 5 degrees is a radius of 2.5). "Coverage" after
Drew 2013 (J Vis 13(10):3); Rubin 2015 (Radiology) took the lung within 50 px, about 3 cm, of gaze. In-plane discs at
the zoom of that moment, on the slices that were shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from calibration.geometry import ScreenGeometry
from ctgaze_app.review.dwell_points import DwellPoints
from ctgaze_app.review.patch_loops import add_within, raise_to_cosine

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

UFOV_RADII_DEG = (1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0)
"""Radii of the useful field of view of every curve: 1 to 5 degrees."""


@dataclass(frozen=True, eq=False)
class CoverageCurve:
    """Covered share of a mask over the radius of the useful field of view.

    Attributes
    ----------
    radii_deg, covered_fraction
        (R,) the curve; NaN for an empty mask.
    n_voxels
        Voxels of the mask.
    displayed_fraction
        Share of its voxels on slices that hold at least one row: no radius reaches more.
    minimum_dwell_s
        Seconds of gaze within the radius that made a voxel count.
    first_radius
        uint8 [k, j, i] inside `box_kji`, the bounding box of the mask: index of the smallest radius at which the voxel
        counts, R when none does or it is not of the mask.
    """

    radii_deg: tuple[float, ...]
    covered_fraction: Floats
    n_voxels: int
    displayed_fraction: float
    minimum_dwell_s: float
    first_radius: NDArray[np.uint8] = field(repr=False)
    box_kji: tuple[slice, slice, slice] = field(repr=False)
    mask: Flags = field(repr=False)

    def at(self, radius_deg: float) -> float:
        """Covered share at one of the curve's radii."""
        return float(self.covered_fraction[self.radii_deg.index(radius_deg)])

    def unsearched(self, radius_deg: float) -> Flags:
        """bool [k, j, i], the whole volume: voxels of the mask that no gaze came within that radius of."""
        region = np.zeros(self.mask.shape, dtype=bool)
        number = self.radii_deg.index(radius_deg)
        region[self.box_kji] = self.mask[self.box_kji] & (self.first_radius > number)
        return region

    def to_dict(self) -> dict[str, object]:
        """Plain numbers for JSON."""
        return {
            "radius_deg": list(self.radii_deg),
            "covered_fraction": [float(each) for each in self.covered_fraction],
            "n_voxels": self.n_voxels,
            "displayed_fraction": self.displayed_fraction,
            "minimum_dwell_s": self.minimum_dwell_s,
        }


def coverage_curve(
    points: DwellPoints,
    mask: Flags | None = None,
    *,
    radii_deg: Sequence[float] = UFOV_RADII_DEG,
    minimum_dwell_s: float = 0.0,
) -> CoverageCurve:
    """Share of a mask's voxels whose centre lay within each radius of gaze.

    Parameters
    ----------
    points
        Fixation-based: `dwell_points_of_segments`; sample-based: `dwell_points_of_samples`, best through
        `merged_in_cells`.
    mask
        bool [k, j, i] of the organ; None: every voxel of the volume.
    radii_deg
        Ascending.
    minimum_dwell_s
        0: one look is enough. More: the seconds of all rows within the radius of a voxel must reach it (300 ms
        catches 85 % of the looks that matter; Kundel, reference 2.7).

    Returns
    -------
    CoverageCurve
        The angle is the true one between two lines of sight to the screen, not a circle in pixels.
    """
    radii = tuple(float(radius) for radius in radii_deg)
    if not radii or list(radii) != sorted(set(radii)):
        raise ValueError(f"radii must ascend: {radii}")
    organ = np.ones(points.shape_kji, dtype=bool) if mask is None else np.asarray(mask, dtype=bool)
    if organ.shape != points.shape_kji:
        raise ValueError(f"the mask {organ.shape} does not fit the series {points.shape_kji}")
    n_voxels = int(np.count_nonzero(organ))
    box = _bounding_box(organ)
    first_radius = np.full(organ[box].shape, len(radii), dtype=np.uint8)
    k0, j0, i0 = (axis.start for axis in box)
    _, rows_j, columns_i = organ[box].shape
    displayed = 0
    cosines = np.cos(np.radians(radii))
    for k in np.unique(points.slice_index):
        if not box[0].start <= k < box[0].stop:
            continue
        inside = organ[k, box[1], box[2]]
        displayed += int(np.count_nonzero(inside))
        mine = points.subset(points.slice_index == k)
        if minimum_dwell_s > 0:
            dwell = np.zeros((len(radii), rows_j, columns_i))
            for disc in _discs(mine, radii[-1], (j0, i0), (rows_j, columns_i)):
                add_within(
                    dwell, disc.first, disc.last, disc.to_mm, disc.sight, mine.screen.distance_mm, cosines,
                    float(mine.seconds[disc.row]),
                )  # fmt: skip
            # A microsecond below: the tables are rounded to that.
            within = dwell >= minimum_dwell_s - 1e-6
        else:
            nearest = np.full((rows_j, columns_i), -2.0)
            for disc in _discs(mine, radii[-1], (j0, i0), (rows_j, columns_i)):
                raise_to_cosine(nearest, disc.first, disc.last, disc.to_mm, disc.sight, mine.screen.distance_mm)
            within = nearest[None] >= cosines[:, None, None]
        # Discs are nested: how many radii are too small is the index of the first that is not.
        first_radius[k - k0] = np.where(inside, len(radii) - np.count_nonzero(within, axis=0), len(radii))
    with np.errstate(invalid="ignore", divide="ignore"):
        per_radius = np.bincount(first_radius.ravel(), minlength=len(radii) + 1)[: len(radii)]
        fraction = np.cumsum(per_radius) / np.float64(n_voxels)
        shown = float(np.float64(displayed) / n_voxels) if n_voxels else float("nan")
    return CoverageCurve(radii, fraction, n_voxels, shown, minimum_dwell_s, first_radius, box, organ)


class _Disc(NamedTuple):
    """What the loops need of one row: its patch, the map of its view, its line of sight."""

    first: NDArray[np.int64]
    last: NDArray[np.int64]
    to_mm: Floats
    sight: Floats
    row: int


def _discs(
    points: DwellPoints, radius_deg: float, origin_ji: tuple[int, int], size_ji: tuple[int, int]
) -> Iterator[_Disc]:
    """For each row of one slice: the patch of the box that its disc can reach."""
    if len(points) == 0:
        return
    screen = points.screen
    pitch = np.asarray(screen.mm_per_px)
    maps = points.view_maps[points.view][:, :2]
    screen_px_of_ij = np.linalg.inv(maps[:, :, :2])
    # Voxel (origin + i, j) of the box to millimetres from the middle of the screen.
    offset = (screen_px_of_ij @ (np.asarray(origin_ji[::-1], dtype=np.float64) - maps[:, :, 2])[:, :, None])[:, :, 0]
    to_mm = np.concatenate([screen_px_of_ij, offset[:, :, None]], axis=2) * pitch[:, None]
    to_mm[:, :, 2] -= (screen.width_mm / 2, screen.height_mm / 2)
    sights = screen.px_to_vector(points.screen_px)
    reach = _reach_mm(points.screen_px, radius_deg, screen)[:, None] * np.linalg.norm(maps[:, :, :2] / pitch, axis=2)
    centre = points.voxel_ij - origin_ji[::-1]
    low = np.maximum(np.floor(centre - reach - 1).astype(np.int64)[:, ::-1], 0)
    high = np.minimum(np.ceil(centre + reach + 2).astype(np.int64)[:, ::-1], size_ji)
    for row in np.flatnonzero((low < high).all(axis=1)):
        yield _Disc(low[row], high[row], to_mm[row], sights[row], int(row))


def _reach_mm(px: Floats, radius_deg: float, screen: ScreenGeometry) -> Floats:
    """(N,) farthest millimetres on the screen at which a point is still within the angle: straight outwards."""
    from_centre_mm = np.asarray(px) * screen.mm_per_px - (screen.width_mm / 2, screen.height_mm / 2)
    eccentricity = np.arctan(np.linalg.norm(from_centre_mm, axis=-1) / screen.distance_mm)
    outer = np.minimum(eccentricity + np.radians(radius_deg), np.radians(89.0))
    return np.asarray(screen.distance_mm * (np.tan(outer) - np.tan(eccentricity)), dtype=np.float64)


def _bounding_box(mask: Flags) -> tuple[slice, slice, slice]:
    spans = []
    for axes in ((1, 2), (0, 2), (0, 1)):
        where = np.flatnonzero(mask.any(axis=axes))
        spans.append(slice(int(where[0]), int(where[-1]) + 1) if len(where) else slice(0, 0))
    return spans[0], spans[1], spans[2]
