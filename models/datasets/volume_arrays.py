"""Volumes that are bare arrays in .npz files, whose axes and spacing the data set says elsewhere."""

from __future__ import annotations

import zlib
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from models.errors import ModelError
from models.volumes import CtVolume

NAMES = ("ct", "arr_0")
"""Arrays that hold a volume: Rad-ChestCT's, and what `numpy.savez` calls one without a name."""
MOST_VOXELS = 2**31
_DIRECTIONS = {"L": (1, 0, 0), "R": (-1, 0, 0), "P": (0, 1, 0), "A": (0, -1, 0), "S": (0, 0, 1), "I": (0, 0, -1)}
_REMEDY = "restore it from a copy"


def read_npz_volume(
    path: Path, *, axes: str, spacing_mm: tuple[float, float, float], case: str = "", patient: str = ""
) -> CtVolume:
    """A volume of Hounsfield units; its origin is at 0.

    Parameters
    ----------
    axes
        Where the array's first, second and third axis run to: of each pair L or R, P or A, S or I one.
    spacing_mm
        Distance of voxels along them.

    Raises
    ------
    ModelError
        Missing, damaged, holding objects, no array of a volume.
    """
    if len(axes) != 3 or not all(any(letter in pair for letter in axes) for pair in ("LR", "PA", "SI")):
        raise ValueError(f"axes {axes!r} are not three directions of a body")
    values = _read(Path(path))
    affine = np.eye(4)
    # Array axes are k, j, i; the affine's columns are i, j, k.
    for column, (letter, step) in enumerate(zip(reversed(axes), reversed(spacing_mm), strict=True)):
        affine[:3, column] = np.array(_DIRECTIONS[letter]) * step
    return CtVolume(values, affine, case, patient)


def _read(path: Path) -> NDArray[np.int16] | NDArray[np.float32]:
    place = path.name
    if not path.is_file():
        raise ModelError("this file is missing", place=place, remedy="put it there")
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            names = [name for name in NAMES if name in file.files] or file.files
            if len(names) != 1:
                raise ModelError(
                    f"holds {len(file.files)} arrays, none called {' or '.join(NAMES)}", place=place, remedy=_REMEDY
                )
            _check_header(file, names[0], place)
            values = file[names[0]]
    except (OSError, ValueError, EOFError, KeyError, TypeError, AttributeError, BadZipFile, zlib.error) as error:
        what = (
            "holds objects, which may be code; nothing of it was run"
            if "pickle" in str(error).lower()
            else "cannot be read as .npz: damaged or of another format"
        )
        raise ModelError(what, place=place, remedy=_REMEDY) from error
    if values.dtype == np.int16:
        return values
    if values.dtype.kind == "f":
        return values.astype(np.float32)
    return values.astype(np.int16) if np.can_cast(values.dtype, np.int16) else values.astype(np.float32)


def _check_header(file: np.lib.npyio.NpzFile, name: str, place: str) -> None:
    """Shape and type, before any voxel is read: a header may claim more than memory holds."""
    assert file.zip is not None
    with file.zip.open(f"{name}.npy") as stream:
        version = npy.read_magic(stream)
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, _, dtype = read(stream)
    if len(shape) != 3 or dtype.kind not in "iuf" or not 1 <= np.prod(shape, dtype=np.float64) <= MOST_VOXELS:
        raise ModelError(
            f"{name} is {dtype} {' x '.join(map(str, shape))[:60]}, no volume of numbers", place=place, remedy=_REMEDY
        )
