"""Cells over a volume."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.metrics.binning import BinGrid, usual_grid
from models.metrics.extent import Extent

EXTENT = Extent.with_spacing((40, 96, 128), (0.5, 0.5, 2.0), mm_per_degree=12)


def test_counts_share_the_volume_equally() -> None:
    grid = BinGrid.from_counts(EXTENT, (4, 3, 2))
    assert grid.size_ijk_voxels == (32, 32, 20)
    every_column = np.column_stack([np.arange(128), np.zeros(128), np.zeros(128)])
    assert np.bincount(grid.cells(every_column)[:, 0]).tolist() == [32, 32, 32, 32]
    assert grid.cells([[31.49, 0, 0], [31.5, 0, 0], [127.5, 95.5, 39.5]]).tolist() == [[0, 0, 0], [1, 0, 0], [3, 2, 1]]


def test_one_count_serves_all_axes_whatever_kind_of_whole_number_it_is() -> None:
    for count in (3, np.int64(3), 3.0):
        assert BinGrid.from_counts(EXTENT, count).counts_ijk == (3, 3, 3)  # type: ignore[arg-type]


def test_a_picture_has_one_cell_along_its_slices() -> None:
    assert BinGrid.from_counts(Extent((1, 720, 1280)), (12, 8, 5)).counts_ijk == (12, 8, 1)


def test_the_same_cells_come_from_voxels_millimetres_and_degrees() -> None:
    grids = [
        BinGrid.from_voxels(EXTENT, (24, 24, 6)),
        BinGrid.from_mm(EXTENT, 12.0),
        BinGrid.from_degrees(EXTENT, 1.0),
    ]
    assert [grid.stated_in for grid in grids] == ["voxels", "mm", "degrees"]
    for grid in grids:
        assert grid.size_ijk_voxels == (24, 24, 6)
        assert grid.counts_ijk == (6, 4, 7)  # 128 / 24, 96 / 24 and 40 / 6, rounded up


def test_a_size_that_divides_the_volume_but_for_rounding_adds_no_cell() -> None:
    grid = BinGrid.from_mm(Extent.with_spacing((1, 1, 90), (0.1, 0.1, 0.1)), 0.3)
    assert grid.size_ijk_voxels[0] < 3  # 0.3 / 0.1 falls short of 3
    assert grid.counts_ijk[0] == 30


def test_sizes_that_do_not_fit_leave_equal_parts_at_both_ends() -> None:
    grid = BinGrid.from_voxels(Extent((1, 1, 10)), (4, 1, 1))
    columns = np.column_stack([np.arange(10), np.zeros(10), np.zeros(10)])
    assert np.bincount(grid.cells(columns)[:, 0]).tolist() == [3, 4, 3]


def test_every_cell_has_its_own_number() -> None:
    grid = BinGrid.from_counts(EXTENT, (4, 3, 2))
    k, j, i = np.meshgrid(np.arange(2), np.arange(3), np.arange(4), indexing="ij")
    cells = np.column_stack([i.ravel(), j.ravel(), k.ravel()])
    centres = grid.centres(cells, "voxels")
    assert grid.cells(centres).tolist() == cells.tolist()
    assert grid.ids(centres).tolist() == list(range(24))


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.tuples(*[st.floats(0.3, 200)] * 3),
    at=st.tuples(*[st.floats(0, 1)] * 3),
)
def test_a_position_is_never_further_from_its_cells_centre_than_half_an_edge(
    sizes: tuple[float, float, float], at: tuple[float, float, float]
) -> None:
    grid = BinGrid.from_voxels(EXTENT, sizes)
    voxel = np.array(at) * EXTENT.shape_ijk - 0.5
    cell = grid.cells([voxel])
    assert (cell >= 0).all() and (cell < grid.counts_ijk).all()
    assert (np.abs(grid.centres(cell, "voxels")[0] - voxel) <= np.array(sizes) / 2 + 1e-6).all()


@settings(max_examples=40, deadline=None)
@given(
    sizes=st.tuples(*[st.integers(1, 60)] * 3),
    at=st.tuples(st.integers(0, 127), st.integers(0, 95), st.integers(0, 39)),
)
def test_a_mirrored_volume_has_mirrored_cells(sizes: tuple[int, int, int], at: tuple[int, int, int]) -> None:
    grid = BinGrid.from_voxels(EXTENT, [size + 0.3137 for size in sizes])  # no voxel centre on a border
    there = grid.cells([at])[0]
    back = grid.cells([EXTENT.shape_ijk - 1 - at])[0]
    assert (there + back).tolist() == [n - 1 for n in grid.counts_ijk]


def test_distances_between_cells_are_in_the_asked_unit() -> None:
    grid = BinGrid.from_voxels(EXTENT, (24, 24, 6))

    def apart(unit: str) -> float:
        first, second = grid.centres([[0, 0, 0], [1, 0, 2]], unit)  # type: ignore[arg-type]
        return float(np.linalg.norm(first - second))

    assert apart("bins") == pytest.approx(5**0.5)
    assert apart("voxels") == pytest.approx((24**2 + 12**2) ** 0.5)
    assert apart("mm") == pytest.approx((12**2 + 24**2) ** 0.5)
    assert apart("degrees") == pytest.approx((1 + 4) ** 0.5)


def test_a_fixation_outside_is_an_error_or_clamped() -> None:
    grid = BinGrid.from_counts(EXTENT, 4)
    with pytest.raises(ValueError, match=r"fixation 0 .* lies outside"):
        grid.ids([[0, 0, 40]])
    assert grid.cells([[-7, 0, 40]], "clamp").tolist() == [[0, 0, 3]]


@pytest.mark.parametrize("counts", [0, 2.5, (4, 4), (4, 4, 0), (4, 4, 1.5), (4, 4, float("nan"))])
def test_impossible_counts_are_refused(counts: object) -> None:
    with pytest.raises(ValueError, match="whole numbers"):
        BinGrid.from_counts(EXTENT, counts)  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [0.0, -3.0, float("nan"), float("inf"), (1, 1, 0)])
def test_impossible_sizes_are_refused(size: object) -> None:
    with pytest.raises(ValueError, match="above 0"):
        BinGrid.from_voxels(EXTENT, size)  # type: ignore[arg-type]


def test_cells_in_a_unit_need_its_scale() -> None:
    with pytest.raises(ValueError, match="affine"):
        BinGrid.from_mm(Extent((40, 96, 128)), 10)
    with pytest.raises(ValueError, match="mm_per_degree"):
        BinGrid.from_degrees(Extent.with_spacing((40, 96, 128), (1, 1, 1)), 1)


def test_the_usual_cells_are_cubes_of_30_mm_or_counted() -> None:
    assert usual_grid(EXTENT).size_ijk_voxels == (60, 60, 15)
    assert usual_grid(Extent((40, 96, 128))).counts_ijk == (8, 8, 8)
    assert usual_grid(Extent((1, 720, 1280))).counts_ijk == (12, 8, 1)
