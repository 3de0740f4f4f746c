"""The columns of `fixations.csv` and `dwell_segments.csv`: eye fixations on painted views, never cut by a slice
change."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from calibration.geometry import ScreenGeometry
from ctgaze_app.gaze.detectors import EyeEvents
from ctgaze_app.gaze.dwell import dwell_runs, longest_slice, main_run, samples_in, slice_range
from ctgaze_app.gaze.following import eye_slopes, follows, picture_gain
from ctgaze_app.gaze.frames import SeriesGeometry, screen_disc_mm, screen_px_to_voxel, voxel_to_patient_mm
from ctgaze_app.gaze.mapping import MappedGaze, MappingSettings, in_rectangle, on_series, view_scales_mm
from ctgaze_app.gaze.view_track import VIEW_STATES, ViewTrack

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]
Table = dict[str, NDArray]

KINDS = ("fixation", "drill", "pursuit")

FIXATION_COLUMNS = (
    "session", "reader", "trial", "case", "part", "series", "fixation", "onset_s", "offset_s", "duration_s",
    "onset_lsl", "slice_index", "slice_first", "slice_last", "n_slices", "x_voxel", "y_voxel", "z_voxel", "x_mm",
    "y_mm", "z_mm", "uncertainty_mm", "x_screen_px", "y_screen_px", "dispersion_deg", "pupil", "window_centre",
    "window_width", "zoom", "plane", "pane", "view_state", "kind", "valid_fraction", "n_samples", "depth_ambiguous",
    "slice_uncertain", "words",
)  # fmt: skip

SEGMENT_COLUMNS = (
    "session", "reader", "trial", "case", "part", "series", "fixation", "segment", "slice_index", "onset_s", "offset_s",
    "duration_s", "x_voxel", "y_voxel", "z_voxel", "x_mm", "y_mm", "z_mm", "uncertainty_mm", "n_samples",
)  # fmt: skip


def fixation_tables(
    mapped: MappedGaze,
    events: EyeEvents,
    views: ViewTrack,
    geometry: ScreenGeometry,
    settings: MappingSettings,
    series: Sequence[SeriesGeometry],
    pupil: Floats,
    origin_lsl: float,
    first_number: int = 1,
) -> tuple[Table, Table]:
    """Columns of `fixations.csv` and `dwell_segments.csv` that do not name session, reader, trial, case or part.

    A fixation lies on the slice that it dwelt on longest, all runs taken together (the earlier of equals); time
    without image counts only when there was nothing else. Its voxel is the mean of its samples' voxels while that
    slice was shown, empty when most of them lay outside the image; a slice too short for a sample takes the fixation's
    mean screen position. `slice_first` and `slice_last` are in order of time. Times are rounded to microseconds before
    durations are taken, so that the written segments add up to the written fixation.

    Parameters
    ----------
    pupil
        (N,) of the eye that counts, NaN where lost.
    origin_lsl
        Eye time at which onset_s is 0: the trial's first visible view on the screen.
    first_number
        Number of the first fixation.
    """
    count = len(events)
    time, member, owner = mapped.eye_time_lsl, np.flatnonzero(events.member), events.fixation[events.member]
    onset, offset = time[events.first], time[events.last]
    direction = geometry.px_to_vector(mapped.px[member])
    mean_px = np.stack([_mean(owner, mapped.px[member, axis], count) for axis in (0, 1)], axis=1)
    fixation_pane = _pane_of(mapped, member, owner, views, count)
    runs = dwell_runs(onset, offset, fixation_pane, views, settings.display_latency_s)
    n_runs = len(runs.fixation)
    run_of_member = np.clip(np.searchsorted(runs.onset, time[member], side="right") - 1, 0, max(n_runs - 1, 0))
    run_voxel, run_on_image, run_members = _run_voxels(mapped, member, run_of_member, n_runs)
    middle_view = _views_at((runs.onset + runs.offset) / 2, fixation_pane[runs.fixation], views, settings)
    from_mean = _voxel_through(mean_px[runs.fixation], middle_view, views, series)
    segment_voxel = _settled(run_voxel, run_on_image, run_members, from_mean)

    chosen = longest_slice(runs, count)
    on_chosen = chosen[runs.fixation, :] == np.stack([runs.series, runs.slice_index], axis=1)
    on_chosen = on_chosen.all(axis=1)
    pick = on_chosen.astype(np.float64)
    sums = np.stack([_per(runs.fixation, count, run_voxel[:, axis] * pick) for axis in range(3)], axis=1)
    run_of_fixation = main_run(runs, on_chosen, count)
    voxel = _settled(
        sums,
        _per(runs.fixation, count, run_on_image * pick),
        _per(runs.fixation, count, run_members * pick),
        from_mean[run_of_fixation],
    )
    main_view = middle_view[run_of_fixation]
    uncertainty = _uncertainty_mm(voxel, mean_px, main_view, views, series, geometry, settings)
    segment_uncertainty = _uncertainty_mm(
        segment_voxel, mean_px[runs.fixation], middle_view, views, series, geometry, settings
    )
    state, moving, scrolled = _view_states(onset, offset, fixation_pane, views, settings)
    slopes = eye_slopes(owner, time[member], direction, onset, offset)
    gain, way_deg = picture_gain(slopes, fixation_pane, views, geometry, settings.display_latency_s)
    kind = np.where(scrolled, KINDS.index("drill"), KINDS.index("fixation"))
    kind[follows(slopes, offset - onset, scrolled, moving, gain, way_deg)] = KINDS.index("pursuit")
    rows_in = events.last - events.first + 1
    valid_rows = _span_sum(mapped.valid, events)
    first_shown, last_shown, n_slices = slice_range(runs, count)
    onset_s, offset_s = np.round(onset - origin_lsl, 6), np.round(offset - origin_lsl, 6)
    mm = _to_mm(voxel, chosen[:, 0], series)
    number = np.arange(count, dtype=np.int64) + first_number
    fixations: Table = {
        "series": chosen[:, 0], "fixation": number, "onset_s": onset_s, "offset_s": offset_s,
        "duration_s": offset_s - onset_s, "onset_lsl": onset, "slice_index": chosen[:, 1], "slice_first": first_shown,
        "slice_last": last_shown, "n_slices": n_slices, **_triple("voxel", voxel), **_triple("mm", mm),
        "uncertainty_mm": uncertainty, "x_screen_px": mean_px[:, 0], "y_screen_px": mean_px[:, 1],
        "dispersion_deg": _dispersion_deg(owner, direction, count), "pupil": _mean_known(owner, pupil[member], count),
        "window_centre": _of_view(views, "window_centre", main_view),
        "window_width": _of_view(views, "window_width", main_view),
        "zoom": np.where(main_view >= 0, views.zoom[main_view], np.nan) if len(views) else np.full(count, np.nan),
        "plane": np.nan_to_num(_of_view(views, "plane", main_view), nan=-1).astype(np.int64), "pane": fixation_pane,
        "view_state": np.array(VIEW_STATES)[state], "kind": np.array(KINDS)[kind],
        "valid_fraction": valid_rows / rows_in,
        "n_samples": rows_in, "depth_ambiguous": _mean(owner, mapped.depth_ambiguous[member], count) > 0.5,
        "slice_uncertain": _mean(owner, mapped.slice_uncertain[member], count) > 0.5,
    }  # fmt: skip
    start_s, end_s = np.round(runs.onset - origin_lsl, 6), np.round(runs.offset - origin_lsl, 6)
    ordinal = np.arange(n_runs) - np.searchsorted(runs.fixation, runs.fixation, side="left") + 1
    segments: Table = {
        "series": runs.series, "fixation": number[runs.fixation], "segment": ordinal, "slice_index": runs.slice_index,
        "onset_s": start_s, "offset_s": end_s, "duration_s": end_s - start_s, **_triple("voxel", segment_voxel),
        **_triple("mm", _to_mm(segment_voxel, runs.series, series)), "uncertainty_mm": segment_uncertainty,
        "n_samples": samples_in(runs, time, events),
    }  # fmt: skip
    return fixations, segments


def _per(owner: Indices | NDArray[np.int32], count: int, weights: NDArray | None = None) -> Floats:
    return np.bincount(owner, weights=weights, minlength=count)[:count].astype(np.float64)


def _mean(owner: Indices | NDArray[np.int32], values: NDArray, count: int) -> Floats:
    return _per(owner, count, values.astype(np.float64)) / np.maximum(_per(owner, count), 1)


def _mean_known(owner: NDArray[np.int32], values: Floats, count: int) -> Floats:
    known = np.isfinite(values)
    n = _per(owner[known], count)
    return np.where(n > 0, _per(owner[known], count, values[known]) / np.maximum(n, 1), np.nan)


def _triple(unit: str, values: Floats) -> Table:
    return {f"{axis}_{unit}": values[:, number] for number, axis in enumerate("xyz")}


def _span_sum(flags: NDArray[np.bool_], events: EyeEvents) -> Floats:
    sums = np.concatenate([[0], np.cumsum(flags)])
    return (sums[events.last + 1] - sums[events.first]).astype(np.float64)


def _pane_of(
    mapped: MappedGaze, member: Indices, owner: NDArray[np.int32], views: ViewTrack, count: int
) -> NDArray[np.int64]:
    """The pane that most of a fixation's samples lie in."""
    panes = views.panes or (0,)
    votes = np.stack([_per(owner, count, mapped.pane[member] == pane) for pane in panes])
    return np.asarray(panes, dtype=np.int64)[np.argmax(votes, axis=0)]


