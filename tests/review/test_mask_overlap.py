"""Dice and IoU of masks with known counts, and the parts of a segmentation."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ctgaze_app.review.mask_overlap import mask_overlap
from ctgaze_app.review.mask_parts import ENSEMBLE, level_names, mask_of, probability_of
from models.predictions import SegmentationPrediction


def test_dice_and_iou_of_known_counts() -> None:
    predicted, reference = np.zeros((2, 3, 4), dtype=bool), np.zeros((2, 3, 4), dtype=bool)
    predicted[0, 0, :3] = True
    reference[0, 0, 1:] = reference[1, 0, 0] = True
    found = mask_overlap(predicted, reference)
    assert (found.predicted, found.reference, found.both) == (3, 4, 2)
    assert found.dice == pytest.approx(4 / 7) and found.iou == pytest.approx(2 / 5)


def test_two_empty_masks_have_no_score_and_other_shapes_are_refused() -> None:
    empty = mask_overlap(np.zeros((1, 2, 2), dtype=bool), np.zeros((1, 2, 2), dtype=bool))
    assert math.isnan(empty.dice) and math.isnan(empty.iou)
    with pytest.raises(ValueError, match="different shapes"):
        mask_overlap(np.zeros((1, 2, 2), dtype=bool), np.zeros((2, 2, 2), dtype=bool))


def test_each_level_has_its_own_mask_and_the_threshold_is_met_exactly() -> None:
    ensemble, level = np.array([[[127, 128]]], dtype=np.uint8), np.array([[[255, 0]]], dtype=np.uint8)
    made = SegmentationPrediction(
        case="c", patient="c", shape_kji=(1, 1, 2), model="m", version="1", model_sha256="", volume_sha256="",
        device="cpu", seconds=0.0, structure="nodule", probability_kji=ensemble, levels_kji={"level 1": level},
        seen_k=np.ones(1, dtype=bool),
    )  # fmt: skip
    assert level_names(made) == (ENSEMBLE, "level 1") and made.least_value == 128
    assert mask_of(made).tolist() == made.mask_kji.tolist() == [[[False, True]]]
    assert mask_of(made, "level 1").tolist() == [[[True, False]]]
    assert probability_of(made, "gone") is ensemble
