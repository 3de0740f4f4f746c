"""The lines of an EyeLink ASC file: what each keyword holds, block by block. Numbers only; meaning is given elsewhere.

Format: EyeLink 1000 user manual, chapter "Data files: ASC". A block lies between START and END; its SAMPLES line says
which values a sample has: x, y and pupil of each eye, then velocities (VEL), resolution (RES), the input port (INPUT),
flags of dots and letters, head target (HTARGET). A value that is missing is a dot.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ctgaze_app.formats.contract import FormatError, at
from ctgaze_app.formats.text_file import read_text_bytes

EYES = {"LEFT": "left", "RIGHT": "right", "L": "left", "R": "right"}
FARTHEST_PX = 100_000.0
"""Beyond it a coordinate is the mark of a lost eye (-32768 comes as 1e8 too) or damage."""
LATEST_MS = 1000.0
"""How long after a block a message of it may still be stamped."""
LOST_PX = (-32768.0, 1e8, 100000000.0)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_FLAGS = re.compile(r"[.A-Z]{3,13}")
_KEYWORDS = frozenset({"MSG", "EFIX", "ESACC", "EBLINK", "START", "END", "SAMPLES", "EVENTS", "PUPIL"})
_PASSED_OVER = frozenset({"PRESCALER", "VPRESCALER", "SFIX", "SSACC", "SBLINK", "BUTTON", "INPUT", "LOSTDATA"})


@dataclass(frozen=True)
class Samples:
    """The SAMPLES line of a block; `values` counts what follows the time, flags and head target left out."""

    eyes: tuple[str, ...]
    rate_hz: float
    values: int
    head_target: bool


@dataclass(frozen=True)
class AscEvent:
    """EFIX, ESACC or EBLINK: eye, first and last sample and duration in ms, the numbers after them (NaN for a dot)."""

    row: int
    keyword: str
    eye: str
    start_ms: float
    end_ms: float
    duration_ms: float
    numbers: tuple[float, ...]


@dataclass
class Block:
    """From START to END, times in ms of the tracker's clock.

    `samples` holds (row, time, values), `messages` (row, time, text).
    """

    row: int
    start_ms: float
    end_ms: float = math.nan
    eyes: tuple[str, ...] = ()
    layout: Samples | None = None
    pupil_unit: str = ""
    samples: list[tuple[int, float, list[float]]] = field(default_factory=list)
    events: list[AscEvent] = field(default_factory=list)
    messages: list[tuple[int, float, str]] = field(default_factory=list)


@dataclass
class AscFile:
    """`display` is left, top, right, bottom of the tracker's coordinates; `before` the messages outside of blocks."""

    path: Path
    blocks: list[Block] = field(default_factory=list)
    display: tuple[float, float, float, float] | None = None
    before: list[tuple[int, float, str]] = field(default_factory=list)

    def fault(
        self, message: str, row: int, remedy: str = "correct this line", column: str | None = None
    ) -> FormatError:
        """An error at a line (from 1)."""
        return FormatError(message, place=at(self.path, row, column), remedy=remedy)


def read_asc(path: Path, encoding: str = "utf-8") -> AscFile:
    """Take the file apart.

    Raises
    ------
    FormatError
        For a line of an unknown keyword or with too few, too many or impossible cells, blocks that are not closed, and
        a file that ends within a line.
    """
    data = read_text_bytes(path, encoding=encoding)
    if not data.endswith((b"\n", b"\r")):
        raise FormatError(
            "the last line has no line end, so the file may have been cut off",
            place=at(path),
            remedy="restore it from a copy",
        )
    file = AscFile(path)
    block: Block | None = None
    early: list[tuple[int, list[str]]] = []
    # splitlines() would also end lines at what is text in a message (a Windows ellipsis read as Latin-1, say).
    for row, line in enumerate(re.split(r"\r\n|\n|\r", data.decode("utf-8")), start=1):
        cells = line.split()
        if not cells or line.startswith(("**", "#", "//", ";")):
            continue
        keyword = cells[0]
        if block is None and not (keyword in _KEYWORDS or _is_sample(cells)):
            # What the tracker's own calibration prints between blocks: free text and tables of numbers.
            continue
        if keyword[0].isdigit():
            _sample(file, block, row, cells)
        elif keyword == "MSG":
            _message(file, block, row, line)
        elif keyword in ("EFIX", "ESACC", "EBLINK"):
            _event(file, block, row, cells)
        elif keyword == "START":
            if block is not None:
                raise file.fault("a block begins before the one above it has ended", row, "is an END missing?")
            block = _start(file, row, cells)
            file.blocks.append(block)
            for early_row, early_cells in early:
                _configuration(file, block, early_row, early_cells)
            early = []
        elif keyword == "END":
            if block is None:
                raise file.fault("a block ends that has not begun", row, "is a START missing?")
            block.end_ms = _time(file, row, cells, 1)
            if block.end_ms < block.start_ms:
                raise file.fault("a block ends before it begins", row)
            _check_end(file, block)
            block = None
        elif keyword in ("SAMPLES", "EVENTS", "PUPIL"):
            if block is None:
                early.append((row, cells))
            else:
                _configuration(file, block, row, cells)
        elif keyword not in _PASSED_OVER:
            raise file.fault(f"{keyword[:20]!r} is no keyword of an EyeLink ASC file", row, "is this an ASC file?")
    if block is not None:
        raise file.fault("this block has no END: the file was cut off", block.row, "restore it from a copy")
    if not file.blocks:
        raise FormatError("has no START line", place=at(path), remedy="is this an EyeLink ASC file?")
    return file


