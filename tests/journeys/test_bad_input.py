"""Bad input: one clear line each, exit code 1, nothing lost or overwritten."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.factories.dicom_series import write_series

ROOT = Path(__file__).resolve().parents[2]


def _fails(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "ctgaze_app", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 1, (done.returncode, done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("ctgaze:")]
    assert len(lines) == 1, done.stderr
    return lines[0]


def _read(case: Path, out: Path) -> str:
    return _fails("demo", "--headless", "--case", str(case), "--out", str(out), "--seconds", "20")


def test_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "case").mkdir()
    assert "DICOM" in _read(tmp_path / "case", tmp_path / "out")
    assert not (tmp_path / "out").exists() or not any((tmp_path / "out").rglob("*"))


def test_a_text_file_named_dcm(tmp_path: Path) -> None:
    case = tmp_path / "case"
    case.mkdir()
    (case / "notes.dcm").write_text("not an image", encoding="utf-8")
    assert "DICOM" in _read(case, tmp_path / "out")


def test_a_truncated_dicom_file(tmp_path: Path) -> None:
    case = tmp_path / "case"
    case.mkdir()
    files = write_series(case, slices=5)
    data = files[2].read_bytes()
    files[2].write_bytes(data[: len(data) // 2])
    assert files[2].name in _read(case, tmp_path / "out")


def test_two_series_in_one_folder(tmp_path: Path) -> None:
    case = tmp_path / "case"
    case.mkdir()
    write_series(case, slices=5, prefix="A", series=1)
    write_series(case, slices=6, prefix="B", series=2)
    line = _read(case, tmp_path / "out")
    assert "2 series" in line or "two series" in line


def test_a_folder_that_holds_a_session_is_left_alone(tmp_path: Path) -> None:
    case, out = tmp_path / "case", tmp_path / "out"
    case.mkdir()
    write_series(case, slices=5)
    out.mkdir()
    (out / "session.json").write_text("precious", encoding="utf-8")
    assert "already holds a session" in _read(case, out)
    assert (out / "session.json").read_text(encoding="utf-8") == "precious"
    assert [path.name for path in out.iterdir()] == ["session.json"]


def test_a_place_where_no_folder_can_be_made(tmp_path: Path) -> None:
    case = tmp_path / "case"
    case.mkdir()
    write_series(case, slices=5)
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    assert "cannot write the session folder" in _read(case, tmp_path / "file" / "out")


def test_a_reading_too_short_for_the_script(tmp_path: Path) -> None:
    case = tmp_path / "case"
    case.mkdir()
    write_series(case, slices=200, rows=16, columns=16)
    line = _fails("demo", "--headless", "--case", str(case), "--out", str(tmp_path / "out"), "--seconds", "6")
    assert "--seconds" in line and "at least" in line


@pytest.mark.parametrize("command", ["process", "verify", "salvage"])
def test_a_folder_without_a_session(tmp_path: Path, command: str) -> None:
    assert "session" in _fails("session", command, str(tmp_path))
