from __future__ import annotations

import json
from pathlib import Path

import pytest

from ctgaze_app.ct.labelled_region import LabelledRegion
from ctgaze_app.study.measuring import measure_session
from ctgaze_app.study.trial_speech import trial_speech
from ctgaze_app.study.trial_tables import SessionTables
from tests.factories.sessions import make_session

LEAD_S = 0.6


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> SessionTables:
    """A reader who names the half of the picture that a fixation is in 0.6 s after it began."""
    made = make_session(tmp_path_factory.mktemp("spoken") / "s", seconds=20.0, rate_hz=120.0)
    words = []
    for fixation in made.fixations:
        start = fixation.onset_lsl + LEAD_S - 1001.013  # the sound begins 13 ms after the trial, at 1001 s
        if start < 19.0:
            words.append(
                {"text": "left," if fixation.voxel[0] < 31.5 else "right", "start_s": start, "end_s": start + 0.2}
            )
    transcript = made.folder / "dictation" / "1_case-1.transcript.json"
    transcript.write_text(json.dumps({"schema": 1, "words": words}))
    return SessionTables.open(made.folder)


def halves(session: SessionTables) -> tuple[LabelledRegion, ...]:
    k, j, i = session.manifest.series[0].shape_kji
    return (
        LabelledRegion("left half", (0, 0, 0), (k - 1, j - 1, 31)),
        LabelledRegion("right half", (0, 0, 32), (k - 1, j - 1, i - 1)),
    )


def test_the_lag_between_looking_and_naming_is_found(session: SessionTables) -> None:
    phrases = {"left half": ["left"], "right half": ["right"]}
    found = trial_speech(session, session.trial(session.numbered(1)), halves(session), phrases)
    assert found is not None
    assert found.n_mentions == found.n_words > 40
    assert found.lag.available, found.lag.reason
    # From the middle of the look, which lasts 0.3 s.
    assert found.lag.lag_s == pytest.approx(LEAD_S - 0.15, abs=0.15)
    assert found.windows[0].on_region > found.windows[0].on_region_by_chance + 0.1
    json.dumps(found.to_dict(), allow_nan=False)


def test_regions_that_nobody_names_give_no_lag_but_say_why(session: SessionTables) -> None:
    found = trial_speech(session, session.trial(session.numbered(1)), halves(session))
    assert found is not None
    assert (found.n_mentions, found.lag.available) == (0, False)
    assert "mentions" in found.lag.reason


def test_without_a_transcript_there_is_nothing(tmp_path: Path) -> None:
    made = make_session(tmp_path / "s", seconds=3.0, rate_hz=120.0)
    tables = SessionTables.open(made.folder)
    assert trial_speech(tables, tables.trial(tables.numbered(1)), halves(tables)) is None


def test_the_measures_of_a_session_hold_its_speech(session: SessionTables) -> None:
    found = measure_session(session.folder, organ="none")
    assert found.trials[0].speech is not None
    record = json.loads((session.folder / "derived" / "measures.json").read_text())["trials"][0]["speech"]
    assert record["n_words"] == found.trials[0].speech.n_words > 40
    assert [row["before_s"] for row in record["windows"]] == [0.5, 1.0, 1.5, 2.0, 3.0, 5.0]
    assert "mentions" in record["lag"]["reason"]


def test_a_phrase_of_a_region_that_is_not_there_is_told(session: SessionTables) -> None:
    found = measure_session(session.folder, organ="none", phrases={"spleen": ["spleen"]})
    assert "no region here is called spleen: its phrases count nothing" in found.trials[0].notes
