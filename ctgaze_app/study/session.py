"""The session folder and its manifest, `session.json` (schema 1), replaced atomically."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from calibration.geometry import ScreenGeometry
from ctgaze_app.acquisition.dialects import GazeLayout
from ctgaze_app.errors import SessionError

MANIFEST_NAME = "session.json"
MINIMUM_FREE_BYTES = 200_000_000
"""Below this a session does not start: a few minutes of a fast tracker would fill the disk."""
CODE_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ScreenRecord(_Record):
    """The tracked monitor, frozen for the session."""

    index: int
    origin_px: tuple[int, int] = (0, 0)
    width_px: int = Field(gt=0)
    height_px: int = Field(gt=0)
    width_mm: float = Field(gt=0)
    height_mm: float = Field(gt=0)
    distance_mm: float = Field(gt=0)
    size_source: Literal["reported", "entered", "assumed"]
    device_pixel_ratio: float = Field(gt=0)
    refresh_hz: float = Field(gt=0)

    def geometry(self) -> ScreenGeometry:
        """The same as a `ScreenGeometry`."""
        return ScreenGeometry(self.width_px, self.height_px, self.width_mm, self.height_mm, self.distance_mm)


class LatencyRecord(_Record):
    """A latency with its uncertainty (standard) and where both come from."""

    latency_s: float
    uncertainty_s: float = Field(ge=0)
    source: str


class TrackerRecord(_Record):
    """The gaze stream of this session and how its channels are read."""

    name: str
    source_id: str
    nominal_rate_hz: float
    layout: GazeLayout
    simulated: bool


class SeriesRecord(_Record):
    """Geometry of one shown series, enough to turn voxels into millimetres without the CT. Holds no UID and no path.

    Without `has_mm` the size of a pixel is unknown: spacing, positions and affine count pixels.
    """

    code: str = Field(pattern=CODE_PATTERN)
    role: str = "current"
    units: Literal["HU", "arbitrary"]
    shape_kji: tuple[int, int, int]
    positions_lps_mm: list[tuple[float, float, float]]
    row_direction: tuple[float, float, float]
    column_direction: tuple[float, float, float]
    pixel_spacing_ij_mm: tuple[float, float]
    affine_lps: list[list[float]]
    regular: bool
    plane: int
    digest: str
    modality: str = "CT"
    has_mm: bool = True


class PartRecord(_Record):
    """One uninterrupted recording: its file and its clock."""

    number: int = Field(ge=1)
    file: str = Field(pattern=r"^[A-Za-z0-9_.-]+$")
    boot_id: str
    utc_start: str
    lsl_start: float
    lsl_end: float | None = None
    state: Literal["recording", "complete", "interrupted", "salvaged"] = "recording"


class TrialRecord(_Record):
    """One showing of one case."""

    number: int = Field(ge=1)
    case: str = Field(pattern=CODE_PATTERN)
    series: list[int]
    kind: Literal["main", "practice", "repeat"] = "main"
    state: Literal["running", "complete", "interrupted"] = "running"
    part: int = 1
    calibration: int | None = None
    validation: int | None = None
    quality: str | None = None


class SessionManifest(_Record):
    """Everything that is needed to read the raw files of a session."""

    schema_version: Literal[1] = Field(default=1, alias="schema")
    session: str = Field(pattern=CODE_PATTERN)
    reader: str = Field(pattern=CODE_PATTERN)
    started_utc: str
    software: dict[str, str]
    protocol_hash: str | None = None
    seed: int
    screen: ScreenRecord
    display: LatencyRecord
    tracker_latency: LatencyRecord
    tracker: TrackerRecord | None = None
    eye: Literal["left", "right", "combined", "average"] = "average"
    eye_reason: str = "both eyes averaged, the Tobii I-VT default"
    audio: str | None = None
    state: Literal["open", "complete", "interrupted", "salvaged"] = "open"
    parts: list[PartRecord] = []
    series: list[SeriesRecord] = []
    trials: list[TrialRecord] = []

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


def session_code(reader: str, started: datetime | None = None) -> str:
    """`<reader>_<UTC start>`, e.g. ``r01_20260102T030405Z``."""
    moment = (started or datetime.now(UTC)).astimezone(UTC)
    return f"{reader}_{moment:%Y%m%dT%H%M%SZ}"


def code_for_folder(folder: Path, reader: str) -> str:
    """The session's code: the folder's own name when it was made by `session_code` for this reader, else a fresh one.

    Other folder names are the user's words and may name somebody, so they never become a code.
    """
    if re.fullmatch(re.escape(reader) + r"_\d{8}T\d{6}Z", folder.name):
        return folder.name
    return session_code(reader)


def create_session_folder(folder: Path) -> None:
    """Make an empty session folder, checked to be writable, without touching anything that exists.

    Raises
    ------
    SessionError
        When the folder already holds anything, cannot be written, or its disk is nearly full.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
        if any(folder.iterdir()):
            held = "a session" if (folder / MANIFEST_NAME).exists() else "files"
            raise SessionError(
                f"the folder already holds {held}",
                place=str(folder),
                remedy="choose a new or empty folder; nothing was changed",
            )
        if free < MINIMUM_FREE_BYTES:
            folder.rmdir()
            raise SessionError(
                f"only {free // 1_000_000} MB are free",
                place=str(folder),
                remedy="free some space or choose another disk: an hour of recording takes up to 1 GB",
            )
        for name in ("calibration", "dictation", "derived", "private"):
            (folder / name).mkdir()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise SessionError(
            f"cannot write the session folder: {reason}",
            place=str(folder),
            remedy="choose a folder that you may write to",
        ) from error


def discard_empty_session_folder(folder: Path) -> None:
    """Undo `create_session_folder` when nothing was recorded: removes the simulated eye's log and empty folders."""
    shutil.rmtree(folder / "simulated", ignore_errors=True)
    for name in ("calibration", "dictation", "derived", "private", "."):
        with contextlib.suppress(OSError):
            (folder / name).rmdir()


def write_manifest(folder: Path, manifest: SessionManifest) -> None:
    """Replace `session.json` atomically: a crash leaves the old or the new one, never half of one."""
    write_atomically(folder / MANIFEST_NAME, manifest.model_dump_json(by_alias=True, indent=1) + "\n")


def read_manifest(folder: Path) -> SessionManifest:
    """Read and check `session.json`.

    Raises
    ------
    SessionError
        With the file and the first place that is wrong.
    """
    path = folder / MANIFEST_NAME
    try:
        return SessionManifest.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise SessionError(
            "no session here", place=str(path), remedy="name a folder that holds session.json"
        ) from error
    except (OSError, json.JSONDecodeError, UnicodeDecodeError) as error:
        raise SessionError(f"cannot be read: {error}", place=str(path), remedy="restore it from a copy") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "top level"
        raise SessionError(f"{where}: {first['msg']}", place=str(path), remedy="correct this field") from error


def write_atomically(path: Path, text: str) -> None:
    """Write text beside `path`, flush it to disk, close it, then replace `path` in one step.

    On Windows a virus scanner or an indexer may hold the old file for a moment: tried again for a quarter of a second.
    """
    staging = path.with_name(path.name + ".new")
    with staging.open("w", encoding="utf-8", newline="\n") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    for wait_s in (0.01, 0.04, 0.2):
        try:
            staging.replace(path)
        except PermissionError:
            time.sleep(wait_s)
        else:
            return
    staging.replace(path)


def is_code(text: str) -> bool:
    """Whether `text` may serve as a case, reader or session code (and so as part of a file name)."""
    return re.fullmatch(CODE_PATTERN, text) is not None
