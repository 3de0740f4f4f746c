"""Published weights of the field's networks as named tensors; no code of a file is run."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from models.errors import ModelError
from models.pickled_tensors import read_tensors

PREFIXES = ("model.", "module.", "network.")
"""What training frameworks put before the names of a network's parameters."""
NPZ_WEIGHTS = "weights/"
LARGEST_ARRAY = 1 << 31
_REMEDY = "name a published checkpoint: .ckpt, .pt, .pth, or .npz with weights/<name>"


def read_checkpoint(path: Path) -> dict[str, Tensor]:
    """The tensors of a checkpoint without the prefix of the framework that trained it.

    Parameters
    ----------
    path
        ``.ckpt``, ``.pt``, ``.pth``: a state dict, alone or under ``state_dict`` or ``model``. ``.npz``: arrays called
        ``weights/<name>``.

    Raises
    ------
    ModelError
        One line: missing, damaged, holding code or no tensors.
    """
    path = Path(path)
    found = _read_npz(path) if path.suffix.lower() == ".npz" else read_tensors(path, remedy=_REMEDY)
    for prefix in PREFIXES:
        if all(name.startswith(prefix) for name in found):
            found = {name.removeprefix(prefix): value for name, value in found.items()}
    inside = {name.removeprefix("model."): value for name, value in found.items() if name.startswith("model.")}
    # A Lightning checkpoint may hold its loss's tensors beside the network's.
    return inside or found


def _read_npz(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise ModelError("no such file", place=str(path), remedy=_REMEDY)
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            names = [name for name in file.files if name.startswith(NPZ_WEIGHTS)]
            if any(entry.file_size > LARGEST_ARRAY for entry in file.zip.infolist()):
                raise ModelError("holds an array too large for weights", place=str(path), remedy=_REMEDY)
            arrays = {name.removeprefix(NPZ_WEIGHTS): file[name] for name in names}
    except (OSError, ValueError, EOFError, KeyError, TypeError, AttributeError, zipfile.BadZipFile) as error:
        what = (
            "holds objects, which may be code; nothing of it was run"
            if "pickle" in str(error).lower()
            else ("cannot be read as .npz: damaged or of another format")
        )
        raise ModelError(what, place=str(path), remedy=_REMEDY) from error
    if not arrays:
        raise ModelError("holds no arrays called weights/<name>", place=str(path), remedy=_REMEDY)
    wrong = next((name for name, array in arrays.items() if array.dtype.kind not in "fiu"), None)
    if wrong is not None:
        raise ModelError(f"{wrong} holds no numbers", place=str(path), remedy=_REMEDY)
    return {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in arrays.items()}
