"""Sound on the session clock, against clocks that are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ctgaze_app.study.sound_track import sound_track

RATE = 16_000.0


def test_jitter_is_smoothed_drift_is_kept_and_the_first_second_is_left_out() -> None:
    seconds = np.arange(0, 60, 0.1)
    truth = 500.0 + seconds * (1 + 40e-6)
    jitter = np.where(np.arange(600) % 2, 0.004, -0.004)
    jitter[:10] = 0.2
    track = sound_track(Path("a.wav"), RATE, seconds * RATE, truth + jitter)
    assert track is not None
    for at in (0.0, 5.0, 33.0, 59.0):
        assert track.time_at(at * RATE) == pytest.approx(500.0 + at * (1 + 40e-6), abs=0.005)


def test_lost_sound_moves_nothing_before_or_after_it() -> None:
    seconds = np.arange(0, 30, 0.1)
    lost_s = np.where(seconds >= 15.0, 0.4, 0.0)
    track = sound_track(Path("a.wav"), RATE, seconds * RATE, 100.0 + seconds + lost_s)
    assert track is not None
    for at, expected in ((2.0, 102.0), (8.0, 108.0), (14.85, 114.85), (15.05, 115.45), (25.0, 125.4)):
        assert track.time_at(at * RATE) == pytest.approx(expected, abs=1e-6)
        assert track.frame_at(expected) == pytest.approx(at * RATE, abs=0.1)


def test_one_anchor_is_enough_and_repeats_do_no_harm() -> None:
    track = sound_track(Path("a.wav"), 8000.0, np.array([800.0, 800.0]), np.array([5.0, 5.1]))
    assert track is not None
    assert track.time_at(1600.0) == pytest.approx(5.1)


def test_no_anchor_gives_no_track() -> None:
    assert sound_track(Path("a.wav"), RATE, np.empty(0), np.empty(0)) is None
