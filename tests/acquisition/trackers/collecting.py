"""Receives a tracker's stream in full, for tests: raw channel values and stamps."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ctgaze_app.acquisition.clock import lsl
from ctgaze_app.acquisition.inlet import GazeStreamInfo, choose_gaze_stream, list_gaze_streams


def until(done: Callable[[], object], timeout_s: float = 10.0) -> None:
    """Wait for `done()`; fails when it takes longer than `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while not done():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)


class Collector:
    """An open inlet on one stream, chosen by source_id."""

    def __init__(self, source_id: str) -> None:
        self.stream: GazeStreamInfo = choose_gaze_stream(list_gaze_streams(0.7), source_id=source_id)
        self._inlet = lsl().StreamInlet(self.stream.handle, recover=False)
        self._inlet.open_stream(timeout=5.0)
        self._values: list[NDArray[np.float64]] = []
        self._stamps: list[NDArray[np.float64]] = []

    def take(self) -> int:
        """Fetch what is there; returns the number of samples so far."""
        values, stamps = self._inlet.pull_chunk(timeout=0.0, max_samples=8192, as_numpy=True)
        if len(stamps):
            self._values.append(np.array(values))
            self._stamps.append(np.array(stamps))
        return sum(map(len, self._stamps))

    def for_seconds(self, seconds: float) -> None:
        """Go on fetching for a while."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.take()
            time.sleep(0.01)

    def until_stream_ends(self) -> None:
        """Go on fetching until the stream is gone."""
        while True:
            try:
                self.take()
            except lsl().util.LostError:
                return
            time.sleep(0.01)

    @property
    def values(self) -> NDArray[np.float64]:
        """(N, C) so far."""
        return np.concatenate(self._values)

    @property
    def stamps(self) -> NDArray[np.float64]:
        """(N,) so far."""
        return np.concatenate(self._stamps)

    def close(self) -> None:
        """Close the inlet."""
        self._inlet.close_stream()
