"""Tensors of published checkpoints, whatever framework wrapped them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from models.checkpoints import read_checkpoint
from models.errors import ModelError

WEIGHTS = {"conv.weight": torch.ones(2, 3), "conv.bias": torch.zeros(2)}


def test_tensors_of_a_loss_beside_the_network_are_left_out(tmp_path: Path):
    named = {f"model.{name}": tensor for name, tensor in WEIGHTS.items()} | {"loss.weight": torch.ones(3)}
    torch.save({"state_dict": named}, tmp_path / "last.ckpt")
    assert set(read_checkpoint(tmp_path / "last.ckpt")) == set(WEIGHTS)


def test_one_array_without_names_is_one_line(tmp_path: Path):
    with (tmp_path / "w.npz").open("wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(ModelError, match=r"cannot be read as \.npz"):
        read_checkpoint(tmp_path / "w.npz")


@pytest.mark.parametrize("name", ["w.npz", "w.pt"])
def test_a_file_that_holds_no_tensors_is_one_line_that_says_what_does(tmp_path: Path, name: str):
    (tmp_path / name).write_bytes(b"PK\x03\x04rest")
    with pytest.raises(ModelError) as caught:
        read_checkpoint(tmp_path / name)
    assert str(caught.value).startswith(str(tmp_path / name))
    assert "name a published checkpoint: .ckpt, .pt, .pth, or .npz" in str(caught.value)
