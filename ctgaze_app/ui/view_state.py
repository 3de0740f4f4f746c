"""What one pane shows, as one immutable value, and where that puts the image: pure arithmetic, no Qt.

Frames: *pane px* are physical pixels with their origin at the pane's top-left corner; `screen_px` has its origin at the
monitor's top-left corner; `image_px` has pixel centres at integers. Scales are physical pixels per image pixel.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ctgaze_app.gaze.views import PaintedView

MAX_ZOOM = 64.0
MIN_ZOOM_OF_FIT = 0.25

VoiFunction = Literal["LINEAR", "LINEAR_EXACT", "SIGMOID", "TABLE"]
VOI_NAMES: tuple[VoiFunction, ...] = ("LINEAR", "LINEAR_EXACT", "SIGMOID", "TABLE")
"""In the order of the View stream's codes (`gaze.views.VOI_FUNCTIONS`)."""


@dataclass(frozen=True)
class ViewState:
    """Slice, window, zoom and pan of one pane.

    `zoom` is physical pixels per image column and counts only when `fit` is off; `centre_ij` is the image point in the
    middle of the pane.
    """

    slice_index: int = 0
    window_centre: float = 40.0
    window_width: float = 400.0
    voi_function: VoiFunction = "LINEAR"
    invert: bool = False
    fit: bool = True
    zoom: float = 1.0
    centre_ij: tuple[float, float] = (0.0, 0.0)
    smooth: bool = True


@dataclass(frozen=True)
class PaneGeometry:
    """Size of the pane in physical pixels, and of the image in it: pixels (columns, rows) and spacing (mm)."""

    width_px: float
    height_px: float
    columns: int
    rows: int
    spacing_ij_mm: tuple[float, float] = (1.0, 1.0)

    @property
    def row_stretch(self) -> float:
        """Height of an image pixel over its width."""
        return self.spacing_ij_mm[1] / self.spacing_ij_mm[0]

    @property
    def fit_zoom(self) -> float:
        """Physical pixels per column at which the whole image just fits."""
        across = self.width_px / self.columns
        down = self.height_px / (self.rows * self.row_stretch)
        return max(min(across, down), 1e-3)


@dataclass(frozen=True)
class ImageFrame:
    """Where the image lies in the pane: top-left corner (pane px) and physical pixels per column and per row.

    Image pixel (i, j) covers [x_px + i * scale_x, x_px + (i + 1) * scale_x) across, and so on down.
    """

    x_px: float
    y_px: float
    scale_x: float
    scale_y: float

    def pane_to_image(self, x_px: float, y_px: float) -> tuple[float, float]:
        """Pane px to `image_px`."""
        return (x_px - self.x_px) / self.scale_x - 0.5, (y_px - self.y_px) / self.scale_y - 0.5

    def image_to_pane(self, i: float, j: float) -> tuple[float, float]:
        """`image_px` to pane px."""
        return self.x_px + (i + 0.5) * self.scale_x, self.y_px + (j + 0.5) * self.scale_y


def effective_zoom(state: ViewState, pane: PaneGeometry) -> float:
    """Physical pixels per column that the state has in this pane."""
    return pane.fit_zoom if state.fit else state.zoom


def image_frame(state: ViewState, pane: PaneGeometry) -> ImageFrame:
    """Where the state puts the image in this pane."""
    scale_x = effective_zoom(state, pane)
    scale_y = scale_x * pane.row_stretch
    i, j = _image_middle(pane) if state.fit else state.centre_ij
    return ImageFrame(
        pane.width_px / 2 - (i + 0.5) * scale_x, pane.height_px / 2 - (j + 0.5) * scale_y, scale_x, scale_y
    )


