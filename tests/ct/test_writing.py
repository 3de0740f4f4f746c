"""Written CT series: valid, deterministic, and read back bit for bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray

from ctgaze_app.ct import load_series
from ctgaze_app.ct.writing import write_ct_series
from ctgaze_app.errors import SeriesError

SPACING = (2.5, 0.7, 0.625)
TYPE_1 = [
    "SOPClassUID",
    "SOPInstanceUID",
    "Modality",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "FrameOfReferenceUID",
    "ImageType",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "PixelSpacing",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "Rows",
    "Columns",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "PixelData",
    "RescaleIntercept",
    "RescaleSlope",
    "PatientPosition",
]
TYPE_2 = [
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "AccessionNumber",
    "ReferringPhysicianName",
    "Manufacturer",
    "SeriesNumber",
    "AcquisitionNumber",
    "InstanceNumber",
    "SliceThickness",
    "KVP",
    "PositionReferenceIndicator",
]


def _stack(highest_hu: int = 3071) -> NDArray[np.int16]:
    hu = np.random.default_rng(3).integers(-1024, 1500, (5, 12, 18)).astype(np.int16)
    hu[0, 0, 0], hu[-1, -1, -1] = -1024, highest_hu
    return hu


def test_every_slice_has_the_attributes_that_a_ct_image_requires(tmp_path: Path) -> None:
    paths = write_ct_series(tmp_path, _stack(), spacing_kji_mm=SPACING)
    assert [path.name for path in paths] == [f"slice_{n:04d}.dcm" for n in range(1, 6)]
    for number, path in enumerate(paths, start=1):
        dataset = pydicom.dcmread(path)
        assert [keyword for keyword in TYPE_1 if dataset.get(keyword) in (None, "", [])] == []
        assert [keyword for keyword in TYPE_2 if keyword not in dataset] == []
        assert dataset.SOPClassUID == pydicom.uid.CTImageStorage
        assert dataset.file_meta.TransferSyntaxUID == pydicom.uid.ExplicitVRLittleEndian
        assert dataset.file_meta.MediaStorageSOPInstanceUID == dataset.SOPInstanceUID
        assert (dataset.InstanceNumber, dataset.PatientPosition, dataset.PatientID) == (number, "HFS", "DEMO")
        assert (dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation) == (12, 11, 0)


def test_uids_are_valid_distinct_for_slices_and_shared_within_the_series(tmp_path: Path) -> None:
    datasets = [pydicom.dcmread(path) for path in write_ct_series(tmp_path, _stack(), spacing_kji_mm=SPACING)]
    uids = {dataset.SOPInstanceUID for dataset in datasets}
    assert len(uids) == len(datasets)
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID"):
        assert len({dataset[keyword].value for dataset in datasets}) == 1
        uids.add(datasets[0][keyword].value)
    assert len(uids) == len(datasets) + 3
    assert all(pydicom.uid.UID(uid).is_valid and uid.startswith("2.25.") for uid in uids)


def test_geometry_runs_from_head_to_feet_in_lps(tmp_path: Path) -> None:
    paths = write_ct_series(tmp_path, _stack(), spacing_kji_mm=SPACING, origin_lps_mm=(-10.0, 20.0, 300.0))
    datasets = [pydicom.dcmread(path) for path in paths]
    positions = [[float(value) for value in dataset.ImagePositionPatient] for dataset in datasets]
    assert positions == [[-10.0, 20.0, 300.0 - 2.5 * k] for k in range(5)]
    assert [float(value) for value in datasets[0].ImageOrientationPatient] == [1, 0, 0, 0, 1, 0]
    assert [float(value) for value in datasets[0].PixelSpacing] == [0.7, 0.625]
    assert float(datasets[0].SliceThickness) == 2.5


@pytest.mark.parametrize(("highest_hu", "bits"), [(3071, 12), (3072, 16), (32767, 16)])
def test_pixels_come_back_bit_for_bit(tmp_path: Path, highest_hu: int, bits: int) -> None:
    hu = _stack(highest_hu)
    datasets = [pydicom.dcmread(path) for path in write_ct_series(tmp_path, hu, spacing_kji_mm=SPACING)]
    back = np.stack([d.pixel_array.astype(int) * int(d.RescaleSlope) + int(d.RescaleIntercept) for d in datasets])
    assert np.array_equal(back, hu)
    assert {dataset.BitsStored for dataset in datasets} == {bits}


def test_the_loader_reads_the_same_volume(tmp_path: Path) -> None:
    hu = _stack()
    write_ct_series(tmp_path, hu, spacing_kji_mm=SPACING, windows=[(-600, 1500), (40, 400)])
    volume = load_series(tmp_path)
    assert np.array_equal(volume.voxels, hu)
    assert volume.regular
    assert volume.units == "HU"
    assert volume.pixel_spacing_ij_mm == (0.625, 0.7)
    np.testing.assert_allclose(volume.positions_lps_mm[:, 2], 5.0 - 2.5 * np.arange(5))
    assert [(window.centre, window.width) for window in volume.windows] == [(-600, 1500), (40, 400)]
    assert volume.findings == ()


def test_the_same_call_writes_the_same_bytes_and_other_pixels_get_other_uids(tmp_path: Path) -> None:
    hu = _stack()
    first, second = (write_ct_series(tmp_path / name, hu, spacing_kji_mm=SPACING) for name in ("a", "b"))
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    changed = hu.copy()
    changed[2, 3, 4] += 1
    third = write_ct_series(tmp_path / "c", changed, spacing_kji_mm=SPACING)
    assert pydicom.dcmread(third[0]).SeriesInstanceUID != pydicom.dcmread(first[0]).SeriesInstanceUID


def test_no_dates_are_written(tmp_path: Path) -> None:
    dataset = pydicom.dcmread(write_ct_series(tmp_path, _stack(), spacing_kji_mm=SPACING)[0])
    assert [element.keyword for element in dataset if element.VR in ("DA", "TM", "DT") and element.value] == []


def test_progress_counts_slices(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    write_ct_series(tmp_path, _stack(), spacing_kji_mm=SPACING, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(n, 5) for n in range(1, 6)]


def test_values_that_cannot_be_stored_are_refused(tmp_path: Path) -> None:
    hu = _stack()
    hu[1, 1, 1] = -1025
    with pytest.raises(SeriesError, match="-1024"):
        write_ct_series(tmp_path / "low", hu, spacing_kji_mm=SPACING)
    with pytest.raises(SeriesError, match="int16"):
        write_ct_series(tmp_path / "float", hu.astype(np.float32), spacing_kji_mm=SPACING)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way", encoding="utf-8")
    with pytest.raises(SeriesError) as caught:
        write_ct_series(blocked, _stack(), spacing_kji_mm=SPACING)
    assert caught.value.place == str(blocked)
