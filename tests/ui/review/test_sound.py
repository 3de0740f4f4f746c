"""The system's own output, or a plain word that there is none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from ctgaze_app.review.audio_track import AudioTrack
from ctgaze_app.ui.review.sound import SoundOutput, fill_block


def test_the_systems_output_plays_or_says_that_there_is_none(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(8000), 8000)
    sound = SoundOutput()
    sound.load(AudioTrack(tmp_path / "a.wav", 8000.0, np.array([0.0]), np.array([0.0])))
    sound.play_from(0.2)
    assert (sound.playing, sound.problem) in ((True, ""), (False, "no sound output"))
    sound.stop()
    assert not sound.playing


def test_a_file_that_is_no_sound_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_text("nothing")
    sound = SoundOutput()
    sound.load(AudioTrack(tmp_path / "a.wav", 8000.0, np.array([0.0]), np.array([0.0])))
    assert sound.describe(1.0) == "sound cannot be read"
    sound.play_from(0.0)
    assert not sound.playing


@pytest.mark.parametrize(
    ("start", "expected"),
    [(0, [1, 2, 3, 4]), (2, [3, 4, 5, 0]), (-2, [0, 0, 1, 2]), (9, [0, 0, 0, 0]), (-9, [0, 0, 0, 0])],
)
def test_blocks_are_silent_beyond_both_ends(start: int, expected: list[float]) -> None:
    source = np.arange(1, 6, dtype=np.float32)[:, None]
    out = np.full((4, 1), np.nan, dtype=np.float32)
    fill_block(out, source, start)
    assert out[:, 0].tolist() == expected
