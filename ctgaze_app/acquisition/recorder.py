"""The recorder: its own process, so that nothing the application does can stall or kill a recording.

Started as ``python -m ctgaze_app.acquisition.recorder``; `recorder_process.RecorderProcess` does that. The first line
on its input is a `RecorderConfig` as JSON; then commands, ``{"cmd": "stop", "until_lsl": t}``; the end of the input
means that the application is gone: it stops at once, with everything written. It answers one JSON object a line, with
`state`: waiting, ready, status (twice a second), fault (with `kind`, `message`, `over`), audio_started, audio_closed,
audio_packed, closed, failed.
"""

from __future__ import annotations

import json
import os
import queue
import shutil
import signal
import sys
import threading
import time
from typing import Any

from pydantic import ValidationError

from ctgaze_app.acquisition.clock import configure_lsl, local_clock
from ctgaze_app.acquisition.recorded_stream import RecordedStream
from ctgaze_app.acquisition.recorder_config import RecorderConfig, RunningTrial, StreamChoice
from ctgaze_app.acquisition.recorder_process import RecorderProcess
from ctgaze_app.acquisition.streams import parse_marker
from ctgaze_app.acquisition.trial_sound import TrialSound
from ctgaze_app.acquisition.xdf_writer import XdfWriter
from ctgaze_app.errors import CTGazeError

__all__ = ["Recorder", "RecorderConfig", "RecorderProcess", "RunningTrial", "StreamChoice", "main"]

LOOP_S = 0.05
STATUS_EVERY_S = 0.5
DISK_EVERY_S = 2.0
DISK_NEARLY_FULL_BYTES = 500_000_000
STOP_GRACE_S = 2.0
_LOSE_AFTER_BYTES = 512 * 1024 * 1024


class Recorder:
    """The loop: pull every stream, write, watch, report.

    Raises
    ------
    OSError
        When the recording cannot be created (it exists already, or the folder refuses).
    """

    def __init__(self, config: RecorderConfig) -> None:
        self.config = config
        self.ready = False
        self.messages: list[dict[str, Any]] = []
        self._writer = XdfWriter(config.xdf_path)
        self._streams = [RecordedStream(choice) for choice in config.streams]
        self._sound = None
        if config.audio is not None:
            self._sound = TrialSound(config.audio, config.dictation_folder, config.part)
        self._running = config.running_trial
        self._faults: set[str] = set()
        self._status_at = self._disk_at = float("-inf")
        self._disk_free = shutil.disk_usage(config.xdf_path.parent).free

    def turn(self) -> None:
        """One round; about every 50 ms."""
        now = local_clock()
        for stream in self._streams:
            for stamp, text in stream.pull(self._writer):
                if stream.choice.name == self.config.markers_name:
                    self._follow(stamp, text)
            self._watch(stream, now)
        if self._sound is not None:
            self._sound.pull(self._writer)
            self._mark_fault("microphone_lost", self._sound.problem, "the microphone is back")
            self.messages += self._drain_sound()
        self._write(now)
        if now - self._disk_at >= DISK_EVERY_S:
            self._disk_at = now
            self._disk_free = shutil.disk_usage(self.config.xdf_path.parent).free
            low = self._disk_free < DISK_NEARLY_FULL_BYTES
            text = f"the disk is nearly full: {self._disk_free // 1_000_000} MB are left" if low else ""
            self._mark_fault("disk_nearly_full", text, "the disk has room again")
        if not self.ready:
            self._become_ready(now)
        if now - self._status_at >= STATUS_EVERY_S:
            self._status_at = now
            self.messages.append(self._status(now))

    def passed(self, time_lsl: float) -> bool:
        """Whether everything up to this time is written."""
        now = local_clock()
        sound = self._sound is None or self._sound.passed(time_lsl)
        return sound and all(stream.passed(time_lsl, now) for stream in self._streams)

    def close(self) -> dict[str, Any]:
        """Take what is left, write footers, pack the sound; returns the last message."""
        for stream in self._streams:
            stream.pull(self._writer)
        now = local_clock()
        counts = [stream.status(now) for stream in self._streams]
        if self._sound is not None:
            self._sound.pull(self._writer)
        self._writer.close()
        files: list[dict[str, Any]] = []
        if self._sound is not None:
            self._sound.close()
            self.messages += self._drain_sound()
            files = self._sound.files
        for stream in self._streams:
            stream.stop()
        return {"state": "closed", "time_lsl": now, "last_lsl": now, "streams": counts, "audio_files": files}

    def leave(self) -> None:
        """Wait for the threads, when everything is said."""
        for stream in self._streams:
            stream.join()

    def _follow(self, stamp: float, text: str) -> None:
        marker = parse_marker(text)
        if marker is None or self._sound is None:
            return
        if marker["event"] == "trial_start":
            self._sound.start(int(marker["trial"]), str(marker.get("dictation", "")), stamp)
        elif marker["event"] == "trial_end":
            self._sound.end(stamp)

    def _watch(self, stream: RecordedStream, now: float) -> None:
        change = stream.watch(now)
        if change is not None:
            message = f"{stream.choice.name} {'delivers nothing' if change else 'is back'}"
            kind = "stream_stalled" if change else "stream_back"
            self.messages.append(
                {
                    "state": "fault",
                    "kind": kind,
                    "over": not change,
                    "name": stream.choice.name,
                    "time_lsl": now,
                    "message": message,
                }
            )

    def _write(self, now: float) -> None:
        try:
            self._writer.tick(now)
        except OSError as error:
            if self._writer.pending_bytes > _LOSE_AFTER_BYTES:
                raise
            reason = error.strerror or type(error).__name__
            self._mark_fault("write_error", f"the recording cannot be written: {reason}; it waits in memory", "")
        else:
            self._mark_fault("write_error", "", "the recording is written again")

    def _mark_fault(self, kind: str, problem: str, back: str) -> None:
        if bool(problem) == (kind in self._faults):
            return
        self._faults ^= {kind}
        self.messages.append(
            {"state": "fault", "kind": kind, "over": not problem, "time_lsl": local_clock(), "message": problem or back}
        )

    def _become_ready(self, now: float) -> None:
        refused = [stream.problem for stream in self._streams if stream.problem and stream.is_refused]
        if refused:
            raise CTGazeError(refused[0])
        waiting = [stream.choice.name for stream in self._streams if stream.choice.required and not stream.is_ready]
        # Without sound required, a microphone that fails does not hold the session up; one that is starting does.
        if (
            self._sound is not None
            and not self._sound.is_ready
            and (self.config.audio_required or not self._sound.problem)
        ):
            waiting.append("sound")
        if waiting:
            if now - self._status_at >= STATUS_EVERY_S:
                self.messages.append({"state": "waiting", "missing": waiting})
            return
        self.ready = True
        self.messages.append(
            {"state": "ready", "time_lsl": now, "streams": [stream.status(now) for stream in self._streams]}
        )
        if self._running is not None and self._sound is not None:
            self._sound.start(self._running.trial, self._running.stem, now)

    def _status(self, now: float) -> dict[str, Any]:
        return {
            "state": "status",
            "time_lsl": now,
            "ready": self.ready,
            "streams": [stream.status(now) for stream in self._streams],
            "audio": self._sound.status() if self._sound else None,
            "disk_free_bytes": self._disk_free,
            "pending_bytes": self._writer.pending_bytes,
        }

    def _drain_sound(self) -> list[dict[str, Any]]:
        assert self._sound is not None
        drained = list(self._sound.messages)
        del self._sound.messages[: len(drained)]
        return drained


