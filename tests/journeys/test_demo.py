"""The main job from end to end: real widgets, real LSL between processes, a scripted reader, files checked after."""

from __future__ import annotations

import json
import logging
import re
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pydicom
import pytest
import pyxdf

ROOT = Path(__file__).resolve().parents[2]


def _run(*arguments: str, timeout_s: float = 240) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *arguments], capture_output=True, text=True, timeout=timeout_s, cwd=ROOT, check=False
    )


def _demo(out: Path, *arguments: str) -> dict[str, Any]:
    done = _run("ctgaze_app", "demo", "--headless", "--out", str(out), "--json", *arguments)
    assert done.returncode == 0, done.stderr[-2000:]
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def _assert_main_job(figures: dict[str, Any], out: Path) -> None:
    assert figures["gaze_samples_sent"] == figures["gaze_samples_recorded"] > 0
    assert figures["views_painted"] == figures["views_recorded"] > 0
    assert figures["slices_requested_not_painted"] == 0
    assert figures["raw_accuracy_deg"] >= 1.5
    assert figures["validation_accuracy_deg"] < 0.5
    assert figures["fixations_found"] >= 0.95 * figures["fixations_true"]
    assert figures["slice_index_agreement"] >= 0.99
    assert figures["median_error_px"] < figures["noise_px"]
    assert Path(figures["session"]) == out
    for name in ("session.json", "recording.xdf", "journal.jsonl", "derived/gaze.parquet", "derived/fixations.csv"):
        assert (out / name).is_file(), name
    assert not list((out / "dictation").glob("*.wav")), "the sound was not packed"
    assert len(list((out / "dictation").glob("*.flac"))) == 1


def _assert_pyxdf_is_content(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for options in ({}, {"synchronize_clocks": False, "dejitter_timestamps": False}):
        with caplog.at_level(logging.WARNING), warnings.catch_warnings():
            warnings.simplefilter("error")
            streams, _header = pyxdf.load_xdf(str(path), **options)
        assert [record.message for record in caplog.records] == []
        names = {stream["info"]["name"][0] for stream in streams}
        assert {"CTGaze View", "CTGaze Markers", "CTGaze Audio"} <= names
        assert all(len(stream["time_stamps"]) for stream in streams)


def _assert_nothing_identifies(out: Path, case: Path) -> None:
    header = pydicom.dcmread(next(path for path in case.iterdir() if path.is_file()), stop_before_pixels=True)
    secrets = {
        str(header[name].value).encode()
        for name in ("SeriesInstanceUID", "StudyInstanceUID", "SOPInstanceUID", "PatientID", "PatientName")
        if name in header and len(str(header[name].value)) > 3
    }
    secrets |= {str(case).encode(), str(out).encode()}
    for path in out.rglob("*"):
        if path.is_file() and "private" not in path.relative_to(out).parts:
            assert not _found(secrets, path), path.name
    assert _found(secrets, out / "private" / "series.json"), "the check sees nothing"


def _found(secrets: set[bytes], path: Path) -> list[bytes]:
    """Secrets in a file, as words of their own: a short patient number also occurs within other numbers."""
    content = path.read_bytes()
    return [secret for secret in secrets if re.search(rb"(?<![0-9.])" + re.escape(secret) + rb"(?![0-9.])", content)]


@pytest.mark.slow
@pytest.mark.parametrize("rate", ["250", "1200"])
def test_a_real_ct_is_read_recorded_and_understood(
    shared_data: Path, tmp_path: Path, rate: str, caplog: pytest.LogCaptureFixture
) -> None:
    out = tmp_path / "session"
    figures = _demo(out, "--case", str(shared_data / "ct" / "nlst_chest"), "--seconds", "40", "--tracker-rate", rate)
    _assert_main_job(figures, out)
    assert figures["fixations_true"] >= 40
    assert figures["audio_seconds"] == pytest.approx(40, abs=2.0)
    _assert_pyxdf_is_content(out / "recording.xdf", caplog)
    _assert_nothing_identifies(out, shared_data / "ct" / "nlst_chest")
    verified = _run("ctgaze_app", "session", "verify", str(out))
    assert verified.returncode == 0, verified.stdout + verified.stderr

    before = {path.name: path.read_bytes() for path in (out / "derived").iterdir() if path.is_file()}
    assert _run("ctgaze_app", "session", "process", str(out)).returncode == 0
    assert {path.name: path.read_bytes() for path in (out / "derived").iterdir() if path.is_file()} == before


@pytest.mark.slow
def test_the_slice_in_every_view_is_the_one_on_the_screen_and_replay_shows_the_same_pixels(tmp_path: Path) -> None:
    done = _run("tests.journeys.pixel_proof", str(tmp_path))
    assert done.returncode == 0, done.stderr[-2000:]
    proof = json.loads(done.stdout.splitlines()[-1])
    assert proof["paints_checked"] >= 0.95 * (proof["paints_checked"] + proof["paints_overtaken"])
    assert proof["paints_wrong"] == 0
    assert proof["slices_distinct"] == 40
    assert proof["replays_compared"] >= 18
    assert proof["replays_same_pixels"] == proof["replays_compared"]
    assert proof["slices_requested_not_painted"] == 0
