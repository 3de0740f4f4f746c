"""CT-ScanGaze JSON: records with X, Y, Z, T lists, flat or by reader (layout of the CT-ScanGaze repository's README).

The file does not say where its indices begin, which axis X counts, or whether Z is a slice or scaled to 512; all three
must be declared. ``scaled_512`` lays 512 equal steps from the volume's first to its last edge: index p (from 0) of D
slices is slice (p + 0.5) * D / 512 - 0.5. The published loader turns coordinates off the grid into a stop token or an
IndexError; here they are refused with file and record. Fields of our own, which that loader passes over: ``onset``
(seconds) and ``kind``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ctgaze_app.formats.case_grids import SHAPE_HELP, CaseGrid, read_case_grids
from ctgaze_app.formats.contract import Format, FormatError, Option, at
from ctgaze_app.formats.dataset import FIXATION_COLUMNS, KEYS, CaseRecord, DataSet
from ctgaze_app.formats.dataset_checks import check_dataset
from ctgaze_app.formats.scangaze_records import GazeRecord, parse_records
from ctgaze_app.formats.text_file import first_bytes
from ctgaze_app.formats.written_files import json_bytes, write_files

if TYPE_CHECKING:
    import pandas as pd

SCALED = 512.0
"""The published model's grid (reference 1.3)."""
DECIMALS = 9
"""Of a voxel after the index base was taken away: undoes what adding 1 did to the last bits."""
FILE_NAME = "ct_scangaze.json"
NOTE_FILE = "export.json"

_BASE = Option("index_base", "whether the first column, row and slice is 0 or 1", ("0", "1"))
_Z = Option("z", "whether Z is a slice number or scaled so that the volume has 512 slices", ("slice", "scaled_512"))
_AXES = Option("axes", "whether X counts columns and Y rows, or the reverse", ("column_row", "row_column"))
_XY = Option("xy", "whether X and Y are pixels or scaled to a 512 x 512 grid", ("pixel", "scaled_512"), "pixel")


def read_ct_scangaze(path: Path, options: Mapping[str, str]) -> DataSet:
    """Read the JSON; each record is one trial, numbered per reader in the order of the file."""
    import pandas as pd

    path = Path(path)
    records = parse_records(path)
    grids = read_case_grids(options["shape"], dict.fromkeys(record.name for record in records))
    parts: list[pd.DataFrame] = []
    reports: dict[str, dict[str, str]] = {name: {} for name in grids}
    trials: dict[str, int] = {}
    for record in records:
        trial = trials[record.reader] = trials.get(record.reader, 0) + 1
        if len(record.X):
            parts.append(_fixations(record, trial, _voxels(path, record, grids[record.name], options)))
        if record.report:
            known = reports[record.name]
            same = known.get(record.reader, record.report) == record.report
            known[record.reader if same else f"{record.reader}:{trial}"] = record.report
    if not parts:
        raise FormatError("no record holds a fixation", place=at(path), remedy="restore it from a copy")
    dummies = sorted({name for record in records for name in record.unused})
    notes = [f"Fields that the layout does not know were left out: {', '.join(dummies)[:300]}."] if dummies else []
    dataset = DataSet(
        cases=tuple(
            CaseRecord(name, grid.shape_kji, name, grid.affine_lps, report=reports[name])
            for name, grid in grids.items()
        ),
        fixations=pd.concat(parts, ignore_index=True),
        provenance={
            "format": "ct_scangaze",
            # A path is the user's own matter; only its last part is kept.
            "options": {**options, "shape": Path(options["shape"]).name},
            "files": {path.name: hashlib.sha256(path.read_bytes()).hexdigest()},
            "notes": notes,
        },
    )
    check_dataset(dataset, path)
    return dataset


def _voxels(path: Path, record: GazeRecord, grid: CaseGrid, options: Mapping[str, str]) -> NDArray[np.float64]:
    """(N, 3) i, j, k."""
    base = float(options["index_base"])
    slices, rows, columns = grid.shape_kji
    first, second = (columns, rows) if options["axes"] == "column_row" else (rows, columns)
    found = {}
    for name, size, scaled in (
        ("X", first, options["xy"] == "scaled_512"),
        ("Y", second, options["xy"] == "scaled_512"),
        ("Z", slices, options["z"] == "scaled_512"),
    ):
        index = getattr(record, name) - base
        if scaled:
            index = (index + 0.5) * (size / SCALED) - 0.5
        index = np.round(index, DECIMALS)
        outside = (index < -0.5) | (index > size - 0.5)
        if outside.any():
            place = int(np.argmax(outside))
            raise FormatError(
                f"{name} of fixation {place + 1} is {getattr(record, name)[place]:g}, outside the {size} of case "
                f"{record.name[:60]!r}",
                place=f"{at(path)}, {record.place}.{name}",
                remedy="check index_base, z, axes, xy and shape",
            )
        found[name] = index
    i, j = (found["X"], found["Y"]) if options["axes"] == "column_row" else (found["Y"], found["X"])
    return np.stack([i, j, found["Z"]], axis=1)


