"""Showing targets one after the other and collecting gaze: a state machine that has no screen and no clock of its own.

Whoever drives it calls `step(now_s, gaze)` about once a refresh and draws what comes back. All times are seconds of one
clock (in CTGaze: LSL). A sample belongs to a target when its own stamp, less the tracker's latency, lies in the
target's window; when it arrived does not matter. The window never moves to where the data look better, so data loss
stays honest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

EyeChunk = tuple[NDArray[np.float64], NDArray[np.bool_]]
"""One eye's `screen_px` (N, 2) and validity (N,)."""

GazeChunk = tuple[NDArray[np.float64], Mapping[str, EyeChunk]]
"""New samples since the last poll: stamps (N,) in seconds, and per eye an `EyeChunk`."""


@dataclass(frozen=True)
class Timing:
    """When a target does what, in seconds after it is shown.

    Attributes
    ----------
    approach_s
        The ring stands at full size, the eye gets there.
    shrink_s
        The ring shrinks to a dot.
    collect_s
        Length of the window, which opens when the ring has shrunk.
    arrival_grace_s
        How long after the window samples may still arrive before the target closes with what there is.
    tracker_latency_s
        Taken off every stamp: eye time = stamp - latency.
    """

    approach_s: float = 0.2
    shrink_s: float = 0.6
    collect_s: float = 1.0
    arrival_grace_s: float = 1.0
    tracker_latency_s: float = 0.0

    def __post_init__(self) -> None:
        values = (self.approach_s, self.shrink_s, self.arrival_grace_s, self.tracker_latency_s)
        if min(values) < 0 or self.collect_s <= 0:
            raise ValueError(f"times of a procedure cannot be negative and the window cannot be empty: {self}")

    @property
    def settle_s(self) -> float:
        """From shown to the opening of the window."""
        return self.approach_s + self.shrink_s

    @property
    def time_out_s(self) -> float:
        """From shown to giving up on samples that have not arrived."""
        return self.settle_s + self.collect_s + self.tracker_latency_s + self.arrival_grace_s


@dataclass(frozen=True)
class Drawing:
    """What to draw now.

    `phase` is waiting, approaching, shrinking, collecting, done or aborted; `progress` 0..1 is that of the phase.
    """

    phase: str
    progress: float
    index: int | None
    x_screen_px: float
    y_screen_px: float
    n_done: int
    n_total: int


@dataclass(frozen=True)
class TargetEvent:
    """A target was `shown`, `collected` (or closed without data, then `has_data` is false) or `hidden`."""

    phase: str
    index: int
    x_screen_px: float
    y_screen_px: float
    time_s: float
    has_data: bool = False


@dataclass(frozen=True, eq=False)
class EyeWindow:
    """One eye in one window: `px` (N, 2) in `screen_px` (NaN where invalid), `valid` (N,)."""

    px: NDArray[np.float64]
    valid: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class TargetSamples:
    """What was collected on one target.

    Attributes
    ----------
    time_s
        (N,) stamps as received; the window is in eye time, so they lie in window + tracker latency.
    eyes
        (N,) samples per eye; empty when nothing arrived.
    """

    index: int
    target_px: tuple[float, float]
    time_s: NDArray[np.float64]
    eyes: dict[str, EyeWindow]
    window_start_s: float
    window_end_s: float
    attempt: int = 1

    @property
    def has_data(self) -> bool:
        """Whether any eye has a valid sample."""
        return any(bool(eye.valid.any()) for eye in self.eyes.values())


