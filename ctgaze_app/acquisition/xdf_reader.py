"""Reading XDF 1.0 at array speed, complete or cut off in the middle of a write."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from ctgaze_app.acquisition.clock_correction import correct_times
from ctgaze_app.acquisition.xdf_format import (
    BOUNDARY_MARK,
    MAGIC,
    NUMERIC_FORMATS,
    STREAM_TAGS,
    DamagedXdf,
    Tag,
    decode_length,
    sample_record,
)
from ctgaze_app.errors import SessionError


@dataclass(frozen=True, eq=False)
class XdfStream:
    """One recorded stream.

    `time_raw` (N,) is in the sender's clock as received; `time_lsl` (N,) in ours; `values` is (N, C) in the stream's
    own number format, or for strings a list of N strings (of N lists when there are several channels);
    `clock_offsets` (M, 2) holds sender time and the offset to add; `info` is the header as nested dicts, repeated
    children as lists; `footer` is None when the file was cut off.
    """

    stream_id: int
    info_xml: str
    info: dict[str, Any]
    time_raw: NDArray[np.float64]
    values: NDArray[Any] | list[str] | list[list[str]]
    clock_offsets: NDArray[np.float64]
    footer: dict[str, Any] | None

    @property
    def name(self) -> str:
        """The stream's name."""
        return str(self.info.get("name") or "")

    @property
    def type(self) -> str:
        """The stream's content type."""
        return str(self.info.get("type") or "")

    @property
    def source_id(self) -> str:
        """What identifies its source."""
        return str(self.info.get("source_id") or "")

    @property
    def channel_format(self) -> str:
        """XDF's name of the value format."""
        return str(self.info["channel_format"])

    @property
    def nominal_rate_hz(self) -> float:
        """What the sender promises; 0 for irregular streams."""
        return float(self.info.get("nominal_srate") or 0.0)

    @cached_property
    def channel_labels(self) -> tuple[str, ...]:
        """Labels of the channels; empty strings where the sender gives none."""
        return self._channel_texts("label")

    @cached_property
    def channel_units(self) -> tuple[str, ...]:
        """Units of the channels, as the sender states them."""
        return self._channel_texts("unit")

    @cached_property
    def time_lsl(self) -> NDArray[np.float64]:
        """Stamps on our clock: raw plus the clock offsets (`correct_times`)."""
        return correct_times(self.time_raw, self.clock_offsets[:, 0], self.clock_offsets[:, 1])

    @property
    def numbers(self) -> NDArray[Any]:
        """`values` of a numeric stream; raises TypeError for strings."""
        if not isinstance(self.values, np.ndarray):
            raise TypeError(f"stream {self.name!r} holds strings")
        return self.values

    @property
    def texts(self) -> list[str]:
        """`values` of a string stream with one channel (the first of several); raises TypeError for numbers."""
        if isinstance(self.values, np.ndarray):
            raise TypeError(f"stream {self.name!r} holds numbers")
        return [value if isinstance(value, str) else value[0] for value in self.values]

    def _channel_texts(self, key: str) -> tuple[str, ...]:
        root = ElementTree.fromstring(self.info_xml)
        texts = [channel.findtext(key, "") for channel in root.iterfind("desc/channels/channel")]
        n_channels = int(self.info["channel_count"])
        return tuple((texts + [""] * n_channels)[:n_channels])


@dataclass(frozen=True, eq=False)
class XdfFile:
    """A recording: its streams, and how far the file is whole.

    `complete` means that nothing is damaged and every stream has its footer; `bytes_good` is where the first damage
    starts (the file's length when there is none); `problem` says what it is.
    """

    path: Path
    header: dict[str, Any]
    streams: tuple[XdfStream, ...]
    complete: bool
    bytes_good: int
    problem: str | None

    def find(
        self, *, name: str | None = None, type: str | None = None, source_id: str | None = None
    ) -> list[XdfStream]:
        """Streams with this name, type (any case) and source id; None matches all."""
        return [
            stream
            for stream in self.streams
            if (name is None or stream.name == name)
            and (type is None or stream.type.lower() == type.lower())
            and (source_id is None or stream.source_id == source_id)
        ]


