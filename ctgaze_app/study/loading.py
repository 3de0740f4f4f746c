"""Opens a recorded session for replay: raw views and markers, derived gaze and fixations, sound, and the CT itself."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ctgaze_app.acquisition.xdf import XdfFile, read_xdf
from ctgaze_app.ct.volume import Volume
from ctgaze_app.errors import CTGazeError, SessionError
from ctgaze_app.gaze.views import VIEW_CHANNELS
from ctgaze_app.review.audio_track import AudioTrack
from ctgaze_app.review.replay import ReplayTrial
from ctgaze_app.study.derived import (
    BLINK_FILE,
    DERIVED_FILES,
    FIXATION_FILE,
    GAZE_FILE,
    QUALITY_FILE,
    SACCADE_FILE,
    SEGMENT_FILE,
)
from ctgaze_app.study.raw_session import markers_of, views_of
from ctgaze_app.study.replay_tables import end_of_trial, events_of, fixations_of, gaze_track, segments_of
from ctgaze_app.study.session import SessionManifest, TrialRecord, read_manifest
from ctgaze_app.study.sound_track import sound_of_trial

if TYPE_CHECKING:
    import pandas as pd

    from ctgaze_app.gaze.detectors import DetectorParameters

Progress = Callable[[int, int], None]
Cancelled = Callable[[], bool]
DERIVED_TABLES = (GAZE_FILE, FIXATION_FILE, SEGMENT_FILE, SACCADE_FILE, BLINK_FILE)


@dataclass(frozen=True)
class Word:
    """One spoken word, LSL seconds."""

    text: str
    start_lsl: float
    end_lsl: float


@dataclass(frozen=True, eq=False)
class RecordedTrial:
    """One trial ready for replay.

    `audio` is None without sound, `words` is empty without a transcript; `quality` is its part of `quality.json`
    with its own `problems` as lines; `saccades` and `blinks` are its rows of those tables.
    """

    record: TrialRecord
    replay: ReplayTrial
    audio: AudioTrack | None
    quality: Mapping[str, Any]
    words: tuple[Word, ...] = ()
    saccades: pd.DataFrame | None = field(default=None, repr=False)
    blinks: pd.DataFrame | None = field(default=None, repr=False)


@dataclass(frozen=True, eq=False)
class RecordedSession:
    """A recorded session; `volumes` is keyed by the index in the manifest's series list."""

    folder: Path = field(repr=False)
    manifest: SessionManifest
    trials: tuple[RecordedTrial, ...]
    volumes: Mapping[int, Volume]
    quality: Mapping[str, Any]


def open_session(
    folder: Path,
    volumes: Mapping[int, Volume] | None = None,
    *,
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
) -> RecordedSession:
    """Read everything that a replay shows; processes the session first when `derived/` is missing or out of date.

    Parameters
    ----------
    volumes
        CT already in memory, by series index; what is not here is loaded from where `private/series.json` says.
    progress, cancelled
        Handed to the loading of the CT, the slow part.

    Raises
    ------
    SessionError
        When the folder, its recording, its tables or its CT cannot be read, or the CT is another one; one line.
    """
    folder = Path(folder)
    manifest = read_manifest(folder)
    if not derived_is_current(folder, manifest):
        _process(folder)
    recordings = {part.number: _read_part(folder / part.file) for part in manifest.parts}
    tables = {name: read_table(folder / "derived" / name) for name in DERIVED_TABLES}
    quality = _read_json(folder / "derived" / QUALITY_FILE)
    found = load_volumes(folder, manifest, volumes or {}, progress=progress, cancelled=cancelled)
    trials = tuple(_open_trial(folder, manifest, trial, recordings, tables, quality) for trial in manifest.trials)
    return RecordedSession(folder, manifest, trials, found, quality)


def derived_is_current(folder: Path, manifest: SessionManifest, parameters: DetectorParameters | None = None) -> bool:
    """Whether every derived table is there and was made by these versions from the files as they are now.

    The detector is compared only when `parameters` are given: tables made with chosen ones stay as they are.
    """
    from ctgaze_app.gaze.detectors import TOBII_IVT
    from ctgaze_app.study.derived import changed_tables, provenance

    derived = folder / "derived"
    if not all((derived / name).is_file() for name in DERIVED_FILES):
        return False
    try:
        record = json.loads((derived / QUALITY_FILE).read_text(encoding="utf-8"))
        if changed_tables(folder, record):
            return False
        made = record["provenance"]
        now = json.loads(json.dumps(provenance(folder, manifest, parameters or TOBII_IVT)))
        if parameters is None:
            made, now = {**made, "detector": None}, {**now, "detector": None}
        return bool(made == now)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def load_volumes(
    folder: Path,
    manifest: SessionManifest,
    volumes: Mapping[int, Volume],
    *,
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
) -> dict[int, Volume]:
    """The CT of every series of the session, each checked to be the one that was shown.

    Raises
    ------
    SessionError
        When one cannot be found, read, or has another digest than the manifest's.
    """
    found: dict[int, Volume] = {}
    for index in range(len(manifest.series)):
        found[index] = load_volume(
            folder, manifest, index, volume=volumes.get(index), progress=progress, cancelled=cancelled
        )
    return found


