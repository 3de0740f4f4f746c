"""Dwell rows on axial views with known places, for the tests of dwell, coverage and reading measures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from calibration.geometry import ScreenGeometry
from ctgaze_app.gaze.frames import voxel_to_screen_px
from ctgaze_app.gaze.view_track import ViewTrack
from ctgaze_app.gaze.views import PaintedView
from ctgaze_app.review.dwell_points import DwellPoints

SCREEN = ScreenGeometry(1920, 1080, 528.0, 297.0, 650.0)
NOTHING_LEFT_OUT = {"off_image": 0.0, "other_series": 0.0, "no_view": 0.0, "other_plane": 0.0, "slab": 0.0}


def axial_map(
    slice_index: int, zoom: float, left_px: float = 700.0, top_px: float = 300.0, turn_deg: float = 0.0
) -> NDArray[np.float64]:
    """Voxel from screen: `zoom` screen pixels per voxel, the picture's corner at (left, top), turned about it."""
    turn = np.radians(turn_deg)
    linear = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]]) / zoom
    offset = -linear @ (left_px, top_px) - 0.5
    return np.array([[*linear[0], offset[0]], [*linear[1], offset[1]], [0.0, 0.0, float(slice_index)]])


def dwell_points(
    rows: Sequence[tuple[float, float, int, float]],
    shape_kji: tuple[int, int, int],
    *,
    zoom: float | Sequence[float] = 8.0,
    turn_deg: float = 0.0,
    owners: Sequence[int] | None = None,
    screen: ScreenGeometry = SCREEN,
) -> DwellPoints:
    """Rows (i, j, k, seconds), each seen through a view of its own."""
    zooms = np.broadcast_to(np.asarray(zoom, dtype=float), len(rows))
    table = np.array(rows, dtype=np.float64).reshape(-1, 4)
    maps = np.array(
        [axial_map(int(row[2]), each, turn_deg=turn_deg) for row, each in zip(table, zooms, strict=True)]
    ).reshape(-1, 3, 3)
    return DwellPoints(
        slice_index=table[:, 2].astype(np.int64),
        voxel_ij=table[:, :2],
        screen_px=voxel_to_screen_px(table[:, :3], maps).reshape(-1, 2),
        onset_s=np.concatenate([[0.0], np.cumsum(table[:, 3])])[: len(table)],
        seconds=table[:, 3],
        owner=np.arange(1, len(table) + 1) if owners is None else np.asarray(owners, dtype=np.int64),
        view=np.arange(len(table)),
        view_maps=maps,
        shape_kji=shape_kji,
        screen=screen,
        left_out_s=NOTHING_LEFT_OUT,
    )


def painted(
    paint: int,
    slice_index: int,
    *,
    visible: bool = True,
    series: int = 0,
    zoom: float = 8.0,
    slab_mm: float = 0.0,
    projection: int = 0,
    view_map: NDArray[np.float64] | None = None,
) -> PaintedView:
    """One view of the whole screen."""
    return PaintedView(
        paint=paint, trial=1, pane=0, series=series if visible else -1, plane=0, slice_index=slice_index,
        window_centre=40.0, window_width=400.0, pane_rect_px=(0.0, 0.0, 1920.0, 1080.0),
        voxel_from_screen=axial_map(slice_index, zoom) if view_map is None else view_map,
        image_visible=visible, slab_mm=slab_mm, projection=projection,
    )  # fmt: skip


def track(views: Sequence[tuple[float, PaintedView]]) -> ViewTrack:
    """Views with the times of their paint."""
    return ViewTrack.from_samples([time for time, _ in views], [view.to_sample() for _, view in views])


def scrolled(slices: Sequence[int], step_s: float = 0.1, start_s: float = 100.0) -> ViewTrack:
    """One view a step."""
    return track([(start_s + n * step_s, painted(n + 1, each)) for n, each in enumerate(slices)])
