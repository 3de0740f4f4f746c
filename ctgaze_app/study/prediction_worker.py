"""Runs one `ctgaze` command in a process of its own: its progress, its output or its one-line failure; no Qt.

A model that crashes, takes all memory or is killed ends that process and never the application that shows it; and when
the application itself is killed, the process ends too (`parent_watch`).
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil

from ctgaze_app.errors import CTGazeError, SessionError
from ctgaze_app.study.parent_watch import PARENT_VARIABLE, parent_mark, runs
from ctgaze_app.study.prediction_staging import place_to_write
from ctgaze_app.study.predictions import PredictionRequest

CTGAZE = (sys.executable, "-m", "ctgaze_app")
LOW_PRIORITY = getattr(psutil, "BELOW_NORMAL_PRIORITY_CLASS", 10)
LOOK_S = 0.05
LAST_WORD_S = 2.0
OWN_WORD = "ctgaze: "
MEMORY_WORDS = ("memoryerror", "out of memory", "cannot allocate memory", "not enough memory")
LESS_MEMORY = "close other programs"
FEWER_PATHS = "close other programs or ask for fewer paths"


@dataclass(frozen=True)
class Step:
    """How far a command is: `done` of `total`, and with what; total 0 is not known."""

    done: int
    total: int
    what: str


class WorkerError(CTGazeError):
    """A command in a process of its own failed."""


class WorkerCancelled(Exception):  # noqa: N818 - nothing went wrong
    """The caller asked to stop; the process and its children are gone."""


def predict_in_worker(
    model: Path,
    session: Path,
    trial: int,
    request: PredictionRequest,
    out: Path,
    *,
    progress: Callable[[Step], None],
    cancelled: Callable[[], bool],
    command: Sequence[str] = CTGAZE,
) -> Path:
    """Predict on one trial's series with ``ctgaze model predict`` and put the file in its place.

    Parameters
    ----------
    model
        Folder of the model.
    out
        As `predictions.prediction_path` names it; written in one step, when everything is done.

    Raises
    ------
    WorkerError
        With the command's own line, or what became of its process.
    WorkerCancelled
        After `cancelled` said so.
    """
    try:
        with place_to_write(out) as staging:
            run_command(
                [
                    *("model", "predict", str(model), "--session", f"{session}:{trial}", *request.arguments()),
                    *("--out", str(staging), "--timing", "--progress", "json"),
                ],
                progress=progress,
                cancelled=cancelled,
                command=command,
                less_memory=FEWER_PATHS if request.task == "scanpath" else LESS_MEMORY,
            )
            if not staging.is_file():
                raise WorkerError("the prediction ended without a result", remedy="predict again")
            staging.replace(out)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise SessionError(f"cannot be written: {reason}", place=out.name, remedy="check rights and space") from error
    return out


def run_command(
    arguments: Sequence[str],
    *,
    progress: Callable[[Step], None],
    cancelled: Callable[[], bool],
    command: Sequence[str] = CTGAZE,
    less_memory: str = LESS_MEMORY,
) -> str:
    """Run ``ctgaze ARGUMENTS`` to its end and give its standard output.

    Lines of JSON on its error stream (``done``, ``total``, ``what``) are progress; the last line that begins with
    ``ctgaze:``, else the last one, is its reason when it fails. When this returns or raises, the process has ended and
    was waited for; when it was cancelled, everything that it had started too.

    Parameters
    ----------
    less_memory
        What to do when memory ran out.

    Raises
    ------
    WorkerError
        One line: what the command said, or that it crashed, was killed, or could not be started.
    WorkerCancelled
        After `cancelled` said so.
    """
    with tempfile.TemporaryFile() as output:
        process = _start([*command, *arguments], output)
        lines: queue.Queue[str] = queue.Queue()
        listener = threading.Thread(target=_listen, args=(process.stderr, lines), name="ctgaze-worker", daemon=True)
        listener.start()
        said = ""
        try:
            while process.poll() is None:
                if cancelled():
                    raise WorkerCancelled
                said = _take(lines, said, progress, wait_s=LOOK_S)
            listener.join(LAST_WORD_S)
            said = _take(lines, said, progress)
            if cancelled():
                raise WorkerCancelled
        finally:
            _end(process)
            listener.join(LAST_WORD_S)
            if process.stderr is not None and not listener.is_alive():
                process.stderr.close()
        if process.returncode != 0:
            raise _failure(process.returncode, said, less_memory)
        output.seek(0)
        return output.read().decode("utf-8", errors="replace")


def _start(command: Sequence[str], output: IO[bytes]) -> subprocess.Popen[bytes]:
    try:
        process = subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.PIPE,
            env=_environment(os.environ),
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise WorkerError(f"the worker cannot be started: {reason}", remedy="check the installation") from error
    # Whoever looks at the replay meanwhile comes first.
    _if_there(lambda: psutil.Process(process.pid).nice(LOW_PRIORITY))
    return process


def _environment(present: Mapping[str, str]) -> dict[str, str]:
    return {**present, "PYTHONUTF8": "1", "PYTHONUNBUFFERED": "1", PARENT_VARIABLE: parent_mark()}


def _listen(stream: IO[bytes] | None, lines: queue.Queue[str]) -> None:
    for line in stream or ():
        lines.put(line.decode("utf-8", errors="replace").strip())


def _take(lines: queue.Queue[str], said: str, progress: Callable[[Step], None], wait_s: float = 0.0) -> str:
    """Report every waiting line of progress; gives the reason so far, `said` or a better one."""
    try:
        line = lines.get(timeout=wait_s) if wait_s else lines.get_nowait()
        while True:
            step = _step(line)
            if step is not None:
                progress(step)
            elif line.startswith(OWN_WORD) or (line and not said.startswith(OWN_WORD)):
                said = line
            line = lines.get_nowait()
    except queue.Empty:
        return said


def _step(line: str) -> Step | None:
    if not line.startswith("{"):
        return None
    try:
        found = json.loads(line)
        return Step(int(found["done"]), int(found["total"]), str(found.get("what", "")))
    except (ValueError, KeyError, TypeError):
        return None


def _end(process: subprocess.Popen[bytes]) -> None:
    """Stop the process and everything that it started, and wait for them."""
    if process.poll() is not None:
        return
    try:
        family = psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        family = []
    process.terminate()
    for child in family:
        _if_there(child.terminate)
    try:
        process.wait(LAST_WORD_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    until_s = time.monotonic() + LAST_WORD_S
    while any(runs(child) for child in family) and time.monotonic() < until_s:
        time.sleep(0.01)
    for child in family:
        if runs(child):
            _if_there(child.kill)


def _if_there(how: Callable[[], object]) -> None:
    try:
        how()
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return


def _failure(code: int, said: str, less_memory: str) -> WorkerError:
    """What a process that ended with `code` died of."""
    line = said.removeprefix(OWN_WORD)
    if any(word in line.lower() for word in MEMORY_WORDS):
        return WorkerError("memory ran out", remedy=less_memory)
    if code == -getattr(signal, "SIGKILL", 9):
        return WorkerError("the system killed the worker, as it does when memory runs out", remedy=less_memory)
    if code < 0:
        return WorkerError(f"the worker crashed ({_signal_name(-code)})", remedy="try again; ctgaze doctor checks")
    if line:
        return WorkerError(line)
    return WorkerError(f"the worker ended with code {code} and said nothing", remedy="ctgaze doctor checks")


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
