"""EyeLink ASC text files: samples, fixations, saccades, blinks and messages. Binary EDF files are converted first.

Each START..END block is a trial and its start is time 0. Of a file with both eyes one must be declared. Positions are
pixels of GAZE_COORDS (or DISPLAY_COORDS), whose right and lower edge is its last pixel; without them the size of the
screen is declared. Positions on a picture need the options ``picture`` and ``image``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ctgaze_app.formats.contract import Format, FormatError, Option, at
from ctgaze_app.formats.dataset import EVENT_COLUMNS, FIXATION_COLUMNS, SAMPLE_COLUMNS, CaseRecord, DataSet
from ctgaze_app.formats.eyelink_lines import AscFile, Block, read_asc
from ctgaze_app.formats.picture_rectangle import (
    IMAGE_OPTION,
    PICTURE_OPTION,
    SCREEN_OPTION,
    PictureOnScreen,
    declared_picture,
    declared_screen,
    places_on,
)
from ctgaze_app.study.session import is_code

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
READ_OPTIONS = (
    SCREEN_OPTION,
    PICTURE_OPTION,
    IMAGE_OPTION,
    Option("eye", "which eye counts; recorded: the only one", ("recorded", "left", "right"), "recorded"),
    Option(
        "case_message",
        "first word of the message whose second word is the case of the next or running block; empty: block-1, block-2",
        default="",
    ),
    Option("reader", "code of the reader", default="reader"),
    Option("encoding", "encoding of the text", ("utf-8", "latin-1", "cp1252"), "utf-8"),
)
RATE_TOLERANCE = 0.1
"""How far the spacing of the samples may be from the rate that the file states."""


def read_eyelink(path: Path, options: Mapping[str, str]) -> DataSet:
    """Read one ASC file; a file with events only gives no samples.

    Raises
    ------
    FormatError
        With file and line of the first fault.
    """
    import pandas as pd

    path = Path(path)
    if not is_code(options["reader"]):
        raise FormatError(f"option reader={options['reader']} is not a code", remedy="letters, digits, - and _")
    picture = declared_picture(options)
    file = read_asc(path, options["encoding"])
    display = _display(file, options)
    names = _case_names(file, options["case_message"])
    fixations, samples, events = [], [], []
    for trial, (block, case) in enumerate(zip(file.blocks, names, strict=True), start=1):
        eye = _eye(file, block, options["eye"])
        keys = {"session": "", "reader": options["reader"], "trial": trial, "case": case}
        fixations.append(_fixations(block, eye, keys, display, picture))
        if block.samples:
            samples.append(_samples(file, block, eye, keys, display, picture))
        events += list(_events(block, eye, keys))
    rates = {block.layout.rate_hz for block in file.blocks if block.layout is not None}
    shape = (1, picture.rows, picture.columns) if picture else (1, 1, 1)
    notes = [f"{len(file.before)} messages outside of blocks are left out"] if file.before else []
    if picture is None:
        notes.append("no picture is declared: positions are fractions of the screen, none on an image")
    width, height = display[2] - display[0], display[3] - display[1]
    table = pd.concat(fixations, ignore_index=True)
    event_table = pd.DataFrame(events, columns=list(EVENT_COLUMNS))
    return DataSet(
        cases=tuple(CaseRecord(name, shape, kind="image") for name in dict.fromkeys(names)),
        fixations=table,
        samples=pd.concat(samples, ignore_index=True) if samples else None,
        events=event_table.sort_values(["trial", "onset_s"], kind="stable", ignore_index=True),
        screen={"width_px": width, "height_px": height} | ({"rate_hz": rates.pop()} if len(rates) == 1 else {}),
        provenance={
            "format": FORMAT.name,
            "options": dict(options),
            "files": {"file.asc": hashlib.sha256(path.read_bytes()).hexdigest()},
            "notes": notes,
        },
    )


def _display(file: AscFile, options: Mapping[str, str]) -> tuple[float, float, float, float]:
    """Left, top, right and bottom edge of the screen in the tracker's coordinates."""
    declared = declared_screen(options)
    if file.display is None:
        if declared is None:
            raise FormatError(
                "has neither GAZE_COORDS nor DISPLAY_COORDS", place=at(file.path), remedy="--option screen=1920x1080"
            )
        return 0.0, 0.0, declared[0], declared[1]
    left, top, right, bottom = file.display
    edges = (left, top, right + 1.0, bottom + 1.0)
    if declared is not None and declared != (edges[2] - left, edges[3] - top):
        raise FormatError(
            f"its screen has {edges[2] - left:g} x {edges[3] - top:g} pixels, not {options['screen']}",
            place=at(file.path),
            remedy="leave option screen away",
        )
    return edges


def _case_names(file: AscFile, keyword: str) -> list[str]:
    """The case of each block."""
    if not keyword:
        return [f"block-{number}" for number in range(1, len(file.blocks) + 1)]
    found, before_ms = [], -1.0
    for block in file.blocks:
        candidates = [
            (row, text.split())
            for row, time, text in (*file.before, *block.messages)
            if before_ms < time <= block.end_ms and text.split()[:1] == [keyword]
        ]
        before_ms = block.end_ms
        if len(candidates) != 1:
            raise file.fault(
                f"{len(candidates)} messages {keyword[:20]} belong to this block, not one",
                block.row,
                "choose another --option case_message",
            )
        row, words = candidates[0]
        if len(words) < 2 or not is_code(words[1]):
            raise file.fault("the case is no code of letters, digits, - and _", row, "choose another message")
        found.append(words[1])
    return found


