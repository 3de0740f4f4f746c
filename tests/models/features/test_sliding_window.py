"""Where windows stand and where their features go: the published places, and exact ones."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from models.errors import Cancelled
from models.features.sliding_window import (
    CELL,
    WINDOW,
    WindowAxis,
    covered_weights,
    exact_axis,
    lattice_features,
    nearest_cells,
    published_axis,
)


def means_of_cells(windows: np.ndarray) -> np.ndarray:
    """Stands for a network: one channel, the mean of each 32 x 32 x 32 voxels, which says where they were."""
    blocks = windows.reshape(len(windows), 3, CELL, 3, CELL, 3, CELL)
    return blocks.mean(axis=(2, 4, 6), dtype=np.float64).astype(np.float32)[:, None]


def ramp(shape: tuple[int, int, int], axis: int) -> np.ndarray:
    """Each voxel's own place along an axis."""
    along = np.arange(shape[axis], dtype=np.float32)
    return np.broadcast_to(along.reshape([-1 if number == axis else 1 for number in range(3)]), shape)


def features_of(image: np.ndarray, axes: list[WindowAxis], **options: object) -> np.ndarray:
    return lattice_features(image.__getitem__, axes, means_of_cells, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("size", "starts", "cells"),
    [
        (512, (0, 96, 192, 288, 384, 416), 16),
        (342, (0, 96, 192, 246), 10),
        (138, (0, 42), 4),
        (100, (0, 4), 3),
        (96, (0,), 3),
    ],
)
def test_published_windows_stand_where_they_were_measured(size, starts, cells):
    axis = published_axis(size)
    assert axis.starts == starts
    assert axis.cells == cells
    assert (axis.before, axis.padded) == (0, size)


def test_a_short_axis_has_published_zeros_on_both_sides():
    assert published_axis(61) == WindowAxis(size=61, before=17, padded=96, starts=(0,))


def test_a_short_axis_stands_in_the_middle_of_its_window():
    axes = [published_axis(96), published_axis(61), published_axis(96)]
    found = features_of(np.ones((96, 61, 96), dtype=np.float32), axes)
    np.testing.assert_allclose(found[0, 0, :, 0], [15 / 32, 1, 14 / 32], atol=1e-6)


@pytest.mark.parametrize("size", [97, 138, 250, 342, 512])
def test_published_windows_are_those_of_monai(size):
    from monai.data.utils import dense_patch_slices

    wanted = sorted(place[0].start for place in dense_patch_slices((size,), (WINDOW,), (WINDOW,)))
    assert list(published_axis(size).starts) == wanted


def test_the_published_last_window_is_misplaced_by_22_of_342_slices():
    found = features_of(ramp((96, 96, 342), 2), [published_axis(96), published_axis(96), published_axis(342)])
    centres = np.arange(10) * 32 + 15.5
    # Start 246 counts as 224: its cells hold what lies 22 slices further; cells 7 and 8 also had windows of their own.
    wanted = centres + np.array([0, 0, 0, 0, 0, 0, 0, 11, 11, 22])
    np.testing.assert_allclose(found[0, 0, 0], wanted, atol=1e-4)


@pytest.mark.parametrize(
    ("size", "stride", "starts", "padded"),
    [
        (239, 64, (0, 64, 128, 160), 256),
        (171, 64, (0, 64, 96), 192),
        (171, 32, (0, 32, 64, 96), 192),
        (256, 96, (0, 96, 160), 256),
        (40, 64, (0,), 96),
        (97, 64, (0, 32), 128),
    ],
)
def test_exact_windows_start_on_the_lattice_and_reach_the_end(size, stride, starts, padded):
    assert exact_axis(size, stride) == WindowAxis(size=size, before=0, padded=padded, starts=starts)


@pytest.mark.parametrize("stride", [32, 64, 96])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_exact_features_say_where_they_were(stride, axis):
    shape = (96, 160, 128)
    axes = [exact_axis(size, stride) for size in shape]
    found = features_of(ramp(shape, axis), axes)[0]
    wanted = ramp(tuple(each.cells for each in axes), axis) * 32 + 15.5
    np.testing.assert_allclose(found, wanted, atol=1e-4)


def test_a_plane_that_no_cell_divides_comes_back_in_the_right_share_of_each_cell():
    size = 131
    marked = np.zeros((96, 96, size), dtype=np.float32)
    marked[:, :, 66] = 1.0
    axes = [exact_axis(96, 64), exact_axis(96, 64), exact_axis(size, 64)]
    lattice = features_of(marked, axes)[0, 0, 0]
    np.testing.assert_allclose(lattice, [0, 0, 1 / 32, 0, 0], atol=1e-7)
    shares = covered_weights(axes[2], 4) @ lattice
    # Voxels 64 to 96 make the lattice's cell; grid cell 1 ends at voxel 65.5, grid cell 2 at 98.25.
    np.testing.assert_allclose(shares, np.array([0, 1.5, 30.5, 0]) / (131 / 4) / 32, atol=1e-7)


def test_the_padding_is_not_in_any_cell():
    axis = exact_axis(100, 64)
    assert axis.cells == 4
    weights = covered_weights(axis, 8)
    assert weights[:, 3].sum() == pytest.approx(4 / 32 / (100 / 32 / 8), abs=1e-6)
    assert not covered_weights(exact_axis(40, 64), 8)[:, 2].any()


@pytest.mark.parametrize("before", [3, 4, 8, 10, 16, 17])
def test_the_nearest_resize_is_pytorchs(before):
    image = torch.arange(float(before))[None, None]
    wanted = torch.nn.functional.interpolate(image, size=8, mode="nearest")[0, 0]
    assert nearest_cells(before, 8).tolist() == wanted.tolist()


def test_batches_change_nothing_and_progress_counts_windows():
    image = np.random.default_rng(2).random((100, 96, 138), dtype=np.float32)
    axes = [exact_axis(size, 32) for size in image.shape]
    said: list[tuple[int, int]] = []
    one = features_of(image, axes)
    five = features_of(image, axes, batch=5, progress=lambda done, total: said.append((done, total)))
    np.testing.assert_array_equal(one, five)
    assert said == [(5, 6), (6, 6)]


def test_cancelling_stops_before_the_next_window():
    seen: list[int] = []

    def network(windows: np.ndarray) -> np.ndarray:
        seen.append(len(windows))
        return means_of_cells(windows)

    image = np.zeros((96, 96, 256), dtype=np.float32)
    axes = [exact_axis(size, 64) for size in image.shape]
    with pytest.raises(Cancelled):
        lattice_features(image.__getitem__, axes, network, cancelled=lambda: len(seen) == 2)
    assert seen == [1, 1]


def test_a_stride_off_the_lattice_is_refused():
    with pytest.raises(ValueError, match="a stride of 48"):
        exact_axis(200, 48)
