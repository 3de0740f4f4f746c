"""PNG, JPEG and TIFF: pixels as they are, whatever the storage; anything broken is one line."""

from __future__ import annotations

import struct
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from ctgaze_app.ct import list_series, load_series
from ctgaze_app.ct.picture_files import MOST_PIXELS, is_picture_file, picture_header, read_picture
from ctgaze_app.errors import SeriesError

GREY8 = (np.arange(24, dtype=np.uint8) * 10).reshape(6, 4)
GREY16 = (np.arange(24, dtype=np.uint16) * 2700).reshape(6, 4)
RGB = np.stack([GREY8, GREY8[::-1], 255 - GREY8], axis=2)
ORIENTATION = 0x0112
PHOTOMETRIC = 262


def save(path: Path, pixels: NDArray[Any], **options: Any) -> Path:
    Image.fromarray(pixels).save(path, **options)
    return path


@pytest.mark.parametrize("suffix", ["png", "tif"])
@pytest.mark.parametrize("pixels", [GREY8, GREY16, RGB], ids=["grey8", "grey16", "rgb"])
def test_lossless_pictures_come_as_they_were_saved(tmp_path: Path, suffix: str, pixels: NDArray[Any]) -> None:
    picture = read_picture(save(tmp_path / f"a.{suffix}", pixels))
    assert picture.pixels.dtype == pixels.dtype
    assert np.array_equal(picture.pixels, pixels)
    assert (picture.kind, picture.grey_in_colour, picture.transparent) == (
        {"png": "PNG", "tif": "TIFF"}[suffix],
        False,
        False,
    )


def test_jpeg_is_near_what_was_saved(tmp_path: Path) -> None:
    smooth = np.tile(np.arange(64, dtype=np.uint8) * 3, (48, 1))
    picture = read_picture(save(tmp_path / "a.jpg", smooth, quality=95))
    assert picture.kind == "JPEG"
    assert np.abs(picture.pixels.astype(int) - smooth).max() <= 4


def test_the_first_bytes_count_not_the_name(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", GREY8).rename(tmp_path / "radiograph")
    assert is_picture_file(path)
    assert np.array_equal(load_series(path).voxels[0], GREY8)


def test_palettes_alpha_and_equal_colours_become_what_they_show(tmp_path: Path) -> None:
    palette = Image.fromarray(RGB).quantize(24)
    palette.save(tmp_path / "palette.png")
    assert np.array_equal(read_picture(tmp_path / "palette.png").pixels, np.asarray(palette.convert("RGB")))

    alpha = np.full((6, 4, 1), 255, np.uint8)
    alpha[0] = 0
    clear = read_picture(save(tmp_path / "clear.png", np.concatenate([RGB, alpha], axis=2)))
    assert clear.transparent and not clear.pixels[0].any()
    assert np.array_equal(clear.pixels[1:], RGB[1:])
    solid = read_picture(save(tmp_path / "solid.png", np.concatenate([RGB, np.full((6, 4, 1), 255, np.uint8)], axis=2)))
    assert not solid.transparent

    equal = read_picture(save(tmp_path / "equal.png", np.repeat(GREY8[..., None], 3, axis=2)))
    assert equal.grey_in_colour and np.array_equal(equal.pixels, GREY8)
    Image.fromarray(GREY8 > 100).save(tmp_path / "bits.png")
    assert np.array_equal(read_picture(tmp_path / "bits.png").pixels, np.where(GREY8 > 100, 255, 0))


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_stand_upright_as_their_file_says(tmp_path: Path, suffix: str, orientation: int) -> None:
    corners = np.zeros((48, 32), dtype=np.uint8)
    corners[:24, :16], corners[:24, 16:], corners[24:, :16], corners[24:, 16:] = 10, 80, 150, 220
    upright = {
        1: corners, 2: corners[:, ::-1], 3: corners[::-1, ::-1], 4: corners[::-1], 5: corners.T,
        6: np.rot90(corners, -1), 7: np.rot90(corners, 2).T, 8: np.rot90(corners, 1),
    }[orientation]  # fmt: skip
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    options = {"tiffinfo": {ORIENTATION: orientation}, "compression": "tiff_lzw"} if suffix == "tif" else {"exif": exif}
    path = save(tmp_path / f"a.{suffix}", corners, **options)
    header, picture = picture_header(path, path.name), read_picture(path)
    assert (header.rows, header.columns) == picture.pixels.shape == upright.shape
    assert np.abs(picture.pixels.astype(int) - upright).max() <= (30 if suffix == "jpg" else 0)


def test_a_plain_tiff_on_its_side_is_refused_rather_than_mixed_up(tmp_path: Path) -> None:
    path = save(tmp_path / "a.tif", GREY8, tiffinfo={ORIENTATION: 6})
    with pytest.raises(SeriesError, match="lying on its side"):
        load_series(path)


def test_white_is_zero_in_either_depth(tmp_path: Path) -> None:
    deep = save(tmp_path / "deep.tif", GREY16, tiffinfo={PHOTOMETRIC: 0})
    assert np.array_equal(read_picture(deep).pixels, 65535 - GREY16)


def test_what_needs_more_than_16_bits_is_refused(tmp_path: Path) -> None:
    wide = save(tmp_path / "wide.tif", GREY16.astype(np.int32) * 3)
    real = save(tmp_path / "real.tif", GREY16.astype(np.float32))
    for path in (wide, real):
        with pytest.raises(SeriesError, match="not of 8 or 16 bits"):
            read_picture(path)


def test_several_pages_are_refused(tmp_path: Path) -> None:
    pages = [Image.fromarray(GREY8), Image.fromarray(GREY8)]
    pages[0].save(tmp_path / "pages.tif", save_all=True, append_images=pages[1:])
    with pytest.raises(SeriesError, match="several pictures"):
        load_series(tmp_path / "pages.tif")


@pytest.mark.parametrize("side", [9_000, 12_000, 60_000])
def test_a_small_file_that_claims_a_huge_picture_is_refused_before_it_is_decoded(tmp_path: Path, side: int) -> None:
    assert side * side > MOST_PIXELS

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    bomb = tmp_path / "bomb.png"
    bomb.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(bytes(100_000)))
        + chunk(b"IEND", b"")
    )
    with pytest.raises(SeriesError, match="more than 64 million pixels"):
        list_series(bomb)


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif"])
@pytest.mark.parametrize("keep", [0.1, 0.5, 0.9])
def test_a_truncated_picture_is_named(tmp_path: Path, suffix: str, keep: float) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64), dtype=np.uint8)
    path = save(tmp_path / f"a.{suffix}", noise)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * keep)])
    with pytest.raises(SeriesError) as caught:
        load_series(path)
    assert caught.value.place == str(path)
    assert caught.value.remedy
    assert "\n" not in str(caught.value)


@given(seed=st.integers(0, 10_000), which=st.sampled_from(["png", "jpg", "tif", "orient.jpg"]))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_damage_gets_past_as_anything_but_a_picture_or_one_line(tmp_path: Path, seed: int, which: str) -> None:
    path = tmp_path / f"a.{which}"
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    save(path, np.tile(RGB, (6, 6, 1)), **({"exif": exif} if which == "orient.jpg" else {}))
    content = bytearray(path.read_bytes())
    rng = np.random.default_rng(seed)
    for _ in range(int(rng.integers(1, 12))):
        content[int(rng.integers(len(content)))] = int(rng.integers(256))
    path.write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            volume = load_series(path)
        except SeriesError as error:
            assert "\n" not in str(error)
        else:
            assert volume.shape_kji[0] == 1
