"""A picture of any size and range of values as the square of 0 to 1 that the networks see."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from models.errors import ModelError
from models.gaze_classifier.settings import GazeClassifierSettings
from models.volumes import CtVolume, PictureVolume

SMALLEST_PX = 16
LUMA = (0.299, 0.587, 0.114)
"""Of red, green and blue (ITU-R BT.601)."""
_REMEDY = "give it one chest radiograph: a picture, or a DICOM file of modality CR, DX or DR"


def check_picture(volume: CtVolume | PictureVolume) -> PictureVolume:
    """The volume, when it is one picture; raises `ModelError` with one line otherwise."""
    if isinstance(volume, CtVolume):
        slices = volume.shape_kji[0]
        raise ModelError(
            f"a CT of {slices} slice{'' if slices == 1 else 's'} is no radiograph", place=volume.case, remedy=_REMEDY
        )
    slices, rows, columns = volume.shape_kji
    if slices != 1:
        raise ModelError(f"{slices} slices are no single picture", place=volume.case, remedy=_REMEDY)
    if min(rows, columns) < SMALLEST_PX:
        raise ModelError(f"a picture of {columns} x {rows} pixels", place=volume.case, remedy=_REMEDY)
    return volume


def picture_input(volume: PictureVolume, settings: GazeClassifierSettings) -> NDArray[np.float32]:
    """(size_px, size_px) the picture stretched to the network's square, 0 to 1; colours become their brightness.

    Raises
    ------
    ModelError
        Values that are no numbers, or all the same.
    """
    values = grey(volume)
    if not np.isfinite(values).all():
        raise ModelError("holds values that are no numbers", place=volume.case, remedy="save the picture again")
    low, high = limits(values, settings)
    if not high > low:
        raise ModelError("every pixel has the same value", place=volume.case, remedy="choose another picture")
    scaled = torch.from_numpy((values - np.float32(low)) / np.float32(high - low)).clamp(0, 1)
    return resized(scaled, (settings.size_px, settings.size_px)).clamp(0, 1).numpy()


def grey(volume: PictureVolume) -> NDArray[np.float32]:
    """(J, I) values, or brightness 0..255 of a colour picture."""
    picture = volume.values[0]
    if volume.is_colour:
        return np.asarray(picture.astype(np.float32) @ np.array(LUMA, dtype=np.float32))
    return np.asarray(picture, dtype=np.float32)


def limits(values: NDArray[np.float32], settings: GazeClassifierSettings) -> tuple[float, float]:
    """What becomes 0 and 1."""
    if settings.intensity == "window":
        return settings.window
    if settings.intensity == "maximum":
        return 0.0, float(values.max())
    low, high = np.percentile(values, settings.percentiles)
    # A picture that is nearly all background has its percentiles there, and its content beyond.
    return (float(low), float(high)) if high > low else (float(values.min()), float(values.max()))


def resized(picture: torch.Tensor, shape_ji: tuple[int, int]) -> torch.Tensor:
    """(J, I) on another grid: averaged where it gets smaller, linear where larger."""
    return torch.nn.functional.interpolate(
        picture[None, None], size=shape_ji, mode="bilinear", align_corners=False, antialias=True
    )[0, 0]
