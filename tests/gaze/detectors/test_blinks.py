"""Losses of known length: which are blinks, and how far they reach."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from ctgaze_app.gaze.detectors import EYE_STATES, PRESETS, TOBII_IVT, detect_events
from tests.gaze.detectors.known_eyes import eye_along
from tests.gaze.simulated_eye import to_vectors


def _steady(seconds: float) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    time = np.arange(0, seconds, 0.002)
    return time, to_vectors(np.zeros((len(time), 2))), np.ones(len(time), dtype=bool)


@pytest.mark.parametrize("preset", sorted(PRESETS))
@pytest.mark.parametrize(("loss_s", "expected"), [(0.060, 0), (0.100, 1), (0.480, 1), (0.560, 0)])
def test_a_loss_of_a_blinks_duration_is_a_blink(preset: str, loss_s: float, expected: int) -> None:
    time, direction, valid = _steady(2.0)
    lost = (time > 0.999) & (time < 0.999 + loss_s)
    direction[lost] = np.nan
    events = detect_events(time, direction, valid & ~lost, PRESETS[preset])
    assert len(events.blinks) == expected
    middle = EYE_STATES[events.eye_state[np.flatnonzero(lost)[lost.sum() // 2]]]
    assert middle == ("blink" if expected else "lost" if loss_s > 0.5 else middle)
    if expected:
        assert events.blinks.first[0] <= np.flatnonzero(lost)[0]
        assert events.blinks.last[0] >= np.flatnonzero(lost)[-1]


def test_a_loss_at_either_end_of_the_recording_is_no_blink() -> None:
    time, direction, valid = _steady(2.0)
    valid[(time < 0.2) | (time > 1.8)] = False
    events = detect_events(time, direction, valid)
    assert len(events.blinks) == 0
    assert EYE_STATES[events.eye_state[0]] == EYE_STATES[events.eye_state[-1]] == "lost"


def test_what_the_lid_feigns_before_and_after_belongs_to_the_blink() -> None:
    time, direction = eye_along([0, 0.97, 1.0, 1.2, 1.25, 2.0], [0, 0, -9, -9, 0, 0], 500)
    lost = (time > 1.0) & (time < 1.2)
    events = detect_events(time, direction, ~lost)
    assert len(events.blinks) == 1
    assert len(events.saccades) == 0
    # The velocity window sees the false movement up to 10 ms early and 10 ms late.
    assert time[events.blinks.first[0]] == pytest.approx(0.97, abs=0.012)
    assert time[events.blinks.last[0]] == pytest.approx(1.25, abs=0.012)
    assert len(events) == 2


def test_a_blink_never_reaches_farther_than_its_margin_or_into_a_fixation() -> None:
    time, direction, valid = _steady(2.0)
    valid[(time > 0.999) & (time < 1.2)] = False
    events = detect_events(time, direction, valid, replace(TOBII_IVT, blink_margin_s=0.004))
    lost = np.flatnonzero(~valid)
    assert events.blinks.first.tolist() == [lost[0] - 2]
    assert events.blinks.last.tolist() == [lost[-1] + 2]
    wide = detect_events(time, direction, valid, replace(TOBII_IVT, blink_margin_s=0.5))
    assert wide.blinks.first[0] == wide.last[0] + 1
    assert wide.blinks.last[0] == wide.first[1] - 1


def test_single_samples_let_through_do_not_cut_a_blink_in_two() -> None:
    time, direction, valid = _steady(2.0)
    valid[(time > 0.999) & (time < 1.3)] = False
    valid[int(1.15 * 500)] = True
    events = detect_events(time, direction, valid)
    assert len(events.blinks) == 1


def test_a_loss_with_a_saccade_in_the_middle_of_nowhere_else_keeps_that_saccade() -> None:
    time, direction = eye_along([0, 0.4, 0.43, 2.0], [0, 0, 6, 6], 500)
    lost = (time > 1.0) & (time < 1.2)
    events = detect_events(time, direction, ~lost)
    assert len(events.blinks) == 1
    assert len(events.saccades) == 1


def test_a_pupil_that_is_gone_makes_a_blink_of_gaze_that_goes_on() -> None:
    time, direction = eye_along([0, 1.0, 1.05, 1.10, 1.15, 1.2, 2.2], [0, 0, -8, 3, -7, 0, 0], 500)
    valid = np.ones(len(time), dtype=bool)
    pupil = np.where((time > 1.02) & (time < 1.18), 0.0, 3.5)
    assert len(detect_events(time, direction, valid).blinks) == 0
    with_pupil = detect_events(time, direction, valid, pupil=pupil)
    assert len(with_pupil.blinks) == 1
    assert len(with_pupil.saccades) == 0


def test_a_tracker_that_sends_no_pupil_closes_no_eye() -> None:
    time, direction, valid = _steady(1.0)
    events = detect_events(time, direction, valid, pupil=np.full(len(time), np.nan))
    assert len(events.blinks) == 0
    with pytest.raises(ValueError, match="pupils"):
        detect_events(time, direction, valid, pupil=np.ones(3))
