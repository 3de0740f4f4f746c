"""Our own exchange folder: ``dataset.json`` (cases, screen, provenance, what every column means) and Parquet tables.

It loses nothing of a `DataSet`: what is written is read back equal, and every table is checked by its SHA-256.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from ctgaze_app.formats.case_fields import StrictRecord
from ctgaze_app.formats.checked_json import read_json_model
from ctgaze_app.formats.contract import Format, FormatError, at
from ctgaze_app.formats.dataset import DataSet
from ctgaze_app.formats.dataset_checks import TABLE_COLUMNS, check_dataset
from ctgaze_app.formats.dataset_columns import meanings
from ctgaze_app.formats.dataset_document import DocumentFields, TableName, check_document, dataset_of, document
from ctgaze_app.formats.written_files import json_bytes, write_files

if TYPE_CHECKING:
    import pandas as pd

DATASET_FILE = "dataset.json"
TEXT_COLUMNS = {
    "session",
    "reader",
    "case",
    "kind",
    "pupil_unit",
    "event",
    "value",
    "text",
    "source",
    "region",
    "group",
}
WHOLE_COLUMNS = {"trial", "fixation", "i_first", "i_last", "j_first", "j_last", "k_first", "k_last"}
FLAG_COLUMNS = {"on_image", "valid"}


class _Table(StrictRecord):
    file: str = Field(pattern=r"^[a-z]+\.parquet$")
    rows: int = Field(ge=0)
    sha256: str
    columns: dict[str, str]


class _Content(DocumentFields):
    format: Literal["ctgaze"]
    schema_version: Literal[1] = Field(alias="schema")
    tables: dict[TableName, _Table]


def read_ctgaze(path: Path, options: Mapping[str, str]) -> DataSet:
    """Read the folder (or its ``dataset.json``)."""
    path = Path(path)
    described = path / DATASET_FILE if path.is_dir() else path
    content = read_json_model(described, _Content)
    check_document(described, content, content.tables)
    tables = {name: _read_table(described, name, table) for name, table in content.tables.items()}
    return dataset_of(described, content, tables)


def write_ctgaze(dataset: DataSet, folder: Path, options: Mapping[str, str]) -> tuple[Path, ...]:
    """Write the folder; ``dataset.json`` comes last, so that its presence says that the tables are whole."""
    check_dataset(dataset, DATASET_FILE)
    files: dict[str, bytes] = {}
    tables = {}
    for name in TABLE_COLUMNS:
        table = getattr(dataset, name)
        if table is None:
            continue
        file = f"{name}.parquet"
        files[file] = _parquet_bytes(name, table)
        tables[name] = {
            "file": file,
            "rows": len(table),
            "sha256": hashlib.sha256(files[file]).hexdigest(),
            "columns": meanings(name, list(table.columns)),
        }
    return write_files(Path(folder), {**files, DATASET_FILE: json_bytes(document("ctgaze", dataset, tables))})


def _parquet_bytes(name: str, table: pd.DataFrame) -> bytes:
    import io

    import pyarrow as pa

    table = table.copy(deep=False)
    for column in TABLE_COLUMNS[name]:
        # Codes shared by many rows may come as categories, whole numbers as integers: the file has one form of each.
        if column in TEXT_COLUMNS and table[column].dtype.name == "category":
            table[column] = table[column].astype(str)
        elif _kind_of(column) == "f" and table[column].dtype.kind in "iuf":
            table[column] = table[column].astype("float64")
        if table[column].dtype.kind not in _kind_of(column):
            raise FormatError(
                f"{name}.{column} has the type {table[column].dtype}, which this layout cannot hold", place=DATASET_FILE
            )
    stream = io.BytesIO()
    try:
        table.to_parquet(stream, index=False)
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise FormatError(
            f"{name} cannot be written: {' '.join(str(error).split())[:200]}", place=DATASET_FILE
        ) from error
    return stream.getvalue()


def _kind_of(column: str) -> str:
    """Numpy's kinds that a column may have."""
    return (
        "O" if column in TEXT_COLUMNS else "iu" if column in WHOLE_COLUMNS else "b" if column in FLAG_COLUMNS else "f"
    )


def _read_table(described: Path, name: str, record: _Table) -> pd.DataFrame:
    import pandas as pd
    import pyarrow as pa

    path = described.parent / record.file
    if record.file != f"{name}.parquet" or not path.is_file():
        raise FormatError(f"the table {name} is missing", place=at(described), remedy="restore it from a copy")
    if hashlib.sha256(path.read_bytes()).hexdigest() != record.sha256:
        raise FormatError(
            f"was changed since {DATASET_FILE} was written", place=at(path), remedy="restore both from one copy"
        )
    try:
        table = pd.read_parquet(path)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise FormatError(f"is no Parquet table: {str(error)[:100]!r}", place=at(path)) from error
    if len(table) != record.rows or list(table.columns) != list(record.columns):
        raise FormatError(f"its table {name} has other rows or columns than it says", place=at(described))
    for column in TABLE_COLUMNS[name]:
        kind = table[column].dtype.kind if column in table else "?"
        right = _kind_of(column)
        if kind not in right:
            raise FormatError(f"has the type {kind}, not {right}", place=at(path, 1, column))
    return table


FORMAT = Format(
    name="ctgaze",
    title="CTGaze data set: a folder with dataset.json and Parquet tables; loses nothing",
    read=read_ctgaze,
    write=write_ctgaze,
    recognises=lambda path: (path / DATASET_FILE).is_file() or path.name == DATASET_FILE,
)
