"""A trial's sound on disk: a WAV that reads even after a kill, packed to FLAC when the trial closes."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from ctgaze_app.errors import SessionError

_HEADER_BYTES = 44
_BLOCK_FRAMES = 1 << 16


class WavAppender:
    """Writes one new mono 16-bit WAV file whose header is right after every `flush`.

    Bytes that a full disk refuses stay in memory and are tried again at the next flush.

    Raises
    ------
    FileExistsError
        When the file is there already.
    """

    def __init__(self, path: Path, rate_hz: int) -> None:
        self.path = path
        self.rate_hz = rate_hz
        self.frames = 0
        self._pending = bytearray()
        self._data_bytes = 0
        self._file: BinaryIO = path.open("xb", buffering=0)
        self._patch_header()

    def append(self, frames: NDArray[np.int16]) -> None:
        """Take frames (N,); they reach the file at the next flush."""
        self._pending += frames.astype("<i2", copy=False).tobytes()
        self.frames += len(frames)

    def flush(self, *, to_disk: bool = False) -> None:
        """Hand everything to the operating system, then correct the header; `to_disk` waits for the disk too."""
        self._file.seek(_HEADER_BYTES + self._data_bytes)
        try:
            while self._pending:
                written = self._file.write(self._pending) or 0
                self._data_bytes += written
                del self._pending[:written]
        finally:
            self._patch_header()
        if to_disk:
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Flush to the disk and close."""
        if not self._file.closed:
            try:
                self.flush(to_disk=True)
            finally:
                self._file.close()

    def _patch_header(self) -> None:
        whole = self._data_bytes - self._data_bytes % 2
        head = struct.pack(
            "<4sI4s4sIHHII", b"RIFF", 36 + whole, b"WAVE", b"fmt ", 16, 1, 1, self.rate_hz, self.rate_hz * 2
        )
        self._file.seek(0)
        self._file.write(head + struct.pack("<HH4sI", 2, 16, b"data", whole))


def repair_wav(wav: Path) -> int:
    """Make the header of a WAV of ours cover all its sound, after a kill between the two; returns its frames.

    Raises
    ------
    SessionError
        When the file is too short for a header, is none of ours, or cannot be written.
    """
    try:
        with wav.open("rb") as file:
            header = file.read(_HEADER_BYTES)
        whole = (wav.stat().st_size - _HEADER_BYTES) // 2 * 2
        if len(header) < _HEADER_BYTES or header[:4] != b"RIFF" or header[36:40] != b"data":
            raise SessionError("this is no sound file of ours", place=wav.name, remedy="it was kept as it is")
        if struct.unpack_from("<I", header, 40)[0] != whole:
            with wav.open("r+b") as file:
                file.seek(4)
                file.write(struct.pack("<I", 36 + whole))
                file.seek(40)
                file.write(struct.pack("<I", whole))
                os.fsync(file.fileno())
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise SessionError(f"the sound cannot be repaired: {reason}", place=wav.name) from error
    return whole // 2


def pack_to_flac(wav: Path) -> Path:
    """Pack a WAV into FLAC beside it, check that every sample is the same, only then delete the WAV.

    Killed at any moment it leaves the WAV, or the checked FLAC, or both; called again it goes on from there. A WAV
    that was cut off is repaired first.

    Returns
    -------
    Path
        The FLAC file.

    Raises
    ------
    SessionError
        When it holds no sound, cannot be packed or reads back differently; the WAV stays.
    """
    import soundfile

    if repair_wav(wav) == 0:
        raise SessionError("there is no sound in this file", place=wav.name, remedy="the WAV file was kept")
    flac = wav.with_suffix(".flac")
    staging = wav.with_suffix(".flac.new")
    try:
        if not flac.exists():
            with (
                soundfile.SoundFile(wav) as source,
                soundfile.SoundFile(
                    staging, "w", source.samplerate, source.channels, subtype="PCM_16", format="FLAC"
                ) as target,
            ):
                for block in source.blocks(_BLOCK_FRAMES, dtype="int16"):
                    target.write(block)
            if not _same_sound(wav, staging):
                staging.unlink()
                raise SessionError("the packed sound differs", place=wav.name, remedy="the WAV file was kept")
            with staging.open("r+b") as packed:
                os.fsync(packed.fileno())
            staging.rename(flac)
        elif not _same_sound(wav, flac):
            raise SessionError(
                "there is another FLAC file of this name", place=wav.name, remedy="the WAV file was kept"
            )
        wav.unlink()
    except (OSError, soundfile.LibsndfileError) as error:
        raise SessionError("the sound could not be packed", place=wav.name, remedy="the WAV file was kept") from error
    return flac


def _same_sound(first: Path, second: Path) -> bool:
    import soundfile

    with soundfile.SoundFile(first) as one, soundfile.SoundFile(second) as other:
        if (one.frames, one.samplerate, one.channels) != (other.frames, other.samplerate, other.channels):
            return False
        pairs = zip(one.blocks(_BLOCK_FRAMES, dtype="int16"), other.blocks(_BLOCK_FRAMES, dtype="int16"), strict=True)
        return all(np.array_equal(a, b) for a, b in pairs)
