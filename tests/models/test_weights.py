"""Weights are taken only from whole safetensors with the network's own names, shapes and kinds, all finite."""

from __future__ import annotations

import json
import pickle
import struct
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from models.errors import ModelError
from models.weights import load_weights, save_weights

EXPECTED = {"a.weight": torch.zeros(2, 3), "b": torch.zeros(4)}
GOOD = {"a.weight": torch.arange(6.0).reshape(2, 3), "b": torch.ones(4)}


def refused(path: Path) -> str:
    with pytest.raises(ModelError) as caught:
        load_weights(path, EXPECTED)
    line = str(caught.value)
    assert "\n" not in line
    assert line.startswith(str(path))
    return line


def test_weights_come_back_bit_for_bit(tmp_path: Path):
    save_weights(tmp_path / "w", GOOD)
    found = load_weights(tmp_path / "w", EXPECTED)
    assert {name: tensor.tolist() for name, tensor in found.items()} == {n: t.tolist() for n, t in GOOD.items()}


def test_half_precision_serves_and_becomes_float32(tmp_path: Path):
    save_file({name: tensor.half() for name, tensor in GOOD.items()}, tmp_path / "w")
    found = load_weights(tmp_path / "w", EXPECTED)
    assert found["a.weight"].dtype == torch.float32
    assert found["a.weight"].tolist() == GOOD["a.weight"].tolist()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"b": None}, "lacks the tensor b"),
        ({"c": torch.ones(1)}, "holds the tensor c, which this network has not"),
        ({"b": torch.ones(5)}, r"b has the shape \(5,\); the card's network has \(4,\)"),
        ({"b": torch.ones(4, dtype=torch.int64)}, "b is I64; expected float32"),
        ({"b": torch.tensor([0.0, 1.0, torch.nan, 0.0])}, "b holds values that are no numbers"),
        ({"b": torch.tensor([0.0, 1.0, torch.inf, 0.0])}, "b holds values that are no numbers"),
    ],
)
def test_what_is_not_this_networks_names_the_tensor(tmp_path: Path, change, said: str):
    save_file({n: t for n, t in {**GOOD, **change}.items() if t is not None}, tmp_path / "w")
    with pytest.raises(ModelError, match=said):
        load_weights(tmp_path / "w", EXPECTED)


def test_every_truncation_is_one_line(tmp_path: Path):
    save_weights(tmp_path / "whole", GOOD)
    whole = (tmp_path / "whole").read_bytes()
    for length in (0, 4, 8, 20, len(whole) // 2, len(whole) - 1):
        (tmp_path / "w").write_bytes(whole[:length])
        assert "is no whole safetensors file" in refused(tmp_path / "w")


def test_pickles_and_monstrous_headers_are_refused(tmp_path: Path):
    path = tmp_path / "w"
    header = json.dumps({"b": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}}).encode()
    for content in (
        pickle.dumps({"a": 1}),
        struct.pack("<Q", 2**62) + b"{}",
        struct.pack("<Q", len(header)) + header,
        struct.pack("<Q", 3) + b"\xff\xff\xff",
    ):
        path.write_bytes(content)
        assert "is no whole safetensors file" in refused(path)


def test_a_missing_file_says_so(tmp_path: Path):
    assert "there is no such file" in refused(tmp_path / "missing")


def test_weights_that_are_no_numbers_are_not_written(tmp_path: Path):
    with pytest.raises(ModelError, match="b holds values that are no numbers"):
        save_weights(tmp_path / "w", {"b": torch.tensor([torch.nan])})
    assert not (tmp_path / "w").exists()
