"""From stored pixels to HU: padding, rescale, bits, compression."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest

from ctgaze_app.ct import load_series
from tests.ct.test_series import codes, noise
from tests.factories.dicom_series import SYNTAXES, field_of_view, write_series


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("syntax", list(SYNTAXES))
def test_every_transfer_syntax_gives_the_same_hu(tmp_path: Path, syntax: str, signed: bool) -> None:
    write_series(tmp_path, slices=3, syntax=syntax, signed=signed, intercept=0.0 if signed else -1024.0)
    assert np.array_equal(load_series(tmp_path).voxels, noise(3))


def test_declared_padding_is_masked_and_only_it(tmp_path: Path) -> None:
    write_series(tmp_path, slices=4, padding_stored=-2000, padding_range_stored=-1990, signed=True, intercept=-24.0)
    volume = load_series(tmp_path)
    inside = field_of_view(64, 64)
    assert volume.padding is not None
    assert np.array_equal(volume.padding, np.broadcast_to(~inside, (4, 64, 64)))
    assert set(np.unique(volume.voxels[volume.padding])) == {-2024}
    assert np.array_equal(volume.voxels[:, inside], noise(4)[:, inside])
    assert codes(volume) == ["padding"]


def test_both_ends_of_a_declared_padding_range_count_whatever_their_hu(tmp_path: Path) -> None:
    hu = noise(3)
    for column, value in enumerate((3999, 4000, 4005, 4010, 4011)):
        hu[:, 30, column + 20] = value
    write_series(
        tmp_path, slices=3, pixels=hu, padding_stored=4000, padding_range_stored=4010, signed=True, intercept=0.0
    )
    volume = load_series(tmp_path)
    assert volume.padding is not None
    assert volume.padding[1, 30, 20:25].tolist() == [False, True, True, True, False]
    assert volume.padding[1, 0, 0]
    assert [finding.message for finding in volume.findings] == [
        "Padding outside the field of view is left out of windows and measures"
    ]


def test_undeclared_padding_is_recognised_but_air_is_not(tmp_path: Path) -> None:
    write_series(tmp_path / "p", slices=4, padding_stored=-2048, padding_declared=False, signed=True, intercept=0.0)
    volume = load_series(tmp_path / "p")
    assert volume.padding is not None
    assert np.array_equal(volume.padding[0], ~field_of_view(64, 64))
    write_series(tmp_path / "air", slices=4, pixels=np.full((4, 64, 64), -1024))
    assert load_series(tmp_path / "air").padding is None


def test_monochrome1_keeps_hu(tmp_path: Path) -> None:
    write_series(tmp_path, slices=3, photometric="MONOCHROME1")
    volume = load_series(tmp_path)
    assert volume.monochrome1
    assert np.array_equal(volume.voxels, noise(3))
    assert codes(volume) == ["monochrome1"]


def test_fractional_slope_is_rounded_and_told(tmp_path: Path) -> None:
    hu = np.full((3, 64, 64), 10.25)
    hu[:, :, 32:] = 10.75
    write_series(tmp_path, slices=3, slope=0.5, intercept=-1000.25, pixels=hu)
    volume = load_series(tmp_path)
    assert set(np.unique(volume.voxels[:, :, :32])) == {10}
    assert set(np.unique(volume.voxels[:, :, 32:])) == {11}
    assert codes(volume) == ["rescale_rounded"]


def test_rescale_is_applied_slice_by_slice(tmp_path: Path) -> None:
    write_series(tmp_path, slices=4, tags={"RescaleIntercept": lambda k: -1024 + k})
    volume = load_series(tmp_path)
    assert np.array_equal(volume.voxels, noise(4) + np.arange(4)[:, None, None])
    assert codes(volume) == ["rescale_varies"]


def test_a_slope_of_zero_gives_no_hu(tmp_path: Path) -> None:
    write_series(tmp_path, slices=3, slope=1.0, tags={"RescaleSlope": 0})
    volume = load_series(tmp_path)
    assert volume.units == "arbitrary"
    assert codes(volume) == ["no_rescale"]


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize(("high_bit", "shift"), [(11, 0), (15, 4), (13, 2)])
def test_only_the_stored_bits_count_wherever_they_lie(tmp_path: Path, high_bit: int, shift: int, signed: bool) -> None:
    hu = np.clip(noise(3), -1000, 1000)
    files = write_series(tmp_path, slices=3, pixels=hu, signed=signed, intercept=0.0 if signed else -1024.0)
    for path in files:
        dataset = pydicom.dcmread(path)
        dataset.BitsStored, dataset.HighBit = 12, high_bit
        bits = np.frombuffer(dataset.PixelData, "<u2") & 0xFFF
        around = 0xFFFF & ~(0xFFF << shift)  # an overlay in every other bit
        dataset.PixelData = ((bits << shift) | (0x5555 & around)).astype("<u2").tobytes()
        dataset.save_as(path)
    assert np.array_equal(load_series(tmp_path).voxels, hu)
