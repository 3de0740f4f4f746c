"""Time in replay: a clock that plays, pauses, changes speed and seeks, and the one cursor that every widget shares."""

from __future__ import annotations

from collections.abc import Callable

from psygnal import Signal

SPEEDS = (0.25, 0.5, 1.0, 2.0, 4.0)


class PlaybackClock:
    """Replay time as a function of a wall clock; no timer, no thread.

    Parameters
    ----------
    start_lsl, end_lsl
        First and last moment that can be shown, LSL seconds.
    now
        The wall clock, seconds that only ever grow.
    """

    def __init__(self, start_lsl: float, end_lsl: float, now: Callable[[], float]) -> None:
        if not end_lsl >= start_lsl:
            raise ValueError(f"replay cannot end ({end_lsl}) before it starts ({start_lsl})")
        self.start_lsl = start_lsl
        self.end_lsl = end_lsl
        self._now = now
        self._speed = 1.0
        self._anchor_wall_s: float | None = None
        self._anchor_lsl = start_lsl

    @property
    def time_lsl(self) -> float:
        """The moment that replay shows now; reaching the end pauses there."""
        if self._anchor_wall_s is None:
            return self._anchor_lsl
        time_lsl = self._anchor_lsl + (self._now() - self._anchor_wall_s) * self._speed
        if time_lsl >= self.end_lsl:
            self._anchor_wall_s, self._anchor_lsl = None, self.end_lsl
            return self.end_lsl
        return time_lsl

    @property
    def playing(self) -> bool:
        """Whether time moves; False once the end is reached."""
        return self._anchor_wall_s is not None and self.time_lsl < self.end_lsl

    @property
    def speed(self) -> float:
        """Replay seconds per wall second."""
        return self._speed

    def play(self) -> None:
        """Go on from here, or from the start when replay stands at the end."""
        if self.playing:
            return
        if self._anchor_lsl >= self.end_lsl:
            self._anchor_lsl = self.start_lsl
        self._anchor_wall_s = self._now()

    def pause(self) -> None:
        """Stand still at the present moment."""
        self._anchor_lsl, self._anchor_wall_s = self.time_lsl, None

    def seek(self, time_lsl: float) -> None:
        """Jump, clipped to the replay's range; keeps playing when it played."""
        playing = self.playing
        self._anchor_lsl = min(max(time_lsl, self.start_lsl), self.end_lsl)
        self._anchor_wall_s = self._now() if playing else None

    def set_speed(self, speed: float) -> None:
        """Change speed without a jump; raises ValueError unless it is above 0."""
        if not speed > 0:
            raise ValueError(f"speed must be above 0, not {speed}")
        here = self.time_lsl
        if self._anchor_wall_s is not None:
            self._anchor_lsl, self._anchor_wall_s = here, self._now()
        self._speed = speed


class ReviewCursor:
    """The one time cursor and the one selection of a review, shared by all its widgets."""

    time_changed = Signal(float)
    fixation_selected = Signal(object)

    def __init__(self, time_lsl: float = 0.0) -> None:
        self._time_lsl = time_lsl
        self._fixation: int | None = None

    @property
    def time_lsl(self) -> float:
        """The moment shown, LSL seconds."""
        return self._time_lsl

    @property
    def fixation(self) -> int | None:
        """Number of the selected fixation, None when none is."""
        return self._fixation

    def move_to(self, time_lsl: float) -> None:
        """Show another moment; says so only when it changed."""
        if time_lsl != self._time_lsl:
            self._time_lsl = time_lsl
            self.time_changed.emit(time_lsl)

    def select(self, fixation: int | None) -> None:
        """Select a fixation by its number; says so only when it changed."""
        if fixation != self._fixation:
            self._fixation = fixation
            self.fixation_selected.emit(fixation)
