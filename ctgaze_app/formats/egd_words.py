"""The transcripts of the chest X-ray pictures as words of the trials that showed them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ctgaze_app.formats.contract import FormatError
from ctgaze_app.formats.dataset import WORD_COLUMNS
from ctgaze_app.formats.egd_pictures import Pictures
from ctgaze_app.formats.egd_showings import Findings, GazeRows
from ctgaze_app.formats.egd_tables import CASE_FOLDER, TIME
from ctgaze_app.formats.egd_transcript import FILE as TRANSCRIPT_FILE
from ctgaze_app.formats.egd_transcript import Transcript, read_transcript

if TYPE_CHECKING:
    import pandas as pd

LONGER, LATER_S = 10.0, 60.0
"""A reader may speak on, and time may be lost: so many times the gaze and so many seconds more are still believed."""


def first_showings(rows: GazeRows, trials: NDArray[np.intp]) -> dict[str, tuple[str, int]]:
    """Session and trial of each picture's first showing."""
    found: dict[str, tuple[str, int]] = {}
    for first, trial in zip(rows.first, trials, strict=True):
        found.setdefault(rows.pictures[rows.picture[first]], (rows.sessions[rows.session[first]], int(trial)))
    return found


def gaze_ends(rows: GazeRows) -> dict[str, float]:
    """Seconds of the last row of each picture, over its showings."""
    time = rows.column(TIME)
    found: dict[str, float] = {}
    for last in rows.last:
        name = rows.pictures[rows.picture[last]]
        found[name] = max(found.get(name, 0.0), float(time[last]))
    return found


def read_transcripts(
    folder: Path, pictures: Pictures, ends_s: Mapping[str, float], findings: Findings
) -> dict[str, Transcript]:
    """Every transcript of a picture of the sheet; a broken one is raised, or left out with a note.

    One that runs on long after the gaze of its picture (`ends_s`) is in another unit.
    """
    found: dict[str, Transcript] = {}
    for case in pictures.cases:
        file = folder / CASE_FOLDER / case / TRANSCRIPT_FILE
        if file.is_file():
            try:
                transcript = read_transcript(file, case)
                last_s = max((phrase.end_s for phrase in transcript.phrases), default=0.0)
                if case in ends_s and last_s > LONGER * ends_s[case] + LATER_S:
                    raise FormatError(
                        f"ends at {last_s:g} s, the gaze of its picture at {ends_s[case]:g} s",
                        place=f"{TRANSCRIPT_FILE} of {case}",
                        remedy="give its times in seconds",
                    )
                found[case] = transcript
            except FormatError as error:
                findings.refused(error)
    return found


def words_table(
    transcripts: Mapping[str, Transcript], shown: Mapping[str, tuple[str, int]], reader: str
) -> pd.DataFrame | None:
    """One row a phrase, on the first showing of its picture; None without a transcript."""
    import pandas as pd

    if not transcripts:
        return None
    rows = [
        (*shown.get(case, ("", 1))[:1], reader, shown.get(case, ("", 1))[1], case, phrase.text, phrase.start_s,
         phrase.end_s, "transcript", transcript.layout, phrase.sentence)
        for case, transcript in transcripts.items()
        for phrase in transcript.phrases
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=[*WORD_COLUMNS, "source_layout", "source_sentence"])
