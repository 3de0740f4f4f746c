"""Gaze streams are listed, never guessed, and received without waiting."""

from __future__ import annotations

import time
import uuid

import numpy as np
import pytest

from calibration.geometry import ScreenGeometry
from ctgaze_app.acquisition.clock import local_clock, lsl
from ctgaze_app.acquisition.dialects import EyeChannels, GazeLayout
from ctgaze_app.acquisition.inlet import (
    GazeInlet,
    GazeStreamInfo,
    choose_gaze_stream,
    join_samples,
    list_gaze_streams,
)
from ctgaze_app.acquisition.trackers.options import TrackerOptions
from ctgaze_app.acquisition.trackers.outlet import EyeFrames, GazeOutlet
from ctgaze_app.errors import StreamError

SCREEN = ScreenGeometry(1920, 1080, 528, 297, 650)


def offered(name: str, source_id: str, hostname: str = "here") -> GazeStreamInfo:
    return GazeStreamInfo(name, "Gaze", source_id, hostname, source_id, 60.0, 2, "", None)


def frames(count: int, value: float = 0.25) -> dict[str, EyeFrames]:
    one = EyeFrames(np.full((count, 2), value), np.arange(count) % 10 != 0, np.full(count, 3.0))
    return {"left": one, "right": one}


def test_no_stream_says_what_to_do() -> None:
    with pytest.raises(StreamError, match=r"no gaze stream.*ctgaze tracker simulate"):
        choose_gaze_stream([])


def test_two_streams_with_one_name_are_refused_naming_both() -> None:
    streams = [offered("Tobii", "a", "room1"), offered("Tobii", "b", "room2")]
    with pytest.raises(StreamError, match=r"2 gaze streams named Tobii.*room1, source_id a; .*room2, source_id b"):
        choose_gaze_stream(streams, name="Tobii")
    with pytest.raises(StreamError, match="2 gaze streams"):
        choose_gaze_stream(streams)
    assert choose_gaze_stream(streams, source_id="b") is streams[1]


def test_the_only_stream_is_taken_and_a_wrong_source_id_is_not() -> None:
    streams = [offered("Tobii", "a")]
    assert choose_gaze_stream(streams) is streams[0]
    with pytest.raises(StreamError, match=r"not there.*source_id a"):
        choose_gaze_stream(streams, source_id="z")


def test_joining_nothing_gives_no_samples() -> None:
    assert len(join_samples([])) == 0


def test_real_streams_are_listed_by_type_whatever_its_case() -> None:
    pylsl = lsl()
    name = f"lower {uuid.uuid4().hex[:6]}"
    lower = pylsl.StreamOutlet(pylsl.StreamInfo(name, "gaze", 2, 60, "float32", f"id {name}"))
    other = pylsl.StreamOutlet(pylsl.StreamInfo(f"eeg {name}", "EEG", 2, 60, "float32", f"eeg {name}"))
    names = [stream.name for stream in list_gaze_streams(1.0)]
    del lower, other
    assert name in names and f"eeg {name}" not in names


def test_an_inlet_hands_over_every_sample_with_stamps_frames_and_validity() -> None:
    outlet = GazeOutlet(TrackerOptions(number=71), 200.0, source="simulated")
    stream = choose_gaze_stream(list_gaze_streams(1.0), source_id=outlet.source_id)
    with GazeInlet(stream, SCREEN) as inlet:
        assert inlet.last_sample_age_s == float("inf")
        _until(outlet.have_consumers)
        start = local_clock()
        sent = np.arange(400)
        for part in np.split(sent, 40):
            outlet.push(part, start + part / 200.0, frames(10))
            time.sleep(0.005)
        received = []
        _until(lambda: received.append(inlet.pull()) or sum(map(len, received)) == 400)
        samples = join_samples([chunk for chunk in received if len(chunk)])
        assert inlet.layout is not None and inlet.layout.dialect == "ctgaze" and inlet.layout.warnings == []
        assert samples.frame is not None and np.array_equal(samples.frame, sent)
        assert np.array_equal(samples.time_raw, start + sent / 200.0)
        assert np.abs(samples.time_lsl - samples.time_raw).max() < 0.002
        left = samples.eyes["left"]
        assert np.array_equal(left.valid, sent % 10 != 0)
        assert np.all(left.norm[left.valid] == 0.25) and np.isnan(left.norm[~left.valid]).all()
        assert inlet.effective_rate_hz == pytest.approx(200.0, rel=1e-3)
        assert inlet.state == "streaming" and inlet.last_sample_age_s < 1.0
        began = time.perf_counter()
        assert len(inlet.pull()) == 0
        assert time.perf_counter() - began < 0.01
        _until(lambda: inlet.state == "stalled", 3.0)
        outlet.close()
    assert inlet.state == "closed"


