import torch

from models.ct_searcher.step_embedding import MoveLogits, StepEmbedding


def test_moves_are_scored_by_the_way_from_the_previous_cell_along_each_axis() -> None:
    moves = MoveLogits((3, 2, 2), 6)
    with torch.no_grad():
        for axis in moves.axes:
            axis.weight.normal_(generator=torch.Generator().manual_seed(len(axis.bias)))
    states = torch.randn(1, 1, 6, generator=torch.Generator().manual_seed(1))
    previous = torch.tensor([[[1, 0, 1]]])
    found = moves(states, previous, torch.tensor([False])).reshape(3, 2, 2)
    slices, rows, columns = (axis(states)[0, 0] for axis in moves.axes)
    for k, j, i in ((0, 0, 0), (2, 1, 1), (1, 0, 1)):
        torch.testing.assert_close(found[k, j, i], slices[k - 1 + 2] + rows[j - 0 + 1] + columns[i - 1 + 1])


def test_the_first_step_has_no_move_and_an_untrained_network_has_no_leaning() -> None:
    moves = MoveLogits((3, 2, 2), 6)
    states, previous = torch.ones(1, 2, 6), torch.zeros(1, 2, 3, dtype=torch.int64)
    assert not moves(states, previous, torch.tensor([True, False])).any()
    torch.nn.init.ones_(moves.axes[0].bias)
    scores = moves(states, previous, torch.tensor([True, False]))
    assert not scores[0, 0].any()
    assert scores[0, 1].all()


def test_places_are_told_apart_within_a_cell_and_durations_beyond_the_range_are_not() -> None:
    torch.manual_seed(0)
    embed = StepEmbedding((16, 8, 8), 24)
    content, place = torch.zeros(1, 1, 24), torch.full((1, 1, 3), 0.5)
    second = torch.ones(1, 1)
    with torch.no_grad():
        here = embed(content, place, place, second)
        nearby = embed(content, place + 0.01, place, second)
        endless, longest = (embed(content, place, place, torch.full((1, 1), s)) for s in (1e9, 60.0))
    assert (here - nearby).norm() > 0.1
    assert torch.equal(endless, longest)
