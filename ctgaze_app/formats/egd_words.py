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
from ctgaze_app.formats.egd_tables import CASE_FOLDER
from ctgaze_app.formats.egd_transcript import FILE as TRANSCRIPT_FILE
from ctgaze_app.formats.egd_transcript import Transcript, read_transcript

if TYPE_CHECKING:
    import pandas as pd


def first_showings(rows: GazeRows, trials: NDArray[np.intp]) -> dict[str, tuple[str, int]]:
    """Session and trial of each picture's first showing."""
    found: dict[str, tuple[str, int]] = {}
    for first, trial in zip(rows.first, trials, strict=True):
        found.setdefault(rows.pictures[rows.picture[first]], (rows.sessions[rows.session[first]], int(trial)))
    return found


def read_transcripts(folder: Path, pictures: Pictures, findings: Findings) -> dict[str, Transcript]:
    """Every transcript of a picture of the sheet; a broken one is raised, or left out with a note."""
    found: dict[str, Transcript] = {}
    for case in pictures.cases:
        file = folder / CASE_FOLDER / case / TRANSCRIPT_FILE
        if file.is_file():
            try:
                found[case] = read_transcript(file, case)
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
