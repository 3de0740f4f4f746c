"""ScanMatch: analytic cases, invariants, memory."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.metrics.binning import BinGrid
from models.metrics.extent import Extent
from models.metrics.scanmatch import saccade_threshold, scanmatch, score_matrix, symbol_counts
from tests.models.metrics.scanpaths import AFFINE, SHAPE_KJI, path_of, scanpaths

EXTENT = Extent.with_spacing(SHAPE_KJI, (0.7, 0.8, 2.5), mm_per_degree=12)
GRID = BinGrid.from_voxels(EXTENT, (16, 16, 8))


def in_cells(*cells: tuple[int, int, int], duration_s: Any = 0.25) -> Any:
    return path_of(GRID.centres(cells, "voxels"), duration_s, affine_lps=AFFINE)


def test_a_neighbouring_cell_costs_its_distance_over_the_threshold() -> None:
    a, b = in_cells((0, 0, 0), (3, 3, 3)), in_cells((1, 0, 0), (3, 3, 3))
    assert scanmatch(a, b, grid=GRID, threshold=4).score == pytest.approx((0.75 + 1) / 2)


def test_cells_beyond_the_threshold_are_left_out_rather_than_paired() -> None:
    a, b = in_cells((0, 0, 0), (3, 3, 3)), in_cells((7, 5, 0), (3, 3, 3))
    assert scanmatch(a, b, grid=GRID, threshold=4).score == 0.5


def test_by_default_cells_three_and_a_half_apart_score_nothing() -> None:
    assert scanmatch(in_cells((0, 0, 0)), in_cells((3, 0, 0)), grid=GRID).score == pytest.approx(1 - 3 / 3.5)


def test_a_gap_costs() -> None:
    a, b = in_cells((0, 0, 0), (3, 3, 3)), in_cells((3, 3, 3))
    assert scanmatch(a, b, grid=GRID, gap=-0.25).score == pytest.approx((1 - 0.25) / 2)
    assert scanmatch(in_cells((0, 0, 0)), in_cells((7, 5, 4)), grid=GRID, threshold=1, gap=-0.5).score == -1


@pytest.mark.parametrize(("unit", "distance"), [("bins", 1.0), ("voxels", 8.0), ("mm", 20.0), ("degrees", 20 / 12)])
def test_the_distance_is_in_the_stated_unit(unit: Any, distance: float) -> None:
    result = scanmatch(in_cells((2, 2, 1)), in_cells((2, 2, 2)), grid=GRID, threshold=2 * distance, threshold_unit=unit)
    assert result.score == pytest.approx(0.5)
    assert (result.threshold, result.threshold_unit) == (2 * distance, unit)


def test_durations_count_by_the_temporal_bin() -> None:
    # aaab against abbb: one a and one b pair exactly, the rest are gaps or near pairs below 0
    a, b = (in_cells((0, 0, 0), (7, 5, 4), duration_s=d) for d in ([0.15, 0.05], [0.05, 0.15]))
    assert scanmatch(a, b, grid=GRID).score == 1
    result = scanmatch(a, b, grid=GRID, temporal_bin_s=0.05)
    assert (result.symbols_a, result.symbols_b) == (4, 4)
    assert result.score == 0.5


def test_a_short_fixation_keeps_one_symbol_and_halves_round_up() -> None:
    assert symbol_counts([0.001, 0.024, 0.075, 0.125, 0.5, 0.0], 0.05).tolist() == [1, 1, 2, 3, 10, 1]
    assert symbol_counts([0.001, 2.0], None).tolist() == [1, 1]


@settings(max_examples=60, deadline=None)
@given(a=scanpaths(fewest=1), b=scanpaths(fewest=1), temporal_bin_s=st.sampled_from([None, 0.025, 0.1]))
def test_symmetric_bounded_and_one_for_the_same_path(a: Any, b: Any, temporal_bin_s: float | None) -> None:
    score = scanmatch(a, b, grid=GRID, temporal_bin_s=temporal_bin_s).score
    assert score == scanmatch(b, a, grid=GRID, temporal_bin_s=temporal_bin_s).score
    assert 0 <= score <= 1
    assert scanmatch(a, a, grid=GRID, temporal_bin_s=temporal_bin_s, threshold=0.7, threshold_unit="mm").score == 1


@settings(max_examples=30, deadline=None)
@given(a=scanpaths(), b=scanpaths())
def test_a_mirrored_case_scores_the_same(a: Any, b: Any) -> None:
    grid = BinGrid.from_voxels(EXTENT, (18.3137, 16, 8.7137))  # no border on a drawn place
    flipped = [replace(path, x_voxel=127 - path.x_voxel, z_voxel=39 - path.z_voxel) for path in (a, b)]
    assert scanmatch(*flipped, grid=grid).score == pytest.approx(scanmatch(a, b, grid=grid).score, abs=1e-12)


def test_moving_both_paths_by_whole_cells_changes_nothing() -> None:
    cells = np.random.default_rng(4).integers(0, 3, (2, 20, 3))
    here = scanmatch(*(in_cells(*map(tuple, path)) for path in cells), grid=GRID, temporal_bin_s=0.05)
    there = scanmatch(
        *(in_cells(*map(tuple, path)) for path in np.add(cells, [4, 2, 1])), grid=GRID, temporal_bin_s=0.05
    )
    assert there.score == here.score


def test_a_volume_of_one_slice_scores_as_the_picture() -> None:
    random = np.random.default_rng(5)
    xy = random.integers(0, 90, (2, 15, 2))
    flat = [path_of(np.column_stack([p, np.zeros(15)]), shape_kji=(1, 96, 128)) for p in xy]
    deep = [path_of(np.column_stack([p, np.full(15, 20)])) for p in xy]
    grids = [BinGrid.from_counts(Extent(shape), (8, 6, n)) for shape, n in (((1, 96, 128), 1), (SHAPE_KJI, 5))]
    assert scanmatch(*flat, grid=grids[0]).score == scanmatch(*deep, grid=grids[1]).score


def test_the_threshold_of_the_paper_is_twice_the_spread_of_the_saccades() -> None:
    path = path_of([[0, 0, 0], [16, 0, 0], [16, 48, 0]], affine_lps=AFFINE)  # 1 and 3 cells; 11.2 and 38.4 mm
    assert saccade_threshold([path], GRID) == pytest.approx(2 * 2**0.5)
    assert saccade_threshold([path], GRID, "mm") == pytest.approx(2 * (38.4 - 11.2) / 2**0.5)
    with pytest.raises(ValueError, match="1 saccades do not vary"):
        saccade_threshold([path_of([[0, 0, 0], [1, 0, 0]])], GRID)


def test_the_substitution_matrix_holds_threshold_minus_distance() -> None:
    matrix = score_matrix(BinGrid.from_counts(EXTENT, (2, 1, 2)), 3.5)
    assert matrix[0] == pytest.approx([3.5, 2.5, 2.5, 3.5 - 2**0.5])
    assert (matrix == matrix.T).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"threshold": 0}, "threshold"),
        ({"threshold": float("nan")}, "threshold"),
        ({"gap": 0.5}, "gap"),
        ({"gap": float("nan")}, "gap"),
        ({"temporal_bin_s": 0}, "temporal bin"),
        ({"grid": GRID, "faithful": True}, "own cells"),
        ({"grid": BinGrid.from_counts(Extent((1, 2, 3)), 1)}, r"different shape: \(1, 2, 3\) and \(40, 96, 128\)"),
        ({"grid": BinGrid.from_counts(Extent.with_spacing(SHAPE_KJI, (0.7, 0.8, 5)), 3)}, r"voxels differ by 2.5 mm"),
    ],
)
def test_parameters_without_sense_are_refused(arguments: dict[str, Any], message: str) -> None:
    path = in_cells((0, 0, 0), (1, 1, 1))
    with pytest.raises(ValueError, match=message):
        scanmatch(path, path, **arguments)


def test_paths_that_cannot_be_aligned_are_refused() -> None:
    path = in_cells((0, 0, 0))
    with pytest.raises(ValueError, match="without fixations"):
        scanmatch(path, path_of([], affine_lps=AFFINE))
    with pytest.raises(ValueError, match="lies outside"):
        scanmatch(path, path_of([[0, 0, 400]], affine_lps=AFFINE))
    assert scanmatch(path, path_of([[0, 0, 400]], affine_lps=AFFINE), outside="clamp").score >= 0
    with pytest.raises(ValueError, match="none long enough"):
        scanmatch(path, path_of([[0, 0, 0]], 0.01), temporal_bin_s=0.025, faithful=True)
