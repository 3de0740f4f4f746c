from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from ctgaze_app.study.loading import derived_is_current
from ctgaze_app.study.processing import process_session
from tests.factories.sessions import make_session


def transcript(folder: Path, words: list[tuple[str, float, float]]) -> Path:
    path = folder / "dictation" / "1_case-1.transcript.json"
    listed = [{"text": text, "start_s": start, "end_s": end, "source": "typed"} for text, start, end in words]
    path.write_text(json.dumps({"schema": 1, "words": listed}))
    return path


def fixations(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "derived" / "fixations.csv", keep_default_na=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_session(tmp_path / "s", seconds=6.0, rate_hz=120.0)
    return tmp_path / "s"


def test_a_fixation_bears_the_words_that_began_within_a_second_and_a_half_after_it(folder: Path) -> None:
    # The sound begins 13 ms after the trial, the first view is on the screen 100 ms plus the display latency after it.
    transcript(folder, [("a", 3.0, 3.2), ('nodule, "left"', 4.9, 5.3)])
    made = process_session(folder)
    assert made.problems == ()
    table = fixations(folder)
    origin = 0.1 + json.loads((folder / "session.json").read_text())["display"]["latency_s"] - 0.013
    onset = table["onset_s"].astype(float)
    offset = table["offset_s"].astype(float)
    for text, spoken in (("a", 3.0), ('nodule, "left"', 4.9)):
        start = spoken - origin
        expected = (offset > start - 1.5) & (onset < start)
        assert table["words"].str.contains(text, regex=False).tolist() == expected.tolist()
    assert set(table["words"]) >= {"", "a"}


def test_a_changed_transcript_makes_the_tables_stale(folder: Path) -> None:
    from ctgaze_app.study.session import read_manifest

    transcript(folder, [("left", 3.0, 3.2)])
    process_session(folder)
    assert derived_is_current(folder, read_manifest(folder))
    transcript(folder, [("right", 3.0, 3.2)])
    assert not derived_is_current(folder, read_manifest(folder))


@pytest.mark.parametrize(
    "content", ["{", '{"words": [{"text": "a"}]}', '{"words": [{"text":"a","start_s":2,"end_s":1}]}']
)
def test_a_broken_transcript_is_told_and_costs_nothing_else(folder: Path, content: str) -> None:
    transcript(folder, []).write_text(content)
    made = process_session(folder)
    assert len(made.problems) == 1
    assert "its words are left out" in made.problems[0]
    assert (fixations(folder)["words"] == "").all()
    assert made.fixations > 5
