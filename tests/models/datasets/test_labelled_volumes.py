"""CT-RATE's and Rad-ChestCT's tables and volumes are read as published; what is wrong with them is one line."""

from __future__ import annotations

import csv
from pathlib import Path

import nibabel
import numpy as np
import pytest

from models.datasets.label_tables import read_labels
from models.datasets.labelled_volumes import ct_rate_cases, rad_chestct_cases
from models.datasets.splits import split_as_declared
from models.datasets.volume_arrays import read_npz_volume
from models.errors import ModelError
from models.volumes import CanonicalFrame

HU = np.random.default_rng(1).integers(-1000, 400, (6, 5, 4)).astype(np.int16)
"""Array axes k, j, i."""


def write_csv(path: Path, rows: list[list[object]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    return path


def write_nifti(path: Path, values_kji: np.ndarray, spacing=(0.7, 0.7, 2.0)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(values_kji.transpose(2, 1, 0), np.diag([*spacing, 1.0])), path)


@pytest.fixture
def ct_rate(tmp_path: Path) -> tuple[Path, Path]:
    """Three volumes of two training patients and one of a validation patient; one more row has no file."""
    labels = write_csv(
        tmp_path / "labels.csv",
        [
            ["VolumeName", "Emphysema", "Lung nodule"],
            ["train_1_a_1.nii.gz", 1, 0],
            ["train_1_a_2.nii.gz", 1, 0],
            ["train_20_b_1.nii.gz", 0, 1],
            ["valid_3_a_1.nii.gz", 0, 0],
            ["train_9_a_1.nii.gz", 0, 0],
        ],
    )
    for name in ("train_1_a_1", "train_1_a_2", "train_20_b_1", "valid_3_a_1"):
        part, patient, scan, _ = name.split("_")
        write_nifti(tmp_path / "v" / f"{part}_{patient}" / f"{part}_{patient}_{scan}" / f"{name}.nii.gz", HU)
    return labels, tmp_path / "v"


def test_ct_rate_is_read_in_its_folders_and_patients_come_from_names(ct_rate):
    cases = ct_rate_cases(*ct_rate)
    assert [(case.case, case.patient, case.declared_part) for case in cases] == [
        ("train_1_a_1", "train_1", "train"),
        ("train_1_a_2", "train_1", "train"),
        ("train_20_b_1", "train_20", "train"),
        ("valid_3_a_1", "valid_3", "test"),
    ]
    assert cases[0].labels == {"Emphysema": 1, "Lung nodule": 0}
    assert cases[0].origin == "ct-rate"
    volume = cases[2].load()
    assert (volume.case, volume.patient) == ("train_20_b_1", "train_20")
    assert np.array_equal(volume.hu_kji, HU)


def test_validation_is_cut_out_of_training_patients_and_never_of_the_test_part(ct_rate):
    split = split_as_declared(ct_rate_cases(*ct_rate), 0.5, seed=1)
    assert split.patients("test") == ("valid_3",)
    assert len(split.patients("train")) == len(split.patients("validation")) == 1


def test_volumes_may_lie_in_one_folder_and_as_arrays(tmp_path: Path):
    labels = write_csv(tmp_path / "l.csv", [["VolumeName", "a"], ["train_1_a_1.nii.gz", 1], ["train_2_a_1.npz", 0]])
    write_nifti(tmp_path / "train_1_a_1.nii.gz", HU)
    np.savez(tmp_path / "train_2_a_1.npz", HU)
    first, second = (case.load() for case in ct_rate_cases(labels, tmp_path))
    assert np.array_equal(first.hu_kji, second.hu_kji)
    frame = CanonicalFrame.of(second.shape_kji, second.affine_lps)
    assert frame.spacing_ijk_mm == (0.75, 0.75, 1.5)
    # S-L-P as CT-Scroll's authors keep it: the first index is caudal, rows run to the left, columns to the back.
    assert np.array_equal(frame.reorient(second.hu_kji), HU[::-1].transpose(0, 2, 1))


METADATA = ["VolumeName", "RescaleSlope", "RescaleIntercept", "XYSpacing", "ZSpacing"]


def test_stored_values_of_the_first_release_are_rescaled_once(ct_rate, tmp_path: Path):
    labels, volumes = ct_rate
    metadata = write_csv(
        tmp_path / "m.csv",
        [METADATA, *([f"{case.case}.nii.gz", 2, -1024, "[0.5, 0.5]", 1.25] for case in ct_rate_cases(labels, volumes))],
    )
    stored = np.random.default_rng(2).integers(0, 900, (6, 5, 4)).astype(np.int16)
    for path in volumes.rglob("*.nii.gz"):
        write_nifti(path, stored)
    volume = ct_rate_cases(labels, volumes, metadata=metadata)[0].load()
    np.testing.assert_array_equal(volume.hu_kji, 2.0 * stored - 1024)
    np.testing.assert_allclose(np.linalg.norm(volume.affine_lps[:3, :3], axis=0), [0.5, 0.5, 1.25])


def test_hounsfield_units_are_never_rescaled_again(ct_rate, tmp_path: Path):
    labels, volumes = ct_rate
    rows = [[f"{case.case}.nii.gz", 1, -1024, "[0.5, 0.5]", 1.25] for case in ct_rate_cases(labels, volumes)]
    metadata = write_csv(tmp_path / "m.csv", [METADATA, *rows])
    with pytest.raises(
        ModelError, match=r"look like air in Hounsfield units; an intercept of -1024 would rescale it tw"
    ):
        ct_rate_cases(labels, volumes, metadata=metadata)[0].load()


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (["train_1_a_1.nii.gz", "x", 0, "[1, 1]", 1], "m.csv, row 2: holds a slope, intercept or spacing that is no"),
        (["train_1_a_1.nii.gz", 1, 0, "[1, 1]", 0], "m.csv, row 2: holds a slope or spacing that cannot be"),
        (["train_1_a_1.nii.gz", 1, 0, "[nan, 1]", 1], "m.csv, row 2: holds a slope or spacing that cannot be"),
        (["train_7_a_1.nii.gz", 1, 0, "[1, 1]", 1], "m.csv: holds no row of train_1_a_1"),
    ],
)
def test_metadata_that_cannot_be_is_one_line(ct_rate, tmp_path: Path, row, said: str):
    metadata = write_csv(tmp_path / "m.csv", [METADATA, row])
    with pytest.raises(ModelError, match=said) as caught:
        ct_rate_cases(*ct_rate, metadata=metadata)
    assert "\n" not in str(caught.value)


