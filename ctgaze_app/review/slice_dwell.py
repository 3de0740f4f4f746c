"""Seconds per slice: how long it was displayed, how long the eye was on the image, how long it was fixated."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ctgaze_app.gaze.view_track import ViewTrack
from ctgaze_app.review.dwell_points import DwellPoints

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ShownSlices:
    """V stretches of time during which one slice of a series was on the screen, in time order.

    `onset_s` and `offset_s` count from the moment when the series' first image was on the screen.
    """

    slice_index: NDArray[np.int64]
    onset_s: Floats = field(repr=False)
    offset_s: Floats = field(repr=False)

    @property
    def duration_s(self) -> Floats:
        """(V,) seconds."""
        return self.offset_s - self.onset_s

    def __len__(self) -> int:
        """Number of stretches."""
        return len(self.slice_index)


def shown_slices(
    views: ViewTrack, end_lsl: float, *, display_latency_s: float, series: int = 0, pane: int = 0
) -> ShownSlices:
    """What a pane showed of a series' own slices; stretches that touch and show the same slice are one.

    Parameters
    ----------
    views
        Painted views of one trial.
    end_lsl
        When the last view left the screen (end of the trial), LSL seconds.
    display_latency_s
        From end of paint to light.

    Planes across the slices are left out; a slab counts as its middle slice.
    """
    rows = views.rows_of_pane(pane)
    shown = views.time_lsl[rows] + display_latency_s
    gone = np.maximum(np.append(shown[1:], end_lsl), shown) if len(rows) else shown
    maps = views.maps[rows]
    along = (maps[:, 2, :2] == 0).all(axis=1)
    mine = views.visible[rows] & (views.integers("series")[rows] == series) & along & (gone > shown)
    shown, gone, slices = shown[mine], gone[mine], views.integers("slice_index")[rows][mine]
    if len(slices) == 0:
        return ShownSlices(np.empty(0, dtype=np.int64), np.empty(0), np.empty(0))
    fresh = np.ones(len(slices), dtype=bool)
    fresh[1:] = (slices[1:] != slices[:-1]) | (shown[1:] > gone[:-1] + 1e-9)
    last = np.append(np.flatnonzero(fresh)[1:] - 1, len(slices) - 1)
    return ShownSlices(slices[fresh], shown[fresh] - shown[0], gone[last] - shown[0])


@dataclass(frozen=True, eq=False)
class SliceDwell:
    """(K,) seconds per slice.

    Attributes
    ----------
    displayed_s
        On the screen.
    on_image_s
        On the screen with a valid eye on the image (samples, saccades included); NaN when no samples were given.
    fixated_s
        On the screen inside a fixation on the image (dwell segments).
    """

    displayed_s: Floats = field(repr=False)
    on_image_s: Floats = field(repr=False)
    fixated_s: Floats = field(repr=False)

    def sums_s(self) -> dict[str, float]:
        """Totals over the slices."""
        return {
            "displayed_s": float(self.displayed_s.sum()),
            "on_image_s": float(self.on_image_s.sum()),
            "fixated_s": float(self.fixated_s.sum()),
        }

    def to_dict(self) -> dict[str, list[float]]:
        """Plain lists for JSON."""
        return {name: [float(each) for each in getattr(self, name)] for name in self.sums_s()}


def slice_dwell(shown: ShownSlices, segments: DwellPoints, samples: DwellPoints | None = None) -> SliceDwell:
    """Add up the three times per slice of one series.

    Parameters
    ----------
    shown
        `shown_slices` of the same series.
    segments, samples
        `dwell_points_of_segments` and `dwell_points_of_samples` (not merged or merged, the sums are the same).
    """
    count = segments.shape_kji[0]

    def per_slice(slices: NDArray[np.int64], seconds: Floats) -> Floats:
        inside = (slices >= 0) & (slices < count)
        return np.asarray(np.bincount(slices[inside], weights=seconds[inside], minlength=count), dtype=np.float64)

    on_image = np.full(count, np.nan) if samples is None else per_slice(samples.slice_index, samples.seconds)
    return SliceDwell(
        per_slice(shown.slice_index, shown.duration_s), on_image, per_slice(segments.slice_index, segments.seconds)
    )
