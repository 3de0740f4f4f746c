"""What was on the screen and where the eye was, at any moment of a recorded trial."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ctgaze_app.gaze.views import PaintedView

MAX_HOLD_S = 0.05
REFERENCE_DURATION_S = 0.25
REFERENCE_RADIUS_PX = 14.0


@dataclass(frozen=True)
class ReplayFixation:
    """One eye fixation of `fixations.csv`; `number` counts from 1 in its trial, times are LSL seconds of the eye."""

    number: int
    onset_lsl: float
    duration_s: float
    slice_index: int
    slice_first: int
    slice_last: int
    voxel: tuple[float, float, float]
    patient_mm: tuple[float, float, float]
    uncertainty_mm: float
    screen_px: tuple[float, float]
    dispersion_deg: float = float("nan")
    kind: str = "fixation"
    view_state: str = "still"
    slice_uncertain: bool = False

    @property
    def offset_lsl(self) -> float:
        """When it ended."""
        return self.onset_lsl + self.duration_s

    @property
    def on_image(self) -> bool:
        """Whether it has a place in the volume."""
        return bool(np.all(np.isfinite(self.voxel)))


@dataclass(frozen=True)
class DwellSegment:
    """The part of a fixation that fell on one slice."""

    fixation: int
    slice_index: int
    onset_lsl: float
    duration_s: float


@dataclass(frozen=True, eq=False)
class GazeTrack:
    """N gaze samples of one trial.

    `time_lsl` (N,) is the eye's time (tracker latency taken off), increasing; `screen_px` (N, 2) is after the refit;
    `voxel` (N, 3) as (i, j, k), NaN off the image; `uncertainty_mm` (N,). Without finite `screen_px`: lost gaze.
    """

    time_lsl: NDArray[np.float64]
    screen_px: NDArray[np.float64]
    voxel: NDArray[np.float64]
    uncertainty_mm: NDArray[np.float64]

    @classmethod
    def empty(cls) -> GazeTrack:
        """No samples."""
        return cls(np.empty(0), np.empty((0, 2)), np.empty((0, 3)), np.empty(0))


@dataclass(frozen=True)
class GazePoint:
    """One measured gaze sample; `voxel` is None off the image."""

    time_lsl: float
    screen_px: tuple[float, float]
    voxel: tuple[float, float, float] | None
    uncertainty_mm: float


@dataclass(frozen=True)
class DrawnFixation:
    """A fixation as it is drawn: `opacity` in 0..1, `radius_px` in logical screen pixels."""

    fixation: ReplayFixation
    opacity: float
    radius_px: float


@dataclass(frozen=True)
class EventBar:
    """Something on the timeline that lasted, or happened once (start = end).

    `kind` is ``gap`` (no gaze), ``hidden`` (no image) or a marker's event.
    """

    kind: str
    start_lsl: float
    end_lsl: float
    label: str = ""


class ReplayTrial:
    """One recorded trial of one pane, ready to be asked about any moment.

    Parameters
    ----------
    number, case
        Of the trial.
    view_samples
        (N, 27) channels of `VIEW_CHANNELS`; repeats of the same paint and views of other trials or panes are left out.
    painted_lsl
        (N,) LSL time at which each paint ended.
    display_latency_s
        A view painted at p is on the screen from p + this.
    start_lsl, end_lsl
        The range that can be replayed; without them from the first visible image to the last sample of anything.
    """

    def __init__(
        self,
        number: int,
        case: str,
        view_samples: NDArray[np.float64],
        painted_lsl: NDArray[np.float64],
        gaze: GazeTrack,
        fixations: tuple[ReplayFixation, ...] = (),
        segments: tuple[DwellSegment, ...] = (),
        events: tuple[EventBar, ...] = (),
        *,
        display_latency_s: float = 0.0,
        pane: int = 0,
        start_lsl: float | None = None,
        end_lsl: float | None = None,
    ) -> None:
        self.number = number
        self.case = case
        self.gaze = gaze
        self.fixations = tuple(sorted(fixations, key=lambda fixation: fixation.onset_lsl))
        self.segments = segments
        self.display_latency_s = display_latency_s
        chosen = _first_of_each_paint(view_samples, number, pane)
        order = np.argsort(painted_lsl[chosen], kind="stable")
        self._view_samples = view_samples[chosen][order]
        self.shown_lsl = painted_lsl[chosen][order] + display_latency_s
        seen = np.isfinite(gaze.screen_px).all(axis=1)
        self._seen_rows = np.flatnonzero(seen)
        self._seen_lsl = gaze.time_lsl[seen]
        self._interval_s = float(np.median(np.diff(gaze.time_lsl))) if len(gaze.time_lsl) > 1 else MAX_HOLD_S
        self._onsets_lsl = np.array([fixation.onset_lsl for fixation in self.fixations])
        self._offsets_lsl = np.array([fixation.offset_lsl for fixation in self.fixations])
        self._slice_first = np.array([fixation.slice_first for fixation in self.fixations])
        self._slice_last = np.array([fixation.slice_last for fixation in self.fixations])
        self._on_image = np.array([fixation.on_image for fixation in self.fixations], dtype=bool)
        ends = [times[-1] for times in (self.shown_lsl, gaze.time_lsl) if len(times)]
        ends += [fixation.offset_lsl for fixation in self.fixations[-1:]]
        visible_lsl = self.shown_lsl[self._view_samples[:, 25] > 0]
        starts = [*visible_lsl[:1], *self.shown_lsl[:1], *gaze.time_lsl[:1], 0.0]
        self.start_lsl = float(starts[0]) if start_lsl is None else start_lsl
        self.end_lsl = max(self.start_lsl, float(max(ends, default=self.start_lsl)) if end_lsl is None else end_lsl)
        self.events = (*gaze_gaps(gaze, self.start_lsl, self.end_lsl), *self._hidden(), *events)

    @property
    def duration_s(self) -> float:
        """Length of the replay."""
        return self.end_lsl - self.start_lsl

    @property
    def n_views(self) -> int:
        """Number of different paints."""
        return len(self.shown_lsl)

    def view(self, index: int) -> PaintedView:
        """The paint with this index, 0 first."""
        return PaintedView.from_sample(self._view_samples[index])

    def view_index_at(self, time_lsl: float) -> int:
        """Index of the view on the screen at a time, -1 before the first one."""
        return int(np.searchsorted(self.shown_lsl, time_lsl, side="right")) - 1

    def view_at(self, time_lsl: float) -> PaintedView | None:
        """The view on the screen at a time (painted + display latency), None before the first one."""
        index = self.view_index_at(time_lsl)
        return None if index < 0 else self.view(index)

    def gaze_at(self, time_lsl: float) -> GazePoint | None:
        """The last measured sample at or before a time, never interpolated.

        None before the first sample and inside gaps: where the next measured sample is more than `MAX_HOLD_S` away
        from the last one, that one stands for its own sampling interval only.
        """
        place = int(np.searchsorted(self._seen_lsl, time_lsl, side="right")) - 1
        if place < 0:
            return None
        here = self._seen_lsl[place]
        following = self._seen_lsl[place + 1] if place + 1 < len(self._seen_lsl) else np.inf
        hold_s = MAX_HOLD_S if following - here <= MAX_HOLD_S else min(self._interval_s, MAX_HOLD_S)
        if time_lsl - here > hold_s:
            return None
        row = int(self._seen_rows[place])
        voxel = self.gaze.voxel[row]
        return GazePoint(
            time_lsl=float(here),
            screen_px=(float(self.gaze.screen_px[row, 0]), float(self.gaze.screen_px[row, 1])),
            voxel=(float(voxel[0]), float(voxel[1]), float(voxel[2])) if np.isfinite(voxel).all() else None,
            uncertainty_mm=float(self.gaze.uncertainty_mm[row]),
        )

    def gaze_path(self, time_lsl: float, window_s: float) -> NDArray[np.float64]:
        """Voxels (M, 3) of the last `window_s`; lost and off-image rows stay as NaN so that a line breaks there."""
        first, last = np.searchsorted(self.gaze.time_lsl, [time_lsl - window_s, time_lsl], side="right")
        return self.gaze.voxel[first:last]

    def fixation_at(self, time_lsl: float) -> ReplayFixation | None:
        """The fixation that goes on at a time."""
        place = int(np.searchsorted(self._onsets_lsl, time_lsl, side="right")) - 1
        if place < 0 or time_lsl > self.fixations[place].offset_lsl:
            return None
        return self.fixations[place]

    def neighbour(self, time_lsl: float, step: int) -> ReplayFixation | None:
        """The first fixation with an onset after (`step` > 0) or before (`step` < 0) a time."""
        if step > 0:
            place = int(np.searchsorted(self._onsets_lsl, time_lsl, side="right"))
        else:
            place = int(np.searchsorted(self._onsets_lsl, time_lsl, side="left")) - 1
        return self.fixations[place] if 0 <= place < len(self.fixations) else None

    def fixations_near(
        self, slice_index: int, time_lsl: float, window_s: float, slices: int = 2
    ) -> tuple[DrawnFixation, ...]:
        """Fixations to draw on a slice, oldest first.

        Those that began by `time_lsl`, ended no more than `window_s` ago and touched a slice no more than `slices`
        away. They fade linearly with both distances; one that goes on has grown as far as it has lasted.
        """
        begun = int(np.searchsorted(self._onsets_lsl, time_lsl, side="right"))
        first, last, offsets_lsl = (
            column[:begun] for column in (self._slice_first, self._slice_last, self._offsets_lsl)
        )
        close = (first - slice_index <= slices) & (slice_index - last <= slices) & self._on_image[:begun]
        drawn = []
        for place in np.flatnonzero(close & (time_lsl - offsets_lsl < window_s)):
            fixation = self.fixations[place]
            faded = slice_opacity(fixation, slice_index, slices) * age_opacity(time_lsl - fixation.offset_lsl, window_s)
            if faded > 0:
                lasted_s = min(fixation.duration_s, time_lsl - fixation.onset_lsl)
                drawn.append(DrawnFixation(fixation, faded, circle_radius_px(lasted_s)))
        return tuple(drawn)

    def slice_trace(self, columns: int = 2000) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The slice over time as a step line: times (LSL) and slice indices, NaN where no image was visible.

        When there are more than four points a column, each of `columns` equal spans keeps its first, lowest, highest
        and last.
        """
        if not len(self.shown_lsl):
            return np.empty(0), np.empty(0)
        slices = np.where(self._view_samples[:, 25] > 0, self._view_samples[:, 5], np.nan)
        same = np.isclose(slices[1:], slices[:-1], equal_nan=True)
        kept = np.concatenate(([True], ~same))
        times, slices = self.shown_lsl[kept], slices[kept]
        ends = np.append(times[1:], max(self.end_lsl, times[-1]))
        step_times = np.column_stack((times, ends)).ravel()
        step_slices = np.repeat(slices, 2)
        return decimate(step_times, step_slices, columns)

    def _hidden(self) -> tuple[EventBar, ...]:
        hidden = self._view_samples[:, 25] == 0 if len(self.shown_lsl) else np.zeros(0, dtype=bool)
        ends = np.append(self.shown_lsl[1:], self.end_lsl)
        spans = (
            (max(self.shown_lsl[first], self.start_lsl), min(ends[last], self.end_lsl)) for first, last in _runs(hidden)
        )
        return tuple(
            EventBar("hidden", float(start), float(end), "image hidden") for start, end in spans if end > start
        )


