"""Append-only XDF 1.0 writing: raw stamps, the clock-offset series beside them, and nothing ever rewritten."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from xml.etree import ElementTree

import numpy as np
from numpy.typing import ArrayLike

from ctgaze_app.acquisition import xdf_format
from ctgaze_app.acquisition.clock import utc_text
from ctgaze_app.acquisition.xdf_format import BOUNDARY_MARK, MAGIC, NUMERIC_FORMATS, Tag, encode_chunk

FSYNC_EVERY_S = 1.0
BOUNDARY_EVERY_S = 10.0


@dataclass
class StreamTally:
    """What has been written of one stream, for its footer."""

    channel_format: str
    n_channels: int
    samples: int = 0
    first_stamp: float | None = None
    last_stamp: float | None = None
    clock_offsets: list[tuple[float, float]] = field(default_factory=list)


class XdfWriter:
    """Writes one new XDF file; never touches a file that exists.

    Bytes wait in `pending` until `flush`, so a full disk loses none of them: they are tried again at the next flush.

    Raises
    ------
    FileExistsError
        When the file is there already.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("xb", buffering=0)
        self._pending = bytearray(MAGIC)
        self._tallies: dict[int, StreamTally] = {}
        self._footed: set[int] = set()
        self._synced_at = self._bounded_at = float("-inf")
        self._pending += file_header()
        self.flush()

    def add_stream(self, info_xml: str) -> int:
        """Write a stream's header, LSL's full XML of it, and return its number in the file (from 1).

        Raises
        ------
        ValueError
            When the XML names no channel count or a format that XDF does not have.
        """
        root = ElementTree.fromstring(info_xml)
        channel_format = root.findtext("channel_format", "")
        n_channels = int(root.findtext("channel_count", "0"))
        if n_channels < 1 or (channel_format != "string" and channel_format not in NUMERIC_FORMATS):
            raise ValueError(f"a stream of {n_channels} channels of format {channel_format!r} cannot be written")
        stream_id = len(self._tallies) + 1
        self._tallies[stream_id] = StreamTally(channel_format, n_channels)
        self._pending += encode_chunk(Tag.STREAM_HEADER, info_xml.encode("utf-8"), stream_id)
        return stream_id

    def write_samples(self, stream_id: int, stamps: ArrayLike, values: Any) -> None:
        """Write samples with their raw stamps.

        Parameters
        ----------
        stream_id
            From `add_stream`.
        stamps
            (N,) seconds in the sender's clock.
        values
            Numbers (N, C); for string streams a list of N strings, or of N lists of C strings.
        """
        tally = self._tallies[stream_id]
        times = np.asarray(stamps, dtype=np.float64)
        if times.ndim != 1 or len(times) != len(values):
            raise ValueError(f"{len(values)} samples with stamps of shape {times.shape}")
        if len(times) == 0:
            return
        if tally.channel_format == "string":
            rows = [[value] if isinstance(value, str) else list(value) for value in values]
            if any(len(row) != tally.n_channels for row in rows):
                raise ValueError(f"a sample of this stream has {tally.n_channels} strings")
            content = xdf_format.encode_string_samples(times, rows)
        else:
            numbers = np.asarray(values)
            if numbers.shape != (len(times), tally.n_channels):
                raise ValueError(f"samples of shape {numbers.shape} for a stream of {tally.n_channels} channels")
            content = xdf_format.encode_numeric_samples(times, numbers, NUMERIC_FORMATS[tally.channel_format])
        self._pending += encode_chunk(Tag.SAMPLES, content, stream_id)
        tally.samples += len(times)
        tally.first_stamp = float(times[0]) if tally.first_stamp is None else tally.first_stamp
        tally.last_stamp = float(times[-1])

    def write_clock_offset(self, stream_id: int, time_lsl: float, offset_s: float) -> None:
        """Write what had to be added to the stream's stamps at `time_lsl` (our clock) to reach our clock.

        As in LabRecorder, the time goes into the file in the sender's clock.
        """
        sender_time = time_lsl - offset_s
        self._tallies[stream_id].clock_offsets.append((sender_time, offset_s))
        self._pending += encode_chunk(
            Tag.CLOCK_OFFSET, xdf_format.encode_clock_offset(sender_time, offset_s), stream_id
        )

    def tick(self, now: float) -> None:
        """Hand everything to the operating system; every second to the disk; every ten seconds a boundary mark.

        `now` is any clock that runs in seconds. Raises OSError when the disk refuses; nothing is lost by that.
        """
        if now - self._bounded_at >= BOUNDARY_EVERY_S:
            self._bounded_at = now
            self._pending += encode_chunk(Tag.BOUNDARY, BOUNDARY_MARK)
        self.flush()
        if now - self._synced_at >= FSYNC_EVERY_S:
            self._synced_at = now
            os.fsync(self._file.fileno())

    def flush(self) -> None:
        """Hand everything to the operating system: what a killed process has flushed survives it."""
        while self._pending:
            del self._pending[: self._file.write(self._pending) or 0]

    @property
    def pending_bytes(self) -> int:
        """Bytes that the disk has not taken yet."""
        return len(self._pending)

    def tally(self, stream_id: int) -> StreamTally:
        """Counts of one stream so far."""
        return self._tallies[stream_id]

    def close(self) -> None:
        """Write the footers that are missing and close; a closed file reads as complete."""
        if self._file.closed:
            return
        try:
            for stream_id, tally in self._tallies.items():
                if stream_id not in self._footed:
                    self._footed.add(stream_id)
                    footer = footer_xml(tally.samples, tally.first_stamp, tally.last_stamp, tally.clock_offsets)
                    self._pending += encode_chunk(Tag.STREAM_FOOTER, footer.encode("ascii"), stream_id)
            self.flush()
            os.fsync(self._file.fileno())
        finally:
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def file_header() -> bytes:
    """The first chunk of a file: the format's version, and when it was begun."""
    header = f'<?xml version="1.0"?><info><version>1.0</version><datetime>{utc_text()}</datetime></info>'
    return encode_chunk(Tag.FILE_HEADER, header.encode("ascii"))


def footer_xml(
    samples: int, first_stamp: float | None, last_stamp: float | None, clock_offsets: list[tuple[float, float]]
) -> str:
    """A stream's footer as LabRecorder writes it; stamps are raw."""
    offsets = "".join(
        f"<offset><time>{time!r}</time><value>{value!r}</value></offset>" for time, value in clock_offsets
    )
    return (
        '<?xml version="1.0"?><info>'
        f"<first_timestamp>{0.0 if first_stamp is None else first_stamp!r}</first_timestamp>"
        f"<last_timestamp>{0.0 if last_stamp is None else last_stamp!r}</last_timestamp>"
        f"<sample_count>{samples}</sample_count><clock_offsets>{offsets}</clock_offsets></info>"
    )