def _eye(file: AscFile, block: Block, declared: str) -> str:
    eyes = block.layout.eyes if block.layout is not None else block.eyes
    eyes = eyes or tuple(dict.fromkeys(event.eye for event in block.events))
    if declared == "recorded":
        if len(eyes) > 1:
            raise file.fault("both eyes were recorded", block.row, "declare one: --option eye=left|right")
        return eyes[0] if eyes else "left"
    if eyes and declared not in eyes:
        raise file.fault(f"the {declared} eye was not recorded", block.row, f"--option eye={eyes[0]}")
    return declared


def _place(
    x: Floats, y: Floats, display: tuple[float, float, float, float], picture: PictureOnScreen | None
) -> dict[str, Any]:
    """Screen fractions and places on the picture from the tracker's coordinates."""
    screen_x, screen_y = x - display[0], y - display[1]
    return {
        "x_screen_norm": screen_x / (display[2] - display[0]),
        "y_screen_norm": screen_y / (display[3] - display[1]),
        **places_on(picture, screen_x, screen_y),
    }


def _fixations(
    block: Block,
    eye: str,
    keys: Mapping[str, Any],
    display: tuple[float, float, float, float],
    picture: PictureOnScreen | None,
) -> pd.DataFrame:
    import pandas as pd

    events = [event for event in block.events if event.keyword == "EFIX" and event.eye == eye]
    numbers = np.array([event.numbers[:3] for event in events], dtype=np.float64).reshape(-1, 3)
    start = np.array([event.start_ms for event in events], dtype=np.float64)
    # As the file has it, to the end of the last sample: samples 100 to 199 at 1000 Hz are 100 ms.
    duration = np.array([event.duration_ms for event in events], dtype=np.float64)
    columns = _place(numbers[:, 0], numbers[:, 1], display, picture) | {
        **{name: [value] * len(events) for name, value in keys.items()},
        "fixation": np.arange(1, len(events) + 1),
        "kind": ["fixation"] * len(events),
        "onset_s": (start - block.start_ms) / 1000.0,
        "duration_s": duration / 1000.0,
        "pupil": numbers[:, 2],
        "pupil_unit": [block.pupil_unit] * len(events),
        "uncertainty_mm": np.full(len(events), np.nan),
    }
    frame = pd.DataFrame({name: columns[name] for name in FIXATION_COLUMNS})
    return frame.astype(
        {"trial": np.int64, **dict.fromkeys(("session", "reader", "case", "kind", "pupil_unit"), "str")}
    )


def _samples(
    file: AscFile,
    block: Block,
    eye: str,
    keys: Mapping[str, Any],
    display: tuple[float, float, float, float],
    picture: PictureOnScreen | None,
) -> pd.DataFrame:
    import pandas as pd

    assert block.layout is not None
    time = np.array([sample[1] for sample in block.samples])
    values = np.array([sample[2] for sample in block.samples])
    spacing_ms = float(np.median(np.diff(time))) if len(time) > 1 else 1000.0 / block.layout.rate_hz
    if abs(spacing_ms * block.layout.rate_hz / 1000.0 - 1.0) > RATE_TOLERANCE:
        raise file.fault(
            f"samples come every {spacing_ms:g} ms, which is not {block.layout.rate_hz:g} Hz",
            block.samples[0][0],
            "times are milliseconds, RATE is samples a second",
        )
    first = 3 * block.layout.eyes.index(eye)
    x, y, pupil = values[:, first], values[:, first + 1], values[:, first + 2]
    valid = np.isfinite(x) & np.isfinite(y)
    columns = _place(np.where(valid, x, np.nan), np.where(valid, y, np.nan), display, picture) | {
        **{name: [value] * len(time) for name, value in keys.items()},
        "onset_s": (time - block.start_ms) / 1000.0,
        "valid": valid,
        "pupil": np.where(pupil > 0, pupil, np.nan),
        "pupil_unit": [block.pupil_unit] * len(time),
        "kind": ["gaze"] * len(time),
    }
    return pd.DataFrame({name: columns[name] for name in SAMPLE_COLUMNS})


def _events(block: Block, eye: str, keys: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
    own = tuple(keys.values())
    for event in block.events:
        if event.keyword == "EFIX" or event.eye != eye:
            continue
        onset, duration = (event.start_ms - block.start_ms) / 1000.0, event.duration_ms / 1000.0
        amplitude = event.numbers[4] if event.keyword == "ESACC" else float("nan")
        text = f"amplitude {amplitude:g} deg" if amplitude == amplitude else ""
        yield (*own, "saccade" if event.keyword == "ESACC" else "blink", onset, duration, text)
    # A message that stands there twice was written out twice, not sent twice.
    for time, text in dict.fromkeys((time, text) for _, time, text in block.messages):
        yield (*own, "message", (time - block.start_ms) / 1000.0, 0.0, text)


def _recognises(path: Path) -> bool:
    return path.suffix.lower() == ".asc"


FORMAT = Format(
    "eyelink_asc",
    "EyeLink ASC text: samples, fixations, saccades, blinks, messages",
    read=read_eyelink,
    read_options=READ_OPTIONS,
    recognises=_recognises,
)
