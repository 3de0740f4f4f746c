"""A simulated reader at work: fixations as asked, what comes to notice, and how finds are inspected."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.simulation.chest_view import ChestView
from models.simulation.reading_record import CONTEXT_EVERY, SACCADE_S, Reading, Traits
from tests.models.simulation.chest_phantom import Ball, chest

STEADY = replace(Traits.draw(np.random.default_rng(0)), wander_deg=0.0, degrees_across=25.0, useful_field_deg=2.5)
MM_PER_DEGREE = 80 * 5.0 / 25
BIG: Ball = ((20.0, 30.0, 50.0), 27.0, 0.0)


def reading_of(*balls: Ball, seed: int = 0, traits: Traits = STEADY) -> Reading:
    return Reading(ChestView.of(chest(balls)), traits, np.random.default_rng(seed))


def test_fixations_lie_where_asked_on_whole_slices_inside_the_volume_one_after_the_other() -> None:
    reading = reading_of()
    for ij, slice_k in (((12.5, 20.0), 3.4), ((-4.0, 99.0), 500), ((79.6, 0.0), -2)):
        reading.fixate(np.array(ij), slice_k, 0.3)
    np.testing.assert_array_equal(reading.voxel_ijk, [(12.5, 20, 3), (0, 59, 99), (79, 0, 0)])
    ends = reading.onset_s + reading.duration_s
    np.testing.assert_allclose(reading.onset_s[1:] - ends[:-1], SACCADE_S)
    assert reading.mm_per_degree == MM_PER_DEGREE


def test_the_eye_wanders_by_degrees_of_visual_angle() -> None:
    reading = reading_of(traits=replace(STEADY, wander_deg=0.5))
    for _ in range(2000):
        reading.fixate(np.array((40.0, 30.0)), 50, 0.3)
    np.testing.assert_allclose(
        reading.voxel_ijk[:, :2].std(axis=0) * 5.0, 0.5 * MM_PER_DEGREE, rtol=0.06
    )  # pixels of 5 mm
    assert np.median(reading.duration_s) == pytest.approx(0.3, rel=0.03)
    assert np.log(reading.duration_s).std() == pytest.approx(STEADY.duration_log_sd, rel=0.06)


def _share_noticed(away_mm: float, from_slice: int, to_slice: int, ball: Ball = BIG) -> float:
    noticed = 0
    view = ChestView.of(chest([ball]))
    for seed in range(400):
        reading = Reading(view, STEADY, np.random.default_rng(seed))
        reading.fixate(np.add(ball[0][:2], (away_mm / 5, 0.0)), to_slice, 0.3)
        noticed += len(reading.notice(from_slice))
    return noticed / 400


def test_a_lesion_is_noticed_less_often_the_further_from_the_gaze_it_is() -> None:
    # 27 mm solid: conspicuity 3; the signal falls from the lesion's edge, 13.5 mm from its centre.
    for degrees in (0.0, 4.0, 5.5, 7.5):
        signal = 3 * np.exp(-0.5 * (degrees / 2.5) ** 2)
        expected = signal**3 / (signal**3 + 0.35**3)
        away = 13.5 + degrees * MM_PER_DEGREE if degrees else 0.0
        assert _share_noticed(away, 50, 50) == pytest.approx(expected, abs=0.07)


def test_a_lesion_is_noticed_only_where_the_stack_passed_its_slices() -> None:
    assert _share_noticed(0, 40, 60) > 0.95  # scrolled across it between two fixations
    assert _share_noticed(0, 54, 60) > 0.95  # its lowest slice
    assert _share_noticed(0, 55, 60) == 0
    assert _share_noticed(0, 45, 20) == 0


def test_ground_glass_is_noticed_less_than_a_solid_lesion_of_its_size() -> None:
    solid, faint = (((20.0, 30.0, 50.0), 12.0, hu) for hu in (0.0, -610.0))
    assert _share_noticed(0, 50, 50, solid) > 0.9
    assert 0.4 < _share_noticed(0, 50, 50, faint) < 0.75


def test_what_was_found_is_not_found_again() -> None:
    reading = reading_of(BIG)
    reading.fixate(np.array((20.0, 30.0)), 50, 0.3)
    assert len(reading.notice(50)) == 1
    reading.fixate(np.array((20.0, 30.0)), 50, 0.3)
    assert reading.notice(50) == []
    assert reading.found == list(reading.view.lesions)


def test_an_inspection_dwells_on_the_lesion_and_goes_over_its_slices_with_looks_around_it() -> None:
    reading = reading_of(BIG)
    lesion = reading.view.lesions[0]
    reading.inspect(lesion, 10)
    places = reading.voxel_ijk
    np.testing.assert_array_equal(places[:, 2] - 50, (0, 0, 2, 4, 2, 0, -2, -4, -2, 0))
    away_mm = np.linalg.norm((places[:, :2] - lesion.ij) * 5, axis=1)
    around = np.arange(10) % CONTEXT_EVERY == CONTEXT_EVERY - 1
    assert (away_mm[around] > lesion.radius_mm).all()
    assert (away_mm[~around] < lesion.radius_mm).all()


def test_returns_go_from_head_to_feet_and_come_with_the_readers_chance() -> None:
    low, high = ((20.0, 30.0, 70.0), 20.0, 0.0), ((60.0, 30.0, 30.0), 20.0, 0.0)
    always = reading_of(low, high, traits=replace(STEADY, return_chance=1.0))
    always.look_again(list(always.view.lesions))
    half = len(always.voxel_ijk) // 2
    assert np.abs(always.voxel_ijk[:half, 2] - 30).max() <= 4
    assert np.abs(always.voxel_ijk[half:, 2] - 70).max() <= 4
    never = reading_of(low, high, traits=replace(STEADY, return_chance=0.0))
    never.look_again(list(never.view.lesions))
    assert len(never.duration_s) == 0


def test_each_of_many_finds_is_inspected_more_shortly_than_a_single_one() -> None:
    reading = reading_of(BIG)
    reading.found = list(reading.view.lesions)
    reading.decide_on(reading.view.lesions[0])
    alone = len(reading.duration_s)
    assert alone == round(STEADY.decision_fixations)
    reading.found *= 5
    reading.decide_on(reading.view.lesions[0])
    assert len(reading.duration_s) - alone == round(STEADY.decision_fixations / 1.48)
