"""The replay clock follows its wall clock exactly, and the cursor speaks only of changes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctgaze_app.review.playback import PlaybackClock, ReviewCursor


class Wall:
    """A wall clock that a test turns by hand."""

    def __init__(self) -> None:
        self.time_s = 100.0

    def __call__(self) -> float:
        return self.time_s


def test_it_stands_until_played_and_stops_when_paused() -> None:
    wall = Wall()
    clock = PlaybackClock(10.0, 20.0, wall)
    wall.time_s += 5
    assert clock.time_lsl == 10.0
    clock.play()
    wall.time_s += 2
    assert clock.time_lsl == 12.0
    clock.pause()
    wall.time_s += 2
    assert clock.time_lsl == 12.0 and not clock.playing


def test_a_change_of_speed_does_not_jump() -> None:
    wall = Wall()
    clock = PlaybackClock(10.0, 20.0, wall)
    clock.play()
    wall.time_s += 2
    clock.set_speed(0.25)
    assert clock.time_lsl == 12.0
    wall.time_s += 4
    assert clock.time_lsl == 13.0


def test_it_stops_at_the_end_and_plays_again_from_the_start() -> None:
    wall = Wall()
    clock = PlaybackClock(10.0, 20.0, wall)
    clock.play()
    wall.time_s += 50
    assert clock.time_lsl == 20.0 and not clock.playing
    clock.play()
    assert clock.time_lsl == 10.0 and clock.playing


def test_playing_on_from_an_unread_end_starts_over() -> None:
    wall = Wall()
    clock = PlaybackClock(10.0, 20.0, wall)
    clock.play()
    wall.time_s += 50
    clock.play()
    assert clock.time_lsl == 10.0


def test_seeking_is_clipped_and_keeps_playing() -> None:
    wall = Wall()
    clock = PlaybackClock(10.0, 20.0, wall)
    clock.seek(5.0)
    assert clock.time_lsl == 10.0 and not clock.playing
    clock.play()
    clock.seek(15.0)
    wall.time_s += 1
    assert clock.time_lsl == 16.0 and clock.playing
    clock.seek(99.0)
    assert clock.time_lsl == 20.0


def test_nonsense_is_refused() -> None:
    with pytest.raises(ValueError, match="before it starts"):
        PlaybackClock(2.0, 1.0, Wall())
    with pytest.raises(ValueError, match="above 0"):
        PlaybackClock(1.0, 2.0, Wall()).set_speed(0.0)


@given(
    st.lists(st.tuples(st.sampled_from(["play", "pause", "seek", "speed", "wait"]), st.floats(0.01, 4.0)), max_size=30)
)
def test_time_stays_in_range_and_never_runs_back_but_by_seeking(steps: list[tuple[str, float]]) -> None:
    wall = Wall()
    clock = PlaybackClock(0.0, 10.0, wall)
    before = clock.time_lsl
    for name, value in steps:
        {
            "play": clock.play,
            "pause": clock.pause,
            "seek": lambda value=value: clock.seek(value),
            "speed": lambda value=value: clock.set_speed(value),
            "wait": lambda value=value: setattr(wall, "time_s", wall.time_s + value),
        }[name]()
        here = clock.time_lsl
        assert 0.0 <= here <= 10.0
        if name in ("pause", "speed"):
            assert here == before
        if name == "wait":
            assert here >= before
        before = here


def test_the_cursor_says_only_what_changed() -> None:
    cursor = ReviewCursor()
    said: list[object] = []
    cursor.time_changed.connect(said.append)
    cursor.fixation_selected.connect(said.append)
    cursor.move_to(1.0)
    cursor.move_to(1.0)
    cursor.select(3)
    cursor.select(3)
    cursor.select(None)
    assert said == [1.0, 3, None]
