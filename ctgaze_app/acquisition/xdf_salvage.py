"""Closing a recording that was cut off: its half-written tail is put aside, footers are added, nothing else changes."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from ctgaze_app.acquisition.xdf_format import BOUNDARY_MARK, Tag, encode_chunk
from ctgaze_app.acquisition.xdf_reader import XdfFile, read_xdf
from ctgaze_app.acquisition.xdf_writer import file_header, footer_xml
from ctgaze_app.errors import SessionError


@dataclass(frozen=True)
class ClosedRecording:
    """What `close_truncated` did: bytes put aside, the file they lie in (None when there were none), footers added."""

    bytes_put_aside: int
    side_file: Path | None
    footers_added: int


def close_truncated(path: Path) -> ClosedRecording:
    """Make a cut-off recording readable by every XDF reader; a complete one is left alone.

    The bytes behind the last whole chunk go to `<name>.tail` (`.tail2`, ... when that exists) and reach the disk
    before the recording is shortened, so that a second crash loses nothing; then come the missing footers.

    Raises
    ------
    SessionError
        When the file is no XDF file, cannot be written, or is damaged elsewhere than at its end.
    """
    recording = read_xdf(path)
    if recording.complete:
        return ClosedRecording(0, None, 0)
    size = path.stat().st_size
    if recording.problem is not None and _whole_chunks_after(recording, size):
        raise SessionError(
            f"damaged in the middle, at byte {recording.bytes_good}: {recording.problem}",
            place=str(path),
            remedy="keep this file as it is; everything outside the damage can still be read",
        )
    try:
        side_file = _put_tail_aside(path, recording.bytes_good) if recording.bytes_good < size else None
        with path.open("r+b") as file:
            file.truncate(recording.bytes_good)
            file.seek(recording.bytes_good)
            if not recording.header:
                file.write(file_header())
            added = 0
            for stream in recording.streams:
                offsets = [(float(time), float(offset)) for time, offset in stream.clock_offsets]
                if stream.footer is None:
                    first, last = (stream.time_raw[0], stream.time_raw[-1]) if len(stream.time_raw) else (None, None)
                    footer = footer_xml(
                        len(stream.time_raw),
                        None if first is None else float(first),
                        None if last is None else float(last),
                        offsets,
                    )
                    file.write(encode_chunk(Tag.STREAM_FOOTER, footer.encode("ascii"), stream.stream_id))
                    added += 1
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise SessionError(
            f"cannot be closed: {error.strerror or type(error).__name__}",
            place=str(path),
            remedy="check rights and space",
        ) from error
    return ClosedRecording(size - recording.bytes_good, side_file, added)


def _whole_chunks_after(recording: XdfFile, size: int) -> bool:
    """Whether anything readable lies behind the first damage."""
    if recording.bytes_good >= size:
        return False
    with recording.path.open("rb") as file:
        file.seek(recording.bytes_good)
        return BOUNDARY_MARK in file.read()


def _put_tail_aside(path: Path, start: int) -> Path:
    with path.open("rb") as file:
        file.seek(start)
        tail = file.read()
    number = 1
    while True:
        side_file = path.with_name(f"{path.name}.tail{number if number > 1 else ''}")
        try:
            with side_file.open("xb") as aside:
                aside.write(tail)
                aside.flush()
                os.fsync(aside.fileno())
        except FileExistsError:
            number += 1
        else:
            return side_file
