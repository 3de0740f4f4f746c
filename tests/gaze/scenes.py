"""Painted views and geometry for tests of the gaze package, planned so that answers are known by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from calibration.geometry import ScreenGeometry
from ctgaze_app.gaze.frames import SeriesGeometry
from ctgaze_app.gaze.samples import EyeSamples, GazeSamples
from ctgaze_app.gaze.view_track import ViewTrack
from ctgaze_app.gaze.views import PaintedView

SCREEN = ScreenGeometry(1920, 1080, 528.0, 297.0, 650.0)
AXIAL = SeriesGeometry(
    (200, 100, 120),
    np.array([[-50.0, -40.0, -2.5 * k] for k in range(200)]),
    np.array([1.0, 0.0, 0.0]),
    np.array([0.0, 1.0, 0.0]),
    (0.5, 0.7),
)


def axial_map(slice_index: int, *, zoom: float = 8.0, left: float = 400.0, top: float = 100.0) -> NDArray[np.float64]:
    """Voxel (i, j) covers screen [left + i zoom, left + (i + 1) zoom]."""
    return np.array([[1 / zoom, 0, -left / zoom - 0.5], [0, 1 / zoom, -top / zoom - 0.5], [0, 0, float(slice_index)]])


def axial_view(paint: int, slice_index: int, **changes: object) -> PaintedView:
    """An image of 120 x 100 pixels, 8 screen pixels each, in a pane that fills 1000 x 900 px at (390, 90)."""
    map_changes = {name: changes.pop(name) for name in ("zoom", "left", "top") if name in changes}
    fields: dict[str, object] = {
        "paint": paint,
        "trial": 1,
        "pane": 0,
        "series": 0,
        "plane": 0,
        "slice_index": slice_index,
        "window_centre": 40.0,
        "window_width": 400.0,
        "pane_rect_px": (390.0, 90.0, 1000.0, 900.0),
        "voxel_from_screen": axial_map(slice_index, **map_changes),  # type: ignore[arg-type]
        "image_visible": True,
    }
    return PaintedView(**{**fields, **changes})  # type: ignore[arg-type]


def track(*stamped: tuple[float, PaintedView]) -> ViewTrack:
    """A view track of (paint time, view)."""
    return ViewTrack.from_samples([time for time, _ in stamped], [view.to_sample() for _, view in stamped])


def gaze_at(times: Sequence[float] | NDArray[np.float64], px: NDArray[np.float64] | tuple[float, float]) -> GazeSamples:
    """Both eyes at the same screen point(s), all valid."""
    stamps = np.asarray(times, dtype=np.float64)
    norm = SCREEN.px_to_norm(np.broadcast_to(np.asarray(px, dtype=np.float64), (len(stamps), 2)))
    valid = np.ones(len(stamps), dtype=bool)
    eyes = {name: EyeSamples(norm.copy(), valid.copy(), np.full(len(stamps), 3.0)) for name in ("left", "right")}
    return GazeSamples(stamps, stamps, eyes)
