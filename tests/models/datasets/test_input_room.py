"""Room for inputs: in memory while they fit, else in a file that goes with it and that other processes read."""

from __future__ import annotations

import errno
import gc
import pickle
from pathlib import Path

import numpy as np
import pytest

from models.datasets.input_room import InputRoom
from models.errors import ModelError

SHAPE = (3, 4, 5)
BYTES = 3 * 4 * 5 * 2


def test_what_fits_is_in_memory_and_makes_no_file(tmp_path: Path) -> None:
    room = InputRoom.make(SHAPE, folder=tmp_path, memory_bytes=BYTES, what="cases")
    assert (room.in_memory, room.inputs.shape, room.inputs.dtype) == (True, SHAPE, np.float16)
    assert not list(tmp_path.iterdir())


def test_more_is_in_a_file_that_copies_read_and_that_goes_with_the_room(tmp_path: Path) -> None:
    room = InputRoom.make(SHAPE, folder=tmp_path / "new", memory_bytes=BYTES - 1, what="cases")
    assert not room.in_memory
    room.inputs[1] = 7
    sent = pickle.dumps(room)
    assert len(sent) < 600
    copy = pickle.loads(sent)
    assert np.array_equal(copy.inputs, room.inputs)
    assert isinstance(copy.inputs, np.memmap)
    del copy
    gc.collect()
    assert len(list((tmp_path / "new").iterdir())) == 1
    del room
    gc.collect()
    assert not list((tmp_path / "new").iterdir())


def test_no_folder_for_more_than_memory_holds_is_one_line() -> None:
    with pytest.raises(ModelError, match=r"^3 volumes take 0\.0 GiB, more than 0\.0 GiB \(name a folder for them"):
        InputRoom.make(SHAPE, folder=None, memory_bytes=1, what="volumes")


def test_a_full_disk_is_one_line_and_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*given: object, **how: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np.lib.format, "open_memmap", full)
    with pytest.raises(ModelError, match="GiB cannot be written: No space left on device"):
        InputRoom.make(SHAPE, folder=tmp_path, memory_bytes=1, what="volumes")
    assert not list(tmp_path.iterdir())