def test_a_stream_that_cannot_be_read_fails_with_its_reason() -> None:
    pylsl = lsl()
    info = pylsl.StreamInfo(f"odd {uuid.uuid4().hex[:6]}", "Gaze", 2, 100, "double64", f"odd-{uuid.uuid4().hex}")
    outlet = pylsl.StreamOutlet(info)
    stream = choose_gaze_stream(list_gaze_streams(1.0), source_id=info.source_id())
    with GazeInlet(stream, SCREEN) as inlet:
        _until(outlet.have_consumers)
        outlet.push_chunk(np.zeros((100, 2)), (local_clock() + np.arange(100) / 100).tolist())
        _until(lambda: inlet.state == "failed")
        assert "no channels with gaze" in str(inlet.error)
    del outlet


def xy_outlet(source_id: str):
    pylsl = lsl()
    info = pylsl.StreamInfo(f"plain {source_id}", "Gaze", 2, 100, "double64", source_id)
    channels = info.desc().append_child("channels")
    for label in ("x", "y"):
        channel = channels.append_child("channel")
        channel.append_child_value("label", label)
        channel.append_child_value("unit", "pixels")
    return pylsl.StreamOutlet(info)


def push(outlet, values: np.ndarray, start: float) -> None:
    outlet.push_chunk(values, (start + np.arange(len(values)) / 100).tolist())


def test_units_are_guessed_from_the_first_gaze_not_from_an_empty_chair() -> None:
    source_id = f"chair-{uuid.uuid4().hex[:8]}"
    outlet = xy_outlet(source_id)
    stream = choose_gaze_stream(list_gaze_streams(1.0), source_id=source_id)
    with GazeInlet(stream, SCREEN) as inlet:
        _until(outlet.have_consumers)
        start = local_clock()
        push(outlet, np.full((100, 2), np.nan), start)
        _until(lambda: inlet.state == "streaming")
        time.sleep(0.1)
        assert inlet.layout is None and len(inlet.pull()) == 0
        push(outlet, np.full((50, 2), 0.5), start + 1.0)
        _until(lambda: inlet.layout)
        assert inlet.layout is not None and inlet.layout.unit == "normalized"
        samples = inlet.pull()
        assert samples.eyes["combined"].valid.tolist() == [False] * 100 + [True] * 50


def test_a_stream_that_comes_back_is_received_again() -> None:
    source_id = f"back-{uuid.uuid4().hex[:8]}"
    outlet = xy_outlet(source_id)
    stream = choose_gaze_stream(list_gaze_streams(1.0), source_id=source_id)
    layout = GazeLayout(dialect="generic", eyes={"combined": EyeChannels(x=0, y=1)}, unit="normalized")
    with GazeInlet(stream, SCREEN, layout) as inlet:
        _until(outlet.have_consumers)
        push(outlet, np.full((10, 2), 0.25), local_clock())
        _until(lambda: len(inlet.pull()))
        del outlet
        _until(lambda: inlet.state == "stalled")
        outlet = xy_outlet(source_id)
        _until(outlet.have_consumers, 15.0)
        push(outlet, np.full((10, 2), 0.75), local_clock())
        received = []
        _until(lambda: received.append(inlet.pull()) or len(received[-1]))
        assert received[-1].eyes["combined"].norm[0].tolist() == [0.75, 0.75]
        assert inlet.state == "streaming"
    del outlet


def _until(done, timeout_s: float = 8.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not done():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)
