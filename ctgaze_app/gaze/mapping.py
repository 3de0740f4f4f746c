"""Gaze samples onto what was painted: which view, which voxel, which millimetres, and how surely."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibration.geometry import ScreenGeometry
from ctgaze_app.gaze.frames import SeriesGeometry, mm_per_screen_px, screen_disc_mm, voxel_to_patient_mm
from ctgaze_app.gaze.samples import GazeSamples
from ctgaze_app.gaze.view_track import STATE_HOLD_S, ViewTrack

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Indices = NDArray[np.intp]

EYES_USED = ("none", "left", "right", "average", "combined")

SLICE_COVERAGE_FACTOR = 2.0
"""A sample within so many standard uncertainties of a slice change is `slice_uncertain`: the usual expanded uncertainty
(GUM 6.2.1, about 95 %). With the display's stated uncertainty of one refresh interval it spans two, so that a latency
that is two frames off what was stated is still marked."""


class ScreenCorrection(Protocol):
    """A calibration's refit of one eye (`calibration.fit.Refit`)."""

    def apply(self, screen_px: ArrayLike) -> NDArray[np.float64]:
        """Corrected `screen_px` (..., 2)."""
        ...


@dataclass(frozen=True)
class MappingSettings:
    """What the session fixed about time and trust.

    Attributes
    ----------
    display_latency_s, display_uncertainty_s
        From end of paint to light, and its standard uncertainty (design: time).
    tracker_latency_s, tracker_uncertainty_s
        From eye to stamp; eye time = stamp - latency.
    eye
        ``left``, ``right``, ``combined`` or ``average`` (of the valid ones; one alone when the other is lost).
    accuracy_deg, precision_deg
        Of the validation in force; NaN when there was none, and then `uncertainty_mm` is NaN too.
    hold_s
        See `gaze.view_track.STATE_HOLD_S`.
    """

    display_latency_s: float
    display_uncertainty_s: float
    tracker_latency_s: float
    tracker_uncertainty_s: float
    eye: str = "average"
    accuracy_deg: float = float("nan")
    precision_deg: float = float("nan")
    hold_s: float = STATE_HOLD_S

    @property
    def time_uncertainty_s(self) -> float:
        """Combined standard uncertainty between eye and screen."""
        return float(np.hypot(self.display_uncertainty_s, self.tracker_uncertainty_s))

    @property
    def angle_uncertainty_deg(self) -> float:
        """Accuracy and precision, root of the sum of squares."""
        return float(np.hypot(self.accuracy_deg, self.precision_deg))


@dataclass(frozen=True, eq=False)
class MappedGaze:
    """N samples with their place. `view` indexes the `ViewTrack`, -1 where none was shown yet.

    `voxel` (i, j, k), `mm` and `uncertainty_mm` are NaN unless `on_image`: gaze inside the pane and the image, image
    visible.
    """

    eye_time_lsl: Floats
    eye_used: NDArray[np.int8]
    raw_px: Floats = field(repr=False)
    px: Floats = field(repr=False)
    view: Indices = field(repr=False)
    paint: NDArray[np.int64] = field(repr=False)
    pane: NDArray[np.int16] = field(repr=False)
    series: NDArray[np.int16] = field(repr=False)
    slice_index: NDArray[np.int32] = field(repr=False)
    voxel: Floats = field(repr=False)
    mm: Floats = field(repr=False)
    uncertainty_mm: Floats = field(repr=False)
    slice_uncertain: Flags = field(repr=False)
    depth_ambiguous: Flags = field(repr=False)
    on_image: Flags = field(repr=False)
    view_state: NDArray[np.int8] = field(repr=False)

    @property
    def valid(self) -> Flags:
        """(N,) an eye was seen."""
        return self.eye_used > 0

    def __len__(self) -> int:
        """Number of samples."""
        return len(self.eye_time_lsl)


