"""PNG, JPEG and TIFF pictures: recognised by their first bytes, measured before they are decoded, read as they are."""

from __future__ import annotations

import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile

from ctgaze_app.ct.headers import SliceHeader
from ctgaze_app.errors import SeriesError

PICTURE_FORMATS = ("PNG", "JPEG", "TIFF")
MOST_PIXELS = 64_000_000
"""Twice the largest mammograms; a file that claims more is a mistake or an attack."""

_MAGIC = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_READERS = (PngImageFile, JpegImageFile, TiffImageFile)
_GREY_MODES = ("1", "L", "I;16", "I;16L", "I;16B", "I;16N", "I")
# The decoders fail with whatever they like; each of these means "this picture cannot be decoded".
_FAILURES = (
    OSError, EOFError, SyntaxError, ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError,
    NotImplementedError, MemoryError, RuntimeError, struct.error, zlib.error,
)  # fmt: skip


@dataclass(frozen=True)
class PictureFile:
    """What a picture file holds.

    Attributes
    ----------
    pixels
        [j, i] uint8, uint16 or int16 grey levels, or [j, i, 3] uint8 red, green, blue; upright, as the file says.
    kind
        One of `PICTURE_FORMATS`.
    grey_in_colour
        The file stores three equal colours: they are taken as grey.
    transparent
        Parts were see-through: they became black.
    """

    pixels: NDArray[np.uint8] | NDArray[np.uint16] | NDArray[np.int16] = field(repr=False)
    kind: str
    grey_in_colour: bool = False
    transparent: bool = False


def is_picture_file(path: Path) -> bool:
    """Whether a file starts as PNG, JPEG or TIFF files do, whatever its name."""
    try:
        with path.open("rb") as file:
            return file.read(8).startswith(_MAGIC)
    except OSError:
        return False


def picture_header(path: Path, name: str) -> SliceHeader:
    """A picture file as a series of one slice, from its first bytes only.

    Parameters
    ----------
    name
        That tells it from the other files of its folder.

    Raises
    ------
    SeriesError
        Names the file when it is no such picture, broken, of several pages, or too large.
    """
    with _opened(path) as image:
        columns, rows = image.size
        try:
            if _on_its_side(image) and not isinstance(image, TiffImageFile):  # Pillow turns the size of TIFF itself
                columns, rows = rows, columns
        except _FAILURES as error:
            raise _broken(path) from error
        return SliceHeader(
            path=path, sop_instance_uid="", study_uid="", series_uid=f"picture:{name}", transfer_syntax="",
            pixel_offset=0, modality=_kind(image), localizer=False, series_number=0, acquisition_number=None,
            instance_number=None, acquisition_time="", content_time="", kernel="", patient_position="",
            position_lps_mm=None, orientation=None, pixel_spacing=None, slice_distance_mm=None, rows=rows,
            columns=columns, frames=1, samples=1 if image.mode in _GREY_MODES else 3, photometric="MONOCHROME2",
            bits_allocated=8, bits_stored=8, high_bit=7, signed=False, padding_stored=None, slope=None,
            intercept=None, rescale_type="", windows=(), lossy=_kind(image) == "JPEG", burned_in=False,
        )  # fmt: skip


