"""Ctrl+C reaches every process of a terminal's command: its workers end without a word, the command says the line."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

_MASKS = hasattr(signal, "pthread_sigmask")


@contextmanager
def interrupts_wait() -> Iterator[None]:
    """Start worker processes in it: an interrupt waits in them until `end_on_interrupt`.

    Else it would hit them in the middle of an import. One that comes meanwhile is raised here at the end. Windows has
    no such mask: nothing is done there.
    """
    if not _MASKS:
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def end_on_interrupt() -> None:
    """What a worker does first: from now on an interrupt ends it at once and without a traceback."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if _MASKS:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
