"""A built-in tracker as a child process: ready without waiting, stopped or dying cleanly."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from ctgaze_app.acquisition.trackers.options import ReplayOptions, SimulatedTrackerOptions
from ctgaze_app.acquisition.trackers.process import TrackerProcess
from ctgaze_app.acquisition.trackers.truth import read_truth
from ctgaze_app.errors import StreamError
from tests.acquisition.trackers.collecting import Collector


def test_a_child_sends_until_it_is_stopped(tmp_path: Path) -> None:
    truth = tmp_path / "truth"
    began = time.perf_counter()
    with TrackerProcess.start("simulate", SimulatedTrackerOptions(number=61, rate_hz=500, truth=truth)) as tracker:
        assert tracker.poll() == "starting" and time.perf_counter() - began < 1.0
        tracker.wait_ready()
        assert tracker.name == "CTGaze Simulated Tracker 61"
        collector = Collector(tracker.source_id)
        collector.for_seconds(0.5)
        collector.close()
        assert len(collector.stamps) > 150
        assert tracker.stop() == "closed"
        assert tracker.frames == len(read_truth(truth).frames)


def test_a_killed_child_is_failed_and_its_truth_stays_readable(tmp_path: Path) -> None:
    truth = tmp_path / "truth"
    tracker = TrackerProcess.start("simulate", SimulatedTrackerOptions(number=62, truth=truth))
    tracker.wait_ready()
    time.sleep(1.2)
    assert tracker.kill() == "failed" and tracker.error
    assert len(read_truth(truth).frames) > 100


def test_a_child_that_cannot_start_says_why_in_one_line(tmp_path: Path) -> None:
    with TrackerProcess.start("replay", ReplayOptions(path=tmp_path / "absent.tsv")) as tracker:
        with pytest.raises(StreamError, match=r"absent\.tsv: cannot be read"):
            tracker.wait_ready()
        assert tracker.poll() == "failed" and "\n" not in tracker.error
