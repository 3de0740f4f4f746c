"""The mixed model against the analysis of variance of balanced designs, the bootstrap against what it should hold."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from ctgaze_app.review.crossed_designs import MOST_MODEL_ROWS, crossed_mixed_model, two_way_bootstrap

Design = tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.int64], NDArray[np.int64]]


def crossed(readers: int, cases: int, effect: float, seed: int, reader_sd: float = 1.0, case_sd: float = 0.7) -> Design:
    """Every reader reads every case; odd cases are the second group."""
    random = np.random.default_rng(seed)
    reader, case = np.repeat(np.arange(readers), cases), np.tile(np.arange(cases), readers)
    second = case % 2 == 1
    value = random.normal(0, reader_sd, readers)[reader] + random.normal(0, case_sd, cases)[case]
    return value + random.normal(0, 1, readers * cases) + effect * second, second, reader, case


@pytest.mark.parametrize(("readers", "cases"), [(6, 12), (8, 30)])
def test_the_model_of_a_balanced_design_is_its_analysis_of_variance(readers: int, cases: int) -> None:
    value, second, reader, case = crossed(readers, cases, 1.0, 0)
    y = value.reshape(readers, cases)
    groups = [y[:, 0::2], y[:, 1::2]]
    residual = y - y.mean(axis=1, keepdims=True) - y.mean(axis=0) + y.mean()
    ms_residual = (residual**2).sum() / ((readers - 1) * (cases - 1))
    ms_reader = cases * ((y.mean(axis=1) - y.mean()) ** 2).sum() / (readers - 1)
    ms_case = readers * sum(((g.mean(axis=0) - g.mean()) ** 2).sum() for g in groups) / (cases - 2)
    found = crossed_mixed_model(value, second, reader, case)
    assert found.converged and found.note == ""
    assert found.difference == pytest.approx(groups[1].mean() - groups[0].mean(), abs=1e-9)
    assert found.standard_error == pytest.approx(np.sqrt(ms_case * 2 / (readers * cases / 2)), rel=1e-3)
    assert found.reader_sd == pytest.approx(np.sqrt((ms_reader - ms_residual) / cases), rel=2e-3)
    assert found.case_sd == pytest.approx(np.sqrt((ms_case - ms_residual) / readers), rel=2e-3)
    assert found.residual_sd == pytest.approx(np.sqrt(ms_residual), rel=1e-3)
    z = found.difference / found.standard_error
    assert found.p_value == pytest.approx(2 * stats.norm.sf(abs(z)))
    half = 1.959964 * found.standard_error
    assert (found.low, found.high) == pytest.approx((found.difference - half, found.difference + half), rel=1e-6)


def test_one_reader_with_one_value_a_case_is_the_t_test_and_says_so() -> None:
    value, second, reader, case = crossed(1, 40, 0.5, 3)
    found = crossed_mixed_model(value, second, reader, case)
    expected = stats.ttest_ind(value[second], value[~second])
    assert found.p_value == pytest.approx(expected.pvalue)
    assert (found.low, found.high) == pytest.approx(tuple(expected.confidence_interval(0.95)))
    assert (
        found.note
        == "one reader only: readers are not varied; one value a case: part of the residual; an ordinary t-test"
    )


def test_a_model_that_cannot_be_fitted_says_why() -> None:
    few = crossed_mixed_model([1.0, 2.0, 3.0], [True, False, True], [1, 2, 3], [1, 2, 3])
    assert (few.converged, few.note) == (False, "too few values, or all the same")
    one_group = crossed_mixed_model(np.arange(9.0), np.ones(9, bool), np.arange(9) % 3, np.arange(9) // 3)
    assert not one_group.converged and np.isnan(one_group.p_value)
    many = MOST_MODEL_ROWS + 2
    large = crossed_mixed_model(
        np.arange(float(many)), np.arange(many) % 2 == 0, np.arange(many) % 5, np.arange(many) // 2
    )
    assert "the bootstrap stands instead" in large.note


def test_a_factor_without_variance_is_told() -> None:
    notes = [crossed_mixed_model(*crossed(5, 10, 0.0, seed, reader_sd=0.0, case_sd=0.0)).note for seed in range(4)]
    assert any("estimated as zero" in note or "did not converge" in note for note in notes)


def test_the_bootstrap_finds_the_difference_and_its_error() -> None:
    value, second, reader, case = crossed(12, 40, 1.5, 1)
    found = two_way_bootstrap(value, second, reader, case, seed=4)
    assert found.difference == pytest.approx(value[second].mean() - value[~second].mean())
    assert found.low < 1.5 < found.high and found.p_value < 0.005
    model = crossed_mixed_model(value, second, reader, case)
    assert (found.high - found.low) == pytest.approx(model.high - model.low, rel=0.3)
    assert found == two_way_bootstrap(value, second, reader, case, seed=4)
    assert found.resamples == 2000


def test_resampling_both_gives_wider_intervals_than_cases_alone() -> None:
    value, second, reader, case = crossed(6, 30, 0.0, 2)
    both = two_way_bootstrap(value, second, reader, case)
    by_case = two_way_bootstrap(value, second, np.zeros(len(value)), case)
    assert by_case.note == "one reader only: readers are not varied"
    assert both.high - both.low > by_case.high - by_case.low


def test_readers_in_two_groups_are_drawn_within_their_group() -> None:
    random = np.random.default_rng(5)
    reader, case = np.repeat(np.arange(6), 20), np.tile(np.arange(20), 6)
    expert = reader >= 3
    value = random.normal(0, 1, 120) + 2.0 * expert
    found = two_way_bootstrap(value, expert, reader, case)
    assert found.resamples == 2000 and found.low > 1.0
    lonely = two_way_bootstrap(value[reader != 0], (reader >= 5)[reader != 0], reader[reader != 0], case[reader != 0])
    assert "a group has one reader only" in lonely.note


def test_an_empty_group_or_nothing_to_vary_gives_no_interval() -> None:
    empty = two_way_bootstrap([1.0, 2.0], [True, True], [1, 2], [1, 2])
    assert np.isnan(empty.difference) and empty.note == "one group is empty"
    fixed = two_way_bootstrap([1.0, 2.0], [True, False], [1, 1], [1, 1])
    assert fixed.difference == -1.0 and np.isnan(fixed.p_value)


def test_without_a_difference_the_crossed_tests_err_rarely_and_the_t_test_often() -> None:
    rejected = {"bootstrap": 0, "model": 0, "t-test": 0}
    trials = 100
    for seed in range(trials):
        value, second, reader, case = crossed(6, 16, 0.0, 1000 + seed)
        rejected["bootstrap"] += two_way_bootstrap(value, second, reader, case, resamples=300, seed=seed).p_value < 0.05
        rejected["t-test"] += stats.ttest_ind(value[second], value[~second]).pvalue < 0.05
        if seed < 25:
            rejected["model"] += crossed_mixed_model(value, second, reader, case).p_value < 0.05
    assert rejected["bootstrap"] <= 0.10 * trials
    assert rejected["model"] <= 0.16 * 25  # Wald's z with 16 cases is a little too sure
    assert rejected["t-test"] >= 0.10 * trials  # why the published test is not enough
