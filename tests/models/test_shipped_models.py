"""What comes with the program loads, is small, says what it is not, and predicts on a made chest."""

from __future__ import annotations

import pytest

from models.card import WEIGHTS_FILE
from models.families import FAMILIES, family_of
from models.predictions import ClassificationPrediction, SegmentationPrediction
from models.registry import find_models, shipped_models
from models.simulation.findings import FINDINGS, make_finding_patient
from models.simulation.simulated_patients import PatientSettings

SMALL = PatientSettings(slices=(60, 60), pixels=(72, 72), lesion_counts_weight=(1.0,))
LARGEST_BYTES = 10_000_000
SHIPPED = {"ct-searcher": "ct_searcher", "ct-scroll-small": "ct_scroll", "gaze-segmentation": "gaze_segmentation"}


@pytest.fixture(scope="module")
def chest():
    wanted = {name: name == "effusion" for name in FINDINGS}
    return make_finding_patient(4, wanted=wanted, settings=SMALL).volume


def test_the_shipped_models_are_small_and_say_what_they_are_not():
    found = {one.name: one for one in find_models([shipped_models()])}
    assert {name: one.card.architecture for name, one in found.items()} == SHIPPED
    for one in found.values():
        assert not one.problem
        assert (one.folder / WEIGHTS_FILE).stat().st_size < LARGEST_BYTES
        assert one.card.metrics
        assert any("says nothing about" in limit for limit in one.card.limits)
        assert any("not a medical device" in limit.lower() for limit in one.card.limits)


def predicted(name: str, volume):
    family = family_of(SHIPPED[name])
    return family.predict(family.load(shipped_models() / name), volume, options={}, device="cpu")


def test_the_shipped_ct_scroll_sees_the_fluid_of_a_made_patient(chest):
    found = predicted("ct-scroll-small", chest)
    assert isinstance(found, ClassificationPrediction)
    assert found.findings.labels == FINDINGS
    said = dict(zip(found.findings.labels, found.findings.probabilities, strict=True))
    assert said["effusion"] > 0.5
    assert [one.contribution_lk.shape for one in found.evidence] == [(6, 60)] * 2


def test_the_shipped_segmentation_gives_a_mask_on_the_volumes_own_voxels(chest):
    found = predicted("gaze-segmentation", chest)
    assert isinstance(found, SegmentationPrediction)
    assert found.mask_kji.shape == chest.shape_kji
    assert len(found.levels_kji) == 2


def test_every_shipped_architecture_is_known():
    assert set(SHIPPED.values()) <= set(FAMILIES)
