"""Saccades as vectors, and their simplification."""

from __future__ import annotations

import numpy as np
import pytest

from models.metrics.saccades import Simplification, angle_between, saccades_between, simplified


def test_the_angle_is_exact_at_its_ends() -> None:
    steps = np.array([[1, 2, 3], [1, 0, 0], [0.1, 0.2, 0.3]])
    assert angle_between(steps, steps).tolist() == [0, 0, 0]
    assert angle_between(steps, -steps).tolist() == [np.pi] * 3
    tiny = np.array([[1, 1e-9, 0]])
    assert angle_between(tiny, [[1, 0, 0]]) == pytest.approx([1e-9], rel=1e-6)  # arccos of the dot product gives 0


def test_saccades_of_one_direction_become_one() -> None:
    path = saccades_between([[0, 0, 0], [10, 0, 0], [20, 1, 0], [20, 40, 0]], [0.1, 0.2, 0.1, 0.1])
    merged = simplified(path, Simplification(direction_deg=30, length=0, duration_s=0.25))
    assert merged.step.tolist() == [[20, 1, 0], [0, 39, 0]]
    assert merged.start.tolist() == [[0, 0, 0], [20, 1, 0]]
    assert merged.duration_s.tolist() == [0.1, 0.1, 0.1]  # the fixation inside is dropped


def test_a_long_fixation_keeps_its_saccades_apart() -> None:
    path = saccades_between([[0, 0, 0], [10, 0, 0], [20, 1, 0], [20, 40, 0]], [0.1, 0.3, 0.1, 0.1])
    assert simplified(path, Simplification(direction_deg=30, length=0, duration_s=0.25)).step.tolist() == (
        path.step.tolist()
    )


def test_a_short_saccade_is_merged_with_the_next_along_every_axis() -> None:
    path = saccades_between([[0, 0, 0], [0, 0, 2], [30, 0, 2], [0, 30, 2]], [0.1, 0.1, 0.1, 0.1])
    merged = simplified(path, Simplification(direction_deg=0, length=5, duration_s=0.25))
    assert merged.step.tolist() == [[30, 0, 2], [-30, 30, 0]]


def test_a_short_last_saccade_is_added_to_the_one_before() -> None:
    path = saccades_between([[0, 0, 0], [30, 0, 0], [0, 30, 0], [1, 32, 1]], [0.1, 0.2, 0.15, 0.12])
    merged = simplified(path, Simplification(direction_deg=0, length=5, duration_s=0.25))
    assert merged.step.tolist() == [[30, 0, 0], [-29, 32, 1]]
    assert merged.duration_s.tolist() == [0.1, 0.2, 0.2, 0.12]  # with the entry that multimatch-gaze leaves behind


def test_standing_still_has_no_direction_to_share() -> None:
    path = saccades_between([[5, 5, 5]] * 4, [0.1] * 4)
    assert len(simplified(path, Simplification(direction_deg=45, length=0, duration_s=0.25))) == 3


def test_nothing_is_merged_at_thresholds_of_zero_and_one_saccade_stays() -> None:
    path = saccades_between(np.random.default_rng(0).uniform(0, 9, (9, 3)), np.full(9, 0.01))
    assert simplified(path, Simplification(0, 0, 0)).step.tolist() == path.step.tolist()
    alone = saccades_between([[0, 0, 0], [1, 0, 0]], [0.1, 0.1])
    assert simplified(alone, Simplification(45, 10, 1)).step.tolist() == [[1, 0, 0]]
