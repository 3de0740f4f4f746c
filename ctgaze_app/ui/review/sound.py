"""Recorded sound beside replay, at its own speed only, placed by the session clock; without an output it says so."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ctgaze_app.review.audio_track import AudioTrack

RESYNC_S = 0.04
StreamFactory = Callable[..., Any]


class SoundOutput:
    """Plays one `AudioTrack` along the session clock.

    Parameters
    ----------
    open_stream
        Makes a running output stream (a started `sounddevice.OutputStream`); injected by tests.
    now
        The same wall clock that drives replay, seconds.
    """

    def __init__(self, open_stream: StreamFactory | None = None, now: Callable[[], float] = time.perf_counter) -> None:
        self._open_stream = open_stream or _default_stream
        self._now = now
        self._track: AudioTrack | None = None
        self._frames: NDArray[np.float32] = np.zeros((0, 1), dtype=np.float32)
        self._stream: Any = None
        self._anchor: tuple[float, float] = (0.0, 0.0)
        self._position = 0
        self.problem = ""

    @property
    def playing(self) -> bool:
        """Whether sound goes out now."""
        return self._stream is not None

    def load(self, track: AudioTrack | None) -> None:
        """Take the sound of another trial; reads the whole file."""
        self.stop()
        self.problem = ""
        self._track = track
        self._frames = np.zeros((0, 1), dtype=np.float32)
        if track is None:
            return
        import soundfile

        try:
            self._frames, _ = soundfile.read(track.path, dtype="float32", always_2d=True)
        except (OSError, RuntimeError):
            self._track = None
            self.problem = "sound cannot be read"

    def describe(self, speed: float) -> str:
        """The state of sound in a few words."""
        if self.problem:
            return self.problem
        if self._track is None:
            return "no sound recorded"
        return "sound on" if speed == 1.0 else "sound muted (plays at 1x only)"

    def play_from(self, time_lsl: float) -> None:
        """Go on from an LSL time; a failing output is said once and leaves replay silent."""
        if self._track is None or self.problem:
            return
        self._anchor = (self._now(), time_lsl)
        self._position = round(self._track.frame_at(time_lsl))
        if self._stream is not None:
            return
        try:
            self._stream = self._open_stream(
                samplerate=self._track.sample_rate_hz,
                channels=self._frames.shape[1],
                dtype="float32",
                callback=self._fill,
            )
        except (OSError, RuntimeError, ValueError):
            self.stop()
            self.problem = "no sound output"

    def stop(self) -> None:
        """Fall silent and give the device back."""
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()

    def _fill(self, out: NDArray[np.float32], frames: int, times: Any, _status: Any) -> None:
        assert self._track is not None
        wall_s, time_lsl = self._anchor
        until_heard_s = max(0.0, times.outputBufferDacTime - times.currentTime)
        heard_lsl = time_lsl + self._now() - wall_s + until_heard_s
        due = self._track.frame_at(heard_lsl)
        if abs(due - self._position) > RESYNC_S * self._track.sample_rate_hz:
            self._position = round(due)
        fill_block(out[:frames], self._frames, self._position)
        self._position += frames


def fill_block(out: NDArray[np.float32], source: NDArray[np.float32], start: int) -> None:
    """Copy `source` from frame `start` into `out`, silence before its beginning and after its end."""
    out[:] = 0.0
    first, last = max(start, 0), min(start + len(out), len(source))
    if last > first:
        out[first - start : last - start] = source[first:last]


def _default_stream(**options: Any) -> Any:
    # Raises OSError where PortAudio itself is missing; its own errors are plain Exceptions, made RuntimeErrors here.
    import sounddevice

    try:
        stream = sounddevice.OutputStream(**options)
        stream.start()
    except sounddevice.PortAudioError as error:
        raise RuntimeError(str(error)) from error
    return stream
