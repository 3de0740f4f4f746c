"""The outline of a mask along the edges of its pixels, as closed loops: what is drawn is the mask, nothing smoothed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Corner = tuple[int, int]


def outline_loops(mask_ji: NDArray[np.bool_]) -> list[NDArray[np.float64]]:
    """Closed loops around what is inside, with the inside at the right hand when j runs down the screen.

    Parameters
    ----------
    mask_ji
        (rows, columns).

    Returns
    -------
    Each (N, 2) corners as (i, j) in `image_px` (pixel centres at integers), the last joined to the first. Pixels that
    touch at a corner only have loops of their own.
    """
    after: dict[Corner, list[Corner]] = {}
    for start, end in (*_runs(mask_ji, transposed=False), *_runs(mask_ji.T, transposed=True)):
        after.setdefault(start, []).append(end)
    loops = []
    for first in tuple(after):
        while first in after:
            loops.append(_loop_from(first, after))
    return loops


def _loop_from(first: Corner, after: dict[Corner, list[Corner]]) -> NDArray[np.float64]:
    """One loop, whose stretches are taken out of `after`."""
    here = first
    came: Corner | None = None
    loop: list[Corner] = []
    while True:
        loop.append(here)
        there = _turn(came, here, after[here])
        after[here].remove(there)
        if not after[here]:
            del after[here]
        came, here = here, there
        if here == first and (first not in after or not _goes_on(came, first, loop[1], after[first])):
            return np.array(loop, dtype=np.float64) - 0.5


def _runs(mask: NDArray[np.bool_], *, transposed: bool) -> list[tuple[Corner, Corner]]:
    """Straight stretches between pixels of neighbouring rows that differ, as (i, j) corners, with their direction."""
    padded = np.zeros((mask.shape[0] + 2, mask.shape[1] + 2), dtype=np.int8)
    padded[1:-1, 1:-1] = mask
    step = padded[1:, :] - padded[:-1, :]
    line, change = np.nonzero(np.diff(step, axis=1))
    values = step[line, change + 1]
    runs = []
    for place in range(len(line) - 1):
        value = int(values[place])
        if value == 0 or line[place] != line[place + 1]:
            continue
        a, b, row = int(change[place]), int(change[place + 1]), int(line[place])
        # Above the inside the outline runs right, below it left; transposed it is mirrored, so the other way round.
        start, end = (a, b) if (value > 0) != transposed else (b, a)
        runs.append(((row, start), (row, end)) if transposed else ((start, row), (end, row)))
    return runs


def _turn(came: Corner | None, here: Corner, ways: list[Corner]) -> Corner:
    """Where the loop goes on: where two pixels touch at a corner only, it turns right, back around its own pixel."""
    if came is None or len(ways) == 1:
        return ways[0]
    return max(ways, key=lambda there: _cross(came, here, there))


def _goes_on(came: Corner, here: Corner, begun: Corner, ways: list[Corner]) -> bool:
    """Whether the loop that is back at its first corner belongs to another stretch there than the one it began with."""
    return _cross(came, here, begun) < max(_cross(came, here, there) for there in ways)


def _cross(came: Corner, here: Corner, there: Corner) -> int:
    return (here[0] - came[0]) * (there[1] - here[1]) - (here[1] - came[1]) * (there[0] - here[0])
