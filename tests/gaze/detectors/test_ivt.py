"""I-VT beside a plain implementation of Olsen 2012, sample by sample, on recordings with every kind of trouble."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from ctgaze_app.gaze.detectors import PRESETS, IvtParameters, detect_events
from tests.gaze.simulated_eye import to_vectors

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
ROUNDING_S = 1e-5  # window edges are met within this, as stamps come rounded


def troubled(seed: int) -> tuple[Floats, Floats, Flags]:
    """30 to 2,000 Hz, jitter, equal stamps, missing rows, losses of 10 to 250 ms, losses at the ends."""
    random = np.random.default_rng(seed)
    rate_hz = float(random.choice([30, 60, 120, 250, 500, 1000, 2000]))
    count = int(rate_hz * 1.2)
    steps = random.uniform(0.8, 1.2, count) / rate_hz
    steps[random.random(count) < 0.03] = 0.0
    steps[random.integers(1, count, 2)] += random.choice([0.05, 0.08, 0.3], 2)
    time = 1e5 + np.cumsum(steps)
    knots = np.cumsum(random.choice([0.02, 0.04, 0.1, 0.3], 40))
    places = np.repeat(np.cumsum(random.normal(0, random.choice([0.3, 3.0]), (20, 2)), axis=0), 2, axis=0)
    degrees = np.stack([np.interp(time - 1e5, knots, places[:, axis]) for axis in range(2)], axis=1)
    degrees += random.normal(0, random.choice([0.0, 0.03, 0.2]), degrees.shape)
    valid = np.ones(count, dtype=bool)
    for begin in random.uniform(0, 1.2, 5):
        valid[int(begin * rate_hz) : int((begin + random.choice([0.01, 0.04, 0.1, 0.25])) * rate_hz) + 1] = False
    direction = to_vectors(degrees)
    direction[~valid] = np.nan
    return time, direction, valid


def angle_deg(a: Floats, b: Floats) -> float:
    return float(np.degrees(2 * np.arcsin(min(float(np.linalg.norm(a - b)) / 2, 1.0))))


def bridged(time: Floats, direction: Floats, valid: Flags, longest_s: float) -> tuple[Floats, Flags]:
    direction, known = direction.copy(), valid.copy()
    good = np.flatnonzero(valid).tolist()
    for before, after in pairwise(good):
        if after > before + 1 and time[after] - time[before] <= longest_s + 1e-9:
            for lost in range(before + 1, after):
                span = time[after] - time[before]
                share = (time[lost] - time[before]) / span if span else 0.0
                point = direction[before] * (1 - share) + direction[after] * share
                direction[lost], known[lost] = point / np.linalg.norm(point), True
    return direction, known


def velocity(time: Floats, direction: Floats, known: Flags, at: int, hole: float, window_s: float) -> float:
    near = np.flatnonzero(np.abs(time - time[at]) <= window_s / 2 + ROUNDING_S)
    left, right = min(near[0], at - 1), max(near[-1], at + 1)
    begin, end = at, at
    while begin > 0 and time[begin] - time[begin - 1] <= hole + 1e-9:
        begin -= 1
    while end < len(time) - 1 and time[end + 1] - time[end] <= hole + 1e-9:
        end += 1
    inside = left >= begin and right <= end and known[left : right + 1].all() and time[right] > time[left]
    full = min(time[at] - time[begin], time[end] - time[at]) >= window_s / 2 - ROUNDING_S
    return angle_deg(direction[left], direction[right]) / (time[right] - time[left]) if inside and full else np.nan


def plain_ivt(time: Floats, raw: Floats, valid: Flags, wanted: IvtParameters) -> tuple[list[list[int]], list[float]]:
    """First and last sample of each fixation, and all velocities."""
    direction, known = bridged(time, raw, valid, wanted.max_gap_fill_s)
    hole = max(wanted.max_gap_fill_s, 2 * float(np.median(np.diff(time))))
    speeds = [velocity(time, direction, known, at, hole, wanted.velocity_window_s) for at in range(len(time))]
    found: list[list[int]] = []
    for at, speed in enumerate(speeds):
        if not speed < wanted.velocity_threshold_deg_s:
            continue
        if found and found[-1][1] == at - 1 and time[at] - time[at - 1] <= hole + 1e-9:
            found[-1][1] = at
        else:
            found.append([at, at])
    measured = valid & (np.array(speeds) < wanted.velocity_threshold_deg_s)

    def near(before: list[int], after: list[int]) -> bool:
        if time[after[0]] - time[before[1]] > wanted.merge_gap_s + 1e-9:
            return False
        window = wanted.velocity_window_s + ROUNDING_S
        index = np.arange(len(time))
        ending = measured & (index <= before[1]) & (time >= time[before[1]] - window)
        beginning = measured & (index >= after[0]) & (time <= time[after[0]] + window)
        if not ending.any() or not beginning.any():
            return False
        means = [direction[some].sum(axis=0) for some in (ending, beginning)]
        return angle_deg(*(mean / np.linalg.norm(mean) for mean in means)) <= wanted.merge_angle_deg

    def merged(parts: list[list[int]]) -> list[list[int]]:
        whole: list[list[int]] = []
        for number, part in enumerate(parts):
            if number and near(parts[number - 1], part):
                whole[-1][1] = part[1]
            else:
                whole.append(list(part))
        return whole

    lasting = [
        [first, last]
        for first, last in merged(found)
        if time[last] - time[first] >= wanted.min_duration_s - 1e-9 and measured[first : last + 1].any()
    ]
    return merged(lasting), speeds


@pytest.mark.parametrize("seed", range(24))
def test_fixations_and_velocities_are_those_of_the_plain_filter(seed: int) -> None:
    time, direction, valid = troubled(seed)
    for wanted in (IvtParameters(), IvtParameters(max_gap_fill_s=0.02, velocity_window_s=0.03, merge_gap_s=0.04)):
        events = detect_events(time, direction, valid, wanted)
        fixations, speeds = plain_ivt(time, direction, valid, wanted)
        np.testing.assert_allclose(events.velocity_deg_s, speeds, atol=1e-6)
        assert np.stack([events.first, events.last], axis=1).tolist() == fixations


@pytest.mark.parametrize("preset", sorted(PRESETS))
@pytest.mark.parametrize("seed", range(24))
def test_events_never_overlap_and_states_follow_them_whatever_the_trouble(preset: str, seed: int) -> None:
    time, direction, valid = troubled(seed)
    events = detect_events(time, direction, valid, PRESETS[preset])
    expected = np.zeros(len(time), dtype=int)
    for state, found in ((2, events), (3, events.saccades), (4, events.blinks)):
        for first, last in zip(found.first, found.last, strict=True):
            assert first <= last
            expected[first : last + 1] += state
    told = events.eye_state.astype(int)
    assert np.array_equal(np.where(np.isin(told, [2, 3, 4]), told, 0), expected)
    assert not (events.eye_state[valid] == 0).any()
    assert not events.member[~valid].any()
    assert np.isfinite(events.saccades.peak_velocity_deg_s).all()
