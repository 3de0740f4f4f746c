"""Spoken words of a session's transcripts, from seconds of the sound file to the clock of the trial's gaze."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ctgaze_app.errors import SessionError
from ctgaze_app.study.session import SessionManifest, TrialRecord
from ctgaze_app.study.sound_track import recorded_sound

if TYPE_CHECKING:
    import pandas as pd


WORD_COLUMNS = ("session", "reader", "trial", "case", "text", "start_s", "end_s", "source")


def session_words(
    folder: Path, manifest: SessionManifest, trials: Sequence[TrialRecord], origins_lsl: Mapping[int, float]
) -> tuple[pd.DataFrame | None, list[str]]:
    """The words of every trial that has ``dictation/<trial>_<case>.transcript.json``, and notes on what was left out.

    Parameters
    ----------
    origins_lsl
        By trial number: LSL time at which the `onset_s` of its gaze is 0.

    Raises
    ------
    SessionError
        When a transcript cannot be read.
    """
    parts: list[dict[str, Any]] = []
    notes = []
    transcripts = {trial.number: folder / "dictation" / f"{_stem(trial)}.transcript.json" for trial in trials}
    if not any(path.is_file() for path in transcripts.values()):
        return None, []
    import pandas as pd

    for trial in trials:
        path = transcripts[trial.number]
        if not path.is_file():
            continue
        track = recorded_sound(folder, manifest, trial)
        if track is None or trial.number not in origins_lsl:
            notes.append(f"Words of trial {trial.number} are left out: its sound has no place on the session's clock.")
            continue
        keys = {"session": manifest.session, "reader": manifest.reader, "trial": trial.number, "case": trial.case}
        for word in _words(path):
            start, end = (
                track.time_at(word[name] * track.sample_rate_hz) - origins_lsl[trial.number]
                for name in ("start_s", "end_s")
            )
            parts.append({**keys, **word, "start_s": start, "end_s": end})
    return pd.DataFrame(parts, columns=list(WORD_COLUMNS)), notes


def _stem(trial: TrialRecord) -> str:
    return f"{trial.number}_{trial.case}"


def _words(path: Path) -> list[dict[str, Any]]:
    try:
        words = json.loads(path.read_text(encoding="utf-8"))["words"]
        read: list[dict[str, Any]] = [
            {
                "text": str(word["text"]),
                "start_s": float(word["start_s"]),
                "end_s": float(word["end_s"]),
                "source": str(word.get("source", "")),
            }
            for word in words
        ]
        for number, word in enumerate(read, start=1):
            if not (np.isfinite(word["start_s"]) and word["start_s"] <= word["end_s"] < np.inf):
                raise ValueError(f"word {number} has no time, or ends before it begins")
        return read
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise SessionError(
            f"is no transcript: {type(error).__name__} {error}", place=path.name, remedy="restore it from a copy"
        ) from error
