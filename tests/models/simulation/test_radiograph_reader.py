"""The simulated radiograph reader: a global look, zone by zone on both sides, check points, dwells on findings."""

from __future__ import annotations

import numpy as np
import pytest

from models.simulation.radiograph_reader import CHECK_POINTS, SACCADE_S, simulated_radiograph_gaze

FINDING = (0.2, 0.45)


def test_the_seed_decides_a_reading_of_fixations_inside_the_picture_one_after_the_other() -> None:
    one, again, other = (simulated_radiograph_gaze(np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.points_xy_share, again.points_xy_share)
    assert len(one.duration_s) != len(other.duration_s) or (one.duration_s != other.duration_s).all()
    assert ((one.points_xy_share >= 0) & (one.points_xy_share <= 1)).all()
    np.testing.assert_allclose(np.diff(one.onset_s), one.duration_s[:-1] + SACCADE_S)
    assert 4 + 6 + 12 * 3 <= len(one.duration_s) <= 4 + 6 + 12 * 5


def test_zones_are_gone_through_from_top_to_bottom_on_both_sides() -> None:
    points = simulated_radiograph_gaze(np.random.default_rng(1), rounds=1).points_xy_share[4:-6]
    thirds = np.array_split(points, 3)
    heights = [part[:, 1].mean() for part in thirds]
    assert heights[0] < heights[1] < heights[2]
    for part in thirds:
        assert (part[:, 0] < 0.5).any()
        assert (part[:, 0] > 0.5).any()


def test_the_check_points_are_all_looked_at() -> None:
    points = simulated_radiograph_gaze(np.random.default_rng(1), rounds=1).points_xy_share
    np.testing.assert_allclose(points[-6:], CHECK_POINTS, atol=0.08)


def test_a_finding_takes_dwell_with_longer_fixations_and_is_returned_to() -> None:
    gaze = simulated_radiograph_gaze(np.random.default_rng(1), findings_xy_share=[FINDING])
    on_it = np.linalg.norm(gaze.points_xy_share - FINDING, axis=1) < 0.07
    without = simulated_radiograph_gaze(np.random.default_rng(1))
    elsewhere = np.linalg.norm(without.points_xy_share - FINDING, axis=1) < 0.07
    assert 6 <= on_it.sum() - elsewhere.sum() <= 12
    assert on_it[-2:].all()
    assert np.median(gaze.duration_s[on_it]) > 1.3 * np.median(gaze.duration_s[~on_it])


def test_a_finding_far_from_every_zone_is_not_seen() -> None:
    with_it = simulated_radiograph_gaze(np.random.default_rng(1), findings_xy_share=[(0.5, 0.99)])
    np.testing.assert_array_equal(
        with_it.points_xy_share, simulated_radiograph_gaze(np.random.default_rng(1)).points_xy_share
    )


def test_a_reading_has_at_least_one_round() -> None:
    with pytest.raises(ValueError, match="at least one round"):
        simulated_radiograph_gaze(np.random.default_rng(1), rounds=0)