def map_gaze(
    samples: GazeSamples,
    views: ViewTrack,
    refits: Mapping[str, ScreenCorrection],
    geometry: ScreenGeometry,
    settings: MappingSettings,
    series: Sequence[SeriesGeometry],
) -> MappedGaze:
    """Place every sample in the view that was on the screen at the eye's time.

    Parameters
    ----------
    refits
        By eye; an eye without one is taken as it came.
    series
        Geometry of each series of the manifest, in its order.
    """
    eye_time = samples.time_lsl - settings.tracker_latency_s
    used, raw_px, px = choose_eye(samples, refits, geometry, settings.eye)
    view = _shown_view(views, eye_time, px, settings.display_latency_s)
    shown = view >= 0
    row = np.where(shown, view, 0)
    count = len(eye_time)
    paint, pane = np.zeros(count, dtype=np.int64), np.full(count, -1, dtype=np.int16)
    series_number, slice_index = np.full(count, -1, dtype=np.int16), np.full(count, -1, dtype=np.int32)
    voxel, mm = np.full((count, 3), np.nan), np.full((count, 3), np.nan)
    uncertainty = np.full(count, np.nan)
    ambiguous, on_image = np.zeros(count, dtype=bool), np.zeros(count, dtype=bool)
    uncertain, state = np.zeros(count, dtype=bool), np.zeros(count, dtype=np.int8)
    if len(views):
        paint[shown] = views.integers("paint")[view[shown]]
        pane[shown] = views.integers("pane")[view[shown]]
        visible = shown & views.visible[row]
        series_number[visible] = views.integers("series")[view[visible]]
        slice_index[visible] = views.integers("slice_index")[view[visible]]
        inside = visible & (used > 0) & in_rectangle(px, views.rectangles_px[row])
        place = _place(px[inside], views.maps, view[inside])
        inside_image = on_series(place, views.integers("series")[view[inside]], series)
        on_image[np.flatnonzero(inside)[inside_image]] = True
        voxel[on_image] = place[inside_image]
        thick = (views.integers("projection") != 0) & (views.column("slab_mm") > 0)
        ambiguous[shown] = thick[view[shown]]
        mm_scale = view_scales_mm(views, series)
        for number, geometry_of_series in enumerate(series):
            mine = on_image & (series_number == number)
            mm[mine] = voxel_to_patient_mm(voxel[mine], geometry_of_series)
        angle = settings.angle_uncertainty_deg
        uncertainty[on_image] = screen_disc_mm(angle, px[on_image], mm_scale[view[on_image]], geometry)
        for number in views.panes:
            mine = pane == number
            uncertain[mine] = near_any(
                eye_time[mine],
                views.slice_change_times(settings.display_latency_s, number),
                SLICE_COVERAGE_FACTOR * settings.time_uncertainty_s,
            )
            state[mine] = views.view_state_at(eye_time[mine], settings.display_latency_s, number, settings.hold_s)
    return MappedGaze(
        eye_time, used, raw_px, px, view, paint, pane, series_number, slice_index, voxel, mm, uncertainty,
        uncertain, ambiguous, on_image, state,
    )  # fmt: skip


def choose_eye(
    samples: GazeSamples, refits: Mapping[str, ScreenCorrection], geometry: ScreenGeometry, eye: str = "average"
) -> tuple[NDArray[np.int8], Floats, Floats]:
    """The eye that counts: code of `EYES_USED` (N,), `screen_px` as sent and after the refit, both (N, 2), NaN where
    lost.

    ``average`` averages what is valid of left and right, so that one lost eye leaves the other; a stream that has
    neither (only a combined eye) is taken as combined. Averages are taken after each eye's own refit.
    """
    count = len(samples)
    names = ("left", "right") if eye == "average" else (eye,)
    if eye == "average" and not any(name in samples.eyes for name in names):
        names = ("combined",)
    seen = np.zeros(count, dtype=np.int8)
    raw_sum, sum_px = np.zeros((count, 2)), np.zeros((count, 2))
    used = np.zeros(count, dtype=np.int8)
    for name in names:
        if name not in samples.eyes:
            continue
        one = samples.eyes[name]
        valid = one.valid & np.isfinite(one.norm).all(axis=1)
        raw = geometry.norm_to_px(one.norm)
        refitted = refits[name].apply(raw) if name in refits else raw
        raw_sum += np.where(valid[:, None], raw, 0.0)
        sum_px += np.where(valid[:, None], refitted, 0.0)
        seen += valid
        used[valid] = np.where(used[valid] > 0, EYES_USED.index("average"), EYES_USED.index(name))
    weight = np.where(seen > 0, 1.0 / np.maximum(seen, 1), np.nan)[:, None]
    return used, raw_sum * weight, sum_px * weight


