"""A saved column mapping (TOML): which column of a foreign CSV means what, in which unit, from which origin."""

from __future__ import annotations

import tomllib
from pathlib import Path, PureWindowsPath
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ctgaze_app.formats.contract import FormatError, at
from ctgaze_app.formats.text_file import read_text_bytes

SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6}


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FilePart(_Part):
    """How the file is written."""

    separator: Literal[",", ";", "\t", "|"] = ","
    encoding: str = "utf-8"
    comment: str = ""


class ColumnPart(_Part):
    """Our name to the file's; empty where the file has none."""

    x: str = Field(min_length=1)
    y: str = Field(min_length=1)
    z: str = ""
    onset: str = ""
    duration: str = ""
    session: str = ""
    reader: str = ""
    trial: str = ""
    case: str = ""
    kind: str = ""
    valid: str = ""
    pupil: str = ""


class ConstantPart(_Part):
    """What holds for every row where the file has no column for it."""

    session: str = ""
    reader: str = ""
    case: str = ""


class UnitPart(_Part):
    """Units; a place on an image is px, norm, voxel or mm, one on the screen px, norm, mm or deg.

    ``px`` are continuous from the top left corner (the first pixel covers 0 to 1), ``voxel`` are numbers of pixels and
    slices (centres at whole numbers), ``norm`` are 0 to 1 from edge to edge, ``mm`` on the screen count from its
    corner, on an image they are the patient's LPS millimetres, ``deg`` are degrees from the screen's middle, right and
    down.
    """

    x_and_y: Literal["px", "norm", "mm", "deg", "voxel"]
    z: Literal["", "voxel", "norm", "mm"] = ""
    onset: Literal["", "s", "ms", "us"] = ""
    duration: Literal["", "s", "ms", "us"] = ""
    pupil: str = ""


class PlacePart(_Part):
    """What x and y are places on."""

    frame: Literal["image", "screen"]
    index_base: Literal[0, 1] | None = None
    shape: str = ""


class ScreenPart(_Part):
    """The screen: needed for places on it, and for mm and degrees its size and distance."""

    width_px: float = Field(gt=0, le=1e5)
    height_px: float = Field(gt=0, le=1e5)
    width_mm: float | None = Field(default=None, gt=0, le=1e5)
    height_mm: float | None = Field(default=None, gt=0, le=1e5)
    distance_mm: float | None = Field(default=None, gt=0, le=1e5)


class PicturePart(_Part):
    """Where the whole picture (or slice) stood on the screen, in its pixels: a viewer that neither zooms nor pans."""

    left_px: float = Field(ge=-1e5, le=1e5)
    top_px: float = Field(ge=-1e5, le=1e5)
    width_px: float = Field(gt=0, le=1e5)
    height_px: float = Field(gt=0, le=1e5)


class ColumnMapping(_Part):
    """The whole mapping file."""

    version: Literal[1] = Field(alias="schema")
    rows: Literal["fixations", "samples"]
    file: FilePart = FilePart()
    columns: ColumnPart
    constants: ConstantPart = ConstantPart()
    units: UnitPart
    place: PlacePart
    screen: ScreenPart | None = None
    picture: PicturePart | None = None


def read_mapping(path: Path) -> ColumnMapping:
    """Read and check a mapping.

    Raises
    ------
    FormatError
        When it is no TOML, a field is wrong, or fields contradict each other.
    """
    text = read_text_bytes(path).decode("utf-8").replace("\r\n", "\n")
    if not text.endswith("\n"):
        raise FormatError(
            "the last line has no line end, so the mapping may have been cut off", place=at(path), remedy="add one"
        )
    try:
        mapping = ColumnMapping.model_validate(tomllib.loads(text), strict=True)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise FormatError(f"is no TOML: {str(error)[:200]}", place=at(path), remedy="correct it") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "top level"
        if first["type"] == "string_too_short":
            raise FormatError(f"{where} is empty", place=at(path), remedy="name the column of the file") from error
        raise FormatError(f"{where}: {first['msg']}"[:300], place=at(path), remedy="correct this field") from error
    for wrong, message in _contradictions(mapping):
        if wrong:
            raise FormatError(message, place=at(path), remedy="correct the mapping")
    return mapping


def mapping_without_paths(path: Path) -> bytes:
    """The mapping as it is, but that a folder or file in `place.shape` keeps its name only: it leaves with the data."""
    import tomlkit

    text = read_text_bytes(path).decode("utf-8").replace("\r\n", "\n")
    document = tomlkit.parse(text)
    place = document.get("place", {})
    shape = str(place.get("shape", ""))
    name = PureWindowsPath(shape).name
    if name != shape:
        place["shape"] = name
        text = tomlkit.dumps(document)
    return text.encode("utf-8")


