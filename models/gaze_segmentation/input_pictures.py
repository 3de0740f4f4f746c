"""Pictures as the network takes them: normalised, resampled, filled up around, and the way back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import interpolate, pad

from models.errors import ModelError
from models.gaze_segmentation.settings import LARGEST_SIDE_PX, SegmentationSettings

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_DEVIATION = (0.229, 0.224, 0.225)

RowsColumns = tuple[int, int]


@dataclass(frozen=True)
class Layout:
    """Where a picture lies in the network's input; all in rows and columns.

    Attributes
    ----------
    picture_px
        As stored.
    resized_px
        After resampling.
    before_px
        Rows above and columns left of it.
    input_px
        Of the whole: the network's input, or more where the resampled picture is larger.
    """

    picture_px: RowsColumns
    resized_px: RowsColumns
    before_px: RowsColumns
    input_px: RowsColumns

    @classmethod
    def of(
        cls,
        picture_px: RowsColumns,
        spacing_ji_mm: tuple[float, float] | None,
        settings: SegmentationSettings,
        place: str,
    ) -> Layout:
        """The layout for a picture; raises `ModelError` where its pixels have no or an impossible size."""
        wanted = settings.input_rows_columns_px
        if settings.spacing_mm is None:
            return cls(picture_px, wanted, (0, 0), wanted)
        if spacing_ji_mm is None:
            raise ModelError(
                f"nobody knows the size of its pixels, and this model looks at {settings.spacing_mm:g} mm a pixel",
                place=place,
                remedy="give a file that says it",
            )
        sizes = [
            max(1, round(size * spacing / settings.spacing_mm))
            for size, spacing in zip(picture_px, spacing_ji_mm, strict=True)
        ]
        if max(sizes) > LARGEST_SIDE_PX:
            raise ModelError(
                f"would be {sizes[0]} x {sizes[1]} pixels of {settings.spacing_mm:g} mm",
                place=place,
                remedy="check the distance of its pixels",
            )
        whole = [max(size, least) for size, least in zip(sizes, wanted, strict=True)]
        before = [(side - size) // 2 for side, size in zip(whole, sizes, strict=True)]
        return cls(picture_px, (sizes[0], sizes[1]), (before[0], before[1]), (whole[0], whole[1]))


def network_picture(plane: NDArray[Any], layout: Layout, settings: SegmentationSettings) -> Tensor:
    """One picture as the network's input.

    HU are clipped to the window before they are resampled, so that air does not pull a small structure out of it.

    Parameters
    ----------
    plane
        (J, I) or (J, I, 3).

    Returns
    -------
    Tensor
        (channels, rows, columns) float32 of the layout, filled up with 0: the lower end of an HU window, the
        mean elsewhere.
    """
    picture = torch.from_numpy(np.ascontiguousarray(plane, dtype=np.float32))
    picture = picture.permute(2, 0, 1) if picture.ndim == 3 else picture[None]
    if settings.normalisation == "window":
        assert settings.window_hu is not None
        low, high = settings.window_hu
        picture = (picture.clamp(low, high) - low) / (high - low)
    elif settings.normalisation == "imagenet":
        mean, deviation = (torch.tensor(values).view(3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_DEVIATION))
        picture = (picture / 255 - mean) / deviation
    picture = _resized(picture, layout.resized_px, antialias=not settings.faithful)
    if settings.normalisation == "z-score":
        deviation = picture.std(correction=0)
        picture = (picture - picture.mean()) / (deviation if deviation > 0 else 1)
    return _filled_up(picture, layout)


def network_map(share: NDArray[Any], layout: Layout, settings: SegmentationSettings) -> Tensor:
    """A pseudo-mask map or a mask (J, I) in the same place, (rows, columns) float32 in 0..1; 0 around it.

    A faithful network takes masks (bool) from the nearest pixel (reference B6).
    """
    given = torch.from_numpy(np.ascontiguousarray(share, dtype=np.float32))[None]
    if settings.faithful and share.dtype == bool and layout.resized_px != layout.picture_px:
        resized = interpolate(given[None], size=layout.resized_px, mode="nearest")[0]
    else:
        resized = _resized(given, layout.resized_px, antialias=not settings.faithful).clamp_(0, 1)
    return _filled_up(resized, layout)[0]


def stored_size(values: Tensor, layout: Layout) -> Tensor:
    """(N, rows, columns) of the network's output back on the picture's own pixels, (N, J, I), by bilinear weights."""
    top, left = layout.before_px
    rows, columns = layout.resized_px
    inside = values[:, top : top + rows, left : left + columns]
    return _resized(inside, layout.picture_px, antialias=False)


def _resized(picture: Tensor, size: RowsColumns, *, antialias: bool) -> Tensor:
    if tuple(picture.shape[-2:]) == size:
        return picture
    found: Tensor = interpolate(picture[None], size=size, mode="bilinear", align_corners=False, antialias=antialias)[0]
    return found


def _filled_up(picture: Tensor, layout: Layout) -> Tensor:
    if layout.resized_px == layout.input_px:
        return picture
    top, left = layout.before_px
    bottom = layout.input_px[0] - layout.resized_px[0] - top
    right = layout.input_px[1] - layout.resized_px[1] - left
    return pad(picture, (left, right, top, bottom))
