"""Lesions out of a table of boxes, one row a box. What its columns and numbers mean is declared, never guessed."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ctgaze_app.ct.labelled_region import LabelledRegion
from ctgaze_app.ct.truth.contract import TruthError, TruthFormat, TruthOption, within
from ctgaze_app.ct.truth.lesions import SliceMark, lesions_of
from ctgaze_app.ct.truth.placement import OTHER_SCAN, slice_at_z, slices_by_uid
from ctgaze_app.ct.volume import Volume

_CORNERS = ("x_first", "x_last", "y_first", "y_last")


@dataclass(frozen=True)
class _Row:
    """One row: its line in the file and its cells by column name."""

    line: int
    cells: Mapping[str, str]


def read_boxes_csv(path: Path, volume: Volume, options: Mapping[str, str]) -> tuple[LabelledRegion, ...]:
    """Boxes of this CT as lesions; see `FORMAT` for the options.

    With a column of lesion names, rows of one name are one lesion; without it, boxes that overlap on the same or
    neighbouring slices are (`lesions.lesions_of`).
    """
    rows = _own_rows(_table(path), options, path)
    named = options["lesion"]
    wanted = [options[corner] for corner in _CORNERS] + [options["slice"]] + ([named] if named else [])
    if options["slice_last"]:
        wanted.append(options["slice_last"])
    for column in wanted:
        if column not in rows[0].cells:
            raise TruthError(
                f"has no column {column!r} (its columns: {', '.join(rows[0].cells)[:200]})",
                place=path.name,
                remedy="declare the names that the table really has",
            )
    rows, slices = _slices(rows, options, volume, path)
    marks: list[SliceMark] = []
    for row, (first, last) in zip(rows, slices, strict=True):
        place = within(path, f"row {row.line}")
        i_first, i_last, j_first, j_last = _pixels(row, options, volume, place, path)
        j, i = (axis.ravel() for axis in np.mgrid[j_first : j_last + 1, i_first : i_last + 1])
        label = row.cells[named].strip() if named else ""
        if named and not label:
            raise TruthError(
                "names no lesion", place=within(path, f"row {row.line}", f"column {named}"), remedy="fill the cell"
            )
        key = label or f"row {row.line}"
        marks += [SliceMark(k, j, i, key, label, {}) for k in range(first, last + 1)]
    if not named:
        return lesions_of(marks)
    regions = lesions_of(marks, by_place=False)
    return tuple(
        LabelledRegion(region.group, region.first_kji, region.last_kji, region.mask, "lesion") for region in regions
    )


def _table(path: Path) -> list[_Row]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise TruthError(
            f"is not UTF-8 text (byte {error.start})", place=path.name, remedy="save it as CSV UTF-8"
        ) from error
    except OSError as error:
        raise TruthError("cannot be read", place=path.name, remedy="restore it from a copy") from error
    try:
        reader = csv.reader(text.splitlines(), strict=True)
        lines = [(reader.line_num, cells) for cells in reader if any(cell.strip() for cell in cells)]
    except csv.Error as error:
        raise TruthError(f"is not a CSV table: {error}", place=path.name, remedy="save it as CSV UTF-8") from error
    if not lines:
        raise TruthError("is empty", place=path.name, remedy="choose a table with a header and one row a box")
    header = [name.strip() for name in lines[0][1]]
    doubled = sorted({name for name in header if header.count(name) > 1})
    if doubled:
        raise TruthError(f"has the column {doubled[0]!r} twice", place=within(path, "row 1"), remedy="rename one")
    if len(lines) == 1:
        raise TruthError("has a header and no row", place=path.name, remedy="choose a table with one row a box")
    for line, cells in lines[1:]:
        if len(cells) != len(header):
            raise TruthError(
                f"has {len(cells)} cells, the header has {len(header)}",
                place=within(path, f"row {line}"),
                remedy="mend the row",
            )
    return [_Row(line, dict(zip(header, cells, strict=True))) for line, cells in lines[1:]]


def _own_rows(rows: list[_Row], options: Mapping[str, str], path: Path) -> list[_Row]:
    column, case = options["case_column"], options["case"]
    if not column:
        return rows
    if column not in rows[0].cells:
        raise TruthError(f"has no column {column!r}", place=path.name, remedy="declare the names that the table has")
    mine = [row for row in rows if row.cells[column].strip() == case]
    if not mine:
        raise TruthError(f"has no row whose {column} is the declared case", place=path.name, remedy=OTHER_SCAN)
    return mine


def _slices(
    rows: list[_Row], options: Mapping[str, str], volume: Volume, path: Path
) -> tuple[list[_Row], list[tuple[int, int]]]:
    """The rows that count and their first and last slice."""
    kind, column = options["slice_is"], options["slice"]
    count = volume.shape_kji[0]
    if kind == "uid":
        uids = [row.cells[column].strip() for row in rows]
        if options["other_scans"] == "leave_out":
            own = set(volume.source.sop_instance_uids) & set(uids)
            if own:
                rows = [row for row, uid in zip(rows, uids, strict=True) if uid in own]
                uids = [row.cells[column].strip() for row in rows]
        index = slices_by_uid(volume, uids, within(path, f"column {column}"))
        return rows, [(index[uid], index[uid]) for uid in uids]
    found = []
    for row in rows:
        ends = [column, options["slice_last"] or column]
        place = within(path, f"row {row.line}", f"column {column}")
        values = [_number(row, name, path) for name in ends]
        if kind == "z_mm":
            first, last = (slice_at_z(volume, value, place) for value in values)
        else:
            base = int(options["index_base"])
            if any(value != round(value) for value in values):
                raise TruthError("a slice index is not a whole number", place=place, remedy="declare what it is")
            first, last = (int(value) - base for value in values)
            if options["slice_last"] and options["ends"] == "exclusive":
                last -= 1
            if kind == "index_reversed":
                first, last = count - 1 - first, count - 1 - last
        first, last = min(first, last), max(first, last)
        if first < 0 or last >= count:
            raise TruthError(f"lies outside the {count} slices of this CT", place=place, remedy=OTHER_SCAN)
        found.append((first, last))
    return rows, found


def _number(row: _Row, column: str, path: Path) -> float:
    text = row.cells[column]
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not np.isfinite(value):
        raise TruthError(
            f"{text.strip()[:30]!r} is not a number",
            place=within(path, f"row {row.line}", f"column {column}"),
            remedy="mend the cell",
        )
    return value


def _pixels(row: _Row, options: Mapping[str, str], volume: Volume, place: str, path: Path) -> tuple[int, int, int, int]:
    """First and last column and row, both inside, 0-based."""
    _, rows, columns = volume.shape_kji
    ends = []
    for low, high, size in (("x_first", "x_last", columns), ("y_first", "y_last", rows)):
        first, last = (_number(row, options[name], path) for name in (low, high))
        if options["box"] == "size":
            last = first + last - (0 if options["ends"] == "edges" else 1)
        if options["ends"] == "edges":
            # Continuous coordinates, 0 at the left edge of the first pixel: the pixels whose centre lies inside.
            if not last > first:
                raise TruthError("the box ends before it begins", place=place, remedy="mend the row")
            begin, end = int(np.ceil(first - 0.5)), int(np.ceil(last - 0.5)) - 1
            if end < begin:  # no centre between the edges: the pixel in which they lie
                begin = end = int(np.floor((first + last) / 2))
        else:
            if first != round(first) or last != round(last):
                raise TruthError("a box of whole pixels has a fraction", place=place, remedy="declare ends=edges")
            base = int(options["index_base"])
            begin, end = int(first) - base, int(last) - base
            if options["ends"] == "exclusive" and options["box"] == "corners":
                end -= 1
            if end < begin:
                raise TruthError("the box ends before it begins", place=place, remedy="mend the row")
        if begin < 0 or end >= size:
            raise TruthError(f"the box leaves the {columns} x {rows} pixels of this CT", place=place, remedy=OTHER_SCAN)
        ends += [begin, end]
    return ends[0], ends[1], ends[2], ends[3]


FORMAT = TruthFormat(
    "boxes_csv",
    "table of boxes (CSV), one row a box",
    read_boxes_csv,
    (
        TruthOption("x_first", "column with the box's first column of pixels"),
        TruthOption("x_last", "column with its last column of pixels, or its width"),
        TruthOption("y_first", "column with its first row of pixels"),
        TruthOption("y_last", "column with its last row of pixels, or its height"),
        TruthOption("slice", "column that says on which slice the box is"),
        TruthOption(
            "slice_is",
            "what it holds: slice index as shown (head first), counted from the other end, image UID, or z in mm",
            ("index", "index_reversed", "uid", "z_mm"),
        ),
        TruthOption("index_base", "number of the first pixel and slice in the table", ("0", "1")),
        TruthOption(
            "ends",
            "last pixel inside the box, first one after it, or continuous edges (0 at the first pixel's left edge)",
            ("inclusive", "exclusive", "edges"),
        ),
        TruthOption("box", "first and last pixel, or first pixel and size", ("corners", "size"), "corners"),
        TruthOption(
            "slice_last", "column with the last slice of a box through several slices; empty: one slice", (), ""
        ),
        TruthOption("lesion", "column with the lesion's name; empty: boxes are grouped by place", (), ""),
        TruthOption("case_column", "column that tells cases apart; empty: the table is of one CT", (), ""),
        TruthOption("case", "its value for this CT", (), ""),
        TruthOption("other_scans", "rows whose image UID is of another CT", ("refuse", "leave_out"), "refuse"),
    ),
)
