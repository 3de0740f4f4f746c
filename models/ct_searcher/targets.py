"""Scan paths as what a network is trained on, cells, offsets, durations and a stop, and back to voxels. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.ct_searcher.settings import SearcherSettings
from models.datasets.checks import check_path
from models.errors import ModelError
from models.scanpath import Scanpath
from models.volumes import CanonicalFrame

Floats = NDArray[np.float64]
Classes = NDArray[np.int64]

NOT_TOLD = -1
"""Reader or task that the network is not told."""
NO_DURATION_S = 1.0
"""Of steps without a fixation: its logarithm is 0, so that a masked loss stays finite."""


@dataclass(frozen=True, eq=False)
class PathTargets:
    """R paths on one volume as T = `SearcherSettings.max_steps` steps each.

    Attributes
    ----------
    cells
        (R, T) class of each step: the cells, then the stop class to the end.
    offset_kji
        (R, T, 3) place within the cell along canonical k, j, i, -0.5 to 0.5; 0 without `SearcherSettings.offsets`.
    duration_s
        (R, T) seconds; `NO_DURATION_S` where there is no fixation.
    fixated
        (R, T) whether the step is a fixation.
    scored
        (R, T) fixations and the one stop after them. A path of `max_steps` fixations or more is cut there and scores
        no stop, as published (reference: CT-ScanGaze, 1.4.4).
    reader, task
        (R,) index among the settings' codes, or `NOT_TOLD`.
    """

    cells: Classes
    offset_kji: NDArray[np.float32]
    duration_s: NDArray[np.float32]
    fixated: NDArray[np.bool_]
    scored: NDArray[np.bool_]
    reader: Classes
    task: Classes

    @property
    def paths(self) -> int:
        """R."""
        return len(self.cells)

    @property
    def longest(self) -> int:
        """Steps that any path scores; the rest is padding."""
        return int(self.scored.sum(axis=1).max())

    def first(self, steps: int) -> PathTargets:
        """Only the first steps of every path, such as `longest` of a batch."""
        names = ("cells", "offset_kji", "duration_s", "fixated", "scored")
        return replace(self, **{name: getattr(self, name)[:, :steps] for name in names})

    def take(self, rows: ArrayLike) -> PathTargets:
        """The paths with these numbers."""
        names = ("cells", "offset_kji", "duration_s", "fixated", "scored", "reader", "task")
        return PathTargets(**{name: getattr(self, name)[np.asarray(rows)] for name in names})


def stop_class(settings: SearcherSettings) -> int:
    """Class of the stop: after the cells, or 0 in the faithful network."""
    return 0 if settings.faithful else settings.cells


def cells_at(shares_ijk: ArrayLike, grid_kji: tuple[int, int, int]) -> tuple[Classes, Floats]:
    """(N, 3) cell along k, j, i and (N, 3) offset from its centre, in cells, of shares along canonical i, j, k.

    On 512 pixels and 8 cells this is the published rule for whole 1-based pixels, ``int((p - 1) / 64)``.
    """
    grid = np.array(grid_kji, dtype=np.float64)
    place = np.asarray(shares_ijk, dtype=np.float64).reshape(-1, 3)[:, ::-1] * grid
    cell = np.clip(np.floor(place), 0, grid - 1)
    return cell.astype(np.int64), place - cell - 0.5


def classes_of_cells(cell_kji: ArrayLike, settings: SearcherSettings) -> Classes:
    """(N,) class of (N, 3) cells.

    Corrected: k, then j, then i fastest. Faithful: 1 + y * 64 + x * 8 + z, where y, x and z are the canonical j, i and
    k: published z is the slice, x the column and y the row of an axial stack that runs head to feet. The published
    loader divides z by 64 slices; here the 8 cells always span the whole volume, as the published tokens do. Those
    tokens stand in the file's order of axes (reference: CT-ScanGaze, 1.4.2), which is not undone.
    """
    k, j, i = np.asarray(cell_kji, dtype=np.int64).reshape(-1, 3).T
    gk, gj, gi = settings.grid_kji
    return 1 + (j * gi + i) * gk + k if settings.faithful else (k * gj + j) * gi + i


def cells_of_classes(classes: ArrayLike, settings: SearcherSettings) -> Classes:
    """(N, 3) cells along k, j, i; inverse of `classes_of_cells`.

    Raises
    ------
    ModelError
        When a class is the stop or none.
    """
    flat = np.asarray(classes, dtype=np.int64).ravel() - (1 if settings.faithful else 0)
    if ((flat < 0) | (flat >= settings.cells)).any():
        raise ModelError("a step is no cell", remedy="leave out the stop and what follows it")
    gk, gj, gi = settings.grid_kji
    if settings.faithful:
        j, i, k = np.unravel_index(flat, (gj, gi, gk))
    else:
        k, j, i = np.unravel_index(flat, (gk, gj, gi))
    return np.stack([k, j, i], axis=1).astype(np.int64)


def path_targets(
    paths: Sequence[Scanpath],
    frame: CanonicalFrame,
    settings: SearcherSettings,
    *,
    tasks: Sequence[str] | None = None,
    place: str = "",
) -> PathTargets:
    """Targets of every path.

    Parameters
    ----------
    paths
        R paths on the volume of `frame`.
    tasks
        What each reader was asked to do; None: not told.
    place
        File and record of the case, for messages.

    Raises
    ------
    ModelError
        When there is no path, or one is empty, leaves the volume or has an impossible duration.
    """
    if not paths:
        raise ModelError("there is no scan path", place=place, remedy="leave the case out")
    rows, steps = len(paths), settings.max_steps
    cells = np.full((rows, steps), stop_class(settings), dtype=np.int64)
    offset = np.zeros((rows, steps, 3), dtype=np.float32)
    duration = np.full((rows, steps), NO_DURATION_S, dtype=np.float32)
    lengths = np.empty((rows, 1), dtype=np.int64)
    for row, path in enumerate(paths):
        check_path(path, frame.shape_kji, place)
        count = lengths[row, 0] = min(len(path), steps)
        cell, within = cells_at(frame.to_shares(path.voxel_ijk[:count]), settings.grid_kji)
        cells[row, :count] = classes_of_cells(cell, settings)
        if settings.offsets:
            offset[row, :count] = within
        duration[row, :count] = path.duration_s[:count]
    step = np.arange(steps)
    told = [""] * rows if tasks is None else tasks
    return PathTargets(
        cells=cells,
        offset_kji=offset,
        duration_s=duration,
        fixated=step < lengths,
        scored=step <= lengths,
        reader=_indices([path.who for path in paths], settings.readers),
        task=_indices(told, settings.tasks),
    )


def dwell_share(
    paths: Sequence[Scanpath], frame: CanonicalFrame, grid_kji: tuple[int, int, int]
) -> NDArray[np.float32]:
    """(cells,) share of the dwell in each canonical cell, order [k, j, i]; every path counts the same. Sums to 1."""
    shares = np.zeros(int(np.prod(grid_kji)))
    for path in paths:
        cell, _ = cells_at(frame.to_shares(path.voxel_ijk), grid_kji)
        flat = np.ravel_multi_index(tuple(cell.T), grid_kji)
        dwell = np.bincount(flat, weights=path.duration_s, minlength=len(shares))
        shares += dwell / dwell.sum() / len(paths)
    return shares.astype(np.float32)


def steps_to_voxels(
    cells: ArrayLike, offset_kji: ArrayLike | None, frame: CanonicalFrame, settings: SearcherSettings
) -> Floats:
    """(N, 3) voxels i, j, k as stored of (N,) classes without stop; inverse of `path_targets`.

    Parameters
    ----------
    offset_kji
        (N, 3) place within the cell; None for its centre.

    Raises
    ------
    ModelError
        When a class is no cell.
    """
    cell = cells_of_classes(cells, settings)
    within = np.zeros(3) if offset_kji is None else np.asarray(offset_kji, dtype=np.float64).reshape(-1, 3)
    shares_kji = (cell + 0.5 + np.clip(within, -0.5, 0.5)) / np.array(settings.grid_kji)
    return frame.to_voxels(shares_kji[:, ::-1])


def _indices(codes: Sequence[str], known: tuple[str, ...]) -> Classes:
    return np.array([known.index(code) if code in known else NOT_TOLD for code in codes], dtype=np.int64)
