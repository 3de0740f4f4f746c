"""JSON with packed arrays, read without them: each array's text is passed over and only its place in the file is kept.

So the rest of a file is known, and checked to its last bracket, in as little memory as it takes itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import IO

from models.errors import Cancelled, ModelError

WORD = "zlib"
"""Name of the field that an array's text stands in, next to its shape."""
PLACE = re.compile(r"@(\d{1,15})-(\d{1,15})")
"""What stands there instead: first byte and the one after the last; no base64 has an @."""
LARGEST_TEXT = 512 << 20
PIECE_BYTES = 1 << 20

_BEFORE = re.compile(rb'\]\s{0,32},\s{0,32}"' + WORD.encode() + rb'"\s{0,32}:\s{0,32}"')
_LONGEST_BEFORE = 160


def text_without_arrays(file: IO[bytes], *, cancelled: Callable[[], bool]) -> bytes:
    """The whole text with places instead of arrays.

    Parameters
    ----------
    file
        Open in binary mode, at its first byte.
    cancelled
        Asked before each piece.

    Raises
    ------
    ModelError
        When the text without arrays is larger than `LARGEST_TEXT`.
    Cancelled
        After `cancelled` said so.
    """
    kept = bytearray()
    read, rest = 0, b""
    began: int | None = None
    while piece := file.read(PIECE_BYTES):
        if cancelled():
            raise Cancelled
        read += len(piece)
        piece, at = rest + piece, 0
        while True:
            if began is not None:
                quote = piece.find(b'"', at)
                if quote < 0:
                    rest = b""
                    break
                kept += f"@{began}-{read - len(piece) + quote}".encode()
                began, at = None, quote
            found = _BEFORE.search(piece, at)
            if found is None:
                # What leads to an array may go on in the next piece.
                split = max(at, len(piece) - _LONGEST_BEFORE)
                kept += piece[at:split]
                rest = piece[split:]
                break
            kept += piece[at : found.end()]
            at = found.end()
            began = read - len(piece) + at
        if len(kept) > LARGEST_TEXT:
            raise ModelError(f"holds more than {LARGEST_TEXT >> 20} MiB beside its arrays")
    return bytes(kept + rest)


def place_of(text: str) -> tuple[int, int]:
    """First byte of an array's text and the one after its last, from what `text_without_arrays` wrote."""
    found = PLACE.fullmatch(text)
    assert found is not None
    return int(found[1]), int(found[2])
