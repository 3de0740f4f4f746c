"""A simulated stack reading on its way through mapping, detection and the tables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ctgaze_app.gaze.detectors import detect_events
from ctgaze_app.gaze.fixations import KINDS, Table, fixation_tables
from ctgaze_app.gaze.frames import SeriesGeometry
from ctgaze_app.gaze.mapping import MappedGaze, MappingSettings, map_gaze
from ctgaze_app.gaze.movements import saccade_table
from ctgaze_app.gaze.samples import EyeSamples, GazeSamples
from ctgaze_app.gaze.view_track import ViewTrack
from ctgaze_app.gaze.views import PaintedView
from models.simulation.painting import IMAGE_PIXELS, PANE_RECT_PX, PaintTable
from models.simulation.stack_reading import (
    EVENT_KINDS,
    StackReading,
    StackReadingSettings,
    simulate_stack_reading,
)
from tests.gaze.scenes import SCREEN

STATED = MappingSettings(
    display_latency_s=0.025, display_uncertainty_s=1 / 60, tracker_latency_s=0.0, tracker_uncertainty_s=0.001,
    accuracy_deg=0.3, precision_deg=0.1,
)  # fmt: skip
"""What a session at 60 Hz states: 1.5 refresh intervals with an uncertainty of 1."""


def views_of_paints(painted: PaintTable) -> ViewTrack:
    """The simulated paints as samples of a view stream."""
    samples = [
        PaintedView(
            paint=number + 1, trial=1, pane=0, series=0, plane=0, slice_index=int(painted.slice_index[number]),
            window_centre=float(painted.window_centre[number]), window_width=float(painted.window_width[number]),
            pane_rect_px=PANE_RECT_PX, voxel_from_screen=painted.maps[number], image_visible=True,
        ).to_sample()
        for number in range(len(painted.time_s))
    ]  # fmt: skip
    return ViewTrack.from_samples(painted.time_s, samples)


def series_of(slices: int) -> SeriesGeometry:
    """A stack of the simulated picture's size."""
    return SeriesGeometry(
        (slices, IMAGE_PIXELS, IMAGE_PIXELS),
        np.array([[-150.0, -150.0, -2.0 * k] for k in range(slices)]),
        np.array([1.0, 0.0, 0.0]),
        np.array([0.0, 1.0, 0.0]),
        (0.6, 0.6),
    )


@dataclass(frozen=True, eq=False)
class Analysed:
    """A reading and what the program makes of it. `found` (N,) names each sample's kind: one of `EVENT_KINDS`, or
    ``none``."""

    reading: StackReading
    views: ViewTrack = field(repr=False)
    mapped: MappedGaze = field(repr=False)
    events: Any = field(repr=False)
    fixations: Table = field(repr=False)
    segments: Table = field(repr=False)
    saccades: Table = field(repr=False)
    found: NDArray[np.str_] = field(repr=False)


def analyse(
    settings: StackReadingSettings, *, seed: int, parameters: Any = None, stated: MappingSettings = STATED
) -> Analysed:
    """Simulate and process one reading."""
    reading = simulate_stack_reading(settings, SCREEN.px_to_deg, SCREEN.deg_to_px, seed=seed)
    views = views_of_paints(reading.painted)
    pupil = np.where(reading.valid, 3.0, np.nan)
    eye = EyeSamples(SCREEN.px_to_norm(reading.px), reading.valid, pupil)
    samples = GazeSamples(reading.time_s, reading.time_s, {"combined": eye})
    series = [series_of(settings.slices)]
    mapped = map_gaze(samples, views, {}, SCREEN, stated, series)
    detect: Callable[..., Any] = detect_events
    chosen = () if parameters is None else (parameters,)
    events = detect(mapped.eye_time_lsl, SCREEN.px_to_vector(mapped.px), mapped.valid, *chosen, pupil=pupil)
    fixations, segments = fixation_tables(mapped, events, views, SCREEN, stated, series, pupil, 0.0)
    saccades = saccade_table(mapped, events, fixations, 0.0)
    found = np.full(len(reading.time_s), "none", dtype="<U9")
    for first, last in zip(events.saccades.first, events.saccades.last, strict=True):
        found[first : last + 1] = "saccade"
    for first, last in zip(events.blinks.first, events.blinks.last, strict=True):
        found[first : last + 1] = "blink"
    inside = events.fixation >= 0
    found[inside] = fixations["kind"][events.fixation[inside]]
    return Analysed(reading, views, mapped, events, fixations, segments, saccades, found)


def kind_confusion(analysed: Analysed) -> NDArray[np.int64]:
    """(3, 4) true fixations, drills and pursuits by the kind of the found fixation that covers most of each; the last
    column counts those of which none covers half."""
    truth = analysed.reading.events
    found = {kind: np.concatenate([[0], np.cumsum(analysed.found == kind)]) for kind in KINDS}
    time = analysed.reading.time_s
    table = np.zeros((len(KINDS), len(KINDS) + 1), dtype=np.int64)
    for row, kind in enumerate(KINDS):
        mine = truth.kind == EVENT_KINDS.index(kind)
        low = np.searchsorted(time, truth.start_s[mine], side="left")
        high = np.searchsorted(time, truth.end_s[mine], side="left")
        covered = np.stack([found[name][high] - found[name][low] for name in KINDS], axis=1)
        best = np.argmax(covered, axis=1)
        best[2 * covered.sum(axis=1) < high - low] = len(KINDS)
        table[row] = np.bincount(best, minlength=len(KINDS) + 1)
    return table


def sample_confusion(analysed: Analysed) -> NDArray[np.int64]:
    """(5, 6) samples by true kind (`EVENT_KINDS`) and found kind (the same, then ``none``)."""
    names = (*EVENT_KINDS, "none")
    table = np.zeros((len(EVENT_KINDS), len(names)), dtype=np.int64)
    for row in range(len(EVENT_KINDS)):
        mine = analysed.found[analysed.reading.kind == row]
        table[row] = [(mine == name).sum() for name in names]
    return table
