"""What XDF 1.0 fixes: chunk tags, the boundary mark, length fields and value formats."""

from __future__ import annotations

import struct
import uuid
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

MAGIC = b"XDF:"
BOUNDARY_MARK = uuid.UUID("43a546dc-cbf5-410f-b30e-d5467383cbe4").bytes


class Tag(IntEnum):
    """What a chunk holds."""

    FILE_HEADER = 1
    STREAM_HEADER = 2
    SAMPLES = 3
    CLOCK_OFFSET = 4
    BOUNDARY = 5
    STREAM_FOOTER = 6


STREAM_TAGS = frozenset({Tag.STREAM_HEADER, Tag.SAMPLES, Tag.CLOCK_OFFSET, Tag.STREAM_FOOTER})
"""Tags whose content starts with a stream number of four bytes."""

NUMERIC_FORMATS: dict[str, np.dtype] = {
    "float32": np.dtype("<f4"),
    "double64": np.dtype("<f8"),
    "int8": np.dtype("i1"),
    "int16": np.dtype("<i2"),
    "int32": np.dtype("<i4"),
    "int64": np.dtype("<i8"),
}


class DamagedXdf(ValueError):  # noqa: N818 - it names what was found, and never leaves the reader
    """Bytes that cannot be an XDF chunk."""


def encode_length(length: int) -> bytes:
    """A length field: one byte that says how many follow (1, 4 or 8), then the length, little-endian."""
    if length < 0x100:
        return struct.pack("<BB", 1, length)
    if length < 0x1_0000_0000:
        return struct.pack("<BI", 4, length)
    return struct.pack("<BQ", 8, length)


def decode_length(data: bytes | memoryview, offset: int) -> tuple[int, int]:
    """Inverse of `encode_length` at `offset`: the length, and where the field ends.

    Raises
    ------
    DamagedXdf
        When the first byte is not 1, 4 or 8, or the data end within the field.
    """
    if offset >= len(data):
        raise DamagedXdf("the data end before a length field")
    width = data[offset]
    if width not in (1, 4, 8):
        raise DamagedXdf(f"a length field of {width} bytes")
    end = offset + 1 + width
    if end > len(data):
        raise DamagedXdf("the data end within a length field")
    return int.from_bytes(data[offset + 1 : end], "little"), end


def encode_chunk(tag: Tag, content: bytes, stream_id: int | None = None) -> bytes:
    """One whole chunk: length, tag, stream number where the tag has one, content."""
    head = struct.pack("<H", tag) if stream_id is None else struct.pack("<HI", tag, stream_id)
    return encode_length(len(head) + len(content)) + head + content


def sample_record(value_format: np.dtype, n_channels: int) -> np.dtype:
    """A sample that carries its own stamp: the byte 8, the stamp, the values, packed without gaps."""
    return np.dtype([("stamp_bytes", "u1"), ("stamp", "<f8"), ("values", value_format, (n_channels,))])


def encode_numeric_samples(stamps: NDArray[np.float64], values: NDArray, value_format: np.dtype) -> bytes:
    """Content of a Samples chunk of numbers; `values` is (N, C), `stamps` (N,) in the sender's clock."""
    records = np.empty(len(stamps), dtype=sample_record(value_format, values.shape[1]))
    records["stamp_bytes"] = 8
    records["stamp"] = stamps
    records["values"] = values
    return encode_length(len(stamps)) + records.tobytes()


def encode_string_samples(stamps: NDArray[np.float64], rows: list[list[str]]) -> bytes:
    """Content of a Samples chunk of strings, UTF-8; one list of strings for each sample."""
    parts = [encode_length(len(rows))]
    for stamp, row in zip(stamps, rows, strict=True):
        parts.append(struct.pack("<Bd", 8, stamp))
        for text in row:
            encoded = text.encode("utf-8")
            parts += (encode_length(len(encoded)), encoded)
    return b"".join(parts)


def encode_clock_offset(time: float, offset: float) -> bytes:
    """Content of a ClockOffset chunk; `time` is in the sender's clock, `offset` is what to add to its stamps."""
    return struct.pack("<dd", time, offset)
