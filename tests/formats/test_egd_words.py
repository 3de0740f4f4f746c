"""Transcripts of the chest X-ray pictures: what they become as words, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ctgaze_app.formats.egd_tables import CASE_FOLDER
from ctgaze_app.formats.egd_transcript import Phrase, Transcript, read_transcript, write_transcript
from tests.formats.egd_folders import PICTURES, make_egd_folder
from tests.formats.test_egd import read, refused


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_egd_folder(tmp_path / "egd", fixations=8)


@pytest.mark.parametrize("key", ["begin_time", "begin_tim"])
def test_a_transcript_with_either_spelling_is_read(folder: Path, key: str) -> None:
    path = folder / CASE_FOLDER / PICTURES[0] / "transcript.json"
    entries = [{key: 0.4, "end_time": 1.2, "phrase": "no effusion"}]
    path.write_text(json.dumps({"full_text": "No effusion.", "time_stamped_text": entries}), encoding="utf-8")
    words = read(folder).words
    assert words is not None
    mine = words[words["case"] == PICTURES[0]]
    assert mine[["session", "trial", "text", "start_s", "end_s"]].to_numpy().tolist() == [
        ["1", 1, "no effusion", 0.4, 1.2]
    ]


def test_the_original_layout_is_read_in_the_order_of_its_sentences(folder: Path) -> None:
    dataset = read(folder)
    assert dataset.words is not None
    mine = dataset.words[dataset.words["case"] == PICTURES[1]]
    assert mine["text"].tolist() == ["mild", "edema"]
    assert mine["trial"].tolist() == [3, 3]
    assert dataset.case(PICTURES[1]).report == {"reader-1": "Mild edema."}


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"end_time": 1.0, "phrase": "a"}, "entry 1 of time_stamped_text: has no begin_time"),
        ({"begin_time": 2.0, "end_time": 1.0, "phrase": "a"}, "ends at 1 s, before it begins at 2 s"),
        ({"begin_time": "1", "end_time": 2.0, "phrase": "a"}, "begin_time is not a number"),
        ({"begin_time": 400000, "end_time": 400001, "phrase": "a"}, "not a time of a recording"),
        ({"begin_time": 1.0, "end_time": 2.0, "phrase": 3}, "phrase is not text"),
        ({"begin_time": 1.0, "end_time": 2.0, "phrase": "a", "end": 3}, "'end' is not known"),
    ],
)
def test_a_broken_transcript_is_told_with_its_picture_and_entry(
    folder: Path, entry: dict[str, object], message: str
) -> None:
    path = folder / CASE_FOLDER / PICTURES[0] / "transcript.json"
    path.write_text(json.dumps({"full_text": "x", "time_stamped_text": [entry]}), encoding="utf-8")
    line = refused(folder)
    assert line.startswith(f"transcript.json of {PICTURES[0]}") and message in line
    assert any("left out" in note for note in read(folder, disagreement="report").provenance["notes"])


@pytest.mark.parametrize("layout", ["released", "original"])
def test_transcripts_go_back_as_they_were(tmp_path: Path, layout: str) -> None:
    sentence = int(layout == "original")
    phrases = (Phrase("no", 0.1, 0.30000000000000004, sentence), Phrase("“é”", 1.0, 2.0, 2 * sentence))
    transcript = Transcript("No. “é”", phrases, layout)  # type: ignore[arg-type]
    write_transcript(tmp_path / "transcript.json", transcript)
    assert read_transcript(tmp_path / "transcript.json", "case") == transcript


def test_a_transcript_in_milliseconds_is_told(folder: Path) -> None:
    path = folder / CASE_FOLDER / PICTURES[0] / "transcript.json"
    entries = [{"begin_time": 400.0, "end_time": 1200.0, "phrase": "no effusion"}]
    path.write_text(json.dumps({"full_text": "No effusion.", "time_stamped_text": entries}), encoding="utf-8")
    line = refused(folder)
    assert line.startswith(f"transcript.json of {PICTURES[0]}")
    assert "ends at 1200 s, the gaze of its picture at 1.0" in line
    assert any("left out" in note for note in read(folder, disagreement="report").provenance["notes"])