def circle_radius_px(duration_s: float, radius_px: float = REFERENCE_RADIUS_PX) -> float:
    """Radius of a circle whose area is proportional to duration; `radius_px` at 0.25 s."""
    return radius_px * float(np.sqrt(max(duration_s, 0.0) / REFERENCE_DURATION_S))


def slice_opacity(fixation: ReplayFixation, slice_index: int, slices: int) -> float:
    """1 on the slices that a fixation touched, falling linearly to 0 at `slices` + 1 away."""
    away = max(fixation.slice_first - slice_index, slice_index - fixation.slice_last, 0)
    return max(0.0, 1.0 - away / (slices + 1))


def age_opacity(age_s: float, window_s: float) -> float:
    """1 while it lasts, falling linearly to 0 at `window_s` after its end."""
    if age_s <= 0 or np.isinf(window_s):
        return 1.0
    return max(0.0, 1.0 - age_s / window_s) if window_s > 0 else 0.0


def gaze_gaps(
    gaze: GazeTrack, start_lsl: float, end_lsl: float, longer_than_s: float = MAX_HOLD_S
) -> tuple[EventBar, ...]:
    """Spans of [start, end] without a measured gaze sample, longer than `longer_than_s`."""
    seen = gaze.time_lsl[np.isfinite(gaze.screen_px).all(axis=1)]
    seen = seen[(seen >= start_lsl) & (seen <= end_lsl)]
    edges = np.concatenate(([start_lsl], seen, [end_lsl]))
    return tuple(
        EventBar("gap", float(edges[index]), float(edges[index + 1]), "no gaze")
        for index in np.flatnonzero(np.diff(edges) > longer_than_s)
    )