def read_picture(path: Path) -> PictureFile:
    """Decode a picture.

    Raises
    ------
    SeriesError
        As `picture_header`, and when the pixels are cut short or of a kind that is not read.
    """
    with _opened(path) as image:
        kind = _kind(image)
        # Pillow inverts such files of 8 bits, not of 16.
        white_is_zero = (
            isinstance(image, TiffImageFile) and image.tag_v2.get(ExifTags.Base.PhotometricInterpretation) == 0
        )
        try:
            upright = ImageOps.exif_transpose(image)
            grey = upright.mode in _GREY_MODES
            pixels, transparent = (_as_grey(upright), False) if grey else _as_colour(upright)
            if grey and pixels is not None and pixels.dtype == np.uint16 and white_is_zero:
                pixels = np.bitwise_not(pixels)
        except _FAILURES as error:
            raise _broken(path) from error
    if pixels is None:
        raise SeriesError(
            "its pixels are not of 8 or 16 bits", place=str(path), remedy="save it with 8 or 16 bits, grey or RGB"
        )
    equal = pixels.ndim == 3 and bool((pixels == pixels[..., :1]).all())
    if equal:
        pixels = np.ascontiguousarray(pixels[..., 0], dtype=np.uint8)
    return PictureFile(pixels, kind, grey_in_colour=equal, transparent=transparent)


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """The file, opened and measured; nothing is decoded yet. Pillow's warnings about it reach nobody."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        with _checked(path) as image:
            yield image


def _checked(path: Path) -> Image.Image:
    try:
        image = Image.open(path, formats=[reader.format for reader in _READERS])
    except Image.DecompressionBombError as error:
        raise _too_large(path) from error
    except (UnidentifiedImageError, *_FAILURES) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise SeriesError(
                f"cannot be read: {error.strerror}", place=str(path), remedy="check that you may read it"
            ) from error
        raise _broken(path) from error
    problem = _unread(image, path)
    if problem is not None:
        image.close()
        raise problem
    return image


def _unread(image: Image.Image, path: Path) -> SeriesError | None:
    """Why an opened file is not read."""
    if image.width * image.height > MOST_PIXELS:
        return _too_large(path)
    try:
        # Cameras write MPO: a JPEG followed by its previews, of which only the first picture counts.
        if image.format != "MPO" and getattr(image, "n_frames", 1) > 1:
            return SeriesError(
                "it holds several pictures", place=str(path), remedy="save each picture in a file of its own"
            )
        if isinstance(image, TiffImageFile) and _on_its_side(image) and image.tile[0][0] == "raw":
            # Pillow decodes these with rows and columns exchanged.
            return SeriesError(
                "a TIFF stored lying on its side without compression is not read",
                place=str(path),
                remedy="save it upright",
            )
    except _FAILURES:
        return _broken(path)
    return None


def _broken(path: Path) -> SeriesError:
    return SeriesError("this picture is cut short or broken", place=str(path), remedy="copy it again from its source")


def _on_its_side(image: Image.Image) -> bool:
    return image.getexif().get(ExifTags.Base.Orientation, 1) in (5, 6, 7, 8)


def _kind(image: Image.Image) -> str:
    return "JPEG" if image.format == "MPO" else str(image.format)


def _too_large(path: Path) -> SeriesError:
    return SeriesError(
        f"this picture has more than {MOST_PIXELS // 1_000_000} million pixels",
        place=str(path),
        remedy="save it smaller",
    )


def _as_grey(image: Image.Image) -> NDArray[np.uint8] | NDArray[np.uint16] | NDArray[np.int16] | None:
    """Grey levels as stored; None when they need more than 16 bits."""
    if image.mode == "1":
        return np.asarray(image.convert("L"))
    values = np.asarray(image)
    if values.dtype == np.uint8:
        return values
    low, high = int(values.min()), int(values.max())
    if low >= 0 and high <= np.iinfo(np.uint16).max:
        return values.astype(np.uint16)
    fits = low >= np.iinfo(np.int16).min and high <= np.iinfo(np.int16).max
    return values.astype(np.int16) if fits else None


def _as_colour(image: Image.Image) -> tuple[NDArray[np.uint8] | None, bool]:
    """Red, green and blue; what is see-through lies on black, as everything around the picture does."""
    if image.mode in ("F", "LAB", "HSV"):
        return None, False
    if image.has_transparency_data:
        over = image.convert("RGBA")
        transparent = bool((np.asarray(over.getchannel("A")) < 255).any())
        black = Image.new("RGBA", over.size, (0, 0, 0, 255))
        return np.asarray(Image.alpha_composite(black, over).convert("RGB")), transparent
    return np.asarray(image.convert("RGB")), False