def zoomed_at(state: ViewState, pane: PaneGeometry, factor: float, at_pane_px: tuple[float, float]) -> ViewState:
    """Zoom by `factor`, keeping the image point under `at_pane_px` where it is (as far as the pan bound allows)."""
    before = image_frame(state, pane)
    held_i, held_j = before.pane_to_image(*at_pane_px)
    lowest = min(MIN_ZOOM_OF_FIT * pane.fit_zoom, 1.0)
    zoom = min(max(before.scale_x * factor, lowest), max(MAX_ZOOM, pane.fit_zoom))
    off_x, off_y = pane.width_px / 2 - at_pane_px[0], pane.height_px / 2 - at_pane_px[1]
    centre = (held_i + off_x / zoom, held_j + off_y / (zoom * pane.row_stretch))
    return replace(state, fit=False, zoom=zoom, centre_ij=_kept_inside(centre, pane))


def panned(state: ViewState, pane: PaneGeometry, dx_px: float, dy_px: float) -> ViewState:
    """Move the image by physical pixels; the middle of the pane never leaves the image."""
    frame = image_frame(state, pane)
    i, j = frame.pane_to_image(pane.width_px / 2, pane.height_px / 2)
    centre = (i - dx_px / frame.scale_x, j - dy_px / frame.scale_y)
    return replace(state, fit=False, zoom=frame.scale_x, centre_ij=_kept_inside(centre, pane))


def actual_size(state: ViewState, pane: PaneGeometry) -> ViewState:
    """One image column on one physical pixel, around what is in the middle now."""
    return zoomed_at(state, pane, 1.0 / effective_zoom(state, pane), (pane.width_px / 2, pane.height_px / 2))


def voxel_from_screen(frame: ImageFrame, pane_origin_px: tuple[float, float], slice_index: int) -> NDArray[np.float64]:
    """3x3 map from (x, y, 1) in `screen_px` to voxel (i, j, k)."""
    x0, y0 = pane_origin_px[0] + frame.x_px, pane_origin_px[1] + frame.y_px
    return np.array(
        [
            [1 / frame.scale_x, 0.0, -x0 / frame.scale_x - 0.5],
            [0.0, 1 / frame.scale_y, -y0 / frame.scale_y - 0.5],
            [0.0, 0.0, float(slice_index)],
        ]
    )


def frame_of_map(voxel_from_screen_px: NDArray[np.float64], pane_origin_px: tuple[float, float]) -> ImageFrame:
    """The frame that belongs to a map; everything is drawn from this, so that a replayed map gives the same pixels."""
    scale_x, scale_y = 1 / voxel_from_screen_px[0, 0], 1 / voxel_from_screen_px[1, 1]
    return ImageFrame(
        float(-(voxel_from_screen_px[0, 2] + 0.5) * scale_x - pane_origin_px[0]),
        float(-(voxel_from_screen_px[1, 2] + 0.5) * scale_y - pane_origin_px[1]),
        float(scale_x),
        float(scale_y),
    )


def replayed_frame(
    view: PaintedView, pane_size_px: tuple[float, float], *, scale_to_fit: bool
) -> tuple[ImageFrame, tuple[float, float, float, float]]:
    """Frame and clip rectangle (pane px) that show a recorded view in a pane of another size, centred.

    With `scale_to_fit` the recorded pane is scaled uniformly to fill this one; without, it keeps its physical pixels.
    """
    x, y, width, height = view.pane_rect_px
    frame = frame_of_map(view.voxel_from_screen, (x, y))
    if (width, height) == pane_size_px:
        return frame, (0.0, 0.0, width, height)
    factor = min(pane_size_px[0] / width, pane_size_px[1] / height) if scale_to_fit else 1.0
    left, top = (pane_size_px[0] - width * factor) / 2, (pane_size_px[1] - height * factor) / 2
    if not scale_to_fit:
        left, top = math.floor(left), math.floor(top)
    scaled = ImageFrame(
        left + frame.x_px * factor, top + frame.y_px * factor, frame.scale_x * factor, frame.scale_y * factor
    )
    return scaled, (left, top, width * factor, height * factor)


def _image_middle(pane: PaneGeometry) -> tuple[float, float]:
    return (pane.columns - 1) / 2, (pane.rows - 1) / 2


def _kept_inside(centre_ij: tuple[float, float], pane: PaneGeometry) -> tuple[float, float]:
    return (
        min(max(centre_ij[0], -0.5), pane.columns - 0.5),
        min(max(centre_ij[1], -0.5), pane.rows - 0.5),
    )
