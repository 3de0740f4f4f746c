"""Outlines of masks: exact corners, holes, touching pixels, and the way back to the mask."""

from __future__ import annotations

import time

import numpy as np
import pytest

from ctgaze_app.review.mask_outline import outline_loops


def _mask(*rows: str) -> np.ndarray:
    return np.array([[each == "#" for each in row] for row in rows])


def _area(loop: np.ndarray) -> float:
    i, j = loop.T
    return float(0.5 * np.sum(i * np.roll(j, -1) - np.roll(i, -1) * j))


def test_one_pixel_has_its_four_corners_half_a_pixel_away() -> None:
    (loop,) = outline_loops(_mask("...", ".#.", "..."))
    assert sorted(map(tuple, loop.tolist())) == [(0.5, 0.5), (0.5, 1.5), (1.5, 0.5), (1.5, 1.5)]
    assert _area(loop) == 1.0


def test_straight_edges_have_corners_only_at_their_ends() -> None:
    (loop,) = outline_loops(_mask("....", ".###", ".###"))
    assert len(loop) == 4 and _area(loop) == 6.0


def test_a_hole_is_a_loop_the_other_way_round() -> None:
    areas = sorted(_area(loop) for loop in outline_loops(_mask("####", "#..#", "####")))
    assert areas == [-2.0, 12.0]


def test_pixels_that_touch_at_a_corner_have_loops_of_their_own() -> None:
    for rows in (("#.", ".#"), (".#", "#.")):
        assert [_area(loop) for loop in outline_loops(_mask(*rows))] == [1.0, 1.0]


def test_nothing_has_no_outline() -> None:
    assert outline_loops(np.zeros((4, 5), dtype=bool)) == []


@pytest.mark.parametrize("seed", range(8))
def test_the_signed_areas_of_all_loops_add_up_to_the_pixels(seed: int) -> None:
    mask = np.random.default_rng(seed).random((17, 23)) < 0.5
    loops = outline_loops(mask)
    assert sum(_area(loop) for loop in loops) == mask.sum()
    for loop in loops:
        steps = np.diff(np.vstack([loop, loop[:1]]), axis=0)
        assert ((steps == 0).sum(axis=1) == 1).all()
        assert (steps[1:, 0] == 0).tolist() == (steps[:-1, 0] != 0).tolist()


def test_speckles_cost_as_much_as_they_have_edges() -> None:
    # 40,000 loops: looking for the next one from the start each time would take half a minute.
    mask = np.zeros((400, 400), dtype=bool)
    mask[::2, ::2] = True
    began_s = time.process_time()
    assert len(outline_loops(mask)) == 40_000
    assert time.process_time() - began_s < 5.0
