"""Where the eye stayed, how long, and how large a degree of visual angle was there: the input of dwell and coverage.

Rows are the dwell segments of fixations, or single gaze samples. Each keeps the painted view that it was seen through,
so that degrees become voxels at the zoom of that moment.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibration.geometry import ScreenGeometry
from ctgaze_app.gaze.frames import voxel_to_screen_px
from ctgaze_app.gaze.view_track import ViewTrack

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]

LONGEST_HOLD = 2.0
"""A sample lasts until the next one, at most this many median intervals: a gap in the recording is no dwell (ours)."""


@dataclass(frozen=True, eq=False)
class DwellPoints:
    """N stays of the eye on known places of one series, in time order.

    Attributes
    ----------
    slice_index, voxel_ij, screen_px
        (N,) slice k; (N, 2) column and row, centres at integers; (N, 2) the same place in `screen_px`.
    onset_s, seconds
        (N,) beginning and length.
    owner
        (N,) number of the fixation that the row belongs to; 0 for samples.
    view
        (N,) row of `view_maps`.
    view_maps
        (M, 3, 3) maps from (x, y, 1) in `screen_px` to voxel (i, j, k).
    shape_kji
        Slices, rows and columns of the series.
    left_out_s
        Seconds of the rows that have no voxel of this series' slices, by reason: ``off_image``, ``no_view``,
        ``other_series``, ``other_plane`` (a plane across the slices), ``slab`` (depth unknown).
    """

    slice_index: NDArray[np.int64]
    voxel_ij: Floats = field(repr=False)
    screen_px: Floats = field(repr=False)
    onset_s: Floats = field(repr=False)
    seconds: Floats = field(repr=False)
    owner: NDArray[np.int64] = field(repr=False)
    view: Indices = field(repr=False)
    view_maps: Floats = field(repr=False)
    shape_kji: tuple[int, int, int]
    screen: ScreenGeometry
    left_out_s: Mapping[str, float]

    def __len__(self) -> int:
        """Number of stays."""
        return len(self.slice_index)

    @property
    def total_s(self) -> float:
        """Seconds of all rows, without what was left out."""
        return float(self.seconds.sum())

    def subset(self, rows: NDArray[np.bool_] | Indices) -> DwellPoints:
        """Only the named rows; `left_out_s` stays as it is."""
        return DwellPoints(
            self.slice_index[rows], self.voxel_ij[rows], self.screen_px[rows], self.onset_s[rows], self.seconds[rows],
            self.owner[rows], self.view[rows], self.view_maps, self.shape_kji, self.screen, self.left_out_s,
        )  # fmt: skip


def dwell_points_of_segments(
    fixations: Mapping[str, Any],
    segments: Mapping[str, Any],
    views: ViewTrack,
    screen: ScreenGeometry,
    shape_kji: tuple[int, int, int],
    *,
    display_latency_s: float,
    series: int = 0,
    include_slabs: bool = False,
) -> DwellPoints:
    """The rows of `dwell_segments.csv` of one trial.

    A segment is seen through the view that was on the screen in its middle (a zoom within one segment is rare and
    taken at that moment).

    Parameters
    ----------
    fixations, segments
        Columns of `fixations.csv` (fixation, onset_s, onset_lsl, pane) and `dwell_segments.csv` (fixation, series,
        slice_index, onset_s, offset_s, duration_s, x_voxel, y_voxel) of one trial, as a data frame or a mapping.
    views
        Painted views of the trial.
    shape_kji
        Of the series that is asked for.
    display_latency_s
        The session's, with which the tables were made.
    series
        Index in the manifest's series list.
    include_slabs
        Take rows seen through a slab as lying on its middle slice (design: space).

    Raises
    ------
    ValueError
        When the fixations are not of one trial, or a segment's fixation is not among them.
    """
    number = _column(segments, "fixation").astype(np.int64)
    of_fixation = _column(fixations, "fixation").astype(np.int64)
    onset_s, offset_s = _column(segments, "onset_s", float), _column(segments, "offset_s", float)
    parent = _parents(number, of_fixation)
    middle_lsl = (
        _column(fixations, "onset_lsl", float)[parent]
        + (onset_s + offset_s) / 2
        - _column(fixations, "onset_s", float)[parent]
    )
    view = _views_of(middle_lsl, _column(fixations, "pane").astype(np.int64)[parent], views, display_latency_s)
    ij = np.stack([_column(segments, "x_voxel", float), _column(segments, "y_voxel", float)], axis=1)
    slice_index = _column(segments, "slice_index").astype(np.int64)
    safe = np.maximum(view, 0)
    if len(views):
        px = voxel_to_screen_px(np.column_stack([ij, slice_index]), views.maps[safe])
        shown = (view >= 0) & views.visible[safe] & (views.integers("slice_index")[safe] == slice_index)
    else:
        px, shown = np.full_like(ij, np.nan), np.zeros(len(ij), dtype=bool)
    on_image = (slice_index >= 0) & np.isfinite(ij).all(axis=1)
    reasons = {
        "off_image": ~on_image,
        "other_series": _column(segments, "series").astype(np.int64) != series,
        "no_view": ~shown,
    }
    return _kept(
        reasons, slice_index, ij, px, onset_s, _column(segments, "duration_s", float), number, view, views, shape_kji,
        screen, include_slabs,
    )  # fmt: skip


def dwell_points_of_samples(
    gaze: Mapping[str, Any],
    views: ViewTrack,
    screen: ScreenGeometry,
    shape_kji: tuple[int, int, int],
    *,
    series: int = 0,
    include_slabs: bool = False,
) -> DwellPoints:
    """The rows of `gaze.parquet` of one trial: what no event detector has touched, saccades included.

    Parameters
    ----------
    gaze
        Columns onset_s, x_screen_px, y_screen_px, paint, pane, series, slice_index, x_voxel, y_voxel, on_image.
    """
    onset_s = _column(gaze, "onset_s", float)
    seconds = sample_seconds(onset_s)
    px = np.stack([_column(gaze, "x_screen_px", float), _column(gaze, "y_screen_px", float)], axis=1)
    ij = np.stack([_column(gaze, "x_voxel", float), _column(gaze, "y_voxel", float)], axis=1)
    view = _views_by_paint(_column(gaze, "paint"), _column(gaze, "pane"), views)
    on_image = _column(gaze, "on_image").astype(bool) & np.isfinite(ij).all(axis=1) & np.isfinite(px).all(axis=1)
    reasons = {
        "off_image": ~on_image,
        "other_series": _column(gaze, "series").astype(np.int64) != series,
        "no_view": view < 0,
    }
    slice_index = _column(gaze, "slice_index").astype(np.int64)
    return _kept(
        reasons, slice_index, ij, px, onset_s, seconds, np.zeros(len(ij), dtype=np.int64), view, views, shape_kji,
        screen, include_slabs,
    )  # fmt: skip


def sample_seconds(onset_s: ArrayLike) -> Floats:
    """(N,) how long each sample stands for: until the next, at most `LONGEST_HOLD` median intervals."""
    times = np.asarray(onset_s, dtype=np.float64)
    if len(times) < 2:
        return np.zeros(len(times))
    steps = np.diff(times)
    typical = float(np.median(steps))
    return np.minimum(np.append(steps, typical), LONGEST_HOLD * typical)


def merged_in_cells(points: DwellPoints, cell_deg: float = 0.1) -> DwellPoints:
    """Join rows that were seen through one view within one square of `cell_deg` degrees on the screen.

    Seconds add up, the place is their mean weighted by seconds, and no row moves farther than the diagonal of the
    square. Makes hundreds of thousands of samples few without a visible change: a tenth of a degree is below the
    precision of trackers (reference 2.3).
    """
    if len(points) == 0 or cell_deg <= 0:
        return points
    cell = np.floor(points.screen_px / (cell_deg * points.screen.px_per_deg())).astype(np.int64)
    keys = np.column_stack([points.view, cell])
    _, first, inverse = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    inverse = inverse.ravel()
    weight = points.seconds + 1e-12  # so that rows of no duration still have a place

    def mean(values: Floats) -> Floats:
        return np.bincount(inverse, weights=values * weight) / np.bincount(inverse, weights=weight)

    order = np.argsort(first)
    seconds = np.asarray(np.bincount(inverse, weights=points.seconds), dtype=np.float64)
    voxel_ij, screen_px = (
        np.column_stack([mean(values[:, axis]) for axis in (0, 1)]) for values in (points.voxel_ij, points.screen_px)
    )
    joined = points.subset(first[order])
    return replace(joined, voxel_ij=voxel_ij[order], screen_px=screen_px[order], seconds=seconds[order])


def voxel_covariance_per_deg2(points: DwellPoints) -> Floats:
    """(N, 2, 2) covariance in voxels (i, j) of a round Gaussian of 1 degree of visual angle around each row.

    To first order around the line of sight: on a flat screen a degree grows with the square of the distance along the
    sight and more so outwards; then through the map of the row's view.
    """
    pitch = np.asarray(points.screen.mm_per_px)
    from_centre_mm = points.screen_px * pitch - (points.screen.width_mm / 2, points.screen.height_mm / 2)
    distance_mm = points.screen.distance_mm
    sight2 = (from_centre_mm**2).sum(axis=1) + distance_mm**2
    outer = from_centre_mm[:, :, None] * from_centre_mm[:, None, :] / distance_mm**2
    screen_mm2 = np.radians(1.0) ** 2 * sight2[:, None, None] * (np.eye(2) + outer)
    to_voxel = points.view_maps[:, :2, :2] / pitch
    matrix = to_voxel[points.view]
    return np.asarray(matrix @ screen_mm2 @ np.swapaxes(matrix, 1, 2), dtype=np.float64)


def _parents(number: NDArray[np.int64], of_fixation: NDArray[np.int64]) -> Indices:
    """Row of each segment's fixation."""
    order = np.argsort(of_fixation, kind="stable")
    known = of_fixation[order]
    if (known[1:] == known[:-1]).any():
        raise ValueError("fixation numbers repeat: give the rows of one trial")
    if len(number) == 0:
        return np.empty(0, dtype=np.intp)
    place = np.minimum(np.searchsorted(known, number), max(len(known) - 1, 0))
    if len(known) == 0 or (known[place] != number).any():
        raise ValueError("a dwell segment names a fixation that is not among the fixations")
    return order[place]


