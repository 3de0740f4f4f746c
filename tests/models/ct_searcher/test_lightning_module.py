"""One training step: which row belongs to which case, what the network is told, how fast it learns, and batches."""

from __future__ import annotations

from math import cos, pi

import pytest
import torch

from models.ct_searcher.batches import Batch, loader
from models.ct_searcher.config import AugmentationTable, TrainingTable
from models.ct_searcher.lightning_module import SearcherTraining, noisy
from models.ct_searcher.losses import Losses
from models.ct_searcher.network import CtSearcher
from models.ct_searcher.schedule import learning_rate_shares
from models.datasets.prepared import PreparedCases
from models.errors import ModelError
from tests.models.ct_searcher.trained_cases import patients, tiny_settings


@pytest.fixture(scope="module")
def prepared() -> PreparedCases:
    return PreparedCases(patients(3), tiny_settings())


@pytest.fixture
def module() -> SearcherTraining:
    torch.manual_seed(0)
    made = SearcherTraining(CtSearcher(tiny_settings(dropout=0.0)), TrainingTable())
    made.log = lambda *_, **__: None  # type: ignore[method-assign]
    return made


def batch_of(prepared: PreparedCases, cases_per_batch: int = 3) -> Batch:
    return next(iter(loader(prepared, paths_per_case=None, cases_per_batch=cases_per_batch, seed=1)))


def test_a_batch_holds_every_path_of_its_cases_and_is_as_long_as_the_longest(prepared: PreparedCases) -> None:
    batch = batch_of(prepared)
    assert batch.inputs.shape == (3, 2, 4, 4, 4)
    assert batch.rows.tolist() == [0, 0, 1, 1, 2, 2]
    assert batch.reader.tolist() == [0, 1] * 3
    assert batch.steps.cells.shape == (6, 9)  # 8 fixations and their stop
    assert batch.scored.sum(1).tolist() == [8, 9] * 3
    assert batch.fixated.sum(1).tolist() == [7, 8] * 3


def test_paths_are_drawn_anew_each_epoch_and_the_same_again_for_the_same_seed(prepared: PreparedCases) -> None:
    def readers(seed: int, epoch: int) -> list[int]:
        batches = loader(prepared, paths_per_case=1, cases_per_batch=3, seed=seed)
        batches.sampler.set_epoch(epoch)  # type: ignore[attr-defined]
        batch: Batch = next(iter(batches))
        return [*batch.cases.tolist(), *batch.reader.tolist()]

    drawn = [readers(1, epoch) for epoch in range(8)]
    assert drawn == [readers(1, epoch) for epoch in range(8)]
    assert len({tuple(one) for one in drawn}) > 4
    assert drawn != [readers(2, epoch) for epoch in range(8)]


def test_more_paths_than_there_are_repeat_only_when_all_were_drawn(prepared: PreparedCases) -> None:
    batch: Batch = next(iter(loader(prepared, paths_per_case=5, cases_per_batch=1, seed=1)))
    assert sorted(batch.reader.tolist()) in ([0, 0, 0, 1, 1], [0, 0, 1, 1, 1])


def test_processes_share_the_cases(prepared: PreparedCases) -> None:
    seen = []
    for rank in range(3):
        batches = loader(prepared, paths_per_case=1, cases_per_batch=1, seed=1, rank=rank, processes=3)
        seen += [int(batch.cases[0]) for batch in batches]
    assert sorted(seen) == [0, 1, 2]


def test_the_loss_of_a_batch_is_that_of_its_cases_one_by_one(prepared: PreparedCases, module: SearcherTraining) -> None:
    def losses(batch: Batch) -> Losses:
        return module.losses(batch, module.encode(batch, batch.inputs))[0]

    whole = losses(batch_of(prepared))
    singles = [losses(batch) for batch in loader(prepared, paths_per_case=None, cases_per_batch=1, seed=1)]
    assert whole.total.item() == pytest.approx(sum(one.total.item() for one in singles) / 3, rel=1e-5)
    assert whole.dwell.item() > 0 and whole.offset.item() != 0


def test_each_path_is_told_its_own_reader_and_dropped_readers_are_not_told(
    prepared: PreparedCases, module: SearcherTraining
) -> None:
    batch = batch_of(prepared)
    told = module.encode(batch, batch.inputs).told
    untold = module.encode(batch, batch.inputs, dropout=1.0).told
    assert told is not None and untold is not None
    assert torch.equal(told[0], told[2]) and not torch.equal(told[0], told[1])
    assert torch.equal(untold[0], untold[1])


def test_training_makes_the_loss_smaller(prepared: PreparedCases, module: SearcherTraining) -> None:
    optimizer = torch.optim.Adam(module.parameters(), 0.01)
    batch = batch_of(prepared)
    losses = []
    for number in range(20):
        optimizer.zero_grad()
        loss = module.training_step(batch, number)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] - 0.5


def test_a_loss_that_is_no_number_stops_with_what_to_do(prepared: PreparedCases, module: SearcherTraining) -> None:
    with torch.no_grad():
        module.network.duration_mu[2].bias.fill_(torch.nan)
    with pytest.raises(ModelError, match=r"the loss is nan in epoch 1, batch 1 \(lower training.learning_rate"):
        module.training_step(batch_of(prepared), 0)


def test_the_learning_rate_rises_over_the_warm_up_and_falls_to_zero_at_the_last_step() -> None:
    linear = learning_rate_shares("linear", 100, 0.1)
    assert [linear(step) for step in (0, 4, 10, 55, 100)] == pytest.approx([1 / 11, 5 / 11, 1, 0.5, 0])
    cosine = learning_rate_shares("cosine", 100, 0.0)
    assert [cosine(step) for step in (0, 25, 100, 101)] == pytest.approx([1, 0.5 + 0.5 * cos(pi / 4), 0, 0])
    assert learning_rate_shares("constant", 10, 0.2)(9) == 1


def test_noise_keeps_images_in_range_and_none_leaves_them_alone() -> None:
    image = torch.rand(2, 2, 4, 4, 4)
    assert noisy(image, AugmentationTable()) is image
    changed = noisy(image, AugmentationTable(shift=0.1, noise=0.1))
    assert torch.equal(changed, changed.clamp(0, 1)) and not torch.equal(changed, image)
    shifted = noisy(torch.full((2, 1, 3, 3, 3), 0.5), AugmentationTable(shift=0.01))
    first, second = shifted
    assert first.min() == first.max() != second.max()
