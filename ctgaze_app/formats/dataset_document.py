"""What stands beside the tables of a data set in our own two folder formats: cases, screen, source and provenance."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ctgaze_app.formats.case_fields import CaseFields, StrictRecord, case_fields, case_from_fields
from ctgaze_app.formats.contract import FormatError, at
from ctgaze_app.formats.dataset import DataSet
from ctgaze_app.formats.dataset_checks import check_dataset

if TYPE_CHECKING:
    import pandas as pd

TableName = Literal["fixations", "samples", "events", "words", "regions"]


class DocumentFields(StrictRecord):
    """The fields that both formats share."""

    source: Literal["reader", "model", "simulated"]
    screen: dict[str, float]
    cases: list[CaseFields]
    provenance: dict[str, Any]


def document(format_name: str, dataset: DataSet, tables: Mapping[str, Any]) -> dict[str, Any]:
    """The document as plain JSON values."""
    return {
        "format": format_name,
        "schema": 1,
        "source": dataset.source,
        "screen": {name: float(value) for name, value in dataset.screen.items()},
        "cases": [case_fields(record) for record in dataset.cases],
        "tables": dict(tables),
        "provenance": dict(dataset.provenance),
    }


def check_document(described: Path, content: DocumentFields, tables: Mapping[TableName, object]) -> None:
    """Refuse a document without fixations or with a screen that cannot be, before any table is read."""
    if "fixations" not in tables:
        raise FormatError("names no table of fixations", place=at(described), remedy="restore it from a copy")
    for name, value in content.screen.items():
        if not 0 < value < 1e6:
            raise FormatError(f"screen.{name}: {value} cannot be", place=at(described), remedy="correct this field")


def dataset_of(
    described: Path,
    content: DocumentFields,
    tables: Mapping[TableName, pd.DataFrame],
    files: Mapping[str, Path] | None = None,
) -> DataSet:
    """The checked data set of a document and its tables; `files` as for `check_dataset`."""
    dataset = DataSet(
        cases=tuple(case_from_fields(described, record) for record in content.cases),
        fixations=tables["fixations"],
        samples=tables.get("samples"),
        events=tables.get("events"),
        words=tables.get("words"),
        regions=tables.get("regions"),
        screen=content.screen,
        source=content.source,
        provenance=content.provenance,
    )
    check_dataset(dataset, described, files)
    return dataset
