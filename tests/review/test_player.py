"""A player moves clock, cursor and selection together."""

from __future__ import annotations

import pytest

from ctgaze_app.review.player import TrialPlayer
from tests.review import scene
from tests.review.test_playback import Wall


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.fixture
def player(wall: Wall) -> TrialPlayer:
    made = TrialPlayer(wall)
    fixations = (scene.fixation(1, 1.0, 0.25, 10), scene.fixation(2, 2.0, 0.25, 12))
    made.show(scene.trial([scene.view(1, 10)], [0.5], fixations=fixations, end_lsl=5.0))
    return made


def test_ticks_carry_the_cursor_and_the_end_is_said_once(player: TrialPlayer, wall: Wall) -> None:
    said: list[bool] = []
    player.playing_changed.connect(said.append)
    player.toggle()
    wall.time_s += 1.0
    player.tick()
    assert player.time_lsl == 1.5
    wall.time_s += 99.0
    player.tick()
    player.tick()
    assert player.time_lsl == 5.0 and said == [True, False]


def test_selecting_goes_to_the_onset_and_stepping_pauses(player: TrialPlayer) -> None:
    player.toggle()
    player.step(1)
    assert (player.cursor.fixation, player.time_lsl, player.playing) == (1, 1.0, False)
    player.step(1)
    player.step(1)
    assert (player.cursor.fixation, player.time_lsl) == (2, 2.0)
    player.step(-1)
    assert (player.cursor.fixation, player.time_lsl) == (1, 1.0)
    player.select(None)
    assert player.cursor.fixation is None and player.time_lsl == 1.0


def test_speed_goes_through_the_list_and_stops_at_its_ends(player: TrialPlayer) -> None:
    said: list[float] = []
    player.speed_changed.connect(said.append)
    for _ in range(4):
        player.change_speed(1)
    assert said == [2.0, 4.0]
    for _ in range(9):
        player.change_speed(-1)
    assert player.speed == 0.25


def test_another_trial_keeps_the_speed_and_drops_the_selection(player: TrialPlayer) -> None:
    player.set_speed(2.0)
    player.select(2)
    player.show(scene.trial([scene.view(1, 3)], [30.0], end_lsl=40.0))
    assert (player.speed, player.cursor.fixation, player.time_lsl, player.playing) == (2.0, None, 30.0, False)


def test_a_trial_without_length_does_not_play(wall: Wall) -> None:
    player = TrialPlayer(wall)
    player.toggle()
    player.show(scene.trial([], []))
    player.toggle()
    player.step(1)
    assert not player.playing
