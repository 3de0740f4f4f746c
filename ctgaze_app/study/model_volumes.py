"""CT and pictures as models take them (`models.volumes`): from the application's own volume, or from a NIfTI file."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ctgaze_app.ct.volume import Volume
from ctgaze_app.errors import SeriesError
from models import nifti
from models.errors import ModelError
from models.volumes import CtVolume, PictureVolume

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


def picture_for_models(volume: Volume, case: str = "", patient: str = "") -> PictureVolume:
    """Red, green and blue of a colour picture, else grey values with bright where the film is bright.

    What the scanner stored as padding is as dark as the darkest value. There is no affine where nobody knows the size
    of a pixel.

    Raises
    ------
    SeriesError
        When the values are Hounsfield units: CT is no picture.
    """
    if volume.units == "HU":
        raise SeriesError("is CT in Hounsfield units, no picture", place=case or "CT", remedy="choose another series")
    affine_lps = volume.affine_lps if volume.has_mm else None
    if volume.colour is not None:
        return PictureVolume(volume.colour, affine_lps, case, patient)
    grey = volume.voxels
    measured = grey if volume.padding is None else grey[~volume.padding]
    low, high = (int(measured.min()), int(measured.max())) if measured.size else (0, 0)
    if volume.monochrome1:
        # Low + high fits int32, and what is mirrored between them fits int16 again.
        grey = (low + high - grey.astype(np.int32)).clip(low, high).astype(np.int16)
    if volume.padding is not None:
        grey = np.where(volume.padding, np.int16(low), grey)
    return PictureVolume(grey, affine_lps, case, patient)


def input_for_models(volume: Volume, case: str = "", patient: str = "") -> CtVolume | PictureVolume:
    """CT in Hounsfield units, or a picture: what this volume is for any model."""
    make = volume_for_models if volume.units == "HU" else picture_for_models
    return make(volume, case, patient)


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
