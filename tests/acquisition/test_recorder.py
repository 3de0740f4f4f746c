"""The recorder process with real LSL between processes, real files, real kills."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import pyxdf
import soundfile

from ctgaze_app.acquisition.audio_anchors import audio_anchors, frame_to_lsl
from ctgaze_app.acquisition.clock import local_clock, lsl
from ctgaze_app.acquisition.microphone import AudioSource
from ctgaze_app.acquisition.recorder import RecorderConfig, RecorderProcess, RunningTrial, StreamChoice
from ctgaze_app.acquisition.streams import MarkerOutlet, parse_marker
from ctgaze_app.acquisition.xdf import close_truncated, read_xdf
from tests.factories.lsl_senders import gaze_sender

Message = dict[str, Any]
RATE = 16_000


class Recording:
    """A recorder with its folder and everything that it has said."""

    def __init__(self, folder: Path, **options: Any) -> None:
        (folder / "dictation").mkdir(exist_ok=True)
        self.folder = folder
        self.said: list[Message] = []
        self.process = RecorderProcess()
        self.process.start(
            RecorderConfig(
                **{"xdf_path": folder / "recording.xdf", "dictation_folder": folder / "dictation", **options}
            )
        )

    def until(self, wanted: Callable[[Message], bool], timeout_s: float = 15.0) -> Message:
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            for message in self.process.poll():
                self.said.append(message)
                if wanted(message):
                    return message
            time.sleep(0.01)
        raise AssertionError(f"not said within {timeout_s} s; last: {self.said[-3:]} {list(self.process.last_errors)}")

    def until_state(self, state: str, timeout_s: float = 15.0) -> Message:
        return self.until(lambda message: message["state"] == state, timeout_s)

    def run(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.said += self.process.poll()
            time.sleep(0.01)

    def stop(self, until_lsl: float | None = None) -> Message:
        self.process.stop(until_lsl)
        closed = self.until_state("closed")
        assert self.process.wait(10.0)
        assert self.process.poll() == []
        return closed


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Callable[..., Recording]]:
    started: list[Recording] = []

    def start(**options: Any) -> Recording:
        started.append(Recording(options.pop("folder", tmp_path), **options))
        return started[-1]

    yield start
    for recording in started:
        recording.process.kill()


@pytest.fixture
def markers() -> Iterator[MarkerOutlet]:
    outlet = MarkerOutlet()
    yield outlet
    outlet.close()


@pytest.fixture
def ramp(tmp_path: Path) -> AudioSource:
    """Sound whose samples tell their own position: 1, 2, 3, ..."""
    path = tmp_path / "ramp.wav"
    soundfile.write(path, (np.arange(60 * RATE) % 30_000 + 1).astype(np.int16), RATE)
    return AudioSource(kind="file", name=str(path))


def choice(name: str, kind: str, source_id: str, **options: Any) -> StreamChoice:
    return StreamChoice(name=name, type=kind, source_id=source_id, **options)


def marker_choice(markers: MarkerOutlet) -> StreamChoice:
    return choice(markers.name, "Markers", markers.source_id)


def gaze_frames(folder: Path, source_id: str) -> tuple[np.ndarray, np.ndarray]:
    (stream,) = read_xdf(folder / "recording.xdf").find(source_id=source_id)
    return stream.numbers[:, -1], stream.time_raw


def test_two_kilohertz_and_sound_are_recorded_without_losing_a_sample(record, markers, ramp, tmp_path, caplog) -> None:
    with gaze_sender("whole") as _:
        recording = record(streams=[choice("Test Gaze", "Gaze", "whole"), marker_choice(markers)], audio=ramp)
        recording.until_state("ready")
        start = markers.push("session_start")
        trial_start = markers.push("trial_start", trial=4, dictation="4_c01")
        audio = recording.until_state("audio_started")
        recording.run(2.5)
        trial_end = markers.push("trial_end", trial=4)
        recording.run(0.3)
        end = markers.push("session_end")
        closed = recording.stop(end)

    frames, stamps = gaze_frames(tmp_path, "whole")
    inside = frames[(stamps >= start) & (stamps <= end)]
    assert np.array_equal(inside, np.arange(inside[0], inside[-1] + 1))
    assert len(inside) == pytest.approx((end - start) * 2000, abs=2)
    assert closed["streams"][0]["lost_frames"] == 0
    assert closed["streams"][0]["samples"] == len(frames)
    assert np.array_equal(frames, np.arange(frames[0], frames[0] + len(frames)))

    result = read_xdf(tmp_path / "recording.xdf")
    assert result.complete
    texts = result.find(name="CTGaze Markers")[0].texts
    events = [(parse_marker(text) or {}).get("event") for text in texts]
    assert events == ["session_start", "trial_start", "trial_end", "session_end"]
    assert all(abs(stream.time_lsl - stream.time_raw).max() < 1e-3 for stream in result.streams)

    assert [path.name for path in (tmp_path / "dictation").iterdir()] == ["4_c01.flac"]
    sound, rate = soundfile.read(tmp_path / "dictation" / "4_c01.flac", dtype="int16")
    assert rate == RATE
    assert np.array_equal(np.diff(sound.astype(int)) % 30_000, np.ones(len(sound) - 1))
    anchors = audio_anchors(result, 4)
    assert anchors.rate_hz == RATE
    assert len(anchors.frames) == pytest.approx(10 * len(sound) / RATE, abs=3)
    first, last = frame_to_lsl(anchors, np.array([0.0, len(sound)]))
    assert first == pytest.approx(audio["first_frame_lsl"], abs=1e-3)
    assert trial_start - 0.06 < first <= trial_start
    assert trial_end <= last < trial_end + 0.06

    with caplog.at_level(logging.WARNING):
        streams, _ = pyxdf.load_xdf(tmp_path / "recording.xdf")
        pyxdf.load_xdf(tmp_path / "recording.xdf", synchronize_clocks=False, dejitter_timestamps=False)
    assert [entry.getMessage() for entry in caplog.records] == []
    assert {stream["info"]["name"][0] for stream in streams} == {"Test Gaze", "CTGaze Markers", "CTGaze Audio"}


def test_a_kill_costs_at_most_the_last_second_of_gaze_and_sound(record, markers, ramp, tmp_path, caplog) -> None:
    with gaze_sender("killed") as _:
        recording = record(streams=[choice("Test Gaze", "Gaze", "killed"), marker_choice(markers)], audio=ramp)
        recording.until_state("ready")
        markers.push("trial_start", trial=1, dictation="1_c01")
        first_frame_lsl = recording.until_state("audio_started")["first_frame_lsl"]
        recording.run(2.2)
        killed_at = local_clock()
        recording.process._process.kill()
        died = recording.until_state("died")
    assert died["returncode"] != 0
    assert not read_xdf(tmp_path / "recording.xdf").complete
    close_truncated(tmp_path / "recording.xdf")
    frames, stamps = gaze_frames(tmp_path, "killed")
    assert killed_at - stamps[-1] < 1.0
    assert np.array_equal(frames, np.arange(frames[0], frames[0] + len(frames)))
    sound, _ = soundfile.read(tmp_path / "dictation" / "1_c01.wav", dtype="int16")
    assert killed_at - (first_frame_lsl + len(sound) / RATE) < 1.0
    assert np.array_equal(np.diff(sound.astype(int)) % 30_000, np.ones(len(sound) - 1))
    with caplog.at_level(logging.WARNING):
        pyxdf.load_xdf(tmp_path / "recording.xdf")
    assert [entry.getMessage() for entry in caplog.records] == []


def test_when_the_application_is_gone_the_recording_is_closed(record, markers, ramp, tmp_path) -> None:
    recording = record(streams=[marker_choice(markers)], audio=ramp)
    recording.until_state("ready")
    markers.push("trial_start", trial=1, dictation="1_c01")
    recording.until_state("audio_started")
    recording.process._process.stdin.close()
    recording.until_state("closed")
    assert read_xdf(tmp_path / "recording.xdf").complete
    assert [path.name for path in (tmp_path / "dictation").iterdir()] == ["1_c01.flac"]


def test_two_streams_of_one_name_are_refused_unless_the_source_is_named(record, tmp_path) -> None:
    with gaze_sender("twin-a", rate_hz=60.0, chunk=1) as _, gaze_sender("twin-b", rate_hz=60.0, chunk=1) as _:
        refused = record(streams=[choice("Test Gaze", "Gaze", "")])
        message = refused.until_state("failed")["message"]
        assert "twin-a" in message and "twin-b" in message and "choose one" in message
        assert refused.until_state("died")["returncode"] == 1
        (tmp_path / "named").mkdir()
        named = record(streams=[choice("Test Gaze", "Gaze", "twin-b")], folder=tmp_path / "named")
        named.until_state("ready")
        named.stop()
    assert [stream.source_id for stream in read_xdf(tmp_path / "named" / "recording.xdf").streams] == ["twin-b"]


def test_a_missing_stream_is_waited_for_and_an_optional_one_joins_late(record, markers, tmp_path) -> None:
    late = choice("Test Gaze", "Gaze", "late", required=False)
    recording = record(streams=[marker_choice(markers), late, choice("Nobody", "Gaze", "nobody")])
    recording.until(lambda message: message.get("missing") == ["Nobody"])
    assert not recording.process.ready
    recording.process.kill()
    (tmp_path / "second").mkdir()
    recording = record(streams=[marker_choice(markers), late], folder=tmp_path / "second")
    recording.until_state("ready")
    with gaze_sender("late", rate_hz=60.0, chunk=1) as _:
        recording.until(lambda message: message["state"] == "status" and message["streams"][1]["samples"] > 0)
        recording.stop()
    frames, _ = gaze_frames(tmp_path / "second", "late")
    assert len(frames) > 0


def test_a_sender_that_dies_is_a_fault_within_a_second_and_is_recorded_again_when_it_is_back(record, tmp_path) -> None:
    recording: Recording
    with gaze_sender("phoenix", rate_hz=500.0) as sender:
        recording = record(streams=[choice("Test Gaze", "Gaze", "phoenix")])
        recording.until_state("ready")
        recording.run(0.5)
        sender.kill()
        sender.wait(5.0)
        died_at = local_clock()
        fault = recording.until(lambda message: message["state"] == "fault")
        assert (fault["kind"], fault["over"]) == ("stream_stalled", False)
        assert fault["message"] == "Test Gaze delivers nothing"
        assert fault["time_lsl"] - died_at < 1.0
    with gaze_sender("phoenix", rate_hz=500.0) as _:
        back = recording.until(lambda message: message["state"] == "fault", 20.0)
        assert (back["kind"], back["over"]) == ("stream_back", True)
        recording.run(0.5)
        recording.stop()
    frames, stamps = gaze_frames(tmp_path, "phoenix")
    (step,) = np.flatnonzero(np.diff(frames) != 1)
    assert step > 200 and len(frames) - step > 200
    assert stamps[step + 1] - stamps[step] > 0.8
    assert len(read_xdf(tmp_path / "recording.xdf").streams) == 1


def test_a_recording_that_exists_or_a_folder_that_is_missing_is_one_clear_line(record, markers, tmp_path) -> None:
    (tmp_path / "recording.xdf").write_bytes(b"precious")
    recording = record(streams=[marker_choice(markers)])
    assert "exists already" in recording.until_state("failed")["message"]
    assert (tmp_path / "recording.xdf").read_bytes() == b"precious"
    recording = record(streams=[marker_choice(markers)], xdf_path=tmp_path / "absent" / "recording.xdf")
    assert "cannot be created" in recording.until_state("failed")["message"]
    assert [message["state"] for message in recording.said if message["state"] == "fault"] == ["fault"]


@pytest.mark.skipif(sys.platform != "linux", reason="a file size limit stands in for a full disk: Linux only")
def test_a_full_disk_is_a_fault_and_loses_nothing_once_it_has_room(record, markers, ramp, tmp_path) -> None:
    with gaze_sender("full", rate_hz=500.0) as _:
        recording = record(streams=[choice("Test Gaze", "Gaze", "full"), marker_choice(markers)], audio=ramp)
        recording.until_state("ready")
        markers.push("trial_start", trial=1, dictation="1_c01")
        recording.until_state("audio_started")
        recording.run(0.5)
        process = psutil.Process(recording.process.pid)
        _, hard = process.rlimit(psutil.RLIMIT_FSIZE)
        process.rlimit(psutil.RLIMIT_FSIZE, (1000, hard))
        full_at = local_clock()
        fault = recording.until(lambda message: message.get("kind") == "write_error")
        assert not fault["over"] and fault["time_lsl"] - full_at < 1.0
        recording.run(1.2)
        assert any(message.get("kind") == "audio_write_error" for message in recording.said)
        process.rlimit(psutil.RLIMIT_FSIZE, (hard, hard))
        recording.until(lambda message: message.get("kind") == "write_error" and message["over"])
        recording.run(0.7)
        recording.stop()
    frames, _ = gaze_frames(tmp_path, "full")
    assert np.array_equal(frames, np.arange(frames[0], frames[0] + len(frames)))
    assert read_xdf(tmp_path / "recording.xdf").complete
    sound, _ = soundfile.read(tmp_path / "dictation" / "1_c01.flac", dtype="int16")
    assert len(sound) > 2.0 * RATE
    assert np.array_equal(np.diff(sound.astype(int)) % 30_000, np.ones(len(sound) - 1))


def test_a_second_part_takes_up_the_running_trial_in_a_file_of_its_own(record, markers, ramp, tmp_path) -> None:
    (tmp_path / "dictation").mkdir()
    (tmp_path / "dictation" / "1_c01.wav").write_bytes(b"first part")
    recording = record(
        streams=[marker_choice(markers)],
        audio=ramp,
        part=2,
        xdf_path=tmp_path / "recording_2.xdf",
        running_trial=RunningTrial(trial=1, stem="1_c01"),
    )
    assert recording.until_state("audio_started")["stem"] == "1_c01_part2"
    recording.run(0.3)
    closed = recording.stop()
    assert [entry["stem"] for entry in closed["audio_files"]] == ["1_c01_part2"]
    assert (tmp_path / "dictation" / "1_c01.wav").read_bytes() == b"first part"


def test_text_of_another_program_that_is_no_utf8_does_not_end_the_recording(record, tmp_path) -> None:
    outlet = lsl().StreamOutlet(lsl().StreamInfo("Foreign", "Markers", 1, 0, "string", "foreign"))
    recording = record(streams=[choice("Foreign", "Markers", "foreign")])
    recording.until_state("ready")
    outlet.push_sample([b"gr\xfc\xdfe"], 1.0)
    outlet.push_sample(["grüße"], 2.0)
    recording.until(lambda message: message["state"] == "status" and message["streams"][0]["samples"] == 2)
    recording.stop()
    (stream,) = read_xdf(tmp_path / "recording.xdf").streams
    assert stream.texts == ["gr\ufffd\ufffde", "grüße"]


def test_a_trial_name_that_leaves_the_folder_records_nothing_and_says_so(record, markers, ramp, tmp_path) -> None:
    recording = record(streams=[marker_choice(markers)], audio=ramp)
    recording.until_state("ready")
    markers.push("trial_start", trial=1, dictation="../../evil")
    fault = recording.until(lambda message: message["state"] == "fault")
    assert fault["kind"] == "audio_name"
    assert recording.stop()["audio_files"] == []
    assert not list(tmp_path.parent.glob("evil*"))


def test_a_missing_microphone_is_a_fault_and_only_holds_up_a_session_that_needs_it(record, markers, tmp_path) -> None:
    missing = AudioSource(kind="file", name=str(tmp_path / "absent.wav"))
    recording = record(streams=[marker_choice(markers)], audio=missing)
    recording.until_state("ready")
    assert any(message.get("kind") == "microphone_lost" for message in recording.said)
    recording.stop()
    recording = record(
        streams=[marker_choice(markers)], audio=missing, audio_required=True, xdf_path=tmp_path / "needed.xdf"
    )
    recording.until(lambda message: message.get("missing") == ["sound"])
    assert not recording.process.ready
