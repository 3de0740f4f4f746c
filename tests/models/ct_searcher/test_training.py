"""A training run: what it writes, which epoch it keeps, that it can be stopped and resumed, and what it refuses."""

from __future__ import annotations

import csv
import signal
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from models.ct_searcher.files import load_searcher
from models.ct_searcher.training import SELF_CRITICAL, train
from models.datasets.splits import read_split
from models.errors import Cancelled, ModelError
from models.training.lightning_trainer import BEST, LAST
from models.training.result import TrainingResult, TrainingState
from models.training.run_folder import RunFolder
from models.training.stages import SUPERVISED
from tests.models.ct_searcher.trained_cases import a_split, patients, tiny

Weights = dict[str, torch.Tensor]


def weights_of(folder: Path) -> Weights:
    return dict(load_searcher(folder).network.state_dict())


def same(a: Weights, b: Weights) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def history_of(folder: Path, stage: str = SUPERVISED) -> dict[int, dict[str, float]]:
    return RunFolder(folder).checkpoint(stage, LAST)["callbacks"]["Watch"]["history"]  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[TrainingResult, list[TrainingState]]:
    """A run of three epochs."""
    told: list[TrainingState] = []
    out = tmp_path_factory.mktemp("training") / "model"
    return train(tiny(epochs=3), a_split(), out, device="cpu", progress=told.append), told


def test_a_run_writes_the_best_epochs_weights_its_configuration_and_its_split(
    finished: tuple[TrainingResult, list[TrainingState]],
) -> None:
    result, _ = finished
    names = {path.name for path in result.folder.iterdir()}
    assert names == {"model.safetensors", "card.toml", "config.toml", "split.csv", "training"}
    best = RunFolder(result.folder).checkpoint(SUPERVISED, BEST)
    assert result.best_epoch == best["epoch"] + 1
    assert all(
        torch.equal(best["state_dict"][f"network.{name}"], value) for name, value in weights_of(result.folder).items()
    )
    split = a_split()
    again = read_split(result.folder / "split.csv", [*split.train, *split.validation, *split.test])
    assert [again.patients(part) for part in ("train", "validation", "test")] == [
        ("p0", "p1", "p2"), ("p3", "p4"), ("p9",)
    ]  # fmt: skip


