"""A trial's sound on the session clock: which audio frame was recorded at which LSL time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

SETTLING_S = 1.0


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


def clean_anchors(
    frames: NDArray[np.float64], time_lsl: NDArray[np.float64], sample_rate_hz: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Anchors fit for interpolation: sorted, strictly increasing, smoothed piecewise, without the first second.

    A sound server reports its delay with a jitter of milliseconds and settles during its first second (design: time),
    so those are left out while at least two remain; every 10 s or so of the rest become one anchor, their median.
    """
    order = np.argsort(frames, kind="stable")
    frames = np.asarray(frames, dtype=np.float64)[order]
    time_lsl = np.asarray(time_lsl, dtype=np.float64)[order]
    new = np.diff(frames, prepend=-np.inf) > 0
    frames, time_lsl = frames[new], time_lsl[new]
    settled = frames > frames[0] + SETTLING_S * sample_rate_hz if len(frames) else np.zeros(0, dtype=bool)
    if np.count_nonzero(settled) >= 2:
        frames, time_lsl = frames[settled], time_lsl[settled]
    knots_frames, knots_lsl = [], []
    pieces = max(1, round((frames[-1] - frames[0]) / (10.0 * sample_rate_hz))) if len(frames) else 0
    for piece_frames, piece_lsl in zip(
        np.array_split(frames, pieces) if pieces else [],
        np.array_split(time_lsl, pieces) if pieces else [],
        strict=True,
    ):
        if not len(piece_frames):
            continue
        middle = piece_frames.mean()
        offset_s = np.median(piece_lsl - piece_frames / sample_rate_hz)
        knots_frames.append(middle)
        knots_lsl.append(offset_s + middle / sample_rate_hz)
    result_frames, result_lsl = np.array(knots_frames), np.array(knots_lsl)
    rising = np.diff(result_lsl, prepend=-np.inf) > 0
    return result_frames[rising], result_lsl[rising]


def _through(value: float, source: NDArray[np.float64], target: NDArray[np.float64], slope_outside: float) -> float:
    if value <= source[0]:
        return float(target[0] + (value - source[0]) * slope_outside)
    if value >= source[-1]:
        return float(target[-1] + (value - source[-1]) * slope_outside)
    return float(np.interp(value, source, target))
