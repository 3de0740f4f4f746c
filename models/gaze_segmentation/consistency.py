"""What the levels are trained by: their own pseudo-masks, and agreement among them (reference: GazeMedSeg, B8)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from models.gaze_segmentation.network import LevelLogits
from models.gaze_segmentation.settings import SegmentationSettings


@dataclass(frozen=True, eq=False)
class SegmentationLoss:
    """The loss of a batch and its parts, scalars.

    Attributes
    ----------
    supervised
        Sum over levels of the binary cross-entropy, mean over pixels.
    consistency
        Sum over levels, from -levels (all agree, and are sure) to 0.
    total
        Supervised plus weight times consistency: it can be negative.
    """

    total: Tensor
    supervised: Tensor
    consistency: Tensor


def segmentation_loss(logits: LevelLogits, targets: Tensor, settings: SegmentationSettings) -> SegmentationLoss:
    """Total loss.

    Parameters
    ----------
    logits
        (levels, B, H, W), with propagated ones where the settings ask for that consistency.
    targets
        (levels, B, H, W), 0 or 1.
    """
    supervised = supervised_terms(logits.plain, targets).sum()
    if settings.consistency == "none":
        return SegmentationLoss(supervised, supervised, torch.zeros_like(supervised))
    learning = logits.plain if settings.consistency == "pure" else logits.propagated
    if learning is None:
        raise ValueError("consistency of propagated features needs their logits")
    agreement = consistency_terms(logits.plain, learning).sum()
    return SegmentationLoss(supervised + settings.consistency_weight * agreement, supervised, agreement)


def supervised_terms(logits: Tensor, targets: Tensor) -> Tensor:
    """(levels,) mean binary cross-entropy of each level."""
    found = binary_cross_entropy_with_logits(logits.float(), targets.float(), reduction="none")
    return found.flatten(1).mean(1)


def consistency_terms(teaching: Tensor, learning: Tensor) -> Tensor:
    """(levels,) of each level: minus the mean product of its probabilities with those of every other level.

    Parameters
    ----------
    teaching
        (levels, B, H, W) plain logits; no gradient flows into them.
    learning
        (levels, B, H, W) logits of the level that learns: the plain ones, or those of propagated features.
    """
    taught = torch.sigmoid(teaching.float()).detach()
    learnt = torch.sigmoid(learning.float())
    others = (taught.sum(0, keepdim=True) - taught) / (len(taught) - 1)
    return -(learnt * others + (1 - learnt) * (1 - others)).flatten(1).mean(1)
