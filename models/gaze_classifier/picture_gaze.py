"""Where a reader looked on one picture: from a scan path of a one-slice volume, or from a table of fixations."""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import numpy as np

from models.datasets.fixation_table import DURATION, HEIGHT, IMAGE, INDEX, START, WIDTH, X, Y, read_fixation_table
from models.datasets.picture_case import PictureGaze
from models.errors import ModelError
from models.scanpath import Scanpath
from models.whole_files import write_whole

WRITTEN = (IMAGE, INDEX, X, Y, DURATION, START, HEIGHT, WIDTH)
DECIMALS_MS = 6
EXTENSION = re.compile(r"\.[A-Za-z]\w{0,4}$")


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


def read_fixations(path: Path, name: str = "", shape_ji: tuple[int, int] | None = None) -> PictureGaze:
    """The fixations on one picture, from a table in GazeMedSeg's columns.

    Parameters
    ----------
    name
        Of the picture, as IMAGE has it, with or without folder and extension; where nobody knows it, the table must
        hold one picture alone.
    shape_ji
        Rows and columns of the picture, where they are known.

    Raises
    ------
    ModelError
        As `models.datasets.fixation_table.read_fixation_table`; or when the fixations are on other pictures, or on one
        of another size.
    """
    path = Path(path)
    table = read_fixation_table(path, path.stem)
    alone = not name and len(table) == 1
    found = next((one for one in table.values() if alone or _called(one.image) == _called(name)), None)
    if found is None:
        first = _called(next(iter(table.values())).image)[:60]
        held = f"on {first}" if len(table) == 1 else f"on {len(table)} pictures such as {first}"
        raise ModelError(
            f"holds fixations {held}, and none on {name[:60] or 'a picture without a name'}",
            place=path.name,
            remedy=f"give this picture's table, or what the table calls it: --option picture={first}",
        )
    if shape_ji is not None and (found.height_px, found.width_px) != shape_ji:
        raise ModelError(
            f"its fixations were made on {found.width_px} x {found.height_px} pixels, the picture has "
            f"{shape_ji[1]} x {shape_ji[0]}",
            place=path.name,
            remedy="use the picture that was looked at",
        )
    return found.gaze


def _called(image: str) -> str:
    """Without folder and extension; a UID, whose last part is a number, has none."""
    return EXTENSION.sub("", PurePosixPath(image.replace("\\", "/")).name)


def write_fixations(path: Path, gaze: PictureGaze, *, case: str, shape_ji: tuple[int, int]) -> Path:
    """Write the table that `read_fixations` reads, replacing one that is there; places beside the picture are left out.

    Fixations without onsets are written as if each began when the one before it ended.

    Raises
    ------
    ModelError
        When the folder refuses.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(WRITTEN)
    for number, row in enumerate(_rows(gaze), start=1):
        writer.writerow([case, number, *row, *shape_ji])
    return write_whole(Path(path), text.getvalue())


def gaze_digest(gaze: PictureGaze) -> str:
    """SHA-256 of the fixations that `write_fixations` would write; the same for what is read back from there."""
    return hashlib.sha256("\n".join(repr(row) for row in _rows(gaze)).encode()).hexdigest()


def _rows(gaze: PictureGaze) -> Iterator[tuple[float, float, float, float]]:
    """X, y, duration and onset of each fixation on the picture."""
    duration_s = np.asarray(gaze.duration_s, dtype=np.float64)
    known = bool(np.isfinite(gaze.onset_s).all())
    onset_s = gaze.onset_s if known else np.cumsum(duration_s) - duration_s
    points = np.asarray(gaze.points_xy_share, dtype=np.float64)
    for row in np.flatnonzero(((points >= 0) & (points <= 1)).all(axis=1)):
        lasted_ms, began_ms = (round(float(seconds[row]) * 1000, DECIMALS_MS) for seconds in (duration_s, onset_s))
        yield float(points[row, 0]), float(points[row, 1]), lasted_ms, began_ms