def _column(table: Mapping[str, Any], name: str, kind: type | None = None) -> NDArray:
    return np.asarray(table[name]) if kind is None else np.asarray(table[name], dtype=kind)


def _views_of(times_lsl: Floats, pane: NDArray[np.int64], views: ViewTrack, display_latency_s: float) -> Indices:
    view = np.full(len(times_lsl), -1, dtype=np.intp)
    for number in np.unique(pane):
        mine = pane == number
        view[mine] = views.shown_at(times_lsl[mine], display_latency_s, int(number))
    return view


def _views_by_paint(paint: NDArray, pane: NDArray, views: ViewTrack) -> Indices:
    """Row of the view that each sample names by pane and paint counter; -1 for one that is not there."""
    if len(views) == 0:
        return np.full(len(paint), -1, dtype=np.intp)
    stride = int(max(views.integers("paint").max(), paint.max() if len(paint) else 0)) + 1
    known = views.integers("pane") * stride + views.integers("paint")
    asked = pane.astype(np.int64) * stride + paint.astype(np.int64)
    order = np.argsort(known, kind="stable")
    place = np.minimum(np.searchsorted(known, asked, sorter=order), len(known) - 1)
    found = order[place]
    return np.where(known[found] == asked, found, -1)


def _kept(
    reasons: dict[str, NDArray[np.bool_]],
    slice_index: NDArray[np.int64],
    ij: Floats,
    px: Floats,
    onset_s: Floats,
    seconds: Floats,
    owner: NDArray[np.int64],
    view: Indices,
    views: ViewTrack,
    shape_kji: tuple[int, int, int],
    screen: ScreenGeometry,
    include_slabs: bool,
) -> DwellPoints:
    safe = np.maximum(view, 0)
    maps = views.maps
    across = ~((maps[:, 2, :2] == 0).all(axis=1) & (np.abs(np.linalg.det(maps[:, :2, :2])) > 0))
    slab = (views.integers("projection") != 0) & (views.column("slab_mm") > 0)
    none = np.zeros(len(ij), dtype=bool)
    reasons["other_plane"] = across[safe] if len(views) else none
    reasons["slab"] = slab[safe] if len(views) and not include_slabs else none
    # Half a pixel of slack: the tables are rounded.
    within = ((ij > -1) & (ij < (shape_kji[2], shape_kji[1]))).all(axis=1)
    reasons["off_image"] = reasons["off_image"] | ~within | (slice_index < 0) | (slice_index >= shape_kji[0])
    keep = np.ones(len(ij), dtype=bool)
    left_out: dict[str, float] = {}
    for name, gone in reasons.items():
        # A row counts under the first reason only, so that the seconds add up.
        left_out[name] = float(np.nansum(seconds[keep & gone]))
        keep &= ~gone
    return DwellPoints(
        slice_index[keep], ij[keep], px[keep], onset_s[keep], seconds[keep], owner[keep], view[keep], maps, shape_kji,
        screen, left_out,
    )  # fmt: skip
