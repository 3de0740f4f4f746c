"""A worker process ends by itself when the application that started it is gone, however that ended; no Qt."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psutil

PARENT_VARIABLE = "CTGAZE_PARENT"
"""Environment variable of a worker: process number and start time of the application, ``1234:1700000000.25``."""
LOOK_S = 0.5
CLOCK_STEP_S = 5.0
"""So far two processes may disagree about the parent's start: each derives it from a clock that is put right."""
ORPHANED = 3


def parent_mark() -> str:
    """What a worker of this process finds in `PARENT_VARIABLE`."""
    import psutil

    return f"{os.getpid()}:{psutil.Process().create_time()}"


def follow_parent(environment: Mapping[str, str] = os.environ) -> None:
    """From now on end this process, and all that it starts, once its parent is gone; nothing without a parent's mark.

    A thread looks twice a second. It ends the process at once: a worker writes its result through a file beside it, so
    that nothing is left half written.
    """
    mark = environment.get(PARENT_VARIABLE, "")
    number, sign, started = mark.partition(":")
    if not sign or not number.isdecimal():
        return
    threading.Thread(target=_follow, args=(int(number), float(started)), name="ctgaze-parent", daemon=True).start()


def mark_runs(mark: str) -> bool:
    """Whether the process that left such a mark still runs."""
    number, _, started = mark.partition(":")
    process = _parent(int(number), float(started))
    return process is not None and runs(process)


def runs(process: psutil.Process) -> bool:
    """Whether it has not ended; another process that was given its number later is not it."""
    import psutil

    # An orphan that has ended waits for the system's first process to notice, which is not ours to wait for.
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True


def _follow(number: int, started_s: float) -> None:
    parent = _parent(number, started_s)
    # Asked of one object: it tells processes apart by a clock that nobody puts right.
    while parent is not None and runs(parent):
        time.sleep(LOOK_S)
    _end_children()
    os._exit(ORPHANED)


def _parent(number: int, started_s: float) -> psutil.Process | None:
    """The process that left the mark; None when it has gone already."""
    import psutil

    try:
        process = psutil.Process(number)
        return process if abs(process.create_time() - started_s) <= CLOCK_STEP_S else None
    except psutil.NoSuchProcess:
        return None


def _end_children() -> None:
    import psutil

    for child in psutil.Process().children(recursive=True):
        try:
            child.kill()
        except psutil.NoSuchProcess:
            continue
