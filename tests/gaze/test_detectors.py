"""The I-VT filter on simulated eyes, at its edges, and against two experts' labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from ctgaze_app.gaze.agreement import cohens_kappa
from ctgaze_app.gaze.detectors import EYE_STATES, IvtParameters, detect_events
from tests.benchmarks.coded_recordings import read_recordings
from tests.gaze.simulated_eye import found_share, simulate_eye, to_vectors


def _intervals(time_s: NDArray[np.float64], events: object) -> NDArray[np.float64]:
    return np.stack([time_s[events.first], time_s[events.last]], axis=1)  # type: ignore[attr-defined]


@pytest.mark.parametrize("rate_hz", [60, 120, 250, 600, 1200, 2000])
@pytest.mark.parametrize("eyes", [1, 2])
def test_fixations_are_found_under_white_noise_of_three_tenths_of_a_degree(rate_hz: float, eyes: int) -> None:
    eye = simulate_eye(rate_hz, eyes=eyes, seed=int(rate_hz))
    events = detect_events(eye.time_s, eye.direction, eye.valid)
    assert found_share(eye.true_fixations, _intervals(eye.time_s, events)) >= 0.98


def test_clean_fixations_are_all_found_and_no_other() -> None:
    eye = simulate_eye(1000, noise_rms_s2s_deg=0.0)
    events = detect_events(eye.time_s, eye.direction, eye.valid)
    found = _intervals(eye.time_s, events)
    assert len(found) == len(eye.true_fixations)
    # The velocity window smears each saccade by half of itself to both sides.
    assert np.abs(found - eye.true_fixations).max() < 0.0115


def test_irregular_stamps_do_not_matter() -> None:
    eye = simulate_eye(500, stamp_jitter_s=0.0008, seed=4)
    events = detect_events(eye.time_s, eye.direction, eye.valid)
    assert found_share(eye.true_fixations, _intervals(eye.time_s, events)) >= 0.98


def _steady(
    seconds: float, rate_hz: float = 500.0
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    time = np.arange(0, seconds, 1 / rate_hz)
    return time, to_vectors(np.zeros((len(time), 2))), np.ones(len(time), dtype=bool)


def test_a_loss_of_70_ms_is_bridged_and_one_of_80_ms_is_not() -> None:
    for loss_s, expected in ((0.070, 1), (0.080, 2)):
        time, direction, valid = _steady(1.0)
        valid[(time > 0.5) & (time < 0.5 + loss_s - 0.001)] = False
        assert len(detect_events(time, direction, valid)) == expected


def test_nan_where_gaze_is_lost_does_no_harm() -> None:
    time, direction, valid = _steady(1.0)
    valid[100:110] = False
    direction[100:110] = np.nan
    events = detect_events(time, direction, valid)
    assert len(events) == 1
    assert np.isfinite(events.velocity_deg_s[100:110]).all()
    assert not events.member[100:110].any()


def test_a_hole_without_any_sample_ends_a_fixation() -> None:
    time, direction, valid = _steady(1.0)
    keep = (time < 0.4) | (time > 0.6)
    events = detect_events(time[keep], direction[keep], valid[keep])
    assert _intervals(time[keep], events)[0, 1] < 0.4
    assert len(events) == 2


def test_fixations_shorter_than_60_ms_are_dropped() -> None:
    time = np.arange(0, 0.6, 0.001)
    place = np.where(time < 0.25, 0.0, np.where(time < 0.32, 5.0, 10.0))
    direction = to_vectors(np.stack([place, np.zeros_like(place)], axis=1))
    events = detect_events(time, direction, np.ones(len(time), dtype=bool))
    assert len(events) == 2  # 70 ms at 5 degrees, less half a window at both sides
    longer = detect_events(time, direction, np.ones(len(time), dtype=bool), IvtParameters(min_duration_s=0.04))
    assert len(longer) == 3


@pytest.mark.parametrize(("step_deg", "expected"), [(0.4, 1), (0.7, 2)])
def test_neighbours_within_half_a_degree_are_one_fixation(step_deg: float, expected: int) -> None:
    time = np.arange(0, 0.6, 0.001)
    place = np.where(time < 0.3, 0.0, step_deg)
    place[(time >= 0.3) & (time < 0.31)] = 5.0
    direction = to_vectors(np.stack([place, np.zeros_like(place)], axis=1))
    assert len(detect_events(time, direction, np.ones(len(time), dtype=bool))) == expected


def test_a_bridged_loss_between_two_fast_movements_is_no_fixation() -> None:
    time = np.arange(0, 1.0, 0.001)
    lost = (time > 0.4605) & (time < 0.5335)
    # 100 degrees a second up to the loss and again after it, the same place at both of its ends.
    place = 100 * (np.clip(time, 0.40, 0.4605) + np.clip(time, 0.5335, 0.6))
    direction = to_vectors(np.stack([place - place.mean(), 0 * place], axis=1))
    direction[lost] = np.nan
    events = detect_events(time, direction, ~lost)
    assert len(events) == 2
    assert _intervals(time, events)[0, 1] < 0.41
    assert _intervals(time, events)[1, 0] > 0.59


def test_states_tell_lost_samples_from_saccades() -> None:
    time = np.arange(0, 1.0, 0.002)
    place = np.where(time < 0.5, 0.0, 8.0)
    valid = time < 0.8
    events = detect_events(time, to_vectors(np.stack([place, 0 * place], axis=1)), valid)
    names = [EYE_STATES[code] for code in events.eye_state]
    assert names[100] == "fixation"
    assert names[250] == "saccade"
    assert names[450] == "lost"
    assert names[0] == "unclassified"  # its window runs out of the recording


@pytest.mark.parametrize("count", [0, 1, 2])
def test_too_few_samples_give_no_fixation(count: int) -> None:
    time, direction, valid = _steady(1.0)
    assert len(detect_events(time[:count], direction[:count], valid[:count])) == 0


def test_descending_times_are_refused() -> None:
    time, direction, valid = _steady(0.1)
    with pytest.raises(ValueError, match="ascend"):
        detect_events(time[::-1], direction, valid)


@pytest.mark.parametrize(("expert", "least_kappa"), [("MN", 0.77), ("RA", 0.69)])
def test_fixation_samples_agree_with_experts_as_published_for_this_filter(
    shared_data: Path, expert: str, least_kappa: float
) -> None:
    recordings = read_recordings(shared_data / "gaze" / "lund2013" / "img")
    assert len(recordings) >= 10
    found = [detect_events(each.time_s, each.direction, each.valid).fixation >= 0 for each in recordings]
    labelled = [each.labels[expert] == 1 for each in recordings]
    assert cohens_kappa(np.concatenate(found), np.concatenate(labelled)) >= least_kappa
