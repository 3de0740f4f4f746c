"""Grids of cases from NIfTI files, whole and damaged."""

from __future__ import annotations

import gzip
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from ctgaze_app.formats.case_grids import read_case_grids
from ctgaze_app.formats.contract import FormatError
from ctgaze_app.formats.egd_masks import _nifti, read_mask


def _write(folder: Path, affine: np.ndarray) -> Path:
    path = folder / "case.nii.gz"
    nib.save(nib.Nifti1Image(np.zeros((8, 9, 10), np.int16), affine), path)
    return path


def test_the_grid_is_that_of_the_file_in_lps(tmp_path: Path) -> None:
    _write(tmp_path, np.array([[-0.5, 0, 0, 10], [0, -0.5, 0, 20], [0, 0, 2, 30], [0, 0, 0, 1.0]]))
    grid = read_case_grids(str(tmp_path), ["case"])["case"]
    assert grid.shape_kji == (10, 9, 8)
    assert grid.affine_lps is not None
    assert grid.affine_lps.tolist() == [[0.5, 0, 0, -10], [0, 0.5, 0, -20], [0, 0, 2, 30], [0, 0, 0, 1]]


def test_an_affine_that_is_flat_is_told(tmp_path: Path) -> None:
    path = _write(tmp_path, np.eye(4))
    whole = bytearray(gzip.decompress(path.read_bytes()))
    # srow_x, srow_y and srow_z, NIfTI-1 bytes 280 to 327.
    whole[280:328] = np.zeros(12, "<f4").tobytes()
    path.write_bytes(gzip.compress(bytes(whole)))
    with pytest.raises(FormatError, match="its affine is none in millimetres"):
        read_case_grids(str(tmp_path), ["case"])


@pytest.mark.parametrize("packed", [True, False])
def test_any_damage_to_the_file_is_one_line(tmp_path: Path, *, packed: bool) -> None:
    path = _write(tmp_path, np.eye(4))
    good = path.read_bytes()
    random = np.random.default_rng(3)
    told = 0
    for _ in range(60):
        damaged = bytearray(good if packed else gzip.decompress(good))
        for place in random.integers(0, min(348, len(damaged)), 4):
            damaged[place] = random.integers(0, 256)
        path.write_bytes(bytes(damaged) if packed else gzip.compress(bytes(damaged)))
        for read in (lambda: read_case_grids(str(tmp_path), ["case"]), lambda: _nifti(path)):
            try:
                read()
            except FormatError as error:
                assert "\n" not in str(error)
                told += 1
    assert told > 10


def test_a_picture_too_large_to_unpack_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("L", (100, 100)).save(tmp_path / "mask.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(FormatError, match=r"mask\.png: is not a picture"):
        read_mask(tmp_path / "mask.png")
