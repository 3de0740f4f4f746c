"""Sound is placed on the session clock through its anchors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ctgaze_app.review.audio_track import AudioTrack, clean_anchors


def test_frames_and_times_go_both_ways_also_beyond_the_anchors() -> None:
    track = AudioTrack(Path("a.wav"), 1000.0, np.array([1000.0, 2000.0]), np.array([50.0, 51.001]))
    assert track.frame_at(50.0) == 1000.0
    assert track.frame_at(50.5005) == pytest.approx(1500.0)
    assert track.frame_at(49.5) == pytest.approx(500.0)
    assert track.frame_at(52.001) == pytest.approx(3000.0)
    for time_lsl in (49.0, 50.2, 51.5):
        assert track.time_at(track.frame_at(time_lsl)) == pytest.approx(time_lsl)


def test_jitter_is_smoothed_drift_is_kept_and_the_first_second_is_left_out() -> None:
    rate = 16_000.0
    seconds = np.arange(0, 60, 0.1)
    truth = 500.0 + seconds * (1 + 40e-6)
    jitter = np.where(np.arange(600) % 2, 0.004, -0.004)
    jitter[:10] = 0.2
    frames, lsl = clean_anchors(seconds * rate, truth + jitter, rate)
    track = AudioTrack(Path("a.wav"), rate, frames, lsl)
    for at in (0.0, 5.0, 33.0, 59.0):
        assert track.time_at(at * rate) == pytest.approx(500.0 + at * (1 + 40e-6), abs=0.005)


def test_one_anchor_is_enough_and_repeats_do_no_harm() -> None:
    frames, lsl = clean_anchors(np.array([800.0, 800.0]), np.array([5.0, 5.1]), 8000.0)
    assert AudioTrack(Path("a.wav"), 8000.0, frames, lsl).time_at(1600.0) == pytest.approx(5.1)


def test_no_anchor_gives_no_anchor() -> None:
    assert clean_anchors(np.empty(0), np.empty(0), 8000.0)[0].size == 0