@pytest.fixture
def rad_chestct(tmp_path: Path) -> tuple[Path, Path]:
    labels = write_csv(
        tmp_path / "imgtrain.csv",
        [
            ["NoteAcc_DEID", "nodule*left_lung", "nodule*right_lung", "emphysema*other"],
            ["trn00001", 0, 1, 0],
            ["trn00002", 0, 0, 1],
            ["val00001", 1, 1, 1],
            ["tst00004", 0, 0, 0],
        ],
    )
    for name in ("trn00001", "trn00002", "val00001", "tst00004"):
        np.savez(tmp_path / f"{name}.npz", ct=HU)
    return labels, tmp_path


def test_rad_chestct_is_read_as_published(rad_chestct):
    cases = rad_chestct_cases(*rad_chestct)
    assert [(case.case, case.patient, case.declared_part) for case in cases] == [
        ("trn00001", "trn00001", "train"),
        ("trn00002", "trn00002", "train"),
        ("val00001", "val00001", "validation"),
        ("tst00004", "tst00004", "test"),
    ]
    assert [case.labels for case in cases[:3]] == [
        {"nodule": 1, "emphysema": 0}, {"nodule": 0, "emphysema": 1}, {"nodule": 1, "emphysema": 1},
    ]  # fmt: skip
    volume = cases[0].load()
    frame = CanonicalFrame.of(volume.shape_kji, volume.affine_lps)
    assert frame.spacing_ijk_mm == pytest.approx((0.8, 0.8, 0.8))
    # Superior to inferior, anterior to posterior, right to left: canonical as it is stored.
    assert np.array_equal(frame.reorient(volume.hu_kji), HU)


def test_rad_chestct_labels_can_be_called_as_another_set_calls_them(rad_chestct):
    cases = rad_chestct_cases(*rad_chestct, names={"nodule": "Lung nodule"})
    assert cases[0].labels == {"Lung nodule": 1}
    with pytest.raises(ModelError, match="has no label 'mass'"):
        rad_chestct_cases(*rad_chestct, names={"mass": "Mass"})


