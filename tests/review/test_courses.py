from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctgaze_app.review.courses import CourseRules, Scrolling, organ_slice_range, scrolling, turning_points
from ctgaze_app.review.slice_dwell import shown_slices
from tests.review.gaze_scene import scrolled


def read(slices: list[int], n_slices: int = 100, step_s: float = 0.1, **options: object) -> Scrolling:
    """Scrolling of a stack shown one slice a step."""
    shown = shown_slices(scrolled(slices, step_s), 100.0 + len(slices) * step_s, display_latency_s=0.0)
    return scrolling(shown, n_slices, **options)  # type: ignore[arg-type]


def walk(*stops: int) -> list[int]:
    """Every slice from stop to stop."""
    path = [stops[0]]
    for stop in stops[1:]:
        step = 1 if stop > path[-1] else -1
        path += list(range(path[-1] + step, stop + step, step))
    return path


def test_down_and_up_again_are_two_full_runs() -> None:
    found = read(walk(0, 99, 0))
    assert [(course.first_slice, course.last_slice, course.direction) for course in found.courses] == [
        (0, 99, 1), (99, 0, -1),
    ]  # fmt: skip
    assert (found.n_courses, found.n_full_runs, found.n_half_runs, found.n_oscillations) == (2, 2, 0, 0)
    assert found.n_direction_changes == 1
    assert found.slices_travelled == 198
    assert found.share_seen_fraction == 1.0
    assert found.courses[0].span_fraction == 1.0
    assert found.courses[0].onset_s == 0.0
    assert found.courses[1].offset_s == pytest.approx(19.8)


def test_a_small_step_back_belongs_to_its_course_and_is_an_oscillation() -> None:
    found = read(walk(0, 40, 35, 99))
    assert found.n_courses == 1
    assert found.n_full_runs == 1
    assert found.n_direction_changes == 2
    # Moves: 0-40 and 35-99 span more than a quarter, 40-35 does not.
    assert found.n_oscillations == 1


def test_a_turn_of_a_tenth_of_the_stack_ends_a_course() -> None:
    assert read(walk(0, 40, 31, 99)).n_courses == 1
    assert read(walk(0, 40, 30, 99)).n_courses == 3


def test_in_a_short_stack_turning_back_by_one_slice_ends_no_course() -> None:
    # A tenth of ten slices would be one: the two slices that the rules ask for besides decide.
    found = read([*walk(0, 9, 4), 5, *walk(4, 0)], n_slices=10)
    assert [(course.first_slice, course.last_slice) for course in found.courses] == [(0, 9), (9, 0)]
    assert (found.n_direction_changes, found.slices_travelled) == (3, 20)


def test_a_move_over_a_quarter_of_the_stack_is_no_oscillation() -> None:
    # Five of twenty slices, both ends counted, are a half run; four are not.
    assert read(walk(0, 10, 6, 19), n_slices=20).n_oscillations == 0
    assert read(walk(0, 10, 7, 19), n_slices=20).n_oscillations == 1


def test_a_slice_is_left_in_motion_within_a_quarter_second() -> None:
    assert read(walk(0, 9), step_s=0.24).slices_per_s_moving == pytest.approx(1 / 0.24)
    assert np.isnan(read(walk(0, 9), step_s=0.26).slices_per_s_moving)


def test_half_runs_and_short_courses_are_told_by_their_span() -> None:
    found = read(walk(20, 60, 45, 99))
    assert [course.kind for course in found.courses] == ["half_run", "short", "half_run"]
    wider = CourseRules(half_run_fraction=0.15, full_run_fraction=0.5)
    assert [course.kind for course in read(walk(20, 60, 45, 99), rules=wider).courses] == [
        "half_run", "half_run", "full_run",
    ]  # fmt: skip


def test_staying_on_one_slice_is_no_course_and_may_be_an_interruption() -> None:
    found = read([50] * 30)
    assert found.n_courses == 0
    assert found.n_interruptions == 1
    assert found.interruption_s == pytest.approx(3.0)
    assert found.slices_per_s == 0.0
    assert np.isnan(found.slices_per_s_moving)
    assert found.share_seen_fraction == 0.01


def test_speed_in_motion_leaves_out_the_stays() -> None:
    found = read([10] * 25 + walk(11, 30) + [30] * 25)
    assert found.n_interruptions == 2
    assert found.slices_per_s_moving == pytest.approx(10.0)
    assert found.slices_per_s == pytest.approx(20 / 7.0, rel=1e-6)


def test_jumps_count_as_the_slices_that_they_skip() -> None:
    found = read([0, 50, 99])
    assert found.n_full_runs == 1
    assert found.slices_travelled == 99
    assert found.share_seen_fraction == 0.03


def test_an_organ_s_part_counts_only_what_happens_within_it() -> None:
    found = read(walk(0, 99, 0, 30), organ_slices=(40, 59))
    assert [(course.first_slice, course.last_slice) for course in found.courses] == [(40, 59), (59, 40)]
    assert found.n_full_runs == 2
    assert found.slices_travelled == 38
    assert found.time_in_range_s == pytest.approx(4.0)
    assert found.share_seen_fraction == 1.0
    assert found.n_interruptions == 0


def test_time_beside_the_organ_is_no_interruption() -> None:
    found = read(walk(0, 50) + [90] * 50 + walk(90, 50), organ_slices=(40, 59))
    assert found.n_interruptions == 0


def test_nothing_shown_gives_no_courses() -> None:
    found = read([])
    assert found.n_courses == 0
    assert found.time_in_range_s == 0.0
    assert np.isnan(found.slices_per_s)


def test_an_organ_beyond_the_stack_is_refused() -> None:
    with pytest.raises(ValueError, match="not among"):
        read([1, 2], organ_slices=(0, 100))


def test_the_range_of_a_mask() -> None:
    mask = np.zeros((9, 4, 4), dtype=bool)
    mask[3, 1, 1] = mask[6, 2, 2] = True
    assert organ_slice_range(mask) == (3, 6)
    with pytest.raises(ValueError, match="no voxel"):
        organ_slice_range(np.zeros((9, 4, 4), dtype=bool))


@given(st.lists(st.integers(0, 30), max_size=60), st.integers(1, 8))
def test_turns_alternate_and_are_at_least_the_reversal_apart(slices: list[int], reversal: int) -> None:
    place = np.array(slices, dtype=np.int64)
    turns = turning_points(place, reversal)
    steps = np.diff(place[turns])
    assert (np.abs(steps) >= reversal).all()
    assert (steps[1:] * steps[:-1] < 0).all()
    assert (np.diff(turns) > 0).all()
    if len(place) and np.ptp(place) >= reversal:
        # Whole excursions are found: the largest and the smallest slice are turns.
        assert place[turns].max() == place.max()
        assert place[turns].min() == place.min()
