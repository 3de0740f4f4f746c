"""Where a reader looked on one picture: from a scan path of a one-slice volume, or from a table of fixations."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np

from models.datasets.fixation_table import DURATION, HEIGHT, IMAGE, INDEX, START, WIDTH, X, Y, read_fixation_table
from models.datasets.picture_case import PictureGaze
from models.errors import ModelError
from models.scanpath import Scanpath
from models.whole_files import write_whole

WRITTEN = (IMAGE, INDEX, X, Y, DURATION, START, HEIGHT, WIDTH)
DECIMALS_MS = 6


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
    """The fixations on one picture, from a table in GazeMedSeg's columns.

    Parameters
    ----------
    case
        Which picture's rows, where the table holds several: the name in IMAGE without folder and extension.

    Raises
    ------
    ModelError
        As `models.datasets.fixation_table.read_fixation_table`; or when none of several pictures is the case's.
    """
    path = Path(path)
    table = read_fixation_table(path, path.stem)
    if len(table) == 1:
        return next(iter(table.values())).gaze
    if case not in table:
        raise ModelError(
            f"holds fixations on {len(table)} pictures, and none is called {case[:60]!r}",
            place=path.name,
            remedy="keep the rows of one picture",
        )
    return table[case].gaze


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
    duration_s = np.asarray(gaze.duration_s, dtype=np.float64)
    known = bool(np.isfinite(gaze.onset_s).all())
    onset_s = gaze.onset_s if known else np.cumsum(duration_s) - duration_s
    points = np.asarray(gaze.points_xy_share, dtype=np.float64)
    inside = np.flatnonzero(((points >= 0) & (points <= 1)).all(axis=1))
    for number, row in enumerate(inside, start=1):
        times = [round(float(seconds[row]) * 1000, DECIMALS_MS) for seconds in (duration_s, onset_s)]
        writer.writerow([case, number, float(points[row, 0]), float(points[row, 1]), *times, *shape_ji])
    return write_whole(Path(path), text.getvalue())
