import pytest
import torch

from models.ct_searcher.small_encoder import Block, SmallEncoder, reductions
from models.errors import ModelError
from tests.models.ct_searcher.tiny_networks import tiny_network


def test_strides_are_the_factors_between_input_and_grid_smallest_first() -> None:
    assert reductions((96, 64, 64), (16, 8, 8)) == [(2, 2, 2), (3, 2, 2), (1, 2, 2)]
    assert reductions((8, 22, 13), (8, 2, 1)) == [(1, 11, 13)]
    assert reductions((4, 4, 4), (4, 4, 4)) == []


@pytest.mark.parametrize("cell_kji", [(0, 0, 0), (2, 1, 2), (3, 1, 0), (1, 0, 2)])
def test_what_changes_in_a_cell_changes_its_own_token_most(cell_kji: tuple[int, int, int]) -> None:
    torch.manual_seed(0)
    grid = (4, 2, 3)
    encoder = SmallEncoder((24, 16, 24), grid, 1, 12).eval()
    for block in encoder.modules():
        if isinstance(block, Block):
            torch.nn.init.constant_(block.norm_through.weight, 0.2)
    image = torch.rand(1, 1, 24, 16, 24)
    changed = image.clone()
    k, j, i = cell_kji
    changed[0, 0, 6 * k : 6 * k + 6, 8 * j : 8 * j + 8, 8 * i : 8 * i + 8] += 0.5
    with torch.no_grad():
        apart = (encoder(changed) - encoder(image)).norm(dim=-1)[0]
    assert apart.argmax().item() == (k * grid[1] + j) * grid[2] + i


def test_a_single_bright_voxel_is_seen_in_its_cell() -> None:
    torch.manual_seed(0)
    encoder = SmallEncoder((24, 16, 24), (4, 2, 3), 1, 12).eval()
    image = 0.2 * torch.rand(1, 1, 24, 16, 24)
    changed = image.clone()
    changed[0, 0, 15, 4, 20] = 0.9
    with torch.no_grad():
        apart = (encoder(changed) - encoder(image)).norm(dim=-1)[0]
    assert apart.argmax().item() == (2 * 2 + 0) * 3 + 2
    assert apart.max() > 3 * apart.median()


def test_each_case_is_encoded_alone() -> None:
    torch.manual_seed(0)
    encoder = SmallEncoder((8, 8, 12), (4, 2, 3), 2, 12).eval()
    images = torch.rand(2, 2, 8, 8, 12)
    with torch.no_grad():
        torch.testing.assert_close(encoder(images)[1:], encoder(images[1:]))


def test_an_image_of_another_shape_is_refused() -> None:
    network = tiny_network(encoder="small", input_shape_kji=(8, 8, 12))
    with pytest.raises(ModelError, match=r"^an image of shape \(1, 2, 8, 8, 8\); expected \(cases, 2, 8, 8, 12\)$"):
        network.features(torch.zeros(1, 2, 8, 8, 8))


def test_the_encoder_of_the_shipped_size_is_small() -> None:
    with torch.device("meta"):
        encoder = SmallEncoder((96, 64, 64), (16, 8, 8), 2, 96)
    assert sum(parameter.numel() for parameter in encoder.parameters()) < 500_000
