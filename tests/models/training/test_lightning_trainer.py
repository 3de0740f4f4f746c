"""Lightning's trainer: devices as asked for, several processes, and a value that is no number."""

from __future__ import annotations

import warnings
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from lightning.pytorch.plugins.environments import SLURMEnvironment
from lightning.pytorch.utilities.rank_zero import rank_zero_only

from models.errors import ModelError
from models.training.lightning_trainer import (
    FiniteMonitor,
    Watch,
    device_options,
    first_device,
    fit,
    make_trainer,
    quiet_and_repeatable,
)
from models.training.table import RunTable


def test_devices_reach_the_trainer() -> None:
    assert device_options(RunTable(), "cpu") == {
        "accelerator": "cpu", "devices": 1, "num_nodes": 1, "strategy": "auto"
    }  # fmt: skip
    table = RunTable(accelerator="cpu", devices=4, nodes=2, strategy="ddp")
    assert device_options(table) == {"accelerator": "cpu", "devices": 4, "num_nodes": 2, "strategy": "ddp"}
    with pytest.raises(ModelError, match="cuda:7 cannot be used"):
        device_options(table, "cuda:7")


@pytest.mark.parametrize(
    ("table", "device", "first"),
    [
        (RunTable(accelerator="cpu"), "auto", "cpu"),
        (RunTable(accelerator="gpu", devices=(1, 0)), "cpu", "cpu"),
        (RunTable(accelerator="gpu", devices=(1, 0)), "auto", "cuda:1"),
        (RunTable(accelerator="gpu", devices=2), "auto", "cuda:0"),
        (RunTable(accelerator="cpu"), "cuda:1", "cuda:1"),
        (RunTable(), "auto", "cuda:0"),
    ],
)
def test_the_first_device_of_a_run_is_where_it_will_compute(
    monkeypatch: pytest.MonkeyPatch, table: RunTable, device: str, first: str
) -> None:
    monkeypatch.setattr("models.features.devices.why_not_cuda", lambda index=0: "")
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"GPU number {device.index}")
    assert str(first_device(table, device).torch_device) == first


def test_memory_of_a_gpu_that_runs_out_in_training_is_one_line() -> None:
    def full(*given: object, **how: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.\nTried to allocate 9 GiB")

    trainer = SimpleNamespace(fit=full, strategy=SimpleNamespace(root_device=torch.device("cuda", 1)))
    with pytest.raises(ModelError, match=r"^cuda:1 has too little memory for a batch of the training \(lower how many"):
        fit(trainer, None, None, None, None)  # type: ignore[arg-type]


def test_slurm_gives_the_trainer_its_rank_and_number_of_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rank_zero_only, "rank", 0)  # the trainer sets it for the whole process
    said = {"NTASKS": "8", "NTASKS_PER_NODE": "4", "NNODES": "2", "JOB_NAME": "train", "JOB_ID": "1", "PROCID": "5",
            "LOCALID": "1", "NODEID": "1", "NODELIST": "a,b", "JOB_NODELIST": "a,b"}  # fmt: skip
    for name, value in said.items():
        monkeypatch.setenv(f"SLURM_{name}", value)
    table = RunTable(accelerator="cpu", devices=4, nodes=2, strategy="ddp")
    with quiet_and_repeatable(), warnings.catch_warnings():
        trainer = make_trainer(
            table, tmp_path, Watch("supervised", None, None), epochs=1, monitor="val/place", mode="min", patience=None,
            batches=1,
        )  # fmt: skip
    assert isinstance(trainer.strategy.cluster_environment, SLURMEnvironment)  # type: ignore[attr-defined]
    assert (trainer.world_size, trainer.global_rank, trainer.num_nodes, trainer.num_devices) == (8, 5, 2, 4)


def test_a_run_whose_monitored_value_is_no_number_ends_with_one_line() -> None:
    trainer = SimpleNamespace(callback_metrics={"val/auroc": torch.tensor(float("nan"))}, current_epoch=2)
    with pytest.raises(ModelError, match=r"^val/auroc is nan after epoch 3 \(lower training.learning_rate"):
        FiniteMonitor("val/auroc").on_validation_end(trainer, None)  # type: ignore[arg-type]
    trainer.callback_metrics["val/auroc"] = torch.tensor(0.5)
    FiniteMonitor("val/auroc").on_validation_end(trainer, None)  # type: ignore[arg-type]