def _run_voxels(
    mapped: MappedGaze, member: Indices, run_of_member: Indices, n_runs: int
) -> tuple[Floats, Floats, Floats]:
    """Per run: sum of the voxels of its members on the image, how many those are, how many members there are."""
    good = mapped.on_image[member]
    sums = np.zeros((n_runs, 3))
    for axis in range(3):
        sums[:, axis] = _per(run_of_member[good], n_runs, mapped.voxel[member[good], axis])
    return sums, _per(run_of_member[good], n_runs), _per(run_of_member, n_runs)


def _settled(sums: Floats, on_image: Floats, members: Floats, from_mean: Floats) -> Floats:
    """Mean voxel when at least half of the members lay on the image, NaN when not, `from_mean` without members."""
    mean = sums / np.maximum(on_image, 1)[:, None]
    enough = (on_image > 0) & (2 * on_image >= members)
    return np.where(members[:, None] > 0, np.where(enough[:, None], mean, np.nan), from_mean)


def _views_at(times: Floats, pane: NDArray[np.int64], views: ViewTrack, settings: MappingSettings) -> Indices:
    view = np.full(len(times), -1, dtype=np.intp)
    for number in np.unique(pane):
        mine = pane == number
        view[mine] = views.shown_at(times[mine], settings.display_latency_s, int(number))
    return view


