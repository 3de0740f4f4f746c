"""The raw streams of a session's recording parts, as the arrays that processing works on."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from ctgaze_app.acquisition.dialects import samples_from_channels
from ctgaze_app.acquisition.streams import MARKER_STREAM_NAME, parse_marker
from ctgaze_app.acquisition.xdf import XdfFile, XdfStream, read_xdf
from ctgaze_app.errors import SessionError
from ctgaze_app.gaze.samples import GazeSamples
from ctgaze_app.gaze.view_track import ViewTrack
from ctgaze_app.gaze.views import VIEW_CHANNELS, VIEW_STREAM_NAME
from ctgaze_app.study.session import PartRecord, SessionManifest, TrialRecord


@dataclass(frozen=True, eq=False)
class RecordedPart:
    """One part: gaze and views in time order, markers (LSL time, fields) in time order.

    `utc_minus_lsl` (seconds) makes times of parts with different clocks comparable; parts of one boot share it, so
    that their LSL times stay exactly comparable.
    """

    number: int
    file: str
    gaze: GazeSamples = field(repr=False)
    views: ViewTrack = field(repr=False)
    markers: list[tuple[float, dict[str, Any]]] = field(repr=False)
    first_lsl: float
    last_lsl: float
    utc_minus_lsl: float
    problems: tuple[str, ...]


@dataclass(frozen=True)
class TrialSpan:
    """[start, end) of a trial in one part, LSL seconds; `end_is_assumed` when no marker told the end."""

    part_index: int
    start_lsl: float
    end_lsl: float
    end_is_assumed: bool


def read_part(folder: Path, record: PartRecord, manifest: SessionManifest) -> RecordedPart:
    """Read one part of a session.

    Raises
    ------
    SessionError
        When its file is missing, is no XDF, or its views have the wrong channels.
    """
    path = folder / record.file
    if not path.exists():
        raise SessionError(
            f"the recording of part {record.number} is missing", place=str(path), remedy="restore it from a copy"
        )
    recording = read_xdf(path)
    problems = []
    if recording.problem is not None:
        problems.append(
            f"part {record.number}: the recording is damaged ({recording.problem}); run ctgaze session salvage"
        )
    gaze = gaze_of(recording, manifest, record.number, problems)
    views = views_of(recording, path)
    if len(views) == 0:
        problems.append(f"part {record.number}: no view was recorded, so gaze has no slices")
    markers = markers_of(recording)
    if not markers:
        problems.append(f"part {record.number}: no marker was recorded, so trials cannot be told")
    stamps = [stream.time_lsl for stream in recording.streams if len(stream.time_lsl)]
    first = min((float(times.min()) for times in stamps), default=record.lsl_start)
    last = max((float(times.max()) for times in stamps), default=record.lsl_start)
    clock = next(part for part in manifest.parts if part.boot_id == record.boot_id)
    utc = datetime.fromisoformat(clock.utc_start).timestamp()
    return RecordedPart(
        record.number, record.file, gaze, views, markers, first, last, utc - clock.lsl_start, tuple(problems)
    )


def gaze_streams(recording: XdfFile, manifest: SessionManifest) -> list[XdfStream]:
    """The gaze stream that the manifest names, by source id, else by name: one, or several of which the longest is
    first."""
    tracker = manifest.tracker
    if tracker is None:
        return []
    numeric = [stream for stream in recording.streams if isinstance(stream.values, np.ndarray)]
    by_source = [stream for stream in numeric if tracker.source_id and stream.source_id == tracker.source_id]
    found = by_source or [stream for stream in numeric if stream.name == tracker.name]
    return sorted(found, key=lambda stream: -len(stream.time_raw))


def gaze_stream(recording: XdfFile, manifest: SessionManifest) -> XdfStream | None:
    """The longest of `gaze_streams`; None when there is none."""
    return next(iter(gaze_streams(recording, manifest)), None)


def gaze_of(recording: XdfFile, manifest: SessionManifest, part: int, problems: list[str]) -> GazeSamples:
    """The part's gaze in time order; empty, and said in `problems`, when there is none."""
    found = gaze_streams(recording, manifest)
    if manifest.tracker is None:
        problems.append(f"part {part}: the session names no gaze stream")
        return _no_gaze()
    if not found or len(found[0].time_raw) == 0:
        problems.append(f"part {part}: the gaze stream was not recorded")
        return _no_gaze()
    stream = found[0]
    unused = sum(len(other.time_raw) for other in found[1:])
    if unused:
        problems.append(
            f"part {part}: several gaze streams have this name; {unused} samples of the shorter are not used"
        )
    values, raw, lsl = np.asarray(stream.numbers, dtype=np.float64), stream.time_raw, stream.time_lsl
    if np.any(lsl[1:] < lsl[:-1]):
        problems.append(f"part {part}: gaze stamps run backwards; samples were put in order of time")
        order = np.argsort(lsl, kind="stable")
        values, raw, lsl = values[order], raw[order], lsl[order]
    try:
        return samples_from_channels(values, raw, lsl, manifest.tracker.layout, manifest.screen.geometry())
    except IndexError as error:
        raise SessionError(
            f"the gaze stream has {values.shape[1]} channels, fewer than the session's layout names",
            place=recording.path.name,
            remedy="correct tracker.layout in session.json",
        ) from error


