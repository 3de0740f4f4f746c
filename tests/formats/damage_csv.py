"""Structural damage to a CSV, one kind a function; what no reader can tell is named in `tests.formats.mutations`."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from tests.formats.damage_text import Mutated, Random, some

GARBAGE = ("abc", "-", "12px", "1;2", "2026-01-02", "#REF!", "1.2.3", "--5", "1 5", "1,234", "0x1F", "None", "[1]")
IMPOSSIBLE = ("nan", "inf", "-inf", "1e30", "-1e30", "1e999", "-99999999", "NaN")


@dataclass(frozen=True)
class Table:
    """A CSV taken apart. `numeric` are places of columns that hold numbers only and matter to the reader."""

    rows: list[list[str]]
    separator: str
    numeric: tuple[int, ...]
    text: tuple[int, ...] = field(default=())
    headed: bool = True

    @classmethod
    def of(cls, data: bytes, separator: str, text_columns: frozenset[str], headed: bool = True) -> Table:
        """Without a header in the file, its columns are called column 1 and so on here."""
        if not headed:
            count = data.split(b"\n", 1)[0].count(separator.encode()) + 1
            data = separator.join(f"column {n + 1}" for n in range(count)).encode() + b"\n" + data
        rows = [row for row in csv.reader(io.StringIO(data.decode("utf-8"), newline=""), delimiter=separator) if row]
        places = range(len(rows[0]))
        numeric = [
            place
            for place in places
            if rows[0][place] not in text_columns and all(_is_number(row[place]) or not row[place] for row in rows[1:])
        ]
        return cls(rows, separator, tuple(numeric), tuple(place for place in places if place not in numeric), headed)

    def bytes(self, rows: Sequence[Sequence[str]] | None = None) -> bytes:
        stream = io.StringIO(newline="")
        writer = csv.writer(stream, delimiter=self.separator, lineterminator="\n")
        rows = self.rows if rows is None else rows
        writer.writerows(rows if self.headed else rows[1:])
        return stream.getvalue().encode("utf-8")

    def changed(self, row: int, place: int, cell: str) -> bytes:
        rows = [list(each) for each in self.rows]
        rows[row][place] = cell
        return self.bytes(rows)

    def pick(self, random: Random) -> tuple[int, int]:
        """A row with data and a column of numbers that has a number there."""
        while True:
            row, place = int(random.integers(1, len(self.rows))), int(random.choice(self.numeric))
            if self.rows[row][place]:
                return row, place


def _is_number(cell: str) -> bool:
    return re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", cell) is not None


def cells_cut(table: Table, random: Random) -> Mutated:
    row = int(random.integers(1, len(table.rows)))
    if len(table.rows[0]) < 2:
        return None
    keep = int(random.integers(1, len(table.rows[row])))
    rows = [each[:keep] if number == row else each for number, each in enumerate(table.rows)]
    return f"row {row + 1} cut to {keep} cells", table.bytes(rows)


def cell_added(table: Table, random: Random) -> Mutated:
    row = int(random.integers(1, len(table.rows)))
    rows = [[*each, "7"] if number == row else each for number, each in enumerate(table.rows)]
    return f"row {row + 1} has a cell too many", table.bytes(rows)


def name_dropped(table: Table, random: Random) -> Mutated:
    place = int(random.integers(0, len(table.rows[0])))
    header = [name for number, name in enumerate(table.rows[0]) if number != place]
    return f"header lost {table.rows[0][place]}", table.bytes([header, *table.rows[1:]])


def column_dropped(table: Table, random: Random) -> Mutated:
    place = int(random.integers(0, len(table.rows[0])))
    rows = [[cell for number, cell in enumerate(row) if number != place] for row in table.rows]
    return f"column {table.rows[0][place]} dropped", table.bytes(rows)


def name_doubled(table: Table, random: Random) -> Mutated:
    if len(table.rows[0]) < 2:
        return None
    one, other = random.choice(len(table.rows[0]), 2, replace=False)
    return f"{table.rows[0][other]} named like another", table.changed(0, int(other), table.rows[0][one])


def name_changed(table: Table, random: Random) -> Mutated:
    place = int(random.integers(0, len(table.rows[0])))
    name = table.rows[0][place]
    new = some(random, [name.swapcase(), name + "2", name[:-1] + "q", "Spalte", "", name[1:], " ".join(name)])
    return (f"{name} renamed {new!r}", table.changed(0, place, new)) if new != name else None


def names_exchanged(table: Table, random: Random) -> Mutated:
    """Only of a text with a number column: two number columns cannot be told apart."""
    texts = [p for p in table.text if not any(_is_number(row[p]) or not row[p] for row in table.rows[1:])]
    if not texts or not table.numeric:
        return None
    one, other = some(random, texts), some(random, table.numeric)
    header = list(table.rows[0])
    header[one], header[other] = header[other], header[one]
    return f"names of {header[one]} and {header[other]} exchanged", table.bytes([header, *table.rows[1:]])


def unit_changed(table: Table, random: Random) -> Mutated:
    place = int(some(random, table.numeric))
    name = table.rows[0][place]
    stem = re.sub(r"_(s|ms|px|mm|voxel|norm|deg)$", "", name)
    new = stem + some(random, ["_ms", "_s", "_px", "_mm", "[px]", " (ms)", "_us"])
    return (f"{name} renamed {new}", table.changed(0, place, new)) if new != name else None


def wrong_type(table: Table, random: Random) -> Mutated:
    row, place = table.pick(random)
    cell = some(random, GARBAGE)
    return f"row {row + 1}, {table.rows[0][place]} = {cell!r}", table.changed(row, place, cell)


def impossible_value(table: Table, random: Random) -> Mutated:
    row, place = table.pick(random)
    cell = some(random, IMPOSSIBLE)
    return f"row {row + 1}, {table.rows[0][place]} = {cell!r}", table.changed(row, place, cell)


def negative_duration(table: Table, random: Random) -> Mutated:
    places = [place for place in table.numeric if re.search(r"dur", table.rows[0][place], re.IGNORECASE)]
    if not places:
        return None
    row, place = int(random.integers(1, len(table.rows))), some(random, places)
    return f"row {row + 1}, {table.rows[0][place]} negative", table.changed(row, place, "-" + table.rows[row][place])


def decimal_commas(table: Table, random: Random) -> Mutated:
    place = int(some(random, table.numeric))
    rows = [
        [cell.replace(".", ",") if number == place and index else cell for number, cell in enumerate(row)]
        for index, row in enumerate(table.rows)
    ]
    return (f"decimal commas in {table.rows[0][place]}", table.bytes(rows)) if rows != table.rows else None


def row_joined(table: Table, random: Random) -> Mutated:
    if len(table.rows) < 3:
        return None
    row = int(random.integers(1, len(table.rows) - 1))
    rows = [*table.rows[:row], table.rows[row] + table.rows[row + 1], *table.rows[row + 2 :]]
    return f"rows {row + 1} and {row + 2} joined", table.bytes(rows)


def cells_merged(table: Table, random: Random) -> Mutated:
    row = int(random.integers(1, len(table.rows)))
    if len(table.rows[row]) < 2:
        return None
    place = int(random.integers(0, len(table.rows[row]) - 1))
    cells = table.rows[row]
    merged = [*cells[:place], cells[place] + " " + cells[place + 1], *cells[place + 2 :]]
    return f"row {row + 1}: two cells merged", table.bytes([*table.rows[:row], merged, *table.rows[row + 1 :]])


def other_separator(table: Table, random: Random) -> Mutated:
    if len(table.rows[0]) < 2:
        return None
    other = some(random, [each for each in ",;\t|" if each != table.separator])
    return f"separated by {other!r}", replace(table, separator=other).bytes()


def quote_opened(table: Table, random: Random) -> Mutated:
    lines = table.bytes().decode("utf-8").split("\n")
    row = int(random.integers(1, len(lines) - 1))
    lines[row] = '"' + lines[row]
    return f"line {row + 1} begins with a quotation mark", "\n".join(lines).encode("utf-8")


def rows_shuffled(table: Table, random: Random) -> Mutated:
    order = random.permutation(len(table.rows) - 1) + 1
    return "rows shuffled", table.bytes([table.rows[0], *(table.rows[number] for number in order)])


def row_doubled(table: Table, random: Random) -> Mutated:
    row = int(random.integers(1, len(table.rows)))
    return f"row {row + 1} twice", table.bytes([*table.rows[: row + 1], *table.rows[row:]])


def header_dropped(table: Table, random: Random) -> Mutated:
    return "no header", table.bytes(table.rows[1:])


def header_repeated(table: Table, random: Random) -> Mutated:
    row = int(random.integers(1, len(table.rows)))
    return "header again amid the rows", table.bytes([*table.rows[:row], table.rows[0], *table.rows[row:]])


def columns_reordered(table: Table, random: Random) -> Mutated:
    order = random.permutation(len(table.rows[0]))
    return "columns in another order", table.bytes([[row[place] for place in order] for row in table.rows])


def blank_lines(table: Table, random: Random) -> Mutated:
    lines = table.bytes().split(b"\n")
    row = int(random.integers(1, len(lines)))
    return "a blank line", b"\n".join([*lines[:row], b"", *lines[row:]])


def accent_in_latin1(table: Table, random: Random) -> Mutated:
    row, place = int(random.integers(0, len(table.rows))), int(random.integers(0, len(table.rows[0])))
    return "a cell in Latin-1", table.changed(row, place, "é" + table.rows[row][place]).decode("utf-8").encode(
        "latin-1", "replace"
    )


CSV: dict[str, Callable[[Table, Random], Mutated]] = {
    name.replace("_", " "): globals()[name]
    for name in (
        "cells_cut", "cell_added", "name_dropped", "column_dropped", "name_doubled", "name_changed",
        "names_exchanged", "unit_changed", "wrong_type", "impossible_value", "negative_duration", "decimal_commas",
        "row_joined", "cells_merged", "other_separator", "quote_opened", "rows_shuffled", "row_doubled",
        "header_dropped", "header_repeated", "columns_reordered", "blank_lines", "accent_in_latin1",
    )
}  # fmt: skip

ROWS = {
    name: function
    for name, function in CSV.items()
    if name
    in (
        "cells cut", "cell added", "column dropped", "wrong type", "impossible value", "decimal commas", "row joined",
        "cells merged", "other separator", "rows shuffled", "accent in latin1",
    )
}  # fmt: skip
"""What can be told of a table without a header."""
