"""Work off the GUI thread: one function, its progress, its result or its one-line failure."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, Qt, Signal

from ctgaze_app.errors import CTGazeError

Progress = Callable[[int, int], None]

_leaving: set[BackgroundJob] = set()
"""Jobs told to stop whose thread still runs: they outlive the page that wanted them."""


class BackgroundJob(QObject):
    """Runs ``work(progress, cancelled)`` in a thread; signals arrive in the thread that made the job.

    `succeeded` carries the result, `failed` one line; after `cancel()` or `leave()` neither is emitted.

    Parameters
    ----------
    work
        Called in the thread.
    let_go
        Called with a result that came too late, after `cancel()` or `leave()`, so that nothing it holds stays open.
    """

    progressed = Signal(int, int)
    succeeded = Signal(object)
    failed = Signal(str)
    _ended = Signal(object, str)

    def __init__(
        self,
        work: Callable[[Progress, Callable[[], bool]], Any],
        parent: QObject | None = None,
        *,
        let_go: Callable[[Any], None] | None = None,
    ) -> None:
        super().__init__(parent)
        self._work, self._let_go = work, let_go
        self._cancel = threading.Event()
        self._last_reported = -1
        self._thread = threading.Thread(target=self._run, name="ctgaze-job")
        self._ended.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    def start(self) -> None:
        """Begin; call once."""
        self._thread.start()

    def cancel(self) -> None:
        """Ask the work to stop and wait for it."""
        self.leave()
        self.join()
        _leaving.discard(self)

    def join(self) -> None:
        """Wait for the work to end, from whatever thread."""
        if self._thread.is_alive():
            self._thread.join()

    def leave(self) -> None:
        """Ask the work to stop and wait for nothing; it ends by itself."""
        self._cancel.set()
        if self._thread.is_alive():
            self.setParent(None)
            _leaving.add(self)

    def _progress(self, done: int, total: int) -> None:
        percent = int(100 * done / total) if total else 0
        if percent != self._last_reported and not self._cancel.is_set():
            self._last_reported = percent
            self.progressed.emit(done, total)

    def _run(self) -> None:
        result: Any = None
        problem = ""
        try:
            result = self._work(self._progress, self._cancel.is_set)
        except CTGazeError as error:
            problem = str(error)
        except Exception as error:  # noqa: BLE001 - a thread's failure must reach the screen, whatever it is
            problem = f"unexpected {type(error).__name__}: {error}"
        if self._cancel.is_set() and not problem and self._let_go is not None:
            self._let_go(result)
            result = None
        self._ended.emit(result, problem)

    def _deliver(self, result: Any, problem: str) -> None:
        self._thread.join()
        _leaving.discard(self)
        if self._cancel.is_set():
            if result is not None and self._let_go is not None:
                # Cancelled after the work was done and before it was handed over.
                threading.Thread(target=self._let_go, args=(result,), name="ctgaze-job").start()
            return
        if problem:
            self.failed.emit(problem)
        else:
            self.succeeded.emit(result)


def wait_for_left_jobs() -> None:
    """Wait for every job that was left, before the application ends."""
    for job in tuple(_leaving):
        job.cancel()
