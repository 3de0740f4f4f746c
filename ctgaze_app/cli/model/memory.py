"""Memory that runs out while a model computes: one line with what can be done."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ctgaze_app.errors import CTGazeError


@contextmanager
def memory_in_words(device: str, also: str = "") -> Iterator[None]:
    """Errors of Python and of torch about memory become one line.

    Parameters
    ----------
    device
        As `--device` was given.
    also
        What else helps, after "close other programs".

    Raises
    ------
    CTGazeError
        In their place.
    """
    try:
        yield
    except MemoryError as error:
        raise _no_memory(device, also) from error
    except RuntimeError as error:
        if "memory" in str(error).lower():
            raise _no_memory(device, also) from error
        raise


def _no_memory(device: str, also: str) -> CTGazeError:
    return CTGazeError(
        "memory ran out", remedy=f"close other programs{also}" + ("" if device == "cpu" else ", --device cpu")
    )
