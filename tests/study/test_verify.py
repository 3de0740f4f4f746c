"""Verification finds each fault that is planted, and nothing in a whole session."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ctgaze_app.acquisition.xdf import XdfWriter, read_xdf
from ctgaze_app.errors import SessionError
from ctgaze_app.study.processing import process_session
from ctgaze_app.study.raw_session import markers_of
from ctgaze_app.study.session import read_manifest, write_manifest
from ctgaze_app.study.verify import passes, verify_session
from tests.factories.sessions import GAZE_STREAM, make_session


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    """A closed, processed session with sound."""
    folder = make_session(tmp_path / "s", trials=2).folder
    process_session(folder)
    return folder


def test_a_whole_processed_session_has_no_finding(whole: Path) -> None:
    assert verify_session(whole) == []


def _rewrite(
    folder: Path,
    keep: Callable[[str, np.ndarray], np.ndarray],
    drop: str = "",
    marker: Callable[[str], str] = lambda text: text,
) -> None:
    """Write the recording anew with the rows that `keep` (stream name, stamps) gives, each marker as `marker` gives it;
    without the stream `drop`."""
    path = folder / "recording.xdf"
    recording = read_xdf(path)
    path.unlink()
    with XdfWriter(path) as writer:
        for stream in recording.streams:
            if stream.name == drop:
                continue
            number = writer.add_stream(stream.info_xml)
            rows = keep(stream.name, stream.time_raw)
            values = stream.values
            picked = values[rows] if isinstance(values, np.ndarray) else [marker(values[row]) for row in rows]
            writer.write_samples(number, stream.time_raw[rows], picked)


def _all_rows(name: str, stamps: np.ndarray) -> np.ndarray:
    return np.arange(len(stamps))


def _errors(folder: Path) -> list[str]:
    return [f"{problem.where}: {problem.message}" for problem in verify_session(folder) if problem.severity == "error"]


def test_missing_gaze_samples_are_counted_by_their_frame_number(whole: Path) -> None:
    _rewrite(
        whole,
        lambda name, t: np.delete(np.arange(len(t)), [500, 501, 900]) if name == GAZE_STREAM else _all_rows(name, t),
    )
    assert _errors(whole) == ["part 1: 3 gaze samples are missing by their frame numbers"]


def test_missing_views_are_counted_by_their_paint(whole: Path) -> None:
    _rewrite(whole, lambda name, t: np.delete(np.arange(len(t)), [5]) if name == "CTGaze View" else _all_rows(name, t))
    assert _errors(whole) == ["part 1: 1 painted views are missing by their counter"]


def test_samples_recorded_twice_are_found(whole: Path) -> None:
    _rewrite(
        whole, lambda name, t: np.sort(np.append(np.arange(len(t)), 7)) if name == GAZE_STREAM else _all_rows(name, t)
    )
    assert _errors(whole) == ["part 1: 1 gaze samples were recorded twice"]


@pytest.mark.parametrize(
    ("stream", "message"),
    [
        (GAZE_STREAM, "it holds no gaze"),
        ("CTGaze View", "it holds no painted view"),
        ("CTGaze Markers", "it holds no marker"),
    ],
)
def test_a_missing_stream_is_named(whole: Path, stream: str, message: str) -> None:
    _rewrite(whole, _all_rows, drop=stream)
    assert f"part 1: {message}" in _errors(whole)


@pytest.mark.parametrize(("read_s", "severity"), [(0.5, "note"), (1.5, "error")])
def test_a_trial_stopped_at_once_needs_no_painted_view(whole: Path, read_s: float, severity: str) -> None:
    starts = [
        time for time, fields in markers_of(read_xdf(whole / "recording.xdf")) if fields["event"] == "trial_start"
    ]
    end = min(starts) + read_s
    _rewrite(whole, lambda name, stamps: np.flatnonzero(stamps < end), drop="CTGaze View")
    found = [problem.severity for problem in verify_session(whole) if "no painted view" in problem.message]
    assert found == [severity]


@pytest.mark.parametrize(
    ("state", "first_paint", "last_paint", "severity"),
    [("interrupted", 7, 7, "note"), ("interrupted", 7, 8, "error"), ("complete", 7, 7, "error")],
)
def test_a_trial_broken_off_before_its_first_paint_says_so_itself(
    tmp_path: Path, state: str, first_paint: int, last_paint: int, severity: str
) -> None:
    folder = make_session(tmp_path / "s").folder

    def told(marker: str) -> str:
        fields = json.loads(marker)
        if fields["event"] == "trial_end":
            fields["state"] = state
        paint = last_paint if fields["event"] in ("trial_end", "session_end") else first_paint
        return json.dumps({**fields, "paint": paint})

    _rewrite(folder, _all_rows, drop="CTGaze View", marker=told)
    found = [problem.severity for problem in verify_session(folder) if "no painted view" in problem.message]
    assert found == [severity]


def test_sound_that_is_gone_or_short_is_found(whole: Path) -> None:
    (whole / "dictation" / "1_case-1.flac").unlink()
    assert _errors(whole) == ["sound 1_case-1: 5.90 s are missing at its end"]
    (whole / "dictation" / "1_case-1.flac").write_bytes(b"fLaC, but no more")
    assert _errors(whole) == ["sound 1_case-1: it cannot be read"]


def test_files_and_records_that_are_gone_or_broken_are_named(whole: Path) -> None:
    (whole / "calibration" / "001.json").write_text("{}", encoding="utf-8")
    (whole / "session.json.new").write_text("{", encoding="utf-8")
    errors = _errors(whole)
    assert any(error.startswith("calibration 001: schema") for error in errors)
    assert "session.json.new: a file was not put in its place" in errors
    (whole / "recording.xdf").unlink()
    assert "part 1: its recording is missing" in _errors(whole)


def test_a_recording_that_the_manifest_does_not_know_is_an_error(whole: Path) -> None:
    (whole / "recording_2.xdf").write_bytes((whole / "recording.xdf").read_bytes())
    assert _errors(whole) == ["recording_2.xdf: the manifest does not know this recording"]


def test_a_broken_manifest_is_a_finding_with_its_field(whole: Path) -> None:
    fields = json.loads((whole / "session.json").read_text(encoding="utf-8"))
    fields["seed"] = "many"
    (whole / "session.json").write_text(json.dumps(fields), encoding="utf-8")
    assert len(_errors(whole)) == 1
    assert _errors(whole)[0].startswith("session.json: seed")


def test_tables_older_than_their_input_are_a_note(whole: Path) -> None:
    record = json.loads((whole / "calibration" / "001.json").read_text(encoding="utf-8"))
    record["pattern"] = "changed"
    (whole / "calibration" / "001.json").write_text(json.dumps(record), encoding="utf-8")
    problems = verify_session(whole)
    assert [(problem.severity, problem.message) for problem in problems] == [
        ("note", "older than the raw files it was made from")
    ]
    assert passes(problems)


def test_a_closed_trial_does_not_make_tables_stale(whole: Path) -> None:
    manifest = read_manifest(whole)
    trial = manifest.trials[0].model_copy(update={"quality": "good"})
    write_manifest(whole, manifest.model_copy(update={"trials": [trial, *manifest.trials[1:]]}))
    assert verify_session(whole) == []


def test_findings_name_no_path(whole: Path) -> None:
    (whole / "recording.xdf").write_bytes(b"text")
    assert str(whole.parent) not in json.dumps([problem.to_dict() for problem in verify_session(whole)])


def test_an_empty_folder_is_no_session(tmp_path: Path) -> None:
    with pytest.raises(SessionError, match="no session here"):
        verify_session(tmp_path)


def test_what_salvage_cannot_bring_back_is_not_sent_to_salvage(tmp_path: Path) -> None:
    make_session(tmp_path / "s", seconds=2.0)
    (tmp_path / "s" / "session.json").write_text("garbage", encoding="utf-8")
    (broken,) = verify_session(tmp_path / "s")
    assert (broken.severity, broken.remedy) == ("error", "restore it from a copy")

    make_session(tmp_path / "t", seconds=2.0)
    (tmp_path / "t" / "recording.xdf").write_bytes(b"garbage" * 100)
    assert "restore it from a copy" in [problem.remedy for problem in verify_session(tmp_path / "t")]
