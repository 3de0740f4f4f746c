"""MultiMatch: analytic cases, invariants, units."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.metrics.multimatch import aligned_saccades, multimatch
from models.metrics.saccades import Simplification
from models.scanpath import Scanpath
from tests.models.metrics.scanpaths import AFFINE, path_of, scanpaths

CUBE = (100, 100, 100)
DIAGONAL = 100 * 3**0.5


def in_cube(*voxels: tuple[float, float, float], duration_s: Any = 0.25, **fields: Any) -> Scanpath:
    return path_of(voxels, duration_s, shape_kji=CUBE, **fields)


def walk(*steps: tuple[float, float, float], start: tuple[float, float, float] = (50, 50, 50)) -> Scanpath:
    return in_cube(*map(tuple, np.cumsum([start, *steps], axis=0)))


def plain_way(a: np.ndarray, b: np.ndarray) -> float:
    """Cost of the cheapest way by trying all of them."""

    def from_here(i: int, j: int) -> float:
        cost = float(np.linalg.norm(a[i] - b[j]))
        onward = [
            from_here(i + di, j + dj) for di, dj in ((0, 1), (1, 0), (1, 1)) if i + di < len(a) and j + dj < len(b)
        ]
        return cost + min(onward, default=0.0)

    return from_here(0, 0)


@pytest.mark.parametrize("step", [(1, 0, 0), (0, 0, 5), (1, 0, -3), (0.01, 0, 1), (3, -4, 12)])
def test_opposite_directions_score_0(step: tuple[float, float, float]) -> None:
    there, back = np.array(step), -np.array(step)
    result = multimatch(walk(there, there), walk(back, back))
    assert result.direction == 0
    assert result.length == pytest.approx(1)


@pytest.mark.parametrize(
    ("first", "second", "score"),
    [
        ((1, 0, 0), (0, 1, 0), 0.5),
        ((1, 0, 0), (0, 0, 1), 0.5),
        ((1, 0, 1), (-1, 0, 1), 0.5),
        ((1, 0, 0), (1, 1, 0), 0.75),
        ((0.01, 0, 1), (-0.01, 0, 1), 1 - 2 * np.arctan(0.01) / np.pi),
    ],
)
def test_the_angle_is_the_true_one_in_three_dimensions(first: Any, second: Any, score: float) -> None:
    assert multimatch(walk(first, first), walk(second, second)).direction == pytest.approx(score, abs=1e-12)


@pytest.mark.parametrize(
    ("first", "second", "score"),
    # the published direction for vectors whose true angle is 180, 180, 180 and 1 degrees
    [
        ((1, 0, 1), (-1, 0, -1), 0.5),
        ((1, 0, -3), (-1, 0, 3), 0.7952),
        ((0.001, 0, 1), (-0.001, 0, -1), 0.99936),
        ((0.01, 0, 1), (-0.01, 0, 1), 0.0),
    ],
)
def test_the_published_direction_is_reproduced_with_its_defect(first: Any, second: Any, score: float) -> None:
    result = multimatch(walk(first, first), walk(second, second), faithful=True)
    assert result.direction == pytest.approx(score, abs=1e-4)


def test_each_measure_is_its_median_difference_over_the_diagonal() -> None:
    a = in_cube((10, 10, 10), (20, 10, 10), (20, 40, 10), duration_s=[0.2, 0.3, 9])
    b = in_cube((10, 10, 20), (24, 10, 20), (24, 36, 20), duration_s=[0.1, 0.3, 1])
    result = multimatch(a, b)
    assert result.diagonal == pytest.approx(DIAGONAL)
    assert result.values == pytest.approx(
        (
            1 - 4 / (2 * DIAGONAL),  # 10 against 14 along x, 30 against 26 along y
            1,
            1 - 4 / DIAGONAL,
            1 - (10 + (16 + 100) ** 0.5) / 2 / DIAGONAL,
            1 - (0.5 + 0) / 2,  # the fixation after the last saccade does not count
        )
    )
    assert result.mean == pytest.approx(sum(result.values) / 5)


def test_millimetres_and_degrees_weigh_the_axes_as_the_patient_does() -> None:
    def path(*voxels: tuple[float, float, float]) -> Scanpath:
        affine = np.diag([0.5, 0.5, 4.0, 1.0])
        return path_of(voxels, shape_kji=(10, 80, 60), affine_lps=affine, mm_per_degree=8.0)

    a, b = path((0, 0, 0), (8, 0, 0), (8, 0, 1)), path((0, 0, 1), (8, 0, 1), (8, 0, 2))
    diagonal_mm = (30**2 + 40**2 + 40**2) ** 0.5
    in_mm, in_degrees = multimatch(a, b, unit="mm"), multimatch(a, b, unit="degrees")
    assert in_mm.diagonal == pytest.approx(diagonal_mm)
    assert in_mm.position == pytest.approx(1 - 4 / diagonal_mm)
    assert multimatch(a, b).position == pytest.approx(1 - 1 / (10**2 + 80**2 + 60**2) ** 0.5)
    assert in_degrees.values == pytest.approx(in_mm.values)
    assert (in_degrees.diagonal, in_degrees.mm_per_degree) == (pytest.approx(diagonal_mm / 8), 8)
    assert multimatch(a, b, unit="degrees", mm_per_degree=4).diagonal == pytest.approx(diagonal_mm / 4)


@settings(max_examples=100, deadline=None)
@given(a=scanpaths(), b=scanpaths(), unit=st.sampled_from(["voxels", "mm", "degrees"]))
def test_symmetric_bounded_and_one_for_the_same_path(a: Scanpath, b: Scanpath, unit: Any) -> None:
    values = multimatch(a, b, unit=unit).values
    assert values == multimatch(b, a, unit=unit).values
    assert all(-1e-12 <= value <= 1 for value in values)
    assert multimatch(a, a, unit=unit).values == (1, 1, 1, 1, 1)


def test_equally_cheap_alignments_fall_the_same_way_in_either_order() -> None:
    a = in_cube((0, 1, 0), (0, 0, 0), (2, 0, 0), (1, 0, 0))
    b = in_cube((0, 0, 0), (2, 1, 0), (1, 0, 0), (2, 0, 0))
    assert multimatch(a, b).values == multimatch(b, a).values


@settings(max_examples=50, deadline=None)
@given(a=scanpaths(fewest=4), b=scanpaths(fewest=4))
def test_simplified_paths_keep_symmetry_and_identity(a: Scanpath, b: Scanpath) -> None:
    thresholds = Simplification(direction_deg=45, length=20, duration_s=0.3)
    assert multimatch(a, b, simplification=thresholds).values == multimatch(b, a, simplification=thresholds).values
    same = multimatch(a, a, simplification=thresholds)
    assert same.values == (1, 1, 1, 1, 1)
    assert same.saccades_a <= len(a) - 1


@settings(max_examples=50, deadline=None)
@given(a=scanpaths(), b=scanpaths(), moved=st.tuples(*[st.integers(-30, 30)] * 3))
def test_only_position_knows_where_a_path_lies(a: Scanpath, b: Scanpath, moved: tuple[int, int, int]) -> None:
    roomy = (200, 256, 288)
    a, b = (replace(path, shape_kji=roomy, x_voxel=path.x_voxel + 80) for path in (a, b))
    x, y, z = moved
    elsewhere = replace(b, x_voxel=b.x_voxel + x, y_voxel=b.y_voxel + y + 30, z_voxel=b.z_voxel + z + 30)
    here, there = multimatch(a, b), multimatch(a, elsewhere)
    assert (there.vector, there.direction, there.length, there.duration) == (
        here.vector,
        here.direction,
        here.length,
        here.duration,
    )


@settings(max_examples=40, deadline=None)
@given(a=scanpaths(), b=scanpaths())
def test_a_mirrored_case_scores_the_same(a: Scanpath, b: Scanpath) -> None:
    flipped = [replace(path, x_voxel=127 - path.x_voxel) for path in (a, b)]
    first, second = multimatch(a, b), multimatch(*flipped)
    if len(a) != len(b):  # at equal length the order of equally cheap ways follows the content
        assert first.values == pytest.approx(second.values, abs=1e-12)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 5), m=st.integers(1, 5))
def test_the_alignment_is_the_cheapest_way(seed: int, n: int, m: int) -> None:
    random = np.random.default_rng(seed)
    a, b = random.integers(-3, 4, (n, 3)), random.integers(-3, 4, (m, 3))
    for diagonal_first in (True, False):
        i, j = aligned_saccades(a, b, diagonal_first=diagonal_first)
        assert (i[0], j[0], i[-1], j[-1]) == (0, 0, n - 1, m - 1)
        steps = set(zip(np.diff(i).tolist(), np.diff(j).tolist(), strict=True))
        assert steps <= {(0, 1), (1, 0), (1, 1)}
        assert np.linalg.norm(a[i] - b[j], axis=1).sum() == pytest.approx(plain_way(a, b))


def test_a_path_whose_saccades_repeat_matches_itself_but_not_as_published() -> None:
    sweep = walk(*[(3, 0, 0)] * 9)
    assert multimatch(sweep, sweep).values == (1, 1, 1, 1, 1)
    assert multimatch(sweep, sweep, faithful=True).position < 1


def test_fixations_without_movement_have_half_a_direction_against_moves() -> None:
    still = in_cube((50, 50, 50), (50, 50, 50), (50, 50, 50))
    assert multimatch(still, still).values == (1, 1, 1, 1, 1)
    assert multimatch(still, walk((1, 0, 0), (1, 0, 0))).direction == 0.5


def test_durations_of_zero_agree() -> None:
    a = in_cube((1, 1, 1), (5, 5, 5), (9, 9, 9), duration_s=0.0)
    assert multimatch(a, a).duration == 1


def test_short_paths_are_named_and_padded_only_as_published() -> None:
    short = in_cube((1, 1, 1), (2, 2, 2), who="R3", case="c17")
    full = walk((5, 0, 0), (0, 5, 0), (0, 0, 5))
    with pytest.raises(ValueError, match=r"needs 3 fixations; the second path \(R3, c17\) has 2"):
        multimatch(full, short)
    assert multimatch(full, short, faithful=True).saccades_b == 2
    padded = multimatch(full, short, faithful=True, pad_prediction=True)
    assert (padded.saccades_a, padded.saccades_b) == (3, 3)
    by_hand = in_cube((1, 1, 1), (2, 2, 2), (0, 0, 0), (0, 0, 0), duration_s=[0.25, 0.25, 0.001, 0.001])
    assert padded.values == multimatch(full, by_hand, faithful=True).values
    alone, by_hand = in_cube((9, 9, 9)), in_cube((9, 9, 9), (0, 0, 0), (0, 0, 0), duration_s=[0.25, 0.001, 0.001])
    assert multimatch(full, alone, faithful=True).values == multimatch(full, by_hand, faithful=True).values


def test_a_longer_prediction_is_not_padded() -> None:
    human, prediction = walk((5, 0, 0), (0, 5, 0)), walk((5, 0, 0), (0, 5, 0), (0, 0, 5))
    padded = multimatch(human, prediction, faithful=True, pad_prediction=True)
    assert padded.values == multimatch(human, prediction, faithful=True).values


def test_arguments_without_sense_are_refused() -> None:
    path = walk((5, 0, 0), (0, 5, 0))
    with pytest.raises(ValueError, match="lies outside"):
        multimatch(path, walk((0, 0, 0), (0, 0, 0), start=(50, 50, 100)))
    assert multimatch(path, walk((0, 0, 0), (0, 0, 0), start=(50, 50, 100)), outside="clamp").position < 1
    with pytest.raises(ValueError, match="affine"):
        multimatch(path, path, unit="mm")
    with pytest.raises(ValueError, match="in voxels, not in mm"):
        multimatch(path, path, unit="mm", faithful=True)
    with pytest.raises(ValueError, match="faithful=True"):
        multimatch(path, path, pad_prediction=True)
    with pytest.raises(ValueError, match="mm_per_degree"):
        multimatch(*[replace(path, affine_lps=AFFINE)] * 2, unit="degrees")
    with pytest.raises(ValueError, match="duration_s is -1"):
        Simplification(direction_deg=45, length=10, duration_s=-1)
