"""Driller or scanner: does the reader go through depth with a still eye, or over each slice before the next?

Drillers keep the eye in one region and scroll fast through depth; scanners search a level before they move on (Drew
et al. 2013, J Vis 13(10):3, who told them apart by eye from plots of position over depth). Ba et al. 2020 (J Med
Imaging 7(4) 045501) speak of an eye-movement index from saccade amplitudes and movements across quadrants. Neither
gives one number without choices, so the formulas here are stated in full.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ctgaze_app.gaze.frames import SeriesGeometry
from ctgaze_app.review.saccade_measures import quadrants
from ctgaze_app.review.slice_dwell import ShownSlices

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class SearchStyle:
    """How much of the search went through depth and how much over the slices.

    Attributes
    ----------
    driller_index
        depth_mm / (depth_mm + in_plane_mm): 1 is pure drilling, 0 pure scanning; NaN without any movement or
        without a fixation on the image.
    depth_mm
        Way through depth: the distances between slices, added up over every step of the view.
    in_plane_mm
        Way of the eye over the patient within the slices: distances in the image plane between consecutive fixations
        on the image, added up. Noise inside fixations does not count; panning does not (patient, not screen).
    depth_mm_per_s, in_plane_mm_per_s
        The same by the time that the series was shown.
    n_quadrant_crossings, quadrant_crossings_per_min, quadrant_crossing_fraction
        Consecutive fixations in different quadrants of the slice: their number, per minute shown, and their share.
    longest_drill_s
        Longest time with fixations in one quadrant only.
    """

    driller_index: float
    depth_mm: float
    in_plane_mm: float
    depth_mm_per_s: float
    in_plane_mm_per_s: float
    n_quadrant_crossings: int
    quadrant_crossings_per_min: float
    quadrant_crossing_fraction: float
    longest_drill_s: float

    def to_dict(self) -> dict[str, float]:
        """Plain numbers for JSON."""
        return asdict(self)


def search_style(
    fixations: Mapping[str, Any],
    shown: ShownSlices,
    series_geometry: SeriesGeometry,
    *,
    series: int = 0,
    centre_ij: tuple[float, float] | None = None,
) -> SearchStyle:
    """Driller-scanner figures of one trial.

    Parameters
    ----------
    fixations
        Columns series, onset_s, offset_s, x_voxel, y_voxel of `fixations.csv`.
    shown
        `slice_dwell.shown_slices` of the series.
    centre_ij
        Where the quadrants meet: the centre of an organ's mask; None: the middle of the image.
    """
    depth_mm = _depth_mm(shown, series_geometry)
    _, rows, columns = series_geometry.shape_kji
    centre = ((columns - 1) / 2, (rows - 1) / 2) if centre_ij is None else centre_ij
    x, y = (np.asarray(fixations[name], dtype=np.float64) for name in ("x_voxel", "y_voxel"))
    onset, offset = (np.asarray(fixations[name], dtype=np.float64) for name in ("onset_s", "offset_s"))
    mine = (np.asarray(fixations["series"]).astype(np.int64) == series) & np.isfinite(x) & np.isfinite(y)
    order = np.flatnonzero(mine)[np.argsort(onset[mine], kind="stable")]
    spacing_i, spacing_j = series_geometry.pixel_spacing_ij_mm if series_geometry.has_mm else (math.nan, math.nan)
    steps_mm = np.hypot(np.diff(x[order]) * spacing_i, np.diff(y[order]) * spacing_j)
    in_plane_mm = float(steps_mm.sum()) if len(order) else float("nan")
    quadrant = quadrants(x[order], y[order], centre)
    crossed = quadrant[1:] != quadrant[:-1]
    time_s = float(shown.duration_s.sum())
    whole = depth_mm + in_plane_mm
    return SearchStyle(
        driller_index=depth_mm / whole if whole > 0 else float("nan"),
        depth_mm=depth_mm,
        in_plane_mm=in_plane_mm,
        depth_mm_per_s=depth_mm / time_s if time_s > 0 else float("nan"),
        in_plane_mm_per_s=in_plane_mm / time_s if time_s > 0 else float("nan"),
        n_quadrant_crossings=int(crossed.sum()),
        quadrant_crossings_per_min=60 * float(crossed.sum()) / time_s if time_s > 0 else float("nan"),
        quadrant_crossing_fraction=float(crossed.mean()) if len(crossed) else float("nan"),
        longest_drill_s=_longest_stay_s(quadrant, onset[order], offset[order]),
    )


def _depth_mm(shown: ShownSlices, geometry: SeriesGeometry) -> float:
    if not geometry.has_mm:
        return math.nan
    if len(shown) < 2:
        return 0.0
    depth = geometry.positions_lps_mm @ geometry.normal
    return float(np.abs(np.diff(depth[shown.slice_index])).sum())


def _longest_stay_s(quadrant: NDArray[np.int64], onset: Floats, offset: Floats) -> float:
    if len(quadrant) == 0:
        return float("nan")
    fresh = np.ones(len(quadrant), dtype=bool)
    fresh[1:] = quadrant[1:] != quadrant[:-1]
    first = np.flatnonzero(fresh)
    last = np.append(first[1:] - 1, len(quadrant) - 1)
    return float((offset[last] - onset[first]).max())