def _contradictions(mapping: ColumnMapping) -> list[tuple[bool, str]]:
    columns, units, place, screen = mapping.columns, mapping.units, mapping.place, mapping.screen
    image = place.frame == "image"
    named = [name for name in columns.model_dump().values() if name]
    sized = screen is not None and screen.width_mm is not None and screen.height_mm is not None
    return [
        (len(set(named)) != len(named), "columns: one column is named for two things"),
        (image and units.x_and_y == "deg", "units.x_and_y: degrees are places on a screen, not on an image"),
        (not image and units.x_and_y == "voxel", "units.x_and_y: voxels are places on an image, not on a screen"),
        (image and mapping.picture is not None, "picture: places on an image need none"),
        (
            (image or mapping.picture is not None) and not place.shape,
            "place.shape: places on an image need its size",
        ),
        (image and units.x_and_y == "voxel" and place.index_base is None, "place.index_base: voxels need it, 0 or 1"),
        (units.z == "voxel" and place.index_base is None, "place.index_base: slice numbers need it, 0 or 1"),
        (not image and screen is None, "screen: places on a screen need its size"),
        (not image and units.x_and_y in ("mm", "deg") and not sized, "screen: mm and degrees need width_mm, height_mm"),
        (
            units.x_and_y == "deg" and (screen is None or screen.distance_mm is None),
            "screen.distance_mm: degrees need it",
        ),
        (bool(columns.z) != bool(units.z), "units.z and columns.z belong together"),
        (
            bool(columns.z) and not image and mapping.picture is None,
            "columns.z: a place on a screen has no slice, unless [picture] says where the picture stood",
        ),
        (image and (units.x_and_y == "mm") != (units.z == "mm"), "units: patient millimetres need x, y and z in mm"),
        (not image and units.z == "mm", "units.z: beside places on a screen a slice is a voxel number or norm"),
        (bool(columns.onset) != bool(units.onset), "units.onset and columns.onset belong together"),
        (bool(columns.duration) != bool(units.duration), "units.duration and columns.duration belong together"),
        (mapping.rows == "fixations" and not columns.duration, "columns.duration: fixations need one"),
        (mapping.rows == "samples" and not columns.onset, "columns.onset: samples need one"),
        (mapping.rows == "samples" and bool(columns.duration), "columns.duration: samples have none"),
        (not columns.reader and not mapping.constants.reader, "reader: name a column or a constant"),
        (not columns.case and not mapping.constants.case, "case: name a column or a constant"),
    ]


def template(header: tuple[str, ...] = (), separator: str = ",") -> str:
    """A mapping to fill in, with the columns of a file named as a reminder."""
    seen = f"# The file has these columns: {', '.join(header)}\n" if header else ""
    return f"""# A column mapping of CTGaze: which column means what. Delete what the file does not have.
{seen}schema = 1
rows = "fixations"  # or "samples"

[file]
separator = {_toml_text(separator)}
encoding = "utf-8"
comment = ""  # lines before the header that begin with this are passed over

[columns]  # our name = "name in the file"
x = ""
y = ""
z = ""  # slice; with frame = "screen" only together with [picture]
onset = ""
duration = ""  # fixations only
session = ""
reader = ""
trial = ""  # whole numbers from 1; without it every run of one reader and case is a trial
case = ""
kind = ""  # fixation, drill, pursuit, calibration
valid = ""  # samples only: 1 or 0
pupil = ""

[constants]  # where the file has no column
reader = "r01"
case = ""

[units]
x_and_y = "px"  # image: px, norm, voxel, mm (patient); screen: px, norm, mm, deg
z = ""  # voxel (number of the slice), norm, mm
onset = "ms"  # s, ms, us
duration = "ms"
pupil = ""

[place]
frame = "image"  # or "screen"
index_base = 0  # of voxels and slices: 0 or 1
shape = "1x512x512"  # slices x rows x columns, a CSV (case,slices,rows,columns), or a folder with <case>.nii.gz

[screen]
width_px = 1920.0
height_px = 1080.0
width_mm = 527.0
height_mm = 296.0
distance_mm = 650.0

# [picture]  # with frame = "screen": where the whole picture stood, if the viewer neither zoomed nor panned
# left_px = 448.0
# top_px = 28.0
# width_px = 1024.0
# height_px = 1024.0
"""


def header_of(path: Path) -> tuple[tuple[str, ...], str]:
    """Names of a CSV's columns, and the separator that its first line seems to have; raises `FormatError`."""
    line = read_text_bytes(path)[:100_000].decode("utf-8", "replace").splitlines()[0]
    separator = max(",;\t|", key=line.count)
    return tuple(name.strip().strip('"') for name in line.split(separator)), separator


def write_template(path: Path, header: tuple[str, ...] = (), separator: str = ",") -> None:
    """Write a mapping to fill in; raises `FormatError` when the file is there or cannot be written."""
    try:
        with path.open("x", encoding="utf-8", newline="\n") as stream:
            stream.write(template(header, separator))
    except FileExistsError as error:
        raise FormatError("is there already", place=at(path), remedy="name a new file") from error
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise FormatError(f"cannot be written: {reason}", place=at(path), remedy="check rights") from error


def _toml_text(text: str) -> str:
    return '"\\t"' if text == "\t" else f'"{text}"'
