"""Gaze streams that are here, and one of them received in a thread of its own, so that nobody ever waits for LSL."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from calibration.geometry import ScreenGeometry
from ctgaze_app.acquisition.clock import local_clock, lsl
from ctgaze_app.acquisition.dialects import GazeLayout, guess_layout, samples_from_channels
from ctgaze_app.errors import StreamError
from ctgaze_app.gaze.samples import EyeSamples, GazeSamples

CORRECTION_EVERY_S = 5.0
STALLED_AFTER_S = 1.0
KEPT_S = 120.0
"""Gaze that nobody pulls is dropped after this time, oldest first."""
_OBSERVE_S = 0.5
_OBSERVE_AT_MOST_S = 5.0
_RATE_WINDOW_S = 2.0
_PULL_WAIT_S = 0.02
_DESCRIBE_WITHIN_S = 3.0

InletState = Literal["opening", "streaming", "stalled", "failed", "closed"]


@dataclass(frozen=True)
class GazeStreamInfo:
    """One gaze stream on offer; `info_xml` is its full description, `rate_hz` 0 when the sender names none."""

    name: str
    type: str
    source_id: str
    hostname: str
    uid: str
    rate_hz: float
    channel_count: int
    info_xml: str
    handle: Any = field(repr=False, compare=False)


def list_gaze_streams(timeout_s: float = 1.0) -> list[GazeStreamInfo]:
    """Every stream of type gaze (upper or lower case) that answers within `timeout_s`, sorted by name and host.

    Waits that long, and up to 3 s more for a stream that does not describe itself (then it is left out): not on the GUI
    thread.
    """
    pylsl = lsl()
    found = []
    for short in pylsl.resolve_streams(timeout_s):
        if short.type().strip().lower() != "gaze":
            continue
        inlet = pylsl.StreamInlet(short, recover=False)
        try:
            info = inlet.info(timeout=_DESCRIBE_WITHIN_S)
        except (pylsl.util.TimeoutError, pylsl.util.LostError):
            continue
        found.append(
            GazeStreamInfo(
                name=info.name(),
                type=info.type(),
                source_id=info.source_id(),
                hostname=info.hostname(),
                uid=info.uid(),
                rate_hz=float(info.nominal_srate()),
                channel_count=int(info.channel_count()),
                info_xml=info.as_xml(),
                handle=short,
            )
        )
    return sorted(found, key=lambda stream: (stream.name, stream.hostname, stream.source_id))


def require_streams(streams: Sequence[GazeStreamInfo]) -> Sequence[GazeStreamInfo]:
    """The same streams; raises StreamError when there is none."""
    if not streams:
        raise StreamError(
            "no gaze stream",
            remedy="start the tracker's LSL application on this machine, let the firewall pass UDP 16571 and "
            "TCP 16572-16604, or run: ctgaze tracker simulate",
        )
    return streams


def choose_gaze_stream(
    streams: Sequence[GazeStreamInfo], *, source_id: str | None = None, name: str | None = None
) -> GazeStreamInfo:
    """The one stream meant: by `source_id`, by `name`, or the only one there is. Never guesses.

    Raises
    ------
    StreamError
        When none or more than one fits; names the hosts and source_ids to choose from.
    """
    require_streams(streams)
    fitting = [stream for stream in streams if source_id in (None, stream.source_id) and name in (None, stream.name)]
    if len(fitting) == 1:
        return fitting[0]
    offered = "; ".join(f"{one.name} on {one.hostname}, source_id {one.source_id}" for one in (fitting or streams))
    if not fitting:
        raise StreamError("the gaze stream asked for is not there", place=source_id or name or "", remedy=offered)
    same_name = len({stream.name for stream in fitting}) == 1
    what = f"{len(fitting)} gaze streams named {fitting[0].name}" if same_name else f"{len(fitting)} gaze streams"
    raise StreamError(what, remedy=f"choose one by its source_id: {offered}")


class GazeInlet:
    """Receives one gaze stream in a thread; `pull` hands over what has arrived and never waits.

    Time stamps are the sender's, plus the clock offset that the thread asks for every 5 s. A stream that comes back
    under its source_id is received again by itself; meanwhile the state is `stalled`.

    Parameters
    ----------
    stream
        Out of `list_gaze_streams`.
    geometry
        The tracked monitor.
    layout
        How to read it, as confirmed; None guesses from the description and the first half second of samples (up to
        5 s while none of them has gaze).
    """

    def __init__(self, stream: GazeStreamInfo, geometry: ScreenGeometry, layout: GazeLayout | None = None) -> None:
        self.stream = stream
        self.dropped_samples = 0
        self._geometry = geometry
        self._layout = layout
        self._lock = threading.Lock()
        self._chunks: deque[GazeSamples] = deque()
        self._waiting: list[tuple[NDArray[np.float64], NDArray[np.float64]]] = []
        self._recent: deque[tuple[float, int]] = deque()
        self._recent_first = 0.0
        self._last_arrival: float | None = None
        self._offset_s = 0.0
        self._state: InletState = "opening"
        self._error: StreamError | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._receive, name="gaze inlet", daemon=True)
        self._thread.start()

    @property
    def layout(self) -> GazeLayout | None:
        """How the stream is read; None until it is known."""
        return self._layout

    @property
    def error(self) -> StreamError | None:
        """Why the state is `failed`."""
        return self._error

    @property
    def clock_offset_s(self) -> float:
        """What is added to the sender's stamps now."""
        return self._offset_s

    @property
    def last_sample_age_s(self) -> float:
        """Seconds since the last sample arrived; infinite before the first."""
        arrival = self._last_arrival
        return float("inf") if arrival is None else max(0.0, local_clock() - arrival)

    @property
    def effective_rate_hz(self) -> float:
        """Samples a second by their own stamps over the last two seconds; 0 before there are enough."""
        with self._lock:
            if not self._recent:
                return 0.0
            samples = sum(count for _, count in self._recent) - 1
            duration = self._recent[-1][0] - self._recent_first
        return samples / duration if duration > 0 else 0.0

    @property
    def state(self) -> InletState:
        """`opening` until the first sample, then `streaming`, or `stalled` without samples for a second."""
        if self._state == "streaming" and self.last_sample_age_s > STALLED_AFTER_S:
            return "stalled"
        return self._state

    def pull(self) -> GazeSamples:
        """Everything since the last call, possibly nothing; does not wait."""
        with self._lock:
            chunks = list(self._chunks)
            self._chunks.clear()
        return join_samples(chunks)

    def close(self) -> None:
        """Stop receiving; joins the thread."""
        self._stop.set()
        self._thread.join()
        if self._state != "failed":
            self._state = "closed"

    def __enter__(self) -> GazeInlet:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _receive(self) -> None:
        pylsl = lsl()
        inlet = pylsl.StreamInlet(self.stream.handle, max_buflen=int(KEPT_S), recover=True)
        try:
            opened = False
            while not opened and not self._stop.is_set():
                try:
                    inlet.open_stream(timeout=0.5)
                    opened = True
                except pylsl.util.TimeoutError:
                    continue
            next_correction = -np.inf
            while not self._stop.is_set():
                if local_clock() >= next_correction and self._correct(inlet, pylsl):
                    next_correction = local_clock() + CORRECTION_EVERY_S
                values, stamps = inlet.pull_chunk(timeout=_PULL_WAIT_S, max_samples=4096, min_samples=1, as_numpy=True)
                if len(stamps):
                    self._take(np.array(values, dtype=np.float64), np.array(stamps))
        except StreamError as error:
            self._error, self._state = error, "failed"
        except pylsl.util.LostError:
            self._error = StreamError(
                "the gaze stream is gone", place=self.stream.name, remedy="start the tracker again"
            )
            self._state = "failed"
        finally:
            inlet.close_stream()

    def _correct(self, inlet: Any, pylsl: Any) -> bool:
        try:
            self._offset_s = float(inlet.time_correction(timeout=1.0))
        except pylsl.util.TimeoutError:
            return False  # the sender is away for now: the last offset stays in use
        return True

    def _take(self, values: NDArray[np.float64], stamps: NDArray[np.float64]) -> None:
        self._last_arrival = local_clock()
        self._state = "streaming"
        if self._layout is None:
            self._waiting.append((values, stamps))
            self._guess()
            return
        self._keep(values, stamps)

    def _guess(self) -> None:
        first, last = self._waiting[0][1][0], self._waiting[-1][1][-1]
        if last - first < _OBSERVE_S:
            return
        values = np.concatenate([one[0] for one in self._waiting])
        stamps = np.concatenate([one[1] for one in self._waiting])
        screen_px = (self._geometry.width_px, self._geometry.height_px)
        layout = guess_layout(self.stream.info_xml, values, screen_px)
        gaze = values[:, [number for eye in layout.eyes.values() for number in (eye.x, eye.y)]]
        if last - first < _OBSERVE_AT_MOST_S and not np.any(np.isfinite(gaze) & (gaze != 0.0)):
            return  # nobody sits before the tracker yet: units cannot be checked
        self._waiting = []
        self._layout = layout
        self._keep(values, stamps)

    def _keep(self, values: NDArray[np.float64], stamps: NDArray[np.float64]) -> None:
        assert self._layout is not None
        chunk = samples_from_channels(values, stamps, stamps + self._offset_s, self._layout, self._geometry)
        with self._lock:
            self._chunks.append(chunk)
            while self._chunks[0].time_raw[-1] < stamps[-1] - KEPT_S:
                self.dropped_samples += len(self._chunks.popleft())
            if not self._recent:
                self._recent_first = float(stamps[0])
            self._recent.append((float(stamps[-1]), len(stamps)))
            while len(self._recent) > 2 and self._recent[0][0] < stamps[-1] - _RATE_WINDOW_S:
                # What stays is counted from the last stamp that went: one interval more than samples, less one.
                self._recent_first = self._recent.popleft()[0]
                self._recent[0] = (self._recent[0][0], self._recent[0][1] + 1)


def join_samples(chunks: Sequence[GazeSamples]) -> GazeSamples:
    """Chunks of one stream as one; no chunks give no samples and no eyes."""
    if not chunks:
        return GazeSamples(np.empty(0), np.empty(0), {})
    eyes = {
        eye: EyeSamples(
            np.concatenate([chunk.eyes[eye].norm for chunk in chunks]),
            np.concatenate([chunk.eyes[eye].valid for chunk in chunks]),
            np.concatenate([chunk.eyes[eye].pupil for chunk in chunks]),
        )
        for eye in chunks[0].eyes
    }
    frames = [chunk.frame for chunk in chunks if chunk.frame is not None]
    return GazeSamples(
        np.concatenate([chunk.time_raw for chunk in chunks]),
        np.concatenate([chunk.time_lsl for chunk in chunks]),
        eyes,
        np.concatenate(frames) if len(frames) == len(chunks) else None,
    )
