"""What was on the screen: one painted view, and the channel layout of the `CTGaze View` stream."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

VIEW_STREAM_NAME = "CTGaze View"
VIEW_STREAM_TYPE = "View"

PROJECTIONS = ("slice", "mip", "minip", "mean")
VOI_FUNCTIONS = ("LINEAR", "LINEAR_EXACT", "SIGMOID", "TABLE")


class ViewChannel(NamedTuple):
    """Label and unit of one channel of the `CTGaze View` stream."""

    label: str
    unit: str


VIEW_CHANNELS: tuple[ViewChannel, ...] = (
    ViewChannel("paint", "count"),
    ViewChannel("trial", "number"),
    ViewChannel("pane", "index"),
    ViewChannel("series", "index"),
    ViewChannel("plane", "code"),
    ViewChannel("slice_index", "index"),
    ViewChannel("slab_mm", "mm"),
    ViewChannel("projection", "code"),
    ViewChannel("window_centre", "volume unit"),
    ViewChannel("window_width", "volume unit"),
    ViewChannel("voi_function", "code"),
    ViewChannel("invert", "bool"),
    ViewChannel("pane_x", "screen_px"),
    ViewChannel("pane_y", "screen_px"),
    ViewChannel("pane_width", "screen_px"),
    ViewChannel("pane_height", "screen_px"),
    *(
        ViewChannel(f"voxel_from_screen_{row}{column}", "voxel per screen_px")
        for row in range(3)
        for column in range(3)
    ),
    ViewChannel("image_visible", "bool"),
    ViewChannel("input_time", "LSL s"),
)


@dataclass(frozen=True, eq=False)
class PaintedView:
    """One pane as it was painted once (design: streams).

    `paint` counts paints over the whole session from 1; `trial` is 0 outside trials; `series` indexes the manifest's
    series list, -1 when there is none; `voxel_from_screen` (3, 3) maps (x, y, 1) in `screen_px` to voxel (i, j, k);
    `pane_rect_px` is x, y, width, height in `screen_px`; `input_time_lsl` is the LSL time of the input that asked for
    this paint, NaN when no input did.
    """

    paint: int
    trial: int
    pane: int
    series: int
    plane: int
    slice_index: int
    window_centre: float
    window_width: float
    pane_rect_px: tuple[float, float, float, float]
    voxel_from_screen: NDArray[np.float64]
    image_visible: bool
    input_time_lsl: float = float("nan")
    slab_mm: float = 0.0
    projection: int = 0
    voi_function: int = 0
    invert: bool = False

    def __eq__(self, other: object) -> bool:
        """Equal when every field is (NaN equals NaN)."""
        if not isinstance(other, PaintedView):
            return NotImplemented
        return np.array_equal(self.to_sample(), other.to_sample(), equal_nan=True)

    def same_picture(self, other: PaintedView) -> bool:
        """Whether both show the same, whatever their paint counter and input time."""
        mine, theirs = self.to_sample(), other.to_sample()
        return np.array_equal(mine[1:-1], theirs[1:-1], equal_nan=True)

    def to_sample(self) -> NDArray[np.float64]:
        """The 27 channels of `VIEW_CHANNELS` in their order."""
        return np.array(
            [
                self.paint,
                self.trial,
                self.pane,
                self.series,
                self.plane,
                self.slice_index,
                self.slab_mm,
                self.projection,
                self.window_centre,
                self.window_width,
                self.voi_function,
                self.invert,
                *self.pane_rect_px,
                *np.asarray(self.voxel_from_screen, dtype=np.float64).ravel(),
                self.image_visible,
                self.input_time_lsl,
            ],
            dtype=np.float64,
        )

    @classmethod
    def from_sample(cls, sample: NDArray[np.float64]) -> PaintedView:
        """Inverse of `to_sample`; raises ValueError when the number of channels is wrong."""
        values = np.asarray(sample, dtype=np.float64)
        if values.shape != (len(VIEW_CHANNELS),):
            raise ValueError(f"a view sample has {len(VIEW_CHANNELS)} channels, not {values.shape}")
        return cls(
            paint=int(values[0]),
            trial=int(values[1]),
            pane=int(values[2]),
            series=int(values[3]),
            plane=int(values[4]),
            slice_index=int(values[5]),
            slab_mm=float(values[6]),
            projection=int(values[7]),
            window_centre=float(values[8]),
            window_width=float(values[9]),
            voi_function=int(values[10]),
            invert=bool(values[11]),
            pane_rect_px=(float(values[12]), float(values[13]), float(values[14]), float(values[15])),
            voxel_from_screen=values[16:25].reshape(3, 3).copy(),
            image_visible=bool(values[25]),
            input_time_lsl=float(values[26]),
        )

    @property
    def zoom(self) -> float:
        """Screen pixels per image pixel (geometric mean of both axes); NaN when the map is singular."""
        columns = np.linalg.norm(self.voxel_from_screen[:, :2], axis=0)
        area = float(columns[0] * columns[1])
        return float(1.0 / np.sqrt(area)) if area > 0 else float("nan")
