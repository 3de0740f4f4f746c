"""A CSV's header beside the columns that are expected, and where in the file a record lies."""

from __future__ import annotations

import csv
import difflib
import io
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ctgaze_app.formats.contract import FormatError, at

LONGEST_NAME = 200
Kind = Literal["text", "integer", "number", "flag"]


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes
    ----------
    name
        As in the header; the frame uses it too, whichever of `aliases` the file has.
    kind
        ``flag`` is true/false or 1/0; an ``integer`` may be written 3.0.
    required
        Whether the header must have it.
    minimum, maximum
        Bounds of what is possible, both allowed.
    missing
        Whether an empty cell (or ``nan``) is allowed: NaN, "" in text, <NA> in a flag.
    choices
        Allowed texts.
    """

    name: str
    kind: Kind
    required: bool = True
    minimum: float | None = None
    maximum: float | None = None
    missing: bool = False
    choices: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class CsvText:
    """`body` is a view on everything after the header; `header_row` the header's number."""

    path: Path
    names: tuple[str, ...]
    body: memoryview = field(repr=False)
    quotes: int
    separator: str
    header_row: int

    @classmethod
    def split(cls, path: Path, data: bytes, separator: str, comment: str | None) -> CsvText:
        start, row = 0, 1
        while True:
            end = _record_end(data, start)
            line = data[start:end].decode("utf-8")
            if line.strip() and not (comment and line.startswith(comment)):
                break
            start, row = end, row + 1
            if start >= len(data):
                raise FormatError("has no header", place=at(path), remedy="restore it from a copy")
        cells = next(csv.reader(io.StringIO(line, newline=""), delimiter=separator))
        # White space within a name, line ends above all, would break the one line of an error.
        names = tuple(" ".join(name.split()) or f"unnamed_{place + 1}" for place, name in enumerate(cells))
        for place, name in enumerate(names, start=1):
            if len(name) > LONGEST_NAME:
                raise FormatError(
                    f"the name of column {place} has {len(name)} characters",
                    place=at(path, row),
                    remedy="check the separator, or whether the file has a header",
                )
        for name in names:
            if names.count(name) > 1:
                raise FormatError(
                    "this column is there twice", place=at(path, row, name), remedy="rename or delete one of them"
                )
        return cls(path, names, memoryview(data)[end:], data.count(b'"', end), separator, row)

    def records(self) -> Iterator[tuple[int, list[str]]]:
        """(row number, cells) of every record that is not blank; slow, for the place of a fault."""
        reader = csv.reader(
            io.StringIO(bytes(self.body).decode("utf-8"), newline=""), delimiter=self.separator, strict=True
        )
        limit = csv.field_size_limit(2**31 - 1)
        row = self.header_row
        try:
            while True:
                row += 1
                try:
                    cells = next(reader)
                except StopIteration:
                    return
                except csv.Error as error:
                    raise FormatError(
                        f"a quotation mark is not closed or stands amid a cell: {error}",
                        place=at(self.path, row),
                        remedy="correct this row",
                    ) from error
                if cells:
                    yield row, cells
        finally:
            csv.field_size_limit(limit)

    def row(self, index: int) -> int:
        """Row number of the record `index` (from 0, blank lines not counted)."""
        found = next(itertools.islice(self.records(), index, None), None)
        return found[0] if found else self.header_row + 1 + index

    def fault(self, message: str, index: int, column: str, remedy: str = "") -> FormatError:
        return FormatError(message, place=at(self.path, self.row(index), column), remedy=remedy)


def _record_end(data: bytes, start: int) -> int:
    """Where the record that begins at `start` ends, line end included."""
    quoted = False
    for match in re.compile(rb'"|\r\n|\n|\r').finditer(data, start):
        if match.group() == b'"':
            quoted = not quoted
        elif not quoted:
            return match.end()
    return len(data)


def matched_columns(text: CsvText, columns: Sequence[Column], extra: str) -> dict[str, Column]:
    """The known columns by the name that the file gives them."""
    wanted = {name: column for column in columns for name in (column.name, *column.aliases)}
    known = {name: wanted[name] for name in text.names if name in wanted}
    twice = [column.name for column in columns if list(known.values()).count(column) > 1]
    if twice:
        names = " and ".join(name for name, column in known.items() if column.name == twice[0])
        raise FormatError(
            f"{names} mean the same column", place=at(text.path, text.header_row), remedy="delete one of them"
        )
    unknown = [name for name in text.names if name not in known]
    absent = [column for column in columns if column not in known.values()]
    for column in absent:
        near = "" if _separator_hint(text) else _nearest(column, unknown, 0.75 if column.required else 0.85)
        if column.required:
            raise FormatError(
                "this column is missing" + _seen(text, near),
                place=at(text.path, text.header_row, column.name),
                remedy=f"rename {near} when it is that column in the same unit"
                if near
                else _separator_hint(text) or "add it, or name it as it should be",
            )
        if near:
            raise FormatError(
                f"this column is not known, but is close to {column.name}",
                place=at(text.path, text.header_row, near),
                remedy=f"rename it {column.name} when it is that column in the same unit, else name it otherwise",
            )
    if unknown and extra == "refuse":
        near = _nearest_name(unknown[0], list(wanted))
        raise FormatError(
            "this column is not known" + (f"; the nearest known is {near}" if near else ""),
            place=at(text.path, text.header_row, unknown[0]),
            remedy="rename or delete it",
        )
    return known


def _seen(text: CsvText, near: str) -> str:
    if near:
        return f"; the nearest that is there is {near}"
    return f"; there are {', '.join(text.names[:8])}{' ...' if len(text.names) > 8 else ''}"


def _separator_hint(text: CsvText) -> str:
    for other, name in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars"), (",", "commas")):
        if len(text.names) == 1 and other != text.separator and other in text.names[0]:
            return f"the cells seem to be separated by {name}"
    return ""


def _nearest(column: Column, names: Sequence[str], likeness: float) -> str:
    for known in (column.name, *column.aliases):
        near = _nearest_name(known, names, likeness)
        if near:
            return near
    return ""


def _nearest_name(name: str, others: Sequence[str], likeness: float = 0.75) -> str:
    """The name that is likest, or the same with something (a unit, say) added; empty when none is."""

    def plain(text: str) -> str:
        return re.sub(r"[^a-z0-9]", "", text.lower())

    close = difflib.get_close_matches(plain(name), [plain(other) for other in others], n=1, cutoff=likeness)
    for other in others:
        longer = len(plain(name)) > 3 and (plain(other).startswith(plain(name)) or plain(name).startswith(plain(other)))
        if (close and plain(other) == close[0]) or (longer and len(plain(other)) > 3):
            return other
    return ""
