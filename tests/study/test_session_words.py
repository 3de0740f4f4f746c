from __future__ import annotations

import json
from pathlib import Path

import pytest

from ctgaze_app.errors import SessionError
from ctgaze_app.study.session_words import session_words
from tests.factories.sessions import SyntheticSession, make_session


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> SyntheticSession:
    return make_session(tmp_path_factory.mktemp("words") / "s", seconds=3.0, rate_hz=120.0)


def transcript(folder: Path, text: str) -> None:
    (folder / "dictation" / "1_case-1.transcript.json").write_text(text, encoding="utf-8")


def test_words_come_on_the_clock_of_the_trial(made: SyntheticSession) -> None:
    words = [{"text": "left", "start_s": 1.0, "end_s": 1.25, "source": "typed"}]
    transcript(made.folder, json.dumps({"words": words}))
    # The first frame of the sound was taken 13 ms after the trial began, one second into the recording.
    table, notes = session_words(made.folder, made.manifest, made.manifest.trials, {1: 1001.0})
    assert notes == []
    assert table is not None
    assert table[["trial", "case", "text", "source"]].iloc[0].tolist() == [1, "case-1", "left", "typed"]
    assert table[["start_s", "end_s"]].iloc[0].tolist() == pytest.approx([1.013, 1.263], abs=2e-3)


@pytest.mark.parametrize(
    "word",
    [
        '{"text": "a", "start_s": NaN, "end_s": 1}', '{"text": "a", "start_s": 0, "end_s": NaN}',
        '{"text": "a", "start_s": 2, "end_s": 1}', '{"text": "a", "start_s": 0, "end_s": Infinity}',
        '{"text": "a", "start_s": "soon", "end_s": 1}', '{"text": "a", "end_s": 1}', "3",
    ],
)  # fmt: skip
def test_a_word_without_a_time_is_refused_in_one_line(made: SyntheticSession, word: str) -> None:
    transcript(made.folder, f'{{"words": [{word}]}}')
    with pytest.raises(SessionError, match=r"^1_case-1.transcript.json: is no transcript: [^\n]+$"):
        session_words(made.folder, made.manifest, made.manifest.trials, {1: 1001.0})


def test_without_its_sound_on_the_clock_a_trial_s_words_are_left_out_and_that_is_told(made: SyntheticSession) -> None:
    transcript(made.folder, '{"words": [{"text": "a", "start_s": 0, "end_s": 1}]}')
    table, notes = session_words(made.folder, made.manifest, made.manifest.trials, {})
    assert table is not None and table.empty
    assert notes == ["Words of trial 1 are left out: its sound has no place on the session's clock."]
