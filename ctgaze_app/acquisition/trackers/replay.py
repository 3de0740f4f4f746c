"""A real recording streamed at its own rate, interval by interval, as if its tracker were here (`tracker replay`)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ctgaze_app.acquisition.clock import configure_lsl, local_clock
from ctgaze_app.acquisition.trackers.control import Report, StopSignal
from ctgaze_app.acquisition.trackers.options import ReplayOptions
from ctgaze_app.acquisition.trackers.outlet import EyeFrames, GazeOutlet
from ctgaze_app.acquisition.trackers.recorded_gaze import RecordedGaze, read_recorded_gaze
from ctgaze_app.errors import StreamError

CHUNK_S = 0.010


class ReplaySchedule:
    """Which samples are due: sample n is stamped start + its own time; a loop follows one median interval later."""

    def __init__(self, recording: RecordedGaze, *, loop: bool) -> None:
        self._time_s = recording.time_s
        self._loop = loop
        self._period_s = float(recording.time_s[-1]) + recording.interval_s
        self._next = 0

    @property
    def finished(self) -> bool:
        """Whether every sample has been given out; never when looping."""
        return not self._loop and self._next >= len(self._time_s)

    def times_s(self, frames: NDArray[np.int64]) -> NDArray[np.float64]:
        """Seconds after the start of frames, which count on through the loops."""
        rounds, row = np.divmod(frames, len(self._time_s))
        return self._time_s[row] + rounds * self._period_s

    def due(self, elapsed_s: float) -> NDArray[np.int64]:
        """Frames whose time has come and that were not given out yet."""
        rounds = int(elapsed_s // self._period_s) if self._loop else 0
        end = rounds * len(self._time_s)
        end += int(np.searchsorted(self._time_s, elapsed_s - rounds * self._period_s, side="right"))
        frames = np.arange(self._next, max(self._next, end), dtype=np.int64)
        self._next += len(frames)
        return frames

    def next_s(self) -> float:
        """Seconds after the start when the next frame is due."""
        return float(self.times_s(np.array([self._next]))[0]) if not self.finished else 0.0


def run_replay(options: ReplayOptions, report: Report, stop: StopSignal | None = None) -> None:
    """Stream a file until it ends (or, looping, until told to stop); reports like `simulate.run_simulated_tracker`.

    Raises
    ------
    StreamError
        When the file is no gaze recording.
    """
    recording = read_recorded_gaze(options.path)
    rate_hz = recording.rate_hz
    if not 1 <= rate_hz <= 10_000:
        raise StreamError(
            f"{rate_hz:g} samples a second cannot be", place=options.path.name, remedy="time must be in ms"
        )
    eyes = {eye: _frames(px, options) for eye, px in recording.centred_px.items()}
    configure_lsl()
    outlet = GazeOutlet(options, rate_hz, source="replay", eyes=tuple(eyes))
    stop = stop or StopSignal(seconds=options.seconds, stop_on_eof=options.stop_on_eof)
    schedule = ReplaySchedule(recording, loop=options.loop)
    try:
        report({"state": "ready", "name": outlet.name, "source_id": outlet.source_id})
        start = local_clock()
        while not stop.stopped and not schedule.finished:
            frames = schedule.due(local_clock() - start)
            row = frames % len(recording.time_s)
            samples = {eye: EyeFrames(one.norm[row], one.valid[row], one.pupil_mm[row]) for eye, one in eyes.items()}
            outlet.push(frames, start + schedule.times_s(frames), samples)
            stop.wait(max(CHUNK_S, start + schedule.next_s() - local_clock()) if not schedule.finished else 0.0)
        outlet.drain()
        report({"state": "closed", "frames": outlet.frames_pushed})
    finally:
        outlet.close()


def _frames(centred_px: NDArray[np.float64], options: ReplayOptions) -> EyeFrames:
    half = np.array([options.width_px, options.height_px]) / 2.0
    norm = options.geometry.px_to_norm(centred_px + half)
    return EyeFrames(norm, np.isfinite(norm.sum(axis=1)), np.full(len(norm), np.nan))
