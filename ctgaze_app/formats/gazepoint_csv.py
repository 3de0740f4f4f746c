"""Gazepoint Analysis 7.2 exports: ``<user>_all_gaze.csv`` (samples) and ``<user>_fixations.csv`` (last sample of each).

Two column names carry data: ``TIME(<start>)`` and ``TIMETICK(f=<ticks per second>)``. TIME, CNT and FPOGID start anew
with each medium, TIMETICK runs on; a header may end in an empty name; what is missing is 0 with its validity 0, or a
negative number that was stored unsigned. A medium is a trial. The export knows the screen as fractions only: positions
on a picture need the options ``screen``, ``picture`` and ``image``.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ctgaze_app.formats.checked_csv import Column, read_csv_table
from ctgaze_app.formats.contract import Format, FormatError, Option, at
from ctgaze_app.formats.dataset import EVENT_COLUMNS, FIXATION_COLUMNS, SAMPLE_COLUMNS, CaseRecord, DataSet
from ctgaze_app.formats.egd_showings import Findings, GazeRows, check_gaze, gaze_rows, mean_pupil_mm, number_trials
from ctgaze_app.formats.egd_tables import GAZE_COLUMNS, TICK, TICKS_PER_S, TIME
from ctgaze_app.formats.picture_rectangle import (
    IMAGE_OPTION,
    PICTURE_OPTION,
    SCREEN_OPTION,
    PictureOnScreen,
    declared_picture,
    declared_screen,
    places_on,
)
from ctgaze_app.formats.text_file import read_text_bytes
from ctgaze_app.study.session import is_code

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
SAMPLE_ENDING, FIXATION_ENDING = "_all_gaze.csv", "_fixations.csv"
WRAPPED_FROM = 4_294_960_000
"""From here to 2**32: a small negative whole number stored unsigned."""
NO_NUMBER = 2_147_483_647
_POSITION = ("FPOGX", "FPOGY", "BPOGX", "BPOGY")
_ABSENT = ("SESSION_ID", "DICOM_ID", "X_ORIGINAL", "Y_ORIGINAL", TIME, TICK)
_OPTIONAL = ("LPCX", "LPCY", "LPD", "LPS", "LPV", "RPCX", "RPCY", "RPD", "RPS", "RPV", "BKID", "BKDUR", "BKPMIN",
             "LPMM", "LPMMV", "RPMM", "RPMMV", "SACCADE_MAG", "SACCADE_DIR", "VID_FRAME")  # fmt: skip
_MARKS = (
    Column("KB", "text", missing=True),
    Column("KBS", "integer", minimum=0, maximum=10, missing=True),
    Column("USER", "text", missing=True),
    Column("AOI", "text", required=False, missing=True),
)
READ_OPTIONS = (
    SCREEN_OPTION,
    PICTURE_OPTION,
    IMAGE_OPTION,
    Option("sample_gaze", "a sample's point of gaze: the fixation filter's or the raw one", ("BPOG", "FPOG"), "BPOG"),
    Option("case_names", "what a case is called: its medium's number or name", ("media_id", "media_name"), "media_id"),
    Option("disagreement", "what to do with rows that contradict themselves", ("refuse", "report"), "refuse"),
    Option("reader", "code of the reader; several users get -1, -2 and so on", default="reader"),
)  # fmt: skip


def read_gazepoint(path: Path, options: Mapping[str, str]) -> DataSet:
    """Read one user's files (name either of the two) or every user's of a folder.

    Without ``_fixations.csv`` the fixations are the last valid samples of each FPOGID, which is what it holds.

    Raises
    ------
    FormatError
        With file, row and column of the first fault.
    """
    import pandas as pd

    users = _users(Path(path))
    picture, screen = declared_picture(options), declared_screen(options)
    if picture is not None and screen is None:
        raise FormatError("option picture needs the size of the screen", remedy="--option screen=1920x1080")
    if not is_code(options["reader"]):
        raise FormatError(f"option reader={options['reader']} is not a code", remedy="letters, digits, - and _")
    findings = Findings(options["disagreement"] == "refuse")
    tables: dict[str, list[pd.DataFrame]] = {"fixations": [], "samples": [], "events": []}
    names: dict[str, None] = {}
    for number, user in enumerate(users, start=1):
        reader = options["reader"] if len(users) == 1 else f"{options['reader']}-{number}"
        samples = _rows(user[SAMPLE_ENDING], reader, options) if SAMPLE_ENDING in user else None
        fixations = _rows(user[FIXATION_ENDING], reader, options) if FIXATION_ENDING in user else None
        for rows in (samples, fixations):
            if rows is not None:
                check_gaze(rows, findings, fixations=rows is fixations)
                _check_ticks_run_on(rows)
                unnamed = (rows.column("KBS") > 0) & (rows.table["KB"].str.strip() == "").to_numpy()
                findings.tell("a key was pressed and has no name", rows.path, np.flatnonzero(unnamed), "KB")
                names |= dict.fromkeys(rows.pictures)
        if fixations is None:
            assert samples is not None
            fixations = _fixations_of(samples)
            check_gaze(fixations, findings, fixations=True)
            findings.notes.append(f"fixations of {reader} are the last valid samples of each FPOGID")
        sample_trials, trials = number_trials(samples, fixations, findings)
        fixation_table = _place(_common(fixations, trials, reader), fixations, "FPOG", picture, screen)
        fixation_table |= {
            "fixation": (np.arange(len(fixations.run)) - fixations.first[fixations.run] + 1).astype(np.int64),
            "kind": "fixation",
            "onset_s": fixations.column("FPOGS"),
            "duration_s": fixations.column("FPOGD"),
            "uncertainty_mm": np.nan,
        }
        tables["fixations"].append(_frame(fixation_table, FIXATION_COLUMNS, fixations))
        if samples is not None and sample_trials is not None:
            common = _common(samples, sample_trials, reader)
            sample_table = _place(common, samples, options["sample_gaze"], picture, screen)
            sample_table |= {"onset_s": samples.column(TIME), "kind": "gaze"}
            tables["samples"].append(_frame(sample_table, SAMPLE_COLUMNS, samples))
            tables["events"].append(_events(samples, common))
    shape = (1, picture.rows, picture.columns) if picture else (1, 1, 1)
    if picture is None:
        findings.notes.append("no picture is declared: positions are fractions of the screen, none on an image")
    joined = {name: pd.concat(parts, ignore_index=True) if parts else None for name, parts in tables.items()}
    fixations_table = joined["fixations"]
    assert fixations_table is not None
    return DataSet(
        cases=tuple(CaseRecord(name, shape, kind="image") for name in names),
        fixations=fixations_table,
        samples=joined["samples"],
        events=joined["events"],
        screen={} if screen is None else {"width_px": screen[0], "height_px": screen[1]},
        provenance={
            "format": FORMAT.name,
            "options": dict(options),
            "files": _digests(users),
            "notes": findings.notes,
        },
    )


def _users(path: Path) -> list[dict[str, Path]]:
    """The files of each user, in the order of their names."""
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if _ending(file))
        if not files:
            raise FormatError(
                "no Gazepoint export here",
                place=path.name,
                remedy=f"its files end in {SAMPLE_ENDING} or {FIXATION_ENDING}",
            )
    elif _ending(path):
        stem = path.name.removesuffix(_ending(path))
        files = [path.with_name(stem + ending) for ending in (SAMPLE_ENDING, FIXATION_ENDING)]
        files = [file for file in files if file.exists() or file == path]
    else:
        raise FormatError(
            f"is not named like a Gazepoint export (..{SAMPLE_ENDING}, ..{FIXATION_ENDING})",
            place=at(path),
            remedy="rename it, or choose another format",
        )
    found: dict[str, dict[str, Path]] = {}
    for file in files:
        found.setdefault(file.name.removesuffix(_ending(file)), {})[_ending(file)] = file
    return list(found.values())


def _ending(path: Path) -> str:
    return next((ending for ending in (SAMPLE_ENDING, FIXATION_ENDING) if path.name.endswith(ending)), "")


def _rows(path: Path, reader: str, options: Mapping[str, str]) -> GazeRows:
    """The table under the names of the chest X-ray tables, which come from the same program."""
    time_name, tick_name, ticks_per_s = _clock_columns(path)
    known = {column.name: column for column in GAZE_COLUMNS}
    columns = [
        Column("MEDIA_ID", "integer", minimum=0),
        Column("MEDIA_NAME", "text", missing=True),
        Column(TIME, "number", minimum=0, maximum=known[TIME].maximum, aliases=(time_name,)),
        Column(TICK, "number", minimum=0, aliases=(tick_name,)),
        *(Column(name, "number", minimum=-1e6, maximum=2**32) for name in _POSITION),
        *(
            Column(name, column.kind, name not in _OPTIONAL, column.minimum, column.maximum, name in _OPTIONAL)
            for name, column in known.items()
            if name not in (*_ABSENT, *_POSITION, "MEDIA_ID")
        ),
        *_MARKS,
    ]
    table = read_csv_table(path, columns, extra="drop")
    count = len(table)
    for side in "LR":
        pair = [f"{side}PMM", f"{side}PMMV"]
        absent_one = [name for name in pair if name not in table]
        if len(absent_one) == 1:
            # Without it this eye would silently be left out of the pupil.
            raise FormatError(
                f"this column is missing, though {(set(pair) - set(absent_one)).pop()} is there",
                place=at(path, 1, absent_one[0]),
                remedy="export the file again, or delete both",
            )
    for name in _POSITION:
        values = table[name].to_numpy(np.float64)
        missing = (values >= WRAPPED_FROM) | (values == NO_NUMBER)
        flag = f"{name[:4]}V"
        table[flag] = np.where(missing, 0, table[flag].to_numpy())
        table[name] = np.where(missing, 0.0, values)
    table[TICK] = table[TICK].to_numpy(np.float64) * (TICKS_PER_S / ticks_per_s)
    absent = {name: np.full(count, np.nan) for name in known if name not in table and name not in _ABSENT[:2]}
    table = table.assign(**absent, SESSION_ID="", DICOM_ID=_case_names(path, table, options))
    return gaze_rows(path, table, {TIME: time_name, TICK: tick_name})


def _clock_columns(path: Path) -> tuple[str, str, float]:
    """Names of the two clock columns in the header, and the ticks of a second."""
    data = read_text_bytes(path)
    names = [name.strip() for name in next(csv.reader(io.StringIO(data.split(b"\n", 1)[0].decode("utf-8"))), [])]
    time_name = next((name for name in names if re.fullmatch(r"TIME\(.*\)", name)), "")
    tick = next((match for name in names if (match := re.fullmatch(r"TIMETICK\(f=(\d{1,12})\)", name))), None)
    for found, column in ((time_name, "TIME(<start>)"), (tick, "TIMETICK(f=<ticks per second>)")):
        if not found:
            raise FormatError("this column is missing", place=at(path, 1, column), remedy="export the file again")
    assert tick is not None
    if not 1_000 <= int(tick[1]) <= 10_000_000_000:
        raise FormatError(
            f"{tick[1]} ticks a second is no clock", place=at(path, 1, tick[0]), remedy="export the file again"
        )
    return time_name, tick[0], float(tick[1])


def _case_names(path: Path, table: pd.DataFrame, options: Mapping[str, str]) -> Any:
    if options["case_names"] == "media_id":
        return [f"media-{number}" for number in table["MEDIA_ID"].tolist()]
    wrong = np.flatnonzero([not is_code(name) for name in table["MEDIA_NAME"].tolist()])
    if len(wrong):
        raise FormatError(
            "is not a code of letters, digits, - and _",
            place=at(path, int(wrong[0]) + 2, "MEDIA_NAME"),
            remedy="--option case_names=media_id",
        )
    return table["MEDIA_NAME"]


def _check_ticks_run_on(rows: GazeRows) -> None:
    back = np.flatnonzero(np.diff(rows.column(TICK), prepend=-1.0) <= 0)
    if len(back):
        raise FormatError(
            "repeats or goes back",
            place=at(rows.path, int(back[0]) + 2, rows.shown[TICK]),
            remedy="put the rows in the order of time, each once",
        )


def _fixations_of(samples: GazeRows) -> GazeRows:
    number = samples.column("FPOGID")
    valid = (samples.column("FPOGV") == 1) & (samples.column("FPOGD") > 0)
    rows = np.flatnonzero(valid)
    ends = np.ones(len(rows), dtype=bool)
    ends[:-1] = (np.diff(number[rows]) != 0) | (np.diff(samples.run[rows]) != 0)
    if not len(rows):
        raise FormatError("no sample belongs to a fixation", place=at(samples.path), remedy="give the fixations too")
    return gaze_rows(samples.path, samples.table.iloc[rows[ends]].reset_index(drop=True), samples.shown)


def _common(rows: GazeRows, trials: NDArray[np.intp], reader: str) -> dict[str, Any]:
    return {
        "session": "",
        "reader": reader,
        "trial": trials[rows.run].astype(np.int64),
        "case": rows.table["DICOM_ID"].array,
        "pupil": mean_pupil_mm(rows),
        "pupil_unit": "mm",
    }


def _place(
    columns: dict[str, Any],
    rows: GazeRows,
    gaze: str,
    picture: PictureOnScreen | None,
    screen: tuple[float, float] | None,
) -> dict[str, Any]:
    valid = rows.column(f"{gaze}V") == 1
    x, y = (np.where(valid, rows.column(f"{gaze}{axis}"), np.nan) for axis in "XY")
    width, height = screen or (np.nan, np.nan)  # a picture is declared only together with the screen
    return columns | {
        "valid": valid,
        "x_screen_norm": x,
        "y_screen_norm": y,
        **places_on(picture, x * width, y * height),
    }


def _frame(columns: Mapping[str, Any], names: tuple[str, ...], rows: GazeRows) -> pd.DataFrame:
    import pandas as pd

    source = {f"source_{name}": rows.table[name].array for name in ("MEDIA_ID", "CNT", "FPOGID", *_OPTIONAL)}
    source["source_clock_s"] = rows.column(TICK) / TICKS_PER_S
    count = len(rows.table)
    frame = {
        name: columns[name] if not isinstance(columns[name], str | float) else [columns[name]] * count for name in names
    }
    return pd.DataFrame(frame | source)


def _events(rows: GazeRows, common: Mapping[str, Any]) -> pd.DataFrame:
    """What the user's program wrote into USER, and keys that were pressed."""
    import pandas as pd

    time, trial = rows.column(TIME), common["trial"]
    case = rows.table["DICOM_ID"].tolist()
    found = []
    for name, event in (("USER", "message"), ("KB", "key")):
        texts = [str(text).strip() for text in rows.table[name]]
        for row, text in enumerate(texts):
            again = row > 0 and texts[row - 1] == text and rows.run[row] == rows.run[row - 1]
            if text and not again:
                found.append(("", common["reader"], trial[row], case[row], event, time[row], 0.0, text))
    table = pd.DataFrame(found, columns=list(EVENT_COLUMNS))
    table["trial"] = table["trial"].astype(np.int64)
    return table.sort_values(["trial", "onset_s"], kind="stable", ignore_index=True)


def _digests(users: list[dict[str, Path]]) -> dict[str, str]:
    """By kind and number: the files' own names may name somebody."""
    found = {}
    for number, user in enumerate(users, start=1):
        for ending, path in user.items():
            with path.open("rb") as stream:
                found[f"{number}{ending}"] = hashlib.file_digest(stream, "sha256").hexdigest()
    return found


def _recognises(path: Path) -> bool:
    return bool(_ending(path)) or (path.is_dir() and any(_ending(file) for file in path.iterdir()))


FORMAT = Format(
    "gazepoint_csv",
    "Gazepoint Analysis 7.2: <user>_all_gaze.csv and <user>_fixations.csv",
    read=read_gazepoint,
    read_options=READ_OPTIONS,
    recognises=_recognises,
)
