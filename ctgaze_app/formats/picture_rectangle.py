"""Where a picture stood on the screen, as the user declares it, for sources that know the screen and no picture."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ctgaze_app.formats.contract import FormatError, Option

Floats = NDArray[np.float64]
MOST_PX = 100_000
SCREEN_OPTION = Option("screen", "size of the screen in pixels, <width>x<height>; empty: not known", default="")
PICTURE_OPTION = Option(
    "picture", "the picture's rectangle in screen pixels, <left>,<top>,<width>,<height>; empty: not known", default=""
)
IMAGE_OPTION = Option("image", "size of the picture's own pixels, <columns>x<rows>; empty: not known", default="")


@dataclass(frozen=True)
class PictureOnScreen:
    """A picture of `columns` x `rows` pixels drawn over a rectangle of the screen (screen_px)."""

    columns: int
    rows: int
    left_px: float
    top_px: float
    width_px: float
    height_px: float

    def to_image(self, x_screen_px: Floats, y_screen_px: Floats) -> tuple[Floats, Floats, NDArray[np.bool_]]:
        """Column and row (centres at integers, NaN off the picture) and whether on it, of screen_px points."""
        column = (x_screen_px - self.left_px) / self.width_px * self.columns - 0.5
        row = (y_screen_px - self.top_px) / self.height_px * self.rows - 0.5
        inside = (column >= -0.5) & (column < self.columns - 0.5) & (row >= -0.5) & (row < self.rows - 0.5)
        return np.where(inside, column, np.nan), np.where(inside, row, np.nan), inside


def places_on(picture: PictureOnScreen | None, x_screen_px: Floats, y_screen_px: Floats) -> dict[str, NDArray[Any]]:
    """The columns of a data set that say where on the picture a point lies; nowhere without a picture."""
    column = row = np.full(len(x_screen_px), np.nan)
    inside = np.zeros(len(x_screen_px), dtype=bool)
    if picture is not None:
        column, row, inside = picture.to_image(x_screen_px, y_screen_px)
    return {"x_voxel": column, "y_voxel": row, "z_voxel": np.where(inside, 0.0, np.nan), "on_image": inside}


def declared_screen(options: Mapping[str, str]) -> tuple[float, float] | None:
    """Width and height in pixels from the option ``screen``; None when it is empty."""
    text = options["screen"]
    return _size(text, "screen") if text else None


def declared_picture(options: Mapping[str, str]) -> PictureOnScreen | None:
    """The picture from the options ``picture`` and ``image``; None when neither is declared.

    Raises
    ------
    FormatError
        When one of the two is missing or is not as its option says.
    """
    rectangle, image = options["picture"], options["image"]
    if not rectangle and not image:
        return None
    if not rectangle or not image:
        raise FormatError("options picture and image are needed together", remedy="declare both, or neither")
    columns, rows = _size(image, "image")
    numbers = [_number(part) for part in rectangle.split(",")]
    if len(numbers) != 4 or not all(math.isfinite(number) for number in numbers) or min(numbers[2:]) <= 0:
        raise FormatError(f"option picture={rectangle[:60]} is not a rectangle", remedy=PICTURE_OPTION.meaning)
    return PictureOnScreen(int(columns), int(rows), *numbers)


def _size(text: str, name: str) -> tuple[float, float]:
    match = re.fullmatch(r"(\d{1,6})x(\d{1,6})", text)
    size = (float(match[1]), float(match[2])) if match else (0.0, 0.0)
    if not all(1 <= each <= MOST_PX for each in size):
        raise FormatError(f"option {name}={text[:60]} is not a size", remedy=f"--option {name}=1920x1080")
    return size


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
