"""One slice through a display window, or one colour picture, onto a painter: nearest or smooth scaling.

The nearest path does its own index arithmetic: Qt's 16.16 fixed point drifts by a few hundredths of an image pixel
across a wide pane, which is enough to draw a neighbour's value at a pixel border, and gaze is mapped to what is drawn.
The smooth path averages whole blocks of pixels first where a picture is shown at half its size or less: Qt looks at the
four nearest pixels only, and would show a large radiograph's noise as patterns.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRect, QRectF, Qt
from PySide6.QtGui import QImage, QPainter

from ctgaze_app.ct.volume import VoiWindow, Volume
from ctgaze_app.ct.windows import window_lut
from ctgaze_app.ui.view_state import ImageFrame, ViewState, VoiFunction

_GREY_TO_RGB32 = np.arange(256, dtype=np.uint32) * np.uint32(0x010101) | np.uint32(0xFF000000)
_BLACK = np.uint32(0xFF000000)
_LARGEST_BLOCK = 16


class SliceImage:
    """Draws slices of one volume; keeps the last lookup table and the last windowed slice."""

    def __init__(self, volume: Volume) -> None:
        self.volume = volume
        self._lut_key: tuple[float, float, VoiFunction, bool] | None = None
        self._lut = np.zeros(65536, dtype=np.uint32)
        self._slice_key: tuple[int, object] | None = None
        rows, columns = volume.shape_kji[1:]
        colour = volume.colour
        self._rgb = np.zeros((rows, columns), dtype=np.uint32) if colour is None else _rgb32(colour[0])
        self._gather_key: tuple[Any, ...] | None = None
        self._rows: NDArray[np.intp] = np.zeros(0, dtype=np.intp)
        self._columns: NDArray[np.intp] = np.zeros(0, dtype=np.intp)
        self._wide = np.zeros((0, 0), dtype=np.uint32)
        self._scaled = np.zeros((0, 0), dtype=np.uint32)
        self._small_key: tuple[object, int, int] | None = None
        self._small = np.zeros((0, 0), dtype=np.uint32)

    def grey(self, state: ViewState) -> NDArray[np.uint8]:
        """The windowed slice (rows, columns) as grey levels; of a colour picture its luminance."""
        if self.volume.colour is not None:
            return self.volume.voxels[state.slice_index].astype(np.uint8)
        return np.asarray(self._windowed(state) & np.uint32(0xFF), dtype=np.uint8)

    def draw(self, painter: QPainter, state: ViewState, frame: ImageFrame, clip_px: QRect) -> None:
        """Draw the slice at `frame` within `clip_px`; the painter's unit is the physical pixel of the pane.

        Everything in `clip_px` outside the image becomes black.
        """
        rgb = self._windowed(state)
        rows, columns = rgb.shape
        _fill_around(painter, clip_px, frame, rows, columns)
        if state.smooth:
            self._draw_smooth(painter, rgb, frame, clip_px)
        else:
            self._draw_nearest(painter, rgb, frame, clip_px)

    def _windowed(self, state: ViewState) -> NDArray[np.uint32]:
        if self.volume.colour is not None:
            return self._rgb
        # MONOCHROME1 and the reader's own inversion cancel each other.
        invert = state.invert != self.volume.monochrome1
        lut_key = (state.window_centre, state.window_width, state.voi_function, invert)
        if lut_key != self._lut_key:
            window = VoiWindow(state.window_centre, state.window_width, function=state.voi_function)
            grey = window_lut(window, table=self.volume.voi_table)
            np.take(_GREY_TO_RGB32, 255 - grey if invert else grey, out=self._lut)
            self._lut_key = lut_key
        slice_key = (state.slice_index, lut_key)
        if slice_key != self._slice_key:
            stored = self.volume.voxels[state.slice_index].view(np.uint16)
            # mode="clip" lets numpy write into `out` without a buffer; a uint16 is never outside 65,536 entries.
            np.take(self._lut, stored, out=self._rgb, mode="clip")
            if self.volume.padding is not None:
                np.copyto(self._rgb, _BLACK, where=self.volume.padding[state.slice_index])
            self._slice_key = slice_key
        return self._rgb

    def _draw_smooth(self, painter: QPainter, rgb: NDArray[np.uint32], frame: ImageFrame, clip_px: QRect) -> None:
        rows, columns = rgb.shape
        painter.setClipRect(clip_px)
        across, down = (min(max(int(1 / scale), 1), _LARGEST_BLOCK) for scale in (frame.scale_x, frame.scale_y))
        if max(across, down) > 1:
            key = (self._slice_key, down, across)
            if key != self._small_key:
                self._small, self._small_key = _block_means(rgb, down, across), key
            covered = QRectF(frame.x_px, frame.y_px, columns * frame.scale_x, rows * frame.scale_y)
            painter.setClipRect(covered & QRectF(clip_px))
            rgb = self._small
        height, width = rgb.shape
        image = QImage(rgb.data, width, height, rgb.strides[0], QImage.Format.Format_RGB32)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, True)
        whole = QRectF(frame.x_px, frame.y_px, width * across * frame.scale_x, height * down * frame.scale_y)
        painter.drawImage(whole, image)
        painter.setClipping(False)

    def _draw_nearest(self, painter: QPainter, rgb: NDArray[np.uint32], frame: ImageFrame, clip_px: QRect) -> None:
        rows, columns = rgb.shape
        left, self_columns = _covered(frame.x_px, frame.scale_x, columns, clip_px.left(), clip_px.width())
        top, self_rows = _covered(frame.y_px, frame.scale_y, rows, clip_px.top(), clip_px.height())
        if not self_columns.size or not self_rows.size:
            return
        key = (frame, clip_px.getRect())
        if key != self._gather_key:
            self._columns, self._rows = self_columns, self_rows
            first, last = int(self_rows[0]), int(self_rows[-1])
            self._wide = np.empty((last - first + 1, self_columns.size), dtype=np.uint32)
            self._scaled = np.empty((self_rows.size, self_columns.size), dtype=np.uint32)
            self._gather_key = key
        first, last = int(self._rows[0]), int(self._rows[-1])
        np.take(rgb[first : last + 1], self._columns, axis=1, out=self._wide, mode="clip")
        np.take(self._wide, self._rows - first, axis=0, out=self._scaled, mode="clip")
        height, width = self._scaled.shape
        image = QImage(self._scaled.data, width, height, self._scaled.strides[0], QImage.Format.Format_RGB32)
        painter.drawImage(QRectF(left, top, width, height), image)


def _block_means(rgb: NDArray[np.uint32], down: int, across: int) -> NDArray[np.uint32]:
    """Mean colour of every block of `down` x `across` pixels, at most 256 of them; the edge goes on in cut blocks.

    Red and blue are added up in the two halves of one number, green in another: a sum of 256 bytes fits 16 bits.
    """
    rows, columns = rgb.shape
    whole = (
        np.pad(rgb, ((0, -rows % down), (0, -columns % across)), mode="edge")
        if rows % down or columns % across
        else rgb
    )
    red_blue = np.zeros((whole.shape[0] // down, whole.shape[1] // across), dtype=np.uint32)
    green = np.zeros_like(red_blue)
    for j in range(down):
        for i in range(across):
            part = whole[j::down, i::across]
            red_blue += part & np.uint32(0xFF00FF)
            green += part >> np.uint32(8) & np.uint32(0xFF)
    count, half = np.uint32(down * across), np.uint32(down * across // 2)
    red, blue = ((lane + half) // count for lane in (red_blue >> np.uint32(16), red_blue & np.uint32(0xFFFF)))
    return np.asarray(_BLACK | red << np.uint32(16) | (green + half) // count << np.uint32(8) | blue, dtype=np.uint32)


def _rgb32(colour: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """Red, green and blue (..., 3) as Qt's RGB32."""
    red, green, blue = (colour[..., channel].astype(np.uint32) for channel in range(3))
    return np.asarray(_BLACK | red << 16 | green << 8 | blue, dtype=np.uint32)


