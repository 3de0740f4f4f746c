"""How far a prediction is: a bar on a terminal, or lines of JSON for a program that asked for them."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer

from ctgaze_app.cli.progress import progress_bar

Report = Callable[[int, int], None]
LEAST_PAUSE_S = 0.1


@contextmanager
def telling(what: str, *, shown: bool, as_lines: bool) -> Iterator[Report]:
    """A function that takes done and total.

    Parameters
    ----------
    as_lines
        ``{"done": 3, "total": 10, "what": "..."}`` on the error stream, ten a second at most, the last one always.
    """
    if not as_lines:
        with progress_bar(what, shown=shown) as report:
            yield report
        return
    last_s = 0.0

    def line(done: int, total: int) -> None:
        nonlocal last_s
        now_s = time.monotonic()
        if now_s - last_s >= LEAST_PAUSE_S or done >= total:
            last_s = now_s
            typer.echo(json.dumps({"done": done, "total": total, "what": what}), err=True)
            sys.stderr.flush()

    line(0, 0)
    yield line
