"""A worker process ends by itself when the application that started it is gone, however that ended; no Qt."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping

PARENT_VARIABLE = "CTGAZE_PARENT"
"""Environment variable of a worker: process number and start time of the application, ``1234:1700000000.25``."""
LOOK_S = 0.5
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
    threading.Thread(target=_follow, args=(int(number), started), name="ctgaze-parent", daemon=True).start()


def _follow(number: int, started: str) -> None:
    while _is_there(number, started):
        time.sleep(LOOK_S)
    _end_children()
    os._exit(ORPHANED)


def _is_there(number: int, started: str) -> bool:
    """Whether the process runs; another one that was given its number later is not it."""
    import psutil

    try:
        process = psutil.Process(number)
        return str(process.create_time()) == started and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True


def _end_children() -> None:
    import psutil

    for child in psutil.Process().children(recursive=True):
        try:
            child.kill()
        except psutil.NoSuchProcess:
            continue
