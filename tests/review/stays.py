"""Stays of the eye on painted views, written down by hand, for the tests of lesions, regions and words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from calibration.geometry import ScreenGeometry
from ctgaze_app.gaze.frames import voxel_to_screen_px
from ctgaze_app.gaze.view_track import ViewTrack
from ctgaze_app.gaze.views import PaintedView
from ctgaze_app.review.dwell_points import DwellPoints
from tests.review.scene import view

SCREEN = ScreenGeometry(1920, 1080, 480.0, 270.0, 650.0)
SHAPE_KJI = (20, 100, 100)
CENTRED_RECT_PX = (760.0, 340.0, 400.0, 400.0)
"""A pane of 100 x 100 pixels at zoom 4 around the screen's centre: image (49.5, 49.5) lies there."""
START_LSL = 100.0


def views_of(slices: Sequence[tuple[float, int]], **options: object) -> ViewTrack:
    """Views painted `time` seconds after `START_LSL`, each of one slice (-1: no image)."""
    painted: list[PaintedView] = []
    for number, (_, k) in enumerate(slices, start=1):
        fields = {"rect_px": CENTRED_RECT_PX, "visible": k >= 0} | options
        painted.append(view(number, max(k, 0), **fields))  # type: ignore[arg-type]
    return ViewTrack.from_samples(
        [START_LSL + time for time, _ in slices], np.array([one.to_sample() for one in painted])
    )


def stays(
    views: ViewTrack,
    rows: Sequence[tuple[int, float, float, float, float]],
    shape_kji: tuple[int, int, int] = SHAPE_KJI,
) -> DwellPoints:
    """Rows (view, i, j, onset_s, seconds), each a fixation of its own, numbered from 1."""
    table = np.array(rows, dtype=np.float64).reshape(-1, 5)
    view_row = table[:, 0].astype(np.intp)
    slices = views.integers("slice_index")[view_row]
    px = voxel_to_screen_px(np.column_stack([table[:, 1:3], slices]), views.maps[view_row])
    return DwellPoints(
        slices, table[:, 1:3], px.reshape(-1, 2), table[:, 3], table[:, 4], np.arange(1, len(table) + 1), view_row,
        views.maps, shape_kji, SCREEN, {},
    )  # fmt: skip
