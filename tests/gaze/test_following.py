"""Pursuit is told from rest: analytic slopes, noise that must not count, pictures that move under the eye."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ctgaze_app.gaze.following import SURE_FACTOR, drifts, eye_slopes, follows, picture_gain
from tests.gaze.scenes import SCREEN, axial_view, track
from tests.gaze.simulated_eye import to_vectors

START_DEG = np.array([2.0, -3.0])


def _slopes(time: NDArray[np.float64], degrees: NDArray[np.float64], fixations: int = 1) -> Any:
    """Fixations one after another, each with the same times."""
    owner = np.repeat(np.arange(fixations, dtype=np.int32), len(time))
    stamps = np.concatenate([time + 1000.0 * number for number in range(fixations)])
    onset = time[0] + 1000.0 * np.arange(fixations)
    return eye_slopes(owner, stamps, to_vectors(degrees), onset, onset + time[-1] - time[0])


@pytest.mark.parametrize("rate_hz", [60, 250, 1200])
def test_the_slope_of_a_steady_motion_is_its_velocity(rate_hz: int) -> None:
    time = np.arange(0, 0.4, 1 / rate_hz)
    slopes = _slopes(time, START_DEG + time[:, None] * [3.0, -4.0])
    np.testing.assert_allclose(slopes.velocity_deg_s, [[3.0 * np.cos(np.radians(-3.8)), -4.0]], atol=0.02)
    assert slopes.standard_error_deg_s[0] < 0.02
    assert drifts(slopes, np.array([0.4])).tolist() == [True]


def test_the_tail_of_a_saccade_at_either_end_is_no_slope() -> None:
    time = np.arange(0, 0.4, 0.002)
    place = np.tile(START_DEG, (len(time), 1))
    place[:10, 0] += np.linspace(-1.5, 0, 10)
    slopes = _slopes(time, place)
    assert np.abs(slopes.velocity_deg_s).max() < 0.01


@pytest.mark.parametrize("noise_deg", [0.2, 0.5, 1.0])
@pytest.mark.parametrize("rate_hz", [60, 1200])
def test_noise_alone_is_hardly_ever_a_drift(rate_hz: int, noise_deg: float) -> None:
    time, count = np.arange(0, 0.3, 1 / rate_hz), 400
    noise = np.random.default_rng(5).normal(0, noise_deg / 2, (count * len(time), 2))
    slopes = _slopes(time, START_DEG + noise, count)
    assert drifts(slopes, np.full(count, 0.3)).mean() <= 0.02


@pytest.mark.parametrize("rate_hz", [60, 250, 1200])
def test_noise_passes_the_sure_factor_in_one_to_two_of_a_hundred(rate_hz: int) -> None:
    time, count = np.arange(0, 0.3, 1 / rate_hz), 2000
    noise = np.random.default_rng(5).normal(0, 0.5, (count * len(time), 2))
    slopes = _slopes(time, START_DEG + noise, count)
    sure = slopes.speed_deg_s >= SURE_FACTOR * slopes.standard_error_deg_s
    assert 0.005 <= sure.mean() <= 0.02


def test_a_sideways_slope_is_the_true_angle_away_from_the_horizon() -> None:
    time = np.arange(0, 0.4, 0.004)
    slopes = _slopes(time, [2.0, 30.0] + time[:, None] * [4.0, 0.0])
    np.testing.assert_allclose(slopes.velocity_deg_s, [[4.0 * np.cos(np.radians(30.0)), 0.0]], atol=1e-9)


@pytest.mark.parametrize(("rate_hz", "noise_deg", "least"), [(60, 0.3, 1.0), (250, 0.5, 1.0), (1200, 1.0, 1.0)])
def test_a_pursuit_of_five_degrees_a_second_stands_out_of_the_noise(
    rate_hz: int, noise_deg: float, least: float
) -> None:
    time, count = np.arange(0, 0.5, 1 / rate_hz), 200
    noise = np.random.default_rng(6).normal(0, noise_deg / 2, (count * len(time), 2))
    slopes = _slopes(time, np.tile(START_DEG + time[:, None] * [0.0, 5.0], (count, 1)) + noise, count)
    assert drifts(slopes, np.full(count, 0.5)).mean() >= least


def test_too_slow_or_too_short_a_way_is_no_pursuit() -> None:
    time = np.arange(0, 1.0, 0.004)
    slow = _slopes(time, START_DEG + time[:, None] * [0.0, 0.9])
    assert drifts(slow, np.array([1.0])).tolist() == [False]
    short = _slopes(time[:25], START_DEG + time[:25, None] * [0.0, 4.0])
    assert drifts(short, np.array([0.1])).tolist() == [False]
    assert drifts(_slopes(time[:3], START_DEG + time[:3, None] * [0.0, 40.0]), np.array([0.5])).tolist() == [False]


def test_two_rests_that_a_small_saccade_parts_are_no_pursuit() -> None:
    time, count = np.arange(0, 0.6, 1 / 60), 200
    place = np.tile(START_DEG + np.where(time[:, None] < 0.3, 0.0, [1.5, 0.0]), (count, 1))
    noise = np.random.default_rng(7).normal(0, 0.1, place.shape)
    stepped = _slopes(time, place + noise, count)
    assert stepped.stepped.all()
    assert not drifts(stepped, np.full(count, 0.6)).any()
    ramp = np.tile(START_DEG + time[:, None] * [2.5, 0.0], (count, 1))
    steady = _slopes(time, ramp + noise, count)
    assert steady.stepped.mean() <= 0.02
    assert drifts(steady, np.full(count, 0.6)).mean() >= 0.97


@pytest.mark.parametrize(("share", "followed"), [(1.0, True), (0.85, True), (0.3, False), (0.0, False), (-1.0, False)])
def test_the_eye_follows_a_panned_picture_when_it_makes_most_of_its_way(share: float, followed: bool) -> None:
    time = np.arange(0, 0.5, 0.004)
    views = track(*((step * 0.01, axial_view(1 + step, 10, left=400.0 + 4.0 * step)) for step in range(60)))
    px = np.stack([700.0 + share * 400.0 * time, np.full(len(time), 500.0)], axis=1)
    slopes = _slopes(time, SCREEN.px_to_deg(px))
    gain, way = picture_gain(slopes, np.zeros(1, dtype=np.int64), views, SCREEN, 0.0)
    assert gain[0] == pytest.approx(share, abs=0.03)
    way_deg = SCREEN.angle_between_deg((700.0, 500.0), (900.0, 500.0))
    assert way[0] == pytest.approx(float(way_deg), rel=0.03)
    moved = np.array([True])
    assert follows(slopes, np.array([0.5]), ~moved, moved, gain, way).tolist() == [followed]


def test_a_picture_that_hardly_moves_is_not_followed() -> None:
    time = np.arange(0, 0.5, 0.004)
    views = track(*((step * 0.01, axial_view(1 + step, 10, left=400.0 + 0.4 * step)) for step in range(60)))
    px = np.stack([700.0 + 400.0 * time, np.full(len(time), 500.0)], axis=1)  # the eye makes ten times its way
    slopes = _slopes(time, SCREEN.px_to_deg(px))
    gain, way = picture_gain(slopes, np.zeros(1, dtype=np.int64), views, SCREEN, 0.0)
    assert gain[0] == pytest.approx(10, rel=0.05)
    assert 0.3 < way[0] < 0.5
    moved = np.array([True])
    assert follows(slopes, np.array([0.5]), ~moved, moved, gain, way).tolist() == [False]


def test_a_picture_that_stands_still_has_no_gain() -> None:
    time = np.arange(0, 0.5, 0.004)
    slopes = _slopes(time, START_DEG + time[:, None] * [0.0, 5.0])
    for views in (track((-1.0, axial_view(1, 10))), track()):
        gain, way = picture_gain(slopes, np.zeros(1, dtype=np.int64), views, SCREEN, 0.0)
        assert np.isnan(gain).all()
        assert way[0] < 1e-9
        still = np.array([False])
        assert follows(slopes, np.array([0.5]), still, still, gain, way).tolist() == [False]
        # Slices that change may carry the structure anywhere: there the eye's own slope decides.
        assert follows(slopes, np.array([0.5]), ~still, still, gain, way).tolist() == [True]
