from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibration.geometry import ScreenGeometry
from calibration.targets import grid_targets, random_targets, validation_targets
from tests.calibration.synthetic_gaze import MONITOR

LAPTOP = ScreenGeometry(1366, 768, 310.0, 174.0, 600.0)


def _least_deg(geometry: ScreenGeometry, points: np.ndarray, others: np.ndarray) -> float:
    return float(geometry.angle_between_deg(points[:, None], others[None]).min())


def test_nine_points_stand_at_10_50_90_percent_with_the_centre_first() -> None:
    points = grid_targets(MONITOR)
    assert points[0].tolist() == [960.0, 540.0]
    expected = [(x, y) for x in (192.0, 960.0, 1728.0) for y in (108.0, 540.0, 972.0)]
    assert sorted(map(tuple, points.tolist())) == expected


def test_a_shuffled_grid_keeps_its_points_its_first_and_its_seed() -> None:
    plain, shuffled = grid_targets(MONITOR), grid_targets(MONITOR, shuffle_seed=3)
    assert sorted(map(tuple, plain)) == sorted(map(tuple, shuffled))
    assert shuffled[0].tolist() == [960.0, 540.0]
    assert shuffled.tolist() != plain.tolist()
    assert shuffled.tolist() == grid_targets(MONITOR, shuffle_seed=3).tolist()


@pytest.mark.parametrize("wrong", [{"rows": 0}, {"margin": 0.5}, {"margin": -0.1}])
def test_a_grid_without_points_or_area_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="a grid needs"):
        grid_targets(MONITOR, **wrong)  # type: ignore[arg-type]


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**31), count=st.integers(1, 12))
def test_random_dots_keep_their_distance_their_margin_and_their_seed(seed: int, count: int) -> None:
    seen = grid_targets(MONITOR)
    points = random_targets(MONITOR, count, seed, 3.0, exclude=seen)
    assert points.shape == (count, 2)
    norm = MONITOR.px_to_norm(points)
    assert norm.min() >= 0.1
    assert norm.max() <= 0.9
    assert _least_deg(MONITOR, points, seen) >= 2.0
    for index in range(1, count):
        assert _least_deg(MONITOR, points[[index]], points[:index]) >= 3.0
    assert points.tolist() == random_targets(MONITOR, count, seed, 3.0, exclude=seen).tolist()


def test_dots_that_cannot_fit_are_refused_instead_of_searched_for_ever() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        random_targets(MONITOR, 50, 1, 12.0)


@pytest.mark.parametrize("geometry", [MONITOR, LAPTOP], ids=["desk", "laptop"])
@pytest.mark.parametrize("pattern", ["grid", "random"])
@pytest.mark.parametrize("fitted", ["grid", "random"])
def test_validation_dots_stand_two_degrees_from_all_fitted_ones(
    geometry: ScreenGeometry, pattern: str, fitted: str
) -> None:
    seen = grid_targets(geometry) if fitted == "grid" else random_targets(geometry, 9, 5)
    for seed in range(10):
        points = validation_targets(pattern, geometry, seen, count=8, seed=seed)
        assert points.shape == (8, 2)
        assert _least_deg(geometry, points, seen) >= 2.0
        norm = geometry.px_to_norm(points)
        assert norm.min() >= 0.05
        assert norm.max() <= 0.95
        assert len({tuple(point) for point in points.tolist()}) == 8


def test_a_validation_without_a_fit_may_stand_anywhere() -> None:
    assert validation_targets("grid", MONITOR, None).shape == (8, 2)
    assert validation_targets("random", MONITOR, np.empty((0, 2)), count=5).shape == (5, 2)


def test_unknown_patterns_and_screens_without_room_are_refused() -> None:
    with pytest.raises(ValueError, match="grid or random"):
        validation_targets("spiral", MONITOR, None)
    with pytest.raises(ValueError, match="even"):
        validation_targets("grid", MONITOR, None, count=7)
    everywhere = grid_targets(MONITOR, 24, 40, 0.0)
    with pytest.raises(ValueError, match="no place on this screen"):
        validation_targets("grid", MONITOR, everywhere)
