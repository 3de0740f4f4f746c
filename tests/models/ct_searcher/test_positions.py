from math import cos, pi, sin

import pytest
import torch

from models.ct_searcher.positions import grid_positions, place_waves, published_positions


def test_the_published_encoding_of_a_cell_is_that_of_its_paper() -> None:
    width, y, x, z = 96, 3, 5, 6
    found = published_positions(width)[y * 64 + x * 8 + z, 0]
    expected = []
    for cell in (y, x, z):
        for channel in range(0, 32, 2):
            angle = cell / (7 + 1e-6) * 2 * pi * 10000 ** (-channel / 32)
            expected += [sin(angle), cos(angle)]
    torch.testing.assert_close(found, torch.tensor(expected))


def test_the_published_encoding_has_the_spread_that_the_original_was_measured_with() -> None:
    assert published_positions(768).std().item() == pytest.approx(0.507, abs=0.001)


def test_cells_lie_in_slice_row_column_order_and_each_axis_has_its_own_channels() -> None:
    grid = (5, 3, 4)
    table = grid_positions(grid, 36)
    assert table.shape == (60, 1, 36)
    cells = table.reshape(*grid, 36)
    for axis in range(3):
        part = cells[..., 12 * axis : 12 * (axis + 1)].movedim(axis, 0)
        assert torch.equal(part, part[:, :1, :1].expand_as(part))
        assert not torch.allclose(part[0], part[1], atol=0.1)


def test_a_cell_is_encoded_at_its_centre_from_half_a_cycle_to_what_its_cells_tell_apart() -> None:
    found = grid_positions((8, 2, 1), 12)[2 * 5 + 1, 0]
    slow, fast = 2 * pi * 0.5, 2 * pi * 4
    of_slices = [sin(slow * 5.5 / 8), cos(slow * 5.5 / 8), sin(fast * 5.5 / 8), cos(fast * 5.5 / 8)]
    of_rows = [sin(slow * 0.75), cos(slow * 0.75), sin(2 * slow * 0.75), cos(2 * slow * 0.75)]
    torch.testing.assert_close(found[:8], torch.tensor(of_slices + of_rows))


@pytest.mark.parametrize("grid", [(1, 1, 1), (8, 8, 8), (32, 4, 7)])
@pytest.mark.parametrize("width", [6, 96])
def test_no_two_cells_have_one_encoding(grid: tuple[int, int, int], width: int) -> None:
    table = grid_positions(grid, width)[:, 0]
    apart = torch.cdist(table, table) + torch.eye(len(table))
    assert torch.isfinite(table).all()
    assert apart.min() > 0.02


def test_the_slowest_wave_rises_once_over_the_volume_and_the_fastest_has_the_cycles_asked_for() -> None:
    ends = place_waves(torch.tensor([[0.0, 0, 0], [1.0, 0, 0], [0.125, 0, 0]]), 24, most_cycles=4.0)
    slow_cosine, fast_sine, fast_cosine = 1, 6, 7
    torch.testing.assert_close(ends[:2, slow_cosine], torch.tensor([1.0, -1.0]))
    torch.testing.assert_close(ends[2, fast_cosine], torch.tensor(-1.0), atol=1e-6, rtol=0)
    assert ends[:, fast_sine].abs().max() < 1e-5
