"""The streams that the application publishes: painted views, markers, the audio clock. Nothing on them identifies."""

from __future__ import annotations

import itertools
import json
import math
import uuid
from collections.abc import Iterable
from typing import Any

from ctgaze_app.acquisition.clock import local_clock, lsl
from ctgaze_app.errors import StreamError
from ctgaze_app.gaze.views import (
    PROJECTIONS,
    VIEW_CHANNELS,
    VIEW_STREAM_NAME,
    VIEW_STREAM_TYPE,
    VOI_FUNCTIONS,
    PaintedView,
)

SCHEMA = 1
MARKER_STREAM_NAME = "CTGaze Markers"
MARKER_STREAM_TYPE = "Markers"
AUDIO_STREAM_NAME = "CTGaze Audio"
AUDIO_STREAM_TYPE = "AudioClock"
PLANES = ("axial", "coronal", "sagittal", "oblique")

MARKER_EVENTS = frozenset(
    {
        "session_start",
        "session_end",
        "calibration_target",
        "validation_target",
        "drift_check",
        "trial_start",
        "trial_end",
        "input",
        "answer",
        "mark",
        "key_image",
        "dialog",
        "pause",
        "resume",
        "audio_start",
        "fault",
        "scripted_gaze",
    }
)

REPEAT_AFTER_S = 0.9
"""A view unchanged for this long is sent again, so that a caller ticking every 0.1 s repeats it once a second."""

_PROCESS_TOKEN = uuid.uuid4().hex[:16]
_outlet_numbers = itertools.count(1)


class _Outlet:
    """An LSL outlet of ours with its description; `source_id` is unique to this process and outlet."""

    def __init__(
        self,
        name: str,
        content_type: str,
        channels: Iterable[tuple[str, str]],
        channel_format: str,
        *,
        source_id: str | None,
        nominal_rate_hz: float = 0.0,
        code_tables: dict[str, tuple[str, ...]] | None = None,
        properties: dict[str, str] | None = None,
    ) -> None:
        pylsl = lsl()
        channels = tuple(channels)
        self.name = name
        self.source_id = source_id or f"ctgaze-{content_type.lower()}-{_PROCESS_TOKEN}-{next(_outlet_numbers)}"
        info = pylsl.StreamInfo(name, content_type, len(channels), nominal_rate_hz, channel_format, self.source_id)
        description = info.desc()
        description.append_child_value("manufacturer", "CTGaze")
        description.append_child_value("schema", str(SCHEMA))
        for key, value in (properties or {}).items():
            description.append_child_value(key, value)
        channel_list = description.append_child("channels")
        for label, unit in channels:
            channel = channel_list.append_child("channel")
            channel.append_child_value("label", label)
            channel.append_child_value("unit", unit)
            channel.append_child_value("type", content_type)
        tables = description.append_child("codes")
        for table, names in (code_tables or {}).items():
            codes = tables.append_child(table)
            for code, meaning in enumerate(names):
                entry = codes.append_child("code")
                entry.append_child_value("value", str(code))
                entry.append_child_value("meaning", meaning)
        self._outlet = pylsl.StreamOutlet(info)

    def info_xml(self) -> str:
        """LSL's full description of the stream."""
        return str(self._outlet.get_info().as_xml())

    def have_consumers(self) -> bool:
        """Whether anybody is subscribed."""
        return self._outlet is not None and bool(self._outlet.have_consumers())

    def close(self) -> None:
        """Withdraw the stream; whatever a receiver has not fetched is lost, so stop the recorder first."""
        self._outlet = None

    def _push(self, values: Any, time_lsl: float) -> None:
        if self._outlet is None:
            raise StreamError("the stream is closed already", place=self.name)
        self._outlet.push_sample(values, time_lsl)


