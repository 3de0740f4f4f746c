"""Plain tables for any statistics program: CSV or Parquet, with ``tables.json`` beside them that says what is what.

The CSV files need no reader of ours: one header, UTF-8, commas, LF, an empty cell for what is not known, all digits.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from ctgaze_app.formats.case_fields import StrictRecord
from ctgaze_app.formats.checked_csv import Column, read_csv_table
from ctgaze_app.formats.checked_json import read_json_model
from ctgaze_app.formats.contract import Format, FormatError, Option, at
from ctgaze_app.formats.dataset import DataSet
from ctgaze_app.formats.dataset_checks import TABLE_COLUMNS, check_dataset
from ctgaze_app.formats.dataset_columns import meanings
from ctgaze_app.formats.dataset_document import DocumentFields, TableName, check_document, dataset_of, document
from ctgaze_app.formats.written_files import csv_bytes, json_bytes, write_files

if TYPE_CHECKING:
    import pandas as pd

UNITS_FILE = "tables.json"
TYPES = {"O": "text", "i": "integer", "u": "integer", "b": "flag", "f": "number"}
FARTHEST = 1e7
"""No coordinate, duration or size in our units is beyond it."""
BOUNDS: Mapping[str, tuple[float, float]] = {
    "trial": (1, 1e6), "duration_s": (0, 1e6), "x_voxel": (-1e5, 1e5), "y_voxel": (-1e5, 1e5), "z_voxel": (-1e5, 1e5),
    "x_screen_norm": (-100, 100), "y_screen_norm": (-100, 100), "pupil": (0, 1e5), "uncertainty_mm": (0, 1e5),
}  # fmt: skip


class _Column(StrictRecord):
    type: Literal["text", "integer", "flag", "number"]
    meaning: str


class _Table(StrictRecord):
    file: str = Field(pattern=r"^[a-z]+\.(csv|parquet)$")
    rows: int = Field(ge=0)
    columns: dict[str, _Column]


class _Content(DocumentFields):
    format: Literal["plain_tables"]
    version: Literal[1] = Field(alias="schema")
    tables: dict[TableName, _Table]


def write_plain_tables(dataset: DataSet, folder: Path, options: Mapping[str, str]) -> tuple[Path, ...]:
    """Write every table that the data set has, and ``tables.json``."""
    check_dataset(dataset, "plain_tables")
    files: dict[str, bytes] = {}
    tables: dict[str, Any] = {}
    for name in TABLE_COLUMNS:
        table = getattr(dataset, name)
        if table is None or (name == "samples" and options["samples"] == "no"):
            continue
        file = f"{name}.{options['type']}"
        files[file] = csv_bytes(table) if options["type"] == "csv" else _parquet_bytes(table)
        columns = meanings(name, list(table.columns))
        tables[name] = {
            "file": file,
            "rows": len(table),
            "columns": {
                column: {"type": TYPES[table[column].dtype.kind], "meaning": meaning}
                for column, meaning in columns.items()
            },
        }
    return write_files(Path(folder), {**files, UNITS_FILE: json_bytes(document("plain_tables", dataset, tables))})


def _parquet_bytes(table: pd.DataFrame) -> bytes:
    import io

    stream = io.BytesIO()
    table.to_parquet(stream, index=False)
    return stream.getvalue()


def read_plain_tables(path: Path, options: Mapping[str, str]) -> DataSet:
    """Read the folder (or its ``tables.json``); a CSV may have been edited as long as it keeps its rows."""
    path = Path(path)
    described = path / UNITS_FILE if path.is_dir() else path
    content = read_json_model(described, _Content)
    check_document(described, content, content.tables)
    tables = {name: _read(described, name, table) for name, table in content.tables.items()}
    files: dict[str, Path] = {name: described.parent / table.file for name, table in content.tables.items()}
    return dataset_of(described, content, tables, files)


def _read(described: Path, name: str, record: _Table) -> pd.DataFrame:
    path = described.parent / record.file
    if Path(record.file).stem != name:
        raise FormatError(f"names {record.file} as table {name}", place=at(described), remedy="correct this field")
    absent = [column for column in TABLE_COLUMNS[name] if column not in record.columns]
    if absent:
        raise FormatError(f"table {name} has no column {absent[0]}", place=at(described), remedy="restore it")
    table = _read_parquet(path, record) if path.suffix == ".parquet" else _read_csv(path, record)
    if len(table) != record.rows:
        raise FormatError(
            f"has {len(table)} rows where {UNITS_FILE} says {record.rows}",
            place=at(path),
            remedy=f"restore it, or correct rows in {UNITS_FILE} when rows were taken out on purpose",
        )
    return table[list(record.columns)]


def _read_csv(path: Path, record: _Table) -> pd.DataFrame:
    columns = []
    for column, described in record.columns.items():
        low, high = BOUNDS.get(column, (-FARTHEST, FARTHEST))
        numeric = described.type in ("number", "integer")
        columns.append(
            Column(
                column,
                described.type,
                minimum=low if numeric else None,
                maximum=high if numeric else None,
                missing=described.type in ("number", "text"),
            )
        )
    return read_csv_table(path, columns, extra="refuse", empty="keep")


def _read_parquet(path: Path, record: _Table) -> pd.DataFrame:
    import pandas as pd
    import pyarrow as pa

    try:
        table = pd.read_parquet(path)
    except FileNotFoundError as error:
        raise FormatError("there is no such file", place=at(path), remedy="check its name") from error
    except (OSError, ValueError, pa.ArrowException) as error:
        raise FormatError(f"is no Parquet table: {str(error)[:100]!r}", place=at(path)) from error
    for column, described in record.columns.items():
        if column not in table or TYPES.get(table[column].dtype.kind) != described.type:
            raise FormatError(f"is no column of type {described.type}", place=at(path, 1, column), remedy="restore it")
    return table


FORMAT = Format(
    name="plain_tables",
    title="plain CSV or Parquet tables with their units in tables.json",
    read=read_plain_tables,
    write=write_plain_tables,
    write_options=(
        Option("type", "kind of the tables", ("csv", "parquet"), "csv"),
        Option("samples", "whether the gaze samples are written too", ("yes", "no"), "yes"),
        Option("session_tables", "whether dwell segments and the like of sessions come too", ("yes", "no"), "yes"),
    ),
    recognises=lambda path: (path / UNITS_FILE).is_file() or path.name == UNITS_FILE,
)
