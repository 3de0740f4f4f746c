"""Which rows of the chest X-ray tables belong to which showing of which picture, and what in them contradicts itself.

A showing is an unbroken run of rows of one session, medium and picture. A picture that is not in the master sheet is a
calibration target, whose name is the name of some radiograph less its last five characters: it is never taken for that
radiograph.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ctgaze_app.formats.contract import FormatError, at
from ctgaze_app.formats.egd_tables import GAZE_COLUMNS, TICK, TICKS_PER_S, TIME

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]
CALIBRATION_CUT = 5
"""Characters that the study cut off a calibration picture's name."""
LARGEST_GAP_S = 0.05
"""Three samples: how far start and duration of a fixation may miss the time of its last sample."""
FARTHEST_NORM = 3.0
"""Valid gaze farther than this from the screen's centre is no fraction of the screen."""
SMALLEST_PUPIL_MM = 0.5
LARGEST_PUPIL_MM = 30.0
"""No pupil, whatever the tracker's error: another unit."""


@dataclass
class Findings:
    """What contradicts itself: refused at once, or collected as notes when the user has said ``report``."""

    refuse: bool
    notes: list[str] = field(default_factory=list)

    def tell(self, message: str, path: Path, rows: NDArray[Any], column: str) -> None:
        """`rows` are the records concerned, from 0; nothing is told when there are none."""
        if not len(rows):
            return
        place = at(path, int(rows[0]) + 2, column)
        count = f", {len(rows)} rows" if len(rows) > 1 else ""
        if self.refuse:
            raise FormatError(
                message + count, place=place, remedy="restore it from a copy, or --option disagreement=report"
            )
        self.notes.append(f"{place}: {message}{count}")

    def refused(self, error: FormatError) -> None:
        """A file of one picture that cannot be read: raised, or left out with a note."""
        if self.refuse:
            raise error
        self.notes.append(f"left out: {error}")


@dataclass(frozen=True, eq=False)
class GazeRows:
    """One of the two gaze tables.

    Attributes
    ----------
    session, picture
        (N,) codes of `sessions` and `pictures`.
    first
        (R,) first row of each run; `run` is (N,) the run of each row.
    shown
        What a column is called in the file, where that is something else than here.
    """

    path: Path
    table: pd.DataFrame
    session: Codes
    sessions: tuple[str, ...]
    picture: Codes
    pictures: tuple[str, ...]
    first: Codes
    run: Codes
    shown: Mapping[str, str] = field(default_factory=dict)

    def column(self, name: str) -> Floats:
        """A column of numbers."""
        return np.asarray(self.table[name].to_numpy(), dtype=np.float64)

    @property
    def last(self) -> Codes:
        """(R,) last row of each run."""
        return np.append(self.first[1:], len(self.table)) - 1

    def keys(self) -> list[tuple[str, int, str, int]]:
        """Session, medium, picture and how many runs of these came before, of each run."""
        seen: dict[tuple[str, int, str], int] = {}
        media = self.table["MEDIA_ID"].to_numpy()[self.first].tolist()
        found = []
        for row, medium in zip(self.first, media, strict=True):
            key = (self.sessions[self.session[row]], int(medium), self.pictures[self.picture[row]])
            seen[key] = seen.get(key, -1) + 1
            found.append((*key, seen[key]))
        return found


def gaze_rows(path: Path, table: pd.DataFrame, shown: Mapping[str, str] | None = None) -> GazeRows:
    """Find the runs."""
    import pandas as pd

    session, sessions = pd.factorize(table["SESSION_ID"])
    picture, pictures = pd.factorize(table["DICOM_ID"])
    media = table["MEDIA_ID"].to_numpy()
    new = np.ones(len(table), dtype=bool)
    new[1:] = (np.diff(session) != 0) | (np.diff(picture) != 0) | (np.diff(media) != 0)
    return GazeRows(
        path, table, session, tuple(map(str, sessions)), picture, tuple(map(str, pictures)),
        np.flatnonzero(new), np.cumsum(new) - 1, shown or {},
    )  # fmt: skip


def mean_pupil_mm(rows: GazeRows) -> Floats:
    """Millimetres, the mean of the valid eyes; NaN without one."""
    total, count = np.zeros(len(rows.table)), np.zeros(len(rows.table))
    for side in "LR":
        values = rows.column(f"{side}PMM")
        valid = (rows.column(f"{side}PMMV") == 1) & np.isfinite(values)
        total += np.where(valid, values, 0.0)
        count += valid
    return np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0)


def number_trials(samples: GazeRows | None, fixations: GazeRows, findings: Findings) -> tuple[Codes | None, Codes]:
    """Trial numbers (from 1 in each session, in the order of the samples) of every run of either table.

    Raises
    ------
    FormatError
        When fixations belong to a showing that has no samples.
    """
    numbers: dict[tuple[str, int, str, int], int] = {}
    counted: dict[str, int] = {}
    leading = samples if samples is not None else fixations
    for key in leading.keys():  # noqa: SIM118 (not a mapping)
        counted[key[0]] = counted.get(key[0], 0) + 1
        numbers[key] = counted[key[0]]
    for rows in (samples, fixations):
        if rows is not None:
            again = [first for first, key in zip(rows.first, rows.keys(), strict=True) if key[3]]
            findings.tell(
                "these rows do not stand with the others of this picture", rows.path, np.array(again), "DICOM_ID"
            )
    found: list[Codes | None] = []
    for rows in (samples, fixations):
        if rows is None:
            found.append(None)
            continue
        keys = rows.keys()
        for first, key in zip(rows.first, keys, strict=True):
            if key not in numbers:
                raise FormatError(
                    f"this showing has no rows in {leading.path.name}",
                    place=at(rows.path, int(first) + 2, "DICOM_ID"),
                    remedy=f"restore both tables from a copy, or take {leading.path.name} away",
                )
        found.append(np.array([numbers[key] for key in keys], dtype=np.intp))
    return found[0], found[1]  # type: ignore[return-value]


