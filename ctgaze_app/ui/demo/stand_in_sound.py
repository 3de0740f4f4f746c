"""A WAV file that stands in for a microphone: quiet tones with pauses, like short phrases."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np

SAMPLE_RATE_HZ = 16_000
PHRASE_S = 2.0


def write_stand_in_sound(path: Path, seconds: float) -> Path:
    """Write 16-bit mono at 16 kHz: every two seconds a soft phrase of 1.2 s at its own pitch. Refuses to overwrite."""
    time_s = np.arange(int(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    phrase = (time_s // PHRASE_S).astype(int)
    within = time_s % PHRASE_S
    pitch_hz = 160.0 + 20.0 * (phrase % 5)
    envelope = np.where(within < 1.2, np.sin(np.pi * np.clip(within / 1.2, 0, 1)) ** 2, 0.0)
    tone = envelope * (np.sin(2 * np.pi * pitch_hz * within) + 0.4 * np.sin(4 * np.pi * pitch_hz * within))
    with path.open("xb") as stream, wave.open(stream, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(SAMPLE_RATE_HZ)
        sound.writeframes((tone * 6000).astype("<i2").tobytes())
    return path
