"""What the sidecars of a BIDS eye-tracking recording must say before its numbers mean anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ctgaze_app.formats.checked_json import read_json
from ctgaze_app.formats.contract import FormatError, at
from ctgaze_app.formats.dataset import CaseRecord

EYES = ("left", "right", "cyclopean")
SECONDS = {"s": 1.0, "sec": 1.0, "second": 1.0, "seconds": 1.0, "ms": 1e-3, "millisecond": 1e-3, "us": 1e-6}
PIXELS = ("pixel", "pixels", "px")
GAZE_ENDING, EVENT_ENDING = "_physio", "_physioevents"


def json_object(path: Path) -> dict[str, Any]:
    """The JSON object in a file; FormatError for anything else."""
    content = read_json(path)
    if not isinstance(content, dict):
        raise FormatError("is not a JSON object", place=at(path), remedy="restore the file")
    return content


def entities_of(path: Path) -> dict[str, str]:
    """The entities of a BIDS file name (sub, ses, task, run, recording)."""
    parts = [part.split("-", 1) for part in path.stem.split("_") if "-" in part]
    entities = {part[0]: part[1] for part in parts}
    if not entities.get("sub"):
        raise FormatError("the file name says no participant (sub-...)", place=at(path), remedy="name it as BIDS does")
    return entities


def is_eye_tracking(path: Path, content: Mapping[str, Any]) -> bool:
    """Whether a physio sidecar is of an eye-tracking recording; other recordings (cardiac, ...) are passed over.

    Raises
    ------
    FormatError
        When it says no type, but its name or its columns are those of gaze.
    """
    kind = content.get("PhysioType")
    columns = content.get("Columns")
    gaze = "_recording-eye" in path.name or (isinstance(columns, list) and "x_coordinate" in columns)
    if kind != "eyetrack" and (gaze or not isinstance(columns, list)):
        raise FormatError(
            f"PhysioType is {kind!r}, but this looks like gaze" if gaze else "the sidecar names no columns",
            place=at(path),
            remedy="declare PhysioType eyetrack and restore the sidecar" if gaze else "restore the sidecar",
        )
    return bool(kind == "eyetrack")


def check_sidecar(path: Path, content: Mapping[str, Any]) -> None:
    """Refuse a recording whose sidecar does not say all that placing its gaze on the screen needs."""
    check_columns(path, content, ("timestamp", "x_coordinate", "y_coordinate"))
    if content.get("RecordedEye") not in EYES:
        raise FormatError(
            f"RecordedEye is {content.get('RecordedEye')!r}", place=at(path), remedy=f"it is one of {', '.join(EYES)}"
        )
    if content.get("SampleCoordinateSystem") != "gaze-on-screen":
        raise FormatError(
            f"SampleCoordinateSystem is {content.get('SampleCoordinateSystem')!r}: gaze cannot be put on a screen",
            place=at(path),
            remedy="only gaze-on-screen can be imported",
        )
    for name in ("SamplingFrequency", "StartTime"):
        value = content.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
            raise FormatError(f"{name} is {value!r}, not a number", place=at(path), remedy="state it in the sidecar")
    if content["SamplingFrequency"] <= 0:
        raise FormatError("SamplingFrequency must be above 0", place=at(path), remedy="state the rate in Hz")
    for axis in ("x_coordinate", "y_coordinate"):
        check_pixels(path, content, axis)
    seconds_of(path, content, "timestamp")


def check_pixels(path: Path, content: Mapping[str, Any], column: str) -> None:
    """Refuse a coordinate that is not declared as pixels of the screen."""
    unit = unit_of(content, column)
    if unit not in PIXELS:
        raise FormatError(
            f"the unit of {column} is {unit!r}", place=at(path, column=column), remedy="only pixel can be imported"
        )


def check_columns(path: Path, content: Mapping[str, Any], first: Sequence[str]) -> None:
    """Refuse a sidecar whose `Columns` are not the table's, or do not begin as BIDS says."""
    columns = content.get("Columns")
    if not isinstance(columns, list) or not all(isinstance(name, str) for name in columns):
        raise FormatError("Columns is no list of names", place=at(path), remedy="name every column of the table")
    if len(set(columns)) < len(columns):
        raise FormatError("Columns names a column twice", place=at(path), remedy="name every column once")
    if tuple(columns[: len(first)]) != tuple(first):
        raise FormatError(
            f"Columns must begin with {', '.join(first)} and begins with {', '.join(columns[: len(first)])}",
            place=at(path),
            remedy="put the columns into the order of BIDS",
        )


