"""A recorded file is streamed with its own values and intervals; a bad file is refused with its line."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ctgaze_app.acquisition.trackers.options import ReplayOptions
from ctgaze_app.acquisition.trackers.recorded_gaze import read_recorded_gaze
from ctgaze_app.acquisition.trackers.replay import ReplaySchedule, run_replay
from ctgaze_app.errors import StreamError
from tests.acquisition.trackers.collecting import Collector, until

HEADER = "timestamp\tleft_x\tleft_y\ttarget_id"


def written(folder: Path, *rows: str, header: str = HEADER) -> Path:
    path = folder / "gaze.tsv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def test_a_file_is_read_with_its_gaps_and_missing_gaze(tmp_path: Path) -> None:
    recording = read_recorded_gaze(
        written(tmp_path, "1000.5\t-1\t2\t1", "1002.5\tnan\tnan\t1", "1004.5\t\t\t1", "1014.5\t3\t4\t1")
    )
    assert recording.time_s.tolist() == pytest.approx([0, 0.002, 0.004, 0.014])
    assert list(recording.centred_px) == ["left"]
    assert np.array_equal(recording.centred_px["left"], [[-1, 2], [np.nan] * 2, [np.nan] * 2, [3, 4]], equal_nan=True)
    assert recording.rate_hz == 500.0 and recording.interval_s == pytest.approx(0.002)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["1\t2\t3\t4", "2\tx\t3\t4"], "gaze.tsv, line 3: 'x' is no number"),
        (["1\t2\t3\t4", "1\t2\t3\t4"], "gaze.tsv, line 3: time does not go forward"),
        (["1\t2\t3\t4", "2\t2"], "gaze.tsv, line 3: 2 columns"),
        (["nan\t2\t3\t4", "2\t2\t2\t2"], "gaze.tsv, line 2: the time stamp is missing"),
        (["1\t2\t3\t4"], "fewer than two samples"),
    ],
)
def test_a_bad_file_is_refused_with_its_line(tmp_path: Path, rows: list[str], message: str) -> None:
    with pytest.raises(StreamError) as caught:
        read_recorded_gaze(written(tmp_path, *rows))
    assert message in str(caught.value) and "\n" not in str(caught.value) and caught.value.remedy


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StreamError, match="line 1 does not name"):
        read_recorded_gaze(written(tmp_path, "1\t2", header="a\tb"))
    with pytest.raises(StreamError, match="cannot be read"):
        read_recorded_gaze(tmp_path / "absent.tsv")
    binary = tmp_path / "binary.tsv"
    binary.write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(StreamError, match="no text file"):
        read_recorded_gaze(binary)


def test_a_loop_goes_on_one_interval_after_the_end(tmp_path: Path) -> None:
    recording = read_recorded_gaze(written(tmp_path, "0\t1\t1\t1", "2\t1\t1\t1", "4\t1\t1\t1"))
    looping = ReplaySchedule(recording, loop=True)
    given = np.concatenate([looping.due(elapsed) for elapsed in np.arange(0, 0.0301, 0.0007)])
    assert np.array_equal(given, np.arange(len(given))) and len(given) == 15
    assert np.diff(looping.times_s(given)) == pytest.approx(0.002)
    once = ReplaySchedule(recording, loop=False)
    assert once.due(0.0021).tolist() == [0, 1] and not once.finished
    assert once.due(5.0).tolist() == [2] and once.finished
    assert once.due(9.0).tolist() == []


@pytest.mark.parametrize(
    ("name", "rate", "eyes"),
    [
        ("Tobii_Spectrum_1200Hz", 1200, ["left", "right"]),
        ("Tobii_Spectrum_120Hz", 120, ["left", "right"]),
        ("Tobii_Spectrum_600Hz", 600, ["left", "right"]),
        ("EyeLink_1000+_binocular_1000Hz", 1000, ["left", "right"]),
        ("EyeLink_1000+_left_1000Hz", 1000, ["left"]),
        ("EyeLink_1000+_right_1000Hz", 1000, ["right"]),
        ("SMI_RED500_500Hz", 500, ["left", "right"]),
    ],
)
def test_real_recordings_have_their_rate_and_eyes(shared_data: Path, name: str, rate: int, eyes: list[str]) -> None:
    recording = read_recorded_gaze(shared_data / "gaze" / "etdqualitizer" / f"{name}.tsv")
    assert recording.rate_hz == pytest.approx(rate, rel=0.01)
    assert list(recording.centred_px) == eyes


def test_a_real_recording_arrives_with_its_values_and_intervals(shared_data: Path) -> None:
    path = shared_data / "gaze" / "etdqualitizer" / "Tobii_Spectrum_1200Hz.tsv"
    states: list[dict[str, Any]] = []
    thread = threading.Thread(target=run_replay, args=(ReplayOptions(path=path, number=91, seconds=3.0), states.append))
    thread.start()
    until(lambda: states)
    collector = Collector(states[0]["source_id"])
    collector.until_stream_ends()
    thread.join()
    assert collector.stream.rate_hz == 1200
    recording = read_recorded_gaze(path)
    frame = collector.values[:, -1].astype(int)
    assert len(frame) > 1500 and np.array_equal(frame, np.arange(frame[0], frame[-1] + 1))
    assert states[-1] == {"state": "closed", "frames": frame[-1] + 1}
    assert np.allclose(np.diff(collector.stamps), np.diff(recording.time_s[frame]), atol=1e-9)
    for column, eye in ((0, "left"), (4, "right")):
        expected = (recording.centred_px[eye][frame] + (960, 540)) / (1920, 1080)
        assert np.array_equal(collector.values[:, column : column + 2], expected, equal_nan=True)
        assert np.array_equal(collector.values[:, column + 2], np.isfinite(expected).all(axis=1))
