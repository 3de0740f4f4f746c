"""Readings of the same case and CT beside a session."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from ctgaze_app.study.other_readings import MOST_READINGS, other_readings
from ctgaze_app.study.session import SessionManifest, TrialRecord, write_manifest
from tests.factories.volumes import make_volume
from tests.ui.review.scene import manifest


@dataclass
class Study:
    """A folder of sessions of one case."""

    folder: Path

    def add(self, name: str, reader: str, **changes: object) -> tuple[Path, SessionManifest]:
        made = manifest(make_volume(slices=3), 1).model_copy(
            update={"session": name, "reader": reader, "state": "complete", **changes}
        )
        (self.folder / name).mkdir()
        write_manifest(self.folder / name, made)
        return self.folder / name, made


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return Study(tmp_path)


def _trial(**changes: object) -> list[TrialRecord]:
    return [TrialRecord(number=1, case="case01", series=[0], state="complete").model_copy(update=changes)]


def test_other_readers_come_before_the_same_readers_other_readings(study: Study) -> None:
    mine, made = study.add("s1", "r01")
    study.add("s2", "r01")
    study.add("s3", "r02")
    found = other_readings(mine, made, made.trials[0])
    assert found == [f"{study.folder / 's3'}:1", f"{study.folder / 's2'}:1"]


def test_only_closed_complete_readings_of_the_same_case_and_ct_count(study: Study) -> None:
    mine, made = study.add("s1", "r01")
    study.add("open", "r02", state="open")
    study.add("practice", "r03", trials=_trial(kind="practice"))
    study.add("interrupted", "r04", trials=_trial(state="interrupted"))
    study.add("other-case", "r05", trials=_trial(case="case02"))
    study.add("other-ct", "r06", series=[made.series[0].model_copy(update={"digest": "0"})])
    (study.folder / "broken").mkdir()
    (study.folder / "broken" / "session.json").write_text("{", encoding="utf-8")
    assert other_readings(mine, made, made.trials[0]) == []


def test_a_repeat_in_the_same_session_counts_and_there_are_never_too_many(study: Study) -> None:
    mine, made = study.add("s1", "r01", trials=[*_trial(), *_trial(number=2, kind="repeat")])
    assert other_readings(mine, made, made.trials[0]) == [f"{mine}:2"]
    for number in range(MOST_READINGS + 2):
        study.add(f"o{number}", f"r1{number}")
    assert len(other_readings(mine, made, made.trials[0])) == MOST_READINGS
