"""The rules of each family: which region comes when, in which direction, and how the eye and the stack move."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from models.simulation import search_rules
from models.simulation.chest_view import LEFT, RIGHT, ChestView
from models.simulation.reading_record import Reading, Traits
from tests.models.simulation.chest_phantom import Ball, chest

EXACT = replace(
    Traits.draw(np.random.default_rng(0)),
    wander_deg=0.0,
    glance_share=0.0,
    return_chance=1.0,
    drill_step_mm=12.0,
    overview_step_mm=21.0,
    scan_step_mm=24.0,
)
SMALL_LEFT: Ball = ((60.0, 30.0, 50.0), 12.0, 0.0)


def reading_of(*balls: Ball, seed: int = 0) -> Reading:
    return Reading(ChestView.of(chest(balls)), EXACT, np.random.default_rng(seed))


def courses(slices: NDArray[np.floating]) -> list[tuple[int, int]]:
    """First and last slice of each passage in one direction; the stack's creep of a slice to and fro is none."""
    found, start, furthest = [], int(slices[0]), int(slices[0])
    for now in slices.astype(int):
        down = furthest >= start
        if (now >= furthest) if down else (now <= furthest) or start == furthest:
            furthest = now
        elif abs(now - furthest) > 3:
            found.append((start, furthest))
            start, furthest = furthest, now
    return [*found, (start, furthest)]


def regions(reading: Reading) -> list[tuple[str, str]]:
    """Side and depth of each fixation, runs of the same once; the middles of the phantom's thirds are known."""
    named = []
    for i, j, _ in reading.voxel_ijk.round(6):
        side = {22.0: "right", 57.0: "left"}.get(i, "between")
        named.append((side, {19.5: "front", 29.5: "middle", 39.5: "back"}[j]))
    return [name for row, name in enumerate(named) if row == 0 or named[row - 1] != name]


def test_a_drill_keeps_the_eye_in_its_region_while_the_slices_pass_in_even_steps() -> None:
    reading = reading_of()
    search_rules.drill(reading, (RIGHT, 2), 10, 90)
    assert regions(reading) == [("right", "back")]
    steps = np.diff(reading.voxel_ijk[:, 2])
    assert len(steps) == 20  # 80 slices of 3 mm in steps of 12 mm
    assert (reading.voxel_ijk[0, 2], reading.voxel_ijk[-1, 2]) == (10, 90)
    assert (steps > 0).all()


def test_glances_leave_the_region_as_often_as_the_reader_does() -> None:
    reading = reading_of()
    reading.traits = replace(EXACT, glance_share=0.25, drill_step_mm=3.0)
    for _ in range(10):
        search_rules.drill(reading, (RIGHT, 2), 10, 90)
    in_region = (reading.voxel_ijk[:, :2].round(6) == (22.0, 39.5)).all(axis=1)
    assert 1 - in_region.mean() == pytest.approx(0.25, abs=0.05)


def test_a_drill_stops_for_a_lesion_and_goes_on_from_where_it_was() -> None:
    reading = reading_of(SMALL_LEFT)
    search_rules.drill(reading, (LEFT, 1), 10, 90)
    assert len(reading.found) == 1
    slices = reading.voxel_ijk[:, 2]
    inspected = np.flatnonzero(np.abs(reading.voxel_ijk[:, 0] - 57.0) > 1e-6)
    assert np.abs(slices[inspected[0] : inspected[-1] + 1] - 50).max() <= 2
    assert slices[inspected[0] - 1] >= 44
    assert 50 < slices[inspected[-1] + 1] < 60
    assert (slices[0], slices[-1]) == (10, 90)


def test_driller_lung_goes_through_one_lung_and_then_the_other_and_the_mediastinum() -> None:
    reading = reading_of()
    search_rules.driller_lung(reading)
    assert regions(reading) == [
        ("between", "middle"), ("right", "back"), ("right", "front"), ("left", "back"), ("left", "front"),
        ("between", "middle"),
    ]  # fmt: skip
    assert courses(reading.voxel_ijk[:, 2]) == [
        (0, 99), (99, 10), (10, 90), (90, 10), (10, 90), (90, 10), (10, 90),
    ]  # fmt: skip


