from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pandas as pd
import pytest

from ctgaze_app.errors import SessionError
from ctgaze_app.study.many_sessions import find_sessions, one_table, process_sessions, write_table
from ctgaze_app.study.session import read_manifest, write_manifest
from tests.factories.sessions import make_session


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    study = tmp_path_factory.mktemp("study")
    for number in (1, 2, 3):
        folder = study / "sessions" / f"r0{number}"
        make_session(folder, seconds=3.0, rate_hz=120.0, audio=False, seed=number, slices=12)
        manifest = read_manifest(folder)
        code = f"r0{number}_2026010{number}T030405Z"
        write_manifest(folder, manifest.model_copy(update={"session": code, "reader": f"r0{number}"}))
    return study


@pytest.fixture
def study(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "study"))


def test_all_sessions_of_a_study_become_one_table(study: Path) -> None:
    folders = find_sessions(study)
    steps: list[tuple[int, int]] = []
    outcomes = process_sessions(folders, processes=2, progress=lambda done, total: steps.append((done, total)))
    assert [(each.folder, each.state) for each in outcomes] == [(folder, "processed") for folder in folders]
    assert steps == [(0, 3), (1, 3), (2, 3), (3, 3)]
    table = one_table(outcomes)
    assert table["reader"].unique().tolist() == ["r01", "r02", "r03"]
    assert len(table) == sum(each.fixations for each in outcomes) > 15
    one = pd.read_csv(folders[1] / "derived" / "fixations.csv")
    pd.testing.assert_frame_equal(
        table[table["reader"] == "r02"].reset_index(drop=True)[["onset_s", "slice_index", "x_voxel"]],
        one[["onset_s", "slice_index", "x_voxel"]],
    )


def test_parallel_and_alone_give_the_same_bytes(study: Path, tmp_path: Path) -> None:
    folders = find_sessions(study)
    process_sessions(folders, processes=1)
    alone = [(folder / "derived" / "fixations.csv").read_bytes() for folder in folders]
    process_sessions(folders, processes=2, again=True)
    assert [(folder / "derived" / "fixations.csv").read_bytes() for folder in folders] == alone


def test_a_second_run_does_only_what_has_changed(study: Path) -> None:
    folders = find_sessions(study)
    process_sessions(folders, processes=1)
    (folders[2] / "derived" / "fixations.csv").unlink()
    again = process_sessions(folders, processes=1)
    assert [each.state for each in again] == ["unchanged", "unchanged", "processed"]
    assert all(each.fixations > 0 for each in again)
    assert [each.state for each in process_sessions(folders, processes=1, again=True)] == ["processed"] * 3


def test_reading_measures_of_all_sessions_become_one_table_and_are_made_once(study: Path) -> None:
    folders = find_sessions(study)
    first = process_sessions(folders, measures="none", processes=1)
    assert [each.state for each in first] == ["processed"] * 3
    table = one_table(first, "measures")
    assert table["reader"].tolist() == ["r01", "r02", "r03"]
    assert (table["displayed_s"] > 2).all()
    assert [each.state for each in process_sessions(folders, measures="none", processes=1)] == ["unchanged"] * 3
    # Another organ is another table.
    assert [each.state for each in process_sessions(folders, measures="lungs", processes=1)] == ["processed"] * 3


def test_what_the_tables_lack_is_told_again_when_nothing_changed(study: Path) -> None:
    folder = find_sessions(study)[0]
    recording = folder / "recording.xdf"
    recording.write_bytes(recording.read_bytes()[:-2000])
    first = process_sessions([folder], measures="none", processes=1)[0]
    again = process_sessions([folder], measures="none", processes=1)[0]
    assert (first.state, again.state) == ("processed", "unchanged")
    assert any("the recording is damaged" in note for note in first.notes)
    assert again.notes == first.notes


def test_lesions_that_were_measured_stay_when_the_study_is_processed(study: Path) -> None:
    folder = find_sessions(study)[0]
    process_sessions([folder], measures="none", processes=1)
    record = json.loads((folder / "derived" / "measures.json").read_text(encoding="utf-8"))
    record["provenance"]["truth"] = {"case-1": {"file": "digest of a truth file"}}
    (folder / "derived" / "measures.json").write_text(json.dumps(record), encoding="utf-8")
    (folder / "derived" / "lesions.csv").write_text("name\n", encoding="utf-8")
    assert process_sessions([folder], measures="none", processes=1)[0].state == "unchanged"
    assert (folder / "derived" / "lesions.csv").is_file()


