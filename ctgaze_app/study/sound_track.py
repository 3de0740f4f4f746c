"""A recorded sound placed on the session clock: the anchors of the recording through the lines fitted to them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ctgaze_app.acquisition.audio_anchors import AudioAnchors, frame_to_lsl
from ctgaze_app.review.audio_track import AudioTrack

SETTLING_S = 1.0


def sound_track(
    path: Path, sample_rate_hz: float, frames: NDArray[np.float64], time_lsl: NDArray[np.float64]
) -> AudioTrack | None:
    """The track of one sound file; None without anchors.

    A sound server settles during its first second (design: time), so anchors of that second are left out while at
    least two remain. The rest are read off the lines of `frame_to_lsl`: jitter is smoothed, drift is kept, and sound
    that was lost moves nothing before or after it.

    Parameters
    ----------
    frames, time_lsl
        (N,) frames written so far and the LSL time of that moment, in any order, repeats allowed.
    """
    order = np.argsort(frames, kind="stable")
    frames, time_lsl = frames[order].astype(np.float64), time_lsl[order].astype(np.float64)
    new = np.diff(frames, prepend=-np.inf) > 0
    frames, time_lsl = frames[new], time_lsl[new]
    if not len(frames):
        return None
    settled = frames > frames[0] + SETTLING_S * sample_rate_hz
    if np.count_nonzero(settled) >= 2:
        frames, time_lsl = frames[settled], time_lsl[settled]
    fitted = frame_to_lsl(AudioAnchors(frames, time_lsl, sample_rate_hz), frames)
    rising = np.diff(np.maximum.accumulate(fitted), prepend=-np.inf) > 0
    return AudioTrack(path, sample_rate_hz, frames[rising], fitted[rising])
