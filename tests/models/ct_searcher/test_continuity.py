"""Slice steps, courses and distances from the readers'."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ctgaze_app.review.courses import turning_points
from models.ct_searcher.continuity import compare, continuity, count_courses, slices_of
from models.scanpath import Scanpath


def path_of(slices: list[float], *, head_first: bool = True, affine: bool = True, count: int = 40) -> Scanpath:
    voxel = np.column_stack([np.zeros((len(slices), 2)), slices])
    return Scanpath.from_voxels(
        voxel, np.full(len(slices), 0.2), shape_kji=(count, 4, 4),
        affine_lps=np.diag([1.0, 1.0, -2.5 if head_first else 2.5, 1.0]) if affine else None,
    )  # fmt: skip


def test_steps_are_counted_in_slices_and_millimetres_towards_the_feet() -> None:
    found = continuity("x", [path_of([0, 1, 3.4, 3, 10])])
    assert found.step_slices.tolist() == [1, 2, 0, 7]
    assert found.step_mm.tolist() == [2.5, 5.0, 0.0, 17.5]
    assert found.histogram() == (0.25, 0.25, 0.25, 0, 0.25, 0, 0, 0)
    assert found.quantiles_slices()[2] == 1.5
    assert found.slices_per_fixation == (0.8,)
    assert continuity("x", [path_of([0, 5], head_first=False)]).step_slices.tolist() == [-5]
    assert continuity("x", [path_of([0, 5], affine=False)]).quantiles_mm() == ()


def test_slices_are_counted_from_the_head_and_stay_in_the_volume() -> None:
    assert slices_of(path_of([0, 39, -3, 45, 0.49, 0.51])).tolist() == [0, 39, 0, 39, 0, 1]
    assert slices_of(path_of([0, 39], head_first=False)).tolist() == [39, 0]


def test_courses_are_passages_that_small_moves_to_and_fro_do_not_end() -> None:
    down, up = list(range(30)), list(range(29, 5, -1))
    assert continuity("x", [path_of([*down, *up, *down])]).courses == (3,)  # reversal: 10 % of 40 slices
    assert count_courses(np.array([0, 5, 10, 7, 12, 20]), 4) == 1
    assert count_courses(np.array([0, 5, 10, 6, 12, 20]), 4) == 3
    assert count_courses(np.array([7, 8, 7, 8]), 4) == 0
    assert count_courses(np.array([], dtype=np.int64), 4) == 0


@settings(max_examples=150, deadline=None)
@given(st.lists(st.integers(0, 30), max_size=40), st.integers(1, 9))
def test_courses_are_those_of_the_review_of_recorded_scrolling(slices: list[int], reversal: int) -> None:
    places = np.array(slices, dtype=np.int64)
    assert count_courses(places, reversal) == max(len(turning_points(places, reversal)) - 1, 0)


def test_distances_from_the_readers_are_exact() -> None:
    readers = continuity("readers", [path_of([0, 1, 2, 3])])
    same, jumps = continuity("same", [path_of([5, 6, 7, 8])]), continuity("jumps", [path_of([0, 11, 22, 33])])
    table = compare(readers, [same, jumps])
    assert [row.name for row in table.rows] == ["readers", "same", "jumps"]
    assert [(each.wasserstein_slices, each.wasserstein_mm, each.ks) for each in table.distances] == [
        (0, 0, 0), (10, 25, 1),
    ]  # fmt: skip
    assert json.loads(json.dumps(table.to_dict(), allow_nan=False))["rows"][2]["courses_mean"] == 1
    unknown = compare(readers, [continuity("u", [path_of([0, 2], affine=False)])])
    assert unknown.distances[0].wasserstein_mm is None


def test_paths_of_one_fixation_have_no_steps() -> None:
    assert continuity("x", [path_of([3]), path_of([3, 4])]).n_paths == 1
    with pytest.raises(ValueError, match="no path of x has two fixations"):
        continuity("x", [path_of([3])])
