"""Tensors from files as PyTorch pickles them, without running anything that such a file says."""

from __future__ import annotations

import pickle
import struct
import warnings
from pathlib import Path

import torch
from torch import Tensor

from models.errors import ModelError

_DAMAGED = (
    RuntimeError,
    EOFError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    AssertionError,
    OSError,
    struct.error,
)
"""What PyTorch's restricted unpickler lets through when bytes are wrong: each was seen with damaged files."""

_WRAPPERS = ("state_dict", "model", "network")


def read_tensors(path: Path, *, remedy: str = "") -> dict[str, Tensor]:
    """The named tensors of a file: a dictionary of them, alone or under ``state_dict``, ``model`` or ``network``.

    Parameters
    ----------
    path
        ``.pt``, ``.pth`` or ``.ckpt``.
    remedy
        What to do when it is not right.

    Raises
    ------
    ModelError
        It is not there, holds code or objects, is damaged, of another format, or holds no named tensors.
    """
    if not path.is_file():
        raise ModelError("no such file", place=str(path), remedy=remedy)
    with warnings.catch_warnings():
        # PyTorch warns of pickle protocols and archives that it refuses right after.
        warnings.simplefilter("ignore", UserWarning)
        try:
            read = torch.load(path, map_location="cpu", weights_only=True)
        except pickle.UnpicklingError as error:
            raise ModelError(
                "holds code or objects beside weights, or no weights at all; nothing of it was run",
                place=str(path),
                remedy=remedy,
            ) from error
        except _DAMAGED as error:
            raise ModelError(
                "cannot be read as PyTorch weights: damaged or of another format", place=str(path), remedy=remedy
            ) from error
    if isinstance(read, dict):
        read = next((read[name] for name in _WRAPPERS if isinstance(read.get(name), dict)), read)
        tensors = {str(name): value for name, value in read.items() if isinstance(value, Tensor)}
        odd = next((name for name, value in tensors.items() if not _is_plain(value)), None)
        if odd is not None:
            raise ModelError(f"{odd[:100]} is no plain array of numbers", place=str(path), remedy=remedy)
        if tensors:
            return tensors
    raise ModelError("holds no named tensors", place=str(path), remedy=remedy)


def _is_plain(tensor: Tensor) -> bool:
    """With a place in memory for its values: not sparse, quantised or without values."""
    return tensor.layout == torch.strided and tensor.device.type == "cpu" and not tensor.is_quantized
