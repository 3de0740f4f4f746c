"""Reads stored predictions whole while their layers are visible, one after the other in a thread. No widget."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from PySide6.QtCore import QObject, Signal

from ctgaze_app.study.stored_predictions import StoredPrediction, load_prediction
from ctgaze_app.ui.background import BackgroundJob, Progress
from models.errors import Cancelled
from models.predictions import Prediction

KEPT_BYTES = 512 << 20
"""Of arrays while some of their layers are hidden, so that an eye can be switched to and fro without a wait."""
TELL_AFTER_S = 0.3


class LayerLoading(QObject):
    """What is loaded, by the key of its layer.

    Signals
    -------
    loaded(str), failed(str, str)
        Key; with the one line that says why not.
    stepped()
        `words` says something else.
    """

    loaded = Signal(str)
    failed = Signal(str, str)
    stepped = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.found: dict[str, Prediction] = {}
        self._sources: dict[str, StoredPrediction] = {}
        self._wanted: tuple[str, ...] = ()
        self._job: BackgroundJob | None = None
        self._key = self._words = ""
        self._began_s = 0.0

    @property
    def busy(self) -> bool:
        """Whether something is being loaded or waits for it."""
        return self._job is not None

    def words(self, key: str) -> str:
        """That a layer is being loaded, and how far it is; empty while that is not worth saying."""
        return self._words if key == self._key else ""

    def want(self, wanted: tuple[str, ...], listed: Mapping[str, StoredPrediction]) -> None:
        """Load what is wanted and is not there; let go of what is not listed, or hidden and too much.

        Parameters
        ----------
        wanted
            Keys of the visible layers, the most urgent first.
        listed
            The predictions of all layers.
        """
        changed = {key for key, source in self._sources.items() if not _same(source, listed.get(key))}
        self._sources, self._wanted = dict(listed), wanted
        for key in changed:
            self.found.pop(key, None)
        self._let_go_of_hidden()
        if self._job is not None and (self._key not in wanted or self._key in changed):
            self._stop()
        self._go_on()

    def close(self) -> None:
        """Stop and forget; a thread that reads ends by itself, at its next piece."""
        self._stop()
        self.found, self._sources, self._wanted = {}, {}, ()

    def _let_go_of_hidden(self) -> None:
        """Those loaded first go first."""
        size = sum(size_of(self._sources[key]) for key in self.found)
        for key in [key for key in self.found if key not in self._wanted]:
            if size > KEPT_BYTES:
                size -= size_of(self._sources[key])
                del self.found[key]

    def _go_on(self) -> None:
        key = next((key for key in self._wanted if key not in self.found), "")
        if self._job is not None or not key:
            return
        source = self._sources[key]

        def work(progress: Progress, cancelled: Callable[[], bool]) -> Prediction | None:
            try:
                return load_prediction(source, progress=progress, cancelled=cancelled)
            except Cancelled:
                return None

        self._key, self._began_s = key, time.monotonic()
        self._job = BackgroundJob(work, self)
        self._job.progressed.connect(self._told)
        self._job.succeeded.connect(self._have)
        self._job.failed.connect(self._have_not)
        self._job.start()

    def _told(self, done: int, total: int) -> None:
        # One that was left may have told its last on the way here.
        if self.sender() is self._job and time.monotonic() - self._began_s > TELL_AFTER_S:
            self._words = f"loading, {100 * done // max(total, 1)} %"
            self.stepped.emit()

    def _have(self, prediction: Prediction) -> None:
        key = self._key
        self._end()
        self.found[key] = prediction
        self._let_go_of_hidden()
        self.loaded.emit(key)
        self._go_on()

    def _have_not(self, line: str) -> None:
        key = self._key
        self._end()
        self._wanted = tuple(one for one in self._wanted if one != key)
        self.failed.emit(key, line)
        self._go_on()

    def _stop(self) -> None:
        if self._job is not None:
            self._job.leave()
        self._end()

    def _end(self) -> None:
        self._job = None
        self._key = self._words = ""


def _same(one: StoredPrediction, other: StoredPrediction | None) -> bool:
    return other is not None and (one.path, one.stamp) == (other.path, other.stamp)


def size_of(stored: StoredPrediction) -> int:
    """Bytes that it takes when it is loaded."""
    return stored.head.size_bytes if stored.head is not None else 0
