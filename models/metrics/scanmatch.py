"""ScanMatch: how well two scan paths align as strings of cells (Cristino, Mathot, Theeuwes & Gilchrist 2010).

Each fixation becomes the symbol of its cell, repeated once per temporal bin where durations count. Two symbols score
1 - distance / threshold, so the same cell scores 1 and cells further apart than the threshold score below 0. The
strings are aligned by Needleman-Wunsch and the alignment's score is divided by the longer string's best possible one.

Source: Cristino et al., Behavior Research Methods 42, 692-700, doi 10.3758/BRM.42.3.692. The paper's substitution score
is threshold - distance and its normaliser threshold x length: the same number.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.metrics.alignment import alignment_score
from models.metrics.binning import BinGrid, DistanceUnit, Ids, usual_grid
from models.metrics.extent import Extent, Outside
from models.scanpath import Floats, Scanpath

PUBLISHED_SHAPE = (512, 512, 512)
PUBLISHED_COUNTS_IJK = (6, 4, 8)
PUBLISHED_THRESHOLD_BINS = 3.5
PUBLISHED_TEMPORAL_BIN_S = 0.025
PUBLISHED_ORIGIN = 1.0  # published coordinates count from 1


@dataclass(frozen=True)
class ScanMatch:
    """What `scanmatch` found and with what.

    Attributes
    ----------
    score
        1 for the same string; at `gap` 0 never below 0, with a gap cost it can be.
    symbols_a, symbols_b
        Lengths of the two strings.
    grid
        The cells.
    threshold, threshold_unit
        Distance between cell centres at which two symbols score 0.
    gap
        Cost of leaving one symbol out, in units of the score of two equal symbols; 0 or negative.
    temporal_bin_s
        Seconds per repeated symbol, or None where every fixation is one symbol.
    faithful
        Whether this is the published CT-ScanGaze form.
    """

    score: float
    symbols_a: int
    symbols_b: int
    grid: BinGrid
    threshold: float
    threshold_unit: DistanceUnit
    gap: float
    temporal_bin_s: float | None
    faithful: bool


def scanmatch(
    a: Scanpath,
    b: Scanpath,
    *,
    grid: BinGrid | None = None,
    temporal_bin_s: float | None = None,
    threshold: float = PUBLISHED_THRESHOLD_BINS,
    threshold_unit: DistanceUnit = "bins",
    gap: float = 0.0,
    outside: Outside = "raise",
    faithful: bool = False,
) -> ScanMatch:
    """Compare two scan paths through one volume or picture; symmetric, and 1 for the same path.

    Parameters
    ----------
    a, b
        Paths through the same volume. A picture is a volume of one slice.
    grid
        Cells; by default those of `usual_grid` (30 mm cubes where the spacing is known).
    temporal_bin_s
        Seconds per symbol (50 to 100 ms in the paper), or None to give every fixation one symbol. A fixation has
        duration / bin symbols, rounded half up, and at least one.
    threshold, threshold_unit
        Distance at which two cells score 0, between their centres, in cells, voxels, mm or degrees. The paper takes
        twice the standard deviation of the saccade amplitudes (`saccade_threshold`); 3.5 cells is the published
        CT-ScanGaze setting.
    gap
        Score of a symbol that is left out, relative to the score 1 of two equal symbols.
    outside
        What happens with a fixation outside the volume: an error, or the nearest cell.
    faithful
        The numbers of the published CT-ScanGaze evaluation, defects included: every volume taken as a 512-cube cut
        into 6 x 4 x 8 cells, coordinates counted from 1 but used as if from 0, clamped to 0..511 and cut to whole
        numbers, durations cut to whole milliseconds and rounded half to even, fixations under half a temporal bin
        lost. Only `temporal_bin_s` is then taken from the arguments (25 ms is published).

    Raises
    ------
    ValueError
        When a path is empty, a fixation lies outside, the volumes differ, or a parameter makes no sense.
    """
    if faithful:
        if grid is not None:
            raise ValueError("the published form has its own cells; give none with faithful=True")
        grid = BinGrid.from_counts(Extent(PUBLISHED_SHAPE), PUBLISHED_COUNTS_IJK)
        threshold, threshold_unit, gap = PUBLISHED_THRESHOLD_BINS, "bins", 0.0
        cells = [_published_cells(path, grid) for path in (a, b)]
        repeats = [_published_repeats(path.duration_s, temporal_bin_s) for path in (a, b)]
    else:
        extent = Extent.shared_by(a, b)
        grid = usual_grid(extent) if grid is None else grid
        for path in (a, b):
            grid.check_covers(path)
        cells = [grid.cells(path.voxel_ijk, outside) for path in (a, b)]
        repeats = [symbol_counts(path.duration_s, temporal_bin_s) for path in (a, b)]
    if not threshold > 0:
        raise ValueError(f"the threshold is a distance above 0: {threshold}")
    centres = [grid.centres(cell, threshold_unit) / threshold for cell in cells]
    score = alignment_score(centres[0], repeats[0], centres[1], repeats[1], gap=gap)
    lengths = int(repeats[0].sum()), int(repeats[1].sum())
    return ScanMatch(score, *lengths, grid, threshold, threshold_unit, gap, temporal_bin_s, faithful)


def symbol_counts(duration_s: ArrayLike, temporal_bin_s: float | None) -> Ids:
    """(N,) symbols per fixation: duration / bin rounded half up and at least 1; 1 without a temporal bin."""
    duration = np.asarray(duration_s, dtype=np.float64)
    if temporal_bin_s is None:
        return np.ones(len(duration), dtype=np.int64)
    _check_bin(temporal_bin_s)
    # a duration such as 0.075 / 0.05 falls just short of the half that it means
    return np.maximum(np.floor(duration / temporal_bin_s + 0.5 + 1e-9), 1).astype(np.int64)


def saccade_threshold(paths: list[Scanpath], grid: BinGrid, unit: DistanceUnit = "bins") -> float:
    """Twice the standard deviation of the saccade amplitudes of all paths, as Cristino et al. 2010 advise.

    Amplitudes are taken between true positions, not cell centres. Use one threshold for a whole study: scores at
    different thresholds cannot be compared.

    Raises
    ------
    ValueError
        With fewer than two saccades, or where all are equally long.
    """
    steps = np.concatenate([np.diff(path.voxel_ijk, axis=0) for path in paths]) if paths else np.empty((0, 3))
    scaled = steps / np.array(grid.size_ijk_voxels) if unit == "bins" else grid.extent.in_unit(steps, unit)
    spread = float(np.std(np.linalg.norm(scaled, axis=1), ddof=1)) if len(steps) > 1 else 0.0
    if not spread > 0:
        raise ValueError(f"{len(steps)} saccades do not vary in length, so no threshold follows from them")
    return 2 * spread


def score_matrix(grid: BinGrid, threshold: float, unit: DistanceUnit = "bins") -> NDArray[np.float64]:
    """(n, n) threshold - distance between the centres of all n cells, the paper's substitution matrix, to look at.

    `scanmatch` never builds it: it grows with the square of the number of cells.
    """
    columns, rows, slices = grid.counts_ijk
    k, j, i = np.unravel_index(np.arange(columns * rows * slices), (slices, rows, columns))
    centres = grid.centres(np.stack([i, j, k], axis=1), unit)
    return threshold - np.linalg.norm(centres[:, None] - centres[None], axis=2)


def _check_bin(temporal_bin_s: float) -> None:
    if not temporal_bin_s > 0:
        raise ValueError(f"a temporal bin lasts longer than 0 s: {temporal_bin_s}")


def _published_cells(path: Scanpath, grid: BinGrid) -> Ids:
    pixel = np.clip(path.voxel_ijk + PUBLISHED_ORIGIN, 0, 511).astype(np.int64)
    return pixel * np.array(grid.counts_ijk) // 512


def _published_repeats(duration_s: Floats, temporal_bin_s: float | None) -> Ids:
    if temporal_bin_s is None:
        return np.ones(len(duration_s), dtype=np.int64)
    _check_bin(temporal_bin_s)
    return np.round((duration_s * 1000).astype(np.int64) / (temporal_bin_s * 1000)).astype(np.int64)
