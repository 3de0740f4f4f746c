"""What comes with the program loads, is small, says what it is not, and predicts on a made chest."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from models.card import WEIGHTS_FILE, read_card
from models.errors import ModelError
from models.families import FAMILIES, family_of
from models.predictions import ClassificationPrediction, SegmentationPrediction
from models.registry import find_models, shipped_models
from models.simulation.findings import FINDINGS, make_finding_patient
from models.simulation.simulated_patients import PatientSettings
from models.training.recipes import config_text
from models.volumes import CtVolume

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
        assert {"candidate", "floor"} <= {row.role for row in one.card.metrics.values()}
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


@pytest.mark.parametrize("name", ["ct-scroll-small", "gaze-segmentation"])
def test_what_is_made_for_chests_refuses_a_head(name: str):
    head = np.full((60, 72, 72), -1000, np.int16)
    head[:, 16:56, 16:56] = 40
    with pytest.raises(ModelError, match=r"h1: no chest: 0\.0 % of the body is as light as lung"):
        predicted(name, CtVolume(head, np.diag([4.0, 4.0, -4.0, 1.0]), "h1"))


@pytest.mark.parametrize(
    ("name", "recipe"), [("ct-scroll-small", "ct_scroll_small"), ("gaze-segmentation", "gaze_segmentation_small")]
)
def test_the_shipped_recipe_is_the_one_on_the_card(name: str, recipe: str):
    text = config_text(family_of(SHIPPED[name]).read_recipe(recipe), with_cache=False)
    assert read_card(shipped_models() / name).training.recipe_sha256 == hashlib.sha256(text.encode()).hexdigest()


def test_every_shipped_architecture_is_known():
    assert set(SHIPPED.values()) <= set(FAMILIES)
