"""A simulated reading of a stack whose truth is known at every instant: the eye, the painted views, the slices.

The reader explores, drills (eye still, slices move), scans while scrolling, follows a structure whose place shifts
from slice to slice, follows a panned picture, zooms and changes the window. Nothing here knows of a detector or of a
mapping: what is measured later is held against it. Views are painted once a refresh; what was painted is on the screen
one latency later, and that latency may be another one than the analysis is told (`latency_s`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.simulation.eye_motion import (
    BlinkSegment,
    FixationalMotion,
    FixationSegment,
    PursuitSegment,
    SaccadeSegment,
    saccade_duration_s,
)
from models.simulation.eye_noise import white_noise_deg
from models.simulation.painting import Painter, PaintTable

Floats = NDArray[np.float64]
Conversion = Callable[[ArrayLike], NDArray[np.float64]]
Segment = FixationSegment | PursuitSegment | SaccadeSegment | BlinkSegment

EVENT_KINDS = ("fixation", "drill", "pursuit", "saccade", "blink")
PHASES = ("explore", "drill", "scan", "follow_slices", "pan_still", "follow_pan", "zoom", "window")
CATCH_UP_DEG = 1.0
"""Distance from the moving structure at which the eye catches up by a saccade (de Brouwer et al. 2002: about 1 degree
at these speeds)."""
SHORTEST_PURSUIT_S = 0.15
"""No stretch of pursuit between two saccades is shorter: the saccadic system needs that long (Carpenter 1988)."""


@dataclass(frozen=True)
class StackReadingSettings:
    """What is simulated.

    Attributes
    ----------
    rate_hz, noise_rms_s2s_deg
        Of the tracker; the noise is white, RMS from sample to sample of the signal that is analysed, both axes
        together.
    latency_s
        True time from the end of a paint to its light.
    slices_per_s
        Scroll rates that occur.
    pursuit_deg_s
        Range of the speeds of what the eye follows, on the screen.
    phases
        Which of `PHASES` occur.
    """

    seconds: float = 120.0
    rate_hz: float = 250.0
    noise_rms_s2s_deg: float = 0.3
    slices: int = 120
    latency_s: float = 0.025
    refresh_hz: float = 60.0
    slices_per_s: tuple[float, ...] = (1.0, 2.0, 5.0, 10.0, 17.0, 25.0, 40.0)
    pursuit_deg_s: tuple[float, float] = (3.0, 18.0)
    phases: tuple[str, ...] = PHASES
    blinks: bool = True

    def __post_init__(self) -> None:
        if min(self.seconds, self.rate_hz, self.refresh_hz) <= 0 or self.slices < 20 or self.noise_rms_s2s_deg < 0:
            raise ValueError(f"seconds and rates must be positive and the stack has at least 20 slices: {self}")
        if max(self.slices_per_s) > self.refresh_hz:
            raise ValueError("no screen shows more slices a second than it is refreshed")


@dataclass(frozen=True, eq=False)
class TrueEvents:
    """E events in order of time that fill the whole reading: `kind` indexes `EVENT_KINDS`; seconds."""

    kind: NDArray[np.int8]
    start_s: Floats
    end_s: Floats

    def at(self, times_s: Floats) -> NDArray[np.int8]:
        """Kind at each time."""
        return self.kind[np.clip(np.searchsorted(self.start_s, times_s, side="right") - 1, 0, len(self.kind) - 1)]


@dataclass(frozen=True, eq=False)
class StackReading:
    """N gaze samples, M painted views and the truth of one reading.

    Attributes
    ----------
    time_s, px, valid
        What the tracker delivers: (N,) eye time, (N, 2) `screen_px` with noise (NaN in blinks), (N,).
    true_deg, kind, slice_index
        (N, 2) true direction, (N,) index into `EVENT_KINDS`, (N,) slice that was truly on the screen.
    gaze_on_slice_s, fixated_on_slice_s
        (K,) seconds that each slice was on the screen with open eyes, and of those while the eye fixated, drilled or
        pursued (no saccade, no blink).
    """

    settings: StackReadingSettings
    time_s: Floats = field(repr=False)
    px: Floats = field(repr=False)
    valid: NDArray[np.bool_] = field(repr=False)
    true_deg: Floats = field(repr=False)
    kind: NDArray[np.int8] = field(repr=False)
    slice_index: NDArray[np.int64] = field(repr=False)
    events: TrueEvents = field(repr=False)
    painted: PaintTable = field(repr=False)
    gaze_on_slice_s: Floats = field(repr=False)
    fixated_on_slice_s: Floats = field(repr=False)


def simulate_stack_reading(
    settings: StackReadingSettings, px_to_deg: Conversion, deg_to_px: Conversion, *, seed: int = 0
) -> StackReading:
    """Simulate one reading; the same seed and settings give the same one, whatever the rate and the noise.

    Parameters
    ----------
    px_to_deg, deg_to_px
        Between screen pixels (..., 2) and azimuth and elevation in degrees (..., 2) of a 1920 x 1080 monitor.
    """
    plan_random, noise_random = (np.random.default_rng(each) for each in np.random.SeedSequence(seed).spawn(2))
    reader = _Reading(settings, px_to_deg, deg_to_px, plan_random)
    reader.read()
    time = np.arange(0.0, settings.seconds, 1.0 / settings.rate_hz)
    starts = np.array([segment.start_s for segment in reader.segments])
    which = np.searchsorted(starts, time, side="right") - 1
    true_deg = np.empty((len(time), 2))
    for number in np.unique(which):
        here = which == number
        true_deg[here] = reader.segments[number].at(time[here])
    painted = reader.painter.table()
    events = _true_events(reader.segments, painted, settings)
    kind = events.at(time)
    valid = kind != EVENT_KINDS.index("blink")
    noisy = true_deg + white_noise_deg(noise_random, len(time), settings.noise_rms_s2s_deg)
    px = np.where(valid[:, None], deg_to_px(noisy), np.nan)
    shown = painted.time_s + settings.latency_s
    slices = painted.slice_index[np.maximum(np.searchsorted(shown, time, side="right") - 1, 0)]
    open_eyes, fixated = _dwell(events, shown, painted.slice_index, settings)
    return StackReading(settings, time, px, valid, true_deg, kind, slices, events, painted, open_eyes, fixated)


class _Reading:
    """Plans the eye's segments and the paints together, phase after phase."""

    def __init__(
        self, settings: StackReadingSettings, to_deg: Conversion, to_px: Conversion, random: np.random.Generator
    ) -> None:
        self.settings, self.random = settings, random
        self._to_deg, self._to_px = to_deg, to_px
        self.painter = Painter(settings.slices, settings.refresh_hz, settings.slices // 2, random)
        self.segments: list[Segment] = []
        self.now = 0.0
        self.eye = np.asarray(to_deg(self.painter.centre_px), dtype=np.float64)

    def read(self) -> None:
        phases = self.settings.phases
        while self.now < self.settings.seconds:
            # Each round holds every phase once: a short reading still has all of them.
            for name in self.random.permutation(np.array(phases)):
                getattr(self, f"_{name}")()
                if self.now >= self.settings.seconds:
                    break

    def _explore(self) -> None:
        for _ in range(int(self.random.integers(3, 8))):
            self._fixate(self._duration())
            if self.settings.blinks and self.random.uniform() < 0.15:
                blink = self.random.uniform(0.12, 0.25)
                self.segments.append(BlinkSegment(self.now, self.now + blink, self.eye))
                self.now += blink
                self._fixate(self._duration())
            self._saccade(self._free_target())

    def _drill(self) -> None:
        self._saccade(self._free_target())
        rate = float(self.random.choice(self.settings.slices_per_s))
        wait, after = self.random.uniform(0.08, 0.3, 2)
        end = self.painter.scroll(self.now + wait, rate, seconds=max(self.random.uniform(0.5, 2.0), 1.5 / rate))
        self._fixate(end + after - self.now)

    def _scan(self) -> None:
        rate = float(self.random.choice(self.settings.slices_per_s))
        end = self.painter.scroll(self.now + 0.1, rate, seconds=max(self.random.uniform(1.0, 2.5), 1.5 / rate))
        while self.now < end:
            self._saccade(self._free_target())
            self._fixate(self._duration())

    def _follow_slices(self) -> None:
        """Follow a structure that lies elsewhere on each slice."""
        rates = [rate for rate in self.settings.slices_per_s if rate >= 8.0]
        if not rates:
            return
        speed, course, seconds = self._follow_plan()
        wait = self.random.uniform(0.15, 0.3)
        self.painter.scroll(self.now + wait, float(self.random.choice(rates)), seconds=seconds)
        self._follow(speed, course, wait, seconds)

    def _follow_pan(self) -> None:
        """Follow the picture while it is dragged."""
        speed, course, seconds = self._follow_plan()
        wait = self.random.uniform(0.15, 0.3)
        self._pan(wait, speed, course, seconds)
        self._follow(speed, course, wait, seconds)
        self.painter.reset(self.now)

    def _pan_still(self) -> None:
        """The picture is dragged away under an eye that stays; not so far that the eye leaves the picture."""
        speed, course, _ = self._follow_plan()
        seconds = float(np.clip(4.0 / speed, 0.2, 1.6))
        self._pan(0.2, speed, course, seconds)
        self._fixate(0.2 + seconds + 0.1)
        self.painter.reset(self.now)

    def _zoom(self) -> None:
        centre = self._to_px(self.eye)
        for step in range(8):
            self.painter.zoom(self.now + 0.2 + 0.05 * step, 1.1, centre)
        self._fixate(0.9)
        self._explore()
        self.painter.reset(self.now)

    def _window(self) -> None:
        for step in range(8):
            self.painter.window(self.now + 0.1 + 0.04 * step, 40.0 + 30.0 * step, 400.0 + 90.0 * step)
        self._fixate(0.6)
        self._saccade(self._free_target())

    def _follow_plan(self) -> tuple[float, float, float]:
        """Speed (degrees a second), direction (radians) towards the middle of the screen, and how long; looks there."""
        self._saccade(self._free_target(far=True))
        speed = float(self.random.uniform(*self.settings.pursuit_deg_s))
        inwards = np.asarray(self._to_deg(self.painter.centre_px)) - self.eye
        course = float(np.arctan2(inwards[1], inwards[0]) + self.random.uniform(-0.5, 0.5))
        return speed, course, float(np.clip(11.0 / speed, 0.35, 1.6))

    def _pan(self, wait: float, speed: float, course: float, seconds: float) -> None:
        here = self._to_px(self.eye)
        step_s = 1.0 / self.settings.refresh_hz
        for step in range(1, int(seconds / step_s) + 1):
            way = speed * step * step_s * np.array([np.cos(course), np.sin(course)])
            self.painter.pan_to(self.now + wait + step * step_s, self._to_px(self.eye + way) - here)

    def _follow(self, speed: float, course: float, wait: float, seconds: float) -> None:
        """Rest until the reaction to the motion, then pursue with a gain below one, catching up where needed."""
        heading = np.array([np.cos(course), np.sin(course)])
        began = self.now + wait + self.settings.latency_s
        origin, end = self.eye.copy(), began + seconds
        self._fixate(began + self.random.uniform(0.1, 0.15) - self.now)
        gain = self.random.uniform(0.75, 1.0)
        while self.now < end:
            behind = speed * (self.now - began) - float((self.eye - origin) @ heading)
            if behind > CATCH_UP_DEG:
                self._saccade(self.eye + heading * (behind + speed * saccade_duration_s(behind)))
            rest = end - self.now
            left = CATCH_UP_DEG / max(speed * (1.0 - gain), 1e-6)
            stretch = max(left, SHORTEST_PURSUIT_S)
            if rest - stretch < SHORTEST_PURSUIT_S:
                stretch = max(rest, SHORTEST_PURSUIT_S)
            self.segments.append(PursuitSegment(self.now, self.now + stretch, self.eye, gain * speed * heading))
            self.eye = self.eye + gain * speed * heading * stretch
            self.now += stretch
        # The eye leaves by a saccade: a pursuit that runs out into a rest on the same place has no certain end.
        self._saccade(self._free_target())

    def _fixate(self, seconds: float) -> None:
        motion = FixationalMotion.drawn(self.random)
        segment = FixationSegment(self.now, self.now + seconds, self.eye, motion)
        self.segments.append(segment)
        self.now += seconds
        self.eye = segment.at(np.array([self.now]))[0]

    def _saccade(self, target: Floats) -> None:
        if not self.segments or not isinstance(self.segments[-1], FixationSegment | PursuitSegment):
            self._fixate(self._duration())
        duration = saccade_duration_s(float(np.linalg.norm(target - self.eye)))
        self.segments.append(SaccadeSegment(self.now, self.now + duration, self.eye, target))
        self.eye, self.now = np.asarray(target, dtype=np.float64), self.now + duration

    def _duration(self) -> float:
        return float(np.clip(self.random.lognormal(np.log(0.28), 0.4), 0.12, 1.2))

    def _free_target(self, far: bool = False) -> Floats:
        """A place on the picture 1.5 to 10 degrees away; `far`: 5 to 7 degrees off the middle of the picture."""
        centre = np.asarray(self._to_deg(self.painter.centre_px))
        while True:
            angle = self.random.uniform(0.0, 2.0 * np.pi)
            heading = np.array([np.cos(angle), np.sin(angle)])
            if far:
                target = centre + self.random.uniform(5.0, 7.0) * heading
                if np.linalg.norm(target - self.eye) >= 1.5:
                    return target
                continue
            target = self.eye + self.random.uniform(1.5, 10.0) * heading
            if np.linalg.norm(target - centre) <= 8.0:
                return np.asarray(target)


def _true_events(segments: list[Segment], painted: PaintTable, settings: StackReadingSettings) -> TrueEvents:
    """The eye's segments with their kinds: rests that follow each other are one; a rest during which another slice came
    on the screen is a drill."""
    names = {PursuitSegment: "pursuit", SaccadeSegment: "saccade", BlinkSegment: "blink"}
    kind = np.array([EVENT_KINDS.index(names.get(type(segment), "fixation")) for segment in segments], dtype=np.int8)
    begins = np.append(True, (kind[1:] != kind[:-1]) | (kind[1:] != EVENT_KINDS.index("fixation")))
    kind, start = kind[begins], np.array([segment.start_s for segment in segments])[begins]
    end = np.append(start[1:], segments[-1].end_s)
    changed = np.flatnonzero(np.diff(painted.slice_index)) + 1
    changes = painted.time_s[changed] + settings.latency_s
    moved = np.searchsorted(changes, end, side="left") > np.searchsorted(changes, start, side="right")
    kind[moved & (kind == EVENT_KINDS.index("fixation"))] = EVENT_KINDS.index("drill")
    inside = start < settings.seconds
    return TrueEvents(kind[inside], start[inside], np.minimum(end[inside], settings.seconds))


def _dwell(
    events: TrueEvents, shown_s: Floats, slices: NDArray[np.int64], settings: StackReadingSettings
) -> tuple[Floats, Floats]:
    """Seconds on each slice with open eyes, and of those without saccades; cut at every event and every paint."""
    edges = np.unique(np.concatenate([events.start_s, events.end_s, np.clip(shown_s, 0.0, settings.seconds)]))
    middle, length = (edges[1:] + edges[:-1]) / 2, np.diff(edges)
    kind = events.at(middle)
    on = slices[np.maximum(np.searchsorted(shown_s, middle, side="right") - 1, 0)]
    seen = kind != EVENT_KINDS.index("blink")
    still = seen & (kind != EVENT_KINDS.index("saccade"))
    return tuple(  # type: ignore[return-value]
        np.bincount(on[rows], weights=length[rows], minlength=settings.slices) for rows in (seen, still)
    )
