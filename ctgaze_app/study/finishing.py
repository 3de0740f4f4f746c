"""What follows the end of a recording, whether it ended well or not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ctgaze_app.study.processing import process_session
from ctgaze_app.study.salvage import salvage_session


def finish_session(folder: Path, broken: bool, progress: Callable[[int, int], None]) -> None:
    """Make a session whole whose recorder died on the way, then find its fixations."""
    if broken:
        salvage_session(folder)
    process_session(folder, progress=progress)
