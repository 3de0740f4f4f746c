"""After a kill at any moment everything written is there again, nothing is deleted, and a second run does nothing."""

from __future__ import annotations

import hashlib
import struct
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ctgaze_app.acquisition.xdf import read_xdf
from ctgaze_app.errors import SessionError
from ctgaze_app.study import salvage
from ctgaze_app.study.journal import read_journal
from ctgaze_app.study.processing import process_session
from ctgaze_app.study.salvage import salvage_session
from ctgaze_app.study.session import read_manifest, write_manifest
from ctgaze_app.study.verify import passes, verify_session
from tests.factories.sessions import AUDIO_RATE_HZ, make_session


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sessions of these tests were written a moment ago, so each salvage would first watch whether they grow."""
    monkeypatch.setattr(salvage, "STILL_WRITTEN_S", 0.0)


def _snapshot(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _killed(tmp_path: Path, **options: object) -> Path:
    return make_session(tmp_path / "s", trials=2, closed=False, **options).folder  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", range(20))
def test_a_recording_cut_at_any_byte_keeps_every_whole_sample_and_then_verifies(tmp_path: Path, seed: int) -> None:
    folder = _killed(tmp_path, seconds=3.0, rate_hz=100.0, audio=False)
    path = folder / "recording.xdf"
    whole = read_xdf(path)
    random = np.random.default_rng(seed)
    cut = int(random.integers(path.stat().st_size // 2, path.stat().st_size))
    original = path.read_bytes()[:cut]
    path.write_bytes(original)
    report = salvage_session(folder)
    assert report.problems == []
    assert passes(verify_session(folder)), verify_session(folder)
    after = read_xdf(path)
    assert after.complete
    for before, kept in zip(whole.streams, after.streams, strict=True):
        # Chunks are one second long here: a cut loses at most the chunk that it fell into.
        assert len(kept.time_raw) <= len(before.time_raw)
        np.testing.assert_array_equal(kept.time_raw, before.time_raw[: len(kept.time_raw)])
    tails = sorted((folder / "salvage").glob("recording.xdf.tail*")) if (folder / "salvage").exists() else []
    kept_bytes = b"".join(tail.read_bytes() for tail in tails)
    assert original.endswith(kept_bytes)
    assert path.read_bytes().startswith(original[: len(original) - len(kept_bytes)])


def test_salvage_settles_manifest_trials_sound_and_journal(tmp_path: Path) -> None:
    folder = _killed(tmp_path)
    assert not passes(verify_session(folder))
    report = salvage_session(folder)
    manifest = read_manifest(folder)
    assert manifest.state == "salvaged"
    assert [(part.state, part.lsl_end) for part in manifest.parts] == [("salvaged", pytest.approx(1014.0, abs=0.01))]
    assert [trial.state for trial in manifest.trials] == ["complete", "interrupted"]
    assert sorted(path.name for path in (folder / "dictation").iterdir()) == ["1_case-1.flac", "2_case-2.flac"]
    assert soundfile.info(folder / "dictation" / "2_case-2.flac").frames == 6 * AUDIO_RATE_HZ
    assert report.recorded_s[1] == pytest.approx(14.0, abs=0.01)
    journal = [entry["text"] for entry in read_journal(folder / "journal.jsonl")]
    assert journal == [f"salvage: {action}" for action in report.actions]
    assert "salvage: trial 2: it was running and is now interrupted" in journal


def test_a_second_run_does_nothing(tmp_path: Path) -> None:
    folder = _killed(tmp_path)
    salvage_session(folder)
    before = _snapshot(folder)
    again = salvage_session(folder)
    assert (again.actions, again.problems) == ([], [])
    assert _snapshot(folder) == before


def test_a_whole_session_is_left_alone(tmp_path: Path) -> None:
    folder = make_session(tmp_path / "s").folder
    before = _snapshot(folder)
    assert salvage_session(folder).actions == []
    assert _snapshot(folder) == before
    assert not (folder / "salvage").exists()


def test_what_was_salvaged_is_processed_like_any_session(tmp_path: Path) -> None:
    folder = _killed(tmp_path, audio=False)
    salvage_session(folder)
    result = process_session(folder)
    assert result.fixations > 20
    assert verify_session(folder) == []


def test_a_header_that_lags_behind_its_sound_is_put_right_and_kept(tmp_path: Path) -> None:
    folder = _killed(tmp_path)
    wav = folder / "dictation" / "2_case-2.wav"
    data = bytearray(wav.read_bytes())
    expected = soundfile.read(wav, dtype="int16")[0]
    struct.pack_into("<I", data, 4, 36 + 1000)
    struct.pack_into("<I", data, 40, 1000)
    wav.write_bytes(bytes(data) + b"\x01")  # and half a frame at the end
    report = salvage_session(folder)
    assert "sound 2_case-2: its header was put right" in report.actions
    np.testing.assert_array_equal(soundfile.read(folder / "dictation" / "2_case-2.flac", dtype="int16")[0], expected)
    assert (folder / "salvage" / "2_case-2.wav.header").read_bytes() == bytes(data[:44])


def test_a_header_never_written_is_made_from_the_sound_clocks_rate(tmp_path: Path) -> None:
    folder = _killed(tmp_path)
    wav = folder / "dictation" / "1_case-1.wav"
    data = wav.read_bytes()
    wav.write_bytes(bytes(44) + data[44:])
    salvage_session(folder)
    info = soundfile.info(folder / "dictation" / "1_case-1.flac")
    assert (info.samplerate, info.frames) == (AUDIO_RATE_HZ, 6 * AUDIO_RATE_HZ)


def test_leftovers_of_packing_are_sorted_out(tmp_path: Path) -> None:
    folder = _killed(tmp_path)
    (folder / "dictation" / "1_case-1.flac.new").write_bytes(b"fLaC half")
    (folder / "dictation" / "9_gone.flac.new").write_bytes(b"fLaC lonely")
    salvage_session(folder)
    assert sorted(path.name for path in (folder / "dictation").iterdir()) == ["1_case-1.flac", "2_case-2.flac"]
    assert (folder / "salvage" / "9_gone.flac.new").read_bytes() == b"fLaC lonely"


def test_a_sound_file_that_holds_nothing_yet_is_put_aside(tmp_path: Path) -> None:
    folder = _killed(tmp_path)
    (folder / "dictation" / "3_case-3.wav").write_bytes(b"RIFF")
    report = salvage_session(folder)
    assert "sound 3_case-3: it held no sound yet and was put aside" in report.actions
    assert (folder / "salvage" / "3_case-3.wav").exists()


def test_the_last_second_of_sound_may_be_missing_after_a_kill_and_no_more(tmp_path: Path) -> None:
    folder = _killed(tmp_path)
    wav = folder / "dictation" / "2_case-2.wav"
    wav.write_bytes(wav.read_bytes()[: 44 + int(5.3 * AUDIO_RATE_HZ) * 2])
    salvage_session(folder)
    problems = verify_session(folder)
    assert passes(problems)
    assert "0.60 s are missing at its end" in [problem.message for problem in problems]


def test_a_newer_manifest_that_was_not_moved_yet_counts_and_the_old_one_is_kept(tmp_path: Path) -> None:
    folder = _killed(tmp_path, audio=False)
    manifest = read_manifest(folder)
    old = (folder / "session.json").read_bytes()
    write_manifest(folder, manifest.model_copy(update={"eye_reason": "newer"}))
    (folder / "session.json").rename(folder / "session.json.new")
    (folder / "session.json").write_bytes(old)
    salvage_session(folder)
    assert read_manifest(folder).eye_reason == "newer"
    assert (folder / "salvage" / "session.json").read_bytes() == old


def test_a_manifest_left_only_as_staging_file_is_put_in_place(tmp_path: Path) -> None:
    folder = _killed(tmp_path, audio=False)
    (folder / "session.json").rename(folder / "session.json.new")
    salvage_session(folder)
    assert read_manifest(folder).state == "salvaged"
    assert passes(verify_session(folder))


def test_half_written_staging_files_are_put_aside(tmp_path: Path) -> None:
    folder = _killed(tmp_path, audio=False)
    (folder / "session.json.new").write_text('{"schema": 1, "sess', encoding="utf-8")
    (folder / "calibration" / "003.json.new").write_text('{"schema"', encoding="utf-8")
    (folder / "derived" / "gaze.parquet.new").write_bytes(b"PAR1")
    salvage_session(folder)
    assert sorted(path.name for path in (folder / "salvage").iterdir()) == ["003.json.new", "session.json.new"]
    assert passes(verify_session(folder))


def test_a_whole_calibration_record_that_was_not_moved_yet_is_put_in_place(tmp_path: Path) -> None:
    folder = _killed(tmp_path, audio=False)
    (folder / "calibration" / "002.json").rename(folder / "calibration" / "002.json.new")
    salvage_session(folder)
    assert (folder / "calibration" / "002.json").exists()
    assert passes(verify_session(folder))


@pytest.mark.parametrize("content", [None, b"", b"XD"])
def test_a_part_that_was_never_begun_leaves_the_manifest(tmp_path: Path, content: bytes | None) -> None:
    folder = _killed(tmp_path, audio=False)
    manifest = read_manifest(folder)
    second = manifest.parts[0].model_copy(update={"number": 2, "file": "recording_2.xdf"})
    write_manifest(folder, manifest.model_copy(update={"parts": [*manifest.parts, second]}))
    if content is not None:
        (folder / "recording_2.xdf").write_bytes(content)
    salvage_session(folder)
    assert [part.number for part in read_manifest(folder).parts] == [1]
    assert passes(verify_session(folder))


def test_damage_in_the_middle_is_reported_and_left_alone(tmp_path: Path) -> None:
    folder = _killed(tmp_path, audio=False, seconds=14.0)
    path = folder / "recording.xdf"
    data = bytearray(path.read_bytes())
    data[len(data) // 3 : len(data) // 3 + 200] = bytes(200)
    path.write_bytes(bytes(data))
    report = salvage_session(folder)
    assert len(report.problems) == 1
    assert "damaged in the middle" in report.problems[0]
    assert path.read_bytes() == bytes(data)


def test_a_session_that_is_still_recorded_is_refused_untouched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(salvage, "STILL_WRITTEN_S", 1.0)
    folder = _killed(tmp_path, audio=False)
    path = folder / "recording.xdf"
    stop = threading.Event()

    def grow() -> None:
        while not stop.wait(0.05):
            with path.open("ab") as file:
                file.write(b"\0")

    writer = threading.Thread(target=grow)
    writer.start()
    try:
        time.sleep(0.1)
        with pytest.raises(SessionError, match="still being recorded"):
            salvage_session(folder)
    finally:
        stop.set()
        writer.join()
    assert read_manifest(folder).state == "open"


def test_no_session_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(SessionError, match="no session here"):
        salvage_session(tmp_path)
