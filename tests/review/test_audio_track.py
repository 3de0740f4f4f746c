"""Sound is placed on the session clock through its anchors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ctgaze_app.review.audio_track import AudioTrack


def test_frames_and_times_go_both_ways_also_beyond_the_anchors() -> None:
    track = AudioTrack(Path("a.wav"), 1000.0, np.array([1000.0, 2000.0]), np.array([50.0, 51.001]))
    assert track.frame_at(50.0) == 1000.0
    assert track.frame_at(50.5005) == pytest.approx(1500.0)
    assert track.frame_at(49.5) == pytest.approx(500.0)
    assert track.frame_at(52.001) == pytest.approx(3000.0)
    for time_lsl in (49.0, 50.2, 51.5):
        assert track.time_at(track.frame_at(time_lsl)) == pytest.approx(time_lsl)
