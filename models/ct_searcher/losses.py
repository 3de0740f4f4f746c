"""What training makes small: the negative log-likelihood of places, durations and offsets, and of the dwell.

All sums run in float32 whatever the network ran in. Steps that are not asked for may hold anything, NaN included.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log, pi

from torch import Tensor
from torch.nn import functional

from models.ct_searcher.steps import StepOutputs, Steps

PUBLISHED_FLOOR = 1e-7
"""Added to probabilities and durations by the published losses (reference: CT-ScanGaze, 3.6)."""
SHORTEST_S = 1e-3
"""A shorter duration counts as this long."""


@dataclass(frozen=True)
class LossWeights:
    """Weight of each part of the total; place and duration as published (lambda_1 = 1)."""

    place: float = 1.0
    duration: float = 1.0
    offset: float = 0.3
    dwell: float = 0.3


@dataclass(frozen=True)
class Losses:
    """Parts of a loss, each a scalar; a part that was not asked for is 0."""

    total: Tensor
    place: Tensor
    duration: Tensor
    offset: Tensor
    dwell: Tensor


def searcher_loss(
    outputs: StepOutputs,
    steps: Steps,
    fixated: Tensor,
    scored: Tensor,
    *,
    dwell_logits: Tensor | None = None,
    dwell_share: Tensor | None = None,
    weights: LossWeights | None = None,
) -> Losses:
    """Loss of real paths under the network's distributions.

    Parameters
    ----------
    outputs
        Of the network along `steps`; the faithful network's get the published loss.
    fixated
        (B, T) bool: steps that are fixations, whose durations and offsets count.
    scored
        (B, T) bool: fixations and one stop, whose classes count.
    dwell_logits, dwell_share
        (B, cells) of the network, and real shares (each row sums to 1, or to 0 where it is not known); both or none.
    weights
        Of the parts; `LossWeights()` without.

    Returns
    -------
    Losses
        Place: mean cross entropy over scored steps. Duration: mean negative log density in 1/s over fixated steps.
        Offset: the same in cells, summed over the axes. Dwell: mean cross entropy over rows that have shares.
    """
    weights = weights or LossWeights()
    logits = outputs.logits[scored].float()
    classes = steps.cells[scored]
    if outputs.faithful:
        probability = logits.softmax(-1).gather(-1, classes[:, None])[:, 0]
        place = _mean(-(probability + PUBLISHED_FLOOR).log())
    else:
        place = _mean(functional.cross_entropy(logits, classes, reduction="none"))
    duration_nll = published_log_normal_nll if outputs.faithful else log_normal_nll
    duration = _mean(
        duration_nll(
            steps.duration_s[fixated].float(),
            outputs.duration_mu[fixated].float(),
            outputs.duration_log_variance[fixated].float(),
        )
    )
    offset = dwell = place.new_zeros(())
    if outputs.offset_mean is not None and outputs.offset_log_sd is not None:
        mean, log_sd = outputs.offset_mean[fixated].float(), outputs.offset_log_sd[fixated].float()
        offset = _mean(normal_nll(steps.offset_kji[fixated].float(), mean, log_sd).sum(-1))
    if dwell_logits is not None and dwell_share is not None:
        share = dwell_share.float()
        entropy = -(share * dwell_logits.float().log_softmax(-1)).sum(-1)
        dwell = _mean(entropy[share.sum(-1) > 0])
    total = weights.place * place + weights.duration * duration + weights.offset * offset + weights.dwell * dwell
    return Losses(total, place, duration, offset, dwell)


def published_log_normal_nll(duration_s: Tensor, mu: Tensor, log_variance: Tensor) -> Tensor:
    """The same density as published, with its exponentials: infinite for a variance that overflows or vanishes."""
    variance = log_variance.exp()
    density = 1 / (duration_s * (2 * pi * variance).sqrt())
    return -density.log() + ((duration_s + PUBLISHED_FLOOR).log() - mu) ** 2 / (2 * variance)


def log_normal_nll(duration_s: Tensor, mu: Tensor, log_variance: Tensor) -> Tensor:
    """Negative log density, in 1/s, of durations whose logarithm is normal; closed form."""
    log_s = duration_s.clamp(min=SHORTEST_S).log()
    return log_s + 0.5 * (log(2 * pi) + log_variance + (log_s - mu) ** 2 * (-log_variance).exp())


def normal_nll(value: Tensor, mean: Tensor, log_sd: Tensor) -> Tensor:
    """Negative log density of a normal distribution."""
    return 0.5 * (log(2 * pi) + ((value - mean) * (-log_sd).exp()) ** 2) + log_sd


def _mean(values: Tensor) -> Tensor:
    """Mean, 0 of none, differentiable either way."""
    return values.sum() / max(values.numel(), 1)
