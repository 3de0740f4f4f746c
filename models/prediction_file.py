"""Predictions of every task as JSON (schema 1), so that they can be kept, shown and compared.

Seconds that the computer took are left out unless asked for: without them the same prediction gives the same bytes.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import IO

from pydantic import ValidationError

from models.errors import ModelError
from models.packed_arrays import check_claims, unpack
from models.packed_text import text_without_arrays
from models.prediction_heads import PredictionHead
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
LARGEST_FILE = 2 << 30
"""Enough for as many arrays as may be, however badly they pack."""
_BEGINNING = 200
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


def read_prediction(
    path: Path, *, progress: Callable[[int, int], None] | None = None, cancelled: Callable[[], bool] = lambda: False
) -> Prediction:
    """A prediction from its file; `seconds` is NaN where the file does not say it.

    Parameters
    ----------
    progress
        Called with the bytes of arrays that are unpacked, and with how many there are.
    cancelled
        Asked after each mebibyte or so.

    Raises
    ------
    ModelError
        One line with file and field: missing, too large, no JSON, no kind that is known, another schema, values of a
        wrong kind, NaN, an empty path, places outside the volume, an array that is not what it claims to be.
    Cancelled
        After `cancelled` said so.
    """
    done = 0

    def grown(size: int) -> None:
        nonlocal done
        done += size
        if progress is not None:
            progress(done, total)

    with _open(Path(path)) as file:
        record = _record(file, cancelled)
        total = check_claims(record.claims())
        arrays = {one.name: unpack(one, file, grown=grown, cancelled=cancelled) for one in record.claims()}
        return record.prediction(arrays)


def read_head(path: Path, *, cancelled: Callable[[], bool] = lambda: False) -> PredictionHead:
    """What a list says of a prediction; its arrays are neither unpacked nor kept packed.

    Raises
    ------
    ModelError
        As `read_prediction`, but for what shows only when an array is unpacked.
    Cancelled
        After `cancelled` said so.
    """
    with _open(Path(path)) as file:
        return _record(file, cancelled).head()


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
            return _kind_of(file.read(_BEGINNING))
    except OSError:
        return ""


def _kind_of(beginning: bytes) -> str:
    return next((kind for kind in RECORDS if f'"{kind}"'.encode() in beginning), "")


def _record(file: IO[bytes], cancelled: Callable[[], bool]) -> _AnyRecord:
    kind = _kind_of(file.read(_BEGINNING))
    if not kind:
        raise ModelError("is no prediction of ctgaze", remedy="choose another file")
    file.seek(0)
    return RECORDS[kind].model_validate_json(text_without_arrays(file, cancelled=cancelled))


@contextmanager
def _open(path: Path) -> Iterator[IO[bytes]]:
    """The file, open; whatever is wrong with it becomes one line that names it."""
    if not path.is_file():
        raise ModelError("there is no such file", place=str(path), remedy="check its name")
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise ModelError(f"is larger than {LARGEST_FILE >> 30} GiB: no prediction")
        with path.open("rb") as file:
            yield file
    except ModelError as error:
        raise ModelError(error.message, place=str(path), remedy=error.remedy or _REMEDY) from error
    except OSError as error:
        raise ModelError(f"cannot be read: {error.strerror or error}", place=str(path)) from error
    except ValidationError as error:
        raise ModelError(_first_of(error)[:300], place=str(path), remedy=_REMEDY) from error


def _first_of(error: ValidationError) -> str:
    first = error.errors(include_input=False)[0]
    if first["type"] == "json_invalid":
        return f"is no JSON that can be used: {first['msg'].removeprefix('Invalid JSON: ')}"
    where = ".".join(str(part) for part in first["loc"])[:100] or "top level"
    said = "this field is missing" if first["type"] == "missing" else first["msg"].removeprefix("Value error, ")
    return f"{where}: {said}"
