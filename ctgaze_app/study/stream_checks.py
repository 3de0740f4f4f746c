"""Checks of recorded streams and sound against what the session should hold."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ctgaze_app.acquisition.streams import AUDIO_STREAM_NAME, MARKER_STREAM_NAME
from ctgaze_app.acquisition.xdf import XdfFile, XdfStream
from ctgaze_app.gaze.view_track import ViewTrack
from ctgaze_app.gaze.views import VIEW_CHANNELS, VIEW_STREAM_NAME
from ctgaze_app.study.raw_session import gaze_stream, markers_of
from ctgaze_app.study.session import SessionManifest
from ctgaze_app.study.sound_repair import header_is_right

Floats = NDArray[np.float64]
Finding = tuple[Literal["error", "note"], str]

LAST_SECOND_S = 1.0
"""What a kill may cost (design: budgets)."""

GAP_S = 1.0
"""Silence of the gaze stream that is named; shorter ones are dropped samples, which the frame numbers tell."""

DEFAULT_RATE_HZ = 48_000.0
"""For a sound clock that states no sampling rate."""


def check_streams(recording: XdfFile, manifest: SessionManifest, holds_trial: bool) -> list[Finding]:
    """Streams present, counters without gaps, stamps ascending.

    A stream that is missing is an error only where a trial lies in the part: a recorder that was killed while it
    connected leaves a whole file without streams.
    """
    findings: list[Finding] = []
    severity: Literal["error", "note"] = "error" if holds_trial else "note"
    gaze = gaze_stream(recording, manifest)
    if manifest.tracker is not None and (gaze is None or len(gaze.time_raw) == 0):
        findings.append((severity, "it holds no gaze"))
    elif gaze is not None:
        findings += _check_gaze(gaze, manifest)
        findings += _gaze_gaps(gaze, recording)
    views = [stream for stream in recording.find(name=VIEW_STREAM_NAME) if isinstance(stream.values, np.ndarray)]
    if not any(len(stream.time_raw) for stream in views):
        findings.append(("note" if _stopped_before_a_paint(recording) else severity, "it holds no painted view"))
    for stream in views:
        findings += _check_views(stream)
    markers = recording.find(name=MARKER_STREAM_NAME)
    if not any(len(stream.time_raw) for stream in markers):
        findings.append((severity, "it holds no marker"))
    for stream in [*views, *markers]:
        if np.any(np.diff(stream.time_raw) < 0):
            findings.append(("error", f"stamps of {stream.name} run backwards"))
    for stream in recording.streams:
        if not np.all(np.isfinite(stream.time_raw)):
            findings.append(("error", f"{stream.name} has stamps that are no numbers"))
    if manifest.audio is not None and holds_trial and not recording.find(name=AUDIO_STREAM_NAME):
        findings.append(("note", "it holds no sound clock; its dictation cannot be placed in time"))
    return findings


def _stopped_before_a_paint(recording: XdfFile) -> bool:
    """Whether the first trial was broken off before its first view was painted.

    Where the trial was ended in order, its markers say so: each names the last paint before it. Where it was cut off,
    it counts as so when it began in the last second.
    """
    markers = markers_of(recording)
    starts = [time for time, fields in markers if fields["event"] == "trial_start"]
    ends = [fields for _, fields in markers if fields["event"] == "trial_end"]
    if ends:
        nothing_painted = len({fields.get("paint") for _, fields in markers}) == 1
        return nothing_painted and all(fields.get("state") == "interrupted" for fields in ends)
    lasts = [float(stream.time_lsl[-1]) for stream in recording.streams if len(stream.time_lsl)]
    return bool(starts) and max(lasts) - min(starts) < LAST_SECOND_S


def check_sound(
    folder: Path, manifest: SessionManifest, recordings: dict[int, XdfFile]
) -> list[tuple[Literal["error", "note"], str, str]]:
    """(severity, where, fault) of dictation: every file that has anchors is there, readable, and no shorter than they
    say.

    In a part that was cut off the last second may be missing: sound reaches the disk later than its anchors.
    """
    findings: list[tuple[Literal["error", "note"], str, str]] = []
    dictation = folder / "dictation"
    for wav in sorted(dictation.glob("*.wav")):
        fault = "it was never packed" if header_is_right(wav) else "its header does not fit its length"
        findings.append(("error", f"sound {wav.stem}", fault))
    states = {part.number: part.state for part in manifest.parts}
    for part, recording in recordings.items():
        cut_off = states[part] != "complete"
        for number, (frames, times, rate_hz) in _anchors(recording).items():
            case = next((trial.case for trial in manifest.trials if trial.number == number), None)
            if case is None:
                findings.append(("error", f"sound of trial {number}", "the manifest has no such trial"))
                continue
            where = f"sound {number}_{case}"
            if np.any(np.diff(frames) < 0) or np.any(np.diff(times) < 0):
                findings.append(("error", where, "its anchors run backwards"))
            held = _frames_held(dictation, f"{number}_{case}", part)
            if held is None:
                findings.append(("error", where, "it cannot be read"))
                continue
            lost_s = (int(frames.max()) - held) / rate_hz
            if lost_s > 0:
                severity: Literal["error", "note"] = "note" if cut_off and lost_s <= LAST_SECOND_S else "error"
                findings.append((severity, where, f"{lost_s:.2f} s are missing at its end"))
    return findings


def _check_gaze(stream: XdfStream, manifest: SessionManifest) -> list[Finding]:
    findings: list[Finding] = []
    backwards = int((np.diff(stream.time_raw) < 0).sum())
    if backwards:
        findings.append(("note", f"gaze stamps run backwards {backwards} times"))
    layout = manifest.tracker.layout if manifest.tracker is not None else None
    if layout is None or layout.frame_number is None or layout.frame_number >= stream.numbers.shape[1]:
        return findings
    number = stream.numbers[:, layout.frame_number].astype(np.float64)
    step = np.diff(number[np.isfinite(number)])
    # Only whole steps ahead are losses; a tracker that starts counting anew was restarted.
    missing = int((step[step > 1] - 1).sum())
    if missing:
        drops = _may_drop(stream)
        text = f"{missing} gaze samples are missing by their frame numbers"
        findings.append(
            ("note" if drops else "error", text + (" (the tracker says that it may drop some)" if drops else ""))
        )
    if np.any(step < 0):
        findings.append(("note", "the tracker counted its frames anew; it was restarted"))
    if np.any(step == 0):
        findings.append(("error", f"{int((step == 0).sum())} gaze samples were recorded twice"))
    return findings


def _gaze_gaps(gaze: XdfStream, recording: XdfFile) -> list[Finding]:
    """Where gaze was silent, its end included: another stream that goes on shows it."""
    times = np.sort(gaze.time_lsl)
    last = max(float(stream.time_lsl.max()) for stream in recording.streams if len(stream.time_raw))
    edges = np.append(times, last)
    first = float(times[0])
    return [
        ("note", f"no gaze for {edges[k + 1] - edges[k]:.1f} s, from {edges[k] - first:.1f} s after the first sample")
        for k in np.flatnonzero(np.diff(edges) > GAP_S)
    ]


def _check_views(stream: XdfStream) -> list[Finding]:
    if stream.numbers.shape[1:] != (len(VIEW_CHANNELS),):
        return [("error", "the view stream has other channels than this version knows")]
    track = ViewTrack.from_samples(stream.time_raw, stream.numbers)
    paints = np.unique(track.integers("paint"))
    missing = int(paints[-1] - paints[0] + 1 - len(paints)) if len(paints) else 0
    return [("error", f"{missing} painted views are missing by their counter")] if missing else []


def _may_drop(stream: XdfStream) -> bool:
    description = stream.info.get("desc")
    told = description.get("synchronization") if isinstance(description, dict) else None
    return isinstance(told, dict) and str(told.get("can_drop_samples", "")).lower() == "true"


def _anchors(recording: XdfFile) -> dict[int, tuple[Floats, Floats, float]]:
    """Frames written, their times, and the sampling rate in Hz, by file number."""
    found: dict[int, tuple[Floats, Floats, float]] = {}
    for stream in recording.find(name=AUDIO_STREAM_NAME):
        table = stream.numbers
        rate_hz = sampling_rate_hz(stream) or DEFAULT_RATE_HZ
        for number in np.unique(table[:, 0]).astype(int).tolist():
            mine = table[table[:, 0] == number]
            found[number] = (mine[:, 1], mine[:, 2], rate_hz)
    return found


def sampling_rate_hz(stream: XdfStream) -> float | None:
    """The sampling rate that a sound clock states in its description, or None."""
    description = stream.info.get("desc")
    told = description.get("sampling_rate") if isinstance(description, dict) else None
    return float(told) if isinstance(told, str) and told else None


def _frames_held(dictation: Path, stem: str, part: int) -> int | None:
    """Frames of a trial's sound file, 0 when there is none, None when it cannot be read.

    A part that is not the first may have a file of its own.
    """
    import soundfile

    for name in (f"{stem}_part{part}", stem):
        for suffix in (".flac", ".wav"):
            path = dictation / (name + suffix)
            if path.exists():
                try:
                    return int(soundfile.info(path).frames)
                except (OSError, soundfile.LibsndfileError):
                    return None
    return 0
