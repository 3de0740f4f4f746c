"""Made sets in the field's layouts: what the readers of those layouts find is what was made."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from ctgaze_app.formats.contract import FormatError
from ctgaze_app.formats.egd import READ_OPTIONS, read_egd
from ctgaze_app.formats.finding_sets import (
    RADIOGRAPH_SCALE,
    ct_rate_name,
    write_radiographs,
    write_slices,
    write_volumes,
)
from ctgaze_app.formats.gazemedseg import FORMAT
from models.datasets.finding_cases import radiograph_cases, slice_cases
from models.datasets.finding_files import finding_patient
from models.datasets.labelled_volumes import ct_rate_cases
from models.datasets.picture_folders import kvasir_cases, prostate_cases
from models.nifti import read_nifti_volume
from tests.models.simulation.finding_phantom import SEED, SMALL, TEST_SEED, make_bodies_once


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    make_bodies_once(monkeypatch)


def test_volumes_are_read_as_ct_rate(tmp_path):
    counts = write_volumes((SEED, TEST_SEED), tmp_path, settings=SMALL)
    cases = ct_rate_cases(tmp_path / "labels.csv", tmp_path / "volumes")
    assert [(case.case, case.declared_part) for case in cases] == [
        ("train_3_a_1", "train"), ("valid_2000003_a_1", "test"),
    ]  # fmt: skip
    for case, seed in zip(cases, (SEED, TEST_SEED), strict=True):
        made = finding_patient(seed, folder=None, wanted={}, settings=SMALL)
        volume = case.load()
        assert case.labels == made.labels
        assert volume.hu_kji.dtype == np.int16
        assert (volume.hu_kji == made.volume.hu_kji).all()
        assert volume.affine_lps == pytest.approx(made.volume.affine_lps, abs=1e-4)
        masks = {path.name.split(".")[0]: path for path in (tmp_path / "masks" / case.case).glob("*.nii.gz")}
        assert set(masks) == set(made.masks_kji)
        for name, path in masks.items():
            assert (read_nifti_volume(path).hu_kji.astype(bool) == made.masks_kji[name]).all()
    assert counts["volumes"] == 2
    assert counts["with"]["effusion"] == sum(case.labels["effusion"] for case in cases)


def test_names_of_volumes_say_the_part():
    assert ct_rate_name(0) == "train_0_a_1"
    assert ct_rate_name(1_000_004) == "train_1000004_a_1"
    assert ct_rate_name(2_000_000) == "valid_2000000_a_1"


def test_slices_are_read_as_gazemedsegs(tmp_path):
    made = [
        case
        for seed in (SEED, TEST_SEED)
        for case in slice_cases(1, first_seed=seed, finding="opacity", slices_per_patient=2, settings=SMALL)
    ]
    counts = write_slices(made, "opacity", tmp_path)
    by_name = {case.case: case for case in made}
    assert counts["pictures"] == len(made) == counts["train"] + counts["test"]
    for found in (kvasir_cases(tmp_path), prostate_cases(tmp_path)):
        assert {case.case for case in found} == set(by_name)
        for case in found:
            true = by_name[case.case]
            assert case.declared_part == ("test" if "2000003" in case.case else "train")
            assert (case.load_mask() == true.load_mask()).all()
            assert case.gaze.points_xy_share == pytest.approx(true.gaze.points_xy_share, abs=1e-8)
            assert case.gaze.duration_s == pytest.approx(true.gaze.duration_s, abs=1e-8)
    with Image.open(tmp_path / "images" / f"{made[0].case}.png") as picture:
        grey = np.asarray(picture)
    shown = 255 * ((made[0].load().values[0] + 600) / 1500 + 0.5)
    assert grey == pytest.approx(np.clip(shown, 0, 255), abs=0.51)
    table = FORMAT.read(
        tmp_path / "gaze" / "simulated-1_fixation.csv", {"reader": "simulated-1", "patient_pattern": ""}
    )
    assert len(table.fixations) == counts["fixations"]


def test_radiographs_are_read_as_the_eye_gaze_tables(tmp_path):
    made = radiograph_cases(1, first_seed=SEED, settings=SMALL) + radiograph_cases(
        1, first_seed=TEST_SEED, settings=SMALL
    )
    counts = write_radiographs(made, tmp_path)
    options = {option.name: option.default for option in READ_OPTIONS} | {"display": "stored"}
    found = read_egd(tmp_path, options)
    assert counts["pictures"] == len(found.cases) == 2
    for case in made:
        record = found.case(case.case)
        _, rows, columns = case.load().shape_kji
        assert record.shape_kji == (1, rows * RADIOGRAPH_SCALE, columns * RADIOGRAPH_SCALE)
        assert record.patient == case.patient
        sheet = {"Normal": "Normal", "CHF": "CHF", "Pneumonia": "pneumonia"}
        assert {name: int(record.attributes[column]) for name, column in sheet.items()} == case.labels
        own = found.fixations[found.fixations["case"] == case.case]
        assert own["on_image"].all()
        pixels = case.gaze.points_xy_share * (record.shape_kji[2], record.shape_kji[1]) - 0.5
        assert own[["x_voxel", "y_voxel"]].to_numpy() == pytest.approx(pixels, abs=0.51)
        assert own["duration_s"].to_numpy() == pytest.approx(case.gaze.duration_s, abs=1e-6)
        with Image.open(tmp_path / "images" / f"{case.case}.png") as picture:
            grey = np.asarray(picture)
        assert grey.shape == record.shape_kji[1:]
        assert grey[::RADIOGRAPH_SCALE, ::RADIOGRAPH_SCALE] == pytest.approx(255 * case.load().values[0], abs=0.51)


def test_a_folder_that_refuses_is_told_in_one_line(tmp_path):
    (tmp_path / "volumes").write_text("no folder", encoding="utf-8")
    with pytest.raises(FormatError, match=r"train_3_a_1\.nii\.gz: cannot be written"):
        write_volumes((SEED,), tmp_path, settings=SMALL)