def _voxel_through(px: Floats, view: Indices, views: ViewTrack, series: Sequence[SeriesGeometry]) -> Floats:
    """Voxel of screen points through their views; NaN off the image."""
    if len(views) == 0 or len(view) == 0:
        return np.full((len(px), 3), np.nan)
    safe = np.maximum(view, 0)
    voxel = screen_px_to_voxel(px, views.maps[safe])
    good = (view >= 0) & views.visible[safe] & in_rectangle(px, views.rectangles_px[safe])
    good &= on_series(voxel, views.integers("series")[safe], series)
    return np.where(good[:, None], voxel, np.nan)


def _uncertainty_mm(
    voxel: Floats,
    px: Floats,
    view: Indices,
    views: ViewTrack,
    series: Sequence[SeriesGeometry],
    geometry: ScreenGeometry,
    settings: MappingSettings,
) -> Floats:
    """Radius in patient millimetres at the zoom of each row's view; NaN where the row has no voxel."""
    if len(views) == 0:
        return np.full(len(voxel), np.nan)
    scale = np.where(view >= 0, view_scales_mm(views, series)[view], np.nan)
    radius = screen_disc_mm(settings.angle_uncertainty_deg, px, scale, geometry)
    return np.where(np.isfinite(voxel[:, 0]), radius, np.nan)


def _view_states(
    onset: Floats, offset: Floats, pane: NDArray[np.int64], views: ViewTrack, settings: MappingSettings
) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.bool_]]:
    """State over each fixation (what changed strictly inside it), whether the picture was panned or zoomed, whether
    slices changed."""
    state = np.zeros(len(onset), dtype=np.int64)
    kinds = np.zeros(len(onset), dtype=np.int64)
    moving, scrolled = np.zeros(len(onset), dtype=bool), np.zeros(len(onset), dtype=bool)
    for number in np.unique(pane):
        mine = pane == number
        for name, times in views.change_times(settings.display_latency_s, int(number)).items():
            inside = np.searchsorted(times, offset, side="left") > np.searchsorted(times, onset, side="right")
            inside &= mine
            state[inside] = VIEW_STATES.index(name)
            kinds += inside
            moving |= inside & (name in ("pan", "zoom"))
            scrolled |= inside & (name == "scroll")
    state[kinds > 1] = VIEW_STATES.index("mixed")
    return state, moving, scrolled


def _dispersion_deg(owner: NDArray[np.int32], direction: Floats, count: int) -> Floats:
    """Root mean square angle of a fixation's samples from their mean direction (STD of reference 2.3, both axes
    together)."""
    total = np.stack([_per(owner, count, direction[:, axis]) for axis in range(3)], axis=1)
    mean = total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-300)
    chord = np.linalg.norm(direction - mean[owner], axis=1)
    angle = np.degrees(2 * np.arcsin(np.minimum(chord / 2, 1.0)))
    return np.sqrt(_mean(owner, angle**2, count))


def _to_mm(voxel: Floats, number: NDArray[np.int64], series: Sequence[SeriesGeometry]) -> Floats:
    mm = np.full((len(voxel), 3), np.nan)
    for index, geometry in enumerate(series):
        mine = number == index
        mm[mine] = voxel_to_patient_mm(voxel[mine], geometry)
    return mm


def _of_view(views: ViewTrack, label: str, view: Indices) -> Floats:
    if len(views) == 0:
        return np.full(len(view), np.nan)
    return np.where(view >= 0, views.column(label)[np.maximum(view, 0)], np.nan)
