"""Weights along an axis: every place is shared out once, places stay where they are."""

from __future__ import annotations

import numpy as np
import pytest

from models.features.resampling import area_weights, linear_weights, resampled


@pytest.mark.parametrize(("before", "after"), [(12, 4), (10, 4), (7, 5), (5, 5), (3, 8), (512, 64), (1, 3)])
def test_area_weights_share_out_every_place_once(before, after):
    weights = area_weights(before, after).astype(float)
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(weights.sum(axis=0), after / before, atol=1e-6)
    centres = (np.arange(before) + 0.5) / before
    np.testing.assert_allclose(weights @ centres, (np.arange(after) + 0.5) / after, atol=0.5 / before)


def test_area_weights_of_a_part_leave_out_what_lies_behind_it():
    found = area_weights(4, 2, covered=2.5)
    np.testing.assert_allclose(found, [[0.8, 0.2, 0, 0], [0, 0.6, 0.4, 0]], atol=1e-6)


@pytest.mark.parametrize(("before", "after"), [(1, 4), (2, 5), (7, 7), (9, 31)])
def test_linear_weights_reproduce_a_ramp_between_the_outer_centres(before, after):
    weights = linear_weights(before, after).astype(float)
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-6)
    wanted = np.clip((np.arange(after) + 0.5) * before / after - 0.5, 0, before - 1)
    np.testing.assert_allclose(weights @ np.arange(before), wanted, atol=1e-5)


def test_axes_are_weighted_separately():
    rng = np.random.default_rng(3)
    hu = rng.integers(-1000, 0, (6, 5, 4)).astype(np.int16)
    weights = (area_weights(6, 4), linear_weights(5, 9), area_weights(4, 3))
    found = resampled(hu, weights, [(-1000.0, 0.0)])
    wanted = np.einsum("ak,bj,ci,kji->abc", *weights, (hu + 1000.0) / 1000.0)
    np.testing.assert_allclose(found[0], wanted, atol=1e-6)
