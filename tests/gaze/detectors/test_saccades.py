"""Saccades of known times, amplitude and direction, by every detector."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ctgaze_app.gaze.detectors import (
    ENGBERT_KLIEGL,
    EYE_STATES,
    PRESETS,
    TOBII_IVT,
    DetectorParameters,
    detect_events,
)
from tests.gaze.detectors.known_eyes import one_saccade
from tests.gaze.simulated_eye import simulate_eye, to_vectors

VELOCITY_PRESETS = sorted(set(PRESETS) - {"salvucci-idt"})


@pytest.mark.parametrize("preset", VELOCITY_PRESETS)
@pytest.mark.parametrize("rate_hz", [60, 120, 250, 500, 1200])
def test_a_clean_saccade_has_its_amplitude_and_times_at_any_rate(preset: str, rate_hz: float) -> None:
    time, direction = one_saccade(rate_hz)
    parameters = PRESETS[preset]
    events = detect_events(time, direction, np.ones(len(time), dtype=bool), parameters)
    assert len(events.saccades) == 1
    assert len(events) == 2
    assert events.saccades.amplitude_deg[0] == pytest.approx(5.0, abs=1e-6)
    assert events.saccades.direction_deg[0] == pytest.approx(0.0, abs=1e-9)
    smear = max(parameters.velocity_window_s / 2, 1 / rate_hz) + 1 / rate_hz
    assert abs(time[events.saccades.first[0]] - 0.5) <= smear
    assert abs(time[events.saccades.last[0]] - 0.54) <= smear


def test_i_dt_finds_the_saccade_between_its_windows() -> None:
    time, direction = one_saccade(500)
    events = detect_events(time, direction, np.ones(len(time), dtype=bool), PRESETS["salvucci-idt"])
    assert len(events) == 2
    assert len(events.saccades) == 1
    # The first window swallows the first degree of movement and the second the last one, to a sample of 0.25 degrees.
    assert 3.0 <= events.saccades.amplitude_deg[0] <= 3.5


@pytest.mark.parametrize("preset", VELOCITY_PRESETS)
def test_peak_velocity_is_that_of_a_steady_movement(preset: str) -> None:
    time, direction = one_saccade(1000, (20.0, 0.0), 0.100)
    events = detect_events(time, direction, np.ones(len(time), dtype=bool), PRESETS[preset])
    assert events.saccades.peak_velocity_deg_s[0] == pytest.approx(200.0, rel=1e-3)


@pytest.mark.parametrize(
    ("shift_deg", "heading_deg"),
    [((4.0, 0.0), 0.0), ((0.0, -4.0), 90.0), ((-4.0, 0.0), 180.0), ((0.0, 4.0), -90.0), ((1.0, -1.0), 45.0)],
)
def test_direction_counts_from_the_right_upwards(shift_deg: tuple[float, float], heading_deg: float) -> None:
    time, direction = one_saccade(500, shift_deg)
    events = detect_events(time, direction, np.ones(len(time), dtype=bool))
    assert events.saccades.direction_deg[0] == pytest.approx(heading_deg, abs=0.02)


@pytest.mark.parametrize("parameters", [TOBII_IVT, ENGBERT_KLIEGL])
def test_saccades_below_the_least_amplitude_are_unclassified(parameters: DetectorParameters) -> None:
    time, direction = one_saccade(500, (2.0, 0.0), 0.020)
    valid = np.ones(len(time), dtype=bool)
    strict = detect_events(time, direction, valid, replace(parameters, min_saccade_amplitude_deg=2.1))
    lax = detect_events(time, direction, valid, replace(parameters, min_saccade_amplitude_deg=1.9))
    assert (len(strict.saccades), len(lax.saccades)) == (0, 1)
    middle = int(np.searchsorted(time, 0.51))
    assert EYE_STATES[strict.eye_state[middle]] == "unclassified"
    assert EYE_STATES[lax.eye_state[middle]] == "saccade"


@pytest.mark.parametrize("parameters", [TOBII_IVT, ENGBERT_KLIEGL])
def test_saccades_shorter_than_the_least_duration_are_dropped(parameters: DetectorParameters) -> None:
    time, direction = one_saccade(1000, (5.0, 0.0), 0.030)
    valid = np.ones(len(time), dtype=bool)
    longest = 0.030 + parameters.velocity_window_s
    assert len(detect_events(time, direction, valid, replace(parameters, min_saccade_duration_s=0.030)).saccades) == 1
    assert (
        len(detect_events(time, direction, valid, replace(parameters, min_saccade_duration_s=longest + 0.002)).saccades)
        == 0
    )


def test_the_amplitude_of_a_saccade_into_a_loss_cannot_be_told() -> None:
    time, direction = one_saccade(500)
    valid = time < 0.530  # the eye is lost on the way and stays lost: no blink
    events = detect_events(time, direction, valid)
    assert len(events.saccades) == 1
    assert events.saccades.last[0] + 1 < np.searchsorted(time, 0.530)
    assert len(events.blinks) == 0


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_states_and_events_tell_the_same(preset: str) -> None:
    eye = simulate_eye(250, fixations=60, noise_rms_s2s_deg=0.1, seed=9)
    valid = eye.valid.copy()
    for second in range(2, 20, 3):
        valid[second * 250 : second * 250 + 40] = False
    events = detect_events(eye.time_s, eye.direction, valid, PRESETS[preset])
    assert len(events.blinks) > 0
    for name, found in (("saccade", events.saccades), ("blink", events.blinks), ("fixation", events)):
        inside = np.zeros(len(valid), dtype=bool)
        for first, last in zip(found.first, found.last, strict=True):
            assert not inside[first : last + 1].any()
            inside[first : last + 1] = True
        assert np.array_equal(inside, events.eye_state == EYE_STATES.index(name))


def test_vertical_amplitude_far_from_the_centre_is_the_true_angle() -> None:
    time = np.arange(0, 1.0, 0.002)
    place = np.where(time < 0.5, 10.0, 16.0)
    direction = to_vectors(np.stack([np.full_like(place, 20.0), place], axis=1))
    events = detect_events(time, direction, np.ones(len(time), dtype=bool))
    assert events.saccades.amplitude_deg[0] == pytest.approx(6.0, abs=1e-9)
    assert events.saccades.direction_deg[0] == pytest.approx(-90.0, abs=1e-6)
