"""The learning rate over the epochs."""

from __future__ import annotations

import pytest

from models.gaze_classifier.schedule import learning_rate_factor


@pytest.mark.parametrize(("epoch", "rate"), [(0, 1e-6), (5, 1e-3), (10, 1e-6), (15, 5.005e-4), (20, 1e-6)])
def test_the_published_triangle_has_the_published_rates(epoch: int, rate: float) -> None:
    assert 1e-3 * learning_rate_factor(epoch, schedule="cyclic", epochs=20) == pytest.approx(rate)


def test_the_triangle_rises_and_falls_in_straight_lines() -> None:
    factors = [
        learning_rate_factor(epoch, schedule="cyclic", epochs=9, cycle_epochs=2, cycle_floor=0.0) for epoch in range(9)
    ]

    assert factors == [0, 0.5, 1, 0.5, 0, 0.25, 0.5, 0.25, 0]


def test_the_others_fall_to_nothing_or_stay() -> None:
    assert learning_rate_factor(0, schedule="cosine", epochs=8) == 1
    assert learning_rate_factor(4, schedule="cosine", epochs=8) == pytest.approx(0.5)
    assert learning_rate_factor(7, schedule="constant", epochs=8) == 1
