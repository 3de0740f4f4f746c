"""Which frame of a trial's sound was converted when: from the anchors in the recording to one time for every frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ctgaze_app.acquisition.clock_correction import theil_sen
from ctgaze_app.acquisition.streams import AUDIO_STREAM_NAME
from ctgaze_app.acquisition.xdf_reader import XdfFile
from ctgaze_app.errors import SessionError

GAP_S = 0.03
"""A step of the conversion time against the frame count beyond this is lost sound, not jitter."""

DRIFT_NEEDS_S = 10.0
"""Over a shorter stretch the nominal rate describes the sound better than a fitted one."""


@dataclass(frozen=True, eq=False)
class AudioAnchors:
    """Anchors of one sound file: `frames` (M,) 0-based, increasing; `times_lsl` (M,) of their conversion; rate."""

    frames: NDArray[np.float64]
    times_lsl: NDArray[np.float64]
    rate_hz: float


def audio_anchors(recording: XdfFile, file_number: int) -> AudioAnchors:
    """The anchors of one sound file; the file's number is the number of its trial.

    Raises
    ------
    SessionError
        When the recording has no anchor for it.
    """
    found = [AudioAnchors(np.empty(0), np.empty(0), 0.0)]
    for stream in recording.find(name=AUDIO_STREAM_NAME):
        rows = stream.numbers[stream.numbers[:, 0] == file_number]
        description = stream.info.get("desc")
        rate = float(description.get("sampling_rate") or 0.0) if isinstance(description, dict) else 0.0
        found.append(AudioAnchors(rows[:, 1].astype(float), rows[:, 2].astype(float), rate))
    best = max(found, key=lambda anchors: len(anchors.frames))
    if len(best.frames) == 0 or best.rate_hz <= 0:
        raise SessionError(f"the recording has no sound of trial {file_number}", place=recording.path.name)
    return best


def frame_to_lsl(anchors: AudioAnchors, frame: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """LSL time at which a frame was converted; scalars give a 0-d array.

    The anchors are cut where sound was lost. Each stretch is a straight line: Theil-Sen over 10 s and more (the sound
    card's clock drifts against ours), else the nominal rate through the median; so a late callback moves nothing.
    """
    wanted = np.asarray(frame, dtype=np.float64)
    lines = _stretches(anchors)
    starts = np.array([line[0] for line in lines])
    which = np.clip(np.searchsorted(starts, wanted, side="right") - 1, 0, len(lines) - 1)
    table = np.array(lines)
    return table[which, 3] + table[which, 2] * (wanted - table[which, 1])


def lsl_to_frame(anchors: AudioAnchors, time_lsl: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """Inverse of `frame_to_lsl` (fractional frames); times within lost sound give the frame where it went on."""
    wanted = np.asarray(time_lsl, dtype=np.float64)
    table = np.array(_stretches(anchors))
    begins = table[:, 3] + table[:, 2] * (table[:, 0] - table[:, 1])
    which = np.clip(np.searchsorted(begins, wanted, side="right") - 1, 0, len(table) - 1)
    frames = table[which, 1] + (wanted - table[which, 3]) / table[which, 2]
    ends = np.append(table[1:, 0], np.inf)
    return np.minimum(frames, ends[which])


def _stretches(anchors: AudioAnchors) -> list[tuple[float, float, float, float]]:
    """For each stretch without loss: first frame, origin frame, seconds a frame, time at the origin."""
    frames, times = anchors.frames, anchors.times_lsl
    nominal = 1.0 / anchors.rate_hz
    lead = times - frames * nominal
    cuts = np.flatnonzero(np.abs(np.diff(_running_median(lead))) > GAP_S) + 1
    lines = []
    for piece in np.split(np.arange(len(frames)), cuts):
        x, y = frames[piece], times[piece]
        if y[-1] - y[0] >= DRIFT_NEEDS_S:
            slope, intercept, origin = theil_sen(x, y)
        else:
            slope, origin = nominal, float(np.median(x))
            intercept = float(np.median(y - slope * (x - origin)))
        lines.append((float(x[0]), origin, slope, intercept))
    return lines


def _running_median(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of three, so that one late callback is no gap."""
    if len(values) < 3:
        return values
    inner = np.median(np.stack([values[:-2], values[1:-1], values[2:]]), axis=0)
    return np.concatenate([inner[:1], inner, inner[-1:]])
