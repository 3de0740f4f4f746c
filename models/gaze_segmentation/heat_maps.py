"""Fixations on a picture as a heat map of the picture's size: 0 where nobody looked, 1 where they looked most."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, field_validator

from models.datasets.picture_case import PictureGaze
from models.errors import ModelError
from models.metrics.gaussian_stamps import Edge, add_gaussians

Floats = NDArray[np.float64]
Weighting = Literal["duration", "count"]
UNITS = {"%": "percent", "px": "px", "deg": "degree"}
SIGMA_PATTERN = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*(%|px|deg)\s*")
FARTHEST_SIGMA = 10.0
"""A Gaussian as wide as ten pictures is flat on all of them."""


@dataclass(frozen=True)
class Sigma:
    """Standard deviation of one fixation's Gaussian.

    Attributes
    ----------
    value, unit
        ``percent`` of the width along x and of the height along y; ``px`` of the picture; ``degree`` of visual angle.
    """

    value: float
    unit: str

    @classmethod
    def parse(cls, text: str) -> Sigma:
        """From ``9.1%``, ``70px`` or ``1.3deg``.

        Raises
        ------
        ModelError
            When it is none of these, or not above 0.
        """
        match = SIGMA_PATTERN.fullmatch(text)
        if match is None or not float(match[1]) > 0:
            raise ModelError(f"sigma {text[:30]!r} is no width", remedy="write it as 9.1%, 70px or 1.3deg")
        return cls(float(match[1]), UNITS[match[2]])

    def ij_px(self, width_px: int, height_px: int, px_per_degree: float | None = None) -> tuple[float, float]:
        """Along columns and rows of a picture.

        Parameters
        ----------
        px_per_degree
            Picture pixels to a degree of visual angle (`px_per_degree`); needed for degrees only.

        Raises
        ------
        ModelError
            In degrees without it, or more than ten pictures wide.
        """
        if self.unit == "percent":
            found = self.value / 100 * width_px, self.value / 100 * height_px
        elif self.unit == "px":
            found = self.value, self.value
        else:
            if px_per_degree is None or not (math.isfinite(px_per_degree) and px_per_degree > 0):
                raise ModelError(
                    "sigma in degrees needs to know how large the picture was seen",
                    remedy="give pixels per degree, or sigma in px or %",
                )
            found = self.value * px_per_degree, self.value * px_per_degree
        if found[0] > FARTHEST_SIGMA * width_px or found[1] > FARTHEST_SIGMA * height_px:
            raise ModelError(f"sigma of {found[0]:.0f} x {found[1]:.0f} pixels is wider than ten such pictures")
        return found


def px_per_degree(distance_mm: float, mm_per_picture_px: float) -> float:
    """Picture pixels to a degree of visual angle in the middle of the screen.

    Parameters
    ----------
    distance_mm
        From eye to screen.
    mm_per_picture_px
        On the screen, as the picture was shown.
    """
    return math.tan(math.radians(1.0)) * distance_mm / mm_per_picture_px


@dataclass(frozen=True)
class MapPreset:
    """A published heat map.

    Attributes
    ----------
    sigma_fraction
        Sigma as a share of the picture's width in x and of its height in y; None when it is in pixels.
    sigma_px
        Sigma in native picture pixels; None when it is a share.
    canvas_px
        Side of the square canvas that the published code draws on; None: the picture itself.
    weighting
        Durations or counts.
    """

    source: str
    weighting: Weighting
    sigma_fraction: float | None = None
    sigma_px: float | None = None
    canvas_px: int | None = None

    def sigma_ij(self, columns: int, rows: int) -> tuple[float, float]:
        """Sigma in pixels along i and j of a picture of that size."""
        if self.sigma_fraction is not None:
            return self.sigma_fraction * columns, self.sigma_fraction * rows
        assert self.sigma_px is not None
        return self.sigma_px, self.sigma_px

    @property
    def sigma(self) -> str:
        """As `Sigma.parse` reads it."""
        return f"{self.sigma_px:g}px" if self.sigma_fraction is None else f"{100 * self.sigma_fraction:.9g}%"


PRESETS: dict[str, MapPreset] = {
    "kvasir": MapPreset(
        "GazeMedSeg, MICCAI 2024: canvas 768, sigma 70 (9.1 % of each side)", "duration",
        sigma_fraction=70 / 768, canvas_px=768,
    ),
    "prostate": MapPreset(
        "GazeMedSeg, MICCAI 2024: canvas 768, sigma 50 (6.5 % of each side)", "duration",
        sigma_fraction=50 / 768, canvas_px=768,
    ),
    "egd": MapPreset(
        "Karargyris et al., Sci Data 2021: sigma 150 native pixels (about 1.3 degrees), counts", "count",
        sigma_px=150.0,
    ),
}  # fmt: skip


def preset_named(name: str) -> MapPreset:
    """The published map of that name; raises `ModelError`."""
    if name not in PRESETS:
        raise ModelError(f"there is no preset {name[:40]!r}", remedy=f"presets: {', '.join(PRESETS)}")
    return PRESETS[name]


class HeatMapSettings(BaseModel):
    """How a heat map is made.

    Attributes
    ----------
    sigma
        ``9.1%`` of each side, ``70px``, or ``1.3deg``; the default is GazeMedSeg's for Kvasir-SEG.
    weighting
        A fixation weighs its duration, or 1.
    edge
        What a Gaussian spreads beyond the picture: ``reflect`` mirrors it at the picture's edge, as published, so that
        looking at a border weighs as much as looking at the middle; ``cut`` drops it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, strict=True)

    sigma: str = PRESETS["kvasir"].sigma
    weighting: Weighting = "duration"
    edge: Literal["reflect", "cut"] = "reflect"

    @field_validator("sigma")
    @classmethod
    def _is_a_width(cls, text: str) -> str:
        try:
            Sigma.parse(text)
        except ModelError as error:
            raise ValueError(str(error)) from error
        return text

    @classmethod
    def of_preset(cls, name: str) -> HeatMapSettings:
        """Sigma and weighting as published; raises `ModelError` for an unknown name."""
        preset = preset_named(name)
        return cls(sigma=preset.sigma, weighting=preset.weighting)


