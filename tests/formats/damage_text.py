"""Damage to text of any kind and to plain bytes; what no reader can tell is named in `tests.formats.mutations`."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Random = np.random.Generator
Mutated = tuple[str, bytes] | None
"""What was done and what came of it; None where this damage is not possible here."""
FOREIGN = (
    b"",
    b" \n\n",
    b"<html><body>404</body></html>\n",
    b"PK\x03\x04\x14\x00\x00\x00",
    b"\x1f\x8b\x08\x00abc",
    b"{}\n",
    b"\x00" * 64,
)


def some(random: Random, items: Sequence[Any]) -> Any:
    """One of `items`."""
    return items[int(random.integers(0, len(items)))]


def cut_within_a_line(data: bytes, random: Random) -> Mutated:
    places = [place for place in range(1, len(data) - 1) if data[place - 1 : place] not in (b"\n", b"\r")]
    # A cut before the line end leaves a whole row; nothing but the missing line end tells it.
    place = int(some(random, places)) if places else 0
    return (f"cut at byte {place}", data[:place]) if place else None


def encoded_otherwise(data: bytes, random: Random) -> Mutated:
    name = some(random, ["utf-16", "utf-16-le", "utf-32", "utf-8-sig"])
    return f"in {name}", data.decode("utf-8").encode(name)


def nul_byte(data: bytes, random: Random) -> Mutated:
    place = int(random.integers(0, len(data)))
    return f"NUL at byte {place}", data[:place] + b"\0" + data[place:]


def bad_byte(data: bytes, random: Random) -> Mutated:
    place = int(random.integers(0, len(data)))
    return f"0xE9 at byte {place}", data[:place] + b"\xe9" + data[place:]


def windows_lines(data: bytes, random: Random) -> Mutated:
    return "Windows line ends", data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def something_else(data: bytes, random: Random) -> Mutated:
    other = bytes(some(random, FOREIGN))
    return f"another file: {other[:12]!r}", other


def cut(data: bytes, random: Random) -> Mutated:
    place = int(random.integers(0, max(1, len(data) - 1)))
    return f"cut at byte {place}", data[:place]


def byte_changed(data: bytes, random: Random) -> Mutated:
    place = int(random.integers(0, len(data)))
    return f"byte {place} changed", data[:place] + bytes([data[place] ^ 0x5A]) + data[place + 1 :]


def part_zeroed(data: bytes, random: Random) -> Mutated:
    place = int(random.integers(0, max(1, len(data) - 32)))
    return f"32 zeros at byte {place}", data[:place] + bytes(32) + data[place + 32 :]


def token_garbled(data: bytes, random: Random) -> Mutated:
    found = list(re.finditer(rb"(?<=[\s])[+-]?\d+\.?\d*(?=[\s])", data))
    if not found:
        return None
    match, token = some(random, found), some(random, ["abc", "12px", "1.2.3", "--5", "inf", "1e30"])
    return f"{match.group()!r} at byte {match.start()} = {token}", data[: match.start()] + token.encode() + data[
        match.end() :
    ]


def _named(*functions: Callable[[bytes, Random], Mutated]) -> dict[str, Callable[[bytes, Random], Mutated]]:
    return {function.__name__.replace("_", " "): function for function in functions}


TEXT = _named(cut_within_a_line, encoded_otherwise, nul_byte, bad_byte, windows_lines, something_else)
LINES = _named(token_garbled)
BYTES = _named(cut, byte_changed, part_zeroed, something_else)
