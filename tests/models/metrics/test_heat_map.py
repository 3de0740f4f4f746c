"""Heat maps: exact on every grid, nothing across slices unless asked, the mask and the units."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.metrics.heat_map import (
    MapParameters,
    cells_inside,
    cells_of,
    centre_map,
    heat_map,
    with_uniform,
)
from models.scanpath import Scanpath

SHAPE = (6, 40, 48)


def path_of(
    voxels: list[tuple[float, float, float]], durations: list[float] | None = None, **fields: object
) -> Scanpath:
    fields.setdefault("shape_kji", SHAPE)
    return Scanpath.from_voxels(voxels, durations or [1.0] * len(voxels), **fields)  # type: ignore[arg-type]


def phi(value: float) -> float:
    return 0.5 * (1 + math.erf(value / math.sqrt(2)))


def test_one_fixation_is_the_normal_distribution_integrated_over_voxels() -> None:
    made = heat_map(path_of([(20.3, 15.0, 2.0)]), MapParameters(2.0, "voxel", cell_voxels=(1, 1, 1))).density_kji
    total_i = phi((47.5 - 20.3) / 2) - phi((-0.5 - 20.3) / 2)
    in_i = (phi((22.5 - 20.3) / 2) - phi((21.5 - 20.3) / 2)) / total_i
    in_j = phi((13.5 - 15) / 2) - phi((12.5 - 15) / 2)
    assert made[2, 13, 22] == pytest.approx(in_i * in_j, rel=1e-9)
    assert made.sum() == pytest.approx(1.0)


def test_nothing_is_smoothed_across_slices_unless_asked() -> None:
    path = path_of([(20.0, 15.0, 2.2)])
    plain = heat_map(path, MapParameters(2.0, "voxel")).density_kji
    assert np.flatnonzero(plain.sum(axis=(1, 2))).tolist() == [2]
    spread = heat_map(path, MapParameters(2.0, "voxel", sigma_z_voxel=1.0)).density_kji.sum(axis=(1, 2))
    masses = np.array([phi(k + 0.5 - 2.2) - phi(k - 0.5 - 2.2) for k in range(6)])
    np.testing.assert_allclose(spread, masses / masses.sum(), rtol=1e-12)


def test_durations_weigh_and_counts_do_not() -> None:
    path = path_of([(10, 10, 0), (10, 10, 3)], [0.3, 0.1])
    by_slice = heat_map(path, MapParameters(1.0, "voxel")).density_kji.sum(axis=(1, 2))
    np.testing.assert_allclose(by_slice[[0, 3]], [0.75, 0.25])
    counted = heat_map(path, MapParameters(1.0, "voxel", weighting="count")).density_kji.sum(axis=(1, 2))
    np.testing.assert_allclose(counted[[0, 3]], [0.5, 0.5])


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 7), st.integers(1, 7), st.integers(1, 3), st.integers(0, 100))
def test_a_coarse_cell_is_the_sum_of_its_fine_cells(i: int, j: int, k: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    path = path_of([tuple(row) for row in random.uniform(0, (48, 40, 6), (9, 3)) - 0.5])
    parameters = MapParameters(2.5, "voxel", sigma_z_voxel=0.7)
    fine = heat_map(path, parameters, cell_voxels=(1, 1, 1)).density_kji
    coarse = heat_map(path, parameters, cell_voxels=(i, j, k)).density_kji
    padded = np.zeros([n * c for n, c in zip(coarse.shape, (k, j, i), strict=True)])
    padded[:6, :40, :48] = fine
    blocks = padded.reshape(coarse.shape[0], k, coarse.shape[1], j, coarse.shape[2], i).sum(axis=(1, 3, 5))
    np.testing.assert_allclose(coarse, blocks, atol=1e-15)


def test_degrees_go_through_the_millimetres_of_that_reading() -> None:
    affine = np.diag([0.5, 0.25, 2.0, 1.0])
    path = path_of([(20, 15, 2)], affine_lps=affine, mm_per_degree=4.0)
    made = heat_map(path, MapParameters(0.5, "degree", cell_voxels=(1, 1, 1))).density_kji
    columns = heat_map(path_of([(20, 15, 2)]), MapParameters(4.0, "voxel", cell_voxels=(1, 1, 1))).density_kji
    rows = heat_map(path_of([(20, 15, 2)]), MapParameters(8.0, "voxel", cell_voxels=(1, 1, 1))).density_kji
    np.testing.assert_allclose(made.sum(axis=(0, 1)), columns.sum(axis=(0, 1)), atol=1e-12)
    np.testing.assert_allclose(made.sum(axis=(0, 2)), rows.sum(axis=(0, 2)), atol=1e-12)
    with pytest.raises(ValueError, match="needs millimetres per degree"):
        heat_map(path_of([(20, 15, 2)], affine_lps=affine), MapParameters(1.0, "degree"))
    with pytest.raises(ValueError, match="needs the spacing"):
        heat_map(path_of([(20, 15, 2)]), MapParameters(1.0, "mm"))


def test_the_mask_takes_what_is_outside_and_the_rest_is_one() -> None:
    mask = np.zeros(SHAPE, dtype=bool)
    mask[:, :, :24] = True
    made = heat_map(path_of([(23.5, 15, 2)]), MapParameters(3.0, "voxel", cell_voxels=(2, 2, 1)), mask_kji=mask)
    assert made.inside_kji is not None
    assert made.density_kji[~made.inside_kji].sum() == 0
    assert made.density_kji.sum() == pytest.approx(1.0)
    with pytest.raises(ValueError, match="the mask is empty"):
        cells_inside(np.zeros(SHAPE), SHAPE, (1, 1, 1))
    with pytest.raises(ValueError, match="shape"):
        cells_inside(mask[1:], SHAPE, (1, 1, 1))


def test_a_cell_is_inside_when_half_of_its_own_voxels_are() -> None:
    mask = np.zeros((1, 3, 3), dtype=bool)
    mask[0, 0, 0] = mask[0, 1, 1] = True
    mask[0, 2, 2] = True
    inside = cells_inside(mask, (1, 3, 3), (2, 2, 1))
    assert inside.tolist() == [[[True, False], [False, True]]]


def test_cells_hold_their_fixations_and_the_border_takes_the_rest() -> None:
    path = path_of([(0, 0, 0), (47, 39, 5), (-0.4, 3.6, 1), (60, -9, 2)])
    made = heat_map(path, MapParameters(1.0, "voxel"), cell_voxels=(4, 4, 2))
    k, j, i = np.unravel_index(made.cells_of(path), made.density_kji.shape)
    assert list(zip(i.tolist(), j.tolist(), k.tolist(), strict=True)) == [(0, 0, 0), (11, 9, 2), (0, 1, 0), (11, 0, 1)]
    assert cells_of(path, (1, 1, 1))[1] == 6 * 40 * 48 - 1


def test_uniform_shares_and_the_centre_prior_sum_to_one() -> None:
    made = heat_map(path_of([(20, 15, 2)]), MapParameters(1.0, "voxel"))
    mixed = with_uniform(made, 0.1)
    assert mixed.density_kji.min() == pytest.approx(0.1 / made.density_kji.size)
    assert mixed.density_kji.sum() == pytest.approx(1.0)
    prior = centre_map(SHAPE, (4, 4, 4))
    assert prior.density_kji.shape == (2, 10, 12)
    np.testing.assert_allclose(prior.density_kji.sum(axis=(1, 2)), [4 / 6, 2 / 6])
    np.testing.assert_allclose(prior.density_kji, prior.density_kji[:, ::-1, ::-1])
    columns = centre_map(SHAPE).density_kji.sum(axis=(0, 1))
    within = (phi(12 / 12) - phi(-12 / 12)) / (phi(24 / 12) - phi(-24 / 12))
    assert columns[12:36].sum() == pytest.approx(within)
    with pytest.raises(ValueError, match="share"):
        with_uniform(made, 1.5)


def test_a_grid_beyond_memory_is_refused() -> None:
    path = path_of([(1, 1, 1)], shape_kji=(400, 512, 512))
    with pytest.raises(ValueError, match="too large"):
        heat_map(path, MapParameters(1.0, "voxel", cell_voxels=(1, 1, 1)))


def test_a_large_volume_needs_a_small_grid_at_the_usual_sigma() -> None:
    affine = np.diag([0.7, 0.7, 1.0, 1.0])
    made = heat_map(path_of([(100, 200, 300)], shape_kji=(400, 512, 512), affine_lps=affine, mm_per_degree=12.0))
    assert made.cell_voxels == (8, 8, 1)
    assert made.density_kji.shape == (400, 64, 64)
    assert made.density_kji.sum() == pytest.approx(1.0)
