"""What is fixed before a session starts, and what it says about itself."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from ctgaze_app import __version__
from ctgaze_app.acquisition.dialects import GazeLayout
from ctgaze_app.acquisition.inlet import GazeStreamInfo
from ctgaze_app.acquisition.microphone import AudioSource
from ctgaze_app.study.session import LatencyRecord, ScreenRecord


@dataclass(frozen=True)
class SessionSettings:
    """What is fixed before a session starts."""

    folder: Path
    reader: str
    seed: int
    screen: ScreenRecord
    tracker: GazeStreamInfo
    layout: GazeLayout
    tracker_latency: LatencyRecord
    simulated: bool
    audio: AudioSource | None


def display_latency(refresh_hz: float) -> LatencyRecord:
    """From end of paint to light, when nobody measured it: 1.5 refresh intervals, uncertainty 1 (design: time)."""
    return LatencyRecord(
        latency_s=1.5 / refresh_hz, uncertainty_s=1.0 / refresh_hz, source="assumed: 1.5 refresh intervals"
    )


def software_versions() -> dict[str, str]:
    """What the manifest says made the session."""
    packages = ("pylsl", "pydicom", "numpy", "PySide6-Essentials", "pyqtgraph")
    return {"ctgaze": __version__, "python": platform.python_version(), **{name: version(name) for name in packages}}
