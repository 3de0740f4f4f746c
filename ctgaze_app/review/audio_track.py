"""A trial's sound on the session clock: which audio frame was recorded at which LSL time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class AudioTrack:
    """One sound file and its anchors.

    Attributes
    ----------
    path
        WAV or FLAC file.
    sample_rate_hz
        As written in the file.
    anchor_frames, anchor_lsl
        (N,) frames written so far and the LSL time of that moment, both increasing; N of at least 1.
    """

    path: Path
    sample_rate_hz: float
    anchor_frames: NDArray[np.float64]
    anchor_lsl: NDArray[np.float64]

    def frame_at(self, time_lsl: float) -> float:
        """Frame (fractional, may lie outside the file) that sounded at an LSL time."""
        return _through(time_lsl, self.anchor_lsl, self.anchor_frames, self.sample_rate_hz)

    def time_at(self, frame: float) -> float:
        """LSL time at which a frame sounded; inverse of `frame_at`."""
        return _through(frame, self.anchor_frames, self.anchor_lsl, 1.0 / self.sample_rate_hz)


def _through(value: float, source: NDArray[np.float64], target: NDArray[np.float64], slope_outside: float) -> float:
    if value <= source[0]:
        return float(target[0] + (value - source[0]) * slope_outside)
    if value >= source[-1]:
        return float(target[-1] + (value - source[-1]) * slope_outside)
    return float(np.interp(value, source, target))
