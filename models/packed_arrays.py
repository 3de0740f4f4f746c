"""Arrays inside JSON: zlib and base64 beside type and shape, read back only as large as they claim to be."""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Iterable
from math import prod
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from models.errors import ModelError

MOST_BYTES = 2**30
"""Of all arrays of one file, unpacked: ten masks of 400 slices of 512 x 512 pixels."""
LEVEL = 1
"""Masks are almost all zeros: higher levels of compression take many times longer and save little."""

_DTYPES: dict[str, np.dtype[Any]] = {"uint8": np.dtype("u1"), "bool": np.dtype("u1"), "float32": np.dtype("<f4")}


class PackedArray(BaseModel):
    """One array.

    Attributes
    ----------
    dtype
        Of its values, little-endian; truths are bytes 0 and 1.
    shape
        In C order.
    zlib
        Its bytes, compressed, as base64.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    dtype: Literal["uint8", "bool", "float32"]
    shape: tuple[Annotated[int, Field(ge=0, le=65_536)], ...] = Field(max_length=4)
    zlib: str

    @property
    def size_bytes(self) -> int:
        """Unpacked, as it claims."""
        return prod(self.shape) * _DTYPES[self.dtype].itemsize


def pack(array: NDArray[Any]) -> dict[str, Any]:
    """A uint8, bool or float32 array for JSON."""
    dtype = array.dtype.name
    content = np.ascontiguousarray(array, dtype=_DTYPES[dtype])
    packed = base64.b64encode(zlib.compress(content.reshape(-1).view(np.uint8).data, LEVEL)).decode("ascii")
    return {"dtype": dtype, "shape": list(array.shape), "zlib": packed}


def unpack(packed: PackedArray, name: str, *, dtype: str, shape: tuple[int, ...]) -> NDArray[Any]:
    """The array; memory is taken for no more than `shape` holds.

    Parameters
    ----------
    name
        For messages.
    dtype, shape
        What it must be.

    Raises
    ------
    ModelError
        Another type or shape, more or fewer bytes, no base64, no zlib, or values that are no numbers or no truths.
    """
    if (packed.dtype, packed.shape) != (dtype, shape):
        raise ModelError(f"{name}: {packed.dtype} {packed.shape}, not {dtype} {shape}")
    try:
        compressed = base64.b64decode(packed.zlib, validate=True)
        reader = zlib.decompressobj()
        content = reader.decompress(compressed, packed.size_bytes + 1)
    except (binascii.Error, ValueError, zlib.error) as error:
        raise ModelError(f"{name}: is no packed array ({type(error).__name__})") from error
    if len(content) > packed.size_bytes:
        raise ModelError(f"{name}: holds more than the {packed.size_bytes} bytes of its shape")
    if len(content) < packed.size_bytes or not reader.eof or reader.unused_data:
        raise ModelError(f"{name}: is cut off or damaged")
    array = np.frombuffer(content, dtype=_DTYPES[dtype]).reshape(shape)
    if dtype == "float32":
        if not np.isfinite(array).all():
            raise ModelError(f"{name}: holds values that are no numbers")
        return array.astype(np.float32)
    if dtype == "bool":
        if array.size and array.max() > 1:
            raise ModelError(f"{name}: holds values that are neither 0 nor 1")
        return array.astype(np.bool_)
    return array


def refuse_too_many(arrays: Iterable[PackedArray]) -> None:
    """Refuse arrays that claim more than `MOST_BYTES` together, before any of them is unpacked."""
    claimed = sum(array.size_bytes for array in arrays)
    if claimed > MOST_BYTES:
        raise ModelError(f"its arrays claim {claimed / 2**30:.1f} GiB, more than {MOST_BYTES / 2**30:.0f} GiB")
