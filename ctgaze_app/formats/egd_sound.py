"""A trial's dictation as audio.wav and audio.mp3, beginning with the trial's first visible view."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ctgaze_app.errors import SessionError
from ctgaze_app.formats.contract import FormatError
from ctgaze_app.study.sound_track import recorded_sound

if TYPE_CHECKING:
    from ctgaze_app.study.session import TrialRecord

MP3_RATES_HZ = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)


def write_sound(session: Path, trial: int, case: str, folder: Path) -> bool:
    """Write both files; False when the trial has no sound or nothing tells where on the clock it lies.

    Sound before the first visible view is left out; when the sound begins later, silence is put before it. So second 0
    of the sound is second 0 of the tables.

    Raises
    ------
    SessionError
        When the session cannot be read, or has no such trial.
    FormatError
        When this system cannot write MP3 or the disk refuses.
    """
    import soundfile

    from ctgaze_app.study.session import read_manifest

    if "MP3" not in soundfile.available_formats():
        raise FormatError("this system's libsndfile writes no MP3", remedy="install the soundfile package from PyPI")
    manifest = read_manifest(session)
    record = next((each for each in manifest.trials if each.number == trial and each.case == case), None)
    if record is None:
        raise SessionError(
            f"has no trial {trial} of case {case}", place=session.name, remedy="name the session of these tables"
        )
    track = recorded_sound(session, manifest, record)
    origin_lsl = _origin_lsl(session, record)
    if track is None or origin_lsl is None:
        return False
    try:
        sound, rate_hz = soundfile.read(track.path, dtype="int16", always_2d=True)
    except (OSError, RuntimeError) as error:
        raise SessionError(f"this sound cannot be read: {error}", place=track.path.name) from error
    first = round(track.frame_at(origin_lsl))
    silence = np.zeros((max(-first, 0), sound.shape[1]), dtype=np.int16)
    sound = np.concatenate([silence, sound[max(first, 0) :]])
    folder.mkdir(parents=True, exist_ok=True)
    try:
        soundfile.write(folder / "audio.wav", sound, rate_hz, subtype="PCM_16")
        soundfile.write(folder / "audio.mp3", *_for_mp3(sound, rate_hz), format="MP3")
    except RuntimeError as error:
        raise FormatError(f"this sound cannot be written: {error}", place=folder.name) from error
    return True


def _for_mp3(sound: Any, rate_hz: int) -> tuple[Any, int]:
    """MP3 knows nine rates; another one is brought to the nearest above."""
    if rate_hz in MP3_RATES_HZ:
        return sound, rate_hz
    from scipy.signal import resample_poly

    target = next((rate for rate in MP3_RATES_HZ if rate > rate_hz), MP3_RATES_HZ[-1])
    divisor = int(np.gcd(target, rate_hz))
    resampled = resample_poly(sound.astype(np.float64), target // divisor, rate_hz // divisor, axis=0)
    return np.clip(np.rint(resampled), -32768, 32767).astype(np.int16), target


def _origin_lsl(session: Path, record: TrialRecord) -> float | None:
    """LSL time of the trial's first visible view, from the derived fixations of the part it began in."""
    import pandas as pd

    path = session / "derived" / "fixations.csv"
    if not path.is_file():
        raise SessionError("the session has no tables", place=session.name, remedy="run: ctgaze session process")
    rows = pd.read_csv(path, usecols=["trial", "part", "onset_s", "onset_lsl"])
    rows = rows[(rows["trial"] == record.number) & (rows["part"] == record.part)]
    return float((rows["onset_lsl"] - rows["onset_s"]).median()) if len(rows) else None
