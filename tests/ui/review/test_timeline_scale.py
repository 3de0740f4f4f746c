"""Pixels of the timeline and back."""

from __future__ import annotations

import pytest

from ctgaze_app.ui.review.timeline_scale import TimelineScale

SCALE = TimelineScale(50.0, 10.0, 1000.0, 100.0, 500.0, 600.0, 50)


def test_times_and_pixels_go_both_ways() -> None:
    assert SCALE.x_of(500.0) == 50.0 and SCALE.x_of(600.0) == 1050.0
    assert SCALE.time_of(SCALE.x_of(533.3)) == pytest.approx(533.3)
    assert SCALE.time_of(-5.0) == 500.0 and SCALE.time_of(9999.0) == 600.0


def test_the_first_slice_is_at_the_top() -> None:
    assert SCALE.y_of(0) == 11.0 and SCALE.y_of(49) == 109.0


def test_ticks_are_round_and_far_enough_apart() -> None:
    assert SCALE.time_ticks() == [0.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0, 100.0]
    assert SCALE.slice_ticks() == [0, 24, 49]
    assert TimelineScale(0, 0, 100.0, 10.0, 0.0, 7200.0, 1).time_ticks() == [0.0, 5400.0]


def test_an_empty_trial_has_one_tick() -> None:
    empty = TimelineScale(0, 0, 100.0, 10.0, 5.0, 5.0, 1)
    assert empty.time_ticks() == [0.0] and empty.x_of(7.0) == 0.0 and empty.time_of(50.0) == 5.0
