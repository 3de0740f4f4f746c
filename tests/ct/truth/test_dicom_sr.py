"""Structured reports: the real one of the NLST scan, and written ones with every kind of mark."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset

from ctgaze_app.ct import Volume, load_series
from ctgaze_app.ct.truth import TruthError, read_truth


@pytest.fixture(scope="module")
def chest(shared_data: Path) -> Volume:
    return load_series(shared_data / "ct" / "nlst_chest")


def test_the_real_report_is_one_lesion_on_eight_slices(chest: Volume, shared_data: Path) -> None:
    (lesion,) = read_truth(shared_data / "ct" / "nlst_chest_lesions_sr.dcm", chest)
    assert lesion.name == "lesion 1"
    assert (lesion.first_kji, lesion.last_kji) == ((12, 286, 266), (19, 319, 305))
    assert lesion.attributes["finding"] == "Lesion"
    assert lesion.attributes["finding site"] == "Lung structure"


def test_the_real_report_agrees_with_the_published_boxes(chest: Volume, shared_data: Path) -> None:
    (lesion,) = read_truth(shared_data / "ct" / "nlst_chest_lesions_sr.dcm", chest)
    expected = np.zeros(chest.shape_kji, dtype=bool)
    boxes = json.loads((shared_data / "ct" / "nlst_chest_lesions.json").read_text())["boxes"]
    assert len(boxes) == 8
    for box in boxes:
        k = chest.source.sop_instance_uids.index(box["sop_instance_uid"])
        x, y = np.array(box["polyline_xy"]).reshape(-1, 2).T
        columns, rows = np.arange(512) + 0.5, np.arange(512) + 0.5
        inside_x, inside_y = (columns >= x.min()) & (columns < x.max()), (rows >= y.min()) & (rows < y.max())
        expected[k] |= inside_y[:, None] & inside_x[None, :]
    assert np.array_equal(lesion.full_mask(chest.shape_kji), expected)


def test_the_real_report_lies_where_the_headers_put_it_in_the_patient(chest: Volume, shared_data: Path) -> None:
    (lesion,) = read_truth(shared_data / "ct" / "nlst_chest_lesions_sr.dcm", chest)
    # Its centre in millimetres, worked out by hand from the header's position, 0.54 mm pixels and 2 mm slices.
    k, j, i = (np.add(lesion.first_kji, lesion.last_kji) / 2).tolist()
    assert chest.voxel_to_patient((i, j, k)) == pytest.approx(
        [-150.7812 + 0.54 * 285.5, -160.9375 + 0.54 * 302.5, 1181]
    )


def test_marks_as_given_are_one_region_a_tracked_item(chest: Volume, shared_data: Path) -> None:
    regions = read_truth(
        shared_data / "ct" / "nlst_chest_lesions_sr.dcm", chest, format="dicom_sr", options={"group": "as_given"}
    )
    assert len(regions) == 8
    assert [region.first_kji[0] for region in regions] == list(range(12, 20))


def test_no_region_of_the_real_report_tells_who_or_when(chest: Volume, shared_data: Path) -> None:
    (lesion,) = read_truth(shared_data / "ct" / "nlst_chest_lesions_sr.dcm", chest)
    text = json.dumps({"name": lesion.name, "group": lesion.group, **lesion.attributes})
    for secret in ("101287", "149872", "Anonymous", "1.2.8", "1999", "2025"):
        assert secret not in text


def test_the_real_report_is_refused_for_another_scan(scan: Volume, shared_data: Path) -> None:
    with pytest.raises(TruthError, match="belongs to another scan: none of the 8 images") as caught:
        read_truth(shared_data / "ct" / "nlst_chest_lesions_sr.dcm", scan)
    assert "\n" not in str(caught.value) and "1.2.840" not in str(caught.value)


def test_an_incomplete_scan_is_refused(shared_data: Path) -> None:
    files = sorted((shared_data / "ct" / "nlst_chest").iterdir())
    boxes = json.loads((shared_data / "ct" / "nlst_chest_lesions.json").read_text())["boxes"]
    names = {f"{box['sop_instance_uid']}.dcm" for box in boxes[:5]}
    volume = load_series([path for path in files if path.name in names])
    with pytest.raises(TruthError, match="3 of the 8 images that it marks are not slices of this CT"):
        read_truth(shared_data / "ct" / "nlst_chest_lesions_sr.dcm", volume)


def _coded(value: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "DCM", meaning
    return item


def mark_item(kind: str, values: list[float], uid: str = "", three: bool = False) -> Dataset:
    """One SCOORD (on an image) or SCOORD3D."""
    item = Dataset()
    item.ValueType = "SCOORD3D" if three else "SCOORD"
    item.ConceptNameCodeSequence = [_coded("111030", "Image Region")]
    item.GraphicType, item.GraphicData = kind, values
    if uid:
        image, reference = Dataset(), Dataset()
        reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = "1.2.840.10008.5.1.4.1.1.2", uid
        image.ValueType, image.ReferencedSOPSequence = "IMAGE", [reference]
        item.ContentSequence = [image]
    return item


def group_item(marks: list[Dataset], **facts: str) -> Dataset:
    """A measurement group with coded facts and a diameter."""
    group = Dataset()
    group.ValueType, group.ConceptNameCodeSequence = "CONTAINER", [_coded("125007", "Measurement Group")]
    children = list(marks)
    for name, value in facts.items():
        fact = Dataset()
        fact.ValueType, fact.ConceptNameCodeSequence = "CODE", [_coded("1", name)]
        fact.ConceptCodeSequence = [_coded("2", value)]
        children.append(fact)
    number, measured, unit = Dataset(), Dataset(), Dataset()
    unit.CodeValue, unit.CodingSchemeDesignator, unit.CodeMeaning = "mm", "UCUM", "millimetre"
    measured.NumericValue, measured.MeasurementUnitsCodeSequence = "7.5", [unit]
    number.ValueType, number.ConceptNameCodeSequence = "NUM", [_coded("3", "Diameter")]
    number.MeasuredValueSequence = [measured]
    group.ContentSequence = [*children, number]
    return group


def write_report(path: Path, items: list[Dataset], listed: dict[str, list[str]] | None = None) -> Path:
    report = Dataset()
    report.file_meta = FileMetaDataset()
    report.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    report.file_meta.MediaStorageSOPClassUID = report.SOPClassUID = "1.2.840.10008.5.1.4.1.1.88.34"
    report.file_meta.MediaStorageSOPInstanceUID = report.SOPInstanceUID = "1.2.3"
    report.Modality, report.PatientName = "SR", "Secret^Name"
    report.ValueType, report.ContentSequence = "CONTAINER", items
    if listed:
        study = Dataset()
        study.ReferencedSeriesSequence = []
        for uid, images in listed.items():
            series = Dataset()
            series.SeriesInstanceUID = uid
            series.ReferencedSOPSequence = []
            for image in images:
                reference = Dataset()
                reference.ReferencedSOPInstanceUID = image
                series.ReferencedSOPSequence.append(reference)
            study.ReferencedSeriesSequence.append(series)
        report.CurrentRequestedProcedureEvidenceSequence = [study]
    pydicom.dcmwrite(path, report, enforce_file_format=True)
    return path


def test_pixel_coordinates_begin_at_the_corner_of_the_first_pixel(scan: Volume, tmp_path: Path) -> None:
    uids = scan.source.sop_instance_uids
    square = [0, 0, 3, 0, 3, 2, 0, 2, 0, 0]
    (region,) = read_truth(
        write_report(tmp_path / "a.dcm", [group_item([mark_item("POLYLINE", square, uids[4])], Finding="Nodule")]), scan
    )
    assert (region.first_kji, region.last_kji) == ((4, 0, 0), (4, 1, 2))
    assert dict(region.attributes) == {"finding": "Nodule", "diameter": "7.5 mm"}


def test_circle_ellipse_and_point_cover_what_they_mean(scan: Volume, tmp_path: Path) -> None:
    uids = scan.source.sop_instance_uids
    items = [
        group_item([mark_item("CIRCLE", [20.9, 20.7, 25.9, 20.7], uids[2])]),
        group_item([mark_item("ELLIPSE", [30.9, 10.7, 50.9, 10.7, 40.9, 6.7, 40.9, 14.7], uids[6])]),
        group_item([mark_item("POINT", [9.2, 30.9], uids[10])]),
    ]
    circle, ellipse, point = read_truth(write_report(tmp_path / "a.dcm", items), scan)
    assert circle.n_voxels == pytest.approx(np.pi * 25, rel=0.06)
    assert ellipse.n_voxels == pytest.approx(np.pi * 10 * 4, rel=0.06)
    assert (point.first_kji, point.last_kji, point.n_voxels) == ((10, 30, 9), (10, 30, 9), 1)


def test_marks_in_the_patient_are_placed_by_position(scan: Volume, tmp_path: Path) -> None:
    corners = np.array([[10, 10, 7], [20, 10, 7], [20, 18, 7], [10, 18, 7], [10, 10, 7]], dtype=float) - (0.5, 0.5, 0)
    values = scan.voxel_to_patient(corners).ravel().tolist()
    (region,) = read_truth(
        write_report(tmp_path / "a.dcm", [group_item([mark_item("POLYGON", values, three=True)])]), scan
    )
    assert (region.first_kji, region.last_kji) == ((7, 10, 10), (7, 17, 19))
    point = scan.voxel_to_patient((33.0, 22.0, 15.0)).tolist()
    (region,) = read_truth(write_report(tmp_path / "b.dcm", [mark_item("POINT", point, three=True)]), scan)
    assert (region.first_kji, region.n_voxels) == ((15, 22, 33), 1)


def test_marks_on_a_series_that_the_report_lists_apart_are_left_out(scan: Volume, tmp_path: Path) -> None:
    own = scan.source.sop_instance_uids
    items = [
        group_item([mark_item("POINT", [5.5, 5.5], own[3])]),
        group_item([mark_item("POINT", [9.5, 9.5], "1.2.99.1")]),
    ]
    path = write_report(tmp_path / "a.dcm", items, {"1.2.1": list(own), "1.2.99": ["1.2.99.1"]})
    (region,) = read_truth(path, scan)
    assert region.first_kji == (3, 5, 5)


def broken_reports(folder: Path, scan: Volume, real: bytes) -> dict[str, Path]:
    """Reports that must each be refused in one line."""
    uid = scan.source.sop_instance_uids[0]
    steep = scan.voxel_to_patient([[5, 5, 2], [9, 5, 2], [9, 9, 6]]).ravel().tolist()
    place = {
        "odd number": [mark_item("POLYLINE", [1.0, 2.0, 3.0], uid)],
        "no image": [mark_item("POINT", [1.0, 2.0])],
        "unknown kind": [mark_item("SPLINE", [1.0, 2.0, 3.0, 4.0], uid)],
        "one point circle": [mark_item("CIRCLE", [1.0, 2.0], uid)],
        "outside picture": [mark_item("POINT", [900.0, 2.0], uid)],
        "not a number": [mark_item("POINT", [float("nan"), 2.0], uid)],
        "infinite": [mark_item("POINT", [float("inf"), 2.0], uid)],
        "other image": [mark_item("POINT", [1.0, 2.0], "1.2.3.4.5")],
        "above the stack": [mark_item("POINT", [0.0, 0.0, 9999.0], three=True)],
        "across slices": [mark_item("POLYGON", steep, three=True)],
        "no marks": [group_item([])],
    }  # fmt: skip
    files = {name: write_report(folder / f"{n}.dcm", items) for n, (name, items) in enumerate(place.items())}
    for name, content in {
        "empty file": b"",
        "text": b"hello, this is no DICOM\n" * 40,
        "cut in the middle": write_report(folder / "whole.dcm", [mark_item("POINT", [1.0, 2.0], uid)]).read_bytes()[
            :400
        ],
        "noise after the header": real[:132] + bytes(range(256)) * 8,
    }.items():
        files[name] = folder / f"{name}.dcm"
        files[name].write_bytes(content)
    files["not there"] = folder / "nowhere.dcm"
    return files


def test_broken_reports_are_refused_in_one_line(scan: Volume, tmp_path: Path) -> None:
    whole = write_report(tmp_path / "w.dcm", [mark_item("POINT", [1.0, 2.0], scan.source.sop_instance_uids[0])])
    files = broken_reports(tmp_path, scan, whole.read_bytes())
    assert len(files) == 16
    for name, path in files.items():
        with pytest.raises(TruthError) as caught:
            read_truth(path, scan, format="dicom_sr")
        line = str(caught.value)
        assert line.startswith(path.name), (name, line)
        assert "\n" not in line and str(tmp_path) not in line and caught.value.remedy, (name, line)


def test_every_cut_of_a_report_is_refused_or_read_alike(scan: Volume, tmp_path: Path) -> None:
    uids = scan.source.sop_instance_uids
    items = [group_item([mark_item("POINT", [9.5, 9.5], uids[k])]) for k in (3, 9, 15)]
    content = write_report(tmp_path / "w.dcm", items).read_bytes()
    for length in range(0, len(content), 17):
        (tmp_path / "cut.dcm").write_bytes(content[:length])
        try:
            regions = read_truth(tmp_path / "cut.dcm", scan, format="dicom_sr")
        except TruthError as error:
            assert "\n" not in str(error)
        else:
            assert [region.first_kji for region in regions] == [(3, 9, 9), (9, 9, 9), (15, 9, 9)], length
