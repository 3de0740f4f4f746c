"""Loading series that each have one known peculiarity."""

from __future__ import annotations

import shutil
from pathlib import Path

import highdicom
import numpy as np
import pydicom
import pytest
import SimpleITK
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ctgaze_app.ct import Volume, list_series, load_series
from ctgaze_app.ct.series import LoadingCancelledError
from ctgaze_app.errors import SeriesError
from tests.factories.dicom_series import (
    noise_hu,
    read_slice_number,
    slice_positions,
    write_series,
)


def codes(volume: Volume) -> list[str]:
    return [finding.code for finding in volume.findings]


def noise(slices: int, size: int = 64) -> np.ndarray:
    return np.stack([noise_hu(k, size, size) for k in range(slices)])


@pytest.mark.parametrize("orientation", ["axial", "coronal", "sagittal"])
def test_shuffled_files_are_sorted_along_the_normal(tmp_path: Path, orientation: str) -> None:
    write_series(
        tmp_path, slices=12, orientation=orientation, shuffled=True, instance_numbers="decreasing", spacing=(0.5, 0.75)
    )  # type: ignore[arg-type]
    volume = load_series(tmp_path)
    assert np.array_equal(volume.voxels, noise(12))
    positions, row, column = slice_positions(12, orientation=orientation)
    assert np.array_equal(volume.positions_lps_mm, positions)
    assert np.array_equal(volume.row_direction, row)
    assert np.array_equal(volume.column_direction, column)
    assert volume.pixel_spacing_ij_mm == (0.75, 0.5)
    assert volume.plane == ("axial", "coronal", "sagittal").index(orientation)
    assert volume.regular
    assert volume.units == "HU"
    assert volume.padding is None
    assert volume.findings == ()


def test_the_volume_cannot_be_changed(tmp_path: Path) -> None:
    write_series(tmp_path, slices=2)
    with pytest.raises(ValueError, match="read-only"):
        load_series(tmp_path).voxels[0, 0, 0] = 1


def test_slice_number_pixels_come_back_in_order(tmp_path: Path) -> None:
    write_series(tmp_path, slices=30, pixels="slice_number", shuffled=True)
    assert [read_slice_number(image) for image in load_series(tmp_path).voxels] == list(range(30))


def test_missing_slices_are_named_and_the_stack_still_loads(tmp_path: Path) -> None:
    write_series(tmp_path, slices=12, missing=(4, 8, 9), shuffled=True)
    volume = load_series(tmp_path)
    assert volume.shape_kji[0] == 9
    assert not volume.regular
    (finding,) = volume.findings
    assert finding.code == "missing_slices"
    assert finding.message == "3 slices missing: 1 between slices 4 and 5, 2 between slices 7 and 8"
    assert finding.slices == (3, 4, 6, 7)


def test_identical_copies_are_dropped_and_told(tmp_path: Path) -> None:
    write_series(tmp_path, slices=8, duplicated=(2, 5), shuffled=True)
    volume = load_series(tmp_path)
    assert np.array_equal(volume.voxels, noise(8))
    assert volume.regular
    (finding,) = volume.findings
    assert (finding.code, finding.message) == ("duplicate_positions", "2 identical copies left out")


def test_different_pictures_at_one_position_are_refused(tmp_path: Path) -> None:
    write_series(tmp_path, slices=8, duplicated=(2,), duplicates_differ=True)
    with pytest.raises(SeriesError, match="different pictures have the same position"):
        load_series(tmp_path)


def test_two_phases_in_one_series_are_split_by_acquisition(tmp_path: Path) -> None:
    write_series(tmp_path, slices=6, prefix="A")
    write_series(tmp_path, slices=6, prefix="B", seed=1, pixels=noise(6) + 7, tags={"AcquisitionNumber": 2})
    with pytest.raises(SeriesError, match="2 series"):
        load_series(tmp_path)
    first, second = load_series(tmp_path, series=0), load_series(tmp_path, series=1)
    assert np.array_equal(first.voxels, noise(6))
    assert np.array_equal(second.voxels, noise(6) + 7)
    again = load_series(tmp_path, series=second.source.series_uid)
    assert again.digest == second.digest


def test_two_reconstructions_in_one_series_are_split_by_kernel(tmp_path: Path) -> None:
    kernel = {"ConvolutionKernel": lambda k: "SOFT" if k % 2 else "LUNG"}
    write_series(tmp_path, slices=12, tags=kernel)
    with pytest.raises(SeriesError, match="2 series"):
        load_series(tmp_path)
    assert np.array_equal(load_series(tmp_path, series=0).voxels, noise(12)[::2])
    assert np.array_equal(load_series(tmp_path, series=1).voxels, noise(12)[1::2])


def test_a_file_without_a_kernel_stays_with_its_series(tmp_path: Path) -> None:
    write_series(tmp_path, slices=6, tags={"ConvolutionKernel": lambda k: "" if k == 2 else "SOFT"})
    assert load_series(tmp_path).shape_kji[0] == 6


