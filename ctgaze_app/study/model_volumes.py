"""CT as models take it (`models.volumes.CtVolume`): from the application's own volume, or from a NIfTI file."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from ctgaze_app.ct.orientation import RAS_FROM_LPS
from ctgaze_app.ct.volume import Volume
from ctgaze_app.errors import SeriesError
from models.errors import ModelError
from models.volumes import CtVolume

NOT_MEASURED_HU = -1024
MOST_VOXELS = 2**31
"""Two thousand slices of 1024 x 1024; a header that claims more is broken."""


def volume_for_models(volume: Volume, case: str = "", patient: str = "") -> CtVolume:
    """Hounsfield units with -1024 where the scanner stored padding; shares its memory where there is none.

    Raises
    ------
    SeriesError
        When the values are no Hounsfield units.
    """
    if volume.units != "HU":
        raise SeriesError(
            "its values are no Hounsfield units", place=case or "CT", remedy="models take CT; choose another series"
        )
    hu = volume.voxels if volume.padding is None else np.where(volume.padding, np.int16(NOT_MEASURED_HU), volume.voxels)
    return CtVolume(hu, volume.affine_lps, case, patient)


def read_nifti_volume(path: Path, case: str = "", patient: str = "") -> CtVolume:
    """A CT from NIfTI; array index (i, j, k) is column, row, slice as in the file, so that its gaze keeps its meaning.

    Raises
    ------
    SeriesError
        When the file is missing, no NIfTI, damaged, or holds no volume with a place in millimetres.
    """
    import nibabel as nib

    path = Path(path)
    faults = (
        OSError, EOFError, ValueError, TypeError, LookupError, OverflowError, zlib.error,
        nib.filebasedimages.ImageFileError, nib.spatialimages.HeaderDataError,
    )  # fmt: skip
    if not path.is_file():
        raise SeriesError("this file is missing", place=path.name, remedy="put it there")
    try:
        if path.name.lower().endswith(".gz"):
            _check_whole(path)
        image: Any = nib.load(path)
        shape = tuple(int(size) for size in image.shape)
        if len(shape) != 3 or not 1 <= np.prod(shape, dtype=np.float64) <= MOST_VOXELS:
            raise SeriesError(
                f"has the sizes {' x '.join(map(str, shape))[:60]}, not the three of a volume",
                place=path.name,
                remedy="write one volume",
            )
        values = np.asanyarray(image.dataobj)
    except faults as error:
        raise SeriesError(
            f"cannot be read as NIfTI ({type(error).__name__})", place=path.name, remedy="restore it from a copy"
        ) from error
    if values.dtype.kind not in "iuf":
        raise SeriesError(f"its voxels are {values.dtype}, not Hounsfield units", place=path.name)
    try:
        return CtVolume(_as_hu(values.transpose(2, 1, 0)), RAS_FROM_LPS @ np.asarray(image.affine), case, patient)
    except ModelError as error:
        raise SeriesError(error.message, place=path.name, remedy="write it with its affine") from error


def _as_hu(values_kji: Any) -> Any:
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
