"""Small trials with known answers for the tests of replay."""

from __future__ import annotations

import numpy as np

from ctgaze_app.gaze.views import PaintedView
from ctgaze_app.review.replay import EventBar, GazeTrack, ReplayFixation, ReplayTrial

PANE_RECT_PX = (100.0, 50.0, 400.0, 400.0)


def view(
    paint: int,
    slice_index: int,
    *,
    trial: int = 1,
    pane: int = 0,
    visible: bool = True,
    zoom: float = 4.0,
    rect_px: tuple[float, float, float, float] = PANE_RECT_PX,
    centre: float = -600.0,
    width: float = 1500.0,
) -> PaintedView:
    """A view of an axial slice that starts at the top-left of `rect_px`, `zoom` screen pixels per image pixel."""
    voxel_from_screen = np.array(
        [
            [1 / zoom, 0.0, -rect_px[0] / zoom - 0.5],
            [0.0, 1 / zoom, -rect_px[1] / zoom - 0.5],
            [0.0, 0.0, float(slice_index)],
        ]
    )
    return PaintedView(
        paint=paint,
        trial=trial,
        pane=pane,
        series=0,
        plane=0,
        slice_index=slice_index,
        window_centre=centre,
        window_width=width,
        pane_rect_px=rect_px,
        voxel_from_screen=voxel_from_screen,
        image_visible=visible,
    )


def fixation(number: int, onset_lsl: float, duration_s: float, slice_index: int, **fields: object) -> ReplayFixation:
    """A fixation at voxel (10 * number, 5 * number) of a slice."""
    values: dict[str, object] = {
        "slice_first": slice_index,
        "slice_last": slice_index,
        "voxel": (10.0 * number, 5.0 * number, float(slice_index)),
        "patient_mm": (1.0, 2.0, 3.0),
        "uncertainty_mm": 2.5,
        "screen_px": (200.0, 150.0),
    } | fields
    return ReplayFixation(number, onset_lsl, duration_s, slice_index, **values)  # type: ignore[arg-type]


def gaze(time_lsl: np.ndarray, lost: np.ndarray | None = None) -> GazeTrack:
    """Samples whose screen position is (n, 2n) and voxel (n, n, 3) for sample n; NaN where `lost`."""
    count = np.arange(len(time_lsl), dtype=np.float64)
    screen_px = np.column_stack((count, 2 * count))
    voxel = np.column_stack((count, count, np.full_like(count, 3.0)))
    if lost is not None:
        screen_px[lost] = np.nan
        voxel[lost] = np.nan
    return GazeTrack(time_lsl, screen_px, voxel, np.full(len(time_lsl), 2.0))


def trial(
    views: list[PaintedView],
    painted_lsl: list[float],
    *,
    track: GazeTrack | None = None,
    fixations: tuple[ReplayFixation, ...] = (),
    events: tuple[EventBar, ...] = (),
    display_latency_s: float = 0.0,
    **options: object,
) -> ReplayTrial:
    """A trial with number 1 out of painted views."""
    samples = np.array([one.to_sample() for one in views]).reshape(len(views), 27)
    return ReplayTrial(
        1,
        "case01",
        samples,
        np.array(painted_lsl, dtype=np.float64),
        track or GazeTrack.empty(),
        fixations,
        (),
        events,
        display_latency_s=display_latency_s,
        **options,  # type: ignore[arg-type]
    )
