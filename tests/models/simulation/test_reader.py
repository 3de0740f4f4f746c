"""A simulated reader's eye obeys instructions after its reaction time, and its truth is consistent."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from calibration.geometry import ScreenGeometry
from models.simulation.eye_motion import FixationalMotion, minimum_jerk, saccade_duration_s
from models.simulation.reader import ReaderSettings, SimulatedReader, TrueEvent

SCREEN = ScreenGeometry(1920, 1080, 528, 297, 650)
NO_BLINKS = ReaderSettings(blink_rate_hz=0.0)


def reader(seed: int = 1, settings: ReaderSettings = NO_BLINKS) -> SimulatedReader:
    return SimulatedReader(
        SCREEN.px_to_deg, SCREEN.deg_to_px, rest_px=(960, 540), start_s=100.0, seed=seed, settings=settings
    )


def test_saccades_follow_the_main_sequence_and_stop_smoothly() -> None:
    assert saccade_duration_s(10.0) == pytest.approx(0.043)
    phase = np.linspace(0, 1, 1001)
    way = minimum_jerk(phase)
    assert way[0] == 0 and way[-1] == 1 and way[500] == pytest.approx(0.5)
    assert np.all(np.diff(way) > 0)
    assert np.diff(way).max() == pytest.approx(1.875 / 1000, rel=1e-3)  # peak velocity of minimum jerk


def test_drift_starts_at_zero_and_stays_small() -> None:
    motion = FixationalMotion.drawn(np.random.default_rng(3))
    moved = motion.at(np.linspace(0, 20, 20001))
    assert np.array_equal(moved[0], [0.0, 0.0])
    assert 0.005 < np.abs(moved).max() < 0.08


def test_the_eye_lands_on_its_target_after_reaction_and_saccade() -> None:
    eye = reader()
    onset = eye.instruct((300, 200), 101.0, id="a")
    assert 101.18 <= onset <= 101.22
    amplitude = np.linalg.norm(SCREEN.px_to_deg((300, 200)) - SCREEN.px_to_deg((960, 540)))
    landing = onset + saccade_duration_s(amplitude)
    eye.advance(103.0)
    gaze = eye.sample([onset - 0.001, (onset + landing) / 2, landing + 0.003, 102.9])
    assert gaze.fixating.tolist() == [True, False, True, True]
    assert SCREEN.angle_between_deg(gaze.px[0], (960, 540)) < 0.08
    assert SCREEN.angle_between_deg(gaze.px[2], (300, 200)) < 0.01
    assert SCREEN.angle_between_deg(gaze.px[3], (300, 200)) < 0.1
    (event,) = eye.finish(103.0)
    assert event.id == "a" and event.end_s == 103.0
    assert event.start_s == pytest.approx(landing, abs=0.0005)
    assert SCREEN.angle_between_deg((event.x_px, event.y_px), (300, 200)) < 0.08


def test_the_sampled_past_is_never_rewritten() -> None:
    eye = reader()
    eye.advance(105.0)
    times = np.linspace(100, 105, 501)
    before = eye.sample(times).px
    onset = eye.instruct((100, 100), 102.0)
    assert onset >= 105.0
    eye.advance(107.0)
    assert np.array_equal(eye.sample(times).px, before)


def test_instructions_close_together_are_obeyed_in_their_order() -> None:
    eye = reader()
    eye.instruct((300, 300), 101.0, id="first")
    eye.instruct((1500, 300), 101.001, id="second")
    events = eye.advance(103.0) + eye.finish(103.0)
    assert [event.id for event in events] == ["", "first", "second"]
    assert events[1].end_s - events[1].start_s == pytest.approx(0.08, abs=0.021)


def test_who_is_told_where_to_look_does_not_rest_first() -> None:
    eye = reader()
    eye.instruct((300, 300), 101.0)
    events = eye.advance(102.0)
    eye.rest(102.0)
    eye.instruct((1500, 300), 102.0)
    events += eye.advance(104.0) + eye.finish(104.0)
    assert [round(event.x_px, -2) for event in events] == [1000, 300, 1500]


def test_looking_where_the_eye_is_starts_no_new_fixation() -> None:
    eye = reader()
    eye.instruct((300, 300), 101.0, id="a")
    eye.instruct((300.5, 300), 102.0, id="b")
    events = eye.advance(104.0) + eye.finish(104.0)
    assert [event.id for event in events] == ["", "a"]


def test_instructed_fixations_are_never_interrupted_by_blinks() -> None:
    eye = reader(settings=ReaderSettings(blink_rate_hz=2.0))
    eye.instruct((300, 300), 100.0)
    eye.advance(101.0)
    events = eye.advance(160.0)
    assert events == []
    eye.rest(160.0)
    blinks = [event for event in eye.advance(190.0) if event.kind == "blink"]
    assert 20 <= len(blinks) <= 80
    assert all(0.15 <= blink.end_s - blink.start_s <= 0.25 for blink in blinks)
    gaze = eye.sample([(blinks[3].start_s + blinks[3].end_s) / 2])
    assert gaze.blinking[0] and not gaze.fixating[0]


def test_free_viewing_stays_in_its_rectangle_with_plausible_fixations() -> None:
    eye = reader()
    eye.explore((400, 200, 800, 700), 100.0)
    events = [event for event in eye.advance(200.0) if event.kind == "fixation"][1:]
    assert 200 <= len(events) <= 450
    assert all(390 <= event.x_px <= 1210 and 190 <= event.y_px <= 910 for event in events)
    durations = np.array([event.end_s - event.start_s for event in events])
    assert np.median(durations) == pytest.approx(0.25, rel=0.15)
    assert durations.min() >= 0.08


def test_events_and_samples_agree_and_fixations_do_not_overlap() -> None:
    eye = reader(seed=4, settings=ReaderSettings(blink_rate_hz=0.5))
    eye.explore((0, 0, 1920, 1080), 100.0)
    events = eye.advance(120.0) + eye.finish(120.0)
    assert all(first.end_s <= second.start_s for first, second in itertools.pairwise(events))
    times = np.linspace(100, 120, 20001)
    gaze = eye.sample(times)
    for kind, mask in (("fixation", gaze.fixating), ("blink", gaze.blinking)):
        inside = np.zeros(len(times), dtype=bool)
        for event in events:
            if event.kind == kind:
                inside |= (times >= event.start_s) & (times < event.end_s)
        assert np.count_nonzero(inside[:-1] != mask[:-1]) == 0


def test_the_same_seed_gives_the_same_eye_however_it_is_advanced() -> None:
    def run(step: float, seed: int) -> tuple[list[TrueEvent], np.ndarray]:
        eye = reader(seed, ReaderSettings(blink_rate_hz=0.3))
        eye.explore((0, 0, 1920, 1080), 100.0)
        events = [event for until in np.arange(100.0, 110.01, step) for event in eye.advance(until)]
        return events, eye.sample(np.linspace(100, 109, 900)).px

    coarse, fine, other = run(10.0, 7), run(0.01, 7), run(10.0, 8)
    assert [e for e in coarse[0] if e.end_s < 109] == [e for e in fine[0] if e.end_s < 109]
    assert np.array_equal(coarse[1], fine[1])
    assert not np.array_equal(coarse[1], other[1])


def test_forgetting_keeps_memory_constant_and_refuses_the_forgotten() -> None:
    eye = reader()
    eye.explore((0, 0, 1920, 1080), 100.0)
    eye.advance(130.0)
    expected = eye.sample([129.5]).px
    eye.forget(129.0)
    assert np.array_equal(eye.sample([129.5]).px, expected)
    with pytest.raises(ValueError, match="forgotten"):
        eye.sample([105.0])
    with pytest.raises(ValueError, match="advanced"):
        eye.sample([131.0])


@pytest.mark.parametrize("bad", [{"reaction_s": (0.3, 0.2)}, {"blink_rate_hz": -1.0}, {"fixation_median_s": 0.0}])
def test_impossible_habits_are_refused(bad: dict) -> None:
    with pytest.raises(ValueError, match="must be"):
        ReaderSettings(**bad)