@dataclass(frozen=True, eq=False)
class PictureHeatMap:
    """A heat map.

    Attributes
    ----------
    share_ji
        (rows, columns) float32, 0 to 1; all 0 when there is nothing to show, which `remarks` then says.
    fixations
        How many are in it.
    """

    share_ji: NDArray[np.float32] = field(repr=False)
    fixations: int
    remarks: tuple[str, ...] = ()


def picture_heat_map(
    gaze: PictureGaze | None,
    shape_ji: tuple[int, int],
    settings: HeatMapSettings,
    *,
    px_per_degree: float | None = None,
) -> PictureHeatMap:
    """The sum of one Gaussian a fixation, integrated over each pixel, stretched to 0..1 (smallest to largest value).

    A share of 0 or 1 lies on the outer edge of the first or last pixel. Fixations beside the picture are left out and
    counted in the remarks.

    Parameters
    ----------
    gaze
        None: nobody was recorded.
    shape_ji
        Rows and columns of the picture.
    px_per_degree
        For a sigma in degrees.

    Raises
    ------
    ModelError
        When the sigma cannot be had in pixels, or a duration is no time.
    """
    rows, columns = shape_ji
    points, weights, remarks = usable(gaze, settings.weighting)
    if len(points) == 0:
        return PictureHeatMap(np.zeros(shape_ji, dtype=np.float32), 0, remarks)
    sigma_ij = Sigma.parse(settings.sigma).ij_px(columns, rows, px_per_degree)
    drawn = drawn_map(points * (columns, rows) - 0.5, weights, shape_ji, sigma_ij, edge=settings.edge)
    share = stretched(drawn)
    if not share.any():
        remarks = (*remarks, "the map is the same everywhere")
    return PictureHeatMap(share, len(points), remarks)


def drawn_map(
    points_ij: Floats, weights: Floats, shape_ji: tuple[int, int], sigma_ij_px: tuple[float, float], *, edge: Edge
) -> NDArray[np.float32]:
    """(rows, columns) of which the sum is that of the weights, less what an edge cuts off."""
    plane = np.zeros((1, *shape_ji), dtype=np.float32)
    covariance = np.broadcast_to(np.diag(np.square(sigma_ij_px)), (len(points_ij), 2, 2))
    # The largest weight is 1, so that durations in any unit have the same rounding.
    scaled = weights / weights.max()
    add_gaussians(plane, np.zeros(len(points_ij), dtype=np.int64), points_ij, covariance, scaled, edge=edge)
    return np.asarray(plane[0] * np.float32(weights.max()), dtype=np.float32)


def usable(gaze: PictureGaze | None, weighting: Weighting) -> tuple[Floats, Floats, tuple[str, ...]]:
    """(N, 2) shares and (N,) weights of what can be drawn, and why something cannot.

    Raises
    ------
    ModelError
        For a negative or unknown duration where durations count.
    """
    none = np.empty((0, 2)), np.empty(0)
    if gaze is None or len(gaze.points_xy_share) == 0:
        return *none, ("no fixation",)
    points = np.asarray(gaze.points_xy_share, dtype=np.float64)
    weights = np.ones(len(points)) if weighting == "count" else np.asarray(gaze.duration_s, dtype=np.float64)
    if not (np.isfinite(weights).all() and (weights >= 0).all()):
        raise ModelError("a fixation's duration is negative or unknown", remedy="correct it, or weigh by count")
    inside = ((points >= 0) & (points <= 1)).all(axis=1)
    beside = int((~inside).sum())
    remarks = (f"{beside} of {len(points)} fixations lie beside the picture and are left out",) if beside else ()
    if not inside.any():
        return *none, (*remarks, "no fixation")
    if not weights[inside].sum() > 0:
        return *none, (*remarks, "no fixation has a duration")
    return points[inside], weights[inside], remarks


def stretched(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """From the smallest value at 0 to the largest at 1; all 0 where they are the same."""
    low, high = float(values.min()), float(values.max())
    if not high > low:
        return np.zeros(values.shape, dtype=np.float32)
    return np.asarray((values - np.float32(low)) / np.float32(high - low), dtype=np.float32)
