"""Made findings: the same for the same seed, where their masks say, independent of each other."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import binary_dilation

from models.simulation.findings import FINDINGS, drawn_labels, make_finding_patient, with_findings
from models.volumes import CtVolume
from tests.models.simulation.finding_phantom import SEED, SMALL, base, patient_with

RAISE = ("nodule", "opacity", "effusion", "calcification")


def hu(name: str) -> np.ndarray:
    return patient_with(name).volume.hu_kji.astype(float)


def test_the_same_seed_gives_the_same_patient_and_another_seed_another_one():
    first, again = (with_findings(*base(), 11) for _ in range(2))
    assert first.volume.digest() == again.volume.digest()
    assert first.labels == again.labels
    assert first.lesions == again.lesions
    assert with_findings(*base(), 12).volume.digest() != first.volume.digest()


def test_a_patient_from_a_seed_is_that_seeds_body_with_findings():
    made = make_finding_patient(SEED, settings=SMALL)
    drawn = with_findings(*base(), SEED)
    assert made.volume.digest() == drawn.volume.digest()
    assert made.case == "simulated-000003"
    assert made.volume.hu_kji.dtype == np.int16


def test_labels_masks_and_lesions_name_the_same_findings():
    for seed in range(6):
        made = with_findings(*base(), seed)
        assert list(made.labels) == list(FINDINGS)
        assert [name for name in FINDINGS if made.labels[name]] == list(made.masks_kji)
        assert {lesion.finding for lesion in made.lesions} == set(made.masks_kji)
        for mask in made.masks_kji.values():
            assert mask.shape == made.volume.shape_kji
            assert mask.any()


@pytest.mark.parametrize("name", FINDINGS)
def test_a_finding_that_is_wanted_is_there_and_one_that_is_not_is_not(name):
    assert patient_with(name).labels == {each: int(each == name) for each in FINDINGS}


@pytest.mark.parametrize("name", RAISE)
def test_what_is_drawn_is_denser_than_what_was_there(name):
    mask = patient_with(name).masks_kji[name]
    change = (hu(name) - patient_with().volume.hu_kji)[mask]
    assert change.mean() > 60
    assert np.percentile(change, 10) > -5


def test_holes_of_emphysema_are_less_dense_than_the_lung_around_them():
    mask = patient_with("emphysema").masks_kji["emphysema"]
    assert -130 < (hu("emphysema") - patient_with().volume.hu_kji)[mask].mean() < -30
    assert hu("emphysema")[mask].mean() < -900


@pytest.mark.parametrize("name", [name for name in FINDINGS if name != "cardiomegaly"])
def test_far_from_its_mask_a_finding_changes_nothing(name):
    changed = patient_with(name).volume.hu_kji != patient_with().volume.hu_kji
    near = binary_dilation(patient_with(name).masks_kji[name], np.ones((3, 3, 3), dtype=bool), iterations=4)
    if name == "effusion":  # lung above the fluid is pressed together
        near |= binary_dilation(near, np.ones((1, 15, 1), dtype=bool))
    assert changed.any()
    assert not (changed & ~near).any()


@pytest.mark.parametrize("name", ["nodule", "opacity", "emphysema"])
def test_what_lies_in_the_lung_is_lung(name):
    made = patient_with(name)
    assert (made.masks_kji[name] & ~made.lungs_kji).sum() <= 0.02 * made.masks_kji[name].sum()
    assert (made.lungs_kji == patient_with().lungs_kji).all()


def test_fluid_is_no_lung_and_lies_behind_it():
    made = patient_with("effusion")
    fluid = made.masks_kji["effusion"]
    assert not (fluid & made.lungs_kji).any()
    assert (fluid | made.lungs_kji).sum() == patient_with().lungs_kji.sum()
    rows = np.arange(fluid.shape[1])
    for k in np.flatnonzero(fluid.any(axis=(1, 2))):
        lung_rows = patient_with().lungs_kji[k].sum(axis=1)
        assert (fluid[k].sum(axis=1) @ rows) / fluid[k].sum() > (lung_rows @ rows) / lung_rows.sum()


def test_the_surface_of_the_fluid_is_level_in_its_middle_and_climbs_at_the_wall():
    fluid = patient_with("effusion").masks_kji["effusion"]
    k = int(fluid.sum(axis=(1, 2)).argmax())
    left = fluid[k] & (base()[1].x_mm > 0)
    side = left if left.sum() > 0.3 * fluid[k].sum() else fluid[k] & (base()[1].x_mm < 0)
    columns = np.flatnonzero(side.any(axis=0))
    top = side[:, columns].argmax(axis=0)
    third = len(columns) // 3
    assert np.ptp(top[third:-third]) <= 1
    assert top.min() < top[third:-third].min()


def test_an_enlarged_heart_takes_more_than_half_of_the_chest_and_a_usual_one_less():
    def share(made) -> float:
        heart = made.masks_kji["cardiomegaly"]
        k = int(heart.sum(axis=(1, 2)).argmax())
        chest = np.flatnonzero((heart[k] | made.lungs_kji[k]).any(axis=0))
        return np.ptp(np.flatnonzero(heart[k].any(axis=0))) / np.ptp(chest)

    assert all(0.5 < share(patient_with("cardiomegaly", seed=seed)) < 0.75 for seed in range(4))
    assert patient_with("cardiomegaly").lungs_kji.sum() < 0.97 * patient_with().lungs_kji.sum()
    soft = np.median(hu("cardiomegaly")[patient_with("cardiomegaly").masks_kji["cardiomegaly"]])
    assert -10 < soft < 90


def test_lime_is_the_densest_soft_tissue_and_moves_with_the_heart():
    both, lime = patient_with("calcification", "cardiomegaly"), patient_with("calcification")
    assert lime.volume.hu_kji[lime.masks_kji["calcification"]].mean() > 150
    assert (both.masks_kji["calcification"] != lime.masks_kji["calcification"]).any()
    assert both.volume.hu_kji[both.masks_kji["calcification"]].mean() > 130


def test_a_nodules_place_is_in_its_mask_and_its_size_is_as_drawn():
    made = patient_with("nodule", seed=8)
    spacing = np.linalg.norm(made.volume.affine_lps[:3, :3], axis=0)
    for lesion in made.lesions:
        i, j, k = (round(value) for value in lesion.voxel_ijk)
        assert made.masks_kji["nodule"][k, j, i]
        assert 6 <= lesion.diameter_mm <= 20
    drawn_mm3 = sum(np.pi / 6 * lesion.diameter_mm**3 for lesion in made.lesions)
    assert 0.5 < made.masks_kji["nodule"].sum() * spacing.prod() / drawn_mm3 < 1.8


def test_findings_are_as_frequent_as_meant_and_do_not_go_together():
    drawn = np.array([list(drawn_labels(seed).values()) for seed in range(2000)])
    assert ((drawn.mean(axis=0) > 0.3) & (drawn.mean(axis=0) < 0.4)).all()
    together = np.corrcoef(drawn.T)
    assert np.abs(together[~np.eye(len(FINDINGS), dtype=bool)]).max() < 0.07


def test_a_finding_is_drawn_the_same_whatever_else_is_there():
    alone, with_lime = patient_with("emphysema"), patient_with("emphysema", "calcification")
    assert (alone.masks_kji["emphysema"] == with_lime.masks_kji["emphysema"]).all()


def test_an_unknown_finding_is_refused():
    with pytest.raises(ValueError, match="there is no finding 'fracture'"):
        with_findings(*base(), 1, wanted={"fracture": True})


def test_lungs_that_are_too_small_leave_out_what_has_no_place():
    body, axes = base()
    none = type(body)(body.case, body.patient, body.volume, (), np.zeros_like(body.lungs_kji))
    made = with_findings(none, axes, 1, wanted=dict.fromkeys(FINDINGS, True))
    assert {name for name in FINDINGS if made.labels[name]} == {"calcification", "cardiomegaly"}
    assert isinstance(made.volume, CtVolume)
