"""Predictions of every task as JSON (schema 1), so that they can be kept, shown and compared.

Seconds that the computer took are left out unless asked for: without them the same prediction gives the same bytes.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NoReturn

from pydantic import ValidationError

from models.errors import ModelError
from models.prediction_records import ClassificationRecord, SaliencyRecord, SegmentationRecord, content_of
from models.predictions import Prediction, ScanpathPrediction
from models.scanpath_record import ScanpathRecord, scanpath_content
from models.whole_files import write_whole

_AnyRecord = ScanpathRecord | ClassificationRecord | SegmentationRecord | SaliencyRecord

RECORDS: Mapping[str, type[_AnyRecord]] = MappingProxyType(
    {
        "ctgaze scan path prediction": ScanpathRecord,
        "ctgaze classification prediction": ClassificationRecord,
        "ctgaze segmentation prediction": SegmentationRecord,
        "ctgaze saliency prediction": SaliencyRecord,
    }
)
"""By the field `kind`, with which a file begins."""
SCANPATHS = "ctgaze scan path prediction"
LARGEST_FILE = 512 << 20
_REMEDY = "predict again"


def prediction_json(prediction: Prediction, *, timing: bool = False) -> str:
    """The prediction as text, LF at the end.

    Parameters
    ----------
    timing
        Also how long it took, which differs from run to run.

    Raises
    ------
    ModelError
        When there is nothing in it, or something that JSON cannot hold.
    """
    content = scanpath_content(prediction) if isinstance(prediction, ScanpathPrediction) else content_of(prediction)
    if timing and math.isfinite(prediction.seconds):
        content["seconds"] = round(prediction.seconds, 3)
    try:
        return json.dumps(content, allow_nan=False, ensure_ascii=False) + "\n"
    except (TypeError, ValueError) as error:
        raise ModelError(f"a prediction that JSON cannot hold: {error}") from error


def write_prediction(path: Path, prediction: Prediction, *, timing: bool = False) -> Path:
    """Write the file whole or not at all; replaces one that is there.

    Raises
    ------
    ModelError
        As `prediction_json`, or the folder refuses.
    """
    return write_whole(Path(path), prediction_json(prediction, timing=timing))


def is_prediction(path: Path) -> bool:
    """Whether a file begins like one of ours, of any task; nothing more of it is read."""
    return bool(_kind(Path(path)))


def is_scanpath_prediction(path: Path) -> bool:
    """As `is_prediction`, of scan paths."""
    return _kind(Path(path)) == SCANPATHS


def read_prediction(path: Path) -> Prediction:
    """A prediction from its file; `seconds` is NaN where the file does not say it.

    Raises
    ------
    ModelError
        One line with file and field: missing, too large, no JSON, no kind that is known, another schema, values of a
        wrong kind, NaN, an empty path, places outside the volume, an array that is not what it claims to be.
    """
    path = Path(path)
    record = _record(path)
    try:
        return record.prediction()
    except ModelError as error:
        raise ModelError(error.message, place=str(path), remedy=_REMEDY) from error


def read_scanpath_prediction(path: Path) -> ScanpathPrediction:
    """As `read_prediction`; another task's file is refused."""
    found = read_prediction(path)
    if not isinstance(found, ScanpathPrediction):
        raise ModelError("holds no scan paths", place=str(path), remedy="choose another file")
    return found


def _kind(path: Path) -> str:
    if path.suffix.lower() != ".json" or not path.is_file():
        return ""
    try:
        with path.open("rb") as file:
            start = file.read(200)
    except OSError:
        return ""
    return next((kind for kind in RECORDS if f'"{kind}"'.encode() in start), "")


def _record(path: Path) -> _AnyRecord:
    if not path.is_file():
        raise ModelError("there is no such file", place=str(path), remedy="check its name")
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise ModelError(f"is larger than {LARGEST_FILE >> 20} MiB: no prediction", place=str(path), remedy=_REMEDY)
        text = path.read_text(encoding="utf-8")
        content: Any = json.loads(text, parse_constant=_refused)
        kind = content.get("kind") if isinstance(content, dict) else None
        record = RECORDS.get(kind) if isinstance(kind, str) else None
        if record is None:
            raise ModelError("is no prediction of ctgaze", place=str(path), remedy="choose another file")
        del content
        return record.model_validate_json(text)
    except OSError as error:
        raise ModelError(f"cannot be read: {error.strerror or error}", place=str(path)) from error
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])[:100] or "top level"
        said = "this field is missing" if first["type"] == "missing" else first["msg"].removeprefix("Value error, ")
        raise ModelError(f"{where}: {said}"[:300], place=str(path), remedy=_REMEDY) from error
    except (ValueError, RecursionError) as error:
        said = str(error).strip().splitlines()[0][:160] if str(error).strip() else type(error).__name__
        raise ModelError(f"is no JSON that can be used: {said}", place=str(path), remedy=_REMEDY) from error


def _refused(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number that can be measured")
