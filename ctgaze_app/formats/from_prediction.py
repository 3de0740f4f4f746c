"""Predicted scan paths as a data set, so that they can be exported and compared as readings are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ctgaze_app.formats.contract import FormatError
from ctgaze_app.formats.dataset import FIXATION_COLUMNS, CaseRecord, DataSet
from models.errors import ModelError
from models.prediction_file import is_scanpath_prediction, read_scanpath_prediction
from models.predictions import RESEARCH_ONLY, ScanpathPrediction
from models.scanpath import Scanpath


def prediction_files(path: Path) -> tuple[Path, ...]:
    """The prediction that a file is, or those that a folder holds; none when it is something else."""
    if path.is_dir():
        return tuple(sorted(one for one in path.glob("*.json") if is_scanpath_prediction(one)))
    return (path,) if is_scanpath_prediction(path) else ()


def predicted_paths(files: tuple[Path, ...]) -> tuple[Scanpath, ...]:
    """Paths of predictions; of several files, each path's trial names its file.

    Raises
    ------
    FormatError
        When a file is no prediction that can be used.
    """
    paths: list[Scanpath] = []
    for file in files:
        found = checked_prediction(file).paths
        paths += found if len(files) == 1 else (replace(one, trial=f"{file.stem} {one.trial}") for one in found)
    return tuple(paths)


def checked_prediction(file: Path) -> ScanpathPrediction:
    """The prediction that a file holds; raises `FormatError` when it cannot be used."""
    try:
        return read_scanpath_prediction(file)
    except ModelError as error:
        raise FormatError(error.message, place=file.name, remedy=error.remedy) from error


def dataset_from_prediction(prediction: ScanpathPrediction) -> DataSet:
    """Each sampled path is one trial of a reader called as the model is."""
    import pandas as pd

    first = prediction.paths[0]
    tables = [_fixations(number, path) for number, path in enumerate(prediction.paths, 1)]
    return DataSet(
        cases=(CaseRecord(first.case, first.shape_kji, first.patient, first.affine_lps),),
        fixations=pd.concat(tables, ignore_index=True),
        source="model",
        provenance={
            "format": "prediction",
            "options": {},
            "files": {},
            "notes": [f"{prediction.model} {prediction.version} - {RESEARCH_ONLY}."],
        },
    )


def _fixations(number: int, path: Scanpath) -> Any:
    import pandas as pd

    count = len(path)
    unknown = np.full(count, np.nan)
    columns = {
        "session": "", "reader": path.who, "trial": number, "case": path.case, "fixation": np.arange(1, count + 1),
        "kind": "fixation", "onset_s": path.onset_s, "duration_s": path.duration_s, "x_voxel": path.x_voxel,
        "y_voxel": path.y_voxel, "z_voxel": path.z_voxel, "on_image": np.ones(count, dtype=bool),
        "x_screen_norm": unknown, "y_screen_norm": unknown, "pupil": unknown, "pupil_unit": "",
        "uncertainty_mm": unknown,
    }  # fmt: skip
    return pd.DataFrame(columns)[list(FIXATION_COLUMNS)]
