"""Processes that die, streams that are not there, folders and disks that refuse: one clear line, nothing lost."""

from __future__ import annotations

import contextlib
import errno
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pyarrow.parquet
import pytest
import soundfile

from ctgaze_app.acquisition.clock import local_clock
from ctgaze_app.acquisition.xdf import read_xdf
from ctgaze_app.errors import SessionError
from ctgaze_app.study.journal import read_journal
from ctgaze_app.study.session import create_session_folder, read_manifest
from tests.factories.dicom_series import write_series
from tests.journeys.chaos import ROOT, ctgaze, read_log

SECONDS = 12
KILL_AFTER_S = 4.0


@dataclass
class FaultyRun:
    """A demo during which one of its processes was killed."""

    session: Path
    log: list[dict[str, Any]]
    killed_lsl: float
    code: int
    errors: str

    def fault_markers(self) -> list[tuple[float, dict[str, Any]]]:
        """(seconds after the kill, marker fields) of every fault marker."""
        return [
            (entry["lsl"] - self.killed_lsl, entry["fields"])
            for entry in self.log
            if entry["kind"] == "marker" and entry["event"] == "fault"
        ]


def _run_and_kill(folder: Path, stage: str, victim: str) -> FaultyRun:
    case, session, log = folder / "case", folder / "session", folder / "log.jsonl"
    case.mkdir()
    write_series(case, slices=30, rows=64, columns=64)
    command = [sys.executable, "-m", "tests.journeys.logged_demo", str(case), str(session), str(log), str(SECONDS)]
    with (folder / "errors.txt").open("wb") as errors:
        process = subprocess.Popen(command, cwd=ROOT, stderr=errors)
        try:
            entry = None
            limit = time.monotonic() + 60
            while entry is None and process.poll() is None and time.monotonic() < limit:
                entry = next((one for one in read_log(log) if one.get("stage") == stage), None)
                time.sleep(0.02)
            assert entry is not None, (folder / "errors.txt").read_text(encoding="utf-8")
            time.sleep(KILL_AFTER_S)
            killed_lsl = local_clock()
            psutil.Process(entry[victim]).kill()
            code = process.wait(60)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
    said = (folder / "errors.txt").read_text(encoding="utf-8", errors="replace")
    assert "Traceback" not in said
    return FaultyRun(session, read_log(log), killed_lsl, code, said)


@pytest.mark.slow
def test_a_tracker_that_dies_during_reading_leaves_a_named_gap_and_the_reading_goes_on(tmp_path: Path) -> None:
    run = _run_and_kill(tmp_path, "reading", "tracker")
    assert run.code == 0, run.errors
    (after_s, marker) = run.fault_markers()[0]
    assert 0 < after_s < 1.5
    assert (marker["kind"], marker["over"]) == ("stream_stalled", False)
    faults = [line for line in read_journal(run.session / "journal.jsonl") if line["level"] == "fault"]
    assert any("delivers nothing" in str(line["text"]) for line in faults)
    assert run.errors.count("CTGaze Simulated Tracker 1 delivers nothing") == 1
    manifest = read_manifest(run.session)
    assert (manifest.state, manifest.trials[0].state) == ("complete", "complete")

    recording = read_xdf(run.session / "recording.xdf")
    gaze = next(stream for stream in recording.streams if stream.type == "Gaze")
    assert run.killed_lsl - 0.3 < float(gaze.time_lsl.max()) < run.killed_lsl + 0.3
    ended_lsl = next(entry["lsl"] for entry in run.log if entry.get("event") == "trial_end")
    assert ended_lsl - run.killed_lsl > SECONDS - KILL_AFTER_S - 1.0
    table = pyarrow.parquet.read_table(run.session / "derived" / "gaze.parquet")
    assert max(table["time_lsl"].to_pylist()) == pytest.approx(float(gaze.time_lsl.max()), abs=0.02)
    (sound,) = (run.session / "dictation").iterdir()
    assert soundfile.info(sound).duration == pytest.approx(SECONDS, abs=1.0)

    verified = ctgaze("session", "verify", str(run.session))
    assert verified.returncode == 0, verified.stdout
    assert verified.stdout.count("no gaze for ") == 1
    processed = ctgaze("session", "process", str(run.session))
    assert "gaze stopped" in processed.stdout


@pytest.mark.slow
def test_a_tracker_that_dies_during_calibration_is_said_on_the_target_screen_and_esc_leaves_in_order(
    tmp_path: Path,
) -> None:
    run = _run_and_kill(tmp_path, "calibrating", "tracker")
    stalled = [entry for entry in run.log if entry["kind"] == "stalled"]
    assert len(stalled) == 1
    assert stalled[0]["lsl"] - run.killed_lsl < 3.0
    assert stalled[0]["line"].startswith("No gaze for 2 seconds")
    assert run.code == 1
    assert [line for line in run.errors.splitlines() if line.startswith("ctgaze:")] == [
        "ctgaze: the demo was left before its end"
    ]
    manifest = read_manifest(run.session)
    assert (manifest.state, [part.state for part in manifest.parts]) == ("complete", ["complete"])
    assert ctgaze("session", "verify", str(run.session)).returncode == 0