@dataclass
class _Collected:
    info_xml: str
    info: dict[str, Any]
    value_format: np.dtype | None
    n_channels: int
    tick_s: float
    pieces: list[memoryview] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    offsets: list[tuple[float, float]] = field(default_factory=list)
    footer: dict[str, Any] | None = None


def read_xdf(path: Path) -> XdfFile:
    """Read a whole XDF file, and of a damaged one everything outside the damage.

    Raises
    ------
    SessionError
        When the file cannot be opened, or is no XDF file.
    """
    try:
        data = memoryview(path.read_bytes())
    except OSError as error:
        raise SessionError(
            f"cannot be read: {error.strerror or type(error).__name__}",
            place=str(path),
            remedy="check the session folder",
        ) from error
    if bytes(data[: len(MAGIC)]) != MAGIC:
        raise SessionError("this is no XDF file", place=str(path), remedy="name a recording.xdf")
    header: dict[str, Any] = {}
    collected: dict[int, _Collected] = {}
    damages: list[tuple[int, str]] = []
    for start, tag, stream_id, content in _chunks(data, len(MAGIC), damages):
        try:
            if tag == Tag.FILE_HEADER:
                header = _parse_xml(bytes(content))[1]
            elif tag == Tag.STREAM_HEADER:
                if stream_id in collected:
                    raise DamagedXdf("a second header for one stream")
                collected[stream_id] = _start_stream(bytes(content))
            elif tag in STREAM_TAGS:
                _collect(collected, start, tag, stream_id, content)
        except DamagedXdf as damage:
            damages.append((start, str(damage)))
    streams = tuple(_finish(stream_id, stream, damages) for stream_id, stream in collected.items())
    bytes_good, problem = min(damages, default=(len(data), None))
    complete = problem is None and bool(header) and all(stream.footer is not None for stream in streams)
    return XdfFile(path, header, streams, complete, bytes_good, problem)


def _chunks(
    data: memoryview, offset: int, damages: list[tuple[int, str]]
) -> Iterator[tuple[int, int, int, memoryview]]:
    """Walk the chunks; after damage go on behind the next boundary mark."""
    unpack_head = struct.Struct("<HI").unpack_from
    while offset < len(data):
        start = offset
        try:
            length, body = decode_length(data, offset)
            end = body + length
            if end > len(data):
                raise DamagedXdf("the file ends within a chunk")
            if length < 2:
                raise DamagedXdf("a chunk without a tag")
            tag = data[body] | data[body + 1] << 8
            if not Tag.FILE_HEADER <= tag <= Tag.STREAM_FOOTER:
                raise DamagedXdf(f"a chunk with the unknown tag {tag}")
            if tag in STREAM_TAGS:
                if length < 6:
                    raise DamagedXdf("a chunk without its stream number")
                _, stream_id = unpack_head(data, body)
                yield start, tag, stream_id, data[body + 6 : end]
            else:
                yield start, tag, 0, data[body + 2 : end]
            offset = end
        except DamagedXdf as damage:
            damages.append((start, str(damage)))
            found = data.obj.find(BOUNDARY_MARK, start + 1)  # type: ignore[attr-defined]
            offset = len(data) if found < 0 else found + len(BOUNDARY_MARK)


def _parse_xml(content: bytes) -> tuple[str, dict[str, Any]]:
    text = content.decode("utf-8", errors="replace")
    try:
        parsed = _as_dict(ElementTree.fromstring(text))
    except ElementTree.ParseError as error:
        raise DamagedXdf(f"XML that cannot be parsed: {error}") from error
    return text, parsed if isinstance(parsed, dict) else {}


def _as_dict(element: ElementTree.Element) -> dict[str, Any] | str:
    if len(element) == 0:
        return element.text or ""
    children: dict[str, Any] = {}
    for child in element:
        value = _as_dict(child)
        if child.tag not in children:
            children[child.tag] = value
        elif isinstance(children[child.tag], list):
            children[child.tag].append(value)
        else:
            children[child.tag] = [children[child.tag], value]
    return children


