from dataclasses import replace
from math import exp, log, pi

import pytest
import torch
from torch.distributions import LogNormal, Normal

from models.ct_searcher.losses import LossWeights, log_normal_nll, normal_nll, published_log_normal_nll, searcher_loss
from models.ct_searcher.steps import StepOutputs, Steps

STOP = 3
NAN = float("nan")


def outputs(**changes: object) -> StepOutputs:
    """One path of 3 steps over 3 cells and the stop; only the first two are fixations."""
    logits = torch.tensor([[[0.0, 1.0, 2.0, 3.0], [1.0, 1.0, 1.0, 1.0], [5.0, 0.0, 0.0, 0.0]]])
    made = StepOutputs(logits, torch.tensor([[0.1, -0.4, NAN]]), torch.tensor([[0.0, log(4.0), NAN]]))
    return replace(made, **changes)  # type: ignore[arg-type]


STEPS = Steps(
    torch.tensor([[2, 0, STOP]]),
    torch.tensor([[[0.1, -0.2, 0.3], [0.5, 0.0, -0.5], [NAN, NAN, NAN]]]),
    torch.tensor([[0.2, 1.5, NAN]]),
)
FIXATED = torch.tensor([[True, True, False]])
SCORED = torch.tensor([[True, True, True]])


def test_place_is_the_mean_cross_entropy_of_scored_steps() -> None:
    whole = searcher_loss(outputs(), STEPS, FIXATED, SCORED)
    first = log(sum(exp(n) for n in range(4))) - 2
    last = log(exp(5) + 3)
    assert whole.place.item() == pytest.approx((first + log(4) + last) / 3, abs=1e-6)
    two = searcher_loss(outputs(), STEPS, FIXATED, FIXATED)
    assert two.place.item() == pytest.approx((first + log(4)) / 2, abs=1e-6)


def test_duration_is_the_log_normal_density_of_fixated_steps() -> None:
    found = searcher_loss(outputs(), STEPS, FIXATED, SCORED).duration
    expected = -LogNormal(torch.tensor([0.1, -0.4]), torch.tensor([1.0, 2.0])).log_prob(torch.tensor([0.2, 1.5]))
    assert found.item() == pytest.approx(expected.mean().item(), abs=1e-6)


def test_offset_is_the_normal_density_summed_over_the_axes() -> None:
    mean, log_sd = torch.full((1, 3, 3), 0.1), torch.full((1, 3, 3), log(0.3))
    found = searcher_loss(outputs(offset_mean=mean, offset_log_sd=log_sd), STEPS, FIXATED, SCORED).offset
    expected = -Normal(0.1, 0.3).log_prob(STEPS.offset_kji[0, :2]).sum(-1).mean()
    assert found.item() == pytest.approx(expected.item(), abs=1e-6)


def test_dwell_is_the_cross_entropy_of_the_cases_whose_dwell_is_known() -> None:
    logits = torch.tensor([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
    share = torch.tensor([[0.5, 0.25, 0.25], [0.0, 0.0, 0.0]])
    found = searcher_loss(outputs(), STEPS, FIXATED, SCORED, dwell_logits=logits, dwell_share=share)
    assert found.dwell.item() == pytest.approx(log(3), abs=1e-6)


def test_the_total_is_the_weighted_sum_of_the_parts() -> None:
    made = outputs(offset_mean=torch.zeros(1, 3, 3), offset_log_sd=torch.zeros(1, 3, 3))
    logits, share = torch.tensor([[2.0, 0.0, 0.0]]), torch.tensor([[0.0, 1.0, 0.0]])
    found = searcher_loss(
        made, STEPS, FIXATED, SCORED, dwell_logits=logits, dwell_share=share, weights=LossWeights(2, 3, 5, 7)
    )
    expected = 2 * found.place + 3 * found.duration + 5 * found.offset + 7 * found.dwell
    assert found.total.item() == pytest.approx(expected.item(), abs=1e-5)
    assert min(found.place, found.duration, found.offset, found.dwell) > 0


def test_the_faithful_network_gets_the_published_loss_with_its_floor() -> None:
    logits = torch.tensor([[[0.0, 60.0, 0.0, 0.0]] * 3])
    faithful = searcher_loss(outputs(logits=logits, faithful=True), STEPS, FIXATED, SCORED)
    corrected = searcher_loss(outputs(logits=logits), STEPS, FIXATED, SCORED)
    assert faithful.place.item() == pytest.approx(-log(1e-7), abs=1e-3)
    assert corrected.place.item() == pytest.approx(60, abs=1e-3)
    assert faithful.duration.item() == pytest.approx(corrected.duration.item(), abs=1e-4)


def test_the_closed_form_is_the_published_density_and_stays_finite_where_that_overflows() -> None:
    seconds, mu = torch.tensor([0.05, 0.3, 4.0]), torch.tensor([-1.0, 0.5, 0.0])
    variance = torch.tensor([-2.0, 0.0, 1.5])
    published = published_log_normal_nll(seconds, mu, variance)
    torch.testing.assert_close(log_normal_nll(seconds, mu, variance), published, atol=1e-4, rtol=0)
    wide = torch.full((3,), 100.0)
    assert not torch.isfinite(published_log_normal_nll(seconds, mu, wide)).all()
    assert torch.isfinite(log_normal_nll(seconds, mu, wide)).all()


def test_no_steps_at_all_give_a_loss_of_0_that_can_be_differentiated() -> None:
    made = outputs(logits=torch.zeros(1, 3, 4, requires_grad=True))
    nothing = torch.zeros_like(SCORED)
    found = searcher_loss(made, STEPS, nothing, nothing).total
    found.backward()  # type: ignore[no-untyped-call]
    assert found.item() == 0


def test_half_precision_outputs_are_summed_in_single_precision() -> None:
    half = outputs(logits=outputs().logits.half(), duration_mu=outputs().duration_mu.half())
    found = searcher_loss(half, STEPS, FIXATED, SCORED)
    assert found.total.dtype == torch.float32


def test_the_normal_density_is_that_of_the_formula() -> None:
    found = normal_nll(torch.tensor(1.0), torch.tensor(0.0), torch.tensor(log(2.0)))
    assert found.item() == pytest.approx(0.5 * log(2 * pi) + log(2) + 0.125, abs=1e-6)
