"""Reads a gaze recording in the ETDQualitizer format: tab-separated, ms, pixels from the screen's centre, y down.

Format: github.com/dcnieho/ETDQualitizer, example files. Columns ``timestamp`` (ms), ``left_x``, ``left_y``,
``right_x``, ``right_y`` (either eye may be absent), others ignored; missing gaze is ``nan`` or empty.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ctgaze_app.errors import StreamError

_REMEDY = (
    "it must be tab-separated with timestamp in ms and left_x, left_y and/or right_x, right_y in pixels from the centre"
)
_MISSING = ("", "nan", "na", ".")


@dataclass(frozen=True, eq=False)
class RecordedGaze:
    """`time_s` (N,) seconds from the first sample; `centred_px` per eye (N, 2), pixels from the centre, y down."""

    time_s: NDArray[np.float64]
    centred_px: dict[str, NDArray[np.float64]]

    @property
    def interval_s(self) -> float:
        """Median interval between samples, seconds."""
        return float(np.median(np.diff(self.time_s)))

    @property
    def rate_hz(self) -> float:
        """Mean rate without the gaps (intervals over 1.5 medians); whole when within 0.5 % of a whole number."""
        intervals = np.diff(self.time_s)
        rate = 1.0 / float(intervals[intervals < 1.5 * np.median(intervals)].mean())
        return float(round(rate)) if abs(round(rate) - rate) < 0.005 * rate else rate


def read_recorded_gaze(path: Path) -> RecordedGaze:
    """Read one file.

    Raises
    ------
    StreamError
        With the file and line that is wrong.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise StreamError("this is no text file", place=path.name, remedy=_REMEDY) from error
    except OSError as error:
        raise StreamError(f"cannot be read ({error.strerror})", place=path.name) from error
    header = [name.strip() for name in lines[0].split("\t")] if lines else []
    eyes = [eye for eye in ("left", "right") if f"{eye}_x" in header and f"{eye}_y" in header]
    if "timestamp" not in header or not eyes:
        raise StreamError("line 1 does not name the columns of a gaze recording", place=path.name, remedy=_REMEDY)
    wanted = [header.index("timestamp"), *(header.index(f"{eye}_{axis}") for eye in eyes for axis in "xy")]
    table = np.empty((len(lines) - 1, len(wanted)))
    count = 0
    for number, line in enumerate(lines[1:], start=2):
        if not line.strip():
            continue
        table[count] = _numbers(line.split("\t"), wanted, f"{path.name}, line {number}")
        if count and table[count, 0] <= table[count - 1, 0]:
            raise StreamError("time does not go forward", place=f"{path.name}, line {number}", remedy=_REMEDY)
        count += 1
    if count < 2:
        raise StreamError("there are fewer than two samples", place=path.name, remedy=_REMEDY)
    time_s = (table[:count, 0] - table[0, 0]) / 1000.0
    return RecordedGaze(time_s, {eye: table[:count, 1 + 2 * i : 3 + 2 * i].copy() for i, eye in enumerate(eyes)})


def _numbers(cells: list[str], wanted: list[int], place: str) -> list[float]:
    if len(cells) <= max(wanted):
        raise StreamError(f"{len(cells)} columns, not {max(wanted) + 1} or more", place=place, remedy=_REMEDY)
    numbers = []
    for position, column in enumerate(wanted):
        text = cells[column].strip()
        if position > 0 and text.lower() in _MISSING:
            numbers.append(math.nan)
            continue
        try:
            numbers.append(float(text))
        except ValueError as error:
            raise StreamError(f"{text[:40]!r} is no number", place=place, remedy=_REMEDY) from error
    if not math.isfinite(numbers[0]):
        raise StreamError("the time stamp is missing", place=place, remedy=_REMEDY)
    return numbers
