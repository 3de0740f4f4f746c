"""Screen pixels, millimetres and visual angle of one monitor seen from one distance.

Frames: `screen_px` is continuous, its origin the top-left corner of the monitor, y down (the first pixel covers 0..1);
`screen_norm` is the same divided by the size in pixels; azimuth grows to the right and elevation grows DOWN, both zero
where the line of sight is perpendicular to the screen (taken as the screen's centre).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class ScreenGeometry:
    """A monitor in physical pixels and millimetres, and the eye's distance from it."""

    width_px: int
    height_px: int
    width_mm: float
    height_mm: float
    distance_mm: float

    def __post_init__(self) -> None:
        if min(self.width_px, self.height_px) <= 0 or min(self.width_mm, self.height_mm, self.distance_mm) <= 0:
            raise ValueError(f"screen sizes and distance must be positive: {self}")

    @property
    def mm_per_px(self) -> tuple[float, float]:
        """Pixel pitch (x, y) in mm."""
        return self.width_mm / self.width_px, self.height_mm / self.height_px

    def norm_to_px(self, norm: ArrayLike) -> NDArray[np.float64]:
        """`screen_norm` (..., 2) to `screen_px`."""
        return np.asarray(norm, dtype=np.float64) * (self.width_px, self.height_px)

    def px_to_norm(self, px: ArrayLike) -> NDArray[np.float64]:
        """`screen_px` (..., 2) to `screen_norm`."""
        return np.asarray(px, dtype=np.float64) / (self.width_px, self.height_px)

    def px_to_vector(self, px: ArrayLike) -> NDArray[np.float64]:
        """Unit line-of-sight vectors (..., 3), x right, y down, z away from the eye, for `screen_px` (..., 2)."""
        point = np.asarray(px, dtype=np.float64)
        x = point[..., 0] * self.mm_per_px[0] - self.width_mm / 2
        y = point[..., 1] * self.mm_per_px[1] - self.height_mm / 2
        vector = np.stack([x, y, np.full_like(x, self.distance_mm)], axis=-1)
        return vector / np.linalg.norm(vector, axis=-1, keepdims=True)

    def px_to_deg(self, px: ArrayLike) -> NDArray[np.float64]:
        """`screen_px` (..., 2) to Fick angles (azimuth, elevation) in degrees (..., 2)."""
        vector = self.px_to_vector(px)
        azimuth = np.arctan2(vector[..., 0], vector[..., 2])
        elevation = np.arcsin(np.clip(vector[..., 1], -1.0, 1.0))
        return np.degrees(np.stack([azimuth, elevation], axis=-1))

    def deg_to_px(self, deg: ArrayLike) -> NDArray[np.float64]:
        """Fick angles (azimuth, elevation) in degrees (..., 2) to `screen_px`; inverse of `px_to_deg`."""
        angle = np.radians(np.asarray(deg, dtype=np.float64))
        azimuth, elevation = angle[..., 0], angle[..., 1]
        x = self.distance_mm * np.tan(azimuth)
        y = self.distance_mm * np.tan(elevation) / np.cos(azimuth)
        pitch_x, pitch_y = self.mm_per_px
        return np.stack([(x + self.width_mm / 2) / pitch_x, (y + self.height_mm / 2) / pitch_y], axis=-1)

    def angle_between_deg(self, first_px: ArrayLike, second_px: ArrayLike) -> NDArray[np.float64]:
        """Visual angle in degrees between two points on the screen, 2 asin(|v1 - v2| / 2) (Olsen 2012)."""
        chord = np.linalg.norm(self.px_to_vector(first_px) - self.px_to_vector(second_px), axis=-1)
        return np.degrees(2 * np.arcsin(np.clip(chord / 2, 0.0, 1.0)))

    def px_per_deg(self) -> float:
        """Pixels per degree at the centre of the screen (mean of both axes)."""
        pitch = sum(self.mm_per_px) / 2
        return float(np.tan(np.radians(1.0)) * self.distance_mm / pitch)
