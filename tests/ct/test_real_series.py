"""The three real series, with the geometry that their headers give when worked out apart from the program."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK

from ctgaze_app.ct import VoiWindow, load_series


def test_nlst_chest_is_regular_with_undeclared_padding(shared_data: Path) -> None:
    volume = load_series(shared_data / "ct" / "nlst_chest")
    assert volume.shape_kji == (143, 512, 512)
    assert volume.voxels.dtype == np.int16
    assert volume.regular
    assert volume.plane == 0
    assert volume.pixel_spacing_ij_mm == (0.54, 0.54)
    expected = [[0.54, 0, 0, -150.7812], [0, 0.54, 0, -160.9375], [0, 0, -2, 1212], [0, 0, 0, 1]]
    assert np.allclose(volume.affine_lps, expected, atol=1e-9)
    assert {finding.code for finding in volume.findings} == {"no_patient_position", "padding"}
    assert volume.padding is not None
    assert set(np.unique(volume.voxels[volume.padding])) == {-2048}
    assert volume.voxels[~volume.padding].min() > -1500
    assert volume.windows == (VoiWindow(-650, 1500),)


def test_nlst_chest_voxels_equal_simpleitk(shared_data: Path) -> None:
    volume = load_series(shared_data / "ct" / "nlst_chest")
    folder = str(shared_data / "ct" / "nlst_chest")
    reader = SimpleITK.ImageSeriesReader()
    names = reader.GetGDCMSeriesFileNames(folder)
    for k in (0, 70, 142):  # SimpleITK runs from the feet
        theirs = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(names[142 - k]))[0]
        assert np.array_equal(volume.voxels[k], theirs)


def test_tilted_head_keeps_every_slice_where_it_was(shared_data: Path) -> None:
    volume = load_series(shared_data / "ct" / "ge_head_tilt")
    assert volume.shape_kji == (28, 512, 512)
    assert not volume.regular
    assert volume.plane == 0
    z = volume.positions_lps_mm[:, 2]
    assert z[0] == 157.7760586
    assert z[-1] == 5.8360586
    assert np.round(-np.diff(z), 2).tolist() == [7.38] * 13 + [1.14] + [4.22] * 13
    messages = {finding.code: finding.message for finding in volume.findings}
    assert messages["gantry_tilt"] == "Slices lean by 18.5 degrees (gantry tilt)"
    assert messages["variable_spacing"] == "Slice distance varies from 1.08 to 7.00 mm"
    assert set(messages) == {"gantry_tilt", "variable_spacing", "padding"}
    assert volume.padding is not None
    assert set(np.unique(volume.voxels[volume.padding])) == {-1500}
    assert volume.voxels[~volume.padding].min() == -1023


def test_body_without_series_uid_loads_from_jpeg_2000(shared_data: Path) -> None:
    volume = load_series(shared_data / "ct" / "body_j2k_no_series_uid")
    assert volume.shape_kji == (20, 512, 512)
    assert volume.regular
    assert (volume.voxels.min(), volume.voxels.max()) == (-1024, 1839)
    expected = [[0.9765625, 0, 0, -249.51171875], [0, 0.9765625, 0, -437.51171875], [0, 0, -2, -766.5], [0, 0, 0, 1]]
    assert np.allclose(volume.affine_lps, expected, atol=1e-9)
    assert [window.name for window in volume.windows] == ["WINDOW1", "WINDOW2"]
    assert volume.findings == ()


@pytest.mark.parametrize("name", ["nlst_chest", "ge_head_tilt", "body_j2k_no_series_uid"])
def test_nothing_identifying_is_said(shared_data: Path, name: str) -> None:
    files = sorted((shared_data / "ct" / name).iterdir())[:6]
    volume = load_series(files)
    said = repr(volume) + " ".join(finding.message for finding in volume.findings)
    assert str(shared_data) not in said
    assert not any(uid and uid in said for uid in (volume.source.series_uid, *volume.source.sop_instance_uids))
