"""Readings of the same case and CT beside a session."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from ctgaze_app.errors import SessionError
from ctgaze_app.study.other_readings import (
    MOST_READINGS,
    other_patients_readings,
    other_readings,
    path_of_reading,
    reader_codes,
    readings_beside,
)
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


def test_readings_of_other_patients_are_those_of_other_cases_by_the_same_reader_first(study: Study) -> None:
    mine, made = study.add("s1", "r01")
    another = [made.series[0].model_copy(update={"digest": "0"})]
    study.add("s2", "r02", trials=_trial(case="case02"), series=another)
    study.add("s3", "r01", trials=_trial(case="case03"), series=another)
    study.add("s4", "r03")
    study.add("the-same-ct-under-another-code", "r04", trials=_trial(case="case04"))
    found = other_patients_readings(mine, made, made.trials[0])
    assert [(one.reader, one.case, one.slices) for one in found] == [("r01", "case03", 3), ("r02", "case02", 3)]


def test_a_readers_place_among_all_readers_does_not_depend_on_whose_session_is_open(study: Study) -> None:
    first, one = study.add("s1", "r02")
    second, other = study.add("s2", "r01")
    (study.folder / "broken").mkdir()
    (study.folder / "broken" / "session.json").write_text("[]", encoding="utf-8")
    assert reader_codes(first, one) == reader_codes(second, other) == ("r01", "r02")


def test_fixations_of_another_reading_are_moved_onto_this_trials_clock(study: Study) -> None:
    mine, made = study.add("s1", "r01")
    folder, _ = study.add("s2", "r02")
    (reading,) = readings_beside(mine, made, made.trials[0])
    with pytest.raises(SessionError, match="not computed yet"):
        path_of_reading(reading, 0.0)
    (folder / "derived").mkdir()
    header = "trial,fixation,onset_lsl,onset_s,duration_s,slice_index,slice_first,slice_last,x_voxel,y_voxel,z_voxel,"
    header += "x_mm,y_mm,z_mm,uncertainty_mm,x_screen_px,y_screen_px"
    rows = [
        "1,1,501.5,1.5,0.2,2,2,2,5,6,2,0,0,0,1,0,0",
        "1,2,502,2,0.3,,,,,,,,,,,0,0",
        "2,1,9,9,1,0,0,0,1,1,0,0,0,0,1,0,0",
    ]
    (folder / "derived" / "fixations.csv").write_text("\n".join([header, *rows]), encoding="utf-8")
    path = path_of_reading(reading, 1000.0)
    (one,) = path.fixations
    assert (one.onset_lsl, one.duration_s, one.slice_index, one.voxel) == (1001.5, 0.2, 2, (5.0, 6.0, 2.0))
    assert path.duration_s == pytest.approx(1.7)
    (folder / "derived" / "fixations.csv").write_text("trial,fixation\n1,1\n", encoding="utf-8")
    with pytest.raises(SessionError, match="cannot be read"):
        path_of_reading(reading, 0.0)
