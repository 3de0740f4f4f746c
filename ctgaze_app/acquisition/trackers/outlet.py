"""The gaze stream that every built-in tracker sends: XDF gaze convention, `screen_norm`, eyes, frame number."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ctgaze_app.acquisition.clock import lsl
from ctgaze_app.acquisition.trackers.options import TrackerOptions

STREAM_NAMES = {
    "simulated": "CTGaze Simulated Tracker",
    "mouse": "CTGaze Mouse Tracker",
    "replay": "CTGaze Replayed Tracker",
}
"""By source, so that a list of streams tells what each one is."""
STREAM_TYPE = "Gaze"
SCHEMA = 1
BOTH_EYES = ("left", "right")
DRAIN_S = 0.3
"""How long a closing outlet waits for its receivers: what they have not fetched is lost with it."""
_FIRST_FREE_WAIT_S = 0.4


@dataclass(frozen=True, eq=False)
class EyeFrames:
    """One eye's N samples: `norm` (N, 2), `valid` (N,), `pupil_mm` (N,)."""

    norm: NDArray[np.float64]
    valid: NDArray[np.bool_]
    pupil_mm: NDArray[np.float64]


class GazeOutlet:
    """An outlet named after its source and a number (`CTGaze Simulated Tracker <n>`), with a source_id of its own.

    Parameters
    ----------
    options
        Monitor, and the number of the stream's name.
    rate_hz
        Nominal rate.
    eyes
        Eyes that the stream has.
    latency_s
        How much later than the eye its samples are stamped, stated in the description.
    can_drop_samples
        Whether frames may be missing, stated in the description.
    """

    def __init__(
        self,
        options: TrackerOptions,
        rate_hz: float,
        *,
        source: str,
        eyes: tuple[str, ...] = BOTH_EYES,
        latency_s: float = 0.0,
        can_drop_samples: bool = False,
    ) -> None:
        pylsl = lsl()
        self.eyes = eyes
        self.name = f"{STREAM_NAMES[source]} {options.number or _first_free_number(STREAM_NAMES[source])}"
        self.source_id = f"ctgaze-{source}-{os.getpid()}-{uuid.uuid4().hex[:12]}"
        self.frames_pushed = 0
        channels = channel_table(eyes)
        info = pylsl.StreamInfo(self.name, STREAM_TYPE, len(channels), rate_hz, "double64", self.source_id)
        description = info.desc()
        description.append_child_value("manufacturer", "CTGaze")
        description.append_child_value("schema", str(SCHEMA))
        _append(description.append_child("acquisition"), {"model": source})
        channel_list = description.append_child("channels")
        for channel in channels:
            _append(channel_list.append_child("channel"), channel)
        synchronization = {"offset_mean": latency_s, "can_drop_samples": str(can_drop_samples).lower()}
        _append(description.append_child("synchronization"), synchronization)
        display = {
            "width_px": options.width_px,
            "height_px": options.height_px,
            "width_mm": options.width_mm,
            "height_mm": options.height_mm,
            "distance_mm": options.distance_mm,
            "device_pixel_ratio": options.device_pixel_ratio,
        }
        _append(description.append_child("display"), display)
        self._outlet = pylsl.StreamOutlet(info)

    def push(self, frame: NDArray[np.int64], stamps: NDArray[np.float64], samples: Mapping[str, EyeFrames]) -> None:
        """Send N frames with their own stamps (LSL seconds); an invalid eye is NaN with validity 0."""
        if len(frame) == 0 or self._outlet is None:
            return
        values = np.empty((len(frame), 4 * len(self.eyes) + 1))
        for position, eye in enumerate(self.eyes):
            one = samples[eye]
            block = values[:, 4 * position : 4 * position + 4]
            block[:, :2] = np.where(one.valid[:, None], one.norm, np.nan)
            block[:, 2] = one.valid
            block[:, 3] = np.where(one.valid, one.pupil_mm, np.nan)
        values[:, -1] = frame
        # Stamps as a list: pylsl takes a one-element array for a single number.
        self._outlet.push_chunk(values, stamps.tolist())
        self.frames_pushed += len(frame)

    def have_consumers(self) -> bool:
        """Whether anybody receives the stream."""
        return self._outlet is not None and bool(self._outlet.have_consumers())

    def drain(self) -> None:
        """Give receivers a moment to fetch the rest."""
        if self.have_consumers():
            time.sleep(DRAIN_S)

    def close(self) -> None:
        """Withdraw the stream; liblsl may take up to 5 s for it when a connection hangs, so say everything before."""
        self._outlet = None


def channel_table(eyes: tuple[str, ...]) -> list[dict[str, object]]:
    """Label, eye, XDF type, unit and coordinate system of each channel."""
    table: list[dict[str, object]] = []
    for eye in eyes:
        for axis in ("x", "y"):
            table.append(
                {
                    "label": f"{eye}_{axis}",
                    "eye": eye,
                    "type": f"Screen{axis.upper()}",
                    "unit": "normalized",
                    "coordinate_system": "image-space",
                }
            )
        table.append({"label": f"{eye}_validity", "eye": eye, "type": "Confidence", "unit": "normalized"})
        table.append({"label": f"{eye}_pupil", "eye": eye, "type": "Diameter", "unit": "mm"})
    table.append({"label": "frame_number", "eye": "both", "type": "FrameNumber", "unit": "count"})
    return table


class FramePacer:
    """Which frames of a steady rate are due: frame n is stamped `start_lsl` + n / `rate_hz`."""

    def __init__(self, rate_hz: float, start_lsl: float) -> None:
        self.rate_hz = rate_hz
        self.start_lsl = start_lsl
        self._next = 0

    def due(self, now_lsl: float, limit: int = 4096) -> NDArray[np.int64]:
        """Numbers of the frames stamped until `now_lsl` and not given out yet, at most `limit` of them."""
        end = int(np.floor((now_lsl - self.start_lsl) * self.rate_hz)) + 1
        frames = np.arange(self._next, max(self._next, min(end, self._next + limit)), dtype=np.int64)
        self._next += len(frames)
        return frames

    def stamps(self, frames: NDArray[np.int64]) -> NDArray[np.float64]:
        """LSL seconds of frames."""
        return self.start_lsl + frames / self.rate_hz


def _first_free_number(name: str) -> int:
    taken = {stream.name() for stream in lsl().resolve_streams(_FIRST_FREE_WAIT_S)}
    number = 1
    while f"{name} {number}" in taken:
        number += 1
    return number


def _append(parent: object, fields: Mapping[str, object]) -> None:
    for name, value in fields.items():
        parent.append_child_value(name, str(value))  # type: ignore[attr-defined]
