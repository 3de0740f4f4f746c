"""Writes the folder layout of the chest X-ray eye-gaze data set: its own tables back, or our sessions in its shape.

Tables that were read from that data set go back with every value as it was. Anything else (a CT session, another
format) is put into the same columns and units; what we do not have stays empty, and a README beside the tables says
which, and what our values mean. For volumes the option ``slices`` decides: ``column`` keeps the stack as one picture
and adds a column SLICE to the two gaze tables, ``pictures`` makes each viewed slice a picture of its own. A voice
identifies: sound leaves only with ``audio=take``.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ctgaze_app.formats.contract import FormatError, Option
from ctgaze_app.formats.dataset import KEYS, DataSet
from ctgaze_app.formats.egd_masks import copy_masks
from ctgaze_app.formats.egd_our_tables import (
    README_FILE,
    Picture,
    boxes_of,
    gaze_tables,
    readme_text,
    sheet_of,
    sizes_of,
)
from ctgaze_app.formats.egd_screen import SCREEN_FILE, screen_table
from ctgaze_app.formats.egd_sizes import SIZE_FILE
from ctgaze_app.formats.egd_sound import write_sound
from ctgaze_app.formats.egd_tables import (
    BOX_FILE,
    BOX_NAMES,
    CASE_FOLDER,
    FIXATION_FILE,
    SAMPLE_FILE,
    SHEET_FILE,
    SHEET_NAMES,
    TIME,
    write_table,
)
from ctgaze_app.formats.egd_transcript import FILE as TRANSCRIPT_FILE
from ctgaze_app.formats.egd_transcript import Phrase, Transcript, write_transcript
from ctgaze_app.study.session import is_code, read_manifest

if TYPE_CHECKING:
    import pandas as pd

SOURCE = "source_"
WRITE_OPTIONS = (
    Option("slices", "how slices leave: in a column SLICE, or as one picture each", ("column", "pictures"), "column"),
    Option("audio", "whether the reader's voice leaves (needs consent)", ("leave", "take"), "leave"),
    Option("session", "the session folder that holds the sound; empty: no sound", default=""),
    Option("masks", "a folder <case>/<name>.png or .nii.gz of masks to take along; empty: none", default=""),
)  # fmt: skip


def write_egd(dataset: DataSet, folder: Path, options: Mapping[str, str]) -> tuple[Path, ...]:
    """Write the folder, complete or not at all.

    Raises
    ------
    FormatError
        When the folder holds anything, a code is none, onsets are not known, sound is asked for without a session, or
        the disk refuses.
    SessionError
        When the session's sound cannot be read.
    """
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FormatError("is not an empty folder", place=folder.name, remedy="choose a new or empty folder")
    if options["audio"] == "take" and not options["session"]:
        raise FormatError(
            "sound is asked for and no session folder is named", remedy="--option session=<folder>, or audio=leave"
        )
    _check_codes(dataset)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=".egd-", dir=folder.parent))
    except OSError as error:
        raise _refused(folder, error) from error
    try:
        if f"{SOURCE}{TIME}" in dataset.fixations:
            _write_back(dataset, staging)
        else:
            _write_ours(dataset, staging, options)
        screen = screen_table(dataset.screen)
        if screen is not None:
            write_table(staging / SCREEN_FILE, screen)
        if folder.exists():
            folder.rmdir()
        staging.replace(folder)
        # mkdtemp's folder is for its owner only.
        folder.chmod(0o755)
    except OSError as error:
        raise _refused(folder, error) from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return tuple(sorted(path for path in folder.rglob("*") if path.is_file()))


def _check_codes(dataset: DataSet) -> None:
    """Codes become names of folders, so nothing else may stand there."""
    found = {record.case for record in dataset.cases}
    for table in (dataset.fixations, dataset.samples, dataset.words):
        if table is not None:
            for key in ("session", "reader", "case"):
                found |= set(map(str, table[key].unique()))
    wrong = sorted(code for code in found if code and not is_code(code))
    if wrong:
        raise FormatError(f"{wrong[0][:60]!r} is not a code", remedy="letters, digits, - and _")


def _refused(folder: Path, error: OSError) -> FormatError:
    reason = error.strerror or type(error).__name__
    return FormatError(f"cannot be written: {reason}", place=folder.name, remedy="check rights and space")


def _write_back(dataset: DataSet, folder: Path) -> None:
    import pandas as pd

    for name, table in ((FIXATION_FILE, dataset.fixations), (SAMPLE_FILE, dataset.samples)):
        if table is not None:
            write_table(folder / name, _source_table(table))
    rows: list[Mapping[str, str]] = [case.attributes for case in dataset.cases if "dicom_id" in case.attributes]
    rows += dataset.provenance.get("sheet_rows_without_gaze", [])
    names = list(dict.fromkeys([*SHEET_NAMES, *(name for row in rows for name in row)]))
    write_table(folder / SHEET_FILE, pd.DataFrame(rows, columns=names).fillna(""))
    if not dataset.provenance.get("sizes_solved", False):
        shown = [case for case in dataset.cases if "dicom_id" in case.attributes]
        write_table(folder / SIZE_FILE, sizes_of([Picture(case.case, case) for case in shown]))
    if dataset.regions is not None:
        boxes = dataset.regions[["case", "region"]].set_axis(list(BOX_NAMES[:2]), axis=1)
        for name in dataset.regions.columns:
            if name.startswith(SOURCE):
                boxes[name.removeprefix(SOURCE)] = dataset.regions[name].array
        write_table(folder / BOX_FILE, boxes)
    if dataset.words is not None:
        reports = {case.case: next(iter(case.report.values()), "") for case in dataset.cases}
        for case, words in dataset.words.groupby("case", sort=False):
            layout = words["source_layout"].iat[0]
            phrases = zip(words["text"], words["start_s"], words["end_s"], words["source_sentence"], strict=True)
            transcript = Transcript(
                reports.get(str(case), ""),
                tuple(Phrase(str(text), float(start), float(end), int(number)) for text, start, end, number in phrases),
                layout,
            )
            _write_transcript(folder, str(case), transcript)


def _source_table(table: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    columns: dict[str, Any] = {"SESSION_ID": table["session"].array}
    for name in table.columns:
        if name.startswith(SOURCE):
            columns[name.removeprefix(SOURCE)] = table[name].array
            if name == f"{SOURCE}MEDIA_ID":
                columns["DICOM_ID"] = table["case"].array
    return pd.DataFrame(columns, copy=False)


def _write_ours(dataset: DataSet, folder: Path, options: Mapping[str, str]) -> None:
    as_pictures = options["slices"] == "pictures"
    tables = gaze_tables(dataset, as_pictures=as_pictures)
    write_table(folder / FIXATION_FILE, tables.fixations)
    if tables.samples is not None:
        write_table(folder / SAMPLE_FILE, tables.samples)
    write_table(folder / SHEET_FILE, sheet_of(tables.pictures))
    write_table(folder / SIZE_FILE, sizes_of(tables.pictures))
    boxes = boxes_of(dataset, tables.pictures)
    if boxes is not None:
        write_table(folder / BOX_FILE, boxes)
    places = _places(dataset)
    for place, phrases in _phrases(dataset, places).items():
        _write_transcript(folder, place, Transcript(" ".join(each.text for each in phrases), phrases, "released"))
    if options["audio"] == "take":
        _write_sounds(dataset, folder, places, Path(options["session"]))
    if options["masks"]:
        copy_masks(Path(options["masks"]), folder / CASE_FOLDER, dataset, tables.pictures)
    (folder / README_FILE).write_bytes(readme_text(tables, options).encode("utf-8"))


def _places(dataset: DataSet) -> dict[tuple[str, int, str], str]:
    """Folder of each (session or reader, trial, case): the case, and for its further showings what tells them apart."""
    import pandas as pd

    tables = [table[list(KEYS)] for table in (dataset.fixations, dataset.words) if table is not None]
    found: dict[tuple[str, int, str], str] = {}
    for session, reader, trial, case in pd.concat(tables).drop_duplicates().itertuples(index=False):
        taken = str(case) in found.values()
        place = f"{case}_{session or reader}_trial{trial}" if taken else str(case)
        found[str(session or reader), int(trial), str(case)] = place
    return found


def _phrases(dataset: DataSet, places: Mapping[tuple[str, int, str], str]) -> dict[str, tuple[Phrase, ...]]:
    if dataset.words is None:
        return {}
    found: dict[str, tuple[Phrase, ...]] = {}
    for (session, reader, trial, case), words in dataset.words.groupby(list(KEYS), sort=False):
        order = np.argsort(words["start_s"].to_numpy(), kind="stable")
        rows = words.iloc[order]
        # The tables begin with the first view, and a word before it has no time there.
        found[places[str(session or reader), int(trial), str(case)]] = tuple(
            Phrase(str(text), max(float(start), 0.0), max(float(end), 0.0))
            for text, start, end in zip(rows["text"], rows["start_s"], rows["end_s"], strict=True)
        )
    return found


def _write_sounds(dataset: DataSet, folder: Path, places: Mapping[tuple[str, int, str], str], session: Path) -> None:
    code = read_manifest(session).session
    if code not in set(dataset.fixations["session"]):
        raise FormatError(
            "holds another session than these tables", place=session.name, remedy="--option session=<its folder>"
        )
    for (owner, trial, case), place in places.items():
        if owner == code:
            write_sound(session, trial, case, folder / CASE_FOLDER / place)


def _write_transcript(folder: Path, case: str, transcript: Transcript) -> None:
    place = folder / CASE_FOLDER / case
    place.mkdir(parents=True, exist_ok=True)
    write_transcript(place / TRANSCRIPT_FILE, transcript)
