"""Plays one trial: the clock, the shared cursor and the selection, moved together. No Qt, no timer: call `tick`."""

from __future__ import annotations

from collections.abc import Callable

from psygnal import Signal

from ctgaze_app.review.playback import SPEEDS, PlaybackClock, ReviewCursor
from ctgaze_app.review.replay import ReplayFixation, ReplayTrial


class TrialPlayer:
    """Turns what a user means (play, seek, step, select) into one moment and one selection.

    Signals
    -------
    playing_changed(bool)
        Starts and stops, the end of the trial included.
    speed_changed(float)
        Another speed.
    jumped()
        Time moved otherwise than by playing on: sound must follow.
    """

    playing_changed = Signal(bool)
    speed_changed = Signal(float)
    jumped = Signal()

    def __init__(self, now: Callable[[], float]) -> None:
        self.cursor = ReviewCursor()
        self.trial: ReplayTrial | None = None
        self._now = now
        self._clock = PlaybackClock(0.0, 0.0, now)
        self._said_playing = False

    @property
    def playing(self) -> bool:
        """Whether time moves, as last said by `playing_changed`."""
        return self._said_playing

    @property
    def speed(self) -> float:
        """Replay seconds per second."""
        return self._clock.speed

    @property
    def time_lsl(self) -> float:
        """The moment shown."""
        return self.cursor.time_lsl

    def show(self, trial: ReplayTrial) -> None:
        """Take another trial and stand at its start."""
        speed = self._clock.speed
        self.trial = trial
        self._clock = PlaybackClock(trial.start_lsl, trial.end_lsl, self._now)
        self._clock.set_speed(speed)
        self.cursor.select(None)
        self.cursor.move_to(trial.start_lsl)
        self._say_playing()
        self.jumped.emit()

    def toggle(self) -> None:
        """Play or pause."""
        if self._clock.playing:
            self._clock.pause()
        elif self.trial is not None and self.trial.duration_s > 0:
            self._clock.play()
            self.jumped.emit()
        self.tick()

    def pause(self) -> None:
        """Stand still."""
        self._clock.pause()
        self.tick()

    def tick(self) -> None:
        """Move the cursor to where the clock is."""
        self.cursor.move_to(self._clock.time_lsl)
        self._say_playing()

    def seek(self, time_lsl: float) -> None:
        """Go to a moment, clipped to the trial."""
        self._clock.seek(time_lsl)
        self.tick()
        self.jumped.emit()

    def set_speed(self, speed: float) -> None:
        """Play slower or faster from here."""
        if speed != self._clock.speed:
            self._clock.set_speed(speed)
            self.speed_changed.emit(speed)
            self.jumped.emit()

    def change_speed(self, steps: int) -> None:
        """The next speeds of `SPEEDS`, up or down, as far as there are any."""
        place = min(range(len(SPEEDS)), key=lambda index: abs(SPEEDS[index] - self.speed))
        self.set_speed(SPEEDS[min(max(place + steps, 0), len(SPEEDS) - 1)])

    def select(self, fixation: int | None) -> None:
        """Select a fixation and stand at its onset; None selects nothing and stays."""
        chosen = self._fixation(fixation)
        self.cursor.select(chosen.number if chosen else None)
        if chosen is not None:
            self.seek(chosen.onset_lsl)

    def step(self, direction: int) -> None:
        """Pause at the next (1) or previous (-1) fixation, if there is one."""
        if self.trial is None:
            return
        self.pause()
        found = self.trial.neighbour(self.time_lsl, direction)
        if found is not None:
            self.select(found.number)

    def _fixation(self, number: int | None) -> ReplayFixation | None:
        if self.trial is None or number is None:
            return None
        return next((fixation for fixation in self.trial.fixations if fixation.number == number), None)

    def _say_playing(self) -> None:
        if self._clock.playing != self._said_playing:
            self._said_playing = self._clock.playing
            self.playing_changed.emit(self._said_playing)
