"""A run of one stage: which weights it leaves, that it goes on where it stopped, and what it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightning
import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from models.datasets.labelled_case import LabelledCase
from models.datasets.splits import Split
from models.errors import Cancelled, ModelError
from models.training.card import training_card
from models.training.result import TrainingResult, TrainingState
from models.training.run_folder import RunFolder
from models.training.sampling import ShuffledSampler
from models.training.single_run import train_network
from models.training.table import NamedTable, RunConfig, RunTable, Table
from models.volumes import CtVolume


class Config(RunConfig):
    """Of a network that learns to multiply."""

    data: Table = Table()


class Multiplying(lightning.LightningModule):
    """A line through noisy points, with dropout, so that the order and the seed matter."""

    def __init__(self, network: nn.Module, rate: float) -> None:
        super().__init__()
        self.network, self.rate = network, rate

    def training_step(self, batch: list[Tensor], number: int) -> Tensor:
        """Squared error."""
        loss = self._loss(batch)
        self.log("train/loss", loss)
        return loss

    def validation_step(self, batch: list[Tensor], number: int) -> None:
        """Logs it."""
        self.log("val/loss", self._loss(batch), on_epoch=True)

    def on_validation_epoch_end(self) -> None:
        """A value that is best in the middle."""
        self.log("val/hump", -float((self.current_epoch - 1) ** 2))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Plain descent."""
        return torch.optim.SGD(self.parameters(), lr=self.rate)

    def _loss(self, batch: list[Tensor]) -> Tensor:
        inputs, wanted = batch
        return ((self.network(inputs) - wanted) ** 2).mean()


def a_config(**training: Any) -> Config:
    table = RunTable(**{"epochs": 4, "learning_rate": 0.05, "accelerator": "cpu", **training})
    return Config(model=NamedTable(name="line", version="1", limits=("a test",), licence="Apache-2.0"), training=table)


def a_case(code: str) -> LabelledCase:
    def refuse() -> CtVolume:
        raise AssertionError("opened")

    return LabelledCase(code, code, "simulated", f"{code}.csv", {"nodule": 1}, refuse)


A_SPLIT = Split((a_case("a"), a_case("b")), (a_case("c"),), (a_case("d"),), seed=1)


def run(out: Path, config: Config, *, mode: Any = "min", split: Any = A_SPLIT, **options: Any) -> TrainingResult:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Dropout(0.2), nn.Linear(3, 1))
    rng = np.random.default_rng(1)
    inputs = torch.tensor(rng.normal(size=(12, 3)), dtype=torch.float32)
    points = TensorDataset(inputs, inputs.sum(1, keepdim=True))
    train = DataLoader(points, batch_size=4, sampler=ShuffledSampler(12, config.training.seed))
    found = train_network(
        network, lambda: Multiplying(network, config.training.learning_rate), train, DataLoader(points, batch_size=12),
        config=config, split=split, out=out, mode=mode, device="cpu", **options,
    )  # fmt: skip
    assert not network.training
    torch.save(network.state_dict(), out / "end.pt")
    return found


def weights(folder: Path) -> dict[str, Tensor]:
    return dict(torch.load(folder / "end.pt", weights_only=True))


def test_the_best_epoch_by_the_validation_value_is_kept(tmp_path: Path) -> None:
    low = run(tmp_path / "low", a_config())
    assert (low.best_epoch, low.monitor, low.epochs) == (4, "val/loss", 4)
    high = run(tmp_path / "high", a_config(monitor="val/hump"), mode="max")
    assert (high.best_epoch, high.figures["val/hump"]) == (2, 0.0)
    best = RunFolder(tmp_path / "high").checkpoint("supervised", "best.ckpt")["state_dict"]
    ours = weights(tmp_path / "high")
    assert all(torch.equal(best[f"network.{name}"], value) for name, value in ours.items())
    assert not torch.equal(ours["1.weight"], weights(tmp_path / "low")["1.weight"])


def test_a_run_writes_its_configuration_its_split_and_its_curves(tmp_path: Path) -> None:
    told: list[TrainingState] = []
    run(tmp_path / "run", a_config(epochs=2), progress=told.append)
    assert {path.name for path in (tmp_path / "run").iterdir()} == {"config.toml", "split.csv", "training", "end.pt"}
    assert (tmp_path / "run" / "split.csv").read_text().splitlines()[1:] == [
        "train,a,a,simulated,1", "train,b,b,simulated,1", "validation,c,c,simulated,1", "test,d,d,simulated,1"
    ]  # fmt: skip
    assert (tmp_path / "run" / "training" / "supervised" / "curves_1" / "metrics.csv").is_file()
    assert [(state.epoch, state.step, state.steps) for state in told if state.validated] == [(1, 3, 6), (2, 6, 6)]


def test_a_resumed_run_ends_at_the_weights_of_one_that_was_never_stopped(tmp_path: Path) -> None:
    whole = run(tmp_path / "whole", a_config())

    def stop(state: TrainingState) -> None:
        if state.epoch == 3 and not state.validated:
            raise KeyboardInterrupt

    with pytest.raises(Cancelled, match="stopped in epoch 3"):
        run(tmp_path / "stopped", a_config(), progress=stop)
    again = run(tmp_path / "stopped", a_config(), resume=True)
    assert (again.best_epoch, again.figures) == (whole.best_epoch, whole.figures)
    first, second = weights(tmp_path / "whole"), weights(tmp_path / "stopped")
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_the_same_seed_trains_the_same_and_another_does_not(tmp_path: Path) -> None:
    for name, seed in (("one", 1), ("two", 1), ("three", 2)):
        run(tmp_path / name, a_config(seed=seed, epochs=2))
    one, two, three = (weights(tmp_path / name)["1.weight"] for name in ("one", "two", "three"))
    assert torch.equal(one, two)
    assert not torch.equal(one, three)


def test_what_cannot_go_on_is_one_line(tmp_path: Path) -> None:
    run(tmp_path / "run", a_config(epochs=1))
    (tmp_path / "run" / "end.pt").unlink()
    with pytest.raises(ModelError, match="is not empty"):
        run(tmp_path / "run", a_config(epochs=1))
    with pytest.raises(ModelError, match=r"the run was started with another training\.seed"):
        run(tmp_path / "run", a_config(epochs=1, seed=5), resume=True)
    leak = Split((a_case("a"),), (a_case("a"),), ())
    with pytest.raises(ModelError, match=r"patient a is in train .* and in validation"):
        run(tmp_path / "leak", a_config(), split=leak)
    with pytest.raises(ModelError, match=r"lower training\.learning_rate"):
        run(tmp_path / "wild", a_config(learning_rate=1e30))


def test_every_case_comes_once_an_epoch_in_another_order() -> None:
    sampler = ShuffledSampler(8, seed=3)
    orders = []
    for epoch in range(3):
        sampler.set_epoch(epoch)
        orders.append(list(sampler))
        assert sorted(orders[-1]) == list(range(8))
    assert orders[0] != orders[1] != orders[2]


def test_the_card_says_how_many_patients_and_which_recipe() -> None:
    card = training_card(a_config(), A_SPLIT, data="Made.", seeds=(1, 2))
    assert card.patients == {"train": 2, "validation": 1, "test": 1}
    assert len(card.recipe_sha256) == 64
    assert card.recipe_sha256 != training_card(a_config(epochs=9), A_SPLIT, data="Made.", seeds=()).recipe_sha256
