"""The application's side of the recorder process: start it, hear it, stop it. Never blocks unless asked to wait."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
from collections import deque
from typing import IO, Any

from ctgaze_app.acquisition.clock import configure_lsl
from ctgaze_app.acquisition.recorder_config import RecorderConfig

_NO_WINDOW = getattr(subprocess, "CREATE_NO_WINDOW", 0)  # only Windows has it, and only there a console would flash up


class RecorderProcess:
    """One recorder process.

    Attributes
    ----------
    ready
        Whether it records every required stream.
    last_status
        Its last status message; empty before the first.
    last_errors
        The last lines of its error output, for a fault report.
    """

    def __init__(self) -> None:
        self.ready = False
        self.last_status: dict[str, Any] = {}
        self.last_errors: deque[str] = deque(maxlen=30)
        self._process: subprocess.Popen[str] | None = None
        self._messages: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._readers: list[threading.Thread] = []
        self._ended = False
        self._death_told = False

    def start(self, config: RecorderConfig) -> None:
        """Start recording; `poll` tells what comes of it. Raises RuntimeError when it was started before."""
        if self._process is not None:
            raise RuntimeError("a recorder process starts once")
        configure_lsl()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "ctgaze_app.acquisition.recorder"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            bufsize=1,
            creationflags=_NO_WINDOW,
        )
        for target, stream in ((self._hear, self._process.stdout), (self._hear_errors, self._process.stderr)):
            reader = threading.Thread(target=target, args=(stream,), name="recorder output", daemon=True)
            reader.start()
            self._readers.append(reader)
        self._send(config.model_dump_json())

    def poll(self) -> list[dict[str, Any]]:
        """Everything it has said since the last call; ends with ``{"state": "died"}`` when it ended unasked."""
        messages: list[dict[str, Any]] = []
        alive = self.alive
        if not alive:
            for reader in self._readers:
                reader.join(1.0)
        while not self._messages.empty():
            messages.append(self._messages.get())
        for message in messages:
            state = message.get("state")
            if state == "ready":
                self.ready = True
            elif state == "status":
                self.last_status = message
            elif state == "closed":
                self._ended = True
        if self._process is not None and not alive:
            self.ready = False
            if not self._ended and not self._death_told:
                self._death_told = True
                messages.append({"state": "died", "returncode": self._process.returncode})
            self._release()
        return messages

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int | None:
        """Its process id, None before `start`."""
        return self._process.pid if self._process else None

    def stop(self, until_lsl: float | None = None) -> None:
        """Ask it to record up to `until_lsl` (default: now), close and end; `poll` then tells `closed`."""
        self._send(json.dumps({"cmd": "stop", "until_lsl": until_lsl}))

    def wait(self, timeout_s: float) -> bool:
        """Wait for its end; False when it still runs."""
        if self._process is None:
            return True
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return False
        return True

    def kill(self) -> None:
        """End it at once; what it has flushed stays."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(5.0)
            self.poll()

    def _send(self, line: str) -> None:
        if self._process is None or self._process.stdin is None:
            return
        try:
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()
        except (OSError, ValueError):
            # It has died; `poll` says so.
            return

    def _release(self) -> None:
        assert self._process is not None
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream is not None:
                try:
                    stream.close()
                except OSError:
                    # A dead child's pipe may refuse what was still buffered for it.
                    continue

    def _hear(self, stream: IO[str]) -> None:
        for line in stream:
            try:
                message = json.loads(line)
            except json.JSONDecodeError:
                self.last_errors.append(line.rstrip())
                continue
            if isinstance(message, dict):
                self._messages.put(message)

    def _hear_errors(self, stream: IO[str]) -> None:
        for line in stream:
            self.last_errors.append(line.rstrip())
