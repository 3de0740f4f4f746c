"""Weights of a network from safetensors, checked against the network before any is used; no pickle."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from models.errors import ModelError

_DTYPES = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "I64": torch.int64}
_AGAIN = "take the model again from where it came"


def load_weights(path: Path, expected: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of a safetensors file.

    Parameters
    ----------
    expected
        What the network has (`state_dict`): the file must hold these names and shapes, no others, of the same dtype;
        float16 and bfloat16 serve where float32 is expected, and become it.

    Raises
    ------
    ModelError
        A missing, truncated or foreign file, wrong names, shapes or dtypes, values that are no numbers; the line names
        file and tensor.
    """
    path = Path(path)
    _require(path)
    try:
        with safe_open(path, framework="pt") as file:
            names = set(file.keys())
            _check_names(path, names, set(expected))
            for name, wanted in expected.items():
                part = file.get_slice(name)
                _check_kind(path, name, tuple(part.get_shape()), part.get_dtype(), wanted)
            return {name: _finite(path, name, file.get_tensor(name), wanted) for name, wanted in expected.items()}
    except SafetensorError as error:
        raise ModelError(f"is no whole safetensors file: {_reason(error)}", place=str(path), remedy=_AGAIN) from error
    except OSError as error:
        raise ModelError(f"cannot be read: {error.strerror or error}", place=str(path)) from error


def save_weights(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write safetensors; raises `ModelError` when the folder refuses or a value is no number."""
    whole = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    for name, tensor in whole.items():
        _finite(path, name, tensor, tensor)
    try:
        save_file(whole, path)
    except (OSError, SafetensorError) as error:
        raise ModelError(
            f"cannot be written: {_reason(error)}", place=str(path), remedy="check rights and space"
        ) from (error)


def file_sha256(path: Path) -> str:
    """SHA-256 of a file; raises `ModelError` when there is none or it cannot be read."""
    path = Path(path)
    _require(path)
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(f"cannot be read: {error.strerror or error}", place=str(path)) from error


def _require(path: Path) -> None:
    if not path.is_file():
        raise ModelError("there is no such file", place=str(path), remedy=_AGAIN)


def _check_names(path: Path, names: set[str], expected: set[str]) -> None:
    missing, more = sorted(expected - names), sorted(names - expected)
    if missing:
        raise ModelError(f"lacks the tensor {missing[0]}{_others(missing)}", place=str(path), remedy=_AGAIN)
    if more:
        raise ModelError(
            f"holds the tensor {more[0][:100]}{_others(more)}, which this network has not",
            place=str(path),
            remedy=_AGAIN,
        )


def _check_kind(path: Path, name: str, shape: tuple[int, ...], dtype: str, wanted: Tensor) -> None:
    if shape != tuple(wanted.shape):
        raise ModelError(
            f"{name} has the shape {shape}; the card's network has {tuple(wanted.shape)}",
            place=str(path),
            remedy=_AGAIN,
        )
    found = _DTYPES.get(dtype)
    shorter = wanted.dtype == torch.float32 and found in (torch.float16, torch.bfloat16)
    if found != wanted.dtype and not shorter:
        raise ModelError(
            f"{name} is {dtype}; expected {str(wanted.dtype).removeprefix('torch.')}", place=str(path), remedy=_AGAIN
        )


def _finite(path: Path, name: str, tensor: Tensor, wanted: Tensor) -> Tensor:
    if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
        raise ModelError(f"{name} holds values that are no numbers", place=str(path), remedy=_AGAIN)
    return tensor.to(wanted.dtype)


def _others(names: list[str]) -> str:
    return f" and {len(names) - 1} more" if len(names) > 1 else ""


def _reason(error: Exception) -> str:
    text = str(error).strip()
    return (text.splitlines()[0] if text else type(error).__name__)[:160]