class ViewOutlet(_Outlet):
    """`CTGaze View`: one sample for each pane and paint, repeated unchanged about once a second.

    Attributes
    ----------
    views_pushed
        Paints sent, repetitions not counted.
    repeats_pushed
        Repetitions sent.
    """

    def __init__(self, *, source_id: str | None = None) -> None:
        super().__init__(
            VIEW_STREAM_NAME,
            VIEW_STREAM_TYPE,
            VIEW_CHANNELS,
            "double64",
            source_id=source_id,
            code_tables={"plane": PLANES, "projection": PROJECTIONS, "voi_function": VOI_FUNCTIONS},
        )
        self._last: dict[int, tuple[PaintedView, float]] = {}
        self.views_pushed = 0
        self.repeats_pushed = 0

    def push(self, view: PaintedView, time_lsl: float) -> None:
        """Send what was painted, stamped with the end of its paint (LSL seconds)."""
        self._push(view.to_sample(), time_lsl)
        self._last[view.pane] = (view, time_lsl)
        self.views_pushed += 1

    def tick(self, now: float | None = None) -> int:
        """Repeat each pane's last view, same counter, that was last sent `REPEAT_AFTER_S` ago; returns how many.

        `now` is LSL seconds (default: the clock); repetitions carry it as their stamp.
        """
        moment = local_clock() if now is None else now
        due = [view for view, sent in self._last.values() if moment - sent >= REPEAT_AFTER_S]
        for view in due:
            self._push(view.to_sample(), moment)
            self._last[view.pane] = (view, moment)
        self.repeats_pushed += len(due)
        return len(due)

    def forget(self, pane: int) -> None:
        """Stop repeating a pane that is gone from the screen."""
        self._last.pop(pane, None)


class MarkerOutlet(_Outlet):
    """`CTGaze Markers`: JSON objects with `event`, `trial`, `paint` and the event's own fields."""

    def __init__(self, *, source_id: str | None = None) -> None:
        super().__init__(MARKER_STREAM_NAME, MARKER_STREAM_TYPE, [("marker", "JSON")], "string", source_id=source_id)
        self.markers_pushed = 0

    def push(
        self, event: str, *, time_lsl: float | None = None, trial: int = 0, paint: int = 0, **fields: object
    ) -> float:
        """Send one marker and return its stamp (LSL seconds, default now).

        Raises
        ------
        ValueError
            For an event that is not in `MARKER_EVENTS`, or fields that are no strict JSON (NaN included).
        """
        text = marker_text(event, trial=trial, paint=paint, **fields)
        stamp = local_clock() if time_lsl is None else time_lsl
        self._push([text], stamp)
        self.markers_pushed += 1
        return stamp


class AudioClockOutlet(_Outlet):
    """`CTGaze Audio`: which sample of which sound file was converted when; about ten anchors a second.

    `rate_hz` is the sound's nominal sampling rate and stands in the description as `sampling_rate`.
    """

    def __init__(self, rate_hz: float, *, source_id: str | None = None) -> None:
        super().__init__(
            AUDIO_STREAM_NAME,
            AUDIO_STREAM_TYPE,
            [("file_number", "number"), ("frames_written", "frames"), ("adc_time", "LSL s")],
            "double64",
            source_id=source_id,
            properties={"sampling_rate": repr(float(rate_hz))},
        )

    def push(self, file_number: int, frames_written: int, adc_time_lsl: float) -> tuple[float, list[float]]:
        """Say that frame `frames_written` (0-based, the next to be written) was converted at `adc_time_lsl`.

        Returns the stamp and the sample as sent, for the recorder, which keeps them without the way round by LSL.
        """
        stamp, sample = local_clock(), [float(file_number), float(frames_written), adc_time_lsl]
        self._push(sample, stamp)
        return stamp, sample


def marker_text(event: str, *, trial: int = 0, paint: int = 0, **fields: object) -> str:
    """One marker as compact strict JSON; raises ValueError for an unknown event or values outside JSON."""
    if event not in MARKER_EVENTS:
        raise ValueError(f"{event!r} is no marker event")
    return json.dumps(
        {"event": event, "trial": trial, "paint": paint, **fields},
        separators=(",", ":"),
        allow_nan=False,
        ensure_ascii=False,
    )


def parse_marker(text: str) -> dict[str, Any] | None:
    """A marker's fields, or None when the text is no marker of ours (another program's, or damaged)."""
    try:
        fields = json.loads(text)
    except json.JSONDecodeError:
        return None
    if not isinstance(fields, dict) or fields.get("event") not in MARKER_EVENTS:
        return None
    trial = fields.get("trial", 0)
    if isinstance(trial, bool) or not isinstance(trial, int | float) or not math.isfinite(trial):
        return None
    return fields
