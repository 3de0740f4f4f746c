from __future__ import annotations

import numpy as np
import pytest

from calibration.procedure import GazeChunk, Procedure, Timing, merge_samples

TARGETS = [(100.0, 200.0), (300.0, 400.0), (500.0, 600.0)]
RATE_HZ = 100


def _gaze(start_s: float, stop_s: float, x: float = 1.0, valid: bool = True) -> GazeChunk:
    first, last = round(start_s * RATE_HZ), round(stop_s * RATE_HZ)
    time_s = np.arange(first, last) / RATE_HZ
    px = np.full((len(time_s), 2), x)
    return time_s, {"left": (px, np.full(len(time_s), valid)), "right": (px + 10.0, np.full(len(time_s), valid))}


def _run(procedure: Procedure, start_s: float, stop_s: float, *, delay_s: float = 0.0, silent: bool = False) -> float:
    """Step 60 times a second; samples are stamped when taken and arrive `delay_s` later."""
    now_s, sent_s = start_s, start_s - delay_s
    while now_s < stop_s and not procedure.is_over:
        upto_s = round((now_s - delay_s) * RATE_HZ) / RATE_HZ
        procedure.step(now_s, None if silent else _gaze(sent_s, upto_s))
        sent_s = upto_s
        now_s += 1 / 60
    return now_s


def test_a_target_approaches_shrinks_collects_and_makes_way() -> None:
    procedure = Procedure(TARGETS)
    assert procedure.state == "waiting"
    first = procedure.step(10.0)
    assert (first.phase, first.index, first.progress, first.x_screen_px, first.y_screen_px) == (
        "approaching",
        0,
        0.0,
        100.0,
        200.0,
    )
    assert procedure.step(10.1).progress == pytest.approx(0.5)
    half = procedure.step(10.5)
    assert (half.phase, half.progress) == ("shrinking", pytest.approx(0.5))
    assert procedure.step(10.8 + 1e-9).phase == "collecting"
    procedure.step(11.8, _gaze(10.0, 11.7))
    assert procedure.step(11.81).index == 0, "the window's last samples have not arrived yet"
    moved = procedure.step(11.9, _gaze(11.7, 11.85))
    assert (moved.index, moved.phase, moved.n_done, moved.n_total) == (1, "approaching", 1, 3)
    phases = [(event.phase, event.index, event.has_data) for event in procedure.take_events()]
    assert phases == [("shown", 0, False), ("collected", 0, True), ("hidden", 0, False), ("shown", 1, False)]
    assert procedure.take_events() == []


def test_only_samples_of_the_window_count_by_their_own_stamps() -> None:
    procedure = Procedure(TARGETS[:1])
    procedure.step(10.0)
    procedure.step(12.0, _gaze(9.0, 12.0))
    (target,) = procedure.samples()
    assert target.time_s[0] == pytest.approx(10.8)
    assert target.time_s[-1] == pytest.approx(11.79)
    assert len(target.time_s) == RATE_HZ
    assert target.eyes["right"].px[0].tolist() == [11.0, 11.0]
    assert procedure.state == "done"


def test_tracker_latency_moves_the_window_of_stamps() -> None:
    procedure = Procedure(TARGETS[:1], Timing(tracker_latency_s=0.055))
    procedure.step(10.0)
    procedure.step(11.9, _gaze(9.0, 11.9))
    assert procedure.samples()[0].time_s[[0, -1]].tolist() == pytest.approx([10.86, 11.85])


def test_samples_that_arrive_late_are_waited_for() -> None:
    procedure = Procedure(TARGETS)
    end_s = _run(procedure, 0.0, 60.0, delay_s=0.5)
    assert procedure.state == "done"
    assert [len(target.time_s) for target in procedure.samples()] == [RATE_HZ] * 3
    assert end_s == pytest.approx(3 * (1.8 + 0.5), abs=0.2)


def test_without_any_stream_every_target_is_skipped_and_marked() -> None:
    procedure = Procedure(TARGETS)
    end_s = _run(procedure, 0.0, 60.0, silent=True)
    assert procedure.state == "done"
    assert end_s == pytest.approx(3 * procedure.timing.time_out_s, abs=0.2)
    assert [target.has_data for target in procedure.samples()] == [False] * 3
    assert [event.has_data for event in procedure.take_events() if event.phase == "collected"] == [False] * 3


def test_invalid_and_missing_numbers_never_count_as_valid() -> None:
    procedure = Procedure(TARGETS[:1])
    procedure.step(0.0)
    time_s, eyes = _gaze(0.0, 2.0)
    eyes["left"][0][100:120] = np.nan
    eyes["right"][1][:] = False
    procedure.step(2.0, (time_s, eyes))
    (target,) = procedure.samples()
    assert int(target.eyes["left"].valid.sum()) == 80
    assert int(target.eyes["right"].valid.sum()) == 0
    assert np.isnan(target.eyes["right"].px).all()
    assert target.has_data


def test_an_eye_that_appears_late_was_invalid_before() -> None:
    procedure = Procedure(TARGETS[:1])
    time_s, eyes = _gaze(0.0, 1.0)
    procedure.step(0.0)
    procedure.step(1.0, (time_s, {"left": eyes["left"]}))
    procedure.step(2.0, _gaze(1.0, 2.0))
    (target,) = procedure.samples()
    assert int(target.eyes["left"].valid.sum()) == RATE_HZ
    assert target.eyes["right"].valid.tolist() == [False] * 20 + [True] * 80


def test_repeating_the_current_target_starts_it_over() -> None:
    procedure = Procedure(TARGETS[:1])
    procedure.step(0.0, _gaze(0.0, 0.5))
    procedure.step(1.5, _gaze(0.5, 1.5))
    procedure.repeat_current(1.5)
    assert procedure.step(1.6).phase == "approaching"
    procedure.step(3.5, _gaze(1.5, 3.5))
    (target,) = procedure.samples()
    assert (target.attempt, target.window_start_s) == (2, pytest.approx(2.3))
    assert target.time_s[0] == pytest.approx(2.3)
    assert [event.phase for event in procedure.take_events()] == ["shown", "hidden", "shown", "collected", "hidden"]


def test_an_abort_hides_the_target_keeps_what_was_collected_and_is_final() -> None:
    procedure = Procedure(TARGETS)
    _run(procedure, 0.0, 2.5)
    procedure.abort(2.5)
    procedure.abort(2.6)
    assert (procedure.state, procedure.step(9.0).phase) == ("aborted", "aborted")
    assert [target.index for target in procedure.samples()] == [0]
    assert [event.phase for event in procedure.take_events()][-1] == "hidden"
    procedure.repeat_current(10.0)
    assert procedure.take_events() == []


def test_single_targets_are_repeated_and_merged_under_their_own_index() -> None:
    whole, again = Procedure(TARGETS), Procedure(TARGETS, order=[2])
    _run(whole, 0.0, 30.0)
    _run(again, 100.0, 130.0)
    merged = merge_samples(whole.samples(), again.samples())
    assert [(target.index, target.window_start_s > 100.0) for target in merged] == [(0, False), (1, False), (2, True)]
    assert merged[2].target_px == (500.0, 600.0)


@pytest.mark.parametrize("order", [[], [3], [-1]])
def test_an_order_outside_the_targets_is_refused(order: list[int]) -> None:
    with pytest.raises(ValueError, match="order"):
        Procedure(TARGETS, order=order)


def test_impossible_times_are_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        Timing(collect_s=0.0)
