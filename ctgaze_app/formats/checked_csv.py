"""Reads a CSV whose columns are known, fast, and refuses what would give wrong numbers with file, row and column.

Rows are records as a spreadsheet numbers them: the header is row 1 (or follows its comment lines), a record whose
quoted cell holds line ends is one row, a blank line counts though it holds nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ctgaze_app.formats.contract import FormatError, at
from ctgaze_app.formats.csv_header import Column, CsvText, matched_columns
from ctgaze_app.formats.text_file import read_text_bytes

if TYPE_CHECKING:
    import pandas as pd

__all__ = ("Column", "read_csv_table")

BLOCK_BYTES = 1 << 24
"""The longest record."""
FAST_BLOCK_BYTES = 1 << 20
"""What is parsed at once at first: stays in the cache, twice as fast as the longest."""
NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
NOT_A_NUMBER = r"^[+-]?(nan|inf|infinity)$"
FLAGS = {"true": True, "1": True, "1.0": True, "false": False, "0": False, "0.0": False}


def read_csv_table(
    path: Path,
    columns: Sequence[Column],
    *,
    separator: str = ",",
    extra: Literal["keep", "refuse", "drop"] = "keep",
    encoding: str = "utf-8",
    comment: str | None = None,
    empty: Literal["refuse", "keep"] = "refuse",
    unfinished: Literal["refuse", "keep"] = "refuse",
) -> pd.DataFrame:
    """The table, one row a record, columns in the file's order under the names of `columns`.

    A number column is float64; an integer column int64, or float64 when cells may be missing; a flag bool, or
    nullable ``boolean``.

    Parameters
    ----------
    extra
        Columns that are not in `columns`: kept as text, refused, or left out.
    comment
        Lines before the header that begin with this are passed over.
    empty
        What to do with a header without rows.
    unfinished
        What to do with a last line without a line end: its last number may have been cut.

    Raises
    ------
    FormatError
        With file, row and column, for anything that is not as `columns` say.
    """
    data = read_text_bytes(path, encoding=encoding)
    if unfinished == "refuse" and not data.endswith((b"\n", b"\r")):
        raise FormatError(
            "the last line has no line end, so the file may have been cut off within a cell",
            place=at(path),
            remedy="restore it from a copy, or add a line end when it is whole",
        )
    text = CsvText.split(path, data, separator, comment)
    known = matched_columns(text, columns, extra)
    if not bytes(text.body[:BLOCK_BYTES]).strip() and not bytes(text.body).strip():
        if empty == "refuse":
            raise FormatError("has a header and no rows", place=at(path), remedy="restore it from a copy")
        return _no_rows(text, known, extra)
    # The fast parser takes 0x1F for an integer.
    hexadecimal = b"0x" in data or b"0X" in data
    table = None if hexadecimal else _parse(text, known, extra, typed=True)
    if table is None:
        table = _parse(text, known, extra, typed=False)
    checked: dict[str, Any] = {}
    for name, values in zip(table.column_names, table.columns, strict=True):
        column = known.get(name)
        checked[column.name if column else name] = _checked(text, name, column, values)
    import pandas as pd

    return pd.DataFrame(checked, copy=False)


def _parse(text: CsvText, known: dict[str, Column], extra: str, *, typed: bool) -> Any:
    """The body as an arrow table; None when a cell does not fit its type and has to be looked for as text."""
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    numbers = {"number": pa.float64(), "integer": pa.int64()}
    types = {
        name: numbers.get(known[name].kind, pa.string()) if typed and name in known else pa.string()
        for name in text.names
    }
    uneven: list[tuple[int, int]] = []

    def told(row: Any) -> str:
        uneven.append((row.expected_columns, row.actual_columns))
        return "skip"

    options: dict[str, Any] = {
        "read_options": arrow_csv.ReadOptions(
            column_names=list(text.names), block_size=FAST_BLOCK_BYTES if typed else BLOCK_BYTES
        ),
        "parse_options": arrow_csv.ParseOptions(
            delimiter=text.separator, newlines_in_values=text.quotes > 0, invalid_row_handler=told
        ),
        "convert_options": arrow_csv.ConvertOptions(
            column_types=types,
            null_values=[""],
            strings_can_be_null=False,
            check_utf8=False,
            include_columns=[name for name in text.names if extra != "drop" or name in known],
        ),
    }
    if text.quotes % 2:
        # Marks in pairs close each other; a single one would swallow the rest of the file.
        for _ in text.records():
            pass
    try:
        table = arrow_csv.read_csv(pa.BufferReader(pa.py_buffer(text.body)), **options)
    except pa.ArrowInvalid as error:
        if uneven:
            raise _uneven(text, uneven[0]) from error
        if typed:
            return None
        raise FormatError(f"is not a CSV table: {_one_line(str(error))}", place=at(text.path)) from error
    if uneven:
        raise _uneven(text, uneven[0])
    return table


def _uneven(text: CsvText, cells: tuple[int, int]) -> FormatError:
    expected, found = cells
    row = None
    for number, record in text.records():
        if len(record) != expected:
            row, found = number, len(record)
            break
    few = "few" if found < expected else "many"
    return FormatError(
        f"too {few} cells: {found} where the header has {expected}",
        place=at(text.path, row),
        remedy="correct this row",
    )


def _checked(text: CsvText, name: str, column: Column | None, values: Any) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    if column is None or column.kind == "text":
        _check_text(text, name, column, values)
        return values.to_pandas()
    if pa.types.is_string(values.type) and column.kind == "flag":
        return _flags(text, name, column, values)
    if pa.types.is_string(values.type):
        values = _numbers_from_text(text, name, column, values)
    if values.null_count and not column.missing:
        raise text.fault("the cell is empty", _first(pc.is_null(values)), name, "fill it in")
    whole = column.kind == "integer" and values.null_count == 0
    numbers = values.to_numpy() if whole else np.asarray(pc.cast(values, pa.float64()).to_numpy(), dtype=np.float64)
    _check_numbers(text, name, column, numbers, values)
    return numbers if not column.missing else numbers.astype(np.float64)


def _check_text(text: CsvText, name: str, column: Column | None, values: Any) -> None:
    import pyarrow as pa
    import pyarrow.compute as pc

    if column is None:
        return
    blank = pc.equal(pc.utf8_trim_whitespace(values), "")
    if not column.missing and pc.any(blank).as_py():
        raise text.fault("the cell is empty", _first(blank), name, "fill it in")
    if column.choices:
        right = pc.or_(pc.is_in(values, value_set=pa.array(column.choices)), pc.and_(blank, pa.scalar(column.missing)))
        if not pc.all(right).as_py():
            index = _first(pc.invert(right))
            raise text.fault(f"{_shown(values[index].as_py())} is not one of {', '.join(column.choices)}", index, name)


def _check_numbers(text: CsvText, name: str, column: Column, numbers: Any, values: Any) -> None:
    if numbers.dtype.kind == "f":
        odd = ~np.isfinite(numbers)
        if column.missing:
            odd &= ~np.isnan(numbers)
        if odd.any():
            index = int(np.argmax(odd))
            raise text.fault(f"{numbers[index]} is not a number that can be measured", index, name)
    for bound, wrong, word in (
        (column.minimum, np.less, "below"),
        (column.maximum, np.greater, "above"),
    ):
        if bound is None:
            continue
        outside = wrong(numbers, bound)
        if outside.any():
            index = int(np.argmax(outside))
            raise text.fault(
                f"{numbers[index]:.10g} is {word} {bound:.10g}, which cannot be", index, name, "check unit and column"
            )


def _numbers_from_text(text: CsvText, name: str, column: Column, values: Any) -> Any:
    """Numbers out of cells of text; says which cell is none."""
    import pyarrow as pa
    import pyarrow.compute as pc

    trimmed = pc.utf8_trim_whitespace(values)
    blank = pc.equal(trimmed, "")
    shape = f"({NUMBER})|({NOT_A_NUMBER})"
    right = pc.or_(blank, pc.match_substring_regex(trimmed, shape, ignore_case=True))
    if not pc.all(right).as_py():
        index = _first(pc.invert(right))
        raise text.fault(f"{_shown(values[index].as_py())} is not a number", index, name, "correct this cell")
    known_only = pc.if_else(blank, pa.scalar(None, pa.string()), pc.replace_substring_regex(trimmed, r"^\+", ""))
    numbers = pc.cast(known_only, pa.float64())
    if column.kind == "number":
        return numbers
    known = pc.fill_null(numbers, 0.0).to_numpy()
    with np.errstate(invalid="ignore"):
        broken = (np.isfinite(known) & (known != np.rint(known))) | (np.abs(known) > 2.0**53)
    if broken.any():
        index = int(np.argmax(broken))
        raise text.fault(f"{_shown(values[index].as_py())} is not a whole number", index, name, "correct this cell")
    return numbers if not np.isfinite(known).all() else pc.cast(numbers, pa.int64())


def _flags(text: CsvText, name: str, column: Column, values: Any) -> Any:
    import pandas as pd
    import pyarrow as pa
    import pyarrow.compute as pc

    plain = pc.utf8_lower(pc.utf8_trim_whitespace(values))
    places = pc.index_in(plain, value_set=pa.array(list(FLAGS)))
    blank = pc.equal(plain, "")
    wrong = pc.and_(pc.is_null(places), pc.invert(blank))
    if pc.any(wrong).as_py():
        index = _first(wrong)
        raise text.fault(f"{_shown(values[index].as_py())} is neither true nor false", index, name, "write 1 or 0")
    if not column.missing and pc.any(blank).as_py():
        raise text.fault("the cell is empty", _first(blank), name, "fill it in")
    truth = np.array(list(FLAGS.values()))[pc.fill_null(places, 0).to_numpy()]
    return pd.arrays.BooleanArray(truth, places.is_null().to_numpy()) if column.missing else truth


def _no_rows(text: CsvText, known: dict[str, Column], extra: str) -> pd.DataFrame:
    import pandas as pd

    kinds = {"number": "float64", "integer": "int64", "flag": "bool", "text": "str"}
    return pd.DataFrame(
        {
            known[name].name if name in known else name: pd.Series(
                [], dtype=kinds[known[name].kind] if name in known else "str"
            )
            for name in text.names
            if extra != "drop" or name in known
        }
    )


def _first(mask: Any) -> int:
    return int(np.argmax(mask.to_numpy()))


def _shown(cell: str) -> str:
    return repr(cell if len(cell) <= 40 else cell[:40] + "...")


def _one_line(message: str) -> str:
    return " ".join(message.split())[:200]