def _fixations(record: GazeRecord, trial: int, voxel: NDArray[np.float64]) -> pd.DataFrame:
    import pandas as pd

    count = len(voxel)
    unknown = np.full(count, np.nan)
    columns: dict[str, Any] = {
        "session": "", "reader": record.reader, "trial": trial, "case": record.name,
        "fixation": np.arange(1, count + 1), "kind": list(record.kind or ["fixation"] * count),
        "onset_s": record.onset if record.onset is not None else unknown, "duration_s": record.T,
        "x_voxel": voxel[:, 0], "y_voxel": voxel[:, 1], "z_voxel": voxel[:, 2], "on_image": np.ones(count, dtype=bool),
        "x_screen_norm": unknown, "y_screen_norm": unknown, "pupil": unknown, "pupil_unit": "",
        "uncertainty_mm": unknown, "source_task": record.task, "source_split": record.split,
    }  # fmt: skip
    if record.K is not None:
        columns["source_K"] = record.K
    return pd.DataFrame(columns)[[*FIXATION_COLUMNS, *(name for name in columns if name.startswith("source_"))]]


def write_ct_scangaze(dataset: DataSet, folder: Path, options: Mapping[str, str]) -> tuple[Path, ...]:
    """Write the JSON and beside it what was declared; fixations off the image and of calibration are left out."""
    folder = Path(folder)
    check_dataset(dataset, FILE_NAME)
    shown = dataset.fixations[dataset.fixations["on_image"].astype(bool) & (dataset.fixations["kind"] != "calibration")]
    if shown.empty:
        raise FormatError("there is no fixation on an image", place=FILE_NAME, remedy="choose other trials")
    records = [_record(dataset, keys, rows, options) for keys, rows in shown.groupby(list(KEYS), sort=False)]
    content: Any = records
    if options["layout"] == "dict":
        content = {}
        for record in records:
            content.setdefault(record["subject"], []).append(record)
    left_out = len(dataset.fixations) - len(shown)
    note = {
        "format": "ct_scangaze",
        "options": dict(options),
        "units": {"X, Y": "see options", "Z": "see options", "T": "s", "onset": "s from the first visible view"},
        "fields_of_our_own": ["onset", "kind"],
        "fixations_left_out_off_image_or_calibration": left_out,
    }
    return write_files(folder, {FILE_NAME: json_bytes(content), NOTE_FILE: json_bytes(note)})


def _record(dataset: DataSet, keys: tuple[Any, ...], rows: pd.DataFrame, options: Mapping[str, str]) -> dict[str, Any]:
    _, reader, trial, case = keys
    record = dataset.case(case)
    slices, height, width = record.shape_kji

    def written(name: str, size: int, scaled: bool) -> list[float]:
        index = rows[name].to_numpy(np.float64)
        if scaled:
            index = (index + 0.5) * (SCALED / size) - 0.5
        numbers: list[float] = np.round(index + float(options["index_base"]), DECIMALS).tolist()
        return numbers

    columns = written("x_voxel", width, options["xy"] == "scaled_512")
    lines = written("y_voxel", height, options["xy"] == "scaled_512")
    straight = options["axes"] == "column_row"
    found: dict[str, Any] = {
        "name": str(case),
        "subject": str(reader),
        "task": _same(rows, "source_task", options["task"]),
        "X": columns if straight else lines,
        "Y": lines if straight else columns,
        "Z": written("z_voxel", slices, options["z"] == "scaled_512"),
        "T": rows["duration_s"].tolist(),
        "length": len(rows),
        "split": _same(rows, "source_split", options["split"]),
        "report": record.report.get(f"{reader}:{trial}", record.report.get(str(reader), record.report.get("", ""))),
        "kind": rows["kind"].tolist(),
    }
    if rows["onset_s"].notna().all():
        found["onset"] = rows["onset_s"].tolist()
    if "source_K" in rows and rows["source_K"].notna().all():
        found["K"] = rows["source_K"].tolist()
    return found


def _same(rows: pd.DataFrame, column: str, otherwise: str) -> str:
    return str(rows[column].iloc[0]) if column in rows else otherwise


FORMAT = Format(
    name="ct_scangaze",
    title="CT-ScanGaze JSON: scan paths through CT volumes, flat list or by reader",
    read=read_ct_scangaze,
    write=write_ct_scangaze,
    read_options=(_BASE, _Z, _AXES, _XY, Option("shape", f"grid of the volumes: {SHAPE_HELP}")),
    write_options=(
        _BASE,
        _Z,
        _AXES,
        _XY,
        Option("layout", "a flat list, or a dict by reader", ("list", "dict"), "list"),
        Option("split", "split of every record that has none", ("train", "test"), "test"),
        Option("task", "task of every record that has none", default="freeview"),
        Option("ct", "whether the CT of the sessions is written as <case>.nii.gz", ("none", "nifti"), "none"),
    ),
    recognises=lambda path: path.suffix == ".json" and b'"X"' in first_bytes(path, 100_000),
)
