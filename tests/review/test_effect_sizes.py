"""Effect sizes against worked values and simulation, corrections against hand-made ones."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, stats

from ctgaze_app.review.effect_sizes import false_discovery_rate, hedges_g, holm


def test_hedges_g_by_hand() -> None:
    # Means 2.5 and 4.5, variances 5/3 and 13/3: pooled 3, d = 2 / sqrt 3; J = gamma(3) / (sqrt 3 gamma(2.5)).
    found = hedges_g([1, 2, 3, 4], [2, 4, 5, 7])
    correction = 2.0 / (np.sqrt(3.0) * 1.3293403881791370)
    assert found.g == pytest.approx(correction * 2 / np.sqrt(3), abs=1e-12)


def test_its_interval_turns_the_non_central_t_round() -> None:
    random = np.random.default_rng(2)
    a, b = random.normal(0, 1, 14), random.normal(0.8, 1, 11)
    found = hedges_g(a, b)
    t = stats.ttest_ind(b, a).statistic
    scale = np.sqrt(1 / 14 + 1 / 11) * (found.g / ((b.mean() - a.mean()) / _pooled(a, b)))
    assert stats.nct.cdf(t, 23, found.low / scale) == pytest.approx(0.975, abs=1e-6)
    assert stats.nct.cdf(t, 23, found.high / scale) == pytest.approx(0.025, abs=1e-6)


def _pooled(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.sqrt((a.var(ddof=1) * (len(a) - 1) + b.var(ddof=1) * (len(b) - 1)) / (len(a) + len(b) - 2)))


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    random = np.random.default_rng(8)
    held = 0
    for _ in range(600):
        found = hedges_g(random.normal(0, 1, 8), random.normal(0.7, 1, 8))
        held += found.low <= 0.7 <= found.high
    assert 0.93 <= held / 600 <= 0.97


def test_the_correction_is_the_ratio_of_expected_values() -> None:
    # E[1 / pooled SD] with m degrees of freedom is 1 / (J sigma): by integration over the chi distribution.
    m = 6
    expected = integrate.quad(lambda x: np.sqrt(m) / x * stats.chi.pdf(x, m), 0, np.inf)[0]
    found = hedges_g([1, 2, 3, 4], [2, 4, 5, 7])
    assert found.g / (2 / np.sqrt(3)) == pytest.approx(1 / expected, abs=1e-9)


def test_too_few_or_equal_values_have_no_effect_size() -> None:
    for a, b in (([1.0], [2.0, 3.0]), ([1.0, 1.0], [2.0, 2.0]), ([], [1.0, 2.0])):
        assert np.isnan([hedges_g(a, b).g, hedges_g(a, b).low, hedges_g(a, b).high]).all()


def test_holm_and_false_discovery_rate_by_hand() -> None:
    p = [0.01, 0.04, np.nan, 0.03, 0.005]
    assert holm(p) == pytest.approx([0.03, 0.06, np.nan, 0.06, 0.02], nan_ok=True)
    assert false_discovery_rate(p) == pytest.approx([0.02, 0.04, np.nan, 0.04, 0.02], nan_ok=True)
    assert np.isnan(holm([np.nan])).all()
    assert holm([0.9, 0.8]).tolist() == [1.0, 1.0]
