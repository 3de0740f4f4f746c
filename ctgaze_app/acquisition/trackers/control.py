"""How a tracker process is told to end: its time is up, a line on stdin, or the end of stdin (the parent is gone)."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable
from typing import Any

Report = Callable[[dict[str, Any]], None]
"""Called with each state of a tracker process, in the order of happening."""


class StopSignal:
    """Becomes true once the tracker should end; `wait` sleeps, but no longer than that."""

    def __init__(self, *, seconds: float | None = None, stop_on_eof: bool = False) -> None:
        self._event = threading.Event()
        self._deadline = None if seconds is None else time.monotonic() + seconds
        if stop_on_eof:
            threading.Thread(target=self._read_stdin, name="stdin", daemon=True).start()

    @property
    def stopped(self) -> bool:
        """Whether the tracker should end now."""
        return self._event.is_set() or (self._deadline is not None and time.monotonic() >= self._deadline)

    def stop(self) -> None:
        """End now."""
        self._event.set()

    def wait(self, seconds: float) -> None:
        """Sleep for `seconds`, or until told to stop."""
        self._event.wait(seconds)

    def _read_stdin(self) -> None:
        # Not sys.stdin: a thread blocked in it holds its lock when the interpreter ends, which aborts the process.
        pending = b""
        while True:
            try:
                data = os.read(0, 4096)
            except OSError:
                data = b""
            if not data:
                break
            *lines, pending = (pending + data).split(b"\n")
            if any(_is_stop(line) for line in lines):
                break
        self._event.set()


def _is_stop(line: bytes) -> bool:
    try:
        command = json.loads(line)
    except ValueError:
        return False
    return isinstance(command, dict) and command.get("cmd") == "stop"
