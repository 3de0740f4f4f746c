"""Listens to the application's own markers and views, wherever in the run they appear or come back."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any

from ctgaze_app.acquisition.clock import lsl
from ctgaze_app.acquisition.streams import MARKER_STREAM_NAME, parse_marker
from ctgaze_app.gaze.views import VIEW_CHANNELS, VIEW_STREAM_NAME, PaintedView

_LOOK_EVERY_S = 0.15
_OPEN_WITHIN_S = 2.0


@dataclass
class Heard:
    """What arrived since the last look: markers and views with their stamps (LSL seconds), and newly found streams."""

    markers: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    views: list[tuple[float, PaintedView]] = field(default_factory=list)
    newly_followed: list[str] = field(default_factory=list)


class SessionListener:
    """Follows every `CTGaze Markers` and `CTGaze View` stream of this LSL session, or only those with given source_ids.

    A thread finds and opens the streams; `poll` never waits. The streams are on this machine, so their stamps are on
    our clock already. An application that starts again has new streams, which are followed as well.
    """

    def __init__(self, *, markers_source_id: str = "", view_source_id: str = "") -> None:
        self._wanted = {MARKER_STREAM_NAME: markers_source_id, VIEW_STREAM_NAME: view_source_id}
        self._found: SimpleQueue[tuple[str, str, Any]] = SimpleQueue()
        self._lost: SimpleQueue[str] = SimpleQueue()
        self._inlets: dict[str, tuple[str, Any]] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._find, name="stream finder", daemon=True)
        self._thread.start()

    def poll(self) -> Heard:
        """Everything that has arrived; does not wait."""
        heard = Heard()
        while True:
            try:
                uid, name, inlet = self._found.get_nowait()
            except Empty:
                break
            self._inlets[uid] = (name, inlet)
            heard.newly_followed.append(name)
        lost_error = lsl().util.LostError
        for uid, (name, inlet) in list(self._inlets.items()):
            try:
                samples, stamps = inlet.pull_chunk(timeout=0.0, max_samples=256)
            except lost_error:
                del self._inlets[uid]
                self._lost.put(uid)
                continue
            for sample, stamp in zip(samples, stamps, strict=True):
                self._take(heard, name, sample, stamp)
        return heard

    def close(self) -> None:
        """Stop following; joins the thread."""
        self._stop.set()
        self._thread.join()
        for _, inlet in self._inlets.values():
            inlet.close_stream()
        self._inlets.clear()

    @staticmethod
    def _take(heard: Heard, name: str, sample: Any, stamp: float) -> None:
        if name == VIEW_STREAM_NAME:
            # A number that is none (NaN as a counter) makes no view; the next repetition tells where the image is.
            with contextlib.suppress(ValueError, OverflowError):
                heard.views.append((stamp, PaintedView.from_sample(sample)))
            return
        fields = parse_marker(sample[0])
        if fields is not None:
            heard.markers.append((stamp, fields))

    def _find(self) -> None:
        pylsl = lsl()
        predicate = " or ".join(f"name='{name}'" for name in self._wanted)
        resolver = pylsl.ContinuousResolver(pred=predicate)
        known: set[str] = set()
        while not self._stop.wait(_LOOK_EVERY_S):
            while not self._lost.empty():
                known.discard(self._lost.get())
            for info in resolver.results():
                name, uid = info.name(), info.uid()
                expected_channels = len(VIEW_CHANNELS) if name == VIEW_STREAM_NAME else 1
                wrong = self._wanted[name] not in ("", info.source_id()) or info.channel_count() != expected_channels
                if uid in known or wrong:
                    continue
                inlet = pylsl.StreamInlet(info, max_buflen=60, recover=False)
                try:
                    inlet.open_stream(timeout=_OPEN_WITHIN_S)
                except (pylsl.util.TimeoutError, pylsl.util.LostError):
                    continue
                known.add(uid)
                self._found.put((uid, name, inlet))
