"""A live session against a stand-in recorder: manifest, trials, parts, privacy and faults, without any waiting."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ctgaze_app.acquisition.dialects import EyeChannels, GazeLayout
from ctgaze_app.acquisition.inlet import GazeStreamInfo
from ctgaze_app.acquisition.recorder_config import RecorderConfig
from ctgaze_app.acquisition.streams import MarkerOutlet, ViewOutlet, parse_marker
from ctgaze_app.errors import SessionError
from ctgaze_app.study import live
from ctgaze_app.study.journal import read_journal
from ctgaze_app.study.live import LiveSession, SessionState
from ctgaze_app.study.session import LatencyRecord, ScreenRecord, create_session_folder, read_manifest
from ctgaze_app.study.session_settings import SessionSettings
from tests.factories.volumes import make_volume


class StandInRecorder:
    """Says what the test tells it to say; remembers what it was asked."""

    started: list[RecorderConfig]
    said: list[dict[str, Any]]
    stopped: list[float | None]

    def __init__(self) -> None:
        self.killed = False

    def start(self, config: RecorderConfig) -> None:
        StandInRecorder.started.append(config)

    def poll(self) -> list[dict[str, Any]]:
        messages, StandInRecorder.said = StandInRecorder.said, []
        return messages

    def stop(self, until_lsl: float | None = None) -> None:
        StandInRecorder.stopped.append(until_lsl)

    def kill(self) -> None:
        self.killed = True


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LiveSession]:
    """An opened session whose recorder is a stand-in and whose markers are kept in `sent`."""
    StandInRecorder.started, StandInRecorder.said, StandInRecorder.stopped = [], [], []
    monkeypatch.setattr(live, "RecorderProcess", StandInRecorder)
    folder = tmp_path / "session"
    create_session_folder(folder)
    markers, views = MarkerOutlet(), ViewOutlet()
    opened = LiveSession(
        SessionSettings(
            folder=folder,
            reader="r01",
            seed=1,
            screen=ScreenRecord(
                index=0,
                width_px=1920,
                height_px=1080,
                width_mm=528,
                height_mm=297,
                distance_mm=650,
                size_source="entered",
                device_pixel_ratio=1,
                refresh_hz=60,
            ),
            tracker=GazeStreamInfo("Tobii", "Gaze", "tobii-1", "host", "uid", 600.0, 4, "<info/>", None),
            layout=GazeLayout(dialect="x", eyes={"left": EyeChannels(x=0, y=1)}, unit="normalized"),
            tracker_latency=LatencyRecord(latency_s=0, uncertainty_s=0, source="test"),
            simulated=False,
            audio=None,
        ),
        markers,
        views,
    )
    opened.open()
    yield opened
    if opened.state not in {SessionState.CLOSED, SessionState.FAILED}:
        opened.close()
        _say(opened, state="closed")
    markers.close()
    views.close()


def _say(session: LiveSession, **message: Any) -> None:
    StandInRecorder.said.append(message)
    session.poll()


def test_it_is_ready_when_the_recorder_has_every_stream_and_marks_that_moment(session: LiveSession) -> None:
    assert session.state is SessionState.OPENING
    assert StandInRecorder.started[0].streams[0].source_id == "tobii-1"
    before = session.markers.markers_pushed
    _say(session, state="ready")
    assert session.state is SessionState.READY
    assert session.markers.markers_pushed == before + 1
    assert session.ready_lsl > 0


def test_display_latency_is_one_and_a_half_refreshes_when_nobody_measured_it(session: LiveSession) -> None:
    assert session.manifest.display.latency_s == pytest.approx(0.025)
    assert session.manifest.display.uncertainty_s == pytest.approx(1 / 60)


def test_trials_are_numbered_from_one_and_never_reused(session: LiveSession) -> None:
    _say(session, state="ready")
    assert session.start_trial("case-1", [0], calibration=1, validation=2).number == 1
    with pytest.raises(SessionError, match="running already"):
        session.start_trial("case-1", [0])
    session.end_trial("interrupted")
    assert session.start_trial("case-1", [0], "repeat").number == 2
    trials = read_manifest(session.settings.folder).trials
    assert [(trial.number, trial.state, trial.validation) for trial in trials] == [
        (1, "interrupted", 2),
        (2, "running", None),
    ]


def test_paths_and_uids_of_a_series_go_to_private_only(session: LiveSession) -> None:
    volume = make_volume()
    assert session.add_series(volume) == 0
    folder = session.settings.folder
    private = json.loads((folder / "private" / "series.json").read_text(encoding="utf-8"))
    assert private["series"][0]["path"] == volume.source.path
    manifest = (folder / "session.json").read_text(encoding="utf-8")
    assert volume.digest in manifest
    for secret in (volume.source.path, volume.source.series_uid, *volume.source.sop_instance_uids):
        assert not secret or secret not in manifest


def test_a_dead_recorder_is_restarted_into_the_next_part_with_the_running_trial(session: LiveSession) -> None:
    faults: list[tuple[str, str]] = []
    session.fault.connect(lambda kind, text: faults.append((kind, text)))
    _say(session, state="ready")
    session.start_trial("case-1", [0])
    _say(session, state="died", returncode=-9)
    assert [config.xdf_path.name for config in StandInRecorder.started] == ["recording.xdf", "recording_2.xdf"]
    running = StandInRecorder.started[1].running_trial
    assert running is not None and (running.trial, running.stem) == (1, "1_case-1")
    assert [part.state for part in read_manifest(session.settings.folder).parts] == ["interrupted", "recording"]
    assert session.state is SessionState.READY
    assert faults and faults[0][0] == "recorder"
    assert any(line["level"] == "fault" for line in read_journal(session.settings.folder / "journal.jsonl"))


def test_a_recorder_that_never_gets_ready_fails_the_session_instead_of_retrying_for_ever(session: LiveSession) -> None:
    _say(session, state="died", returncode=1)
    assert session.state is SessionState.FAILED
    assert len(StandInRecorder.started) == 1


def test_a_recorder_that_does_not_find_its_stream_fails_the_session_with_its_name(
    session: LiveSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults: list[str] = []
    session.fault.connect(lambda _kind, text: faults.append(text))
    _say(session, state="waiting", missing=["Test Gaze"])
    assert session.state is SessionState.OPENING
    monkeypatch.setattr("ctgaze_app.study.live.OPENING_LIMIT_S", 0.0)
    session.poll()
    assert session.state is SessionState.FAILED
    assert faults == ["the recorder does not receive Test Gaze; nothing is being recorded"]


def test_closing_ends_the_trial_marks_the_end_and_waits_for_the_recorder(session: LiveSession) -> None:
    _say(session, state="ready")
    session.start_trial("case-1", [0])
    session.close()
    assert session.state is SessionState.CLOSING
    assert StandInRecorder.stopped == [session.stop_lsl]
    _say(session, state="closed", last_lsl=session.stop_lsl)
    manifest = read_manifest(session.settings.folder)
    assert session.state is SessionState.CLOSED
    assert (manifest.state, manifest.parts[0].state, manifest.trials[0].state) == (
        "complete",
        "complete",
        "interrupted",
    )


def test_every_calibration_gets_a_number_and_stays_also_when_rejected(session: LiveSession) -> None:
    assert [session.store_calibration({"kind": "refit", "accepted": taken}) for taken in (False, True)] == [1, 2]
    stored = sorted(path.name for path in (session.settings.folder / "calibration").iterdir())
    assert stored == ["001.json", "002.json"]


def test_a_fault_of_the_recorder_becomes_a_marker_that_other_programs_can_read(session: LiveSession) -> None:
    sent: list[str] = []
    push = session.markers._push  # the stand-in keeps what would leave on the stream
    session.markers._push = lambda values, time_lsl: (sent.append(values[0]), push(values, time_lsl))[1]  # type: ignore[method-assign, func-returns-value]
    _say(session, state="fault", kind="stalled", message="no gaze for 1 s", over=False)
    fields = parse_marker(sent[-1])
    assert fields is not None
    assert (fields["event"], fields["kind"], fields["over"]) == ("fault", "stalled", False)


def test_a_full_disk_is_told_and_the_manifest_written_when_there_is_room_again(
    session: LiveSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults: list[tuple[str, str]] = []
    session.fault.connect(lambda kind, text: faults.append((kind, text)))
    _say(session, state="ready")
    write = live.write_manifest
    full = OSError(28, "No space left on device")
    monkeypatch.setattr(live, "write_manifest", lambda folder, manifest: (_ for _ in ()).throw(full))
    session.start_trial("case-1", [0])
    assert faults == [("disk", "session.json cannot be written: No space left on device")]
    monkeypatch.setattr(live, "write_manifest", write)
    session.end_trial()
    assert [trial.state for trial in read_manifest(session.settings.folder).trials] == ["complete"]
