"""Each run writes into a folder of its own; what a killed application has left goes, what others still write stays."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from ctgaze_app.errors import SessionError
from ctgaze_app.study.prediction_staging import ABANDONED_S, MAKING, place_to_write, remove_abandoned


def _age(path: Path, seconds: float) -> None:
    made_s = path.stat().st_mtime - seconds
    os.utime(path, (made_s, made_s))


def _of(owner: str, folder: Path) -> Path:
    """A place like one of this computer, of another process."""
    with place_to_write(folder / "1_m-1_00000000.json") as place:
        computer = place.parent.name.removeprefix(MAKING).split("-")[0]
    left = folder / f"{MAKING}{computer}-{owner}-abc_12"
    left.mkdir()
    (left / "prediction.json").write_text("{", encoding="utf-8")
    return left


def test_two_runs_for_one_place_write_apart_and_leave_nothing(tmp_path: Path) -> None:
    out = tmp_path / "derived" / "predictions" / "1_m-1_00000000.json"
    with place_to_write(out) as first:
        first.write_text("first", encoding="utf-8")
        with place_to_write(out) as second:
            assert first != second and first.parent.parent == second.parent.parent == out.parent
            second.write_text("second", encoding="utf-8")
        assert first.read_text(encoding="utf-8") == "first" and not second.exists()
    assert list(out.parent.iterdir()) == []


def test_a_run_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="broke"), place_to_write(tmp_path / "p.json") as place:
        (place.parent / ".prediction.json.unfinished").write_text("{", encoding="utf-8")
        raise ValueError("broke")
    assert list(tmp_path.iterdir()) == []


def test_what_an_ended_process_left_goes_and_what_a_running_one_writes_stays(tmp_path: Path) -> None:
    own = psutil.Process()
    running = _of(f"{own.pid}-{own.create_time()}", tmp_path)
    reused = _of(f"{own.pid}-{own.create_time() - 1000}", tmp_path)
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    ended = _of(f"{process.pid}-{psutil.Process(process.pid).create_time()}", tmp_path)
    remove_abandoned(tmp_path)
    assert ended.exists() and not reused.exists()
    process.communicate(b"\n")
    remove_abandoned(tmp_path)
    assert running.exists() and not ended.exists()


def test_what_another_computer_or_an_older_version_left_goes_after_a_day(tmp_path: Path) -> None:
    folder = tmp_path / f"{MAKING}00000000-1-1.0-abc_12"
    folder.mkdir()
    file = tmp_path / f"{MAKING}1_m-1_00000000.json"
    unfinished = tmp_path / f".{MAKING}1_m-1_00000000.json.unfinished"
    for path in (file, unfinished):
        path.write_text("{", encoding="utf-8")
    kept = tmp_path / "1_m-1_00000000.json"
    kept.write_text("{}", encoding="utf-8")
    remove_abandoned(tmp_path)
    assert folder.exists() and file.exists() and unfinished.exists()
    for path in (folder, file, unfinished, kept):
        _age(path, ABANDONED_S + 60)
    remove_abandoned(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [kept.name]


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_what_a_link_leads_to_stays(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "kept").write_text("", encoding="utf-8")
    folder = tmp_path / "p"
    folder.mkdir()
    left = _of("1-1.0", folder)
    (left / "prediction.json").unlink()
    left.rmdir()
    left.symlink_to(elsewhere, target_is_directory=True)
    remove_abandoned(folder)
    assert (elsewhere / "kept").exists() and not left.exists()


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with (
        pytest.raises(SessionError, match="predictions cannot be written"),
        place_to_write(tmp_path / "file" / "p.json"),
    ):
        pass
