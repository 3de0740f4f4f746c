"""The parent's end of a built-in tracker: starts it as a process of its own, watches it without waiting, stops it."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections import deque
from typing import IO, Literal

from ctgaze_app.acquisition.clock import SESSION_VARIABLE, configure_lsl
from ctgaze_app.acquisition.trackers.options import TrackerKind, TrackerOptions
from ctgaze_app.errors import StreamError

State = Literal["starting", "ready", "closed", "failed"]
LINGER_S = 1.0
_COMMANDS: dict[str, str] = {"simulate": "simulate", "mouse": "simulate", "replay": "replay"}


class TrackerProcess:
    """One built-in tracker running in a child process, ended by it whenever this process ends.

    Attributes
    ----------
    name, source_id
        Of its LSL stream, once `poll` says `ready`.
    following
        Names of our own streams that the simulated reader follows by now.
    frames
        Frames sent in all, once `closed`.
    error
        Why it `failed`, one line.
    """

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._state: State = "starting"
        self._lines: deque[bytes] = deque()
        self._complaints: deque[bytes] = deque(maxlen=20)
        self.name = ""
        self.source_id = ""
        self.following: set[str] = set()
        self.frames: int | None = None
        self.error = ""
        assert process.stdout is not None and process.stderr is not None
        self._threads = [
            threading.Thread(target=_read_lines, args=(stream, lines), name="tracker output", daemon=True)
            for stream, lines in ((process.stdout, self._lines), (process.stderr, self._complaints))
        ]
        for thread in self._threads:
            thread.start()

    @classmethod
    def start(cls, kind: TrackerKind, options: TrackerOptions) -> TrackerProcess:
        """Start a tracker; returns at once, in state `starting`. The child lives in this process's LSL session."""
        session = configure_lsl()
        arguments = options.model_copy(update={"stop_on_eof": True}).to_arguments()
        process = subprocess.Popen(
            [sys.executable, "-m", "ctgaze_app", "tracker", _COMMANDS[kind], "--json", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, SESSION_VARIABLE: session},
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        return cls(process)

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._process.pid

    def poll(self) -> State:
        """The state by now; does not wait."""
        ended = self._process.poll() is not None
        if ended:
            for thread in self._threads:
                thread.join()
        while self._lines:
            self._take(self._lines.popleft())
        if ended and self._state in ("starting", "ready"):
            self._state = "failed"
            said = b" ".join(self._complaints).decode("utf-8", "replace").strip()
            self.error = said.removeprefix("ctgaze: ") or f"the tracker ended with code {self._process.returncode}"
        return self._state

    def wait_ready(self, timeout_s: float = 20.0) -> None:
        """Wait until the stream exists (not on the GUI thread).

        Raises
        ------
        StreamError
            When the tracker fails or takes longer.
        """
        deadline = time.monotonic() + timeout_s
        while self.poll() == "starting":
            if time.monotonic() > deadline:
                raise StreamError(f"the tracker was not ready within {timeout_s:g} s", place="tracker")
            time.sleep(0.02)
        if self._state == "failed":
            raise StreamError(self.error, place="tracker")

    def stop(self, timeout_s: float = 5.0) -> State:
        """Ask it to end, wait for it, kill it when it does not within `timeout_s`; returns the last state.

        Once it has said `closed`, everything is sent and written: then it gets only `LINGER_S` to withdraw its stream.
        """
        self._close_stdin()
        deadline = time.monotonic() + timeout_s
        while self._process.poll() is None and time.monotonic() < deadline:
            if self.poll() == "closed":
                deadline = min(deadline, time.monotonic() + LINGER_S)
                self._wait(deadline - time.monotonic())
            else:
                self._wait(0.02)
        if self._process.poll() is None:
            self._process.kill()
        return self._finish()

    def kill(self) -> State:
        """End it at once, as if its tracker had died; returns the last state."""
        self._process.kill()
        return self._finish()

    def _wait(self, seconds: float) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(max(0.0, seconds))

    def _finish(self) -> State:
        self._process.wait()
        state = self.poll()
        self._close_stdin()
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()
        return state

    def __enter__(self) -> TrackerProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _close_stdin(self) -> None:
        if self._process.stdin is not None and not self._process.stdin.closed:
            try:
                self._process.stdin.close()
            except OSError:
                return  # the child has gone already, which is what closing asks for

    def _take(self, line: bytes) -> None:
        try:
            report = json.loads(line)
        except ValueError:
            return
        state = report.get("state") if isinstance(report, dict) else None
        if state == "ready":
            self.name, self.source_id, self._state = report["name"], report["source_id"], "ready"
        elif state == "following":
            self.following.add(report["stream"])
        elif state == "closed":
            self.frames, self._state = report["frames"], "closed"


def _read_lines(stream: IO[bytes], lines: deque[bytes]) -> None:
    for line in stream:
        lines.append(line.strip())