def _check_end(file: AscFile, block: Block) -> None:
    """Nothing of a block lies long after its END."""
    last_ms = block.end_ms + LATEST_MS
    for row, time in (
        *((event.row, event.end_ms) for event in block.events),
        *((row, time) for row, time, _ in block.messages),
        *((row, time) for row, time, _ in block.samples[-1:]),
    ):
        if time > last_ms:
            raise file.fault("lies after the END of its block", row, column="time")


def _is_sample(cells: Sequence[str]) -> bool:
    return (
        len(cells) >= 4
        and re.fullmatch(r"\d+(\.\d)?", cells[0]) is not None
        and _FLAGS.fullmatch(cells[-1]) is not None
    )


def number(file: AscFile, row: int, cell: str, what: str) -> float:
    """A number, NaN for a dot."""
    if cell == ".":
        return math.nan
    if not _NUMBER.fullmatch(cell):
        raise file.fault(f"{cell[:40]!r} is not a number", row, column=what)
    value = float(cell)
    if not math.isfinite(value):
        raise file.fault(f"{cell[:40]!r} is not a number that can be measured", row, column=what)
    return value


def _time(file: AscFile, row: int, cells: Sequence[str], place: int) -> float:
    if len(cells) <= place:
        raise file.fault("has no time", row)
    value = number(file, row, cells[place], "time")
    if not 0 <= value <= 1e11:
        raise file.fault(f"{cells[place][:40]!r} is no time in milliseconds", row)
    return value


def _start(file: AscFile, row: int, cells: Sequence[str]) -> Block:
    start = _time(file, row, cells, 1)
    if file.blocks and start <= file.blocks[-1].end_ms:
        raise file.fault("a block begins before the one above it has ended", row)
    unknown = [cell for cell in cells[2:] if cell not in ("LEFT", "RIGHT", "SAMPLES", "EVENTS")]
    if unknown:
        raise file.fault(f"{unknown[0][:20]!r} is not known here", row)
    return Block(row, start, eyes=tuple(EYES[cell] for cell in cells[2:] if cell in EYES))


def _configuration(file: AscFile, block: Block, row: int, cells: Sequence[str]) -> None:
    if cells[0] == "PUPIL":
        if len(cells) != 2 or cells[1] not in ("AREA", "DIAMETER"):
            raise file.fault("says neither AREA nor DIAMETER", row)
        block.pupil_unit = cells[1].lower()
        return
    if len(cells) < 2 or cells[1] != "GAZE":
        raise file.fault(
            f"{cells[0]} are {' '.join(cells[1:2]) or 'nothing'}, not GAZE",
            row,
            "convert the EDF file with gaze positions",
        )
    if cells[0] == "EVENTS":
        return
    if block.samples or block.layout is not None:
        raise file.fault("SAMPLES is there twice in this block", row)
    rest = list(cells[2:])
    eyes = tuple(EYES[cell] for cell in rest if cell in ("LEFT", "RIGHT"))
    if not eyes or (block.eyes and eyes != block.eyes):
        raise file.fault("the eyes are not those of the START line", row)
    if "RATE" not in rest or rest.index("RATE") + 1 >= len(rest):
        raise file.fault("has no RATE", row)
    rate = number(file, row, rest[rest.index("RATE") + 1], "RATE")
    if not 10 <= rate <= 10_000:
        raise file.fault(f"{rate:g} Hz is no rate of an eye tracker", row)
    values = 3 * len(eyes) + 2 * len(eyes) * ("VEL" in rest) + 2 * ("RES" in rest) + ("INPUT" in rest)
    block.layout = Samples(eyes, rate, values, "HTARGET" in rest)


