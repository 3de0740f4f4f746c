"""Arrays inside JSON: zlib and base64 beside type and shape, unpacked in pieces, only as large as they claim to be."""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import IO, Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, field_validator

from models.errors import Cancelled, ModelError
from models.packed_text import PLACE, WORD, place_of

MOST_BYTES = 2**30
"""Of all arrays of one file, unpacked: ten masks of 400 slices of 512 x 512 pixels."""
LEVEL = 1
"""Masks are almost all zeros: higher levels of compression take many times longer and save little."""
TEXT_BYTES = 1 << 18
PIECE_BYTES = 1 << 20
"""Between two looks at whether anybody still wants the array: some milliseconds."""

_DTYPES: dict[str, np.dtype[Any]] = {"uint8": np.dtype("u1"), "bool": np.dtype("u1"), "float32": np.dtype("<f4")}


class PackedArray(BaseModel):
    """One array of a file, still packed.

    Attributes
    ----------
    dtype
        Of its values, little-endian; truths are bytes 0 and 1.
    shape
        In C order.
    zlib
        Where its bytes, compressed, as base64, stand in the file (`models.packed_text`).
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    dtype: Literal["uint8", "bool", "float32"]
    shape: tuple[Annotated[int, Field(ge=0, le=65_536)], ...] = Field(max_length=4)
    zlib: str

    @field_validator("zlib")
    @classmethod
    def _stands_somewhere(cls, place: str) -> str:
        if PLACE.fullmatch(place) is None:
            raise ValueError("is no packed array: dtype, shape and zlib stand in this order")
        return place

    @property
    def size_bytes(self) -> int:
        """Unpacked, as it claims."""
        return prod(self.shape) * _DTYPES[self.dtype].itemsize


@dataclass(frozen=True)
class Claim:
    """What an array of a file must be; `name` is its field, for messages too."""

    name: str
    packed: PackedArray = field(repr=False)
    dtype: str
    shape: tuple[int, ...]


def pack(array: NDArray[Any]) -> dict[str, Any]:
    """A uint8, bool or float32 array for JSON."""
    dtype = array.dtype.name
    content = np.ascontiguousarray(array, dtype=_DTYPES[dtype])
    packed = base64.b64encode(zlib.compress(content.reshape(-1).view(np.uint8).data, LEVEL)).decode("ascii")
    return {"dtype": dtype, "shape": list(array.shape), WORD: packed}


def check_claims(claims: Sequence[Claim]) -> int:
    """Bytes of all arrays of a file, before any of them is unpacked.

    Raises
    ------
    ModelError
        When one says that it is of another type or shape, or all together claim more than `MOST_BYTES`.
    """
    claimed = sum(one.packed.size_bytes for one in claims)
    if claimed > MOST_BYTES:
        raise ModelError(f"its arrays claim {claimed / 2**30:.1f} GiB, more than {MOST_BYTES / 2**30:.0f} GiB")
    for one in claims:
        said = one.packed.dtype, one.packed.shape
        if said != (one.dtype, one.shape):
            raise ModelError(f"{one.name}: {said[0]} {said[1]}, not {one.dtype} {one.shape}")
    return claimed


def unpack(
    claim: Claim, file: IO[bytes], *, grown: Callable[[int], None], cancelled: Callable[[], bool]
) -> NDArray[Any]:
    """A checked claim's array; memory is taken for no more than its shape holds.

    Parameters
    ----------
    grown
        Called with the bytes that have come, piece by piece.
    cancelled
        Asked before each piece.

    Raises
    ------
    ModelError
        More or fewer bytes, no base64, no zlib, or values that are no numbers or no truths.
    Cancelled
        After `cancelled` said so.
    """
    name, size = claim.name, claim.packed.size_bytes
    content = np.empty(size, dtype=np.uint8)
    reader, filled = zlib.decompressobj(), 0
    begin, end = place_of(claim.packed.zlib)
    file.seek(begin)
    try:
        while begin < end and not reader.eof:
            text = file.read(min(TEXT_BYTES, end - begin))
            begin = begin + len(text) if text else end
            packed = base64.b64decode(text, validate=True)
            while not cancelled() and (piece := reader.decompress(packed, PIECE_BYTES)):
                packed = reader.unconsumed_tail
                if filled + len(piece) > size:
                    raise ModelError(f"{name}: holds more than the {size} bytes of its shape")
                content[filled : filled + len(piece)] = np.frombuffer(piece, dtype=np.uint8)
                filled += len(piece)
                grown(len(piece))
            if cancelled():
                raise Cancelled
    except (binascii.Error, zlib.error) as error:
        raise ModelError(f"{name}: is no packed array ({type(error).__name__})") from error
    if filled < size or not reader.eof or reader.unused_data or begin < end:
        raise ModelError(f"{name}: is cut off or damaged")
    content.setflags(write=False)
    return _values(name, content.view(_DTYPES[claim.dtype]).reshape(claim.shape), claim.dtype)


def _values(name: str, array: NDArray[Any], dtype: str) -> NDArray[Any]:
    if dtype == "float32":
        if not np.isfinite(array).all():
            raise ModelError(f"{name}: holds values that are no numbers")
        return array.astype(np.float32, copy=False)
    if dtype == "bool":
        if array.size and array.max() > 1:
            raise ModelError(f"{name}: holds values that are neither 0 nor 1")
        return array.view(np.bool_)
    return array