def load_volume(
    folder: Path,
    manifest: SessionManifest,
    index: int,
    *,
    volume: Volume | None = None,
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
) -> Volume:
    """The CT of one series of the session, as `load_volumes` gives it.

    Parameters
    ----------
    volume
        That is in memory already: only checked.

    Raises
    ------
    SessionError
        As `load_volumes`.
    """
    if volume is None:
        volume = _load(folder, index, _series_sources(folder).get(index), progress, cancelled)
    record = manifest.series[index]
    if volume.digest != record.digest:
        raise SessionError(
            f"the CT of {record.code} is not the one that was read in this session",
            place=str(folder),
            remedy="put the original files back where they were",
        )
    return volume


def _load(
    folder: Path,
    index: int,
    source: dict[str, Any] | None,
    progress: Progress | None,
    cancelled: Cancelled | None,
) -> Volume:
    if source is None:
        raise SessionError(
            f"nothing says where the CT of series {index + 1} is",
            place=str(folder / "private" / "series.json"),
            remedy="restore private/series.json from a copy",
        )
    from ctgaze_app.ct import load_series

    try:
        paths = source["path"]
        where = [Path(one) for one in paths] if isinstance(paths, list) else Path(paths)
        uid = source.get("series_uid") or None
        return load_series(where, series=uid, progress=progress, cancelled=cancelled)
    except CTGazeError as error:
        raise SessionError(
            f"the CT of series {index + 1} cannot be loaded: {error.message}",
            place=error.place,
            remedy=error.remedy or "put the original files back where they were",
        ) from error


def _series_sources(folder: Path) -> dict[int, dict[str, Any]]:
    path = folder / "private" / "series.json"
    content = _read_json(path)
    try:
        return {int(entry["index"]): {"path": entry["path"], **entry} for entry in content["series"]}
    except (KeyError, TypeError, ValueError) as error:
        raise SessionError(
            f"is not a list of series: {error!r}", place=str(path), remedy="restore it from a copy"
        ) from error


def _process(folder: Path) -> None:
    from ctgaze_app.study.processing import process_session

    process_session(folder)


def _read_part(path: Path) -> XdfFile:
    if not path.is_file():
        raise SessionError("the recording is missing", place=str(path), remedy="restore it from a copy")
    return read_xdf(path)


def read_table(path: Path) -> pd.DataFrame:
    """One derived table, CSV or Parquet.

    Raises
    ------
    SessionError
        When it cannot be read.
    """
    import pandas as pd

    try:
        return pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise SessionError(f"cannot be read: {error}", place=str(path), remedy="run: ctgaze session process") from error


def _read_json(path: Path, missing: dict[str, Any] | None = None) -> dict[str, Any]:
    if missing is not None and not path.is_file():
        return missing
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise SessionError("this file is missing", place=str(path), remedy="restore it from a copy") from error
    except (OSError, ValueError) as error:
        raise SessionError(f"cannot be read: {error}", place=str(path), remedy="restore it from a copy") from error
    if not isinstance(content, dict):
        raise SessionError("is not a JSON object", place=str(path), remedy="restore it from a copy")
    return content


def _open_trial(
    folder: Path,
    manifest: SessionManifest,
    record: TrialRecord,
    recordings: Mapping[int, XdfFile],
    tables: Mapping[str, pd.DataFrame],
    quality: Mapping[str, Any],
) -> RecordedTrial:
    boots = {part.number: part.boot_id for part in manifest.parts}
    same_clock = [file for number, file in recordings.items() if boots[number] == boots[record.part]]
    views = [views_of(file, file.path) for file in same_clock]
    samples = np.vstack([np.empty((0, len(VIEW_CHANNELS))), *(track.values for track in views)])
    painted_lsl = np.concatenate([np.empty(0), *(track.time_lsl for track in views)])
    markers = sorted((item for file in same_clock for item in markers_of(file)), key=lambda item: item[0])
    rows = {name: table[table["trial"] == record.number] for name, table in tables.items()}
    replay = ReplayTrial(
        record.number,
        record.case,
        samples,
        painted_lsl,
        gaze_track(rows[GAZE_FILE], manifest.tracker_latency.latency_s),
        fixations_of(rows[FIXATION_FILE]),
        segments_of(rows[SEGMENT_FILE], rows[FIXATION_FILE]),
        events_of(markers, record.number),
        display_latency_s=manifest.display.latency_s,
        end_lsl=end_of_trial(markers, record.number),
    )
    sound = sound_of_trial(folder, record, same_clock, markers)
    return RecordedTrial(
        record, replay, sound, _trial_quality(quality, record), saccades=rows[SACCADE_FILE], blinks=rows[BLINK_FILE]
    )


def _trial_quality(quality: Mapping[str, Any], record: TrialRecord) -> Mapping[str, Any]:
    trials = quality.get("trials")
    found = trials.get(str(record.number)) if isinstance(trials, Mapping) else None
    problems = quality.get("problems")
    mine = [
        text.split(": ", 1)[1]
        for text in (problems if isinstance(problems, list) else [])
        if isinstance(text, str) and text.startswith(f"trial {record.number}: ")
    ]
    return {**(found if isinstance(found, Mapping) else {}), "problems": mine}
