"""What the simulated eye truly did, written beside the recording while it happens: the measure of everything later.

`truth.json` describes the run; `frames.bin` holds one row of float64 a frame that was sent (`FRAME_COLUMNS`);
`fixations.csv` and `blinks.csv` one row an event, written and flushed when it ends. All times are LSL seconds; events
and `eye_time` are the eye's own time, `stamp_lsl` is what the stream said (later by the tracker's latency).
"""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ctgaze_app.errors import SessionError
from models.simulation.reader import TrueEvent

SCHEMA = 1
FRAME_COLUMNS = ("frame", "stamp_lsl", "eye_time", "x_true_px", "y_true_px", "valid")
_EVENT_COLUMNS = ("id", "start_lsl", "end_lsl", "x_screen_px", "y_screen_px")
_FILES = {"fixation": "fixations.csv", "blink": "blinks.csv"}
_FLUSH_EVERY_S = 0.5


class TruthWriter:
    """Appends to a folder of its own; refuses to write over an earlier truth."""

    def __init__(self, folder: Path, parameters: dict[str, Any]) -> None:
        self._flushed = 0.0
        try:
            folder.mkdir(parents=True, exist_ok=True)
            description = {"schema": SCHEMA, "dtype": "<f8", "frame_columns": FRAME_COLUMNS, "parameters": parameters}
            with (folder / "truth.json").open("x", encoding="utf-8", newline="\n") as file:
                json.dump(description, file, indent=1)
            self._frames = (folder / "frames.bin").open("xb")
            self._events = {
                kind: (folder / name).open("x", encoding="utf-8", newline="") for kind, name in _FILES.items()
            }
        except FileExistsError as error:
            raise SessionError(
                "a truth record is there already", place=str(folder), remedy="give a new folder"
            ) from error
        except OSError as error:
            raise SessionError(f"cannot write the truth ({error.strerror})", place=str(folder)) from error
        self._tables = {kind: csv.writer(file, lineterminator="\n") for kind, file in self._events.items()}
        for kind, table in self._tables.items():
            table.writerow(_EVENT_COLUMNS)
            self._events[kind].flush()

    def add_frames(self, rows: NDArray[np.float64]) -> None:
        """Append rows (N, 6) of `FRAME_COLUMNS`; flushed about twice a second."""
        self._frames.write(np.ascontiguousarray(rows, dtype="<f8").tobytes())
        if time.monotonic() - self._flushed > _FLUSH_EVERY_S:
            self._frames.flush()
            self._flushed = time.monotonic()

    def add_events(self, events: Iterable[TrueEvent]) -> None:
        """Append events that have ended."""
        for event in events:
            row = (event.id, f"{event.start_s:.6f}", f"{event.end_s:.6f}", f"{event.x_px:.3f}", f"{event.y_px:.3f}")
            self._tables[event.kind].writerow(row)
            self._events[event.kind].flush()

    def close(self) -> None:
        """Flush and close every file."""
        self._frames.close()
        for file in self._events.values():
            file.close()


@dataclass(frozen=True, eq=False)
class Truth:
    """A folder written by `TruthWriter`: `frames` (N, 6) of `FRAME_COLUMNS`, `fixations`, `blinks`, `parameters`."""

    frames: NDArray[np.float64]
    fixations: list[TrueEvent]
    blinks: list[TrueEvent]
    parameters: dict[str, Any]


def read_truth(folder: Path) -> Truth:
    """Read a truth folder; a row that was cut off while it was written is left out.

    Raises
    ------
    SessionError
        When a file is missing or damaged.
    """
    try:
        description = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
        data = (folder / "frames.bin").read_bytes()
        row_bytes = 8 * len(FRAME_COLUMNS)
        frames = np.frombuffer(data[: len(data) // row_bytes * row_bytes], dtype="<f8").reshape(-1, len(FRAME_COLUMNS))
        fixations = _read_events(folder, "fixation")
        blinks = _read_events(folder, "blink")
        return Truth(frames.astype(np.float64), fixations, blinks, description["parameters"])
    except (OSError, ValueError, KeyError) as error:
        raise SessionError(f"no readable truth record ({type(error).__name__})", place=str(folder)) from error


def _read_events(folder: Path, kind: Any) -> list[TrueEvent]:
    with (folder / _FILES[kind]).open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))[1:]
    return [
        TrueEvent(kind, float(start), float(end), float(x), float(y), id)
        for id, start, end, x, y in (row for row in rows if len(row) == len(_EVENT_COLUMNS))
    ]
