"""I-DT: its definition of dispersion, exact windows, and a plain implementation beside it."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from ctgaze_app.gaze.detectors import EYE_STATES, IdtParameters, detect_events
from ctgaze_app.gaze.detectors.idt import dispersion_windows
from tests.gaze.simulated_eye import to_vectors


def plain_idt(
    time: NDArray[np.float64], angles: NDArray[np.float64], hole: float, parameters: IdtParameters
) -> tuple[list[int], list[int]]:
    """Salvucci & Goldberg 2000, figure 2, word by word; a lost sample or a hole is beyond any dispersion."""

    def within(begin: int, end: int) -> bool:
        piece = angles[:, begin : end + 1]
        whole = bool(np.isfinite(piece).all() and (np.diff(time[begin : end + 1]) <= hole).all())
        return whole and float((piece.max(axis=1) - piece.min(axis=1)).sum()) <= parameters.max_dispersion_deg

    first, last, begin = [], [], 0
    while begin < len(time):
        end = begin
        while end < len(time) and time[end] < time[begin] + parameters.min_duration_s - 1e-9:
            end += 1
        if end == len(time):
            break
        if within(begin, end):
            while end + 1 < len(time) and within(begin, end + 1):
                end += 1
            first.append(begin)
            last.append(end)
            begin = end + 1
        else:
            begin += 1
    return first, last


@pytest.mark.parametrize("seed", range(12))
def test_windows_are_those_of_the_plain_algorithm(seed: int) -> None:
    random = np.random.default_rng(seed)
    count = 600
    time = np.cumsum(random.uniform(0.001, 0.008, count))
    time[300:] += 0.2  # a hole
    angles = np.cumsum(random.normal(0, 0.03, (2, count)), axis=1)
    angles[:, random.integers(0, count, 5)] += 3
    angles[:, random.integers(0, count, 4)] = np.nan
    parameters = IdtParameters(max_dispersion_deg=0.6, min_duration_s=0.05)
    first, last = dispersion_windows(time, angles, 0.075, parameters)
    expected = plain_idt(time, angles, 0.075, parameters)
    assert len(expected[0]) > 5
    assert (first.tolist(), last.tolist()) == expected


@pytest.mark.parametrize(("max_dispersion_deg", "expected"), [(1.1, 2), (1.3, 1)])
def test_dispersion_is_the_sum_of_both_widths(max_dispersion_deg: float, expected: int) -> None:
    time = np.arange(0, 0.6, 0.002)
    place = np.where(
        time < 0.3, 0.0, 0.6
    )  # 0.6 degrees to the right and 0.6 down: 1.2 together, 0.85 as the crow flies
    direction = to_vectors(np.stack([place, place], axis=1))
    parameters = IdtParameters(max_dispersion_deg=max_dispersion_deg)
    assert len(detect_events(time, direction, np.ones(len(time), dtype=bool), parameters)) == expected


@pytest.mark.parametrize(("stay_s", "expected"), [(0.096, 2), (0.104, 3)])
def test_a_stay_must_last_the_shortest_duration(stay_s: float, expected: int) -> None:
    time = np.arange(0, 1.0, 0.002)
    place = np.where(time < 0.4, 0.0, np.where(time < 0.4 + stay_s - 1e-9, 5.0, 10.0))
    direction = to_vectors(np.stack([place, 0 * place], axis=1))
    assert len(detect_events(time, direction, np.ones(len(time), dtype=bool), IdtParameters())) == expected


def test_windows_that_touch_are_not_merged_unless_asked() -> None:
    time = np.arange(0, 1.0, 0.002)
    drift = 2.4 * time  # 2.4 degrees in a second: windows of one degree follow each other
    direction = to_vectors(np.stack([drift, 0 * drift], axis=1))
    valid = np.ones(len(time), dtype=bool)
    events = detect_events(time, direction, valid, IdtParameters())
    # 1 degree / 2.4 degrees/s = 416.7 ms: samples 0 to 208, and so on.
    assert events.first.tolist() == [0, 209, 418]
    assert events.last.tolist() == [208, 417, 499]
    assert len(detect_events(time, direction, valid, IdtParameters(merge_gap_s=0.075))) == 1


def test_the_rest_between_windows_is_saccade() -> None:
    time = np.arange(0, 1.0, 0.002)
    place = np.interp(time, [0, 0.5, 0.53, 1.0], [0, 0, 8, 8])
    events = detect_events(
        time, to_vectors(np.stack([place, 0 * place], axis=1)), np.ones(len(time), dtype=bool), IdtParameters()
    )
    outside = events.fixation < 0
    assert outside.any()
    assert {EYE_STATES[code] for code in events.eye_state[outside]} == {"saccade"}