def test_driller_quadrant_goes_once_around_the_quarters() -> None:
    reading = reading_of()
    search_rules.driller_quadrant(reading)
    assert regions(reading) == [
        ("between", "middle"), ("right", "front"), ("right", "back"), ("left", "back"), ("left", "front"),
        ("between", "middle"),
    ]  # fmt: skip


def test_a_conspicuous_lesion_draws_the_drillers_to_its_lung_first() -> None:
    reading = reading_of(((50.0, 30.0, 50.0), 30.0, 0.0))
    search_rules.overview(reading)
    assert len(reading.found) == 1
    assert search_rules.sides_by_interest(reading) == (LEFT, RIGHT)
    assert search_rules.sides_by_interest(reading_of()) == (RIGHT, LEFT)


def test_an_overview_inspects_what_stood_out_after_the_course_the_most_conspicuous_first() -> None:
    reading = reading_of(((34.0, 30.0, 20.0), 18.0, 0.0), ((50.0, 30.0, 70.0), 30.0, 0.0))
    search_rules.overview(reading)
    assert len(reading.found) == 2
    slices = reading.voxel_ijk[:, 2]
    end = int(np.flatnonzero(slices == 99)[0])
    assert (np.diff(slices[: end + 1]) > 0).all()
    after = slices[end + 1 :]
    first = int(np.flatnonzero(np.abs(after - 20) <= 3)[0])
    assert np.abs(after[:first] - 70).max() <= 5
    assert np.abs(after[first:] - 20).max() <= 3


def test_a_scanner_rounds_each_slice_on_one_course_down() -> None:
    reading = reading_of()
    search_rules.scanner(reading)
    assert regions(reading)[:8] == [
        ("right", "front"), ("right", "middle"), ("right", "back"), ("between", "middle"),
        ("left", "back"), ("left", "middle"), ("left", "front"), ("right", "front"),
    ]  # fmt: skip
    rounds = reading.voxel_ijk[:, 2].reshape(-1, 7)
    assert (np.ptp(rounds, axis=1) <= 2).all()
    assert (np.diff(rounds.mean(axis=1)) > 4).all()
    assert len(rounds) == 11  # 80 slices of 3 mm in steps of 24 mm


def test_the_zigzag_goes_up_row_by_row() -> None:
    reading = reading_of()
    search_rules.scanner_zigzag(reading)
    assert regions(reading)[:7] == [
        ("right", "front"), ("left", "front"), ("left", "middle"), ("between", "middle"),
        ("right", "middle"), ("right", "back"), ("left", "back"),
    ]  # fmt: skip
    rounds = reading.voxel_ijk[: 11 * 7, 2].reshape(-1, 7).mean(axis=1)
    assert (np.diff(rounds) < -4).all()


def test_bottom_up_drills_each_lower_half_before_the_whole_lung_left_first() -> None:
    reading = reading_of()
    search_rules.driller_bottom_up(reading)
    lungs_only = [name for name in regions(reading) if name[0] != "between"]
    assert [name[0] for name in lungs_only] == ["left"] * 3 + ["right"] * 3
    assert courses(reading.voxel_ijk[:, 2])[:5] == [(10, 90), (90, 50), (50, 90), (90, 10), (10, 90)]


def test_drill_then_scan_drills_each_lung_once_and_scans_at_every_second_stop() -> None:
    reading = reading_of()
    search_rules.drill_then_scan(reading)
    assert regions(reading)[1:3] == [("right", "middle"), ("left", "middle")]
    scanned = [name for name in regions(reading)[3:] if name == ("right", "back")]
    assert len(scanned) == 6


def test_finds_are_looked_at_again_at_the_end() -> None:
    for search in (search_rules.driller_lung, search_rules.scanner, search_rules.driller_bottom_up):
        reading = reading_of(SMALL_LEFT)
        search(reading)
        assert len(reading.found) == 1
        away = np.linalg.norm(reading.voxel_ijk[-3:, :2] - (60, 30), axis=1)
        assert (away < 8).all()