@pytest.mark.slow
def test_a_recorder_that_dies_during_reading_goes_on_in_a_second_part_with_its_own_sound(tmp_path: Path) -> None:
    run = _run_and_kill(tmp_path, "reading", "recorder")
    assert run.code == 0, run.errors
    assert run.errors.count("the recorder stopped; recording goes on in part 2") == 1
    (after_s, marker) = run.fault_markers()[0]
    assert 0 < after_s < 1.0
    assert marker["kind"] == "recorder"
    again = [entry["lsl"] for entry in run.log if entry.get("event") == "session_start"]
    assert len(again) == 2
    resumed_s = again[1] - run.killed_lsl
    assert resumed_s < 4.0  # 1.7 s on an idle machine
    manifest = read_manifest(run.session)
    assert [part.state for part in manifest.parts] == ["salvaged", "complete"]
    assert [part.file for part in manifest.parts] == ["recording.xdf", "recording_2.xdf"]

    table = pyarrow.parquet.read_table(run.session / "derived" / "gaze.parquet")
    assert set(table["part"].to_pylist()) == {1, 2}
    verified = ctgaze("session", "verify", str(run.session))
    assert verified.returncode == 0, verified.stdout
    sounds = {path.name: soundfile.info(path).duration for path in (run.session / "dictation").iterdir()}
    assert set(sounds) == {"1_demo-1.flac", "1_demo-1_part2.flac"}
    assert sounds["1_demo-1.flac"] > KILL_AFTER_S - 1.0 - 0.5
    assert sum(sounds.values()) > SECONDS - resumed_s - 1.0 - 0.5


def test_a_gaze_stream_that_does_not_exist_is_one_line_and_leaves_no_folder(tmp_path: Path, qtbot: Any) -> None:
    from ctgaze_app.ui.case_request import CaseRequest, TrackerChoice
    from ctgaze_app.ui.main_window import MainWindow

    (tmp_path / "case").mkdir()
    write_series(tmp_path / "case", slices=5)
    window = MainWindow()
    qtbot.addWidget(window)
    told: list[str] = []

    def follow(journey: Any) -> None:
        journey.failed.connect(told.append)

    request = CaseRequest(
        ct_path=tmp_path / "case",
        session_folder=tmp_path / "session",
        tracker=TrackerChoice("stream", source_id="none-such"),
    )
    window.read_case(request, before_start=follow)
    qtbot.waitUntil(lambda: bool(told), timeout=30_000)
    assert len(told) == 1
    assert "\n" not in told[0]
    assert "gaze stream" in told[0]
    assert not (tmp_path / "session").exists()
    window.close()


def _demo_fails(case: Path, out: Path) -> str:
    done = ctgaze("demo", "--headless", "--case", str(case), "--out", str(out), "--seconds", "12")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("ctgaze:")]
    return line


@contextlib.contextmanager
def _immutable(folder: Path) -> Iterator[None]:
    """Rights do not bind the superuser, so the folder itself is made to refuse."""
    if shutil.which("chattr") is None:
        pytest.skip("no chattr on this system, so no folder can be made to refuse everybody")
    if subprocess.run(["chattr", "+i", str(folder)], capture_output=True, check=False).returncode:
        pytest.skip("chattr +i is not allowed here: needs the superuser and a file system with attributes")
    try:
        yield
    finally:
        subprocess.run(["chattr", "-i", str(folder)], check=True)


def test_a_read_only_output_folder_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "case").mkdir()
    write_series(tmp_path / "case", slices=5)
    (tmp_path / "sealed").mkdir()
    with _immutable(tmp_path / "sealed"):
        assert "cannot write the session folder" in _demo_fails(tmp_path / "case", tmp_path / "sealed" / "session")


def test_a_system_that_refuses_to_make_the_folder_is_a_session_error_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, *_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(SessionError, match="cannot write the session folder: Read-only file system"):
        create_session_folder(tmp_path / "session")


def test_a_session_that_is_there_already_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "session.json").write_text("precious", encoding="utf-8")
    with pytest.raises(SessionError, match="already holds a session"):
        create_session_folder(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["session.json"]


def test_what_a_full_disk_took_before_it_was_full_stays_readable(tmp_path: Path) -> None:
    """A file system of a few pages: the writer says that it is full and what is on it can be closed and read."""
    import numpy as np

    from ctgaze_app.acquisition.xdf import XdfWriter, close_truncated

    disk = tmp_path / "disk"
    disk.mkdir()
    if (
        sys.platform != "linux"
        or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=256k", "none", str(disk)], capture_output=True, check=False
        ).returncode
    ):
        pytest.skip("no small file system can be mounted here; tests/acquisition/test_recorder.py limits a file's size")
    try:
        writer = XdfWriter(disk / "recording.xdf")
        stream = writer.add_stream(
            "<info><name>Gaze</name><type>Gaze</type><channel_count>4</channel_count>"
            "<channel_format>double64</channel_format><nominal_srate>500</nominal_srate></info>"
        )
        stamps = np.arange(500) / 500.0
        with pytest.raises(OSError, match=r"No space left") as refused:
            for second in range(60):
                writer.write_samples(stream, stamps + second, np.full((500, 4), float(second)))
                writer.tick(float(second))
        assert refused.value.errno == errno.ENOSPC
        saved = tmp_path / "recording.xdf"
        shutil.copy(disk / "recording.xdf", saved)
        writer._file.close()
    finally:
        subprocess.run(["umount", str(disk)], check=True)
    close_truncated(saved)
    recording = read_xdf(saved)
    (gaze,) = recording.streams
    assert recording.complete
    assert len(gaze.time_raw) >= 5 * 500
    assert np.allclose(gaze.time_raw, np.arange(len(gaze.time_raw)) / 500.0, rtol=0, atol=1e-9)
