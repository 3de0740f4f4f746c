"""Ends of saccades and of the oscillation after them, on speeds written by hand."""

from __future__ import annotations

import numpy as np
import pytest

from ctgaze_app.gaze.detectors.boundaries import oscillation_ends, widened, without_swings


def _one(first: int, last: int) -> tuple[np.ndarray, np.ndarray]:
    return np.array([first]), np.array([last])


@pytest.mark.parametrize(
    ("speed", "expected"),
    [
        ([1, 1, 6, 12, 20, 12, 6, 1, 1], (2, 6)),  # down to the boundary of 5
        ([1, 6, 7, 5.5, 12, 20, 12, 5.5, 7, 6, 1], (3, 7)),  # to the first least speed, although above the boundary
        ([1, 6, 7, 4, 12, 20, 12, 4, 7, 6, 1], (4, 6)),  # a least speed below the boundary is outside
        ([np.nan, 6, 12, 20, 12, 6, np.nan], (1, 5)),  # no velocity, no farther
        ([6, 12, 20, 12, 6], (0, 4)),
    ],
)
def test_a_saccade_reaches_to_the_boundary_or_to_the_least_speed(speed: list[float], expected: tuple[int, int]) -> None:
    values = np.array(speed)
    fast = np.flatnonzero(values >= 10)
    first, last = widened(*_one(fast[0], fast[-1]), values, boundary=5, threshold=10)
    assert (first.tolist(), last.tolist()) == ([expected[0]], [expected[1]])


def test_saccades_that_grow_into_each_other_are_one() -> None:
    speed = np.array([1, 12, 20, 7, 20, 12, 1.0])
    first, last = widened(np.array([1, 4]), np.array([2, 5]), speed, boundary=5, threshold=10)
    assert (first.tolist(), last.tolist()) == ([1], [5])


def test_only_a_slower_movement_soon_after_is_a_swing() -> None:
    time = np.arange(20) / 100
    speed = np.zeros(20)
    speed[[2, 3]], speed[[5, 6]], speed[[9, 10]] = 50, 30, 30
    first, last = np.array([2, 5, 9]), np.array([3, 6, 10])
    # 20 ms after the saccade: a swing; 60 ms after it: none, although 30 ms after the swing
    assert without_swings(time, first, last, speed, 0.03, 0.8)[0].tolist() == [2, 9]
    assert without_swings(time, first, last, speed, 0.06, 0.8)[0].tolist() == [2]
    assert without_swings(time, first, last, speed, 0.03, 0.5)[0].tolist() == [2, 5, 9]
    speed[[5, 6]] = 100  # a saccade of its own, and the next is its swing
    assert without_swings(time, first, last, speed, 0.03, 0.8)[0].tolist() == [2, 5]


def test_an_oscillation_ends_with_its_last_fast_sample_in_time_and_before_the_next_saccade() -> None:
    time = np.arange(12) / 100
    speed = np.array([0, 20, 1, 6, 1, 6, 1, 1, 20, 1, 6, 1.0])
    first, last = np.array([1, 8]), np.array([1, 8])
    assert oscillation_ends(time, first, last, speed, 5, 0.03).tolist() == [3, 10]
    assert oscillation_ends(time, first, last, speed, 5, 0.04).tolist() == [5, 10]
    assert oscillation_ends(time, first, last, speed, 5, 0.50).tolist() == [5, 10]  # 8 is the next saccade
    assert oscillation_ends(time, first, last, speed, 5, 0.01).tolist() == [1, 8]
