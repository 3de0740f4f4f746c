"""How the chest X-ray eye-gaze study showed its pictures: from a fraction of the screen to a pixel of the picture.

The study resized each radiograph into a canvas of 1920 x 1024 and recorded how many pixels of padding it put on each
side; the screen had 1920 x 1080. Its formula combines the padding of the 1024-high canvas with the 1080-high screen,
which is right for portrait pictures only if the viewer stretched the canvas over the screen. The data cannot settle
what the viewer did, so the model is declared, never guessed, and the difference is an uncertainty of the row:

``published``
    The study's own formula, digit for digit: whole pixels, cut towards zero, odd sizes counted one larger.
``stretched``
    The canvas filled the screen: rows run from 0 to 1024 over 1080 screen pixels.
``letterboxed``
    The canvas stood in the middle of the screen with black bars of 28 pixels above and below.

Sources: Karargyris et al., Sci Data 2021; the study's published code (map from screen to image); three published rows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibration.geometry import ScreenGeometry

Floats = NDArray[np.float64]
DisplayModel = Literal["published", "stretched", "letterboxed"]
MODELS: tuple[DisplayModel, ...] = get_args(DisplayModel)

SCREEN_WIDTH_PX, SCREEN_HEIGHT_PX, CANVAS_HEIGHT_PX = 1920, 1080, 1024
BAR_PX = (SCREEN_HEIGHT_PX - CANVAS_HEIGHT_PX) / 2
"""Height of each black bar, if there were bars."""

_DIAGONAL_MM = 27 * 25.4
SCREEN = ScreenGeometry(
    SCREEN_WIDTH_PX,
    SCREEN_HEIGHT_PX,
    _DIAGONAL_MM * 16 / math.hypot(16, 9),
    _DIAGONAL_MM * 9 / math.hypot(16, 9),
    28 * 25.4,
)
"""A 27 inch 16:9 panel (Dell S2719DGF) at 1920 x 1080, the eyes 28 inches away."""
PX_PER_DEG = SCREEN.px_per_deg()
"""Screen pixels per degree of visual angle at the centre: 39.9."""


@dataclass(frozen=True)
class PicturePlacement:
    """One radiograph in the canvas.

    Attributes
    ----------
    columns, rows
        Size of the DICOM picture.
    top, bottom, left, right
        Padding in pixels of the canvas, as in the master sheet (``image_top_pad`` and so on).

    Raises
    ------
    ValueError
        When the padding is negative or leaves no room for the picture.
    """

    columns: int
    rows: int
    top: float = 0.0
    bottom: float = 0.0
    left: float = 0.0
    right: float = 0.0

    def __post_init__(self) -> None:
        if self.columns < 1 or self.rows < 1:
            raise ValueError(f"not the size of a picture: {self.columns} x {self.rows}")
        pads = (self.top, self.bottom, self.left, self.right)
        if not all(math.isfinite(pad) and pad >= 0 for pad in pads):
            raise ValueError(f"not a padding: {pads}")
        if self.left + self.right >= SCREEN_WIDTH_PX or self.top + self.bottom >= CANVAS_HEIGHT_PX:
            raise ValueError(f"the padding leaves no room for the picture: {pads}")

    @property
    def published_scale(self) -> tuple[float, float]:
        """Picture pixels per screen pixel (x, y) of the published formula; an odd size counts one larger."""
        even_columns, even_rows = self.columns + self.columns % 2, self.rows + self.rows % 2
        return (
            even_columns / (SCREEN_WIDTH_PX - self.left - self.right),
            even_rows / (SCREEN_HEIGHT_PX - self.top - self.bottom),
        )


@dataclass(frozen=True, eq=False)
class MappedPoints:
    """(N,) column and row of the picture (pixel centres at integers, NaN off the picture) and whether on it."""

    x_image_px: Floats
    y_image_px: Floats
    on_image: NDArray[np.bool_]


def to_image(
    model: DisplayModel, x_screen_norm: ArrayLike, y_screen_norm: ArrayLike, placement: PicturePlacement
) -> MappedPoints:
    """Where points of gaze lie on the picture.

    Parameters
    ----------
    model
        How the viewer showed the canvas. Under ``published`` coordinates are whole pixels, otherwise continuous.
    x_screen_norm, y_screen_norm
        (N,) fraction of the screen, 0..1 from the top left; NaN is off the picture.
    """
    x, y = np.asarray(x_screen_norm, dtype=np.float64), np.asarray(y_screen_norm, dtype=np.float64)
    if model == "published":
        column, row, inside = _published(x, y, placement)
    else:
        scale_x, scale_y = _continuous_scale(placement)
        column = (x * SCREEN_WIDTH_PX - placement.left) * scale_x - 0.5
        row = (_canvas_row(model, y) - placement.top) * scale_y - 0.5
        inside = (
            (column >= -0.5) & (column < placement.columns - 0.5) & (row >= -0.5) & (row < placement.rows - 0.5)
        )  # fmt: skip
    return MappedPoints(np.where(inside, column, np.nan), np.where(inside, row, np.nan), inside)


def to_screen(
    model: DisplayModel, x_image_px: ArrayLike, y_image_px: ArrayLike, placement: PicturePlacement
) -> tuple[Floats, Floats]:
    """Screen fractions of points of the picture; the inverse of `to_image`, for ``published`` to within a pixel.

    For ``published`` the middle of what is cut to that pixel is given.
    """
    column, row = np.asarray(x_image_px, dtype=np.float64), np.asarray(y_image_px, dtype=np.float64)
    if model == "published":
        scale_x, scale_y = placement.published_scale
        x = ((column + 0.5) / scale_x + placement.left) / SCREEN_WIDTH_PX
        return x, ((row + 0.5) / scale_y + placement.top) / SCREEN_HEIGHT_PX
    scale_x, scale_y = _continuous_scale(placement)
    x = ((column + 0.5) / scale_x + placement.left) / SCREEN_WIDTH_PX
    canvas_row = (row + 0.5) / scale_y + placement.top
    if model == "stretched":
        return x, canvas_row / CANVAS_HEIGHT_PX
    return x, (canvas_row + BAR_PX) / SCREEN_HEIGHT_PX


def published_coordinates(
    x_screen_norm: ArrayLike, y_screen_norm: ArrayLike, placement: PicturePlacement
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """X_ORIGINAL and Y_ORIGINAL as the study stored them; off the picture both are the negative scale, cut (often -2).

    Not-a-number counts as off the picture.
    """
    x, y = np.asarray(x_screen_norm, dtype=np.float64), np.asarray(y_screen_norm, dtype=np.float64)
    column, row, inside = _published(x, y, placement)
    scale_x, scale_y = placement.published_scale
    off_x, off_y = np.trunc(-scale_x), np.trunc(-scale_y)
    return np.where(inside, column, off_x).astype(np.int64), np.where(inside, row, off_y).astype(np.int64)


def vertical_uncertainty_px(y_screen_norm: ArrayLike, placement: PicturePlacement) -> Floats:
    """How far apart the three models put the row of a point of gaze, in pixels of the picture, on it or off it.

    Largest minus smallest of the three, the published row taken before it is cut to whole pixels. For a portrait
    picture of 3,056 rows it reaches 79 at the upper and lower edge and is zero at the middle.
    """
    y = np.asarray(y_screen_norm, dtype=np.float64)
    scale_y = _continuous_scale(placement)[1]
    rows = [
        (y * SCREEN_HEIGHT_PX - placement.top) * placement.published_scale[1],
        *((_canvas_row(model, y) - placement.top) * scale_y for model in MODELS if model != "published"),
    ]
    return np.ptp(np.stack(rows), axis=0)


def _published(x: Floats, y: Floats, placement: PicturePlacement) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    # The order of the operations is the study's: another one rounds otherwise and misses rows by one pixel.
    screen_x, screen_y = x * SCREEN_WIDTH_PX, y * SCREEN_HEIGHT_PX
    inside = (
        (screen_x > placement.left)
        & (screen_x < SCREEN_WIDTH_PX - placement.right)
        & (screen_y > placement.top)
        & (screen_y < SCREEN_HEIGHT_PX - placement.bottom)
    )
    scale_x, scale_y = placement.published_scale
    return np.trunc(scale_x * (screen_x - placement.left)), np.trunc(scale_y * (screen_y - placement.top)), inside


def _continuous_scale(placement: PicturePlacement) -> tuple[float, float]:
    """Picture pixels per pixel of the canvas."""
    return (
        placement.columns / (SCREEN_WIDTH_PX - placement.left - placement.right),
        placement.rows / (CANVAS_HEIGHT_PX - placement.top - placement.bottom),
    )


def _canvas_row(model: DisplayModel, y_screen_norm: Floats) -> Floats:
    if model == "stretched":
        return y_screen_norm * CANVAS_HEIGHT_PX
    return y_screen_norm * SCREEN_HEIGHT_PX - BAR_PX
