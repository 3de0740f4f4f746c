"""CT as models take it (`models.volumes.CtVolume`): from the application's own volume, or from a NIfTI file."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ctgaze_app.ct.volume import Volume
from ctgaze_app.errors import SeriesError
from models import nifti
from models.errors import ModelError
from models.volumes import CtVolume

NOT_MEASURED_HU = -1024


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
    """As `models.nifti.read_nifti_volume`.

    Raises
    ------
    SeriesError
        When the file is missing, no NIfTI, damaged, or holds no volume with a place in millimetres.
    """
    try:
        return nifti.read_nifti_volume(path, case, patient)
    except ModelError as error:
        raise SeriesError(error.message, place=error.place, remedy=error.remedy) from error
