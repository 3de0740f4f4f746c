"""Reads GazeMedSeg's fixation CSV: one row a fixation on a picture, places as shares of its sides, times in ms."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from models.datasets.picture_case import PictureGaze
from models.errors import ModelError

IMAGE, INDEX, X, Y = "IMAGE", "CURRENT_FIX_INDEX", "CURRENT_FIX_X", "CURRENT_FIX_Y"
DURATION, PUPIL, START = "CURRENT_FIX_DURATION", "CURRENT_FIX_PUPIL", "CURRENT_FIX_START"
HEIGHT, WIDTH = "IMAGE_HEIGHT", "IMAGE_WIDTH"
LONGEST_MS = 60_000.0
LONGEST_TRIAL_MS = 1e8
EARLIEST_MS = -LONGEST_MS
"""A fixation may have begun before the picture was there."""
LARGEST_SIDE_PX = 100_000
BOUNDS: Mapping[str, tuple[float, float]] = {
    INDEX: (1, 1e6),
    X: (0, 1),
    Y: (0, 1),
    DURATION: (0, LONGEST_MS),
    START: (EARLIEST_MS, LONGEST_TRIAL_MS),
    HEIGHT: (1, LARGEST_SIDE_PX),
    WIDTH: (1, LARGEST_SIDE_PX),
}
"""What is possible, both ends allowed; these columns and IMAGE must be there."""
WHOLE = (INDEX, HEIGHT, WIDTH)
LARGEST_FILE = 1 << 30


@dataclass(frozen=True, eq=False)
class TableGaze:
    """Fixations on one picture in their order, and the picture's size as the table gives it."""

    image: str
    gaze: PictureGaze
    width_px: int
    height_px: int


def read_fixation_table(path: Path, reader: str = "annotator") -> dict[str, TableGaze]:
    """By the image's name without folder and extension, in the order of the file.

    Parameters
    ----------
    reader
        Code of who looked, whom the file does not name.

    Raises
    ------
    ModelError
        With file, row and column: a missing column, an empty cell, a number that is none or cannot be, one picture
        with two sizes, two pictures with one name.
    """
    path = Path(path)
    rows = _rows(path)
    found: dict[str, TableGaze] = {}
    for image, own in rows.items():
        stem = PurePosixPath(image.replace("\\", "/")).stem
        if stem in found:
            raise ModelError(
                f"{image[:40]} and {found[stem].image[:40]} differ only in folder or extension",
                place=path.name,
                remedy="rename one of them",
            )
        own.sort(key=lambda row: row[INDEX])
        points = np.array([(row[X], row[Y]) for row in own])
        seconds = [np.array([row[name] for row in own]) / 1000 for name in (DURATION, START)]
        gaze = PictureGaze(points, seconds[0], seconds[1], reader)
        found[stem] = TableGaze(image, gaze, int(own[0][WIDTH]), int(own[0][HEIGHT]))
    return found


def _rows(path: Path) -> dict[str, list[dict[str, float]]]:
    """By image; messages count rows as a spreadsheet does."""
    found: dict[str, list[dict[str, float]]] = {}
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise ModelError("is larger than a table of fixations can be", place=path.name)
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            header = reader.fieldnames or ()
            missing = [name for name in (IMAGE, *BOUNDS) if name not in header]
            if missing:
                raise ModelError(
                    f"has no column {', '.join(missing)}",
                    place=path.name,
                    remedy="name its columns as GazeMedSeg's fixation CSV does",
                )
            for number, row in enumerate(reader, start=2):
                if None in row:
                    raise ModelError("too many cells", place=f"{path.name}, row {number}", remedy="correct this row")
                image = (row[IMAGE] or "").strip()
                if not image:
                    raise ModelError("the cell is empty", place=f"{path.name}, row {number}, {IMAGE}")
                numbers = {name: _number(row[name], name, f"{path.name}, row {number}, {name}") for name in BOUNDS}
                own = found.setdefault(image, [])
                if own and any(own[0][side] != numbers[side] for side in (WIDTH, HEIGHT)):
                    raise ModelError(
                        "this image has another size than in the rows before",
                        place=f"{path.name}, row {number}, {WIDTH}",
                        remedy="correct it",
                    )
                own.append(numbers)
    except OSError as error:
        raise ModelError(f"cannot be read: {error.strerror or error}", place=path.name) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise ModelError(f"is no CSV table: {error}", place=path.name, remedy="save it as CSV UTF-8") from error
    if not found:
        raise ModelError("has a header and no rows", place=path.name, remedy="restore it from a copy")
    return found


def _number(cell: str | None, name: str, place: str) -> float:
    try:
        value = float(cell or "")
    except ValueError as error:
        raise ModelError(f"{(cell or '')[:40]!r} is no number", place=place, remedy="correct this cell") from error
    low, high = BOUNDS[name]
    if not low <= value <= high or (name in WHOLE and math.floor(value) != value):
        kind = "a whole number" if name in WHOLE else "a number"
        raise ModelError(f"{(cell or '')[:40]} is not {kind} from {low:g} to {high:g}", place=place)
    return value