def test_curves_are_there_as_csv_and_for_tensorboard(finished: tuple[TrainingResult, list[TrainingState]]) -> None:
    folder = finished[0].folder / "training" / SUPERVISED / "curves_1"
    with (folder / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    validated = [row for row in rows if row["val/place"]]
    assert [int(row["epoch"]) for row in validated] == [0, 1, 2]
    assert [int(row["step"]) for row in validated] == [2, 5, 8]  # three cases, one a batch
    assert {"train/total", "train/place", "train/duration", "val/perplexity", "val/accuracy"} <= rows[0].keys()
    assert any(path.name.startswith("events.out.tfevents") for path in folder.iterdir())


def test_progress_tells_epochs_steps_and_losses(finished: tuple[TrainingResult, list[TrainingState]]) -> None:
    _, told = finished
    assert {(state.epochs, state.steps) for state in told} == {(3, 9)}
    validated = [state for state in told if state.validated]
    assert [(state.epoch, state.step) for state in validated] == [(1, 3), (2, 6), (3, 9)]
    assert all(state.values["val/place"] > 0 and state.values["train/total"] for state in validated)


def test_the_best_epoch_is_the_lowest_of_a_loss_and_the_highest_of_an_accuracy(
    finished: tuple[TrainingResult, list[TrainingState]], tmp_path: Path
) -> None:
    result, _ = finished
    history = history_of(result.folder)
    assert result.best_epoch - 1 == min(history, key=lambda epoch: history[epoch]["val/place"])
    assert result.figures == history[result.best_epoch - 1]
    up = train(tiny(epochs=4, monitor="val/accuracy", learning_rate=0.05), a_split(), tmp_path / "up", device="cpu")
    history = history_of(up.folder)
    best = max(values["val/accuracy"] for values in history.values())
    assert best > min(values["val/accuracy"] for values in history.values())
    assert up.figures["val/accuracy"] == best


def test_validation_is_by_the_validation_patients(finished: tuple[TrainingResult, list[TrainingState]]) -> None:
    """The test part's volume raises when it is opened; other validation patients give other figures."""
    split = a_split()
    other = replace(split, validation=patients(2, 5))
    result = train(tiny(epochs=3), other, finished[0].folder.parent / "other", device="cpu")
    assert history_of(result.folder)[0] != history_of(finished[0].folder)[0]
    assert split.test[0].patient == "p9"


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(
    finished: tuple[TrainingResult, list[TrainingState]], tmp_path: Path
) -> None:
    weights = weights_of(finished[0].folder)
    again = train(tiny(epochs=3), a_split(), tmp_path / "again", device="cpu")
    assert same(weights_of(again.folder), weights)
    other = train(tiny(epochs=3, seed=2), a_split(), tmp_path / "other", device="cpu")
    assert not same(weights_of(other.folder), weights)


def test_a_run_that_was_interrupted_goes_on_to_the_weights_of_one_that_was_not(
    finished: tuple[TrainingResult, list[TrainingState]], tmp_path: Path
) -> None:
    def ctrl_c(state: TrainingState) -> None:
        if state.epoch == 2 and state.step == 6 and not state.validated:
            raise KeyboardInterrupt

    on_interrupt = signal.getsignal(signal.SIGINT)
    out = tmp_path / "run"
    with pytest.raises(Cancelled, match="stopped in epoch 2; it can be resumed"):
        train(tiny(epochs=3), a_split(), out, device="cpu", progress=ctrl_c)
    assert signal.getsignal(signal.SIGINT) is on_interrupt
    assert not (out / "model.safetensors").exists()
    told: list[TrainingState] = []
    result = train(tiny(epochs=3), a_split(), out, device="cpu", resume=True, progress=told.append)
    assert [state.epoch for state in told if state.validated] == [2, 3]
    assert same(weights_of(out), weights_of(finished[0].folder))
    assert (result.best_epoch, result.figures) == (finished[0].best_epoch, finished[0].figures)


def test_the_caller_can_stop_a_run(tmp_path: Path) -> None:
    with pytest.raises(Cancelled):
        train(tiny(), a_split(), tmp_path / "run", device="cpu", cancelled=lambda: True)


def test_training_stops_when_the_monitored_value_gets_no_better(tmp_path: Path) -> None:
    config = tiny(epochs=20, patience=2, monitor="val/accuracy", learning_rate=1e-9)
    result = train(config, a_split(), tmp_path / "run", device="cpu")
    assert (result.epochs, result.best_epoch, result.stopped_early) == (3, 1, True)


def test_a_run_that_diverges_stops_with_one_line(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no numbers? in epoch|is nan|is inf") as raised:
        train(tiny(learning_rate=1e30), a_split(), tmp_path / "run", device="cpu")
    assert "lower training.learning_rate" in str(raised.value) and "\n" not in str(raised.value)


def test_nothing_is_printed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    train(tiny(epochs=1), a_split(), tmp_path / "run", device="cpu")
    assert capfd.readouterr() == ("", "")


def test_training_starts_from_a_model_of_the_same_architecture_only(
    finished: tuple[TrainingResult, list[TrainingState]], tmp_path: Path
) -> None:
    first = finished[0].folder
    still = train(tiny(epochs=1, learning_rate=1e-12), a_split(), tmp_path / "still", device="cpu", initial=first)
    ours, theirs = weights_of(still.folder), weights_of(first)
    assert all(torch.allclose(ours[name], theirs[name], atol=1e-6) for name in theirs)
    config = tiny(epochs=1)
    wide = config.model.settings.model_copy(update={"width": 24})
    wider = config.model_copy(update={"model": config.model.model_copy(update={"settings": wide})})
    with pytest.raises(ModelError, match="is another network: width 12, not 24"):
        train(wider, a_split(), tmp_path / "wider", device="cpu", initial=first)


def test_a_second_stage_samples_and_keeps_the_epoch_of_the_highest_reward(tmp_path: Path) -> None:
    config = tiny("[self_critical]\nepochs = 2\nsamples = 2", epochs=1)
    result = train(config, a_split(), tmp_path / "run", device="cpu")
    history = history_of(result.folder, SELF_CRITICAL)
    assert result.monitor == "val/reward"
    assert result.figures["val/reward"] == max(values["val/reward"] for values in history.values())


def test_what_a_folder_holds_decides_whether_a_run_may_begin_or_go_on(
    finished: tuple[TrainingResult, list[TrainingState]], tmp_path: Path
) -> None:
    config, split = tiny(epochs=3), a_split()

    def said(out: Path, *, resume: bool, **changes: object) -> str:
        asked = {"config": config, "cases": split, **changes}
        with pytest.raises(ModelError) as raised:
            train(asked["config"], asked["cases"], out, device="cpu", resume=resume)  # type: ignore[arg-type]
        return raised.value.message

    assert said(finished[0].folder, resume=False) == "is not empty"
    assert said(finished[0].folder, resume=True) == "its training is finished"
    assert said(tmp_path, resume=True) == "there is no run to resume"
    begun = tmp_path / "begun"
    with pytest.raises(Cancelled):
        train(config, split, begun, device="cpu", cancelled=lambda: True)
    assert said(begun, resume=False) == "is not empty"
    assert said(begun, resume=True, config=tiny(epochs=9, seed=7)) == "the run was started with another training.seed"
    others = replace(split, train=patients(2), validation=patients(3, 2))
    assert said(begun, resume=True, cases=others) == "the run was started with other patients in train"


def test_a_checkpoint_with_code_in_it_is_refused(tmp_path: Path) -> None:
    class Code:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return print, ("executed",)

    def ctrl_c(state: TrainingState) -> None:
        if state.epoch == 2:
            raise KeyboardInterrupt

    out = tmp_path / "run"
    with pytest.raises(Cancelled):
        train(tiny(), a_split(), out, device="cpu", progress=ctrl_c)
    torch.save({"state_dict": Code()}, out / "training" / SUPERVISED / LAST)
    with pytest.raises(ModelError, match=r"last.ckpt: cannot be read: ") as raised:
        train(tiny(), a_split(), out, device="cpu", resume=True)
    assert "\n" not in str(raised.value)


def test_half_precision_of_a_gpu_is_refused_on_a_cpu(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="16-mixed precision needs a GPU"):
        train(tiny(precision="16-mixed"), a_split(), tmp_path / "run", device="cpu")