def unit_of(content: Mapping[str, Any], column: str) -> object:
    """The declared unit of a column, None without one."""
    described = content.get(column)
    return described.get("Units") if isinstance(described, dict) else None


def seconds_of(path: Path, content: Mapping[str, Any], column: str) -> float:
    """Seconds per unit of a column of times."""
    unit = unit_of(content, column)
    if not isinstance(unit, str) or unit not in SECONDS:
        raise FormatError(
            f"the unit of {column} is {unit!r}", place=at(path, column=column), remedy="declare s, ms or us as Units"
        )
    return SECONDS[unit]


def reader_codes(path: Path) -> dict[str, str]:
    """The readers' own codes by participant, where `participants.tsv` has them."""
    file = path / "participants.tsv"
    if not file.is_file():
        return {}
    try:
        rows = [line.split("\t") for line in file.read_text(encoding="utf-8").splitlines() if line]
    except UnicodeDecodeError as error:
        raise FormatError("is not UTF-8", place=at(file), remedy="save it as UTF-8") from error
    if not rows or "participant_id" not in rows[0]:
        raise FormatError("column participant_id is missing", place=at(file, 1), remedy="BIDS demands it")
    for number, row in enumerate(rows, start=1):
        if len(row) != len(rows[0]):
            raise FormatError(
                f"{len(row)} cells instead of {len(rows[0])}", place=at(file, number), remedy="complete the row"
            )
    if "reader_code" not in rows[0]:
        return {}
    who, code = rows[0].index("participant_id"), rows[0].index("reader_code")
    return {row[who].removeprefix("sub-"): row[code] for row in rows[1:]}


def screen_of(sidecar: Path) -> dict[str, float]:
    """The screen that the trial's events file describes; required for gaze on a screen."""
    stem = sidecar.name.split("_recording-")[0].removesuffix(f"{GAZE_ENDING}.json")
    file = sidecar.with_name(f"{stem}_events.json")
    if not file.is_file():
        raise FormatError(
            f"{file.name} is missing", place=at(sidecar), remedy="BIDS demands it: it describes the screen"
        )
    shown = json_object(file).get("StimulusPresentation")
    shown = shown if isinstance(shown, dict) else {}
    sizes: list[float] = []
    for name, count in (("ScreenResolution", 2), ("ScreenSize", 2), ("ScreenDistance", 1)):
        value = shown.get(name)
        values = value if isinstance(value, list) else [value]
        good = [
            v for v in values if isinstance(v, int | float) and not isinstance(v, bool) and np.isfinite(v) and v > 0
        ]
        if len(good) != len(values) or len(good) != count:
            raise FormatError(
                f"StimulusPresentation.{name} is {value!r}", place=at(file), remedy=f"it is {count} numbers above 0"
            )
        sizes += [float(v) for v in good]
    if shown.get("ScreenOrigin") != ["top", "left"]:
        raise FormatError(
            f"ScreenOrigin is {shown.get('ScreenOrigin')!r}",
            place=at(file),
            remedy='only ["top", "left"] can be imported',
        )
    keys = ("width_px", "height_px", "width_mm", "height_mm", "distance_mm")
    return dict(zip(keys, (*sizes[:2], *(round(size * 1000, 6) for size in sizes[2:])), strict=True))


def case_of(code: str, content: Mapping[str, Any], screen: Mapping[str, float], path: Path) -> CaseRecord:
    """The case as our own export describes it; a foreign one is a picture of the screen's size."""
    shape = content.get("CTGazeShapeKJI", [1, round(screen["height_px"]), round(screen["width_px"])])
    affine = content.get("CTGazeAffineLPS")
    kind = "volume" if content.get("CTGazeCaseKind") == "volume" else "image"
    try:
        sizes = tuple(size for size in shape if type(size) is int)
        matrix = None if affine is None else np.array(affine, dtype=np.float64).reshape(4, 4)
        if (
            len(shape) != 3
            or len(sizes) != 3
            or min(sizes) < 1
            or (matrix is not None and not np.isfinite(matrix).all())
        ):
            raise ValueError
    except (TypeError, ValueError) as error:
        raise FormatError(
            "CTGazeShapeKJI or CTGazeAffineLPS is no geometry", place=at(path), remedy="restore the file"
        ) from error
    return CaseRecord(code, sizes, str(content.get("CTGazePatient", code)), matrix, kind)  # type: ignore[arg-type]