def near_any(times: Floats, instants: Floats, within_s: float) -> Flags:
    """(N,) whether each time lies within `within_s` seconds of any of the ascending instants."""
    if len(instants) == 0:
        return np.zeros(len(times), dtype=bool)
    place = np.searchsorted(instants, times)
    after = np.abs(instants[np.minimum(place, len(instants) - 1)] - times)
    before = np.abs(times - instants[np.maximum(place - 1, 0)])
    return np.asarray(np.minimum(after, before) <= within_s)


def view_scales_mm(views: ViewTrack, series: Sequence[SeriesGeometry]) -> Floats:
    """(M,) patient millimetres per screen pixel of every view; NaN without image or geometry."""
    scales = np.full(len(views), np.nan)
    numbers = views.integers("series")
    for number, geometry in enumerate(series):
        mine = (numbers == number) & views.visible
        scales[mine] = mm_per_screen_px(views.maps[mine], geometry)
    return scales


def _shown_view(views: ViewTrack, eye_time: Floats, px: Floats, display_latency_s: float) -> Indices:
    """The view of the pane that the gaze lies in; of the first pane where it lies in none."""
    if not views.panes:
        return np.full(len(eye_time), -1, dtype=np.intp)
    chosen = views.shown_at(eye_time, display_latency_s, views.panes[0])
    for pane in views.panes[1:]:
        other = views.shown_at(eye_time, display_latency_s, pane)
        here = (other >= 0) & in_rectangle(px, views.rectangles_px[np.maximum(other, 0)])
        chosen = np.where(here, other, chosen)
    return chosen


def in_rectangle(px: Floats, rectangle: Floats) -> Flags:
    """Whether (N, 2) points lie in (N, 4) rectangles x, y, width, height; NaN: no."""
    x, y = px[:, 0], px[:, 1]
    left, top = rectangle[:, 0], rectangle[:, 1]
    return np.asarray(
        (x >= left) & (x < left + rectangle[:, 2]) & (y >= top) & (y < top + rectangle[:, 3]), dtype=np.bool_
    )


def _place(px: Floats, maps: Floats, view: Indices) -> Floats:
    """`frames.screen_px_to_voxel` with the map of each point's view, gathered a coefficient at a time (fast for
    many)."""
    voxel = np.empty((len(px), 3))
    flat = maps.reshape(-1, 9)
    for axis in range(3):
        a, b, c = flat[:, 3 * axis], flat[:, 3 * axis + 1], flat[:, 3 * axis + 2]
        voxel[:, axis] = a[view] * px[:, 0] + b[view] * px[:, 1] + c[view]
    return voxel


def on_series(voxel: Floats, number: NDArray[np.int64], series: Sequence[SeriesGeometry]) -> Flags:
    """Whether each voxel lies inside its series; a series without geometry is taken as containing it."""
    inside: Flags = np.asarray(np.isfinite(voxel).all(axis=1), dtype=np.bool_)
    for index, geometry in enumerate(series):
        mine = number == index
        if mine.all():
            inside &= geometry.contains(voxel)
        elif mine.any():
            inside[mine] &= geometry.contains(voxel[mine])
    return inside
