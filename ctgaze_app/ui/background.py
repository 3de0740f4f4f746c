"""Work off the GUI thread: one function, its progress, its result or its one-line failure."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, Qt, Signal

from ctgaze_app.errors import CTGazeError

Progress = Callable[[int, int], None]


class BackgroundJob(QObject):
    """Runs ``work(progress, cancelled)`` in a thread; signals arrive in the thread that made the job.

    `succeeded` carries the result, `failed` one line; after `cancel()` neither is emitted.
    """

    progressed = Signal(int, int)
    succeeded = Signal(object)
    failed = Signal(str)
    _ended = Signal(object, str)

    def __init__(self, work: Callable[[Progress, Callable[[], bool]], Any], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._work = work
        self._cancel = threading.Event()
        self._last_reported = -1
        self._thread = threading.Thread(target=self._run, name="ctgaze-job")
        self._ended.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    def start(self) -> None:
        """Begin; call once."""
        self._thread.start()

    def cancel(self) -> None:
        """Ask the work to stop and wait for it."""
        self._cancel.set()
        if self._thread.is_alive():
            self._thread.join()

    def _progress(self, done: int, total: int) -> None:
        percent = int(100 * done / total) if total else 0
        if percent != self._last_reported:
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
        self._ended.emit(result, problem)

    def _deliver(self, result: Any, problem: str) -> None:
        self._thread.join()
        if self._cancel.is_set():
            return
        if problem:
            self.failed.emit(problem)
        else:
            self.succeeded.emit(result)
