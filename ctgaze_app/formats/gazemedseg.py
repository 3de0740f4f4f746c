"""GazeMedSeg fixation CSV: normalised places on pictures, milliseconds; a scroll session leaves as one picture a slice.

A coordinate is a fraction of the image, 0 its left or top edge, 1 its right or bottom edge: pixel = x * width - 0.5
with pixel centres at integers, so 0 and 1 lie on the outer edges of the first and last pixel. (The published heat map
code rounds ``x * 768 - 1`` instead, which sends 0 to the far edge.)
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np

from ctgaze_app.formats.checked_csv import Column, read_csv_table
from ctgaze_app.formats.contract import Format, FormatError, Option, at
from ctgaze_app.formats.dataset import FIXATION_COLUMNS, CaseRecord, DataSet
from ctgaze_app.formats.dataset_checks import check_dataset
from ctgaze_app.formats.text_file import first_bytes
from ctgaze_app.formats.written_files import csv_bytes, file_stem, json_bytes, write_files
from models.datasets.fixation_table import BOUNDS, DURATION, HEIGHT, IMAGE, INDEX, PUPIL, START, WHOLE, WIDTH, X, Y

if TYPE_CHECKING:
    import pandas as pd

DECIMALS = 9
"""Of pixels and seconds after conversion: undoes what dividing and multiplying did to the last bits."""
COLUMNS = (
    Column(IMAGE, "text"),
    *(
        Column(name, "integer" if name in WHOLE else "number", minimum=low, maximum=high)
        for name, (low, high) in BOUNDS.items()
    ),
    Column(PUPIL, "number", required=False, missing=True, minimum=0, maximum=1e5),
)
NOTE_FILE = "export.json"


def read_gazemedseg(path: Path, options: Mapping[str, str]) -> DataSet:
    """Read one CSV; each image is a case and a trial, in the order of the file."""
    path = Path(path)
    table = read_csv_table(path, COLUMNS)
    cases = _cases(path, table, options["patient_pattern"])
    _check_order(path, table)
    dataset = DataSet(
        cases=tuple(cases.values()),
        fixations=_fixations(table, cases, options["reader"]),
        provenance={
            "format": "gazemedseg",
            "options": dict(options),
            "files": {path.name: hashlib.sha256(path.read_bytes()).hexdigest()},
            "notes": ["Published files leave out fixations below 50 ms and outside the image."],
        },
    )
    check_dataset(dataset, path)
    return dataset


def _cases(path: Path, table: pd.DataFrame, pattern: str) -> dict[str, CaseRecord]:
    """By image name."""
    try:
        patient_of = re.compile(pattern) if pattern else None
    except re.error as error:
        raise FormatError(f"patient_pattern is no regular expression: {error}", remedy="correct it") from error
    sizes = table.groupby(IMAGE, sort=False)[[HEIGHT, WIDTH]].transform("first")
    uneven = ((sizes[HEIGHT] != table[HEIGHT]) | (sizes[WIDTH] != table[WIDTH])).to_numpy()
    if uneven.any():
        place = at(path, int(np.argmax(uneven)) + 2, HEIGHT)
        raise FormatError("this image has another size than in the rows before", place=place, remedy="correct it")
    found: dict[str, CaseRecord] = {}
    stems: dict[str, str] = {}
    first = table.drop_duplicates(IMAGE)
    for row, image, height, width in zip(first.index, first[IMAGE], first[HEIGHT], first[WIDTH], strict=True):
        stem = PurePosixPath(image).stem
        if stem in stems:
            raise FormatError(
                f"{image[:40]} and {stems[stem][:40]} differ only in their extension",
                place=at(path, row + 2, IMAGE),
                remedy="rename one of them",
            )
        match = patient_of.search(stem) if patient_of is not None else None
        patient = match.group(1) if match and match.groups() else stem
        stems[stem] = image
        found[image] = CaseRecord(
            stem, (1, int(height), int(width)), patient, kind="image", attributes={"image": image}
        )
    return found


def _check_order(path: Path, table: pd.DataFrame) -> None:
    new = (table[IMAGE] != table[IMAGE].shift()).to_numpy()
    again = new & table[IMAGE].duplicated().to_numpy()
    if again.any():
        place = at(path, int(np.argmax(again)) + 2, IMAGE)
        raise FormatError("the rows of this image are not together", place=place, remedy="sort by image and index")
    for column, wrong, message in (
        (INDEX, table[INDEX].diff().to_numpy() <= 0, "fixations of one image must count upwards"),
        (START, table[START].diff().to_numpy() < 0, "fixations of one image must follow each other in time"),
    ):
        wrong = wrong & ~new
        if wrong.any():
            place = at(path, int(np.argmax(wrong)) + 2, column)
            raise FormatError(message, place=place, remedy="sort by image and index")


def _fixations(table: pd.DataFrame, cases: Mapping[str, CaseRecord], reader: str) -> pd.DataFrame:
    import pandas as pd

    unknown = np.full(len(table), np.nan)
    numbers = {image: number for number, image in enumerate(cases, start=1)}
    columns: dict[str, Any] = {
        "session": "", "reader": reader, "trial": table[IMAGE].map(numbers).astype(np.int64),
        "case": table[IMAGE].map({image: record.case for image, record in cases.items()}).astype(str),
        "fixation": table[INDEX], "kind": "fixation", "onset_s": np.round(table[START] / 1000, DECIMALS),
        "duration_s": np.round(table[DURATION] / 1000, DECIMALS),
        "x_voxel": np.round(table[X] * table[WIDTH] - 0.5, DECIMALS),
        "y_voxel": np.round(table[Y] * table[HEIGHT] - 0.5, DECIMALS), "z_voxel": 0.0, "on_image": True,
        "x_screen_norm": unknown, "y_screen_norm": unknown, "pupil": table.get(PUPIL, unknown),
        "pupil_unit": "as recorded" if PUPIL in table else "", "uncertainty_mm": unknown,
    }  # fmt: skip
    frame = pd.DataFrame(columns, index=table.index)[list(FIXATION_COLUMNS)]
    for name in table.columns:
        if name not in {column.name for column in COLUMNS}:
            frame[f"source_{name}"] = table[name]
    return frame


def write_gazemedseg(dataset: DataSet, folder: Path, options: Mapping[str, str]) -> tuple[Path, ...]:
    """Write one CSV a reader, ``<reader>_fixation.csv``; a volume becomes one image a slice.

    The image of slice k (0-based) of a volume is ``<case>_<k + 1, four digits><extension>``; a fixation belongs to the
    slice nearest its z, CURRENT_FIX_START counts from the trial's first visible view.
    """
    check_dataset(dataset, "gazemedseg")
    try:
        shortest_s = float(options["minimum_ms"]) / 1000
    except ValueError as error:
        raise FormatError(f"minimum_ms={options['minimum_ms']} is no number", remedy="declare milliseconds") from error
    if not re.fullmatch(r"\.[A-Za-z0-9]{1,10}", options["extension"]):
        raise FormatError(f"extension={options['extension'][:40]} is no extension", remedy="declare one like .png")
    every = dataset.fixations
    shown = every[
        every["on_image"].astype(bool) & (every["kind"] != "calibration") & (every["duration_s"] >= shortest_s)
    ]
    if shown.empty:
        raise FormatError("there is no fixation on an image", place="gazemedseg", remedy="choose other trials")
    if shown["onset_s"].isna().any():
        raise FormatError("this format needs onsets, which the source does not have", place="gazemedseg")
    showings = shown[["reader", "session", "trial", "case"]].drop_duplicates()
    twice = showings.duplicated(["reader", "case"])
    if twice.any():
        row = showings[twice].iloc[0]
        raise FormatError(
            f"reader {row['reader']} read case {row['case']} more than once, which this format cannot tell apart",
            place="gazemedseg",
            remedy="export these trials one by one",
        )
    files = {
        f"{file_stem(str(reader))}_fixation.csv": csv_bytes(_rows(dataset, rows, options["extension"]))
        for reader, rows in shown.groupby("reader", sort=False)
    }
    note = {
        "format": "gazemedseg",
        "options": dict(options),
        "rule": "pixel = x * width - 0.5, pixel centres at integers; milliseconds",
        "fixations_left_out": len(every) - len(shown),
    }
    return write_files(Path(folder), {**files, NOTE_FILE: json_bytes(note)})


def _rows(dataset: DataSet, rows: pd.DataFrame, extension: str) -> pd.DataFrame:
    import pandas as pd

    parts = []
    for case, own in rows.groupby("case", sort=False):
        record = dataset.case(str(case))
        slices, height, width = record.shape_kji
        index = np.clip(np.rint(own["z_voxel"].to_numpy(np.float64)), 0, slices - 1).astype(int)
        if record.kind == "image":
            names = [record.attributes.get("image", f"{case}{extension}")] * len(own)
            numbers = own["fixation"].to_numpy()
        else:
            names = [f"{case}_{k + 1:04d}{extension}" for k in index]
            numbers = pd.Series(names).groupby(names, sort=False).cumcount().to_numpy() + 1
        part = pd.DataFrame(
            {
                IMAGE: names,
                INDEX: numbers,
                X: (own["x_voxel"].to_numpy() + 0.5) / width,
                Y: (own["y_voxel"].to_numpy() + 0.5) / height,
                DURATION: np.round(own["duration_s"].to_numpy() * 1000, 6),
                PUPIL: own["pupil"].to_numpy(),
                START: np.round(own["onset_s"].to_numpy() * 1000, 6),
                HEIGHT: height,
                WIDTH: width,
            }
        )
        parts.append(part if record.kind == "image" else part.sort_values([IMAGE, INDEX], kind="stable"))
    return pd.concat(parts, ignore_index=True)


FORMAT = Format(
    name="gazemedseg",
    title="GazeMedSeg fixation CSV: normalised places on pictures, or on the slices of a volume",
    read=read_gazemedseg,
    write=write_gazemedseg,
    read_options=(
        Option("reader", "code of the annotator, whom the file does not name", default="annotator"),
        Option("patient_pattern", "regular expression whose first group is the patient in an image's name", default=""),
    ),
    write_options=(
        Option("extension", "extension of the image names, as the images have it", default=".jpg"),
        Option("minimum_ms", "fixations shorter than this are left out; published files: 50", default="0"),
    ),
    recognises=lambda path: path.suffix == ".csv" and b"CURRENT_FIX_X" in first_bytes(path, 10_000),
)