def test_scans_of_one_patient_are_told_by_the_metadata(rad_chestct, tmp_path: Path):
    metadata = write_csv(
        tmp_path / "m.csv",
        [["NoteAcc_DEID", "MRN_DEID"], ["trn00001", "p1"], ["trn00002", "p1"], ["val00001", "p2"], ["tst00004", "p3"]],
    )
    assert [case.patient for case in rad_chestct_cases(*rad_chestct, metadata=metadata)] == ["p1", "p1", "p2", "p3"]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([["Volume", "a"], ["train_1_a_1", 1]], "has no column VolumeName"),
        ([["VolumeName"], ["train_1_a_1"]], "holds no column of a label"),
        ([["VolumeName", "a"]], "holds no row"),
        ([["VolumeName", "a", "a"], ["train_1_a_1", 1, 1]], "has one column twice"),
        ([["VolumeName", "a"], ["train_1_a_1", 1], ["train_1_a_1", 0]], "row 3: 'train_1_a_1' is there twice"),
        ([["VolumeName", "a"], ["train_1_a_1", -1]], "row 2: a: '-1' is neither 1 nor 0"),
        ([["VolumeName", "a"], ["train_1_a_1"]], "row 2: has 1 values, not 2"),
        ([["VolumeName", "a"], ["", 1]], "row 2: has no VolumeName"),
        ([["VolumeName", "a"], ["../../etc/passwd", 1]], "is no volume of CT-RATE"),
        ([["VolumeName", "a"], ["train_1_a_1", 1]], "holds no volume that l.csv names"),
    ],
)
def test_tables_that_cannot_be_are_one_line(tmp_path: Path, rows, said: str):
    labels = write_csv(tmp_path / "l.csv", rows)
    with pytest.raises(ModelError, match=said) as caught:
        ct_rate_cases(labels, tmp_path)
    assert "\n" not in str(caught.value)


def test_files_that_are_no_tables_are_one_line(tmp_path: Path):
    with pytest.raises(ModelError, match=r"no\.csv: cannot be read: No such file"):
        read_labels(tmp_path / "no.csv", "VolumeName")
    (tmp_path / "b.csv").write_bytes(b"VolumeName,a\n\xff\xfe,1\n")
    with pytest.raises(ModelError, match=r"b\.csv: cannot be read"):
        read_labels(tmp_path / "b.csv", "VolumeName")


def test_values_written_with_a_point_are_read(tmp_path: Path):
    labels = write_csv(tmp_path / "l.csv", [["VolumeName", "a", "b"], ["train_1_a_1", "1.0", "0.0"]])
    assert read_labels(labels, "VolumeName") == (("a", "b"), {"train_1_a_1": (1, 0)})


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"ct": np.zeros((3, 3))}, "ct is float64 3 x 3, no volume of numbers"),
        ({"ct": np.zeros((2, 2, 2), complex)}, "no volume of numbers"),
        ({"a": HU, "b": HU}, "holds 2 arrays, none called ct or arr_0"),
        ({"ct": np.array([None, 1], dtype=object)}, "ct is object"),
    ],
)
def test_arrays_that_are_no_volume_are_one_line(tmp_path: Path, arrays, said: str):
    np.savez(tmp_path / "v.npz", **arrays)
    with pytest.raises(ModelError, match=said):
        read_npz_volume(tmp_path / "v.npz", axes="IPL", spacing_mm=(1, 1, 1))


def test_damaged_arrays_are_one_line(tmp_path: Path):
    np.savez_compressed(tmp_path / "v.npz", ct=np.random.default_rng(0).integers(0, 99, (20, 20, 20)))
    whole = (tmp_path / "v.npz").read_bytes()
    for content in (b"", whole[:200], whole[:300] + bytes(50) + whole[350:]):
        (tmp_path / "v.npz").write_bytes(content)
        with pytest.raises(ModelError, match=r"^v\.npz: cannot be read as \.npz"):
            read_npz_volume(tmp_path / "v.npz", axes="IPL", spacing_mm=(1, 1, 1))
    with pytest.raises(ModelError, match="this file is missing"):
        read_npz_volume(tmp_path / "no.npz", axes="IPL", spacing_mm=(1, 1, 1))
    with pytest.raises(ValueError, match="not three directions"):
        read_npz_volume(tmp_path / "v.npz", axes="LRS", spacing_mm=(1, 1, 1))
