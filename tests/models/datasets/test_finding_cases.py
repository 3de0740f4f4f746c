"""Made training sets with findings: complete, in the part of their seed, and what masks, gaze and labels say agrees."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from models.datasets.finding_cases import (
    SLICE_PIXELS,
    SLICE_SIDE_MM,
    labelled_cases,
    part_of_seed,
    radiograph_cases,
    slice_cases,
)
from models.datasets.finding_files import finding_patient
from models.errors import Cancelled, ModelError
from models.simulation.findings import FINDINGS
from tests.models.simulation.finding_phantom import SEED, SMALL, TEST_SEED, make_bodies_once


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    make_bodies_once(monkeypatch)


def test_a_labelled_case_has_its_patients_volume_labels_and_part(tmp_path):
    for seed, part in ((SEED, "train"), (TEST_SEED, "test")):
        (case,) = labelled_cases(1, first_seed=seed, folder=tmp_path, settings=SMALL)
        patient = finding_patient(seed, folder=None, wanted={}, settings=SMALL)
        assert case.load().digest() == patient.volume.digest()
        assert (case.case, case.labels, case.declared_part) == (patient.case, patient.labels, part)
        assert list(case.labels) == list(FINDINGS)
        assert pickle.loads(pickle.dumps(case)).load().digest() == patient.volume.digest()


def test_the_band_of_the_seed_is_the_part():
    seeds = (0, 999_999, 1_000_000, 1_999_999, 2_000_000, 9_000_000)
    assert [part_of_seed(seed) for seed in seeds] == ["train", "train", "validation", "validation", "test", "test"]


@pytest.mark.parametrize("finding", FINDINGS)
def test_a_slice_shows_its_finding_at_a_persons_zoom(finding):
    cases = slice_cases(1, first_seed=SEED, finding=finding, slices_per_patient=2, settings=SMALL)
    assert 1 <= len(cases) <= 2
    for case in cases:
        picture, mask = case.load(), case.load_mask()
        assert picture.values.shape == (1, SLICE_PIXELS, SLICE_PIXELS)
        assert picture.values.dtype == np.float32
        assert picture.values.min() < -700  # Hounsfield units: some air is always shown
        assert mask.shape == (SLICE_PIXELS, SLICE_PIXELS)
        assert 0 < mask.mean() < 0.5
        assert case.gaze is not None
        assert len(case.gaze.duration_s) >= 3
        assert case.labels == {}
        pixel_mm = np.linalg.norm(picture.affine_lps[:3, 0])
        assert pixel_mm * SLICE_PIXELS == pytest.approx(SLICE_SIDE_MM[finding])


def test_a_slices_affine_puts_the_mask_where_the_volume_has_the_finding():
    patient = finding_patient(SEED, folder=None, wanted={"effusion": True}, settings=SMALL)
    cases = slice_cases(1, first_seed=SEED, finding="effusion", slices_per_patient=3, settings=SMALL)
    for case in cases:
        k = int(case.case.rpartition("-")[2])
        rows, columns = np.nonzero(case.load_mask())
        there = case.load().affine_lps @ (columns.mean(), rows.mean(), 0, 1)
        rows, columns = np.nonzero(patient.masks_kji["effusion"][k])
        expected = patient.volume.affine_lps @ (columns.mean(), rows.mean(), k, 1)
        # Part of a wide finding may lie outside the picture; height and depth agree.
        assert there[2] == pytest.approx(expected[2])
        assert there[1] == pytest.approx(expected[1], abs=8)


def test_slices_of_one_patient_stay_together_and_are_made_the_same_again(tmp_path):
    first, again = (
        slice_cases(1, first_seed=SEED, finding="opacity", folder=tmp_path, settings=SMALL) for _ in range(2)
    )
    assert len({case.case for case in first}) == len(first) > 1
    assert {case.patient for case in first} == {"simulated-000003"}
    for one, other in zip(first, again, strict=True):
        assert one.load().digest() == other.load().digest()
        assert (one.gaze.points_xy_share == other.gaze.points_xy_share).all()
        assert (one.load_mask() == other.load_mask()).all()


def test_a_radiograph_has_one_of_three_labels_and_gaze():
    (case,) = radiograph_cases(1, first_seed=TEST_SEED, settings=SMALL)
    picture = case.load()
    assert picture.values.dtype == np.float32
    assert (picture.values.min(), picture.values.max()) == (0.0, 1.0)
    assert list(case.labels) == ["Normal", "CHF", "Pneumonia"]
    assert sum(case.labels.values()) == 1
    assert case.load_mask is None
    assert len(case.gaze.duration_s) > 30
    assert case.declared_part == "test"


def test_progress_and_cancel_are_asked_after_each_patient():
    seen: list[tuple[int, int]] = []
    labelled_cases(1, first_seed=SEED, settings=SMALL, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 1)]
    with pytest.raises(Cancelled):
        slice_cases(1, first_seed=SEED, settings=SMALL, cancelled=lambda: True)


def test_what_cannot_be_is_refused_in_one_line():
    with pytest.raises(ModelError, match="0 patients from seed 0"):
        labelled_cases(0, settings=SMALL)
    with pytest.raises(ModelError, match="run into the seeds of the validation part"):
        radiograph_cases(2, first_seed=999_999, settings=SMALL)
    with pytest.raises(ModelError, match="there is no finding 'fracture'"):
        slice_cases(1, finding="fracture", settings=SMALL)
    with pytest.raises(ModelError, match="0 slices of each patient"):
        slice_cases(1, slices_per_patient=0, settings=SMALL)
