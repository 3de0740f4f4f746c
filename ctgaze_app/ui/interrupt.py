"""Ctrl+C in the terminal that started a window: a request to the event loop, never an exception inside a Qt event."""

from __future__ import annotations

import signal
from types import FrameType

from PySide6.QtCore import QObject, QTimer, Signal

LOOK_MS = 200


class InterruptWatch(QObject):
    """Emits `interrupted` in the event loop after Ctrl+C, from its making until `close`.

    Python runs a signal's handler only between its own instructions; the timer makes sure that there are some.
    """

    interrupted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._asked = False
        self._before = signal.signal(signal.SIGINT, self._ask)
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK_MS)
        self._timer.timeout.connect(self._deliver)
        self._timer.start()

    def close(self) -> None:
        """Give Ctrl+C back to whoever had it."""
        self._timer.stop()
        signal.signal(signal.SIGINT, self._before)

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        self._asked = True

    def _deliver(self) -> None:
        if self._asked:
            self._asked = False
            self.interrupted.emit()
