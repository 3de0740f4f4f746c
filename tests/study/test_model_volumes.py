"""CT for models: padding is -1024, a NIfTI keeps its axes and place, and what is no CT is one line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from ctgaze_app.ct.volume import Volume
from ctgaze_app.errors import SeriesError
from ctgaze_app.formats.case_nifti import write_case_nifti
from ctgaze_app.study.model_volumes import (
    input_for_models,
    picture_for_models,
    read_nifti_volume,
    volume_for_models,
)
from models.volumes import CtVolume, PictureVolume
from tests.factories.volumes import make_volume


def test_the_applications_volume_keeps_its_values_and_place():
    volume = make_volume()
    found = volume_for_models(volume, "c1", "p1")
    assert found.hu_kji is volume.voxels
    assert (found.affine_lps == volume.affine_lps).all()
    assert (found.case, found.patient) == ("c1", "p1")


def test_padding_becomes_what_was_not_measured():
    volume = make_volume()
    padding = np.zeros(volume.shape_kji, dtype=bool)
    padding[0, 0, :2] = True
    found = volume_for_models(replace(volume, padding=padding))
    assert found.hu_kji[0, 0, :2].tolist() == [-1024, -1024]
    assert (found.hu_kji[~padding] == volume.voxels[~padding]).all()
    assert found.hu_kji.dtype == np.int16


def test_arbitrary_units_are_refused():
    with pytest.raises(SeriesError, match="c1: its values are no Hounsfield units"):
        volume_for_models(replace(make_volume(), units="arbitrary"), "c1")


def test_an_exported_volume_comes_back_voxel_by_voxel(tmp_path: Path):
    volume = make_volume()
    found = read_nifti_volume(write_case_nifti(volume, "c1", tmp_path), "c1")
    assert found.hu_kji.dtype == np.int16
    assert (found.hu_kji == volume.voxels).all()
    assert found.affine_lps == pytest.approx(volume.affine_lps, abs=1e-4)
    assert found.patient == "c1"


def test_scaled_values_are_whole_hounsfield_units_where_they_can_be(tmp_path: Path):
    for factor, dtype in ((1.0, np.int16), (0.5, np.float32)):
        values = np.arange(24, dtype=np.float64).reshape(2, 3, 4) * factor - 1000
        nib.save(nib.Nifti1Image(values, np.diag([1.0, 2.0, 3.0, 1.0])), tmp_path / "v.nii")
        found = read_nifti_volume(tmp_path / "v.nii")
        assert found.hu_kji.dtype == dtype
        assert (found.hu_kji == values.transpose(2, 1, 0)).all()
        assert (found.affine_lps == np.diag([-1.0, -2.0, 3.0, 1.0])).all()


def test_damaged_files_are_one_line(tmp_path: Path):
    image = nib.Nifti1Image(np.random.default_rng(1).integers(0, 999, (20, 20, 20)).astype(np.int16), np.eye(4))
    nib.save(image, tmp_path / "whole.nii.gz")
    content = (tmp_path / "whole.nii.gz").read_bytes()
    damaged = {
        "short.nii.gz": content[: len(content) // 2],
        "end.nii.gz": content[:-4] + b"\0\0\0\0",
        "text.nii": b"no picture",
        "empty.nii.gz": b"",
    }
    for name, text in damaged.items():
        (tmp_path / name).write_bytes(text)
        with pytest.raises(SeriesError, match=rf"^{name}: cannot be read as NIfTI") as fault:
            read_nifti_volume(tmp_path / name)
        assert "\n" not in str(fault.value)
    with pytest.raises(SeriesError, match=r"absent\.nii: this file is missing"):
        read_nifti_volume(tmp_path / "absent.nii")
    nib.save(nib.Nifti1Image(np.zeros((4, 4, 4, 2), np.int16), np.eye(4)), tmp_path / "four.nii")
    with pytest.raises(SeriesError, match="has the sizes 4 x 4 x 4 x 2, not the three"):
        read_nifti_volume(tmp_path / "four.nii")
    nib.save(nib.Nifti1Image(np.zeros((4, 4, 4), np.complex64), np.eye(4)), tmp_path / "waves.nii")
    with pytest.raises(SeriesError, match="complex64, not Hounsfield"):
        read_nifti_volume(tmp_path / "waves.nii")


def picture(values: list[list[int]], **changes: object) -> Volume:
    voxels = np.array([values], dtype=np.int16)
    return replace(make_volume(voxels), units="arbitrary", **changes)  # type: ignore[arg-type]


def test_a_grey_picture_keeps_its_values_and_its_place_where_it_has_one():
    volume = picture([[1, 2], [3, 4]])
    found = picture_for_models(volume, "c1", "p1")
    assert found.values is volume.voxels and not found.is_colour
    assert found.affine_lps is volume.affine_lps
    assert (found.case, found.patient) == ("c1", "p1")
    assert picture_for_models(replace(volume, has_mm=False)).affine_lps is None


def test_a_film_that_is_stored_inverted_is_bright_where_others_are():
    padding = np.array([[[False, False], [False, True]]])
    found = picture_for_models(picture([[1, 200], [400, 9999]], monochrome1=True, padding=padding))
    assert found.values.tolist() == [[[400, 201], [1, 1]]]
    assert found.values.dtype == np.int16
    whole = picture_for_models(picture([[-32768, 32767]], monochrome1=True))
    assert whole.values.tolist() == [[[32767, -32768]]]


def test_a_colour_picture_is_red_green_and_blue():
    colour = np.arange(12, dtype=np.uint8).reshape(1, 2, 2, 3)
    found = picture_for_models(picture([[1, 2], [3, 4]], colour=colour))
    assert found.is_colour and found.values is colour


def test_a_volume_is_ct_or_a_picture_for_any_model():
    assert isinstance(input_for_models(make_volume(), "c1"), CtVolume)
    assert isinstance(input_for_models(picture([[1, 2]]), "c1"), PictureVolume)
    with pytest.raises(SeriesError, match="c1: is CT in Hounsfield units, no picture"):
        picture_for_models(make_volume(), "c1")
