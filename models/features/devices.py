"""Which device computes, and what to call it."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from models.errors import ModelError


@dataclass(frozen=True)
class Device:
    """A device that works.

    Attributes
    ----------
    torch_device
        For `Module.to`.
    name
        For people: ``CPU (2 threads)`` or the GPU's name; says why a GPU that is there is not used.
    """

    torch_device: torch.device
    name: str

    @property
    def is_gpu(self) -> bool:
        """Not the CPU."""
        return self.torch_device.type != "cpu"


def choose_device(wanted: str = "auto") -> Device:
    """A device by name.

    Parameters
    ----------
    wanted
        ``auto``: the first CUDA GPU that can compute, otherwise the CPU. ``cpu``. ``cuda`` or ``cuda:N``.

    Raises
    ------
    ModelError
        CUDA is asked for and cannot be used, or the name means nothing.
    """
    if wanted == "cpu":
        return Device(torch.device("cpu"), _cpu_name())
    match = re.fullmatch(r"cuda(?::(\d{1,3}))?", wanted)
    if wanted != "auto" and not match:
        raise ModelError(f"no such device: {wanted!r}", remedy="one of auto, cpu, cuda, cuda:0")
    index = int(match[1]) if match and match[1] else 0
    reason = why_not_cuda(index)
    if not reason:
        device = torch.device("cuda", index)
        return Device(device, torch.cuda.get_device_name(device))
    if wanted != "auto":
        raise ModelError(f"{wanted} cannot be used: {reason}", remedy="take the device auto or cpu")
    there = torch.version.cuda is not None and _count() > 0
    return Device(torch.device("cpu"), f"{_cpu_name()}; the GPU cannot be used: {reason}" if there else _cpu_name())


@contextmanager
def memory_in_words(device: str, *, what: str, place: str = "", remedy: str = "take the device cpu") -> Iterator[None]:
    """A GPU's memory that runs out inside is one line.

    Parameters
    ----------
    device
        Its name, for people.
    what
        That it has too little memory for.

    Raises
    ------
    ModelError
        In place of torch's error.
    """
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise ModelError(f"{device} has too little memory for {what}", place=place, remedy=remedy) from error


def why_not_cuda(index: int = 0) -> str:
    """Why a CUDA device cannot compute; empty when it can."""
    if torch.version.cuda is None:
        return "this PyTorch is built without CUDA"
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        available = torch.cuda.is_available()
    if not available:
        return _first_line(said[0].message) if said else "no NVIDIA GPU with a driver was found"
    if index >= _count():
        return f"there are {_count()} CUDA devices, counted from 0"
    try:
        _compute_on(index)
    except RuntimeError as error:
        return _first_line(error)
    return ""


def _compute_on(index: int) -> None:
    torch.ones(2, device=torch.device("cuda", index)).sum().item()


def _cpu_name() -> str:
    threads = torch.get_num_threads()
    return f"CPU ({threads} thread{'' if threads == 1 else 's'})"


def _count() -> int:
    return torch.cuda.device_count()


def _first_line(said: Warning | Exception | str) -> str:
    return str(said).strip().splitlines()[0]
