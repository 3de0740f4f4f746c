"""The device that is asked for, or one line why not."""

from __future__ import annotations

import warnings

import pytest
import torch

from models.errors import ModelError
from models.features.devices import choose_device, why_not_cuda


@pytest.fixture
def no_cuda(monkeypatch):
    monkeypatch.setattr(torch.version, "cuda", None)


@pytest.fixture
def two_gpus(monkeypatch):
    monkeypatch.setattr(torch.version, "cuda", "12.8")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"GPU number {device.index}")
    monkeypatch.setattr("models.features.devices._compute_on", lambda index: None)


def test_the_cpu_is_named_with_its_threads():
    device = choose_device("cpu")
    assert device.torch_device == torch.device("cpu")
    assert device.name.startswith(f"CPU ({torch.get_num_threads()} thread")
    assert not device.is_gpu


def test_auto_without_cuda_is_the_cpu(no_cuda):
    assert choose_device("auto") == choose_device("cpu")


def test_auto_takes_the_first_gpu(two_gpus):
    assert choose_device("auto").name == "GPU number 0"
    assert choose_device("auto").is_gpu


def test_a_gpu_can_be_named_by_its_number(two_gpus):
    assert choose_device("cuda").torch_device == torch.device("cuda", 0)
    assert choose_device("cuda:1").name == "GPU number 1"


def test_a_number_that_is_not_there_is_refused(two_gpus):
    with pytest.raises(ModelError, match=r"^cuda:2 cannot be used: there are 2 CUDA devices, counted from 0"):
        choose_device("cuda:2")


def test_cuda_without_cuda_says_why(no_cuda):
    with pytest.raises(ModelError) as caught:
        choose_device("cuda")
    assert str(caught.value) == (
        "cuda cannot be used: this PyTorch is built without CUDA (take the device auto or cpu)"
    )


def test_what_the_driver_complains_about_is_the_reason(monkeypatch):
    def complain() -> bool:
        warnings.warn("The NVIDIA driver on your system is too old\nmore", UserWarning, stacklevel=1)
        return False

    monkeypatch.setattr(torch.version, "cuda", "12.8")
    monkeypatch.setattr(torch.cuda, "is_available", complain)
    assert why_not_cuda() == "The NVIDIA driver on your system is too old"


def test_a_gpu_that_cannot_compute_is_not_taken_and_auto_says_so(two_gpus, monkeypatch):
    def fail(index: int) -> None:
        raise RuntimeError("CUDA error: no kernel image is available\nCompile with ...")

    monkeypatch.setattr("models.features.devices._compute_on", fail)
    assert choose_device("auto").name.endswith("; the GPU cannot be used: CUDA error: no kernel image is available")
    assert not choose_device("auto").is_gpu
    with pytest.raises(ModelError, match="cuda cannot be used: CUDA error"):
        choose_device("cuda")


@pytest.mark.parametrize("name", ["gpu", "cuda:", "cuda:x", "mps", ""])
def test_an_unknown_name_is_refused(name):
    with pytest.raises(ModelError, match=r"no such device.*one of auto, cpu, cuda, cuda:0"):
        choose_device(name)