def test_acquisition_numbers_alone_do_not_split(tmp_path: Path) -> None:
    write_series(tmp_path, slices=6, tags={"AcquisitionNumber": lambda k: k})
    assert load_series(tmp_path).shape_kji[0] == 6


def test_two_series_must_be_chosen_between(tmp_path: Path) -> None:
    write_series(tmp_path / "a", slices=6, series=1)
    write_series(tmp_path / "b", slices=4, series=2, pixels=noise(4) + 1)
    with pytest.raises(SeriesError) as caught:
        load_series(tmp_path)
    assert caught.value.message == "there are 2 series here (0: CT, 6 slices, 64 x 64; 1: CT, 4 slices, 64 x 64)"
    assert caught.value.remedy
    assert [str(summary) for summary in list_series(tmp_path)] == ["CT, 6 slices, 64 x 64", "CT, 4 slices, 64 x 64"]
    chosen = load_series(tmp_path, series="1")
    assert np.array_equal(chosen.voxels, noise(4) + 1)
    assert load_series(tmp_path, series=chosen.source.series_uid).digest == chosen.digest
    with pytest.raises(SeriesError, match="no such series"):
        load_series(tmp_path, series=2)


def test_a_localizer_of_another_direction_is_left_out(tmp_path: Path) -> None:
    write_series(tmp_path, slices=8, prefix="A")
    write_series(tmp_path, slices=2, prefix="B", orientation="coronal", seed=1)
    volume = load_series(tmp_path)
    assert np.array_equal(volume.voxels, noise(8))
    assert codes(volume) == ["mixed_orientations"]


def test_two_whole_stacks_of_two_directions_are_two_series(tmp_path: Path) -> None:
    write_series(tmp_path, slices=8, prefix="A")
    write_series(tmp_path, slices=6, prefix="B", orientation="coronal", seed=1)
    with pytest.raises(SeriesError, match="2 series"):
        load_series(tmp_path)
    assert load_series(tmp_path, series=1).plane == 1