def test_another_detector_makes_other_tables_and_none_keeps_them(study: Path) -> None:
    from ctgaze_app.gaze.detectors import SALVUCCI_IDT

    folders = find_sessions(study)[:1]
    process_sessions(folders, processes=1)
    other = process_sessions(folders, processes=1, parameters=SALVUCCI_IDT)
    assert other[0].state == "processed"
    assert '"name": "I-DT' in (folders[0] / "derived" / "quality.json").read_text()
    assert process_sessions(folders, processes=1, parameters=SALVUCCI_IDT)[0].state == "unchanged"
    assert process_sessions(folders, processes=1)[0].state == "unchanged"
    # Made again without a name it is still the detector that was chosen.
    assert process_sessions(folders, processes=1, again=True)[0].state == "processed"
    assert '"name": "I-DT' in (folders[0] / "derived" / "quality.json").read_text()


def test_a_broken_session_is_named_and_costs_no_other(study: Path) -> None:
    folders = find_sessions(study)
    (folders[0] / "recording.xdf").write_bytes(b"no recording")
    outcomes = process_sessions(folders, processes=2)
    assert [each.state for each in outcomes] == ["failed", "processed", "processed"]
    assert "no XDF file" in outcomes[0].problem
    assert one_table(outcomes)["reader"].unique().tolist() == ["r02", "r03"]


def test_a_worker_that_dies_costs_only_its_own_session(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ctgaze_app.study import many_sessions

    monkeypatch.setattr(many_sessions, "process_one", _die_on_r01)
    outcomes = process_sessions(find_sessions(study), processes=2)
    assert [each.state for each in outcomes] == ["failed", "unchanged", "unchanged"]
    assert "its worker died" in outcomes[0].problem


def _die_on_r01(folder: Path, again: bool = False, **_: object) -> object:
    from ctgaze_app.study.many_sessions import SessionOutcome

    if folder.name == "r01":
        os._exit(9)
    return SessionOutcome(folder, folder.name, "unchanged")


def test_one_session_in_two_folders_is_refused(study: Path) -> None:
    shutil.copytree(study / "sessions" / "r01", study / "sessions" / "r01-copy")
    outcomes = process_sessions(find_sessions(study), processes=1)
    with pytest.raises(SessionError, match=r"r01 and r01-copy hold the same session"):
        one_table(outcomes)


def test_no_session_and_one_session_are_one_line_each(tmp_path: Path, made: Path) -> None:
    with pytest.raises(SessionError, match="nowhere: there is no such folder"):
        find_sessions(tmp_path / "nowhere")
    with pytest.raises(SessionError, match="no session in this folder"):
        find_sessions(tmp_path)
    with pytest.raises(SessionError, match=r"one session, not a study \(use ctgaze session process"):
        find_sessions(made / "sessions" / "r01")


def test_the_table_is_written_in_both_forms_and_replaced_whole(study: Path, tmp_path: Path) -> None:
    table = one_table(process_sessions(find_sessions(study)[:1], processes=1))
    for _ in range(2):
        csv, parquet = write_table(table, tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["fixations.csv", "fixations.parquet"]
    text = pd.read_csv(csv, dtype={"words": str})
    pd.testing.assert_frame_equal(pd.read_parquet(parquet), text.fillna({"words": ""}))


def test_a_dask_cluster_gives_the_same_table(study: Path) -> None:
    distributed = pytest.importorskip("distributed", reason="the extra cluster is not installed")
    folders = find_sessions(study)
    here = one_table(process_sessions(folders, processes=1, again=True))
    with distributed.LocalCluster(n_workers=1, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        outcomes = process_sessions(folders, again=True, scheduler=cluster.scheduler_address)
        assert [(each.folder, each.state) for each in outcomes] == [(folder, "processed") for folder in folders]
    pd.testing.assert_frame_equal(one_table(outcomes), here)


def test_a_scheduler_that_does_not_answer_is_one_line(study: Path) -> None:
    pytest.importorskip("distributed", reason="the extra cluster is not installed")
    with pytest.raises(SessionError, match="does not answer"):
        process_sessions(find_sessions(study), scheduler="not an address")