def calibration_pictures(rows: Iterable[GazeRows], known: Iterable[str], *, absent: bool) -> set[str]:
    """Names of the calibration targets among the pictures.

    Parameters
    ----------
    known
        Pictures of the master sheet.
    absent
        True: whatever is not in the master sheet, as the study's code has it. False: only names that are five
        characters shorter than those of the sheet; another unknown name is an error.

    Raises
    ------
    FormatError
        For a picture that is neither in the sheet nor, unless `absent`, a target.
    """
    sheet = set(known)
    lengths = {len(name) - CALIBRATION_CUT for name in sheet}
    found: set[str] = set()
    for table in rows:
        for code, name in enumerate(table.pictures):
            if name in sheet:
                continue
            if not absent and len(name) not in lengths:
                row = int(np.argmax(table.picture == code))
                raise FormatError(
                    f"picture {name[:60]} is neither in the master sheet nor named like a calibration target",
                    place=at(table.path, row + 2, "DICOM_ID"),
                    remedy="correct it, or --option calibration_ids=absent when all such pictures are targets",
                )
            found.add(name)
    return found


def check_gaze(rows: GazeRows, findings: Findings, *, fixations: bool) -> None:
    """Order, units and completeness of one gaze table.

    Raises
    ------
    FormatError
        When times run backwards within a showing, a fixation has no time, or gaze is valid and empty; for everything
        else when `findings` refuses.
    """
    within = np.diff(rows.run, prepend=-1) == 0
    time = rows.column(TIME)
    _counted_once(rows, within, "CNT", findings)
    _ascending(rows, within, TIME)
    if fixations:
        for name in ("FPOGS", "FPOGD", "FPOGID"):
            empty = np.flatnonzero(np.isnan(rows.column(name)))
            if len(empty):
                raise _fault("the cell is empty", rows, empty[0], name, "a fixation needs it")
        _counted_once(rows, within, "FPOGID", findings)
        _ascending(rows, within, "FPOGS")
        gap = np.abs(rows.column("FPOGS") + rows.column("FPOGD") - time)
        findings.tell(
            "start and duration do not add up to the time of the row",
            rows.path,
            np.flatnonzero(gap > LARGEST_GAP_S),
            "FPOGD",
        )
    for flag, names in (("FPOGV", ("FPOGX", "FPOGY")), ("BPOGV", ("BPOGX", "BPOGY"))):
        valid = rows.column(flag) == 1
        for name in names:
            values = rows.column(name)
            empty = np.flatnonzero(valid & np.isnan(values))
            if len(empty):
                raise _fault(f"the cell is empty though {flag} is 1", rows, empty[0], name, "fill it in")
            far = np.flatnonzero(valid & (np.abs(values - 0.5) > FARTHEST_NORM))
            findings.tell("valid gaze that is no fraction of the screen", rows.path, far, name)
    for side in "LR":
        pupil, valid = rows.column(f"{side}PMM"), rows.column(f"{side}PMMV") == 1
        wrong = np.flatnonzero(valid & ~(np.abs(pupil) <= LARGEST_PUPIL_MM))
        findings.tell("a valid pupil that is no pupil in millimetres", rows.path, wrong, f"{side}PMM")
        middle = float(np.median(pupil[valid])) if valid.any() else SMALLEST_PUPIL_MM
        if middle < SMALLEST_PUPIL_MM:
            message = f"valid pupils of {middle:g} mm in the middle: another unit"
            findings.tell(message, rows.path, np.flatnonzero(valid)[:1], f"{side}PMM")
    for column in GAZE_COLUMNS:
        if column.missing:
            empty = np.flatnonzero(np.isnan(rows.column(column.name)))
            if len(empty) < len(time):
                findings.tell("the cell is empty, others of this column are not", rows.path, empty, column.name)
    _check_ticks(rows, time, findings)


def _ascending(rows: GazeRows, within: NDArray[np.bool_], name: str) -> None:
    wrong = np.flatnonzero(within & (np.diff(rows.column(name), prepend=0.0) < 0))
    if len(wrong):
        raise _fault("goes back within a showing", rows, wrong[0], name, "put the rows in the order of time")


def _counted_once(rows: GazeRows, within: NDArray[np.bool_], name: str, findings: Findings) -> None:
    wrong = np.flatnonzero(within & (np.diff(rows.column(name), prepend=0.0) <= 0))
    findings.tell("repeats or goes back within a showing", rows.path, wrong, name)


def _check_ticks(rows: GazeRows, time: Floats, findings: Findings) -> None:
    """The tracker's clock, whose unit its header tells, and the seconds must run alike."""
    ticks_s = rows.column(TICK) / TICKS_PER_S
    first, last = rows.first, rows.last
    span, span_ticks = time[last] - time[first], ticks_s[last] - ticks_s[first]
    long = span_ticks > 2 * LARGEST_GAP_S
    long |= span > 2 * LARGEST_GAP_S
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = span / span_ticks
    wrong = long & np.isfinite(span_ticks) & ~((ratio > 0.5) & (ratio < 2.0))
    column = rows.shown.get(TIME, TIME)
    findings.tell("seconds and clock ticks of this showing run at different speeds", rows.path, first[wrong], column)


def _fault(message: str, rows: GazeRows, row: Any, column: str, remedy: str) -> FormatError:
    return FormatError(message, place=at(rows.path, int(row) + 2, rows.shown.get(column, column)), remedy=remedy)
