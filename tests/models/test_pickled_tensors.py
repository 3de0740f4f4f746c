"""Files of weights from elsewhere: tensors are read, code is not run, damage is one line."""

from __future__ import annotations

import os
import pickle
import random
from pathlib import Path

import pytest
import torch

from models.errors import ModelError
from models.pickled_tensors import read_tensors


class Intruder:
    """Makes a file when it is unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.target),)


@pytest.mark.parametrize("wrapper", [None, "state_dict", "model"])
def test_tensors_come_back_from_under_their_wrapper(tmp_path, wrapper):
    state = {"a.weight": torch.arange(3.0), "b": torch.ones(2, 2)}
    torch.save({wrapper: state, "epoch": 3} if wrapper else {**state, "epoch": 3}, tmp_path / "w.pt")
    found = read_tensors(tmp_path / "w.pt")
    assert list(found) == ["a.weight", "b"]
    assert torch.equal(found["a.weight"], torch.arange(3.0))


@pytest.mark.parametrize("kind", ["archive", "old archive", "bare pickle"])
def test_code_in_the_file_is_not_run(tmp_path, kind):
    held = {"a": torch.ones(2), "b": Intruder(tmp_path / "ran")}
    path = tmp_path / "w.pt"
    if kind == "bare pickle":
        path.write_bytes(pickle.dumps({"b": held["b"]}))
    else:
        torch.save(held, path, _use_new_zipfile_serialization=kind == "archive")
    with pytest.raises(ModelError) as caught:
        read_tensors(path, remedy="take another")
    assert str(caught.value) == (
        f"{path}: holds code or objects beside weights, or no weights at all; nothing of it was run (take another)"
    )
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "cannot be read as PyTorch weights"),
        (b"<html>not found</html>", "nothing of it was run"),
        (b"hello", "cannot be read as PyTorch weights"),
    ],
)
def test_what_is_no_file_of_weights_is_said(tmp_path, content, said):
    (tmp_path / "w.pt").write_bytes(content)
    with pytest.raises(ModelError, match=said):
        read_tensors(tmp_path / "w.pt")


@pytest.mark.parametrize("held", [[1, 2], {"epoch": 3}, {"state_dict": {}}, torch.ones(3)])
def test_weights_without_names_are_refused(tmp_path, held):
    torch.save(held, tmp_path / "w.pt")
    with pytest.raises(ModelError, match="holds no named tensors"):
        read_tensors(tmp_path / "w.pt")


@pytest.mark.parametrize("archive", [True, False])
def test_damage_anywhere_is_one_line_or_still_readable(tmp_path, archive):
    path = tmp_path / "w.pt"
    torch.save({"a": torch.ones(3), "b": {"c": torch.zeros(2, 2)}}, path, _use_new_zipfile_serialization=archive)
    whole = path.read_bytes()
    draw = random.Random(4)
    pickled = whole.index(b"\x80\x02}") if archive else 0
    refused = 0
    for _ in range(400):
        damaged = bytearray(whole)
        damaged[draw.randrange(pickled, min(pickled + 260, len(whole)))] = draw.randrange(256)
        path.write_bytes(damaged[: draw.randrange(len(whole)) if draw.random() < 0.1 else None])
        try:
            read_tensors(path)
        except ModelError as error:
            refused += 1
            assert "\n" not in str(error)
    assert refused > 100


@pytest.mark.parametrize("odd", [torch.ones(2, 2).to_sparse(), torch.ones(2, 2, device="meta")])
def test_tensors_without_a_place_for_their_values_are_named(tmp_path, odd):
    torch.save({"a": torch.ones(2), "b": odd}, tmp_path / "w.pt")
    with pytest.raises(ModelError, match=r"w.pt: b is no plain array of numbers"):
        read_tensors(tmp_path / "w.pt")
