"""Compiling of the inner loops: once per machine where a folder can be written, else once per process."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

import numba

Loop = TypeVar("Loop", bound=Callable[..., object])


def compiled(loop: Loop) -> Loop:
    """`loop` as machine code that lets other threads run.

    The code is kept beside the source or, where that is read-only, in the user's cache folder. Where neither can be
    written numba refuses to keep it at all; the loop then still runs, compiled anew by each process.
    """
    try:
        return cast(Loop, numba.njit(loop, cache=True, nogil=True))
    except RuntimeError:
        return cast(Loop, numba.njit(loop, nogil=True))
