"""Kvasir-SEG and NCI-ISBI folders as GazeMedSeg lays them out, with made pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image

from models.datasets.picture_folders import kvasir_cases, patient_in_name, prostate_cases
from models.errors import ModelError
from tests.factories.dicom_series import write_series
from tests.models.datasets.test_fixation_table import HEADER


def kvasir_folder(root: Path) -> Path:
    """Three photographs of 30 x 20 pixels, one of them for testing and without a mask."""
    random = np.random.default_rng(0)
    for name in ("images", "masks", "gaze"):
        (root / name).mkdir(parents=True)
    for name in ("a1", "a2", "b10"):
        Image.fromarray(random.integers(0, 255, (20, 30, 3), dtype=np.uint8)).save(root / "images" / f"{name}.jpg")
    mask = np.zeros((20, 30), dtype=np.uint8)
    mask[8:16, 8:24] = 255
    for name in ("a1", "a2"):
        Image.fromarray(mask).save(root / "masks" / f"{name}.jpg")
    (root / "train.txt").write_text("a2\na1\n", encoding="utf-8")
    (root / "test.txt").write_text("b10\n", encoding="utf-8")
    rows = "a1.jpg,1,0.5,0.5,200,,0,20,30\na2.jpg,1,0,1,90,,5,20,30\nb10.jpg,1,0.1,0.1,90,,5,20,30\n"
    (root / "gaze" / "kvasir_fixation.csv").write_text(HEADER + rows, encoding="utf-8")
    return root


def prostate_folder(root: Path) -> Path:
    """Two patients of three DICOM slices, whose file numbers run against their places in the first one."""
    for name in ("images", "masks"):
        (root / name).mkdir(parents=True)
    rows = []
    for patient, order in (("ProstateDx-01-0002", (2, 1, 0)), ("Prostate3T-01-0010", (0, 1, 2))):
        series = root.parent / f"series-{patient}"
        write_series(series, slices=3, rows=12, columns=10, pixels="slice_number", intercept=0.0)
        by_place = sorted(
            (pydicom.dcmread(path) for path in series.rglob("*.dcm")), key=lambda data: data.ImagePositionPatient[2]
        )
        for number, place in enumerate(order):
            name = f"{patient}_{number + 9}"
            by_place[place].save_as(root / "images" / f"{name}.dcm")
            labels = np.zeros((12, 10), dtype=np.uint16)
            labels[4:8, 3:7], labels[5, 5] = 1, 2
            Image.fromarray(labels).save(root / "masks" / f"{name}.png")
            rows.append(f"{name}.jpg,1,0.5,0.5,200,,0,12,10\n")
    (root / "nci-isbi_fixation.csv").write_text(HEADER + "".join(rows), encoding="utf-8")
    return root


def test_kvasir_pictures_come_with_gaze_masks_and_their_parts(tmp_path: Path):
    cases = kvasir_cases(kvasir_folder(tmp_path / "k"))
    assert [(case.case, case.patient, case.declared_part) for case in cases] == [
        ("a2", "a2", "train"), ("a1", "a1", "train"), ("b10", "b10", "test"),
    ]  # fmt: skip
    assert cases[1].gaze is not None
    assert cases[1].gaze.points_xy_share.tolist() == [[0.5, 0.5]]
    assert cases[1].load().is_colour
    assert cases[1].load_mask is not None
    mask = cases[1].load_mask()
    assert (mask.shape, int(mask.sum())) == ((20, 30), 128)
    assert cases[2].load_mask is None


def test_without_lists_every_picture_is_a_case_in_natural_order(tmp_path: Path):
    root = kvasir_folder(tmp_path / "k")
    for name in ("train.txt", "test.txt"):
        (root / name).unlink()
    Image.new("RGB", (30, 20)).save(root / "images" / "a11.png")
    cases = kvasir_cases(root)
    assert [(case.case, case.declared_part) for case in cases] == [
        ("a1", None), ("a2", None), ("a11", None), ("b10", None),
    ]  # fmt: skip
    assert cases[2].gaze is None


def test_prostate_slices_of_a_patient_stay_together_in_order_of_place(tmp_path: Path):
    cases = prostate_cases(prostate_folder(tmp_path / "n"))
    assert [case.case for case in cases] == [
        "Prostate3T-01-0010_9", "Prostate3T-01-0010_10", "Prostate3T-01-0010_11",
        "ProstateDx-01-0002_11", "ProstateDx-01-0002_10", "ProstateDx-01-0002_9",
    ]  # fmt: skip
    assert [case.patient for case in cases] == ["Prostate3T-01-0010"] * 3 + ["ProstateDx-01-0002"] * 3
    heights = [case.load().affine_lps[2, 3] for case in cases]
    assert heights[:3] == sorted(heights[:3])
    assert heights[3:] == sorted(heights[3:])
    first = cases[0]
    assert first.gaze is not None
    assert not first.load().is_colour
    assert first.load_mask is not None
    assert int(first.load_mask().sum()) == 16


@pytest.mark.parametrize(
    ("name", "patient"),
    [
        ("ProstateDx-01-0001_07", "ProstateDx-01-0001"), ("Prostate3T-03-0009", "Prostate3T-03-0009"),
        ("case7-012", "case7"), ("case7", "case"), ("0012", "0012"), ("p_1.2", "p_1"),
    ],
)  # fmt: skip
def test_the_patient_is_in_the_name(name: str, patient: str):
    assert patient_in_name(name) == patient


def test_a_table_of_another_picture_size_is_told_when_the_picture_is_loaded(tmp_path: Path):
    root = kvasir_folder(tmp_path / "k")
    table = root / "gaze" / "kvasir_fixation.csv"
    table.write_text(table.read_text(encoding="utf-8").replace(",20,30", ",20,31"), encoding="utf-8")
    case = kvasir_cases(root)[0]
    with pytest.raises(ModelError, match=r"a2\.jpg: has 30 x 20 pixels, its fixations were made on 31 x 20"):
        case.load()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda root: (root / "images" / "a1.jpg").unlink(), "picture a1 is not there"),
        (lambda root: (root / "gaze" / "more.csv").write_text("x"), "holds 2 CSV files"),
        (lambda root: (root / "gaze" / "kvasir_fixation.csv").unlink(), "holds no CSV with fixations"),
        (lambda root: (root / "test.txt").write_text("a1\n"), "a1 is listed twice"),
        (lambda root: (root / "images").rename(root / "pictures"), "there is no such folder"),
        (lambda root: Image.new("L", (3, 3)).save(root / "images" / "a1.png"), "differ only in their extension"),
    ],
)
def test_what_does_not_fit_together_is_one_line(tmp_path: Path, change: object, said: str):
    root = kvasir_folder(tmp_path / "k")
    change(root)  # type: ignore[operator]
    with pytest.raises(ModelError, match=said):
        kvasir_cases(root)


def test_a_broken_dicom_slice_is_one_line(tmp_path: Path):
    root = prostate_folder(tmp_path / "n")
    (root / "images" / "ProstateDx-01-0002_9.dcm").write_bytes(b"nothing")
    with pytest.raises(ModelError, match="cannot be read as DICOM"):
        prostate_cases(root)
