"""Cases as plain JSON values, for the files that describe a whole data set."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from ctgaze_app.formats.contract import FormatError, at
from ctgaze_app.formats.dataset import CaseRecord


class StrictRecord(BaseModel):
    """Part of a JSON file: no unknown fields."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class CaseFields(StrictRecord):
    """A `CaseRecord` as JSON."""

    case: str
    patient: str
    shape_kji: tuple[int, int, int]
    affine_lps: list[list[float]] | None
    kind: Literal["volume", "image"]
    report: dict[str, str]
    attributes: dict[str, str]


def case_fields(record: CaseRecord) -> dict[str, Any]:
    """A case as plain JSON values."""
    return {
        "case": record.case,
        "patient": record.patient,
        "shape_kji": [int(size) for size in record.shape_kji],
        "affine_lps": None if record.affine_lps is None else np.asarray(record.affine_lps, dtype=np.float64).tolist(),
        "kind": record.kind,
        "report": dict(record.report),
        "attributes": dict(record.attributes),
    }


def case_from_fields(path: Path, record: CaseFields) -> CaseRecord:
    """The case; raises `FormatError` naming `path` when its affine is none."""
    affine = None
    if record.affine_lps is not None:
        affine = np.array(record.affine_lps, dtype=np.float64) if _is_4x4(record.affine_lps) else np.zeros((1, 1))
        if affine.shape != (4, 4) or np.abs(affine).max() > 1e5 or abs(np.linalg.det(affine[:3, :3])) < 1e-12:
            raise FormatError(f"affine_lps of case {record.case[:40]} is no affine in mm", place=at(path))
    return CaseRecord(
        record.case, record.shape_kji, record.patient, affine, record.kind, record.report, record.attributes
    )


def _is_4x4(rows: list[list[float]]) -> bool:
    return len(rows) == 4 and all(len(row) == 4 for row in rows) and rows[3] == [0.0, 0.0, 0.0, 1.0]
