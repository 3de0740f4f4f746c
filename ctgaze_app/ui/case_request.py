"""What the user asked for before a session starts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ctgaze_app.acquisition.microphone import AudioSource

Pattern = Literal["grid", "random"]


@dataclass(frozen=True)
class TrackerChoice:
    """Which gaze stream: one that LSL offers (by `source_id`), or a built-in one that we start ourselves."""

    kind: Literal["stream", "simulate", "mouse"]
    source_id: str = ""
    rate_hz: float = 250.0
    noise_rms_s2s_deg: float = 0.3


@dataclass(frozen=True)
class CaseRequest:
    """One case to be read by one reader under tracking, into one new session folder.

    `ct_path` is a folder with DICOM files, or a picture.
    """

    ct_path: Path
    session_folder: Path
    tracker: TrackerChoice
    series: int | None = None
    reader: str = "reader-1"
    case: str = "case-1"
    audio: AudioSource | None = None
    calibrate_with: Pattern = "grid"
    validate_with: Pattern = "random"
    validation_dots: int = 8
    seed: int = 1
    width_mm: float = 528.0
    height_mm: float = 297.0
    distance_mm: float = 650.0
    size_source: Literal["reported", "entered", "assumed"] = "assumed"
