"""Volumes from NIfTI files, as models take them."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import ModelError
from models.volumes import CtVolume, PictureVolume

LPS_FROM_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
MOST_VOXELS = 2**31
"""Two thousand slices of 1024 x 1024; a header that claims more is broken."""
_REMEDY = "write it with its affine"


def read_nifti_volume(path: Path, case: str = "", patient: str = "") -> CtVolume:
    """A CT from NIfTI; array index (i, j, k) is column, row, slice as in the file, so that its gaze keeps its meaning.

    Raises
    ------
    ModelError
        When the file is missing, no NIfTI, damaged, or holds no volume with a place in millimetres.
    """
    values, affine_lps = _read(Path(path), "Hounsfield units")
    try:
        return CtVolume(values, affine_lps, case, patient)
    except ModelError as error:
        raise ModelError(error.message, place=Path(path).name, remedy=_REMEDY) from error


def read_nifti_pictures(path: Path, case: str = "", patient: str = "") -> PictureVolume:
    """Slices whose values are no Hounsfield units (MR), in the order of the file; raises as `read_nifti_volume`."""
    values, affine_lps = _read(Path(path), "grey values")
    return PictureVolume(values, affine_lps, case, patient)


def _read(path: Path, unit: str) -> tuple[NDArray[np.int16] | NDArray[np.float32], NDArray[np.float64]]:
    """(K, J, I) values and the affine."""
    import nibabel as nib

    faults = (
        OSError, EOFError, ValueError, TypeError, LookupError, OverflowError, zlib.error,
        nib.filebasedimages.ImageFileError, nib.spatialimages.HeaderDataError,
    )  # fmt: skip
    if not path.is_file():
        raise ModelError("this file is missing", place=path.name, remedy="put it there")
    try:
        if path.name.lower().endswith(".gz"):
            _check_whole(path)
        image: Any = nib.load(path)
        shape = tuple(int(size) for size in image.shape)
        if len(shape) != 3 or not 1 <= np.prod(shape, dtype=np.float64) <= MOST_VOXELS:
            raise ModelError(
                f"has the sizes {' x '.join(map(str, shape))[:60]}, not the three of a volume",
                place=path.name,
                remedy="write one volume",
            )
        values = np.asanyarray(image.dataobj)
    except faults as error:
        raise ModelError(
            f"cannot be read as NIfTI ({type(error).__name__})", place=path.name, remedy="restore it from a copy"
        ) from error
    if values.dtype.kind not in "iuf":
        raise ModelError(f"its voxels are {values.dtype}, not {unit}", place=path.name)
    return _smallest(values.transpose(2, 1, 0)), LPS_FROM_RAS @ np.asarray(image.affine, dtype=np.float64)


def _smallest(values_kji: Any) -> Any:
    """int16 where nothing is lost by it, else float32."""
    if values_kji.dtype != np.int16:
        whole = values_kji.dtype.kind != "f" or bool((values_kji == np.rint(values_kji)).all())
        limits = np.iinfo(np.int16)
        fits = whole and limits.min <= values_kji.min() and values_kji.max() <= limits.max
        values_kji = values_kji.astype(np.int16 if fits else np.float32)
    return np.ascontiguousarray(values_kji)


def _check_whole(path: Path) -> None:
    """Read a compressed file to its end: nibabel stops before the checksum, and so would miss a damaged end."""
    with gzip.open(path) as file:
        while file.read(1 << 22):
            pass