class Procedure:
    """The state machine.

    Parameters
    ----------
    targets_px
        (N, 2) `screen_px`.
    order
        Indices into the targets, those to show and in which order; None shows all. With it single dots are repeated.
    """

    def __init__(
        self, targets_px: ArrayLike, timing: Timing | None = None, *, order: Sequence[int] | None = None
    ) -> None:
        self.targets_px = np.asarray(targets_px, dtype=np.float64).reshape(-1, 2)
        self.timing = timing or Timing()
        self.order = tuple(range(len(self.targets_px)) if order is None else (int(index) for index in order))
        if not self.order or any(not 0 <= index < len(self.targets_px) for index in self.order):
            raise ValueError(f"the order must name some of {len(self.targets_px)} targets: {self.order}")
        self._place = -1
        self._shown_s = 0.0
        self._attempt = 1
        self._state = "waiting"
        self._chunks: list[GazeChunk] = []
        self._newest_eye_s = -np.inf
        self._events: list[TargetEvent] = []
        self._collected: dict[int, TargetSamples] = {}

    @property
    def state(self) -> str:
        """`waiting` before the first step, `running`, `done` or `aborted`."""
        return self._state

    @property
    def is_over(self) -> bool:
        """Whether nothing more will be shown."""
        return self._state in ("done", "aborted")

    def step(self, now_s: float, gaze: GazeChunk | None = None) -> Drawing:
        """Take new samples, move on when it is time, and say what to draw at `now_s`."""
        if self._state == "waiting":
            self._state = "running"
            self._show_next(now_s)
        if self._state == "running":
            self._take(gaze)
            opens_s, closes_s = self._window()
            late = now_s >= self._shown_s + self.timing.time_out_s
            if now_s >= closes_s and (self._newest_eye_s >= closes_s or late):
                self._close(now_s, opens_s, closes_s)
        return self._drawing(now_s)

    def repeat_current(self, now_s: float) -> None:
        """Show the current target again from the start; what it has collected is dropped."""
        if self._state == "running":
            self._emit("hidden", now_s)
            self._attempt += 1
            self._show(now_s)

    def abort(self, now_s: float) -> None:
        """Stop for good. Targets collected so far stay in `samples`."""
        if self._state == "running":
            self._emit("hidden", now_s)
        if not self.is_over:
            self._state = "aborted"

    def take_events(self) -> list[TargetEvent]:
        """Events since the last call, oldest first."""
        events, self._events = self._events, []
        return events

    def samples(self) -> tuple[TargetSamples, ...]:
        """What was collected so far, by target index."""
        return tuple(self._collected[index] for index in sorted(self._collected))

    def _window(self) -> tuple[float, float]:
        opens_s = self._shown_s + self.timing.settle_s
        return opens_s, opens_s + self.timing.collect_s

    def _show_next(self, now_s: float) -> None:
        self._place += 1
        self._attempt = 1
        if self._place >= len(self.order):
            self._state = "done"
        else:
            self._show(now_s)

    def _show(self, now_s: float) -> None:
        self._shown_s = now_s
        self._chunks = []
        self._emit("shown", now_s)

    def _take(self, gaze: GazeChunk | None) -> None:
        if gaze is None or not len(gaze[0]):
            return
        self._chunks.append(gaze)
        self._newest_eye_s = max(self._newest_eye_s, float(np.max(gaze[0])) - self.timing.tracker_latency_s)

    def _close(self, now_s: float, opens_s: float, closes_s: float) -> None:
        index = self.order[self._place]
        target = self.targets_px[index]
        time_s, eyes = _inside(self._chunks, opens_s, closes_s, self.timing.tracker_latency_s)
        collected = TargetSamples(
            index, (float(target[0]), float(target[1])), time_s, eyes, opens_s, closes_s, self._attempt
        )
        self._collected[index] = collected
        self._emit("collected", now_s, has_data=collected.has_data)
        self._emit("hidden", now_s)
        self._show_next(now_s)

    def _emit(self, phase: str, now_s: float, *, has_data: bool = False) -> None:
        index = self.order[self._place]
        x, y = self.targets_px[index]
        self._events.append(TargetEvent(phase, index, float(x), float(y), now_s, has_data))

    def _drawing(self, now_s: float) -> Drawing:
        total = len(self.order)
        if self._state != "running":
            return Drawing(self._state, 1.0, None, float("nan"), float("nan"), min(max(self._place, 0), total), total)
        index = self.order[self._place]
        x, y = self.targets_px[index]
        timing, since_s = self.timing, now_s - self._shown_s
        if since_s < timing.approach_s:
            phase, progress = "approaching", since_s / timing.approach_s
        elif since_s < timing.settle_s:
            phase, progress = "shrinking", (since_s - timing.approach_s) / timing.shrink_s
        else:
            phase, progress = "collecting", (since_s - timing.settle_s) / timing.collect_s
        return Drawing(phase, float(np.clip(progress, 0.0, 1.0)), index, float(x), float(y), self._place, total)


def merge_samples(first: Sequence[TargetSamples], repeated: Sequence[TargetSamples]) -> tuple[TargetSamples, ...]:
    """One entry a target, the repeated one where there is one, by target index."""
    by_index = {samples.index: samples for samples in (*first, *repeated)}
    return tuple(by_index[index] for index in sorted(by_index))


def _inside(
    chunks: Sequence[GazeChunk], opens_s: float, closes_s: float, latency_s: float
) -> tuple[NDArray[np.float64], dict[str, EyeWindow]]:
    """Samples of all chunks whose eye time lies in [opens, closes)."""
    if not chunks:
        return np.empty(0), {}
    time_s = np.concatenate([np.asarray(time, dtype=np.float64) for time, _ in chunks])
    inside = (time_s - latency_s >= opens_s) & (time_s - latency_s < closes_s)
    eyes = {}
    for eye in {name: None for _, found in chunks for name in found}:
        parts = [found.get(eye) or _nothing(len(time)) for time, found in chunks]
        px = np.concatenate([np.asarray(part[0], dtype=np.float64).reshape(-1, 2) for part in parts])[inside]
        valid = np.concatenate([np.asarray(part[1], dtype=bool) for part in parts])[inside]
        valid &= np.isfinite(px).all(axis=1)
        eyes[eye] = EyeWindow(np.where(valid[:, None], px, np.nan), valid)
    return time_s[inside], eyes


def _nothing(count: int) -> EyeChunk:
    """An eye that a chunk does not have."""
    return np.full((count, 2), np.nan), np.zeros(count, dtype=bool)
