"""The same list whatever the number of processes that make it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import TypeVar

from models.errors import Cancelled, ModelError
from models.worker_interrupts import end_on_interrupt, interrupts_wait

Item = TypeVar("Item")
Made = TypeVar("Made")
Progress = Callable[[int, int], None]
Stop = Callable[[], bool]


def counted_from(progress: Progress | None, before: int, total: int) -> Progress | None:
    """Progress of one part of a longer work: its steps count on from `before`, of `total`; None stays None."""
    return None if progress is None else lambda done, _: progress(min(before + done, total), total)


def made_in_order(
    task: Callable[[Item], Made],
    items: Sequence[Item],
    *,
    workers: int = 1,
    progress: Progress | None = None,
    cancelled: Stop | None = None,
) -> Iterator[Made]:
    """What `task` makes of each item, in order.

    Parameters
    ----------
    task, items
        That can be sent to another process, when there is more than one worker.
    progress
        Called with items done and in all.
    cancelled
        Asked after each item.

    Raises
    ------
    ModelError
        When a process died.
    Cancelled
        `cancelled` said so.
    """
    for number, made in enumerate(_made(task, items, workers), start=1):
        yield made
        if progress is not None:
            progress(number, len(items))
        if cancelled is not None and cancelled():
            raise Cancelled


def _made(task: Callable[[Item], Made], items: Sequence[Item], workers: int) -> Iterator[Made]:
    if min(workers, len(items)) <= 1:
        yield from map(task, items)
        return
    # Spawned, not forked: the caller may have threads of torch, which a fork would copy in the middle of their work.
    pool = ProcessPoolExecutor(min(workers, len(items)), mp_context=get_context("spawn"), initializer=end_on_interrupt)
    try:
        with interrupts_wait():
            made = pool.map(task, items)
        yield from made
    except BrokenProcessPool as error:
        raise ModelError(
            "a process that makes cases was ended, perhaps for want of memory", remedy="use fewer workers"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)
