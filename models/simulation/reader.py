"""A simulated reader's eye: fixations, saccades and blinks on one time line, with or without instructions.

The eye fixates what it is told to (`instruct`), explores a rectangle (`explore`) or rests (`rest`). It starts a
movement one reaction time after the instruction and never rewrites what has been sampled: `advance` fixes the past, and
later instructions only change what follows. Blinks come only while nobody instructs the eye (resting or exploring), so
that a calibration target or a scripted fixation is never interrupted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.simulation.eye_motion import (
    BlinkSegment,
    FixationalMotion,
    FixationSegment,
    SaccadeSegment,
    saccade_duration_s,
)

Conversion = Callable[[ArrayLike], NDArray[np.float64]]
SHORTEST_FIXATION_S = 0.08
SAME_PLACE_DEG = 0.1
"""An instruction to look nearer than this to where the eye rests starts no movement (and no new fixation)."""


@dataclass(frozen=True)
class ReaderSettings:
    """The habits of one reader's eye.

    `reaction_s` is the range of the latency to a new instruction (Carpenter 1988: about 200 ms); free fixations are
    lognormal with `fixation_median_s` and `fixation_log_sd`; `blink_rate_hz` 0 means none; `motion_scale` scales drift
    and tremor.
    """

    reaction_s: tuple[float, float] = (0.18, 0.22)
    fixation_median_s: float = 0.25
    fixation_log_sd: float = 0.4
    saccade_mean_deg: float = 4.0
    blink_rate_hz: float = 0.2
    blink_duration_s: tuple[float, float] = (0.15, 0.25)
    motion_scale: float = 1.0

    def __post_init__(self) -> None:
        for name in ("reaction_s", "blink_duration_s"):
            low, high = getattr(self, name)
            if not 0 < low <= high:
                raise ValueError(f"{name} must be a range above zero, not {(low, high)}")
        if (
            self.fixation_median_s <= 0
            or self.saccade_mean_deg <= 0
            or min(self.fixation_log_sd, self.blink_rate_hz) < 0
        ):
            raise ValueError(f"durations, amplitudes and rates must be positive: {self}")


@dataclass(frozen=True)
class TrueEvent:
    """What the eye truly did: a fixation (mean place in pixels, `id` of its instruction or empty) or a blink."""

    kind: Literal["fixation", "blink"]
    start_s: float
    end_s: float
    x_px: float
    y_px: float
    id: str = ""


@dataclass(frozen=True, eq=False)
class TrueGaze:
    """The eye at N times: `px` (N, 2), `deg` (N, 2), `fixating` (N,) and `blinking` (N,)."""

    px: NDArray[np.float64]
    deg: NDArray[np.float64]
    fixating: NDArray[np.bool_]
    blinking: NDArray[np.bool_]


@dataclass(frozen=True)
class _Order:
    onset_s: float
    kind: Literal["look", "explore", "rest"]
    target_px: tuple[float, float] = (0.0, 0.0)
    rect_px: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    id: str = ""


class SimulatedReader:
    """One reader's eye, seeded: the same calls give the same movements.

    Parameters
    ----------
    px_to_deg, deg_to_px
        Between screen pixels (..., 2) and azimuth and elevation in degrees (..., 2).
    rest_px
        Where the eye is when it has nothing to do, usually the screen's centre.
    start_s
        When the time line begins, seconds of whatever clock the caller uses.
    """

    def __init__(
        self,
        px_to_deg: Conversion,
        deg_to_px: Conversion,
        *,
        rest_px: tuple[float, float],
        start_s: float,
        seed: int | np.random.SeedSequence = 0,
        settings: ReaderSettings | None = None,
    ) -> None:
        self.settings = settings or ReaderSettings()
        self.rest_px = rest_px
        self._to_deg, self._to_px = px_to_deg, deg_to_px
        self._random = np.random.default_rng(seed)
        self._now = start_s
        self._mode: Literal["look", "explore", "rest"] = "rest"
        self._rect_px = (0.0, 0.0, 0.0, 0.0)
        self._orders: list[_Order] = []
        self._past: list[FixationSegment | SaccadeSegment | BlinkSegment] = []
        self._events: list[TrueEvent] = []
        self._blink_at = np.inf
        self._leave_at = np.inf
        self._current = self._fixation(start_s, self._to_deg(rest_px), "")
        self._plan_blink(start_s)

    @property
    def advanced_to_s(self) -> float:
        """Until when the movements are fixed."""
        return self._now

    @property
    def mode(self) -> str:
        """`look`, `explore` or `rest`: what the eye does now."""
        return self._mode

    def instruct(self, target_px: tuple[float, float], at_s: float, *, id: str = "") -> float:
        """Look at `target_px`, told at `at_s`, and stay until told something else; returns when the saccade is due."""
        if not np.all(np.isfinite(target_px)):
            raise ValueError(f"nobody can look at {target_px}")
        return self._give(_Order(at_s, "look", target_px=(float(target_px[0]), float(target_px[1])), id=id))

    def explore(self, rect_px: tuple[float, float, float, float], at_s: float) -> float:
        """View freely inside `rect_px` (x, y, width, height) from one reaction time after `at_s`."""
        if min(rect_px[2:]) <= 0:
            raise ValueError(f"the rectangle to explore is empty: {rect_px}")
        return self._give(_Order(at_s, "explore", rect_px=rect_px))

    def rest(self, at_s: float) -> float:
        """Go back to the resting place one reaction time after `at_s`."""
        return self._give(_Order(at_s, "rest", target_px=self.rest_px))

    def advance(self, until_s: float) -> list[TrueEvent]:
        """Fix the movements until `until_s`; returns the events that ended since the last call, in order."""
        while True:
            leave, order = self._next_departure()
            blink = self._blink_at if self._mode != "look" and not self._orders else np.inf
            moment = min(leave, blink)
            if moment > until_s:
                break
            if blink < leave:
                self._blink(blink)
                continue
            self._depart(moment, order)
        self._now = max(self._now, until_s)
        done = [event for event in self._events if event.end_s <= until_s]
        self._events = [event for event in self._events if event.end_s > until_s]
        return done

    def finish(self, at_s: float) -> list[TrueEvent]:
        """Advance to `at_s` and end the fixation or blink that is going on there; the eye cannot move on afterwards."""
        done = self.advance(at_s)
        for event in self._events:
            if event.start_s < at_s:
                done.append(replace(event, end_s=at_s))
        if self._current.start_s < at_s:
            done.append(self._fixation_event(at_s))
        self._events, self._orders = [], []
        return done

    def sample(self, times_s: ArrayLike) -> TrueGaze:
        """The eye at `times_s` (N,), none later than `advance` has reached and none before what `forget` dropped."""
        times = np.asarray(times_s, dtype=np.float64)
        segments = [*self._past, self._current]
        if len(times) and (times.max() > self._now or times.min() < segments[0].start_s):
            raise ValueError("the eye is known only between what was forgotten and what was advanced to")
        starts = np.array([segment.start_s for segment in segments])
        which = np.searchsorted(starts, times, side="right") - 1
        deg = np.empty((len(times), 2))
        fixating = np.zeros(len(times), dtype=bool)
        blinking = np.zeros(len(times), dtype=bool)
        for number in np.unique(which):
            segment, here = segments[number], which == number
            deg[here] = segment.at(times[here])
            fixating[here] = isinstance(segment, FixationSegment)
            blinking[here] = isinstance(segment, BlinkSegment)
        return TrueGaze(self._to_px(deg), deg, fixating, blinking)

    def forget(self, before_s: float) -> None:
        """Drop movements that ended before `before_s`, so that a long run keeps constant memory."""
        keep = 0
        while keep < len(self._past) and self._past[keep].end_s < before_s:
            keep += 1
        del self._past[:keep]

    def _give(self, order: _Order) -> float:
        if order.kind != "rest":  # whoever is told where to look does not go back to rest first
            self._orders = [waiting for waiting in self._orders if waiting.kind != "rest"]
        onset = max(order.onset_s + self._random.uniform(*self.settings.reaction_s), self._now)
        if self._orders:
            onset = max(onset, self._orders[-1].onset_s)
        self._orders.append(replace(order, onset_s=onset))
        return onset

    def _next_departure(self) -> tuple[float, _Order | None]:
        """When the current fixation ends, and by which order (None: by free viewing)."""
        free = self._leave_at if self._mode == "explore" else np.inf
        if self._orders and self._orders[0].onset_s <= free:
            order = self._orders[0]
            return max(order.onset_s, self._current.start_s + SHORTEST_FIXATION_S, self._now), order
        return max(free, self._now), None

    def _depart(self, moment: float, order: _Order | None) -> None:
        if order is None:
            self._move(moment, self._free_target(moment), "")
            return
        self._orders.pop(0)
        self._mode = order.kind
        self._plan_blink(moment)
        if order.kind == "explore":
            self._rect_px = order.rect_px
            self._move(moment, self._free_target(moment), "")
            return
        target = np.asarray(self._to_deg(order.target_px))
        if np.linalg.norm(self._current.mean_deg(moment) - target) >= SAME_PLACE_DEG:
            self._move(moment, target, order.id)
        elif not self._current.id:
            self._current = replace(self._current, id=order.id)

    def _move(self, moment: float, target_deg: NDArray[np.float64], id: str) -> None:
        """End the fixation at `moment`, make a saccade to `target_deg`, fixate there."""
        here = self._current.at(np.array([moment]))[0]
        self._end_fixation(moment)
        arrival = moment + saccade_duration_s(float(np.linalg.norm(target_deg - here)))
        self._past.append(SaccadeSegment(moment, arrival, here, np.asarray(target_deg)))
        self._current = self._fixation(arrival, target_deg, id)
        self._leave_at = arrival + self._free_duration_s()

    def _blink(self, moment: float) -> None:
        """Close the lids at `moment`; the eye is found at the same place afterwards, in a fixation of its own."""
        moment = max(moment, self._current.start_s + 1e-6)
        here = self._current.at(np.array([moment]))[0]
        self._end_fixation(moment)
        end = moment + self._random.uniform(*self.settings.blink_duration_s)
        x_px, y_px = self._to_px(here)
        self._past.append(BlinkSegment(moment, end, here))
        self._events.append(TrueEvent("blink", moment, end, float(x_px), float(y_px)))
        self._current = self._fixation(end, here, "")
        self._leave_at = end + self._free_duration_s()
        self._plan_blink(end)

    def _end_fixation(self, moment: float) -> None:
        self._events.append(self._fixation_event(moment))
        self._past.append(replace(self._current, end_s=moment))

    def _fixation_event(self, end_s: float) -> TrueEvent:
        x_px, y_px = self._to_px(self._current.mean_deg(end_s))
        return TrueEvent("fixation", self._current.start_s, end_s, float(x_px), float(y_px), self._current.id)

    def _fixation(self, start_s: float, place_deg: NDArray[np.float64], id: str) -> FixationSegment:
        motion = FixationalMotion.drawn(self._random, self.settings.motion_scale)
        return FixationSegment(start_s, np.inf, np.asarray(place_deg, dtype=np.float64), motion, id)

    def _plan_blink(self, after_s: float) -> None:
        rate = self.settings.blink_rate_hz
        self._blink_at = after_s + SHORTEST_FIXATION_S + self._random.exponential(1.0 / rate) if rate > 0 else np.inf

    def _free_duration_s(self) -> float:
        drawn = self._random.lognormal(np.log(self.settings.fixation_median_s), self.settings.fixation_log_sd)
        return float(np.clip(drawn, SHORTEST_FIXATION_S, 1.5))

    def _free_target(self, moment: float) -> NDArray[np.float64]:
        """A place in the rectangle, usually a short saccade away."""
        x, y, width, height = self._rect_px
        here = self._current.at(np.array([moment]))[0]
        for _ in range(20):
            amplitude = max(0.5, self._random.gamma(2.0, self.settings.saccade_mean_deg / 2.0))
            angle = self._random.uniform(0.0, 2.0 * np.pi)
            target = here + amplitude * np.array([np.cos(angle), np.sin(angle)])
            target_px = self._to_px(target)
            if x <= target_px[0] <= x + width and y <= target_px[1] <= y + height:
                return np.asarray(target)
        return np.asarray(
            self._to_deg((x + width * self._random.uniform(0.1, 0.9), y + height * self._random.uniform(0.1, 0.9)))
        )
