"""The pictures of the chest X-ray tables: sizes, place on the screen, and where each row's gaze lies on them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ctgaze_app.formats.contract import FormatError, at
from ctgaze_app.formats.egd_display import (
    SCREEN_HEIGHT_PX,
    SCREEN_WIDTH_PX,
    MappedPoints,
    PicturePlacement,
    published_coordinates,
    to_image,
)
from ctgaze_app.formats.egd_showings import Findings, GazeRows
from ctgaze_app.formats.egd_sizes import SIZE_FILE, sizes_from_dicom, sizes_from_list, solved_size
from ctgaze_app.formats.egd_tables import PADS, SHEET_FILE

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
ROUNDING_PX = 1
"""Stored and computed coordinates may differ by the cut of a number that was rounded when it was written."""


@dataclass(frozen=True, eq=False)
class Pictures:
    """What is known of the pictures that were looked at.

    Attributes
    ----------
    cases
        All pictures of the master sheet.
    shape_kji
        Of those whose size is known; those that nobody looked at may be without.
    placement
        Of those that have a padding.
    targets
        Calibration pictures.
    solved
        How many sizes were solved from the published coordinates.
    """

    cases: tuple[str, ...]
    shape_kji: dict[str, tuple[int, int, int]]
    placement: dict[str, PicturePlacement]
    targets: set[str]
    solved: int

    def is_target(self, rows: GazeRows) -> NDArray[np.bool_]:
        """(N,) whether each row is on a calibration picture."""
        flags = np.array([name in self.targets for name in rows.pictures], dtype=bool)
        return flags[rows.picture]

    def rows_by_picture(self, rows: GazeRows) -> Iterator[tuple[int, NDArray[np.intp]]]:
        """Code of each picture of the table and its rows."""
        order = np.argsort(rows.picture, kind="stable")
        bounds = np.searchsorted(rows.picture[order], np.arange(len(rows.pictures) + 1))
        for code in range(len(rows.pictures)):
            yield code, order[bounds[code] : bounds[code + 1]]


def pictures_of(
    folder: Path, sheet: pd.DataFrame, tables: Sequence[GazeRows], targets: set[str], declared: str
) -> Pictures:
    """Find the size of every picture that was looked at.

    Raises
    ------
    FormatError
        When a size cannot be found, or padding leaves no room for the picture.
    """
    cases = tuple(map(str, sheet["dicom_id"]))
    looked_at = sorted({name for rows in tables for name in rows.pictures} - targets)
    pads = {
        case: tuple(None if value != value else float(value) for value in values)
        for case, values in zip(cases, sheet[list(PADS)].to_numpy(np.float64).tolist(), strict=True)
    }
    for row, case in enumerate(cases, start=2):
        if None in pads[case] and any(pad is not None for pad in pads[case]):
            column = PADS[pads[case].index(None)]
            raise FormatError("the cell is empty", place=at(folder / SHEET_FILE, row, column), remedy="fill it in")
    sizes: dict[str, tuple[int, int, int]] = {}
    solved = 0
    source = Path(declared) if declared else folder / SIZE_FILE
    if declared and source.is_dir():
        paths = dict(zip(cases, map(str, sheet["path"]), strict=True))
        sizes = sizes_from_dicom(source, paths, looked_at)
    elif declared or source.is_file():
        sizes = sizes_from_list(source)
        missing = [case for case in looked_at if case not in sizes]
        if missing:
            raise FormatError(f"{len(missing)} pictures are not there, the first {missing[0]}", place=at(source))
    else:
        sizes = _solve(looked_at, pads, tables)
        solved = len(sizes)
    placement = {}
    for row, case in enumerate(cases, start=2):
        if case not in sizes or None in pads[case]:
            continue
        try:
            top, bottom, left, right = pads[case]
            placement[case] = PicturePlacement(sizes[case][0], sizes[case][1], top, bottom, left, right)  # type: ignore[arg-type]
        except ValueError as error:
            raise FormatError(
                str(error), place=at(folder / SHEET_FILE, row, PADS[0]), remedy="correct the padding"
            ) from error
    shapes = {case: (slices, rows, columns) for case, (columns, rows, slices) in sizes.items() if case in pads}
    return Pictures(cases, shapes, placement, targets, solved)


def _solve(
    looked_at: Sequence[str], pads: dict[str, Any], tables: Sequence[GazeRows]
) -> dict[str, tuple[int, int, int]]:
    points: dict[str, list[NDArray[np.float64]]] = {case: [] for case in looked_at}
    for rows in tables:
        order = np.argsort(rows.picture, kind="stable")
        bounds = np.searchsorted(rows.picture[order], np.arange(len(rows.pictures) + 1))
        values = np.stack([rows.column(name) for name in ("FPOGX", "FPOGY", "X_ORIGINAL", "Y_ORIGINAL")], axis=1)
        valid = (rows.column("FPOGV") == 1) & np.isfinite(values).all(axis=1) & (values[:, 2:] >= 0).all(axis=1)
        values, valid = values[order], valid[order]
        for code, name in enumerate(rows.pictures):
            if name in points:
                part = slice(bounds[code], bounds[code + 1])
                points[name].append(values[part][valid[part]])
    found = {}
    for case in looked_at:
        top, bottom, left, right = pads[case]
        known = np.concatenate(points[case]) if points[case] else np.empty((0, 4))
        size: tuple[int | None, int | None] = (None, None)
        if None not in pads[case]:
            width, height = SCREEN_WIDTH_PX - left - right, SCREEN_HEIGHT_PX - top - bottom
            offset_x, offset_y = known[:, 0] * SCREEN_WIDTH_PX - left, known[:, 1] * SCREEN_HEIGHT_PX - top
            size = (
                solved_size(offset_x, known[:, 2], width) if width > 0 else None,
                solved_size(offset_y, known[:, 3], height) if height > 0 else None,
            )
        if size[0] is None or size[1] is None:
            raise FormatError(
                f"the {len(known)} rows of picture {case} do not tell its size",
                place=at(tables[0].path, None, "X_ORIGINAL"),
                remedy="--option image_sizes=<CSV with dicom_id, columns, rows, or folder of DICOM files>",
            )
        found[case] = (size[0], size[1], 1)
    return found


def map_rows(
    rows: GazeRows, x: Floats, y: Floats, pictures: Pictures, display: str, findings: Findings, *, compare: bool
) -> MappedPoints:
    """Place every row's gaze on its picture.

    Parameters
    ----------
    x, y
        (N,) fractions of the screen, NaN where not valid.
    compare
        Hold X_ORIGINAL and Y_ORIGINAL against the published formula (not when they are taken as ``stored``).
    """
    count = len(rows.table)
    column, row, inside = np.full(count, np.nan), np.full(count, np.nan), np.zeros(count, dtype=bool)
    stored_x, stored_y = rows.column("X_ORIGINAL"), rows.column("Y_ORIGINAL")
    wrong_x, wrong_y = np.zeros(count, dtype=bool), np.zeros(count, dtype=bool)
    raw_x, raw_y = rows.column("FPOGX"), rows.column("FPOGY")
    screen = PicturePlacement(SCREEN_WIDTH_PX, SCREEN_HEIGHT_PX)
    for code, chosen in pictures.rows_by_picture(rows):
        name = rows.pictures[code]
        target = name in pictures.targets
        placement = screen if target else pictures.placement.get(name)
        if display == "stored":
            shape = (1, SCREEN_HEIGHT_PX, SCREEN_WIDTH_PX) if target else pictures.shape_kji[name]
            held_x, held_y = stored_x[chosen], stored_y[chosen]
            on = (held_x >= 0) & (held_y >= 0) & np.isfinite(x[chosen])
            beyond = chosen[on & ((held_x >= shape[2] + shape[2] % 2) | (held_y >= shape[1] + shape[1] % 2))]
            findings.tell("this coordinate lies beyond the picture", rows.path, beyond, "X_ORIGINAL")
            column[chosen], row[chosen] = np.where(on, held_x, np.nan), np.where(on, held_y, np.nan)
            inside[chosen] = on
            continue
        if placement is None:
            raise FormatError(
                f"picture {name} has no padding in the master sheet",
                place=at(rows.path, int(chosen[0]) + 2, "DICOM_ID"),
                remedy="fill in its padding, or --option display=stored",
            )
        if compare:
            formula_x, formula_y = published_coordinates(raw_x[chosen], raw_y[chosen], placement)
            wrong_x[chosen] = np.abs(formula_x - stored_x[chosen]) > ROUNDING_PX
            wrong_y[chosen] = np.abs(formula_y - stored_y[chosen]) > ROUNDING_PX
        if target and display != "published":
            # The target filled the screen, whatever the viewer did with the canvas.
            on = (x[chosen] >= 0) & (x[chosen] < 1) & (y[chosen] >= 0) & (y[chosen] < 1)
            column[chosen] = np.where(on, x[chosen] * SCREEN_WIDTH_PX - 0.5, np.nan)
            row[chosen] = np.where(on, y[chosen] * SCREEN_HEIGHT_PX - 0.5, np.nan)
            inside[chosen] = on
            continue
        points = to_image(display, x[chosen], y[chosen], placement)  # type: ignore[arg-type]
        column[chosen], row[chosen], inside[chosen] = points.x_image_px, points.y_image_px, points.on_image
    for name, wrong in (("X_ORIGINAL", wrong_x), ("Y_ORIGINAL", wrong_y)):
        findings.tell("not what the published formula gives for this gaze", rows.path, np.flatnonzero(wrong), name)
    return MappedPoints(column, row, inside)
