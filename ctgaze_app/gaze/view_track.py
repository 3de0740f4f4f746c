"""The painted views of a recording as arrays: which view was on the screen when, and how the view was changing."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ctgaze_app.gaze.frames import voxel_to_screen_px
from ctgaze_app.gaze.views import VIEW_CHANNELS, PaintedView

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]

VIEW_STATES = ("still", "scroll", "pan", "zoom", "window", "mixed")
_COLUMN = {channel.label: number for number, channel in enumerate(VIEW_CHANNELS)}
_MAP = slice(_COLUMN["voxel_from_screen_00"], _COLUMN["voxel_from_screen_22"] + 1)

STATE_HOLD_S = 0.25
"""A view counts as changing until this long after its last change: scrolling at 4 slices a second or faster is one
motion."""


@dataclass(frozen=True, eq=False)
class ViewTrack:
    """M distinct painted views in the order of their paint stamps.

    Attributes
    ----------
    time_lsl
        (M,) end of paint, LSL seconds. On the screen from `time_lsl` + display latency.
    values
        (M, 27) channels of `VIEW_CHANNELS`.
    """

    time_lsl: Floats = field(repr=False)
    values: Floats = field(repr=False)

    @classmethod
    def from_samples(cls, times: ArrayLike, values: ArrayLike) -> ViewTrack:
        """Views out of stream samples: the repeats of a (pane, paint) fall away, its earliest stamp stays.

        Raises
        ------
        ValueError
            When the samples do not have the 27 channels of a view stream.
        """
        stamps = np.asarray(times, dtype=np.float64).ravel()
        table = np.asarray(values, dtype=np.float64)
        if table.size == 0:
            return cls(np.empty(0), np.empty((0, len(VIEW_CHANNELS))))
        if table.shape != (len(stamps), len(VIEW_CHANNELS)):
            raise ValueError(f"view samples have shape {table.shape}, expected ({len(stamps)}, {len(VIEW_CHANNELS)})")
        order = np.argsort(stamps, kind="stable")
        stamps, table = stamps[order], table[order]
        keys = table[:, [_COLUMN["pane"], _COLUMN["paint"]]]
        _, first = np.unique(keys, axis=0, return_index=True)
        first.sort()
        return cls(stamps[first], table[first])

    def __len__(self) -> int:
        """Number of distinct painted views."""
        return len(self.time_lsl)

    def __getitem__(self, index: int) -> PaintedView:
        """One view."""
        return PaintedView.from_sample(self.values[index])

    def column(self, label: str) -> Floats:
        """(M,) one channel by its label in `VIEW_CHANNELS`."""
        return self.values[:, _COLUMN[label]]

    def integers(self, label: str) -> NDArray[np.int64]:
        """(M,) one channel of counts, indices or codes."""
        return np.rint(self.column(label)).astype(np.int64)

    def subset(self, rows: NDArray[np.bool_] | Indices) -> ViewTrack:
        """Only the named views."""
        return ViewTrack(self.time_lsl[rows], self.values[rows])

    @cached_property
    def visible(self) -> NDArray[np.bool_]:
        """(M,) whether an image was shown."""
        return self.column("image_visible") > 0.5

    @cached_property
    def maps(self) -> Floats:
        """(M, 3, 3) maps from (x, y, 1) in `screen_px` to voxel (i, j, k)."""
        return self.values[:, _MAP].reshape(-1, 3, 3)

    @cached_property
    def rectangles_px(self) -> Floats:
        """(M, 4) pane rectangles: x, y, width, height in `screen_px`."""
        first = _COLUMN["pane_x"]
        return self.values[:, first : first + 4]

    @cached_property
    def zoom(self) -> Floats:
        """(M,) screen pixels per image pixel (geometric mean of both axes); NaN where the map is singular."""
        steps = np.linalg.norm(self.maps[:, :, :2], axis=1)
        area = steps[:, 0] * steps[:, 1]
        return np.where(area > 0, 1.0 / np.sqrt(np.where(area > 0, area, 1.0)), np.nan)

    @cached_property
    def panes(self) -> tuple[int, ...]:
        """Pane numbers that occur, ascending."""
        return tuple(int(pane) for pane in np.unique(self.integers("pane")))

    def rows_of_pane(self, pane: int) -> Indices:
        """Indices of the views of one pane, in time order."""
        return np.flatnonzero(self.integers("pane") == pane)

    def shown_at(self, times_lsl: ArrayLike, display_latency_s: float, pane: int = 0) -> Indices:
        """Index of the view of `pane` that was on the screen at each time; -1 before the first.

        A view painted at p is on the screen from p + `display_latency_s` until the next one of its pane.
        """
        rows = self.rows_of_pane(pane)
        place = np.searchsorted(self.time_lsl[rows] + display_latency_s, np.asarray(times_lsl), side="right") - 1
        if len(rows) == 0:
            return np.full(np.shape(place), -1, dtype=np.intp)
        return np.where(place >= 0, rows[place], -1)

    def changes(self, pane: int = 0) -> dict[str, NDArray[np.bool_]]:
        """What each view of a pane changed: {'scroll', 'pan', 'zoom', 'window'} -> (number of that pane's views,) bool.

        Against the view before it, when both show the same series; an image that appears, disappears or is exchanged
        is a new picture, not a motion. A zoom moves the picture too, so `pan` is only said when the scale stayed.
        `window` is any change of centre, width, VOI function or inversion.
        """
        rows = self.rows_of_pane(pane)
        values, maps, visible = self.values[rows], self.maps[rows], self.visible[rows]
        changed = {name: np.zeros(len(rows), dtype=bool) for name in ("scroll", "pan", "zoom", "window")}
        if len(rows) < 2:
            return changed

        def differs(*labels: str) -> NDArray[np.bool_]:
            columns = [_COLUMN[label] for label in labels]
            return np.asarray((values[1:, columns] != values[:-1, columns]).any(axis=1))

        same_series = visible[1:] & visible[:-1] & ~differs("series", "plane")
        scale = np.linalg.norm(maps[:, :, :2], axis=(1, 2))
        rescaled = np.abs(scale[1:] - scale[:-1]) > 1e-9 * np.maximum(scale[1:], scale[:-1])
        # Where voxel (0, 0, 0) falls on the shown plane: free of the slice index, so that a scroll is no pan.
        origin = voxel_to_screen_px(np.zeros(3), maps)
        moved = ~(np.abs(origin[1:] - origin[:-1]).max(axis=1) <= 1e-4)
        changed["scroll"][1:] = same_series & differs("slice_index")
        changed["zoom"][1:] = same_series & rescaled
        changed["pan"][1:] = same_series & ~rescaled & moved
        changed["window"][1:] = same_series & differs("window_centre", "window_width", "voi_function", "invert")
        return changed

    def change_times(self, display_latency_s: float, pane: int = 0) -> dict[str, Floats]:
        """LSL times at which each kind of change reached the screen."""
        shown = self.time_lsl[self.rows_of_pane(pane)] + display_latency_s
        return {name: shown[changed] for name, changed in self.changes(pane).items()}

    def slice_change_times(self, display_latency_s: float, pane: int = 0) -> Floats:
        """LSL times at which another slice, series or visibility reached the screen (every instant that can be
        mistaken), the first image included."""
        rows = self.rows_of_pane(pane)
        if len(rows) == 0:
            return np.empty(0)
        columns = [_COLUMN[label] for label in ("series", "plane", "slice_index", "image_visible")]
        key = self.values[rows][:, columns]
        changed = self.visible[rows].copy()
        changed[1:] = (key[1:] != key[:-1]).any(axis=1)
        return self.time_lsl[rows][changed] + display_latency_s

    def view_state_at(
        self, times_lsl: ArrayLike, display_latency_s: float, pane: int = 0, hold_s: float = STATE_HOLD_S
    ) -> NDArray[np.int8]:
        """Index into `VIEW_STATES` for each time: what changed within the `hold_s` seconds before it.

        Time before a change counts as still: nothing on the screen told of it. Two or more kinds within the hold are
        `mixed`.
        """
        times = np.asarray(times_lsl, dtype=np.float64)
        state = np.zeros(times.shape, dtype=np.int8)
        kinds = np.zeros(times.shape, dtype=np.int8)
        for name, changed in self.change_times(display_latency_s, pane).items():
            if len(changed) == 0:
                continue
            last = np.searchsorted(changed, times, side="right") - 1
            recent = (last >= 0) & (times - changed[last] <= hold_s)
            state[recent] = VIEW_STATES.index(name)
            kinds += recent
        state[kinds > 1] = VIEW_STATES.index("mixed")
        return state