def main() -> int:
    """Entry of the child process; returns its exit code: 0 closed, 1 failed."""
    # Ctrl+C in a terminal reaches every process in it; the application closes its recorder in order, through stdin.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    threading.Thread(target=_read_input, args=(lines,), name="commands", daemon=True).start()
    first = lines.get()
    if first is None:
        return 1
    try:
        config = RecorderConfig.model_validate_json(first)
    except ValidationError as error:
        wrong = error.errors()[0]
        return _fail(f"{'.'.join(map(str, wrong['loc']))}: {wrong['msg']}")
    configure_lsl()
    try:
        recorder = Recorder(config)
    except FileExistsError:
        return _fail("the recording exists already; nothing was overwritten")
    except OSError as error:
        return _fail(f"the recording cannot be created: {error.strerror}")
    try:
        _record(recorder, lines)
    except CTGazeError as error:
        recorder.close()
        return _fail(str(error))
    except OSError as error:
        recorder.close()
        # Its text would name the file's path, and this line goes to markers and journal.
        return _fail(f"the recording cannot be written: {error.strerror or type(error).__name__}")
    return 0


def _fail(message: str) -> int:
    _say({"state": "fault", "kind": "recorder", "over": False, "message": message})
    _say({"state": "failed", "message": message})
    return 1


def _record(recorder: Recorder, lines: queue.SimpleQueue[str | None]) -> None:
    until_lsl: float | None = None
    deadline = float("inf")
    listening = True
    while time.monotonic() < deadline:
        recorder.turn()
        messages, recorder.messages = recorder.messages, []
        listening = all(_say(message) for message in messages) and listening
        if not listening or (until_lsl is not None and recorder.passed(until_lsl)):
            break
        while not lines.empty():
            line = lines.get()
            if line is None:
                listening = False
                continue
            command = _parse_command(line)
            if command.get("cmd") == "stop" and until_lsl is None:
                until_lsl = float(command.get("until_lsl") or local_clock())
                deadline = time.monotonic() + STOP_GRACE_S
        if listening:
            time.sleep(LOOP_S)
    closed = recorder.close()
    for message in [*recorder.messages, closed]:
        _say(message)
    recorder.leave()


def _parse_command(line: str) -> dict[str, Any]:
    try:
        command = json.loads(line)
    except json.JSONDecodeError:
        return {}
    return command if isinstance(command, dict) else {}


def _read_input(lines: queue.SimpleQueue[str | None]) -> None:
    """Thread: input lines into the queue, None at the end. Raw reads, as a buffered one would block the exit."""
    rest = b""
    while True:
        try:
            data = os.read(0, 65_536)
        except OSError:
            data = b""
        if not data:
            lines.put(None)
            return
        *whole, rest = (rest + data).split(b"\n")
        for line in whole:
            lines.put(line.decode("utf-8", errors="replace"))


def _say(message: dict[str, Any]) -> bool:
    """One line to the application; False when it is gone."""
    try:
        sys.stdout.write(json.dumps(message, separators=(",", ":")) + "\n")
        sys.stdout.flush()
    except OSError:
        # What waits in the buffer would raise again at exit, where nobody can catch it.
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
