"""NIfTI masks in every orientation, DICOM segmentations by geometry, and what is refused."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray

from ctgaze_app.ct import Volume
from ctgaze_app.ct.truth import TruthError, read_truth, recognised_format, truth_format

RAS_FROM_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


def labels_kji(scan: Volume) -> NDArray[np.uint8]:
    """Two boxes without any symmetry."""
    labels = np.zeros(scan.shape_kji, dtype=np.uint8)
    labels[3:6, 10:14, 20:29] = 1
    labels[12, 40:44, 5:7] = 4
    return labels


def write_nifti(path: Path, scan: Volume, labels: NDArray[Any], *, axes: tuple[int, ...] = (0, 1, 2),
                flips: tuple[int, ...] = (1, 1, 1)) -> Path:  # fmt: skip
    """The labels [k, j, i] on this CT's grid, its axes permuted and turned."""
    data = labels.transpose(2, 1, 0)
    affine = RAS_FROM_LPS @ scan.affine_lps
    turn = np.zeros((4, 4))
    turn[3, 3] = 1.0
    for new, (axis, flip) in enumerate(zip(axes, flips, strict=True)):
        turn[axis, new] = flip
        if flip < 0:
            turn[axis, 3] = data.shape[axis] - 1
    stored = data.transpose(axes)[tuple(slice(None, None, flip) for flip in flips)]
    nibabel.save(nibabel.Nifti1Image(np.ascontiguousarray(stored), affine @ turn), path)
    return path


def test_a_mask_is_read_alike_in_all_48_orientations(scan: Volume, tmp_path: Path) -> None:
    labels = labels_kji(scan)
    count = 0
    for axes in itertools.permutations(range(3)):
        for flips in itertools.product((1, -1), repeat=3):
            path = write_nifti(tmp_path / "m.nii", scan, labels, axes=axes, flips=flips)
            first, second = read_truth(path, scan)
            assert (first.name, second.name) == ("label 1", "label 4")
            assert np.array_equal(first.full_mask(scan.shape_kji), labels == 1), (axes, flips)
            assert np.array_equal(second.full_mask(scan.shape_kji), labels == 4), (axes, flips)
            count += 1
    assert count == 48


def test_labels_are_named_and_split_as_declared(scan: Volume, tmp_path: Path) -> None:
    labels = labels_kji(scan)
    labels[15:17, 30:33, 50:52] = 1
    path = write_nifti(tmp_path / "m.nii.gz", scan, labels)
    names = [region.name for region in read_truth(path, scan, options={"names": "1=lesion; 4=left lung"})]
    assert names == ["lesion", "left lung"]
    parts = read_truth(path, scan, options={"names": "1=lesion; 4=left lung", "split": "components"})
    assert [(part.name, part.first_kji, part.last_kji) for part in parts] == [
        ("lesion 1", (3, 10, 20), (5, 13, 28)),
        ("lesion 2", (15, 30, 50), (16, 32, 51)),
        ("left lung", (12, 40, 5), (12, 43, 6)),
    ]


