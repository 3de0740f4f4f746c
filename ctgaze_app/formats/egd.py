"""The chest X-ray eye-gaze tables (Karargyris et al., Sci Data 2021): a folder of CSV files, transcripts and masks.

What becomes what: a fixation's duration is FPOGD and its onset FPOGS, both in seconds of the picture's clock; a sample
has no duration, so that nothing is counted twice. Rows on calibration targets have the kind ``calibration`` and a case
of their own. Every column comes along as ``source_<name>``, so that the tables can be written back as they were.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ctgaze_app.formats.checked_csv import read_csv_table
from ctgaze_app.formats.contract import Format, FormatError, Option, at
from ctgaze_app.formats.dataset import (
    FIXATION_COLUMNS,
    SAMPLE_COLUMNS,
    CaseRecord,
    DataSet,
)
from ctgaze_app.formats.egd_boxes import read_boxes
from ctgaze_app.formats.egd_calibration import (
    CalibrationError,
    calibration_error,
    calibration_record,
    mean_error_norm,
)
from ctgaze_app.formats.egd_display import (
    MODELS,
    SCREEN_HEIGHT_PX,
    SCREEN_WIDTH_PX,
    vertical_uncertainty_px,
)
from ctgaze_app.formats.egd_export import WRITE_OPTIONS, write_egd
from ctgaze_app.formats.egd_pictures import Pictures, map_rows, pictures_of
from ctgaze_app.formats.egd_screen import read_screen
from ctgaze_app.formats.egd_showings import (
    Findings,
    GazeRows,
    calibration_pictures,
    check_gaze,
    gaze_rows,
    mean_pupil_mm,
    number_trials,
)
from ctgaze_app.formats.egd_tables import (
    BOX_FILE,
    FIXATION_FILE,
    GAZE_COLUMNS,
    SAMPLE_FILE,
    SHEET_COLUMNS,
    SHEET_FILE,
    SLICE,
    SLICE_COLUMN,
    TIME,
)
from ctgaze_app.formats.egd_transcript import Transcript
from ctgaze_app.formats.egd_words import first_showings, gaze_ends, read_transcripts, words_table
from ctgaze_app.study.session import is_code

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
STORED = "stored"
LONGEST_MESSAGE = 200
READ_OPTIONS = (
    Option(
        "display",
        "how the viewer showed the pictures; stored takes X_ORIGINAL and Y_ORIGINAL as they are",
        (*MODELS, STORED),
    ),
    Option(
        "image_sizes",
        "a CSV with dicom_id, columns, rows, or a folder of DICOM files; empty: image_sizes.csv in the folder, "
        "else solved from the published coordinates",
        default="",
    ),
    Option("sample_gaze", "a sample's point of gaze: the fixation filter's or the raw one", ("FPOG", "BPOG"), "FPOG"),
    Option("correction", "shift gaze by the session's mean calibration error", ("none", "session"), "none"),
    Option("calibration_ids", "which unknown pictures are calibration targets", ("shortened", "absent"), "shortened"),
    Option("disagreement", "what to do with rows that contradict themselves", ("refuse", "report"), "refuse"),
    Option("reader", "code of the reader, who is not in the tables", default="reader-1"),
)  # fmt: skip


def read_egd(path: Path, options: Mapping[str, str]) -> DataSet:
    """Read the folder; ``eye_gaze.csv``, ``bounding_boxes.csv`` and the transcripts may be absent.

    `DataSet.provenance` has, beside the usual, ``calibration`` (see `egd_calibration`), ``vertical_uncertainty_px``
    (how far apart the display models put a fixation, at most), ``sizes_solved``, and the rows of the master sheet whose
    picture nobody looked at, so that they are not lost.

    Raises
    ------
    FormatError
        With file, row and column of the first fault.
    """
    folder = Path(path)
    if not folder.is_dir():
        raise FormatError("is not a folder", place=at(folder), remedy="name the folder that holds fixations.csv")
    if not is_code(options["reader"]):
        raise FormatError(f"option reader={options['reader']} is not a code", remedy="letters, digits, - and _")
    findings = Findings(options["disagreement"] == "refuse")
    sheet = _sheet(folder / SHEET_FILE)
    fixations = _gaze(folder / FIXATION_FILE)
    samples = _gaze(folder / SAMPLE_FILE) if (folder / SAMPLE_FILE).exists() else None
    tables = [rows for rows in (fixations, samples) if rows is not None]
    targets = calibration_pictures(tables, sheet["dicom_id"], absent=options["calibration_ids"] == "absent")
    for rows in tables:
        check_gaze(rows, findings, fixations=rows is fixations)
    sample_trials, trials = number_trials(samples, fixations, findings)
    pictures = pictures_of(folder, sheet, tables, targets, options["image_sizes"])
    calibration = _calibration(fixations, trials, targets)
    drift = _drift(tables, calibration, options, findings)
    shown = first_showings(fixations, trials)
    transcripts = read_transcripts(folder, pictures, gaze_ends(samples or fixations), findings)
    fixation_table, uncertain = _fixations(fixations, trials, pictures, options, findings, drift)
    sample_table = None
    if samples is not None and sample_trials is not None:
        sample_table = _samples(samples, sample_trials, pictures, options, findings, drift)
    if options["display"] != STORED and pictures.solved:
        findings.notes.append(
            f"{pictures.solved} picture sizes solved from the published coordinates; odd sizes show as one larger"
        )
    sheet_rows = _sheet_rows(sheet)
    return DataSet(
        cases=_cases(sheet_rows, pictures, transcripts, options["reader"]),
        fixations=fixation_table,
        samples=sample_table,
        words=words_table(transcripts, shown, options["reader"]),
        regions=read_boxes(folder / BOX_FILE, pictures, findings) if (folder / BOX_FILE).exists() else None,
        screen=read_screen(folder),
        provenance={
            "format": FORMAT.name,
            "options": {**options, "image_sizes": "declared" if options["image_sizes"] else ""},
            "files": _digests(folder),
            "notes": findings.notes,
            "calibration": calibration_record(calibration),
            "sheet_rows_without_gaze": [row for row in sheet_rows if row["dicom_id"] not in pictures.shape_kji],
            "sizes_solved": pictures.solved > 0,
            "vertical_uncertainty_px": uncertain,
        },
    )


def _sheet(path: Path) -> pd.DataFrame:
    try:
        sheet = read_csv_table(path, SHEET_COLUMNS, extra="keep")
    except FormatError as error:
        if len(error.message) <= LONGEST_MESSAGE:
            raise
        # A header of 59 names that was not split is one name, too long for a line.
        raise FormatError(error.message[:LONGEST_MESSAGE] + " ...", place=error.place, remedy=error.remedy) from error
    twice = np.flatnonzero(sheet["dicom_id"].duplicated().to_numpy())
    if len(twice):
        raise FormatError(
            "this picture is there twice", place=at(path, int(twice[0]) + 2, "dicom_id"), remedy="delete one of them"
        )
    for row, code in enumerate(sheet["dicom_id"], start=2):
        if not is_code(code):
            raise FormatError(
                "is not a code of letters, digits, - and _", place=at(path, row, "dicom_id"), remedy="correct it"
            )
    return sheet


def _gaze(path: Path) -> GazeRows:
    rows = gaze_rows(path, read_csv_table(path, (*GAZE_COLUMNS, SLICE_COLUMN), extra="keep"))
    for names, codes, column in (
        (rows.sessions, rows.session, "SESSION_ID"), (rows.pictures, rows.picture, "DICOM_ID")
    ):  # fmt: skip
        wrong = next((code for code, name in enumerate(names) if not is_code(name)), None)
        if wrong is not None:
            place = at(path, int(np.argmax(codes == wrong)) + 2, column)
            raise FormatError("is not a code of letters, digits, - and _", place=place, remedy="correct it")
    return rows


def _names(codes: NDArray[Any], names: tuple[str, ...]) -> Any:
    """A text column from codes, made of `names` once."""
    import pandas as pd

    return pd.array(list(names), dtype="str").take(codes)


def _common(rows: GazeRows, trials: NDArray[np.intp], reader: str) -> dict[str, Any]:
    count = len(rows.table)
    zeros = np.zeros(count, dtype=np.intp)
    return {
        "session": _names(rows.session, rows.sessions),
        "reader": _names(zeros, (reader,)),
        "trial": trials[rows.run].astype(np.int64),
        "case": _names(rows.picture, rows.pictures),
        "uncertainty_mm": np.full(count, np.nan),
        "pupil": mean_pupil_mm(rows),
        "pupil_unit": _names(zeros, ("mm",)),
    }


def _mapped(
    rows: GazeRows,
    pictures: Pictures,
    options: Mapping[str, str],
    gaze: str,
    findings: Findings,
    drift: Mapping[str, tuple[float, float]],
    *,
    compare: bool,
) -> dict[str, Any]:
    valid = rows.column(f"{gaze}V") == 1
    shift = np.array([drift.get(session, (0.0, 0.0)) for session in rows.sessions]).reshape(-1, 2)[rows.session]
    x = np.where(valid, rows.column(f"{gaze}X") - shift[:, 0], np.nan)
    y = np.where(valid, rows.column(f"{gaze}Y") - shift[:, 1], np.nan)
    places = map_rows(rows, x, y, pictures, options["display"], findings, compare=compare)
    depth = rows.column(SLICE) if SLICE in rows.table else np.zeros(len(x))
    return {
        "x_screen_norm": x,
        "y_screen_norm": y,
        "valid": valid,
        "x_voxel": places.x_image_px,
        "y_voxel": places.y_image_px,
        "z_voxel": np.where(places.on_image, depth, np.nan),
        "on_image": places.on_image,
    }


def _fixations(
    rows: GazeRows,
    trials: NDArray[np.intp],
    pictures: Pictures,
    options: Mapping[str, str],
    findings: Findings,
    drift: Mapping[str, tuple[float, float]],
) -> tuple[pd.DataFrame, float]:
    """The table, and the largest vertical disagreement of the display models on a picture, in its pixels."""
    import pandas as pd

    columns = _common(rows, trials, options["reader"])
    columns |= _mapped(rows, pictures, options, "FPOG", findings, drift, compare=True)
    columns |= {
        "fixation": (np.arange(len(rows.run)) - rows.first[rows.run] + 1).astype(np.int64),
        "kind": _names(pictures.is_target(rows).astype(np.intp), ("fixation", "calibration")),
        "onset_s": rows.column("FPOGS"),
        "duration_s": rows.column("FPOGD"),
    }
    spread = 0.0
    for code, chosen in pictures.rows_by_picture(rows):
        placement = pictures.placement.get(rows.pictures[code])
        y = columns["y_screen_norm"][chosen][columns["on_image"][chosen]]
        if placement is not None and len(y):
            spread = max(spread, float(vertical_uncertainty_px(y, placement).max()))
    return pd.DataFrame({name: columns[name] for name in FIXATION_COLUMNS} | _source_columns(rows), copy=False), spread


def _samples(
    rows: GazeRows,
    trials: NDArray[np.intp],
    pictures: Pictures,
    options: Mapping[str, str],
    findings: Findings,
    drift: Mapping[str, tuple[float, float]],
) -> pd.DataFrame:
    import pandas as pd

    gaze = options["sample_gaze"]
    if gaze != "FPOG":
        _mapped(rows, pictures, options, "FPOG", findings, drift, compare=True)
    columns = _common(rows, trials, options["reader"])
    columns |= _mapped(rows, pictures, options, gaze, findings, drift, compare=gaze == "FPOG")
    columns |= {
        "onset_s": rows.column(TIME),
        "kind": _names(pictures.is_target(rows).astype(np.intp), ("gaze", "calibration")),
    }
    return pd.DataFrame({name: columns[name] for name in SAMPLE_COLUMNS} | _source_columns(rows), copy=False)


def _source_columns(rows: GazeRows) -> dict[str, Any]:
    """All but session and picture, which the table has already."""
    return {
        f"source_{name}": rows.table[name].array
        for name in rows.table.columns
        if name not in ("SESSION_ID", "DICOM_ID")
    }


def _cases(
    sheet_rows: list[dict[str, str]], pictures: Pictures, transcripts: Mapping[str, Transcript], reader: str
) -> tuple[CaseRecord, ...]:
    found = []
    for attributes in sheet_rows:
        case = attributes["dicom_id"]
        shape = pictures.shape_kji.get(case)
        if shape is None:
            continue
        report = {reader: transcripts[case].full_text} if case in transcripts else {}
        kind = "volume" if shape[0] > 1 else "image"
        found.append(
            CaseRecord(case, shape, attributes["patient_id"], kind=kind, report=report, attributes=attributes)  # type: ignore[arg-type]
        )
    for name in sorted(pictures.targets):
        shape = (1, SCREEN_HEIGHT_PX, SCREEN_WIDTH_PX)
        found.append(CaseRecord(name, shape, kind="image", attributes={"picture": "calibration"}))
    return tuple(found)


def _sheet_rows(sheet: pd.DataFrame) -> list[dict[str, str]]:
    """Every row as text, in the order of the sheet."""
    columns = {
        name: ["" if cell != cell else f"{cell:.0f}" if isinstance(cell, float) else str(cell) for cell in sheet[name]]
        for name in sheet.columns
    }
    return [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]


def _calibration(rows: GazeRows, trials: NDArray[np.intp], targets: set[str]) -> list[CalibrationError]:
    x, y = rows.column("FPOGX"), rows.column("FPOGY")
    found = []
    for last, trial in zip(rows.last, trials, strict=True):
        picture = rows.pictures[rows.picture[last]]
        if picture in targets:
            session = rows.sessions[rows.session[last]]
            found.append(calibration_error(session, int(trial), picture, float(x[last]), float(y[last])))
    return found


def _drift(
    tables: Sequence[GazeRows], errors: Sequence[CalibrationError], options: Mapping[str, str], findings: Findings
) -> dict[str, tuple[float, float]]:
    """By session, the mean signed error in fractions of the screen that is taken off; the published data have it on."""
    if options["correction"] == "none":
        return {}
    if options["display"] == STORED:
        raise FormatError(
            "positions that are taken as stored cannot be corrected",
            remedy="declare another display, or correction=none",
        )
    found = {session: mean_error_norm(errors, session) for session in tables[0].sessions}
    without = [session for session, error in found.items() if error is None]
    if without:
        findings.notes.append(f"{len(without)} sessions without a calibration target are not corrected")
    return {session: error for session, error in found.items() if error is not None}


def _digests(folder: Path) -> dict[str, str]:
    files = {}
    for name in (FIXATION_FILE, SAMPLE_FILE, SHEET_FILE, BOX_FILE):
        if (folder / name).is_file():
            with (folder / name).open("rb") as stream:
                files[name] = hashlib.file_digest(stream, "sha256").hexdigest()
    return files


def _recognises(path: Path) -> bool:
    return all((path / name).is_file() for name in (FIXATION_FILE, SHEET_FILE))


FORMAT = Format(
    "egd",
    "Chest X-ray eye-gaze tables: fixations, eye_gaze, master_sheet, bounding_boxes, transcripts",
    read=read_egd,
    write=write_egd,
    read_options=READ_OPTIONS,
    write_options=WRITE_OPTIONS,
    recognises=_recognises,
)
