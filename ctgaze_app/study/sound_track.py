"""A recorded sound placed on the session clock: the anchors of the recording through the lines fitted to them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ctgaze_app.acquisition.audio_anchors import AudioAnchors, frame_to_lsl
from ctgaze_app.acquisition.streams import AUDIO_STREAM_NAME
from ctgaze_app.acquisition.xdf import XdfFile, read_xdf
from ctgaze_app.errors import SessionError
from ctgaze_app.review.audio_track import AudioTrack
from ctgaze_app.study.raw_session import markers_of
from ctgaze_app.study.session import SessionManifest, TrialRecord

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


def sound_of_trial(
    folder: Path, record: TrialRecord, recordings: list[XdfFile], markers: list[tuple[float, dict[str, Any]]]
) -> AudioTrack | None:
    """The sound of one trial on the clock of its recordings; None when it has none, or none with anchors.

    Parameters
    ----------
    recordings, markers
        Of the parts on the trial's clock; markers as `raw_session.markers_of` gives them.

    Raises
    ------
    SessionError
        When the sound file cannot be read.
    """
    import soundfile

    stem = f"{record.number}_{record.case}"
    paths = [folder / "dictation" / f"{stem}{suffix}" for suffix in (".flac", ".wav")]
    path = next((path for path in paths if path.is_file()), None)
    if path is None:
        return None
    numbers = {
        fields.get("file_number")
        for _, fields in markers
        if fields["event"] == "audio_start" and (fields.get("stem") == stem or fields.get("trial") == record.number)
    }
    # A recorder that was restarted counts the frames of its own file anew; this is the file of the first one.
    found = (_anchors(file, [number for number in numbers if number is not None]) for file in recordings)
    anchors = next((rows for rows in found if len(rows)), np.empty((0, 3)))
    try:
        rate_hz = float(soundfile.info(path).samplerate)
    except (OSError, RuntimeError) as error:
        raise SessionError(f"this sound cannot be read: {error}", place=path.name, remedy="move it away") from error
    return sound_track(path, rate_hz, anchors[:, 1], anchors[:, 2])


def recorded_sound(folder: Path, manifest: SessionManifest, record: TrialRecord) -> AudioTrack | None:
    """The same from the session's own files; raises `SessionError` when one cannot be read."""
    boots = {part.number: part.boot_id for part in manifest.parts}
    on_its_clock = [part for part in manifest.parts if part.boot_id == boots.get(record.part)]
    recordings = [read_xdf(folder / part.file) for part in on_its_clock]
    return sound_of_trial(folder, record, recordings, [item for one in recordings for item in markers_of(one)])


def _anchors(recording: XdfFile, numbers: list[Any]) -> NDArray[np.float64]:
    """(N, 3) rows of the audio clock that belong to these sound files."""
    streams = recording.find(name=AUDIO_STREAM_NAME)
    rows = np.vstack([np.empty((0, 3)), *(stream.numbers for stream in streams)])
    return np.asarray(rows[np.isin(rows[:, 0], numbers)], dtype=np.float64)
