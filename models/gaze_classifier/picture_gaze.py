"""Where a reader looked on one picture: from a scan path of a one-slice volume, or from a table of fixations.

The table has the columns of GazeMedSeg's fixation files, in which a place is a share of the picture's sides and times
are milliseconds (reference: gaze-supervised segmentation, B).
"""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path, PurePosixPath

import numpy as np

from models.datasets.picture_case import PictureGaze
from models.errors import ModelError
from models.scanpath import Scanpath
from models.whole_files import write_whole

IMAGE, INDEX, X, Y = "IMAGE", "CURRENT_FIX_INDEX", "CURRENT_FIX_X", "CURRENT_FIX_Y"
DURATION, START, HEIGHT, WIDTH = "CURRENT_FIX_DURATION", "CURRENT_FIX_START", "IMAGE_HEIGHT", "IMAGE_WIDTH"
WRITTEN = (IMAGE, INDEX, X, Y, DURATION, START, HEIGHT, WIDTH)
LARGEST_FILE = 1 << 25
LONGEST_MS = 1e8


def gaze_on_picture(path: Scanpath) -> PictureGaze:
    """A scan path on a one-slice volume as shares of its sides; raises `ModelError` for one through more slices."""
    slices, rows, columns = path.shape_kji
    if slices != 1:
        raise ModelError(
            f"a scan path through {slices} slices is no gaze on one picture",
            place=path.case,
            remedy="choose a reading of a single picture",
        )
    shares = (path.voxel_ijk[:, :2] + 0.5) / (columns, rows)
    return PictureGaze(shares, path.duration_s, path.onset_s, path.who)


def read_fixations(path: Path, case: str = "") -> PictureGaze:
    """The fixations on one picture.

    Parameters
    ----------
    path
        CSV with at least IMAGE, CURRENT_FIX_X, CURRENT_FIX_Y and CURRENT_FIX_DURATION; the rows count as in order
        where it has no CURRENT_FIX_START.
    case
        Which picture's rows, where the table holds several: the name in IMAGE without its extension.

    Raises
    ------
    ModelError
        One line with file, row and column.
    """
    path = Path(path)
    rows = _rows(path)
    images = list(dict.fromkeys(row[IMAGE] for _, row in rows))
    if len(images) > 1:
        chosen = [image for image in images if case and case in (image, PurePosixPath(image).stem)]
        if len(chosen) != 1:
            raise ModelError(
                f"holds fixations on {len(images)} pictures, and none is called {case[:60]!r}",
                place=path.name,
                remedy="keep the rows of one picture",
            )
        rows = [(number, row) for number, row in rows if row[IMAGE] == chosen[0]]
    numbers = np.array(
        [
            [
                _number(row, X, 1.0, path, number),
                _number(row, Y, 1.0, path, number),
                _number(row, DURATION, LONGEST_MS, path, number),
                _number(row, START, LONGEST_MS, path, number, lowest=-LONGEST_MS) if START in row else math.nan,
            ]
            for number, row in rows
        ]
    )
    return PictureGaze(numbers[:, :2], numbers[:, 2] / 1000, numbers[:, 3] / 1000, path.stem)


def write_fixations(path: Path, gaze: PictureGaze, *, case: str, shape_ji: tuple[int, int]) -> Path:
    """Write the table that `read_fixations` reads, replacing one that is there; places beside the picture are left out.

    Raises
    ------
    ModelError
        When the folder refuses.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    known = bool(np.isfinite(gaze.onset_s).all())
    writer.writerow(WRITTEN if known else [name for name in WRITTEN if name != START])
    number = 0
    for point, duration_s, onset_s in zip(gaze.points_xy_share, gaze.duration_s, gaze.onset_s, strict=True):
        if (point >= 0).all() and (point <= 1).all():
            number += 1
            start = [round(float(onset_s) * 1000, 6)] if known else []
            place = [float(point[0]), float(point[1]), round(float(duration_s) * 1000, 6)]
            writer.writerow([case, number, *place, *start, *shape_ji])
    return write_whole(Path(path), text.getvalue())


def _rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    remedy = "name a CSV of fixations in GazeMedSeg's columns"
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise ModelError("is too large for fixations on one picture", place=path.name, remedy=remedy)
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, strict=True)
            names = list(reader.fieldnames or ())
            missing = [name for name in (IMAGE, X, Y, DURATION) if name not in names]
            if missing:
                raise ModelError(f"lacks the column {missing[0]}", place=path.name, remedy=remedy)
            rows = [(reader.line_num, row) for row in reader]
    except OSError as error:
        raise ModelError(f"cannot be read: {error.strerror or error}", place=path.name, remedy=remedy) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise ModelError(f"is no table: {error}"[:200], place=path.name, remedy=remedy) from error
    if not rows:
        raise ModelError("holds no fixation", place=path.name, remedy=remedy)
    short = next((number for number, row in rows if None in row or None in row.values()), None)
    if short is not None:
        raise ModelError("has another number of cells than the header", place=f"{path.name}, line {short}")
    return rows


def _number(row: dict[str, str], name: str, highest: float, path: Path, number: int, *, lowest: float = 0.0) -> float:
    place = f"{path.name}, line {number}, column {name}"
    try:
        value = float(row[name])
    except ValueError as error:
        raise ModelError(f"is no number: {row[name][:40]!r}", place=place, remedy="correct it") from error
    if not lowest <= value <= highest:
        raise ModelError(
            f"{value:g} is not between {lowest:g} and {highest:g}",
            place=place,
            remedy="places are shares of width and height, times are milliseconds",
        )
    return value