def _sample(file: AscFile, block: Block | None, row: int, cells: list[str]) -> None:
    if block is None or block.layout is None:
        raise file.fault("a sample without START and SAMPLES before it", row, "is a line missing?")
    layout = block.layout
    rest = cells[1 + layout.values :]
    numbers = cells[1 : 1 + layout.values]
    if layout.head_target and len(rest) >= 3:
        rest = [*rest[:1], *rest[4:]] if _FLAGS.fullmatch(rest[0]) else rest[3:]
    flagged = [cell for cell in rest if _FLAGS.fullmatch(cell)]
    if len(numbers) < layout.values or len(flagged) != len(rest) or len(rest) > 2:
        raise file.fault(f"a sample of {len(cells)} cells; SAMPLES says {layout.values + 1} and flags", row)
    time = _time(file, row, cells, 0)
    if block.samples and time <= block.samples[-1][1]:
        raise file.fault("time repeats or goes back", row, column="time")
    if time < block.start_ms:
        raise file.fault("a sample before its START", row, column="time")
    values = [number(file, row, cell, f"value {place}") for place, cell in enumerate(numbers, start=1)]
    for place in range(3 * len(layout.eyes)):
        lost = place % 3 < 2 and values[place] in LOST_PX
        if lost:
            values[place] = math.nan
        elif abs(values[place]) > FARTHEST_PX:
            raise file.fault(f"{numbers[place]} is no position or pupil", row, column=f"value {place + 1}")
    block.samples.append((row, time, values))


def _event(file: AscFile, block: Block | None, row: int, cells: Sequence[str]) -> None:
    keyword = cells[0]
    if block is None:
        raise file.fault(f"{keyword} stands outside of a block", row, "is a START missing?")
    wanted = {"EFIX": (8, 10), "ESACC": (11, 13), "EBLINK": (5,)}[keyword]
    if len(cells) not in wanted:
        raise file.fault(f"{keyword} has {len(cells)} cells, not {' or '.join(map(str, wanted))}", row)
    if cells[1] not in ("L", "R"):
        raise file.fault(f"{cells[1][:20]!r} is no eye", row)
    start, end = _time(file, row, cells, 2), _time(file, row, cells, 3)
    duration = number(file, row, cells[4], "duration")
    same = [event for event in block.events if event.keyword == keyword and event.eye == EYES[cells[1]]]
    if same and start <= same[-1].start_ms:
        raise file.fault(f"{keyword} repeats or goes back", row, column="start")
    sample_ms = 1000.0 / block.layout.rate_hz if block.layout is not None else 5.0
    if end < start or not abs(duration - (end - start)) <= 2 * sample_ms + 1:
        raise file.fault("start, end and duration do not agree", row, "times are milliseconds", "duration")
    numbers = tuple(number(file, row, cell, f"cell {place}") for place, cell in enumerate(cells[5:], start=6))
    if any(abs(value) > 1e6 for value in numbers if not math.isnan(value) and value not in LOST_PX):
        raise file.fault("a number that cannot be", row)
    if keyword == "EFIX" and not all(abs(value) < FARTHEST_PX and value not in LOST_PX for value in numbers[:2]):
        raise file.fault("a fixation has no position", row)
    block.events.append(AscEvent(row, keyword, EYES[cells[1]], start, end, duration, numbers))


def _message(file: AscFile, block: Block | None, row: int, line: str) -> None:
    match = re.match(r"MSG\s+(\S+)\s*(.*)$", line)
    if match is None:
        raise file.fault("has no time", row)
    time = _time(file, row, [match[1]], 0)
    text = match[2].strip()
    words = text.split()
    if (
        len(words) > 1
        and re.fullmatch(r"-?\d+", words[0])
        and words[1].startswith(("!", "GAZE_COORDS", "DISPLAY_COORDS"))
    ):
        words = words[1:]
    if words and words[0] in ("GAZE_COORDS", "DISPLAY_COORDS"):
        _display(file, row, words)
    (file.before if block is None else block.messages).append((row, time, text))


def _display(file: AscFile, row: int, words: Sequence[str]) -> None:
    corners = [number(file, row, cell, words[0]) for cell in words[1:5]]
    if len(corners) != 4 or not corners[2] > corners[0] or not corners[3] > corners[1]:
        raise file.fault(f"{words[0]} are no rectangle", row)
    display = (corners[0], corners[1], corners[2], corners[3])
    if max(map(abs, display)) > FARTHEST_PX:
        raise file.fault(f"{words[0]} are no screen", row)
    if file.display is not None and file.display != display:
        raise file.fault(f"{words[0]} are not those of the lines above", row, "the screen changed within the file")
    file.display = display
