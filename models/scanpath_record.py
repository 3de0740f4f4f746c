"""Predicted scan paths as a plain record for JSON, with every field checked.

Numbers stand with all the digits that they have: predictions are rounded when they are made
(`models.ct_searcher.prediction`), so that the file loses nothing.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field, model_validator

from models.errors import ModelError
from models.prediction_records import Arrays, Code, Head, Record, Task, head_of
from models.predictions import ScanpathPrediction
from models.scanpath import Scanpath

MOST_PATHS = 10_000
MOST_FIXATIONS = 65_536
LONGEST_S = 3600.0

_Numbers = Annotated[tuple[float, ...], Field(min_length=1, max_length=MOST_FIXATIONS)]
_LISTS = ("x_voxel", "y_voxel", "z_voxel", "onset_s", "duration_s")


class PathRecord(Record):
    """One path."""

    trial: Code
    x_voxel: _Numbers
    y_voxel: _Numbers
    z_voxel: _Numbers
    onset_s: _Numbers
    duration_s: _Numbers

    @model_validator(mode="after")
    def _is_a_path(self) -> PathRecord:
        if len({len(getattr(self, name)) for name in _LISTS}) != 1:
            raise ValueError("its lists differ in length")
        if min(self.duration_s) < 0 or max(self.duration_s) > LONGEST_S:
            raise ValueError(f"durations are 0 to {LONGEST_S:g} s")
        if any(later < earlier for earlier, later in zip(self.onset_s, self.onset_s[1:], strict=False)):
            raise ValueError("onsets must ascend")
        return self


class ScanpathRecord(Head):
    """`ScanpathPrediction`."""

    TASK: ClassVar[Task] = "scanpath"

    kind: Literal["ctgaze scan path prediction"]
    paths: tuple[PathRecord, ...] = Field(min_length=1, max_length=MOST_PATHS)

    @model_validator(mode="after")
    def _in_the_volume(self) -> ScanpathRecord:
        for number, path in enumerate(self.paths, 1):
            for name, size in zip(("z_voxel", "y_voxel", "x_voxel"), self.shape_kji, strict=True):
                values = getattr(path, name)
                if min(values) < -0.5 or max(values) > size - 0.5:
                    raise ValueError(f"path {number} leaves the volume in {name}")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """Of the paths."""
        return tuple(path.trial for path in self.paths)

    def prediction(self, _arrays: Arrays) -> ScanpathPrediction:
        """As the application knows it."""
        common = self.common()
        place = {name: common.pop(name) for name in ("case", "patient", "shape_kji", "affine_lps")}
        paths = tuple(
            Scanpath(
                who=self.model,
                source="model",
                trial=one.trial,
                **place,
                x_voxel=np.array(one.x_voxel),
                y_voxel=np.array(one.y_voxel),
                z_voxel=np.array(one.z_voxel),
                onset_s=np.array(one.onset_s),
                duration_s=np.array(one.duration_s),
            )
            for one in self.paths
        )
        return ScanpathPrediction(paths=paths, **common)


def scanpath_content(prediction: ScanpathPrediction) -> dict[str, Any]:
    """Fields of the record.

    Raises
    ------
    ModelError
        When there is no path, one is empty, or they are not all on one case.
    """
    if not prediction.paths or any(not len(path) for path in prediction.paths):
        raise ModelError("a prediction without a fixation", remedy="predict again")
    first = prediction.paths[0]
    same = (first.case, first.patient, first.shape_kji)
    if any((path.case, path.patient, path.shape_kji) != same for path in prediction.paths):
        raise ModelError("paths of several cases in one prediction", remedy="keep one file for each case")
    head = head_of(prediction, case=first.case, patient=first.patient, shape=first.shape_kji, affine=first.affine_lps)
    paths = [
        {"trial": path.trial, **{name: getattr(path, name).tolist() for name in _LISTS}} for path in prediction.paths
    ]
    return {"kind": "ctgaze scan path prediction", **head, "paths": paths}
