"""The columns of the chest X-ray eye-gaze tables, and writing tables back with every value as it was.

Header and meaning: Karargyris et al., Sci Data 2021, table descriptions. ``fixations.csv`` has one row a fixation, its
last sample; ``eye_gaze.csv`` one row a sample. Both have the same 37 columns. ``FPOGX``/``FPOGY`` are fractions of the
screen from the top left, times are seconds of the picture's clock, pupils are pixels (LPD) and millimetres (LPMM).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ctgaze_app.formats.checked_csv import Column

if TYPE_CHECKING:
    import pandas as pd

FIXATION_FILE, SAMPLE_FILE, SHEET_FILE, BOX_FILE = (
    "fixations.csv",
    "eye_gaze.csv",
    "master_sheet.csv",
    "bounding_boxes.csv",
)
CASE_FOLDER = "audio_segmentation_transcripts"
"""One folder a picture: audio.wav, audio.mp3, transcript.json, masks."""
TIME, TICK = "Time (in secs)", "TIMETICK(f=10000000)"
TICKS_PER_S = 10_000_000
SLICE = "SLICE"
"""Our own 38th column for volumes: the slice, 0-based."""

_LONGEST_S = 7200.0
_FARTHEST = 100.0
"""Screens from the screen's corner; only a column in another unit gets there."""
_FAR, _CODE, _MANY = 10_000, 10, 10_000_000
"""Bounds that no pupil, validity code or count of these tables reaches: only damage does."""


def _integer(name: str, minimum: float | None = None, maximum: float | None = None) -> Column:
    return Column(name, "integer", minimum=minimum, maximum=maximum, missing=True)


def _number(name: str, minimum: float | None = None, maximum: float | None = None) -> Column:
    return Column(name, "number", minimum=minimum, maximum=maximum, missing=True)


def _place(name: str) -> Column:
    return _number(name, -_FARTHEST, _FARTHEST)


def _eye(side: Literal["L", "R"]) -> tuple[Column, ...]:
    size, scale = _number(f"{side}PD", -_FAR, _FAR), _number(f"{side}PS", -_FAR, _FAR)
    return (_place(f"{side}PCX"), _place(f"{side}PCY"), size, scale, _integer(f"{side}PV", -_CODE, _CODE))


GAZE_COLUMNS: tuple[Column, ...] = (
    Column("SESSION_ID", "text"),
    Column("MEDIA_ID", "integer", minimum=0),
    Column("DICOM_ID", "text"),
    Column("CNT", "integer", minimum=0),
    Column(TIME, "number", minimum=0, maximum=_LONGEST_S),
    _number(TICK, 0),
    _place("FPOGX"),
    _place("FPOGY"),
    _number("FPOGS", -_LONGEST_S, _LONGEST_S),
    _number("FPOGD", 0, _LONGEST_S),
    _integer("FPOGID", 0),
    Column("FPOGV", "integer", minimum=0, maximum=1),
    _place("BPOGX"),
    _place("BPOGY"),
    _integer("BPOGV", 0, 1),
    *_eye("L"),
    *_eye("R"),
    _integer("BKID", 0, _MANY),
    _number("BKDUR", 0, _LONGEST_S),
    _number("BKPMIN", -_FAR, _FAR),
    _number("LPMM", -_FAR, _FAR),
    _integer("LPMMV", -_CODE, _CODE),
    _number("RPMM", -_FAR, _FAR),
    _integer("RPMMV", -_CODE, _CODE),
    _number("SACCADE_MAG", 0, _MANY),
    _number("SACCADE_DIR", -360, 720),
    _number("VID_FRAME", -1, _MANY),
    _integer("X_ORIGINAL", -_FAR, _MANY),
    _integer("Y_ORIGINAL", -_FAR, _MANY),
)
GAZE_NAMES = tuple(column.name for column in GAZE_COLUMNS)
SLICE_COLUMN = Column(SLICE, "integer", required=False, minimum=0, missing=True)

PADS = ("image_top_pad", "image_bottom_pad", "image_left_pad", "image_right_pad")
SHEET_NAMES = (
    "dicom_id", "path", "study_id", "patient_id", "stay_id", "gender", "anchor_age", *PADS,
    *(name for number in range(1, 10) for name in (f"dx{number}", f"dx{number}_icd")),
    "normal_reports", "Normal", "CHF", "pneumonia", "consolidation", "enlarged_cardiac_silhouette",
    "linear__patchy_atelectasis", "lobar__segmental_collapse",
    "not_otherwise_specified_opacity___pleural__parenchymal_opacity__", "pleural_effusion_or_thickening",
    "pulmonary_edema__hazy_opacity", "normal_anatomically", "elevated_hemidiaphragm", "hyperaeration",
    "vascular_redistribution", "atelectasis__chx", "cardiomegaly__chx", "consolidation__chx", "edema__chx",
    "enlarged_cardiomediastinum__chx", "fracture__chx", "lung_lesion__chx", "lung_opacity__chx", "no_finding__chx",
    "pleural_effusion__chx", "pleural_other__chx", "pneumonia__chx", "pneumothorax__chx", "support_devices__chx",
    "cxr_exam_indication",
)  # fmt: skip
SHEET_COLUMNS: tuple[Column, ...] = tuple(
    Column(name, "text")
    if name == "dicom_id"
    else _integer(name, 0, 1920)
    if name in PADS
    else Column(name, "text", missing=True)
    for name in SHEET_NAMES
)

BOX_NAMES = ("dicom_id", "bbox_name", "x1", "x2", "y1", "y2")
"""In this order in the released file, which invites mistakes: they are read by name."""
BOX_COLUMNS: tuple[Column, ...] = (
    Column("dicom_id", "text"),
    Column("bbox_name", "text"),
    *(Column(name, "number", minimum=-10_000, maximum=100_000) for name in BOX_NAMES[2:]),
    *(Column(name, "integer", required=False, minimum=0, missing=True) for name in ("z1", "z2")),
)


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a CSV whose numbers read back bit for bit; NaN and None leave the cell empty; LF line ends.

    Whole numbers in columns that had to become floats because cells are missing are written without decimals.
    """
    import numpy as np
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    columns = {}
    for name in table.columns:
        values = table[name]
        if values.dtype.kind == "f":
            numbers = values.to_numpy(np.float64)
            known = ~np.isnan(numbers)
            whole = known.any() and (numbers[known] == np.rint(numbers[known])).all() and name in _WHOLE
            array = pa.array(numbers, mask=~known)
            columns[name] = array.cast(pa.int64()) if whole else array
        elif values.dtype.kind in "iub":
            columns[name] = pa.array(values.to_numpy())
        else:
            columns[name] = pa.array(values.astype(object).where(values.notna(), "").tolist(), pa.string())
    arrow = pa.table(columns) if columns else pa.table({})
    header = ",".join(_quoted(name) for name in arrow.column_names) + "\n"
    with path.open("wb") as stream:
        stream.write(header.encode("utf-8"))
        arrow_csv.write_csv(
            arrow, stream, write_options=arrow_csv.WriteOptions(include_header=False, quoting_style="needed")
        )


_KNOWN = (*GAZE_COLUMNS, SLICE_COLUMN, *SHEET_COLUMNS, *BOX_COLUMNS)
_WHOLE = {column.name for column in _KNOWN if column.kind == "integer"}


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"' if any(mark in name for mark in ',"\n\r') else name
