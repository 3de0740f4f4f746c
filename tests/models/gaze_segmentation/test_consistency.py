"""Losses against the published numbers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from models.gaze_segmentation.consistency import consistency_terms, segmentation_loss, supervised_terms
from models.gaze_segmentation.network import LevelLogits
from models.gaze_segmentation.settings import SegmentationSettings


def golden_logits(golden: dict[str, object]) -> tuple[torch.Tensor, torch.Tensor]:
    """Plain and propagated logits, (2, 2, 9, 9)."""
    seed = golden["seed"]
    assert isinstance(seed, int)
    rng = np.random.default_rng(seed)
    rng.standard_normal((1, 8, 11, 13))
    drawn = [torch.from_numpy((rng.standard_normal((2, 1, 9, 9)) * 2).astype(np.float32))[:, 0] for _ in range(4)]
    return torch.stack(drawn[:2]), torch.stack(drawn[2:])


def test_both_consistencies_are_the_published_ones(shared_data: Path) -> None:
    golden = json.loads((shared_data / "golden" / "published_gaze_segmentation.json").read_text())
    plain, learnt = golden_logits(golden)
    assert consistency_terms(plain, plain).tolist() == pytest.approx(golden["consistency_pure"], abs=1e-4)
    assert consistency_terms(plain, learnt).tolist() == pytest.approx(golden["consistency_propagated"], abs=1e-4)


def test_no_gradient_flows_into_the_level_that_teaches() -> None:
    plain = torch.randn(2, 1, 4, 4, requires_grad=True)
    learnt = torch.randn(2, 1, 4, 4, requires_grad=True)
    consistency_terms(plain, learnt)[0].backward()
    assert plain.grad is None
    assert learnt.grad is not None
    assert (learnt.grad[0] != 0).all()
    assert (learnt.grad[1] == 0).all()


def test_three_levels_agree_with_the_mean_of_the_others() -> None:
    logits = torch.logit(torch.tensor([0.9, 0.5, 0.1])).view(3, 1, 1, 1)
    expected = [-(0.9 * 0.3 + 0.1 * 0.7), -0.5, -(0.1 * 0.7 + 0.9 * 0.3)]
    assert consistency_terms(logits, logits).tolist() == pytest.approx(expected, abs=1e-6)


def test_the_supervised_loss_is_one_cross_entropy_a_level() -> None:
    logits = torch.logit(torch.tensor([0.8, 0.5])).view(2, 1, 1, 1)
    targets = torch.tensor([1.0, 0.0]).view(2, 1, 1, 1)
    assert supervised_terms(logits, targets).tolist() == pytest.approx([-np.log(0.8), np.log(2)], rel=1e-5)


@pytest.mark.parametrize(("kind", "weight"), [("none", 3.0), ("pure", 3.0), ("propagated", 0.5)])
def test_the_total_is_supervision_and_weighted_agreement(kind: str, weight: float) -> None:
    torch.manual_seed(0)
    plain, learnt = torch.randn(2, 2, 3, 4, 4)
    targets = (torch.rand(2, 3, 4, 4) > 0.5).float()
    settings = SegmentationSettings(consistency=kind, consistency_weight=weight)  # type: ignore[arg-type]
    found = segmentation_loss(LevelLogits(plain, learnt), targets, settings)
    supervised = float(supervised_terms(plain, targets).sum())
    agreement = {"none": 0.0, "pure": consistency_terms(plain, plain), "propagated": consistency_terms(plain, learnt)}
    said = agreement[kind]
    expected = supervised + weight * (said if isinstance(said, float) else float(said.sum()))
    assert float(found.total) == pytest.approx(expected, rel=1e-5)
    assert float(found.supervised) == pytest.approx(supervised, rel=1e-5)


def test_propagated_consistency_without_propagated_logits_is_refused() -> None:
    with pytest.raises(ValueError, match="needs their logits"):
        segmentation_loss(LevelLogits(torch.zeros(2, 1, 4, 4)), torch.zeros(2, 1, 4, 4), SegmentationSettings())
