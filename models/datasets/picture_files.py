"""Pictures and masks from files: PNG, JPEG, TIFF, BMP, or one DICOM slice."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import ModelError
from models.volumes import PictureVolume

PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")
DICOM_SUFFIXES = (".dcm", ".dicom")
LOSSY = ("JPEG", "MPO", "WEBP")
MOST_PIXELS = 100_000_000
HALF = 128
"""Half of 8 bits, rounded up: JPEG leaves noise around 0 and 255."""
Floats = NDArray[np.float64]


def read_picture(path: Path, *, case: str = "", patient: str = "", colour: bool | None = None) -> PictureVolume:
    """One picture: uint8 RGB, or float32 grey values as stored (8 or 16 bits; DICOM rescaled).

    Parameters
    ----------
    colour
        True and False ask for one or the other; None: as the file is.

    Raises
    ------
    ModelError
        When it is missing, no picture, damaged or too large, or DICOM with several slices.
    """
    path = Path(path)
    if path.suffix.lower() in DICOM_SUFFIXES:
        return _dicom_picture(path, case, patient, colour)
    values, _ = _pixels(path)
    if values.ndim == 3 and colour is False:
        values = _grey(values)
    if values.ndim == 2 and colour:
        if values.dtype != np.uint8:
            raise ModelError("is a grey picture of 16 bits where colours are needed", place=path.name)
        values = np.repeat(values[..., None], 3, axis=2)
    plane = values[None] if values.ndim == 3 else values[None].astype(np.float32)
    return PictureVolume(plane, None, case, patient)


def read_mask(path: Path) -> NDArray[np.bool_]:
    """(rows, columns) bool: above 0 in any channel, in 1, 8 or 16 bits, so that several labels are one structure; of a
    lossy file (JPEG) from half of its range.

    Raises
    ------
    ModelError
        As `read_picture`, and for a mask with fractions.
    """
    path = Path(path)
    values, lossy = _pixels(path)
    if values.dtype.kind == "f" and not np.array_equal(values, np.rint(values)):
        raise ModelError("holds fractions, so it is no mask", place=path.name, remedy="save the mask as whole numbers")
    inside = values >= HALF if lossy else values > 0
    return np.asarray(inside.any(axis=2) if inside.ndim == 3 else inside, dtype=bool)


def _pixels(path: Path) -> tuple[NDArray[Any], bool]:
    """(rows, columns[, 3]) uint8, or (rows, columns) uint16, int32 or float32; and whether the file is lossy."""
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            picture = Image.open(path)
        with picture:
            if picture.width * picture.height > MOST_PIXELS:
                raise ModelError(f"has {picture.width} x {picture.height} pixels, too many", place=path.name)
            lossy = picture.format in LOSSY
            frames = int(getattr(picture, "n_frames", 1))
            if frames > 1 and not lossy:
                raise ModelError(f"holds {frames} pictures", place=path.name, remedy="save one a file")
            if picture.mode in ("1", "L") or picture.mode.startswith(("I;16", "I", "F")):
                whole = picture.convert("L") if picture.mode == "1" else picture
                return np.asarray(whole), lossy
            if picture.mode == "LA":
                return np.asarray(picture.convert("L")), lossy
            return np.asarray(picture.convert("RGB")), lossy
    except FileNotFoundError as error:
        raise ModelError("is not there", place=path.name, remedy="restore it from a copy") from error
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        said = " ".join(str(error).split()).replace(str(path), path.name)[:120]
        raise ModelError(f"cannot be read as a picture: {said}", place=path.name, remedy="save it anew") from error


def _grey(values: NDArray[Any]) -> NDArray[np.float32]:
    """ITU-R BT.601 luma."""
    weights = np.array([0.299, 0.587, 0.114], dtype=np.float32)
    return np.asarray(values.astype(np.float32) @ weights, dtype=np.float32)


def _dicom_picture(path: Path, case: str, patient: str, colour: bool | None) -> PictureVolume:
    import pydicom
    from pydicom.errors import InvalidDicomError

    if colour:
        raise ModelError("is DICOM where a colour picture is needed", place=path.name)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            data = pydicom.dcmread(path)
            stored = data.pixel_array
            slope = float(data.get("RescaleSlope", 1) or 1)
            intercept = float(data.get("RescaleIntercept", 0) or 0)
            affine = _affine(data)
            inverted = data.get("PhotometricInterpretation") == "MONOCHROME1"
    except FileNotFoundError as error:
        raise ModelError("is not there", place=path.name, remedy="restore it from a copy") from error
    except (InvalidDicomError, OSError, ValueError, AttributeError, KeyError, RuntimeError, TypeError) as error:
        said = " ".join(str(error).split()).replace(str(path), path.name)[:120]
        raise ModelError(
            f"cannot be read as DICOM: {said}", place=path.name, remedy="restore it from a copy"
        ) from error
    if stored.ndim != 2:
        raise ModelError(f"holds pixels of the shape {stored.shape}, not one grey slice", place=path.name)
    values = stored.astype(np.float32) * np.float32(slope) + np.float32(intercept)
    if inverted:
        values = values.max() + values.min() - values
    return PictureVolume(np.asarray(values[None], dtype=np.float32), affine, case, patient)


def _affine(data: Any) -> Floats | None:
    """(4, 4) to LPS millimetres, or None where the header does not say."""
    try:
        along_i, along_j = np.array(data.ImageOrientationPatient, dtype=np.float64).reshape(2, 3)
        origin = np.array(data.ImagePositionPatient, dtype=np.float64)
        row_mm, column_mm = (float(each) for each in data.PixelSpacing)
        between = float(data.get("SpacingBetweenSlices", 0) or data.get("SliceThickness", 0) or 1)
    except (AttributeError, ValueError, TypeError):
        return None
    affine = np.eye(4)
    affine[:3] = np.column_stack([along_i * column_mm, along_j * row_mm, np.cross(along_i, along_j) * between, origin])
    return affine if np.isfinite(affine).all() and abs(np.linalg.det(affine)) > 1e-9 else None
