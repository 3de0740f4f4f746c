"""One stream on its way into the recording: found, opened, pulled, watched for stalls and lost frames."""

from __future__ import annotations

import queue
import threading
from collections import deque
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ctgaze_app.acquisition.clock import local_clock, lsl
from ctgaze_app.acquisition.recorder_config import StreamChoice
from ctgaze_app.acquisition.streams import VIEW_STREAM_TYPE
from ctgaze_app.acquisition.xdf_writer import XdfWriter
from ctgaze_app.errors import StreamError

CLOCK_OFFSET_EVERY_S = 5.0
STALL_S = 0.8
"""Below one second, so that the console is red within one."""

VIEW_STALL_S = 2.5
_RESOLVE_S = 1.0
_MOST_SAMPLES = 4096
_RATE_WINDOW_S = 2.0
_FRAME_TYPES = frozenset({"framenumber", "frame_number", "frame"})


def find_stream(choice: StreamChoice, wait_s: float = _RESOLVE_S) -> Any | None:
    """LSL's short description of the one stream that is meant, or None while there is none.

    Raises
    ------
    StreamError
        When several match and nothing tells them apart.
    """
    wanted = {"name": choice.name, "type": choice.type, "source_id": choice.source_id}
    terms = [f"{key}={_quoted(value)}" for key, value in wanted.items() if value]
    # With a source id the first answer will do; a name needs the whole wait, as a second of that name may answer late.
    found = lsl().resolve_bypred(" and ".join(terms), 1 if choice.source_id else 1_000, wait_s)
    if len(found) > 1:
        sources = ", ".join(sorted(f"{info.source_id() or 'no source_id'} on {info.hostname()}" for info in found))
        raise StreamError(f"{len(found)} streams have this name: {sources}", place=choice.name, remedy="choose one")
    return found[0] if found else None


