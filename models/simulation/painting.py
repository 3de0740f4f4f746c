"""A simulated viewer: requests to scroll, pan, zoom and set the window, painted at most once a refresh."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

PANE_RECT_PX = (480.0, 40.0, 1000.0, 1000.0)
IMAGE_PIXELS = 500
FIT_ZOOM = 2.0
MODES = ("first", "scroll", "pan", "zoom", "window")


@dataclass(frozen=True, eq=False)
class PaintTable:
    """M painted views in order of time.

    `time_s` is the end of each paint; `maps` (M, 3, 3) takes (x, y, 1) in `screen_px` to voxel (i, j, k), voxel centres
    at integers; `mode` indexes `MODES`: what changed since the view before.
    """

    time_s: Floats = field(repr=False)
    slice_index: NDArray[np.int64] = field(repr=False)
    maps: Floats = field(repr=False)
    window_centre: Floats = field(repr=False)
    window_width: Floats = field(repr=False)
    mode: NDArray[np.int8] = field(repr=False)


class Painter:
    """One pane with a picture of `IMAGE_PIXELS` squared, fitted at first; what it paints is kept in order.

    Parameters
    ----------
    start_slice
        Slice of the first paint, at time -1.
    """

    def __init__(self, slices: int, refresh_hz: float, start_slice: int, random: np.random.Generator) -> None:
        self.slices, self.refresh_hz = slices, refresh_hz
        self._random = random
        self._slice = start_slice
        self._scale = FIT_ZOOM
        self._origin = np.array(PANE_RECT_PX[:2])
        self._pan_from = self._origin.copy()
        self._window = (40.0, 400.0)
        self._rows: list[tuple[float, int, Floats, float, float, int]] = []
        self._paint(-1.0, "first")

    @property
    def centre_px(self) -> Floats:
        """Middle of the pane."""
        x, y, width, height = PANE_RECT_PX
        return np.array([x + width / 2, y + height / 2])

    def scroll(self, at_s: float, slices_per_s: float, *, seconds: float) -> float:
        """One slice a step towards the farther end of the stack, turning there; returns the time of the last step."""
        step = 1 if self._slice < self.slices / 2 else -1
        count = max(int(seconds * slices_per_s), 1)
        for number in range(count):
            if not 0 <= self._slice + step < self.slices:
                step = -step
            self._slice += step
            self._paint(at_s + number / slices_per_s, "scroll")
        return at_s + (count - 1) / slices_per_s

    def pan_to(self, at_s: float, shift_px: ArrayLike) -> None:
        """The picture lies `shift_px` from where it was when this drag began (after the last `reset`)."""
        self._origin = self._pan_from + np.asarray(shift_px, dtype=np.float64)
        self._paint(at_s, "pan")

    def zoom(self, at_s: float, factor: float, about_px: ArrayLike) -> None:
        """Scale the picture about a point that stays where it is."""
        about = np.asarray(about_px, dtype=np.float64)
        self._origin = about + (self._origin - about) * factor
        self._scale *= factor
        self._paint(at_s, "zoom")

    def window(self, at_s: float, centre: float, width: float) -> None:
        """Set the display window."""
        self._window = (centre, width)
        self._paint(at_s, "window")

    def reset(self, at_s: float) -> None:
        """Fit the picture again, in one paint."""
        self._origin, self._scale = np.array(PANE_RECT_PX[:2]), FIT_ZOOM
        self._pan_from = self._origin.copy()
        self._paint(at_s, "zoom")

    def table(self) -> PaintTable:
        """Everything painted; of requests that fell into one refresh only the last was painted."""
        rows = sorted(self._rows, key=lambda row: row[0])
        time = np.array([row[0] for row in rows])
        last = np.append(np.diff(time) > 0.5 / self.refresh_hz, True)
        stamps, slices, maps, centre, width, mode = (np.array(column)[last] for column in zip(*rows, strict=True))
        return PaintTable(stamps, slices.astype(np.int64), maps, centre, width, mode.astype(np.int8))

    def _paint(self, at_s: float, mode: str) -> None:
        # The end of a paint comes one to three milliseconds after the refresh that began it.
        tick = np.ceil(at_s * self.refresh_hz - 1e-9) / self.refresh_hz
        scale, (left, top) = self._scale, self._origin
        voxel_from_screen = np.array(
            [[1 / scale, 0, -left / scale - 0.5], [0, 1 / scale, -top / scale - 0.5], [0, 0, float(self._slice)]]
        )
        time = tick + self._random.uniform(0.001, 0.003)
        self._rows.append((time, self._slice, voxel_from_screen, *self._window, MODES.index(mode)))
