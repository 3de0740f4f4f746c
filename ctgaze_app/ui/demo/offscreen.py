"""A monitor for a run without one: Qt's offscreen platform with a screen of a stated size."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

SCREEN_PX = (1920, 1080)
"""A 23.8 inch full-HD monitor, 528 x 297 mm: pixels of the offscreen screen."""


def use_offscreen_screen(size_px: tuple[int, int] = SCREEN_PX) -> Path:
    """Tell Qt, before the application object exists, to draw on one offscreen screen; returns the file to delete after.

    The file lies in the current folder's drive, because Qt splits the option at every colon.
    """
    screen = {
        "name": "offscreen",
        "x": 0,
        "y": 0,
        "width": size_px[0],
        "height": size_px[1],
        "logicalDpi": 96,
        "logicalBaseDpi": 96,
        "dpr": 1,
    }
    handle, name = tempfile.mkstemp(prefix="ctgaze_screen_", suffix=".json", dir=_folder_without_drive())
    os.close(handle)
    path = Path(name)
    path.write_text(json.dumps({"screens": [screen]}), encoding="utf-8")
    os.environ["QT_QPA_PLATFORM"] = f"offscreen:configfile={os.path.relpath(path)}"
    return path


def _folder_without_drive() -> str:
    temporary, here = Path(tempfile.gettempdir()).resolve(), Path.cwd()
    return str(temporary if temporary.drive == here.drive else here)
