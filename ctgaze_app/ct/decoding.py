"""One slice's stored pixels to int16 HU, written straight into its place in the volume."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels import apply_color_lut, get_decoder
from pydicom.uid import UID

from ctgaze_app.ct.headers import SliceHeader
from ctgaze_app.errors import SeriesError

_NATIVE = {"1.2.840.10008.1.2": False, "1.2.840.10008.1.2.1": True}  # little endian; explicit VR or not
_LOSSY = (
    "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51", "1.2.840.10008.1.2.4.81", "1.2.840.10008.1.2.4.91",
    "1.2.840.10008.1.2.4.203",
)  # fmt: skip
# JPEG-LS: pyjpegls takes half of gdcm's time. RLE: pylibjpeg's is compiled. Else gdcm, the widest.
_PREFERRED = ("pyjpegls", "pylibjpeg-rle", "gdcm", "pylibjpeg", "pydicom", "pillow")
# The compiled decoders fail with whatever they like; each of these means "this slice cannot be decoded".
_DECODER_FAILURES = (
    RuntimeError, ValueError, TypeError, KeyError, IndexError, AttributeError, EOFError, NotImplementedError,
    struct.error, zlib.error, pydicom.errors.InvalidDicomError, MemoryError, OSError,
)  # fmt: skip


@dataclass(frozen=True)
class DecodedSlice:
    """What decoding noticed: whether HU had to be rounded or clipped into int16."""

    rounded: bool
    clipped: bool


def is_lossy(header: SliceHeader) -> bool:
    """Whether the pixels went through lossy compression, by their own word or by their transfer syntax."""
    return header.lossy or header.transfer_syntax in _LOSSY


def stored_pixels(header: SliceHeader) -> NDArray[Any]:
    """Stored values [j, i] before rescale, unused bits removed.

    Raises
    ------
    SeriesError
        Names the file when its pixels are cut short or cannot be decoded.
    """
    if header.pixel_offset < 0:
        raise broken(header, "the file ends before its pixels")
    try:
        stored = _native(header) if header.transfer_syntax in _NATIVE else _decoded(header, raw=True)[0]
    except OSError as error:
        raise broken(header, f"cannot be read: {error.strerror or 'input error'}") from error
    if stored.shape != (header.rows, header.columns):
        raise broken(header, "its pixels are not the picture that its header describes")
    return _without_unused_bits(stored, header)


def colour_pixels(header: SliceHeader) -> NDArray[np.uint8]:
    """Red, green and blue [j, i, 3] of a colour picture, whichever way its file stores colour.

    Raises
    ------
    SeriesError
        Names the file when its pixels are cut short or cannot be decoded.
    """
    if header.pixel_offset < 0:
        raise broken(header, "the file ends before its pixels")
    pixels, dataset = _decoded(header, raw=False)
    bits = header.bits_stored
    if header.photometric == "PALETTE COLOR":
        try:
            pixels = apply_color_lut(pixels, dataset)
        except _DECODER_FAILURES as error:
            raise broken(header, "its table of colours is broken") from error
        bits = 8 * pixels.dtype.itemsize
    if pixels.shape != (header.rows, header.columns, 3) or pixels.dtype.kind != "u":
        raise broken(header, "its pixels are not the picture that its header describes")
    return np.asarray(pixels >> max(bits - 8, 0), dtype=np.uint8)


def decode_into(header: SliceHeader, voxels: NDArray[np.int16], padding: NDArray[np.bool_] | None) -> DecodedSlice:
    """Decode one slice into `voxels` [j, i] (HU) and, when given, its declared padding into `padding` [j, i]."""
    stored = stored_pixels(header)
    if padding is not None and header.padding_stored is not None:
        low, high = header.padding_stored
        np.logical_and(stored >= low, stored <= high, out=padding)
    slope = 1.0 if header.slope is None or header.slope == 0 else header.slope
    intercept = header.intercept or 0.0
    whole = slope == 1.0 and intercept == int(intercept)
    if whole and stored.dtype in (np.int16, np.uint16):
        # int16 arithmetic wraps to the right answer as long as both ends fit, and needs no second array.
        low, high = int(stored.min()) + int(intercept), int(stored.max()) + int(intercept)
        if low >= -32768 and high <= 32767 and abs(intercept) <= 32767:
            np.add(stored.view(np.int16), np.int16(intercept), out=voxels)
            return DecodedSlice(rounded=False, clipped=False)
    values = stored.astype(np.float64) * slope + intercept
    nearest = np.rint(values)
    rounded = bool(np.any(nearest != values))
    clipped = bool(nearest.min() < -32768 or nearest.max() > 32767)
    voxels[...] = np.clip(nearest, -32768, 32767)
    return DecodedSlice(rounded=rounded, clipped=clipped)


def _native(header: SliceHeader) -> NDArray[Any]:
    explicit = _NATIVE[header.transfer_syntax]
    kind = np.dtype(f"<{'i' if header.signed else 'u'}{header.bits_allocated // 8}")
    count = header.rows * header.columns
    with header.path.open("rb") as file:
        file.seek(header.pixel_offset)
        start = file.read(12 if explicit else 8)
        if len(start) < (12 if explicit else 8) or start[:4] != b"\xe0\x7f\x10\x00":
            raise broken(header, "it has no pixels that can be shown")
        length = struct.unpack("<I", start[-4:])[0]
        stored = np.fromfile(file, dtype=kind, count=count)
    if len(stored) < count or length < count * kind.itemsize:
        raise broken(header, "its pixels are cut short")
    return stored.reshape(header.rows, header.columns)


def _decoded(header: SliceHeader, *, raw: bool) -> tuple[NDArray[Any], Dataset]:
    """Pixels and their dataset; `raw` leaves colours as stored, else they become red, green and blue."""
    syntax = UID(header.transfer_syntax)
    try:
        decoder = get_decoder(syntax)
    except NotImplementedError as error:
        raise broken(header, "its pixels are in a form that is not supported", "export it uncompressed") from error
    try:
        dataset = _encapsulated(header) if syntax.is_encapsulated else pydicom.dcmread(header.path)
    except _DECODER_FAILURES as error:
        raise broken(header, "its pixels are cut short") from error
    failure: Exception | None = None
    for plugin in _plugins(decoder.available_plugins, header.transfer_syntax) if syntax.is_encapsulated else [""]:
        try:
            pixels, _ = decoder.as_array(dataset, raw=raw, decoding_plugin=plugin)
        except _DECODER_FAILURES as error:
            failure = error
        else:
            return pixels, dataset
    raise broken(header, "its pixels are cut short or broken") from failure


def _encapsulated(header: SliceHeader) -> Dataset:
    """The dataset with its compressed pixels, checked to be complete (PS3.5 A.4); pydicom only warns.

    Raises
    ------
    ValueError
        When the items do not run up to their delimiter.
    """
    with header.path.open("rb") as file:
        dataset = pydicom.dcmread(file, stop_before_pixels=True)
        file.seek(header.pixel_offset)
        content = file.read()
    if content[:4] != b"\xe0\x7f\x10\x00":
        raise ValueError("no pixel data")
    start = at = 12
    while content[at : at + 4] == b"\xfe\xff\x00\xe0":
        at += 8 + int.from_bytes(content[at + 4 : at + 8], "little")
    if content[at : at + 4] != b"\xfe\xff\xdd\xe0":
        raise ValueError("the compressed pixels have no end")
    dataset.PixelData = content[start:at]
    dataset["PixelData"].is_undefined_length = True
    return dataset


def _plugins(available: tuple[str, ...], syntax: str) -> list[str]:
    rle = syntax == "1.2.840.10008.1.2.5"
    order = {name: n for n, name in enumerate(_PREFERRED)}
    return sorted(available, key=lambda name: order.get("pylibjpeg-rle" if rle and name == "pylibjpeg" else name, 99))


def _without_unused_bits(stored: NDArray[Any], header: SliceHeader) -> NDArray[Any]:
    """Old files keep overlays in the bits around the stored ones (PS3.5 8.1.1): clear them, or restore the sign.

    Uncompressed values end at HighBit; decoders of compressed ones have moved them down already.
    """
    width = 8 * stored.dtype.itemsize
    if header.bits_stored >= width or stored.dtype.kind not in "iu":
        return stored
    highest = header.bits_stored - 1
    if not UID(header.transfer_syntax).is_encapsulated:
        highest = min(max(highest, header.high_bit), width - 1)
    return np.right_shift(np.left_shift(stored, width - 1 - highest), width - header.bits_stored)


def broken(header: SliceHeader, message: str, remedy: str = "copy it again from its source") -> SeriesError:
    """The error that names a slice's file."""
    return SeriesError(message, place=str(header.path), remedy=remedy)