def decimate(
    times: NDArray[np.float64], values: NDArray[np.float64], columns: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Thin a line for drawing: first, lowest, highest and last point of each of `columns` equal spans of time."""
    if len(times) <= 4 * columns:
        return times, values
    span = (times[-1] - times[0]) or 1.0
    column = np.minimum(((times - times[0]) / span * columns).astype(np.intp), columns - 1)
    kept: set[int] = set()
    for first, last in zip(
        np.searchsorted(column, np.arange(columns)),
        np.searchsorted(column, np.arange(columns), side="right"),
        strict=True,
    ):
        if first == last:
            continue
        part = values[first:last]
        kept.update((int(first), int(last) - 1))
        if not np.isnan(part).all():
            kept.update((int(first + np.nanargmin(part)), int(first + np.nanargmax(part))))
    index = np.array(sorted(kept), dtype=np.intp)
    return times[index], values[index]


def _first_of_each_paint(view_samples: NDArray[np.float64], trial: int, pane: int) -> NDArray[np.intp]:
    mine = np.flatnonzero((view_samples[:, 1] == trial) & (view_samples[:, 2] == pane))
    _, first = np.unique(view_samples[mine, 0], return_index=True)
    chosen: NDArray[np.intp] = mine[first]
    return chosen


def _runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate(([False], flags, [False])).astype(np.int8)))
    return [(int(first), int(after) - 1) for first, after in zip(edges[::2], edges[1::2], strict=True)]
