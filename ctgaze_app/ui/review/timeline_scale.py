"""Where time and slices lie on the timeline: pure arithmetic in logical pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass

_NICE_STEPS_S = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0)


@dataclass(frozen=True)
class TimelineScale:
    """The plot area (left, top, width, height) and what it spans; slice 0 is at the top."""

    left_px: float
    top_px: float
    width_px: float
    height_px: float
    start_lsl: float
    end_lsl: float
    n_slices: int

    def x_of(self, time_lsl: float) -> float:
        """Pixel of a time; not clipped."""
        span_s = self.end_lsl - self.start_lsl
        return self.left_px + (self.width_px * (time_lsl - self.start_lsl) / span_s if span_s > 0 else 0.0)

    def time_of(self, x_px: float) -> float:
        """Time under a pixel, clipped to the span."""
        share = (x_px - self.left_px) / self.width_px if self.width_px > 0 else 0.0
        return self.start_lsl + min(max(share, 0.0), 1.0) * (self.end_lsl - self.start_lsl)

    def y_of(self, slice_index: float) -> float:
        """Pixel of a slice's middle."""
        return self.top_px + self.height_px * (slice_index + 0.5) / max(self.n_slices, 1)

    def time_ticks(self, at_least_px: float = 70.0) -> list[float]:
        """Seconds from the start at which labels fit."""
        span_s = self.end_lsl - self.start_lsl
        if span_s <= 0 or self.width_px <= 0:
            return [0.0]
        wanted_s = span_s * at_least_px / self.width_px
        step_s = next((step for step in _NICE_STEPS_S if step >= wanted_s), math.ceil(wanted_s / 600.0) * 600.0)
        return [number * step_s for number in range(int(span_s / step_s + 1e-9) + 1)]

    def slice_ticks(self) -> list[int]:
        """Slice indices that get a label: first, middle, last."""
        if self.n_slices <= 1:
            return [0]
        return sorted({0, (self.n_slices - 1) // 2, self.n_slices - 1})