def _start_stream(content: bytes) -> _Collected:
    text, info = _parse_xml(content)
    channel_format = info.get("channel_format")
    try:
        n_channels = int(info.get("channel_count", ""))
        rate = float(info.get("nominal_srate") or 0.0)
    except (TypeError, ValueError) as error:
        raise DamagedXdf("a stream header without channel count or rate") from error
    if not 1 <= n_channels <= 1 << 20 or not (channel_format == "string" or channel_format in NUMERIC_FORMATS):
        raise DamagedXdf(f"a stream header with {n_channels} channels of format {channel_format!r}")
    return _Collected(text, info, NUMERIC_FORMATS.get(str(channel_format)), n_channels, 1.0 / rate if rate > 0 else 0.0)


def _collect(collected: dict[int, _Collected], start: int, tag: int, stream_id: int, content: memoryview) -> None:
    stream = collected.get(stream_id)
    if stream is None:
        raise DamagedXdf(f"a chunk of stream {stream_id}, which has no header")
    if tag == Tag.SAMPLES:
        count, body = decode_length(content, 0)
        stream.counts.append(count)
        stream.starts.append(start)
        stream.pieces.append(content[body:])
    elif tag == Tag.CLOCK_OFFSET:
        if len(content) != 16:
            raise DamagedXdf("a clock offset of the wrong size")
        stream.offsets.append(struct.unpack("<dd", content))
    else:
        stream.footer = _parse_xml(bytes(content))[1]


def _finish(stream_id: int, stream: _Collected, damages: list[tuple[int, str]]) -> XdfStream:
    decoded = None if stream.value_format is None else _decode_numeric_fast(stream)
    if decoded is None:
        decoded = _decode_one_by_one(stream, damages)
    offsets = np.array(stream.offsets, dtype=np.float64).reshape(-1, 2)
    return XdfStream(stream_id, stream.info_xml, stream.info, decoded[0], decoded[1], offsets, stream.footer)


def _decode_numeric_fast(stream: _Collected) -> tuple[NDArray[np.float64], NDArray[Any]] | None:
    """All chunks at once, when every sample carries its own stamp (ours do); None when one does not."""
    assert stream.value_format is not None
    record = sample_record(stream.value_format, stream.n_channels)
    if any(len(piece) != n * record.itemsize for n, piece in zip(stream.counts, stream.pieces, strict=True)):
        return None
    records = np.frombuffer(b"".join(stream.pieces), dtype=record)
    if not np.all(records["stamp_bytes"] == 8):
        return None
    return records["stamp"].astype(np.float64), records["values"].copy(order="C")


def _decode_one_by_one(stream: _Collected, damages: list[tuple[int, str]]) -> tuple[NDArray[np.float64], Any]:
    """Strings, and numbers of other recorders that leave out stamps: those follow from the rate."""
    stamps: list[float] = []
    rows: list[Any] = []
    last = 0.0
    for start, count, piece in zip(stream.starts, stream.counts, stream.pieces, strict=True):
        position = 0
        try:
            for _ in range(count):
                if position >= len(piece):
                    raise DamagedXdf("fewer samples than a chunk promises")
                if piece[position] == 8:
                    (last,) = struct.unpack_from("<d", piece, position + 1)
                    position += 9
                elif piece[position] == 0:
                    last += stream.tick_s
                    position += 1
                else:
                    raise DamagedXdf("a sample with a stamp of the wrong size")
                row, position = _decode_row(stream, piece, position)
                stamps.append(last)
                rows.append(row)
        except (DamagedXdf, struct.error) as damage:
            damages.append((start, str(damage)))
    times = np.array(stamps, dtype=np.float64)
    if stream.value_format is None:
        return times, [row[0] for row in rows] if stream.n_channels == 1 else rows
    empty = np.empty((0, stream.n_channels), dtype=stream.value_format)
    return times, np.stack(rows) if rows else empty


def _decode_row(stream: _Collected, piece: memoryview, position: int) -> tuple[Any, int]:
    if stream.value_format is not None:
        end = position + stream.n_channels * stream.value_format.itemsize
        if end > len(piece):
            raise DamagedXdf("a sample cut off")
        return np.frombuffer(piece[position:end], dtype=stream.value_format), end
    row = []
    for _ in range(stream.n_channels):
        length, start = decode_length(piece, position)
        position = start + length
        if position > len(piece):
            raise DamagedXdf("a string cut off")
        row.append(bytes(piece[start:position]).decode("utf-8", errors="replace"))
    return row, position
