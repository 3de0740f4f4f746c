"""Bootstrap over patients: against every resample of three, against SciPy, silence where nothing can be said."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest

from models.metrics.bootstrap import mean_interval, paired_difference


def test_three_patients_against_all_27_resamples() -> None:
    values = np.array([1.0, 2.0, 4.0])
    everything = sorted(np.mean(draw) for draw in itertools.product(values, repeat=3))
    found = mean_interval(values, ["a", "b", "c"], seed=1, level=0.8)
    assert found.mean == pytest.approx(7 / 3)
    # The 10 % and 90 % points of the exact distribution.
    assert found.low == pytest.approx(everything[2], abs=1e-9)
    assert found.high == pytest.approx(everything[24], abs=1e-9)
    assert found.reason == "few patients (3): intervals are too short, p is at least 0.25"
    assert np.isnan(found.p)


def test_against_scipy() -> None:
    from scipy.stats import bootstrap

    values = np.random.default_rng(3).normal(0.4, 1.0, 40)
    ours = mean_interval(values, [f"p{n}" for n in range(40)], seed=1)
    theirs = bootstrap((values,), np.mean, n_resamples=20_000, method="percentile", rng=np.random.default_rng(2))
    assert ours.low == pytest.approx(theirs.confidence_interval.low, abs=0.02)
    assert ours.high == pytest.approx(theirs.confidence_interval.high, abs=0.02)
    assert ours.reason == ""


def test_pairs_are_differences_and_patients_count_once() -> None:
    patient = ["a", "a", "a", "b", "c", "d"]
    candidate, floor = np.array([1, 2, 3, 5, 5, 5.0]), np.array([0, 0, 0, 1, 2, 3.0])
    found = paired_difference(candidate, floor, patient, seed=1)
    assert found.mean == pytest.approx(np.mean([2, 4, 3, 2]))
    assert (found.n_patients, found.n_scores) == (4, 6)
    assert found.p == 1 / 8
    many = paired_difference(np.arange(1, 21), np.zeros(20), [f"p{n}" for n in range(20)], seed=1)
    assert many.p == pytest.approx(2 / 10_001)
    swapped = paired_difference(floor, candidate, patient, seed=1)
    assert swapped.p == found.p
    assert swapped.low == pytest.approx(-found.high, abs=0.2)


def test_no_difference_has_p_one_and_chance_is_seldom_significant() -> None:
    patient = [f"p{n}" for n in range(20)]
    assert paired_difference(np.arange(20), np.arange(20), patient, seed=1).p == 1.0
    random = np.random.default_rng(8)
    draws = [
        paired_difference(random.normal(size=20), np.zeros(20), patient, seed=n, resamples=500) for n in range(200)
    ]
    assert 0.02 < np.mean([each.p < 0.05 for each in draws]) < 0.12
    assert np.mean([each.low <= 0 <= each.high for each in draws]) > 0.88


def test_rounding_puts_no_resample_on_one_side_of_zero() -> None:
    patient = [f"p{n}" for n in range(6)]
    exact = np.array([1, 2, -3, 1, 2, -3])
    whole, tenths = (paired_difference(each, np.zeros(6), patient, seed=1) for each in (exact, exact / 10))
    assert tenths.p == whole.p


def test_one_or_two_patients_get_no_interval() -> None:
    for codes, words in ((["a"] * 5, "1 patient,"), (["a", "b", "a", "b", "b"], "2 patients,")):
        found = paired_difference(np.arange(5), np.zeros(5), codes, seed=1)
        assert np.isfinite(found.mean)
        assert not found.available
        assert np.isnan([found.low, found.high, found.p]).all()
        assert found.reason.startswith(f"not available: {words}")
        assert json.loads(json.dumps(found.to_dict()))["p"] is None
    nothing = mean_interval([np.nan, np.nan], ["a", "b"], seed=1)
    assert (nothing.n_patients, nothing.reason) == (0, "not available: no score")


def test_scores_that_are_none_are_left_out_with_their_patient() -> None:
    found = mean_interval([1, np.nan, 3, 5], ["a", "b", "c", "d"], seed=1)
    assert (found.mean, found.n_patients, found.n_scores) == (3.0, 3, 3)


def test_the_seed_decides_and_lengths_are_checked() -> None:
    values, codes = np.random.default_rng(1).random(12), [f"p{n}" for n in range(12)]
    assert mean_interval(values, codes, seed=4).low == mean_interval(values, codes, seed=4).low
    assert mean_interval(values, codes, seed=4).low != mean_interval(values, codes, seed=5).low
    with pytest.raises(ValueError, match="patient codes"):
        mean_interval(values, codes[1:], seed=1)
    with pytest.raises(ValueError, match="paired"):
        paired_difference(values, values[1:], codes, seed=1)
    with pytest.raises(ValueError, match="level"):
        mean_interval(values, codes, seed=1, level=1.0)