def _covered(origin_px: float, scale: float, count: int, start: int, length: int) -> tuple[int, NDArray[np.intp]]:
    """First covered pane pixel, and the image index under the centre of each covered pane pixel."""
    centres = np.arange(start, start + length) + 0.5
    index = np.floor((centres - origin_px) / scale).astype(np.intp)
    inside = np.flatnonzero((index >= 0) & (index < count))
    if not inside.size:
        return start, np.zeros(0, dtype=np.intp)
    return start + int(inside[0]), index[inside]


def _fill_around(painter: QPainter, clip_px: QRect, frame: ImageFrame, rows: int, columns: int) -> None:
    """Black around the image; two pixels reach under its edges, whose rounding belongs to the image."""
    black = Qt.GlobalColor.black
    under = 2
    left = int(max(frame.x_px + under, clip_px.left()))
    top = int(max(frame.y_px + under, clip_px.top()))
    right = int(min(frame.x_px + columns * frame.scale_x - under, clip_px.right() + 1))
    bottom = int(min(frame.y_px + rows * frame.scale_y - under, clip_px.bottom() + 1))
    if right <= left or bottom <= top:
        painter.fillRect(clip_px, black)
        return
    painter.fillRect(QRect(clip_px.left(), clip_px.top(), clip_px.width(), top - clip_px.top()), black)
    painter.fillRect(QRect(clip_px.left(), bottom, clip_px.width(), clip_px.bottom() + 1 - bottom), black)
    painter.fillRect(QRect(clip_px.left(), top, left - clip_px.left(), bottom - top), black)
    painter.fillRect(QRect(right, top, clip_px.right() + 1 - right, bottom - top), black)
