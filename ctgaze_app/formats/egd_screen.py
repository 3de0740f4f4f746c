"""The screen of gaze in the chest X-ray layout: the study's own, or what ``screen.csv`` (ours) says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ctgaze_app.formats.checked_csv import Column, read_csv_table
from ctgaze_app.formats.contract import FormatError, at
from ctgaze_app.formats.egd_display import SCREEN

if TYPE_CHECKING:
    import pandas as pd

SCREEN_FILE = "screen.csv"
STUDY_SCREEN: Mapping[str, float] = {
    "width_px": SCREEN.width_px, "height_px": SCREEN.height_px, "width_mm": SCREEN.width_mm,
    "height_mm": SCREEN.height_mm, "distance_mm": SCREEN.distance_mm, "rate_hz": 60.0,
}  # fmt: skip
"""Of Karargyris et al. 2021; their tables do not say it."""
_LIMITS = {
    "width_px": (100, 100_000), "height_px": (100, 100_000), "width_mm": (50, 10_000), "height_mm": (50, 10_000),
    "distance_mm": (100, 20_000), "rate_hz": (1, 10_000),
}  # fmt: skip
_COLUMNS = tuple(
    Column(name, "number", minimum=low, maximum=high, missing=True) for name, (low, high) in _LIMITS.items()
)


def read_screen(folder: Path) -> dict[str, float]:
    """What is known of the screen; the study's own when the folder has no ``screen.csv``.

    Raises
    ------
    FormatError
        When the file has not one row of plausible numbers.
    """
    path = folder / SCREEN_FILE
    if not path.exists():
        return dict(STUDY_SCREEN)
    table = read_csv_table(path, _COLUMNS, extra="refuse")
    if len(table) != 1:
        raise FormatError(f"has {len(table)} rows, not one", place=at(path), remedy="restore it from a copy")
    values = {name: float(table[name].iat[0]) for name in _LIMITS}
    return {name: value for name, value in values.items() if value == value}


def screen_table(screen: Mapping[str, float]) -> pd.DataFrame | None:
    """The one row of ``screen.csv``, empty cells for what is not known; None when it is the study's own screen."""
    import pandas as pd

    if dict(screen) == dict(STUDY_SCREEN):
        return None
    return pd.DataFrame([{name: float(screen.get(name, float("nan"))) for name in _LIMITS}])