def test_broken_masks_are_refused_in_one_line(scan: Volume, tmp_path: Path) -> None:
    labels = labels_kji(scan)
    ras = RAS_FROM_LPS @ scan.affine_lps
    ijk = labels.transpose(2, 1, 0)

    def about_z(degrees: float) -> NDArray[np.float64]:
        angle = np.deg2rad(degrees)
        return np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])

    def image(data: NDArray[Any], affine: NDArray[np.float64] = ras) -> nibabel.Nifti1Image:
        return nibabel.Nifti1Image(np.ascontiguousarray(data), affine)

    shifted, turned, wider = ras.copy(), ras.copy(), ras.copy()
    shifted[0, 3] += 0.3
    turned[:3, :3] = about_z(10) @ ras[:3, :3]
    diagonal = ras.copy()
    diagonal[:3, :3] = about_z(45) @ np.diag([2.0, 2.0, 2.0])
    flat = image(ijk)
    flat.header["srow_x"] = 0.0
    flat = nibabel.Nifti1Image(ijk, None, flat.header)
    wider[:3, 0] *= 1.01
    no_place, metres, disagree = image(ijk), image(ijk), image(ijk)
    no_place.set_sform(ras, 0), no_place.set_qform(ras, 0)
    metres.header.set_xyzt_units("meter")
    disagree.set_qform(shifted, 1)
    broken: dict[str, tuple[nibabel.Nifti1Image, str]] = {
        "one slice less": (image(ijk[:, :, 1:]), "64 x 48 x 19 voxels"),
        "other size": (image(np.zeros((8, 8, 8), np.uint8) + 1), "8 x 8 x 8 voxels"),
        "shifted": (image(ijk, shifted), "lies up to 0.3 mm off"),
        "turned": (image(ijk, turned), "mm off this CT"),
        "turned by half a right angle": (image(ijk, diagonal), "turned or scaled"),
        "wider": (image(ijk, wider), "mm off this CT"),
        "LPS taken for RAS": (image(ijk, scan.affine_lps), "mm off this CT"),
        "nowhere": (no_place, "does not say where"),
        "metres": (metres, "measures in meter"),
        "two places": (disagree, "sform and qform differ by 0.3 mm"),
        "empty": (image(ijk * 0), "0 everywhere"),
        "a picture": (image(np.arange(ijk.size, dtype=np.int32).reshape(ijk.shape)), "a picture, not a mask"),
        "probabilities": (image(ijk.astype(np.float32) * 0.4), "no whole numbers"),
        "not numbers": (image(np.where(ijk > 0, np.nan, 0).astype(np.float32)), "no whole numbers"),
        "negative": (image(-ijk.astype(np.int16)), "below 0"),
        "four dimensions": (image(np.stack([ijk, ijk], axis=-1)), "4 dimensions"),
        "no grid": (flat, "no grid"),
    }  # fmt: skip
    for name, (picture, expected) in broken.items():
        path = tmp_path / "mask.nii"
        nibabel.save(picture, path)
        with pytest.raises(TruthError) as caught:
            read_truth(path, scan)
        line = str(caught.value)
        assert expected in line and line.startswith("mask.nii"), (name, line)
        assert "\n" not in line and str(tmp_path) not in line and caught.value.remedy, (name, line)
    whole = write_nifti(tmp_path / "whole.nii.gz", scan, labels).read_bytes()
    raw = write_nifti(tmp_path / "whole.nii", scan, labels).read_bytes()
    files = {
        "a.nii.gz": whole[: len(whole) // 2],
        "b.nii": raw[:2000],
        "c.nii": b"",
        "d.nii.gz": b"text" * 100,
        "e.nii": raw[:200],
        "f.nii.gz": whole[:-40] + b"0" * 40,
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(TruthError) as caught:
            read_truth(tmp_path / name, scan)
        assert "\n" not in str(caught.value) and str(tmp_path) not in str(caught.value), name
    for options in ({"names": "lesion"}, {"names": "1=a;2=a"}, {"tolerance_mm": "wide"}, {"tolerance_mm": "-1"}):
        with pytest.raises(TruthError):
            read_truth(tmp_path / "whole.nii", scan, options=options)


def test_an_uneven_stack_refuses_nifti_and_says_why(scan: Volume, tmp_path: Path) -> None:
    positions = scan.positions_lps_mm.copy()
    positions[10:] -= (0.0, 0.0, 1.5)
    uneven = replace(scan, positions_lps_mm=positions, regular=False)
    with pytest.raises(TruthError, match="NIfTI cannot hold the uneven slice distances"):
        read_truth(write_nifti(tmp_path / "m.nii", scan, labels_kji(scan)), uneven)


def make_segmentation(scan_files: list[Path], scan: Volume, path: Path, kind: str) -> Path:
    """A two-segment SEG of the scan by highdicom, the source images in shuffled order."""
    import highdicom
    from pydicom.sr.codedict import codes

    images = [pydicom.dcmread(file) for file in scan_files]
    for n, dataset in enumerate(images):
        dataset.StudyDate = dataset.StudyTime = dataset.PatientBirthDate = dataset.PatientSex = ""
        dataset.AccessionNumber = dataset.StudyID = dataset.ReferringPhysicianName = ""
        dataset.InstanceNumber = n + 1
    order = np.random.default_rng(2).permutation(len(images))
    labels = labels_kji(scan)[order]
    planes = np.stack([labels == 1, labels == 4], axis=-1)
    if kind == "LABELMAP":
        planes = np.where(labels == 4, 2, labels).astype(np.uint8)
    descriptions = [
        highdicom.seg.SegmentDescription(
            segment_number=number,
            segment_label=label,
            segmented_property_category=codes.SCT.MorphologicallyAbnormalStructure,
            segmented_property_type=codes.SCT.Lesion,
            algorithm_type="MANUAL",
        )
        for number, label in ((1, "nodule"), (2, "scar"))
    ]
    seg = highdicom.seg.Segmentation(
        source_images=[images[n] for n in order], pixel_array=planes, segmentation_type=kind,
        segment_descriptions=descriptions, series_instance_uid="1.2.3.1", series_number=9,
        sop_instance_uid="1.2.3.2", instance_number=1, manufacturer="x", manufacturer_model_name="x",
        software_versions="1", device_serial_number="1",
    )  # fmt: skip
    seg.save_as(path)
    return path


@pytest.fixture(scope="module")
def segmentation(scan_files: list[Path], scan: Volume, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A binary one."""
    return make_segmentation(scan_files, scan, tmp_path_factory.mktemp("seg") / "truth.dcm", "BINARY")


def test_a_label_map_gives_the_same_regions(scan_files: list[Path], scan: Volume, tmp_path: Path) -> None:
    path = make_segmentation(scan_files, scan, tmp_path / "l.dcm", "LABELMAP")
    nodule, scar = read_truth(path, scan)
    assert np.array_equal(nodule.full_mask(scan.shape_kji), labels_kji(scan) == 1)
    assert np.array_equal(scar.full_mask(scan.shape_kji), labels_kji(scan) == 4)


def test_frames_are_placed_by_position_whatever_their_order(segmentation: Path, scan: Volume, tmp_path: Path) -> None:
    labels = labels_kji(scan)
    assert recognised_format(segmentation) == "dicom_seg"
    for seed in (None, 1, 2):
        dataset = pydicom.dcmread(segmentation)
        if seed is not None:
            frames = dataset.pixel_array
            order = np.random.default_rng(seed).permutation(len(frames))
            groups = list(dataset.PerFrameFunctionalGroupsSequence)
            dataset.PerFrameFunctionalGroupsSequence = [groups[n] for n in order]
            dataset.PixelData = pydicom.pixels.pack_bits(frames[order].ravel())
        path = tmp_path / "s.dcm"
        dataset.save_as(path)
        nodule, scar = read_truth(path, scan)
        assert (nodule.name, scar.name) == ("nodule", "scar")
        assert np.array_equal(nodule.full_mask(scan.shape_kji), labels == 1)
        assert np.array_equal(scar.full_mask(scan.shape_kji), labels == 4)


def test_a_part_of_the_picture_is_enough(segmentation: Path, scan: Volume, tmp_path: Path) -> None:
    dataset = pydicom.dcmread(segmentation)
    frames = dataset.pixel_array[:, 8:, 4:60]
    dataset.Rows, dataset.Columns = frames.shape[1:]
    dataset.PixelData = pydicom.pixels.pack_bits(frames.ravel())
    move = 4 * 0.7 * scan.row_direction + 8 * 0.8 * scan.column_direction
    for groups in dataset.PerFrameFunctionalGroupsSequence:
        plane = groups.PlanePositionSequence[0]
        plane.ImagePositionPatient = [round(float(v), 6) for v in np.array(plane.ImagePositionPatient, float) + move]
    dataset.save_as(tmp_path / "s.dcm")
    nodule, _ = read_truth(tmp_path / "s.dcm", scan)
    assert np.array_equal(nodule.full_mask(scan.shape_kji), labels_kji(scan) == 1)


def test_a_fractional_segmentation_goes_by_its_threshold(segmentation: Path, scan: Volume, tmp_path: Path) -> None:
    dataset = pydicom.dcmread(segmentation)
    frames = dataset.pixel_array
    dataset.SegmentationType, dataset.MaximumFractionalValue = "FRACTIONAL", 200
    dataset.SegmentationFractionalType = "PROBABILITY"
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit = 7
    values = (frames * 120).astype(np.uint8)
    dataset.PixelData = values.tobytes()
    dataset["PixelData"].VR = "OB"
    dataset.save_as(tmp_path / "s.dcm")
    nodule, _ = read_truth(tmp_path / "s.dcm", scan)  # 120 of 200 is 0.6
    assert nodule.n_voxels == 3 * 4 * 9
    with pytest.raises(TruthError, match="marks no voxel"):
        read_truth(tmp_path / "s.dcm", scan, options={"threshold": "0.61"})


def test_broken_segmentations_are_refused_in_one_line(
    segmentation: Path, scan: Volume, other_scan_files: list[Path], tmp_path: Path
) -> None:
    from ctgaze_app.ct import load_series

    def groups(dataset: Any) -> Any:
        return dataset.PerFrameFunctionalGroupsSequence

    def moved(dataset: Any, by: tuple[float, float, float]) -> None:
        for group in groups(dataset):
            plane = group.PlanePositionSequence[0]
            plane.ImagePositionPatient = [float(a) + b for a, b in zip(plane.ImagePositionPatient, by, strict=True)]

    def shared(dataset: Any, name: str, field: str, value: Any) -> None:
        setattr(dataset.SharedFunctionalGroupsSequence[0][name].value[0], field, value)

    def without_places(dataset: Any) -> None:
        for group in groups(dataset):
            del group.PlanePositionSequence

    def picture(dataset: Any) -> None:
        dataset.Modality, dataset.SOPClassUID = "CT", "1.2.840.10008.5.1.4.1.1.2"

    tilted = [1, 0, 0, 0, 0.9848, 0.1736]

    changes: dict[str, tuple[Any, str]] = {
        "moved along z": (lambda d: moved(d, (0, 0, 1.0)), "lies on no slice"),
        "moved in the plane": (lambda d: moved(d, (0.35, 0, 0)), "mm beside those of this CT"),
        "moved out of the picture": (lambda d: moved(d, (0.7 * 50, 0, 0)), "reach beyond the picture"),
        "other pixels": (
            lambda d: shared(d, "PixelMeasuresSequence", "PixelSpacing", [0.8, 0.8]), "its pixels measure 0.8 x 0.8 mm"
        ),
        "tilted": (
            lambda d: shared(d, "PlaneOrientationSequence", "ImageOrientationPatient", tilted), "in other planes"
        ),
        "a frame less": (lambda d: groups(d).pop(), "frames and"),
        "no places": (without_places, "no PlanePositionSequence"),
        "no groups": (lambda d: delattr(d, "PerFrameFunctionalGroupsSequence"), "not a whole segmentation"),
        "no pixels": (lambda d: delattr(d, "PixelData"), "holds no pixels"),
        "half of the pixels": (
            lambda d: setattr(d, "PixelData", d.PixelData[: len(d.PixelData) // 2]), "cannot be decoded"
        ),
        "no rows": (lambda d: delattr(d, "Rows"), "cannot be decoded"),
        "no segments": (lambda d: delattr(d, "SegmentSequence"), "not a whole segmentation"),
        "undescribed segment": (lambda d: d.SegmentSequence.pop(), "which is not described"),
        "unknown kind": (lambda d: setattr(d, "SegmentationType", "CLOUD"), "of the kind CLOUD"),
        "empty": (lambda d: setattr(d, "PixelData", bytes(len(d.PixelData))), "marks no voxel"),
        "not a segmentation": (picture, "is not a DICOM segmentation"),
    }  # fmt: skip
    for name, (change, expected) in changes.items():
        dataset = pydicom.dcmread(segmentation)
        change(dataset)
        dataset.save_as(tmp_path / "seg.dcm")
        with pytest.raises(TruthError) as caught:
            read_truth(tmp_path / "seg.dcm", scan, format="dicom_seg")
        line = str(caught.value)
        assert expected in line and line.startswith("seg.dcm"), (name, line)
        assert "\n" not in line and str(tmp_path) not in line and caught.value.remedy, (name, line)
    with pytest.raises(TruthError, match="belongs to another scan"):
        read_truth(segmentation, load_series(other_scan_files[0].parent))
    for options in ({"threshold": "half"}, {"split": "both"}):
        with pytest.raises(TruthError):
            read_truth(segmentation, scan, options=options)


def test_formats_are_recognised_by_their_signature(scan_files: list[Path], tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text("\ufeff<?xml version='1.0'?><a/>", encoding="utf-8")
    (tmp_path / "b.csv").write_text("a,b\n1,2\n")
    (tmp_path / "c.bin").write_bytes(b"\x00\x01")
    assert recognised_format(tmp_path / "a.xml") == "lidc_xml"
    assert recognised_format(tmp_path / "b.csv") == "boxes_csv"
    for path in (tmp_path / "c.bin", scan_files[0], tmp_path / "missing"):
        with pytest.raises(TruthError):
            recognised_format(path)
    with pytest.raises(TruthError, match="no truth format doc"):
        truth_format("doc")
