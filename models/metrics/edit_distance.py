"""String edit distance of two scan paths: how many fixations must be inserted, deleted or moved to another cell.

Source: Levenshtein distance over the cells of a grid, as in Brandt & Stark 1997 and Foulsham & Underwood 2008, with one
symbol for every cell. Neither distances between cells nor durations count; `scanmatch` knows both.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from models.metrics.binning import BinGrid, Ids
from models.metrics.compiled import compiled
from models.metrics.extent import Extent, Outside
from models.scanpath import Scanpath

CELLS_PER_AXIS = 5
PUBLISHED_CELL_PX = 512 // 5
PUBLISHED_ORIGIN = 1.0  # published coordinates count from 1


@dataclass(frozen=True)
class EditDistance:
    """What `edit_distance` found and with what.

    Attributes
    ----------
    distance
        Edits; it grows with the lengths, and their difference is its least.
    normalised
        Edits over the longer path's fixations, 0 to 1.
    fixations_a, fixations_b
        Lengths of the paths.
    grid
        The cells, or None in the published form, whose symbols are not cells.
    faithful
        Whether this is the published CT-ScanGaze form; it reports `distance`.
    """

    distance: int
    normalised: float
    fixations_a: int
    fixations_b: int
    grid: BinGrid | None
    faithful: bool

    @property
    def similarity(self) -> float:
        """1 - normalised: 1 for the same string."""
        return 1 - self.normalised


def edit_distance(
    a: Scanpath,
    b: Scanpath,
    *,
    grid: BinGrid | None = None,
    outside: Outside = "raise",
    faithful: bool = False,
) -> EditDistance:
    """Compare two scan paths through one volume or picture; symmetric, and 0 edits for the same path.

    Parameters
    ----------
    a, b
        Paths through the same volume. A picture is a volume of one slice.
    grid
        Cells; by default 5 along each axis (fewer where an axis has fewer voxels), as in the published form.
    outside
        What happens with a fixation outside the volume: an error, or the nearest cell.
    faithful
        `distance` as the published CT-ScanGaze evaluation gives it, defects included: every volume taken as a
        512-cube; coordinates counted from 1 but used as if from 0, so that 510 and 511 fall into a sixth cell; and
        one symbol x + floor(5 y / 2) + floor(5 z / 2) for the cells (x, y, z), which leaves 25 symbols for 125 cells
        (y and z can be swapped unnoticed). It is not normalised there.

    Raises
    ------
    ValueError
        When a path is empty, a fixation lies outside, or the volumes differ.
    """
    if faithful:
        if grid is not None:
            raise ValueError("the published form has its own symbols; give no cells with faithful=True")
        symbols = [_published_symbols(path) for path in (a, b)]
    else:
        extent = Extent.shared_by(a, b)
        grid = BinGrid.from_counts(extent, CELLS_PER_AXIS) if grid is None else grid
        for path in (a, b):
            grid.check_covers(path)
        symbols = [grid.ids(path.voxel_ijk, outside) for path in (a, b)]
    if not len(a) or not len(b):
        raise ValueError("a path without fixations has no edit distance")
    distance = edits(symbols[0], symbols[1])
    return EditDistance(distance, distance / max(len(a), len(b)), len(a), len(b), grid, faithful)


def edits(symbols_a: ArrayLike, symbols_b: ArrayLike) -> int:
    """Levenshtein distance of two strings of whole numbers: insertion, deletion and substitution cost 1 each."""
    first, second = (np.array(symbols, dtype=np.int64, order="C") for symbols in (symbols_a, symbols_b))
    return int(_edits(first, second))


def _published_symbols(path: Scanpath) -> Ids:
    x, y, z = ((path.voxel_ijk + PUBLISHED_ORIGIN) // PUBLISHED_CELL_PX).astype(np.int64).T
    return x + 5 * y // 2 + 5 * z // 2


@compiled
def _edits(a: Ids, b: Ids) -> int:
    row = np.arange(len(b) + 1)
    for i in range(len(a)):
        corner = row[0]
        row[0] = i + 1
        for j in range(len(b)):
            substituted = corner + (a[i] != b[j])
            corner = row[j + 1]
            row[j + 1] = min(substituted, min(corner, row[j]) + 1)
    return row[len(b)]