class RecordedStream:
    """A stream that is searched and opened in its own thread and pulled from the recorder's loop.

    Samples pushed after LSL has connected wait in LSL's buffer (6 minutes), so a busy recorder loses none. Clock
    offsets are measured in the thread, because the first takes over half a second.
    """

    def __init__(self, choice: StreamChoice) -> None:
        self.choice = choice
        self.problem = ""
        self.is_refused = False
        self.samples = 0
        self.lost_frames: int | None = None
        self.last_stamp = self.last_arrival = float("nan")
        self.rate_hz = float("nan")
        self.stalled = False
        self.nominal_rate_hz = 0.0
        self._frame_channel: int | None = None
        self._last_frame: float | None = None
        self._stream_id: int | None = None
        self._inlet: Any = None
        self._shape: tuple[int, int] | None = None
        self._numbers: NDArray[Any] | None = None
        self._offset_s = 0.0
        self._recent: deque[tuple[float, int]] = deque()
        self._opened: queue.SimpleQueue[tuple[Any, Any]] = queue.SimpleQueue()
        self._offsets: queue.SimpleQueue[tuple[float, float]] = queue.SimpleQueue()
        self._lost = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._keep_open, name=f"stream {choice.name}", daemon=True)
        self._thread.start()

    @property
    def is_open(self) -> bool:
        """Whether LSL is connected, its description read, its clock measured and the header written."""
        return self._stream_id is not None and self._inlet is not None

    @property
    def is_ready(self) -> bool:
        """Open, and a stream with a rate has delivered."""
        return self.is_open and (self.nominal_rate_hz == 0.0 or self.samples > 0)

    @property
    def stall_after_s(self) -> float | None:
        """Silence that counts as a stall; None when none does."""
        if self.choice.stall_after_s is not None:
            return self.choice.stall_after_s
        if self.choice.type == VIEW_STREAM_TYPE:
            return VIEW_STALL_S
        if self.nominal_rate_hz > 0:
            return max(STALL_S, 3.0 / self.nominal_rate_hz)
        return STALL_S if self.choice.type.lower() == "gaze" else None

    def pull(self, writer: XdfWriter) -> list[tuple[float, str]]:
        """Write everything that has arrived; returns the strings of a string stream with their times on our clock."""
        self._take_opened(writer)
        if self._stream_id is None or self._inlet is None:
            return []
        while not self._offsets.empty():
            time_lsl, self._offset_s = self._offsets.get()
            writer.write_clock_offset(self._stream_id, time_lsl, self._offset_s)
        texts: list[tuple[float, str]] = []
        while True:
            try:
                count = self._pull_once(writer, self._stream_id, texts)
            except lsl().LostError:
                # Only a stream without a source id is ever lost for good: LSL finds the others again by itself.
                self._inlet = None
                self._lost.set()
                return texts
            if count < _MOST_SAMPLES:
                return texts

    def passed(self, time_lsl: float, now: float) -> bool:
        """Whether nothing stamped before `time_lsl` is to be expected any more."""
        if not self.is_open or self.stalled or self.last_stamp + self._offset_s >= time_lsl:
            return True
        return self.stall_after_s is None and now - time_lsl > 0.5

    def watch(self, now: float) -> bool | None:
        """True when the stream has just stalled, False when it has just come back, else None; updates the rate."""
        while self._recent and now - self._recent[0][0] > _RATE_WINDOW_S:
            self._recent.popleft()
        if len(self._recent) > 1:
            span = self._recent[-1][0] - self._recent[0][0]
            self.rate_hz = sum(count for _, count in list(self._recent)[1:]) / span if span > 0 else float("nan")
        else:
            self.rate_hz = 0.0
        limit = self.stall_after_s
        silent = limit is not None and self.samples > 0 and now - self.last_arrival > limit
        if silent == self.stalled:
            return None
        self.stalled = silent
        return silent

    def status(self, now: float) -> dict[str, Any]:
        """What the console shows of this stream."""
        state = "stalled" if self.stalled else "open" if self.is_open else "searching"
        age = now - self.last_stamp - self._offset_s
        return {
            "name": self.choice.name,
            "type": self.choice.type,
            "source_id": self.choice.source_id,
            "state": state,
            "samples": self.samples,
            "last_stamp_age_s": round(age, 4) if np.isfinite(age) else None,
            "rate_hz": round(self.rate_hz, 2) if np.isfinite(self.rate_hz) else None,
            "nominal_rate_hz": self.nominal_rate_hz,
            "lost_frames": self.lost_frames,
            "clock_offset_s": self._offset_s,
        }

    def stop(self) -> None:
        """Tell the thread to end; it may be in a search of one second."""
        self._stopping.set()
        self._lost.set()

    def join(self) -> None:
        """Wait for the thread and leave the stream."""
        self._thread.join(_RESOLVE_S + 0.5)
        self._inlet = None

    def _keep_open(self) -> None:
        """Thread: find, connect, describe, measure the clock; then measure it every five seconds, until it is lost."""
        pylsl = lsl()
        while not self._stopping.is_set():
            try:
                found = find_stream(self.choice)
                if found is None:
                    continue
                inlet = pylsl.StreamInlet(found, max_buflen=360, recover=True, processing_flags=pylsl.proc_none)
                inlet.open_stream(5.0)
                info = inlet.info(5.0)
                offset = (local_clock(), inlet.time_correction(5.0))
            except StreamError as error:
                self.problem, self.is_refused = str(error), True
                return
            except (TimeoutError, RuntimeError) as error:
                self.problem = f"does not answer: {type(error).__name__}"
                self._stopping.wait(0.2)
                continue
            self.problem = ""
            self._lost.clear()
            self._offsets.put((offset[0], offset[1]))
            self._opened.put((inlet, info))
            while not self._lost.wait(CLOCK_OFFSET_EVERY_S):
                try:
                    self._offsets.put((local_clock(), inlet.time_correction(2.0)))
                except (TimeoutError, RuntimeError):
                    continue
            del inlet, info

    def _take_opened(self, writer: XdfWriter) -> None:
        if self._opened.empty():
            return
        self._inlet, info = self._opened.get()
        shape = (info.channel_count(), info.channel_format())
        if self._stream_id is None or shape != self._shape:
            self._stream_id = writer.add_stream(info.as_xml())
            self._shape = shape
        self.nominal_rate_hz = float(info.nominal_srate())
        self._numbers = None
        if self._inlet.np_dtype is not None:
            self._numbers = np.empty((_MOST_SAMPLES, info.channel_count()), dtype=self._inlet.np_dtype)
        self._frame_channel = _frame_channel(info)
        self._last_frame = None
        if self._frame_channel is not None and self.lost_frames is None:
            self.lost_frames = 0

    def _pull_once(self, writer: XdfWriter, stream_id: int, texts: list[tuple[float, str]]) -> int:
        if self._numbers is None:
            # Raw bytes, because another program's text that is no UTF-8 must not end the recording.
            raw, stamps = self._inlet.pull_chunk(0.0, _MOST_SAMPLES, as_numpy=True)
            rows: Any = [[value.decode("utf-8", errors="replace") for value in row] for row in raw]
            texts += [(stamp + self._offset_s, row[0]) for stamp, row in zip(stamps, rows, strict=True)]
        else:
            rows, stamps = self._inlet.pull_chunk(0.0, _MOST_SAMPLES, dest_obj=self._numbers, as_numpy=True)
            if self._frame_channel is not None and len(stamps):
                self._count_lost(rows[:, self._frame_channel])
        count = len(stamps)
        if count:
            writer.write_samples(stream_id, stamps, rows)
            self.samples += count
            self.last_stamp = float(stamps[-1])
            self.last_arrival = local_clock()
            self._recent.append((self.last_arrival, count))
        return count

    def _count_lost(self, frames: NDArray[Any]) -> None:
        numbers = frames.astype(np.float64)
        before = numbers[:1] if self._last_frame is None else np.array([self._last_frame])
        steps = np.diff(np.concatenate([before, numbers]))
        # A counter that steps back has started anew: nothing can be said about what lies between.
        self.lost_frames = (self.lost_frames or 0) + int(np.sum(steps[steps > 1] - 1))
        self._last_frame = float(numbers[-1])


def _frame_channel(info: Any) -> int | None:
    """The channel that counts frames, by its type or label."""
    for texts in (info.get_channel_types(), info.get_channel_labels()):
        for number, text in enumerate(texts or []):
            if (text or "").lower() in _FRAME_TYPES:
                return number
    return None


def _quoted(value: str) -> str:
    """A string in LSL's query language, which has no escapes.

    Raises
    ------
    StreamError
        When it holds both kinds of quotes.
    """
    quote = '"' if "'" in value else "'"
    if quote in value:
        raise StreamError("a stream's name with both kinds of quotes cannot be searched", place=value)
    return f"{quote}{value}{quote}"
