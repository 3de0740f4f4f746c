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


@pytest.mark.parametrize(("samples", "expected"), [(36, 0), (37, 1)])
def test_a_loss_lasts_from_the_last_seen_sample_to_the_next(samples: int, expected: int) -> None:
    time, direction, valid = _steady(2.0)
    valid[500 : 500 + samples] = False  # 36 samples of 2 ms lie in 74 ms, 37 in 76: the limit is 75
    events = detect_events(time, direction, valid)
    assert len(events.blinks) == expected
    assert len(events) == 1 + expected  # bridged, or cut


def test_losses_with_a_fixation_between_them_are_two_blinks() -> None:
    time, direction, valid = _steady(2.0)
    valid[(time > 0.799) & (time < 0.9)] = False
    valid[(time > 0.989) & (time < 1.1)] = False  # 90 ms of gaze between: less than the margin
    events = detect_events(time, direction, valid, replace(TOBII_IVT, merge_gap_s=0.0))
    assert len(events) == 3
    assert len(events.blinks) == 2


def test_losses_farther_apart_than_the_margin_are_two_blinks_even_without_a_fixation() -> None:
    time, direction, valid = _steady(3.0)
    valid[((time > 0.999) & (time < 1.1)) | ((time > 1.349) & (time < 1.45))] = False  # 250 ms of gaze between
    strict = replace(TOBII_IVT, min_duration_s=0.5)  # so that they are no fixation
    assert len(detect_events(time, direction, valid, strict).blinks) == 2
    assert len(detect_events(time, direction, valid, replace(strict, blink_margin_s=0.3)).blinks) == 1


def test_a_movement_that_touches_a_blink_belongs_to_it_whole() -> None:
    time, direction = eye_along([0, 0.8, 1.0, 1.2, 1.4, 2.2], [0, 0, -14, -14, 0, 0], 500)
    events = detect_events(time, direction, ~((time > 1.0) & (time < 1.2)))
    assert (len(events.blinks), len(events.saccades)) == (1, 0)
    assert time[events.blinks.first[0]] == pytest.approx(0.8, abs=0.012)  # twice the margin before the loss
    assert time[events.blinks.last[0]] == pytest.approx(1.4, abs=0.012)


def test_the_lid_has_a_tenth_of_a_second_by_default() -> None:
    # A jump, then a rest too short for a fixation, then the loss: 70 ms from the jump to the loss.
    time, direction = eye_along([0, 0.90, 0.93, 1.2, 2.0], [0, 0, 5, 5, 5], 500)
    events = detect_events(time, direction, ~((time > 0.999) & (time < 1.2)))
    assert (len(events.blinks), len(events.saccades)) == (1, 0)
    assert time[events.blinks.first[0]] == pytest.approx(0.90, abs=0.012)


def test_a_pupil_that_is_lost_while_the_eye_rests_is_no_blink() -> None:
    time, direction, valid = _steady(2.0)
    pupil = np.where((time > 0.9) & (time < 1.1), 0.0, 3.5)
    events = detect_events(time, direction, valid, pupil=pupil)
    assert (len(events), len(events.blinks)) == (1, 0)
