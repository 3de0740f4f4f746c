"""A picture's own curve for display: as pydicom applies it, stretched by windows, inverted, told when it is broken."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels import apply_modality_lut, apply_voi
from pydicom.sequence import Sequence

from ctgaze_app.ct import VoiWindow, Volume, load_series
from ctgaze_app.ct.windows import apply_window, window_lut
from tests.ct.test_pictures import RADIOGRAPH, codes, radiograph

FIRST, COUNT, BITS = 1000, 2000, 12
ENTRIES = np.rint(4095 * (np.arange(COUNT) / (COUNT - 1)) ** 2).astype(np.uint16)
"""A curve that no window is."""


def with_table(
    path: Path,
    entries: Any = None,
    *,
    first: int = FIRST,
    bits: int = BITS,
    count: int | None = None,
    explanation: str = "",
    **tags: Any,
) -> Path:
    """The file with a table in words (or the given bytes), and other tags."""
    dataset = pydicom.dcmread(path)
    item = Dataset()
    words = ENTRIES if entries is None else entries
    size = len(words) if count is None else count
    item.add_new("LUTDescriptor", "SS" if first < 0 else "US", [size % 65536, first, bits])
    item.add_new("LUTData", "OW", words if isinstance(words, bytes) else words.astype("<u2").tobytes())
    if explanation:
        item.LUTExplanation = explanation
    dataset.VOILUTSequence = Sequence([item])
    for name, value in tags.items():
        setattr(dataset, name, value)
    dataset.save_as(path)
    return path


def shown(volume: Volume, window: VoiWindow | None = None) -> NDArray[np.uint8]:
    return apply_window(volume.voxels[0], window or volume.windows[0], volume.monochrome1, volume.voi_table)


def grey_of(entries: NDArray[Any], bits: int = BITS) -> NDArray[np.float64]:
    return np.asarray(np.floor(entries / (2**bits - 1) * 255 + 0.5))


def as_pydicom(path: Path) -> NDArray[np.float64]:
    dataset = pydicom.dcmread(path)
    rescaled = np.rint(apply_modality_lut(dataset.pixel_array, dataset)).astype(np.int32)
    return grey_of(apply_voi(rescaled, dataset))


def test_the_picture_opens_as_its_file_says_and_keeps_its_values(tmp_path: Path) -> None:
    path = with_table(radiograph(tmp_path), explanation="THORAX")
    volume = load_series(path)
    assert np.array_equal(volume.voxels, RADIOGRAPH)
    assert (volume.windows[0].function, volume.windows[0].name) == ("TABLE", "THORAX")
    assert np.array_equal(shown(volume), as_pydicom(path))
    assert np.array_equal(shown(volume)[0, :64], np.zeros(64))  # below the table's first value
    assert "voi_lut" not in codes(volume)


def test_a_rescale_lies_before_the_curve(tmp_path: Path) -> None:
    stored = RADIOGRAPH * 0.5 + 900
    path = with_table(radiograph(tmp_path, pixels=stored, slope=0.5, intercept=900.0))
    volume = load_series(path)
    assert np.array_equal(volume.voxels, RADIOGRAPH)
    assert np.array_equal(shown(volume), as_pydicom(path))


def test_16_bits_that_are_moved_down_move_the_curve(tmp_path: Path) -> None:
    path = with_table(radiograph(tmp_path, pixels=RADIOGRAPH * 16), ENTRIES, first=30000)
    volume = load_series(path)
    assert "values_shifted" in codes(volume)
    assert np.array_equal(shown(volume), as_pydicom(path))


def test_first_values_below_zero_and_tables_of_65536_entries(tmp_path: Path) -> None:
    negative = with_table(radiograph(tmp_path / "n", pixels=RADIOGRAPH - 2000, signed=True), first=-1500)
    volume = load_series(negative)
    assert np.array_equal(shown(volume), as_pydicom(negative))
    assert shown(volume).max() == 255
    whole = with_table(radiograph(tmp_path / "w"), np.arange(65536, dtype=np.uint16)[::-1], first=0, bits=16)
    assert np.array_equal(shown(load_series(whole)), grey_of(65535 - RADIOGRAPH[0], 16))


@pytest.mark.parametrize("syntax", ["implicit", "big_endian", "rle"])
def test_the_curve_is_read_in_every_byte_order(tmp_path: Path, syntax: str) -> None:
    data = ENTRIES.astype(">u2").tobytes() if syntax == "big_endian" else ENTRIES.astype("<u2").tobytes()
    path = with_table(radiograph(tmp_path, syntax=syntax), data, count=COUNT)
    index = np.clip(RADIOGRAPH[0].astype(int) - FIRST, 0, COUNT - 1)
    assert np.array_equal(shown(load_series(path)), grey_of(ENTRIES[index]))


def test_entries_of_one_byte_each(tmp_path: Path) -> None:
    entries = np.arange(256, dtype=np.uint8)[::-1]
    path = with_table(radiograph(tmp_path), entries.tobytes(), first=100, bits=8, count=256)
    expected = entries[np.clip(RADIOGRAPH[0].astype(int) - 100, 0, 255)]
    assert np.array_equal(shown(load_series(path)), expected)


def test_windows_stretch_the_curve_and_the_files_own_windows_come_after_it(tmp_path: Path) -> None:
    path = with_table(radiograph(tmp_path, windows=((2000.0, 1000.0),)))
    volume = load_series(path)
    own, window = volume.windows
    assert window == VoiWindow(2000.0, 1000.0)
    assert np.array_equal(shown(volume, window), apply_window(RADIOGRAPH[0], window))
    wide = shown(volume, replace(own, width=2 * own.width))
    at = np.clip(np.rint((RADIOGRAPH[0] - own.centre) / 2 + own.centre).astype(int) - FIRST, 0, COUNT - 1)
    assert np.array_equal(wide, grey_of(ENTRIES[at]))
    moved = shown(volume, replace(own, centre=own.centre + 64))
    assert np.array_equal(moved[1:], shown(volume)[:-1])
    levels = window_lut(own, table=volume.voi_table)
    assert np.array_equal(levels[volume.voxels[0].view(np.uint16)], shown(volume))


@pytest.mark.parametrize(
    ("photometric", "shape", "inverted", "told"),
    [
        ("MONOCHROME1", None, True, ["monochrome1"]),
        ("MONOCHROME1", "INVERSE", True, ["monochrome1"]),
        ("MONOCHROME2", "IDENTITY", False, []),
        ("MONOCHROME2", "INVERSE", True, ["presentation_lut", "monochrome1"]),
        ("MONOCHROME1", "IDENTITY", False, ["presentation_lut"]),
    ],
)
def test_inversion_comes_after_the_curve_and_is_told(
    tmp_path: Path, photometric: Any, shape: str | None, inverted: bool, told: list[str]
) -> None:
    tags = {} if shape is None else {"PresentationLUTShape": shape}
    path = with_table(radiograph(tmp_path, photometric=photometric), **tags)
    volume = load_series(path)
    assert volume.monochrome1 == inverted
    assert np.array_equal(shown(volume), 255 - as_pydicom(path) if inverted else as_pydicom(path))
    assert [code for code in codes(volume) if code in ("presentation_lut", "monochrome1")] == told


@pytest.mark.parametrize(
    "broken",
    [
        {"count": COUNT + 1},
        {"bits": 0},
        {"bits": 17},
        {"entries": b""},
        {"ModalityLUTSequence": Sequence([Dataset()])},
    ],
)
def test_a_curve_that_cannot_be_read_is_told_and_the_picture_opens_without_it(
    tmp_path: Path, broken: dict[str, Any]
) -> None:
    sizes = {"count": COUNT} if "entries" in broken else {}
    volume = load_series(with_table(radiograph(tmp_path, windows=((2000.0, 1000.0),)), **{**sizes, **broken}))
    assert (volume.voi_table, volume.windows) == (None, (VoiWindow(2000.0, 1000.0),))
    assert "voi_lut" in codes(volume)


@pytest.mark.parametrize(
    ("tag", "element"),
    [
        ("LUTDescriptor", ("LO", "many")),
        ("LUTDescriptor", ("US", 7)),
        ("LUTData", ("LO", ["a", "b"])),
        ("LUTData", ("US", [1, 2, 3])),
    ],
)
def test_nonsense_in_a_table_leaves_the_picture_readable(tmp_path: Path, tag: str, element: tuple[str, Any]) -> None:
    path = with_table(radiograph(tmp_path))
    dataset = pydicom.dcmread(path)
    dataset.VOILUTSequence[0].add_new(tag, *element)
    dataset.save_as(path)
    volume = load_series(path)
    assert (volume.voi_table, codes(volume).count("voi_lut")) == (None, 1)


def test_a_table_of_whole_numbers_is_read_too(tmp_path: Path) -> None:
    path = with_table(radiograph(tmp_path))
    dataset = pydicom.dcmread(path)
    dataset.VOILUTSequence[0].add_new("LUTData", "US", [int(each) for each in ENTRIES])
    dataset.save_as(path)
    assert np.array_equal(shown(load_series(path)), as_pydicom(path))


def test_a_window_of_a_table_needs_the_table() -> None:
    with pytest.raises(ValueError, match="no table"):
        apply_window([1], VoiWindow(1, 1, function="TABLE"))
