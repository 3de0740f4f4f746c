"""What must hold in every `DataSet`, whatever it was read from: checked after reading and before writing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ctgaze_app.formats.contract import FormatError, at
from ctgaze_app.formats.dataset import (
    EVENT_COLUMNS,
    FIXATION_COLUMNS,
    KEYS,
    REGION_COLUMNS,
    SAMPLE_COLUMNS,
    WORD_COLUMNS,
    DataSet,
)

if TYPE_CHECKING:
    import pandas as pd

TABLE_COLUMNS = {
    "fixations": FIXATION_COLUMNS,
    "samples": SAMPLE_COLUMNS,
    "events": EVENT_COLUMNS,
    "words": WORD_COLUMNS,
    "regions": REGION_COLUMNS,
}
FIXATION_KINDS = ("fixation", "drill", "pursuit", "calibration")
SAMPLE_KINDS = ("gaze", "calibration")


@dataclass(frozen=True)
class _Places:
    path: Path | str
    files: Mapping[str, Path]

    def of(self, table: str, column: str, row: int) -> str:
        if table in self.files:
            return at(self.files[table], row, column)
        return at(self.path, row, f"{table}.{column}")


LONGEST_S = 1e6
"""No reading lasts eleven days; a number beyond it is in another unit."""
EARLIEST_S = -3600.0
"""Gaze begins at most an hour before the picture."""


MOST_OVERLAPPING = 0.5
OVERLAP_S = 0.05
LEAST_SHARE = 0.003
FEWEST = 10
"""Units that do not agree show over the whole table: most fixations of at least so many end long after the next began,
or all together fill next to nothing of the time between the first and the last of their trial."""
VOXEL_SLACK = 1.0
"""Odd sizes of the chest X-ray pictures count one larger."""


def check_dataset(dataset: DataSet, path: Path | str, files: Mapping[str, Path] | None = None) -> None:
    """Refuse what breaks the promises of `formats.dataset`.

    Parameters
    ----------
    path
        What was read; the place of a fault.
    files
        By name of a table, the file that it alone was read from.

    Raises
    ------
    FormatError
        With the file, and row and column of the table; rows count from 2 as below a header.
    """
    places = _Places(path, files or {})
    codes = [record.case for record in dataset.cases]
    if len(set(codes)) != len(codes):
        raise FormatError("two cases have the same code", place=at(path))
    for record in dataset.cases:
        if len(record.shape_kji) != 3 or min(record.shape_kji) < 1 or max(record.shape_kji) > 100_000:
            raise FormatError(f"{record.shape_kji} is not the shape of a volume (case {record.case})", place=at(path))
    for name, columns in TABLE_COLUMNS.items():
        table = getattr(dataset, name)
        if table is None:
            continue
        if tuple(table.columns[: len(columns)]) != columns:
            missing = [column for column in columns if column not in table.columns]
            what = f"column {missing[0]} is missing" if missing else "the columns are in another order"
            raise FormatError(f"{name}: {what}", place=at(path))
        _refuse(~table["case"].isin(codes), "this case is not known", places, name, "case")
        if "trial" in columns:
            _refuse(table["trial"] < 1, "trials count from 1", places, name, "trial")
    _check_fixations(dataset, places)
    for name in ("fixations", "samples"):
        if getattr(dataset, name) is not None:
            _check_inside(dataset, name, places)
    if dataset.samples is not None:
        _refuse(~dataset.samples["kind"].isin(SAMPLE_KINDS), "not a kind of sample", places, "samples", "kind")
        _check_numbers(dataset.samples, ("onset_s",), places, "samples")
        falls = dataset.samples.groupby(list(KEYS), sort=False)["onset_s"].diff() < 0
        _refuse(falls, "onsets descend within a trial", places, "samples", "onset_s")
    if dataset.events is not None:
        _check_numbers(dataset.events, ("onset_s", "duration_s"), places, "events")
        _refuse(dataset.events["duration_s"] < 0, "a duration is negative", places, "events", "duration_s")
    if dataset.words is not None:
        _refuse(
            dataset.words["end_s"] < dataset.words["start_s"], "a word ends before it begins", places, "words", "end_s"
        )
        _check_numbers(dataset.words, ("start_s", "end_s"), places, "words")


def _check_fixations(dataset: DataSet, places: _Places) -> None:
    table = dataset.fixations
    _refuse(~table["kind"].isin(FIXATION_KINDS), "not a kind of fixation", places, "fixations", "kind")
    _check_numbers(table, ("onset_s", "duration_s"), places, "fixations")
    _refuse(
        ~(table["duration_s"] >= 0), "a duration must be a number and not negative", places, "fixations", "duration_s"
    )
    keys = [*KEYS, "fixation"]
    _refuse(table.duplicated(keys), "this fixation is there twice", places, "fixations", "fixation")
    gaze = table["kind"] != "calibration"
    shown = table["on_image"].astype(bool) & gaze
    for name in ("x_voxel", "y_voxel", "z_voxel"):
        _refuse(shown & ~np.isfinite(table[name]), "a fixation on the image has no voxel", places, "fixations", name)
    by_trial = table[gaze].groupby(list(KEYS), sort=False)["onset_s"]
    falls = by_trial.diff() < 0
    _refuse(
        falls.reindex(table.index, fill_value=False), "onsets descend within a trial", places, "fixations", "onset_s"
    )
    unknown = by_trial.transform(lambda onset: onset.isna().any() and not onset.isna().all()).astype(bool)
    _refuse(
        unknown.reindex(table.index, fill_value=False),
        "some onsets of a trial are unknown",
        places,
        "fixations",
        "onset_s",
    )

    _check_units(table[gaze], places)


def _check_units(table: pd.DataFrame, places: _Places) -> None:
    """Onset and duration of the fixations against each other."""
    table = table[np.isfinite(table["onset_s"])]
    if len(table) < FEWEST:
        return
    onset, duration = table["onset_s"].to_numpy(np.float64), table["duration_s"].to_numpy(np.float64)
    trial = table.groupby(list(KEYS), sort=False).ngroup().to_numpy()
    same = np.diff(trial) == 0
    late = onset[:-1] + duration[:-1] - onset[1:] > OVERLAP_S
    if same.any() and late[same].mean() > MOST_OVERLAPPING:
        row = int(table.index[int(np.argmax(late & same))]) + 2
        raise FormatError(
            f"{int((late & same).sum())} of {int(same.sum())} fixations end after the next one has begun",
            place=places.of("fixations", "duration_s", row),
            remedy="check the units of onset and duration",
        )
    span = float(np.diff(onset)[same].sum())
    if float(duration.sum()) < LEAST_SHARE * span:
        raise FormatError(
            f"all fixations together last {duration.sum():.3g} s in {span:.4g} s of gaze",
            place=places.of("fixations", "duration_s", int(table.index[0]) + 2),
            remedy="check the units of onset and duration",
        )


def _check_inside(dataset: DataSet, name: str, places: _Places) -> None:
    """What is on an image lies within it."""
    table = getattr(dataset, name)
    codes, cases = table["case"].factorize()
    sizes = np.array([dataset.case(str(case)).shape_kji[::-1] for case in cases], dtype=np.float64).reshape(-1, 3)[
        codes
    ]
    shown = table["on_image"].to_numpy(bool)
    for axis, column in enumerate(("x_voxel", "y_voxel", "z_voxel")):
        voxel = table[column].to_numpy(np.float64)
        beyond = shown & ((voxel < -VOXEL_SLACK) | (voxel > sizes[:, axis] - 1 + VOXEL_SLACK))
        _refuse(beyond, "lies outside its image: check the unit", places, name, column)


def _check_numbers(table: pd.DataFrame, names: tuple[str, ...], places: _Places, table_name: str) -> None:
    for name in names:
        values = table[name].to_numpy(np.float64)
        wrong = (values > LONGEST_S) | (values < EARLIEST_S)
        _refuse(wrong, "no reading lasts that long: check the unit", places, table_name, name)


def _refuse(wrong: pd.Series | np.ndarray, message: str, places: _Places, table: str, column: str) -> None:
    mask = np.asarray(wrong, dtype=bool)
    if mask.any():
        raise FormatError(message, place=places.of(table, column, int(np.argmax(mask)) + 2), remedy="correct the file")
