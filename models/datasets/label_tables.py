"""Tables of labels as data sets publish them: a CSV with a volume's name and a 1 or 0 for each label."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from models.errors import ModelError

LARGEST_TABLE = 1 << 30
_VALUES = {"0": 0, "0.0": 0, "1": 1, "1.0": 1}


def read_labels(path: Path, key: str) -> tuple[tuple[str, ...], dict[str, tuple[int, ...]]]:
    """Labels, and 1 or 0 for each by the volume's name, in the order of the file.

    Columns ``label*place`` of one label at several places become one, which is 1 where any of them is.

    Parameters
    ----------
    key
        Column of the volume's name.

    Raises
    ------
    ModelError
        Missing, no CSV, without that column or labels, a volume twice, a value that is neither 1 nor 0.
    """
    rows = read_rows(path, (key,))
    columns = [column for column in rows[0] if column not in (key, "")]
    labels = tuple(dict.fromkeys(column.partition("*")[0] for column in columns))
    if not labels:
        raise ModelError("holds no column of a label", place=str(path), remedy="give the data set's table of labels")
    place_of = {label: number for number, label in enumerate(labels)}
    found: dict[str, tuple[int, ...]] = {}
    for number, row in enumerate(rows, start=2):
        values = [0] * len(labels)
        for column in columns:
            value = _VALUES.get(row[column].strip())
            if value is None:
                raise ModelError(
                    f"{column[:60]}: {row[column][:40]!r} is neither 1 nor 0",
                    place=f"{path}, row {number}",
                    remedy="give the data set's table of labels",
                )
            at = place_of[column.partition("*")[0]]
            values[at] = max(values[at], value)
        name = row[key].strip()
        if not name or name in found:
            raise ModelError(
                f"{name[:60]!r} is there twice" if name else f"has no {key}",
                place=f"{path}, row {number}",
                remedy="leave one of them out",
            )
        found[name] = tuple(values)
    return labels, found


def read_rows(path: Path, needed: Sequence[str]) -> list[dict[str, str]]:
    """Rows of a CSV by column; each has every column.

    Raises
    ------
    ModelError
        Missing, no CSV, without rows or one of the columns that are needed, a row of another length.
    """
    path = Path(path)
    remedy = "give the data set's own table"
    try:
        if path.stat().st_size > LARGEST_TABLE:
            raise ModelError("is too large for a table", place=str(path), remedy=remedy)
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, strict=True)
            header = next(reader, [])
            missing = [column for column in needed if column not in header]
            if missing:
                raise ModelError(f"has no column {missing[0]}", place=str(path), remedy=remedy)
            if len(set(header)) != len(header):
                raise ModelError("has one column twice", place=str(path), remedy=remedy)
            rows = []
            for number, row in enumerate(reader, start=2):
                if len(row) != len(header):
                    raise ModelError(
                        f"has {len(row)} values, not {len(header)}", place=f"{path}, row {number}", remedy=remedy
                    )
                rows.append(dict(zip(header, row, strict=True)))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ModelError(f"cannot be read: {said}"[:200], place=str(path), remedy=remedy) from error
    if not rows:
        raise ModelError("holds no row", place=str(path), remedy=remedy)
    return rows
