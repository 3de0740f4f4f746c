"""The adaptive detector: its velocity, its threshold, the reach of its saccades, and oscillations."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ctgaze_app.gaze.detectors import (
    ADAPTIVE_500HZ,
    ENGBERT_KLIEGL,
    EYE_STATES,
    EngbertKlieglParameters,
    detect_events,
)
from ctgaze_app.gaze.detectors.engbert_kliegl import median_sigma
from ctgaze_app.gaze.detectors.velocity import axis_velocities_deg_s
from tests.gaze.detectors.known_eyes import one_saccade
from tests.gaze.simulated_eye import simulate_eye, to_vectors


def test_velocity_is_the_papers_at_its_rate() -> None:
    random = np.random.default_rng(5)
    degrees = np.stack([np.cumsum(random.normal(0, 0.1, 200)), np.zeros(200)], axis=1)
    time = np.arange(200) / 250
    found = axis_velocities_deg_s(time, to_vectors(degrees), np.ones(200, dtype=bool), ENGBERT_KLIEGL)
    x = degrees[:, 0]
    expected = (x[4:] + x[3:-1] - x[1:-3] - x[:-4]) * 250 / 6
    np.testing.assert_allclose(found[2:-2, 0], expected, atol=1e-7)
    assert np.isnan(found[[0, 1, -2, -1]]).all()
    np.testing.assert_allclose(found[2:-2, 1], 0.0, atol=1e-9)


@pytest.mark.parametrize("rate_hz", [60, 120, 250, 600, 1200])
def test_a_steady_movement_has_its_velocity_at_any_rate_and_with_irregular_stamps(rate_hz: float) -> None:
    random = np.random.default_rng(1)
    time = np.cumsum(random.uniform(0.7, 1.3, 300)) / rate_hz
    degrees = np.stack([7.0 * time, 0 * time], axis=1)
    found = axis_velocities_deg_s(time, to_vectors(degrees), np.ones(300, dtype=bool), ENGBERT_KLIEGL)
    inner = np.isfinite(found[:, 0])
    assert inner.sum() > 270
    np.testing.assert_allclose(found[inner, 0], 7.0, rtol=1e-9)


def test_a_degree_of_azimuth_is_shorter_away_from_the_horizon() -> None:
    time = np.arange(100) / 250
    degrees = np.stack([7.0 * time, np.full(100, 30.0)], axis=1)
    found = axis_velocities_deg_s(time, to_vectors(degrees), np.ones(100, dtype=bool), ENGBERT_KLIEGL)
    np.testing.assert_allclose(found[2:-2, 0], 7.0 * np.sqrt(0.75), rtol=1e-9)


def test_sigma_is_median_based() -> None:
    # Medians: of squares (4, 1, 0, 1, 4, 10000) 2.5, of values (-2, -1, 0, 1, 2, 100) 0.5; one outlier moves nothing.
    assert median_sigma(np.array([-2.0, -1.0, 0.0, 1.0, 2.0, 100.0])) == pytest.approx(np.sqrt(2.5 - 0.25))
    assert median_sigma(np.array([])) == 0.0


def test_the_threshold_grows_with_the_noise() -> None:
    parameters = replace(ENGBERT_KLIEGL, least_threshold_deg_s=1e-6, merge_angle_deg=0.0)
    eye = simulate_eye(250, fixations=60, noise_rms_s2s_deg=0.1, seed=2)
    flat = np.degrees(np.arctan2(eye.direction[:, 0], eye.direction[:, 2]))
    one = to_vectors(np.stack([flat, 0 * flat], axis=1))
    half = to_vectors(np.stack([flat / 2, 0 * flat], axis=1))
    first, second = (detect_events(eye.time_s, each, eye.valid, parameters) for each in (one, half))
    assert len(first.saccades) > 30
    assert first.saccades.first.tolist() == second.saccades.first.tolist()
    assert first.saccades.last.tolist() == second.saccades.last.tolist()


def test_a_higher_lambda_leaves_small_saccades_out() -> None:
    random = np.random.default_rng(3)
    time, direction = one_saccade(500, (0.8, 0.0), 0.030)
    jitter = random.normal(0, 0.05, (len(time), 2))
    noisy = to_vectors(np.degrees(np.arcsin(direction[:, :2])) + jitter)
    valid = np.ones(len(time), dtype=bool)
    found = [
        len(detect_events(time, noisy, valid, EngbertKlieglParameters(threshold_factor=f, boundary_factor=f)).saccades)
        for f in (5.0, 30.0)
    ]
    assert found == [1, 0]


def test_saccades_close_together_are_merged_when_asked() -> None:
    time = np.arange(0, 1.5, 0.001)
    place = np.interp(time, [0, 0.7, 0.72, 0.75, 0.77, 1.5], [0, 0, 4, 4, 8, 8])
    direction = to_vectors(np.stack([place, 0 * place], axis=1))
    valid = np.ones(len(time), dtype=bool)
    assert len(detect_events(time, direction, valid, ENGBERT_KLIEGL).saccades) == 2
    merged = detect_events(time, direction, valid, replace(ENGBERT_KLIEGL, merge_saccades_s=0.030))
    assert merged.saccades.amplitude_deg.tolist() == [pytest.approx(8.0)]
    assert len(detect_events(time, direction, valid, replace(ENGBERT_KLIEGL, merge_saccades_s=0.005)).saccades) == 2


def _ringing() -> tuple[np.ndarray, np.ndarray]:
    """A saccade of 10 degrees in 40 ms, then a damped swing of 25 ms."""
    random = np.random.default_rng(8)
    time = np.arange(0, 1.04, 0.002)
    smooth = np.clip((time - 0.5) / 0.04, 0, 1)
    place = 10 * (smooth - np.sin(2 * np.pi * smooth) / (2 * np.pi))
    after = (time > 0.54) & (time < 0.565)
    place = place + np.where(after, -0.6 * np.sin(np.pi * (time - 0.54) / 0.025) ** 2, 0.0)
    return time, to_vectors(np.stack([place, 0 * place], axis=1) + random.normal(0, 0.01, (len(time), 2)))


def test_the_swing_after_a_saccade_is_neither_saccade_nor_fixation() -> None:
    time, direction = _ringing()
    events = detect_events(time, direction, np.ones(len(time), dtype=bool), ADAPTIVE_500HZ)
    assert len(events.saccades) == 1
    assert len(events) == 2
    assert time[events.saccades.first[0]] == pytest.approx(0.505, abs=0.006)
    assert time[events.saccades.last[0]] == pytest.approx(0.538, abs=0.006)
    ringing = np.flatnonzero(events.eye_state == EYE_STATES.index("post_saccadic_oscillation"))
    assert ringing[0] == events.saccades.last[0] + 1
    assert time[ringing[-1]] == pytest.approx(0.565, abs=0.006)
    assert events.first[1] == ringing[-1] + 1


def test_no_oscillation_is_looked_for_by_default() -> None:
    time, direction = _ringing()
    events = detect_events(time, direction, np.ones(len(time), dtype=bool), ENGBERT_KLIEGL)
    assert not (events.eye_state == EYE_STATES.index("post_saccadic_oscillation")).any()


@pytest.mark.parametrize(
    "wrong",
    [{"boundary_factor": 7.0}, {"boundary_factor": 0.0}, {"least_threshold_deg_s": 0.0}, {"velocity_window_s": 0.0},
     {"merge_gap_s": -1.0}, {"min_blink_s": 0.6}, {"min_duration_s": float("nan")}, {"max_blink_s": float("nan")},
     {"merge_saccades_s": -0.01}, {"oscillation_peak_share": 1.5}, {"oscillation_peak_share": float("nan")}],
)  # fmt: skip
def test_impossible_parameters_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError):
        EngbertKlieglParameters(**wrong)