def test_a_localizer_series_does_not_hide_the_scan(tmp_path: Path) -> None:
    write_series(tmp_path, slices=8, series=2, prefix="A")
    write_series(tmp_path, slices=1, series=1, prefix="B", tags={"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]})
    volume = load_series(tmp_path)
    assert volume.shape_kji[0] == 8
    assert codes(volume) == ["localizer_series"]


def test_rounded_direction_cosines_do_not_tear_a_series_apart(tmp_path: Path) -> None:
    tilted = {"ImageOrientationPatient": lambda k: [1, (k % 3 - 1) * 1e-5, 0, 0, 1, 0]}
    write_series(tmp_path, slices=9, tags=tilted)
    volume = load_series(tmp_path)
    assert np.array_equal(volume.voxels, noise(9))
    assert volume.findings == ()


def test_tilt_is_kept_and_told(tmp_path: Path) -> None:
    write_series(tmp_path, slices=6, tilt_deg=15.0, shuffled=True)
    volume = load_series(tmp_path)
    positions, _, column = slice_positions(6, tilt_deg=15.0)
    assert np.allclose(volume.positions_lps_mm, positions)
    assert np.allclose(volume.column_direction, column)
    assert [finding.message for finding in volume.findings] == ["Slices lean by 15.0 degrees (gantry tilt)"]


def test_jitter_is_reported_only_where_it_can_be_seen(tmp_path: Path) -> None:
    write_series(tmp_path / "small", slices=10, jitter_mm=0.004)
    assert load_series(tmp_path / "small").findings == ()
    write_series(tmp_path / "large", slices=10, jitter_mm=0.2)
    large = load_series(tmp_path / "large")
    assert codes(large) == ["variable_spacing"]
    assert not large.regular


def test_without_positions_instance_numbers_order_the_stack(tmp_path: Path) -> None:
    write_series(tmp_path, slices=6, shuffled=True, without=("ImagePositionPatient",))
    volume = load_series(tmp_path)
    assert np.array_equal(volume.voxels, noise(6))
    assert codes(volume) == ["no_position"]
    assert np.diff(volume.positions_lps_mm[:, 2]).tolist() == [-2.0] * 5


def test_files_without_a_position_are_counted(tmp_path: Path) -> None:
    files = write_series(tmp_path, slices=6)
    for path in files[2:4]:
        dataset = pydicom.dcmread(path)
        del dataset.ImagePositionPatient
        dataset.save_as(path)
    (finding,) = load_series(tmp_path).findings
    assert finding.message == (
        "2 of 6 files do not say where the slices lie: ordered by number, millimetres and sides are assumed"
    )


def test_without_positions_and_numbers_it_is_refused(tmp_path: Path) -> None:
    write_series(tmp_path, slices=6, instance_numbers="equal", without=("ImagePositionPatient",))
    with pytest.raises(SeriesError, match="instance number"):
        load_series(tmp_path)


def test_headers_warn_of_text_loss_and_other_modalities(tmp_path: Path) -> None:
    write_series(tmp_path, slices=2, modality="MR", tags={"BurnedInAnnotation": "YES", "LossyImageCompression": "01"})
    volume = load_series(tmp_path)
    assert (volume.units, volume.lossy) == ("arbitrary", True)
    assert codes(volume) == ["not_ct", "burned_in_annotation", "lossy"]


def test_empty_folder_and_foreign_files_are_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(SeriesError, match="empty"):
        load_series(tmp_path)
    (tmp_path / "notes.dcm").write_text("this is text")
    with pytest.raises(SeriesError, match="not a DICOM file"):
        load_series(tmp_path)
    (tmp_path / "b.txt").write_text("more text")
    with pytest.raises(SeriesError, match="none of 2 files"):
        load_series(tmp_path)
    with pytest.raises(SeriesError, match="no such file"):
        load_series(tmp_path / "absent")


def test_foreign_files_beside_a_series_are_counted_not_named(tmp_path: Path) -> None:
    write_series(tmp_path, slices=4)
    for name in ("john_doe.dcm", "readme.txt", "DICOMDIR"):
        (tmp_path / name).write_text("text")
    volume = load_series(tmp_path)
    assert codes(volume) == ["unreadable_file", "other_files"]
    assert volume.findings[0].message == "1 file named .dcm cannot be read"
    assert not any("doe" in finding.message for finding in volume.findings)


@pytest.mark.parametrize("syntax", ["explicit", "implicit", "deflated", "rle", "j2k", "jpeg_ls"])
@pytest.mark.parametrize("keep", [0.5, 0.9])
def test_truncated_file_is_named(tmp_path: Path, syntax: str, keep: float) -> None:
    files = write_series(tmp_path, slices=4, syntax=syntax)
    data = files[2].read_bytes()
    files[2].write_bytes(data[: int(len(data) * keep)])
    with pytest.raises(SeriesError) as caught:
        load_series(tmp_path)
    assert caught.value.place == str(files[2])
    assert caught.value.remedy


@pytest.mark.parametrize("left", [140, 400, 700])
def test_file_cut_in_its_header_never_changes_the_series_silently(tmp_path: Path, left: int) -> None:
    files = write_series(tmp_path, slices=6)
    files[2].write_bytes(files[2].read_bytes()[:left])
    try:
        volume = load_series(tmp_path)
    except SeriesError as error:
        assert error.place == str(files[2])
    else:
        assert "unreadable_file" in codes(volume)
        assert "missing_slices" in codes(volume)


def test_colour_and_multiframe_are_refused(tmp_path: Path) -> None:
    (path,) = write_series(tmp_path / "rgb", slices=1)
    dataset = pydicom.dcmread(path)
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation, dataset.PlanarConfiguration = 3, "RGB", 0
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 8, 8, 7
    dataset.PixelData = bytes(64 * 64 * 3)
    dataset.save_as(path)
    with pytest.raises(SeriesError, match="colour"):
        load_series(tmp_path / "rgb")
    write_series(tmp_path / "multi", slices=1, tags={"NumberOfFrames": 4})
    with pytest.raises(SeriesError, match="enhanced multi-frame CT is not supported yet"):
        load_series(tmp_path / "multi")


def test_progress_runs_to_its_end_and_can_be_stopped(tmp_path: Path) -> None:
    write_series(tmp_path, slices=5)
    steps: list[tuple[int, int]] = []
    load_series(tmp_path, progress=lambda done, total: steps.append((done, total)))
    assert steps == [(n, 10) for n in range(1, 11)]
    with pytest.raises(LoadingCancelledError):
        load_series(tmp_path, cancelled=lambda: True)


def test_regular_series_agrees_with_highdicom_and_simpleitk(tmp_path: Path) -> None:
    files = write_series(tmp_path, slices=10, rows=48, spacing=(0.5, 0.75), thickness=1.5, shuffled=True)
    volume = load_series(tmp_path)
    theirs = highdicom.get_volume_from_series([pydicom.dcmread(f) for f in files])
    assert np.array_equal(volume.voxels, theirs.array)
    # highdicom's affine takes (k, j, i).
    assert np.allclose(volume.affine_lps, theirs.affine[:, [2, 1, 0, 3]], atol=1e-6)
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(tmp_path)))
    image = reader.Execute()
    assert np.array_equal(volume.voxels[::-1], SimpleITK.GetArrayFromImage(image))
    for i, j, k in ((0, 0, 0), (5, 7, 3)):
        point = image.TransformIndexToPhysicalPoint((i, j, 9 - k))
        assert np.allclose(volume.voxel_to_patient((i, j, k)), point, atol=1e-6)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(range(7)), as_list=st.booleans())
def test_file_order_and_names_never_change_the_volume(tmp_path: Path, order: list[int], as_list: bool) -> None:
    original = tmp_path / "original"
    if not original.exists():
        write_series(original, slices=6, rows=16, columns=16, duplicated=(3,), tilt_deg=4.0)
    files = sorted(original.iterdir())
    target = tmp_path / "renamed"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    copies = [Path(shutil.copy(files[source], target / f"{n}")) for n, source in enumerate(order)]
    volume = load_series(copies if as_list else target)
    reference = load_series(original)
    assert volume.digest == reference.digest
    assert volume.findings == reference.findings
    assert volume.source.sop_instance_uids[:3] == reference.source.sop_instance_uids[:3]
