"""Dictation after a crash: a WAV whose header lags behind its data is put right and packed, leftovers are sorted
out."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass, field
from pathlib import Path

from ctgaze_app.acquisition.dictation import pack_to_flac
from ctgaze_app.errors import SessionError

HEADER_BYTES = 44
"""Our own WAV: RIFF, fmt of 16 bytes (PCM, mono, 16 bit), data."""


@dataclass
class SoundReport:
    """What was done, and what could not be."""

    actions: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def repair_dictation(folder: Path, aside: Path, fallback_rate_hz: int | None) -> SoundReport:
    """Settle every sound file of a session.

    Parameters
    ----------
    folder
        `dictation/`.
    aside
        Where to keep what cannot be used and the header bytes that were replaced; made when needed.
    fallback_rate_hz
        Sampling rate for a file whose header was never written.
    """
    report = SoundReport()
    for staging in sorted(folder.glob("*.flac.new")):
        if not staging.with_name(staging.name.removesuffix(".flac.new") + ".wav").exists():
            keep_aside(staging, aside)
            report.actions.append(f"sound {_stem(staging)}: a half-packed file without its original was put aside")
    for wav in sorted(folder.glob("*.wav")):
        try:
            _settle(wav, aside, fallback_rate_hz, report)
        except SessionError as error:
            report.problems.append(f"sound {wav.stem}: {error.message}; {error.remedy}")
        except OSError as error:
            report.problems.append(f"sound {wav.stem}: {error.strerror or type(error).__name__}")
    # A staging file beside a WAV is written anew by the packing; one beside a finished FLAC is of no use.
    for staging in sorted(folder.glob("*.flac.new")):
        if staging.with_suffix("").exists():
            staging.unlink()
    return report


def header_is_right(wav: Path) -> bool:
    """Whether the sizes in a WAV's header fit its length on disk."""
    with wav.open("rb") as file:
        head = file.read(HEADER_BYTES)
    if len(head) < HEADER_BYTES or head[:4] != b"RIFF" or head[8:12] != b"WAVE" or head[36:40] != b"data":
        return False
    riff, data = struct.unpack_from("<I", head, 4)[0], struct.unpack_from("<I", head, 40)[0]
    whole = _whole_bytes(wav)
    return bool(data == whole and riff == 36 + whole)


def repair_header(wav: Path, aside: Path, fallback_rate_hz: int | None) -> bool:
    """Make the header fit the data; the old 44 bytes go to `aside` first. False when there is no rate to be had."""
    with wav.open("rb") as file:
        head = file.read(HEADER_BYTES)
    rate = struct.unpack_from("<I", head, 24)[0] if head[:4] == b"RIFF" and len(head) == HEADER_BYTES else 0
    rate = rate or fallback_rate_hz or 0
    if rate <= 0:
        return False
    aside.mkdir(exist_ok=True)
    free_name(aside, f"{wav.name}.header").write_bytes(head)
    whole = _whole_bytes(wav)
    right = struct.pack("<4sI4s4sIHHII", b"RIFF", 36 + whole, b"WAVE", b"fmt ", 16, 1, 1, rate, rate * 2)
    with wav.open("r+b") as file:
        file.write(right + struct.pack("<HH4sI", 2, 16, b"data", whole))
        file.flush()
        os.fsync(file.fileno())
    return True


def keep_aside(path: Path, aside: Path) -> Path:
    """Move a file to `aside` under a free name."""
    aside.mkdir(exist_ok=True)
    target = free_name(aside, path.name)
    path.rename(target)
    return target


def free_name(folder: Path, name: str) -> Path:
    """`folder / name`, or with .2, .3, ... behind it when that is taken."""
    target, number = folder / name, 2
    while target.exists():
        target, number = folder / f"{name}.{number}", number + 1
    return target


def _settle(wav: Path, aside: Path, fallback_rate_hz: int | None, report: SoundReport) -> None:
    if wav.stat().st_size < HEADER_BYTES + 2:
        keep_aside(wav, aside)
        report.actions.append(f"sound {wav.stem}: it held no sound yet and was put aside")
        return
    if not header_is_right(wav):
        if not repair_header(wav, aside, fallback_rate_hz):
            report.problems.append(
                f"sound {wav.stem}: its header is damaged and no sampling rate is known; it was kept"
            )
            return
        report.actions.append(f"sound {wav.stem}: its header was put right")
    seconds = _seconds(wav)
    pack_to_flac(wav)
    report.actions.append(f"sound {wav.stem}: {seconds:.1f} s packed")


def _seconds(wav: Path) -> float:
    import soundfile

    return float(soundfile.info(wav).duration)


def _whole_bytes(wav: Path) -> int:
    data = wav.stat().st_size - HEADER_BYTES
    return data - data % 2


def _stem(staging: Path) -> str:
    return staging.name.removesuffix(".flac.new")