def views_of(recording: XdfFile, path: Path) -> ViewTrack:
    """The part's painted views; empty when the stream is missing."""
    streams = [stream for stream in recording.find(name=VIEW_STREAM_NAME) if isinstance(stream.values, np.ndarray)]
    times = np.concatenate([np.empty(0), *(stream.time_lsl for stream in streams)])
    try:
        values = np.concatenate([np.empty((0, len(VIEW_CHANNELS))), *(stream.numbers for stream in streams)])
        return ViewTrack.from_samples(times, values)
    except ValueError as error:
        raise SessionError(
            "the view stream has other channels than this version knows", place=str(path), remedy="update CTGaze"
        ) from error


def markers_of(recording: XdfFile) -> list[tuple[float, dict[str, Any]]]:
    """Every marker of ours in order of time, with its fields; what is no JSON object is left out."""
    found: list[tuple[float, dict[str, Any]]] = []
    for stream in recording.find(name=MARKER_STREAM_NAME):
        if isinstance(stream.values, np.ndarray):
            continue
        for time_lsl, text in zip(stream.time_lsl, stream.texts, strict=True):
            fields = parse_marker(text)
            if fields is not None:
                found.append((float(time_lsl), fields))
    return sorted(found, key=lambda item: item[0])


def trial_spans(trial: TrialRecord, parts: list[RecordedPart]) -> list[TrialSpan]:
    """Where a trial lies: usually one span; one in each part when the recorder was restarted during it.

    A part without the trial's start goes from its first stamp when it holds the end or views of the trial; without the
    end it goes to the next trial's start or to its last stamp. Nothing after the part with the end belongs to the
    trial: a restarted recorder also gets the last view repeated.
    """
    spans: list[TrialSpan] = []
    for index, part in enumerate(parts):
        starts = [time for time, fields in part.markers if _is(fields, "trial_start", trial.number)]
        ends = [time for time, fields in part.markers if _is(fields, "trial_end", trial.number)]
        shown = part.views.time_lsl[part.views.integers("trial") == trial.number] if len(part.views) else np.empty(0)
        if not starts and not ends and len(shown) == 0:
            continue
        start = starts[0] if starts else part.first_lsl
        following = [time for time, fields in part.markers if fields["event"] == "trial_start" and time > start]
        assumed = min([*following, part.last_lsl])
        end = ends[-1] if ends else assumed
        goes_on = any(_has_trial(later, trial.number) for later in parts[index + 1 :])
        spans.append(TrialSpan(index, start, max(end, start), not ends and not goes_on))
        if ends:
            break
    return spans


def _has_trial(part: RecordedPart, number: int) -> bool:
    return any(_is(fields, "trial_end", number) for _, fields in part.markers) or bool(
        len(part.views) and (part.views.integers("trial") == number).any()
    )


def _is(fields: dict[str, Any], event: str, trial: int) -> bool:
    return fields["event"] == event and fields.get("trial") == trial


def _no_gaze() -> GazeSamples:
    return GazeSamples(np.empty(0), np.empty(0), {})
