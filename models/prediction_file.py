"""Predicted scan paths as JSON (schema 1), so that a prediction can be kept, shown and compared.

Numbers stand with all the digits that they have: predictions are rounded when they are made
(`models.ct_searcher.prediction`), so that the file loses nothing. Seconds that the computer took are left out unless
asked for: without them the same prediction gives the same bytes.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from models.errors import ModelError
from models.predictions import RESEARCH_ONLY, ScanpathPrediction
from models.scanpath import Scanpath
from models.whole_files import write_whole

KIND = "ctgaze scan path prediction"
LARGEST_FILE = 64 << 20
MOST_PATHS = 10_000
MOST_FIXATIONS = 65_536
LONGEST_S = 3600.0

_Code = Annotated[str, Field(max_length=200)]
_Size = Annotated[int, Field(ge=1, le=65_536)]
_Numbers = Annotated[tuple[float, ...], Field(min_length=1, max_length=MOST_FIXATIONS)]
_Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_Plain = str | int | float | bool | None


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class _PathRecord(_Part):
    trial: _Code
    x_voxel: _Numbers
    y_voxel: _Numbers
    z_voxel: _Numbers
    onset_s: _Numbers
    duration_s: _Numbers

    @model_validator(mode="after")
    def _is_a_path(self) -> _PathRecord:
        if (
            len({len(values) for values in (self.x_voxel, self.y_voxel, self.z_voxel, self.onset_s, self.duration_s)})
            != 1
        ):
            raise ValueError("its lists differ in length")
        if min(self.duration_s) < 0 or max(self.duration_s) > LONGEST_S:
            raise ValueError(f"durations are 0 to {LONGEST_S:g} s")
        if any(later < earlier for earlier, later in zip(self.onset_s, self.onset_s[1:], strict=False)):
            raise ValueError("onsets must ascend")
        return self


class _PredictionRecord(_Part):
    kind: Literal["ctgaze scan path prediction"]
    schema_version: Literal[1] = Field(alias="schema")
    note: str
    model: _Code
    version: _Code
    model_sha256: _Digest
    case: _Code
    patient: _Code
    volume_sha256: _Digest
    shape_kji: tuple[_Size, _Size, _Size]
    affine_lps: tuple[tuple[float, float, float, float], ...] | None = Field(max_length=4, min_length=4)
    device: _Code
    seconds: float | None = Field(default=None, ge=0)
    parameters: dict[_Code, _Plain]
    paths: tuple[_PathRecord, ...] = Field(min_length=1, max_length=MOST_PATHS)

    @model_validator(mode="after")
    def _in_the_volume(self) -> _PredictionRecord:
        for number, path in enumerate(self.paths, 1):
            for name, size in zip(("z_voxel", "y_voxel", "x_voxel"), self.shape_kji, strict=True):
                values = getattr(path, name)
                if min(values) < -0.5 or max(values) > size - 0.5:
                    raise ValueError(f"path {number} leaves the volume in {name}")
        if self.affine_lps is not None and abs(np.linalg.det(np.array(self.affine_lps)[:3, :3])) < 1e-9:
            raise ValueError("affine_lps is no map to millimetres")
        return self


def prediction_json(prediction: ScanpathPrediction, *, timing: bool = False) -> str:
    """The prediction as text, LF at the end.

    Parameters
    ----------
    timing
        Also how long it took, which differs from run to run.

    Raises
    ------
    ModelError
        When there is no path, one is empty, or they are not all on one case.
    """
    if not prediction.paths or any(not len(path) for path in prediction.paths):
        raise ModelError("a prediction without a fixation", remedy="predict again")
    first = prediction.paths[0]
    if any(
        (path.case, path.patient, path.shape_kji) != (first.case, first.patient, first.shape_kji)
        for path in prediction.paths
    ):
        raise ModelError("paths of several cases in one prediction", remedy="keep one file for each case")
    content: dict[str, Any] = {
        "kind": KIND,
        "schema": 1,
        "note": RESEARCH_ONLY,
        "model": prediction.model,
        "version": prediction.version,
        "model_sha256": prediction.model_sha256,
        "case": first.case,
        "patient": first.patient,
        "volume_sha256": prediction.volume_sha256,
        "shape_kji": list(first.shape_kji),
        "affine_lps": None if first.affine_lps is None else first.affine_lps.tolist(),
        "device": prediction.device,
        **({"seconds": round(prediction.seconds, 3)} if timing and math.isfinite(prediction.seconds) else {}),
        "parameters": prediction.parameters,
        "paths": [
            {
                "trial": path.trial,
                **{
                    name: getattr(path, name).tolist()
                    for name in ("x_voxel", "y_voxel", "z_voxel", "onset_s", "duration_s")
                },
            }
            for path in prediction.paths
        ],
    }
    try:
        return json.dumps(content, allow_nan=False, ensure_ascii=False) + "\n"
    except ValueError as error:
        raise ModelError(f"a prediction that JSON cannot hold: {error}") from error


def write_prediction(path: Path, prediction: ScanpathPrediction, *, timing: bool = False) -> Path:
    """Write the file whole or not at all; replaces one that is there.

    Raises
    ------
    ModelError
        As `prediction_json`, or the folder refuses.
    """
    return write_whole(Path(path), prediction_json(prediction, timing=timing))


def is_prediction(path: Path) -> bool:
    """Whether a file begins like one of ours; nothing more of it is read."""
    path = Path(path)
    if path.suffix.lower() != ".json" or not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            return f'"{KIND}"'.encode() in file.read(200)
    except OSError:
        return False


def read_prediction(path: Path) -> ScanpathPrediction:
    """A prediction from its file; `seconds` is NaN where the file does not say it.

    Raises
    ------
    ModelError
        One line with file and field: missing, too large, no JSON, another schema, values of a wrong kind, NaN, an empty
        path, places outside the volume.
    """
    path = Path(path)
    record = _record(path)
    affine = None if record.affine_lps is None else np.array(record.affine_lps)
    paths = tuple(
        Scanpath(
            who=record.model,
            case=record.case,
            patient=record.patient,
            shape_kji=record.shape_kji,
            affine_lps=affine,
            source="model",
            trial=one.trial,
            x_voxel=np.array(one.x_voxel),
            y_voxel=np.array(one.y_voxel),
            z_voxel=np.array(one.z_voxel),
            duration_s=np.array(one.duration_s),
            onset_s=np.array(one.onset_s),
        )
        for one in record.paths
    )
    return ScanpathPrediction(
        paths=paths,
        model=record.model,
        version=record.version,
        model_sha256=record.model_sha256,
        volume_sha256=record.volume_sha256,
        device=record.device,
        seconds=math.nan if record.seconds is None else record.seconds,
        parameters=dict(record.parameters),
    )


def _record(path: Path) -> _PredictionRecord:
    remedy = "predict again"
    if not path.is_file():
        raise ModelError("there is no such file", place=str(path), remedy="check its name")
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise ModelError(f"is larger than {LARGEST_FILE >> 20} MiB: no prediction", place=str(path), remedy=remedy)
        content = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refused)
        if not isinstance(content, dict) or content.get("kind") != KIND:
            raise ModelError("is no prediction of ctgaze", place=str(path), remedy="choose another file")
        return _PredictionRecord.model_validate_json(json.dumps(content, allow_nan=False))
    except OSError as error:
        raise ModelError(f"cannot be read: {error.strerror or error}", place=str(path)) from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])[:100] or "top level"
        said = "this field is missing" if first["type"] == "missing" else first["msg"].removeprefix("Value error, ")
        raise ModelError(f"{where}: {said}"[:300], place=str(path), remedy=remedy) from error
    except (ValueError, RecursionError) as error:
        said = str(error).strip().splitlines()[0][:160] if str(error).strip() else type(error).__name__
        raise ModelError(f"is no JSON that can be used: {said}", place=str(path), remedy=remedy) from error


def _refused(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number that can be measured")
