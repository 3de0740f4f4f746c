"""Masks without anybody drawing them: fixations, heat map, random field, and a threshold for each level.

GazeMedSeg (Zhong et al., MICCAI 2024; reference: gaze_segmentation B3 to B5).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, field_validator

from models.datasets.picture_case import PictureCase
from models.errors import ModelError
from models.gaze_segmentation.crf import CrfSettings, refined
from models.gaze_segmentation.grey_levels import picture_levels
from models.gaze_segmentation.heat_maps import HeatMapSettings, PictureHeatMap, picture_heat_map, preset_named
from models.gaze_segmentation.levels import PUBLISHED, checked_thresholds, thresholds
from models.metrics.overlap import overlap
from models.volumes import PictureVolume

Mask = NDArray[np.bool_]
TINY_SHARE = 0.001
"""Of the picture: a level with less foreground is warned about. A network trained on it finds nothing."""


class PseudoMaskSettings(BaseModel):
    """How pseudo-masks are made.

    Attributes
    ----------
    preset
        Where the published numbers come from: ``kvasir``, ``prostate`` or ``egd``; used by `faithful`.
    crf
        None: thresholds apply to the heat map itself.
    thresholds
        One a level.
    window
        Centre and width for grey pictures (Hounsfield units); None: smallest to largest value.
    faithful
        The published arithmetic with its defects (`published_heat_maps`), eight bits between the steps; `heat_map` is
        then not used.
    px_per_degree
        Picture pixels to a degree of visual angle, for a sigma in degrees.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, strict=True)

    preset: str = "kvasir"
    heat_map: HeatMapSettings = Field(default_factory=HeatMapSettings)
    crf: CrfSettings | None = Field(default_factory=CrfSettings)
    thresholds: tuple[float, ...] = PUBLISHED["kvasir"][2]
    window: tuple[float, float] | None = None
    faithful: bool = False
    px_per_degree: float | None = Field(default=None, gt=0)

    @field_validator("thresholds")
    @classmethod
    def _are_thresholds(cls, given: tuple[float, ...]) -> tuple[float, ...]:
        try:
            return checked_thresholds(given)
        except ModelError as error:
            raise ValueError(str(error)) from error

    @field_validator("preset")
    @classmethod
    def _is_known(cls, name: str) -> str:
        try:
            preset_named(name)
        except ModelError as error:
            raise ValueError(str(error)) from error
        return name

    @classmethod
    def of_preset(cls, name: str, count: int = 2, *, faithful: bool = False) -> PseudoMaskSettings:
        """The published numbers with `count` levels; raises `ModelError` where nothing was published."""
        heat = HeatMapSettings.of_preset(name)
        return cls(preset=name, heat_map=heat, thresholds=thresholds(name, count), faithful=faithful)


@dataclass(frozen=True)
class Quality:
    """How well one picture's maps meet its true mask.

    Attributes
    ----------
    inside_fraction
        Share of the looking time that lies in the mask; NaN without any.
    heat_map_dice, map_dice
        Of each level, before and after the random field; NaN where mask and level are both empty.
    """

    inside_fraction: float
    heat_map_dice: tuple[float, ...]
    map_dice: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class PseudoMask:
    """What was made of one picture.

    Attributes
    ----------
    map_ji
        (rows, columns) float32 foreground marginal, on which the levels are taken.
    heat_map
        Before the random field.
    thresholds
        Of `levels`.
    cell_sigmas
        Of the random field's grid (`bilateral_grid`); NaN without one.
    picture_sha256, gaze_sha256
        Of what it was made from.
    quality
        None where there is no true mask.
    warnings
        Levels without enough foreground, and what the heat map says.
    """

    case: str
    map_ji: NDArray[np.float32] = field(repr=False)
    heat_map: PictureHeatMap = field(repr=False)
    thresholds: tuple[float, ...]
    cell_sigmas: float
    picture_sha256: str
    gaze_sha256: str
    quality: Quality | None
    warnings: tuple[str, ...]

    @property
    def levels(self) -> tuple[Mask, ...]:
        """(rows, columns) bool of each level."""
        return tuple(self.map_ji >= threshold for threshold in self.thresholds)

    @property
    def foreground_shares(self) -> tuple[float, ...]:
        """Share of the picture that each level calls the structure."""
        return tuple(float(level.mean()) for level in self.levels)


def pseudo_mask_map(case: PictureCase, settings: PseudoMaskSettings) -> NDArray[np.float32]:
    """(J, I) float32 foreground marginal of one picture; all 0 when nobody looked at it. The mask is not opened.

    Raises
    ------
    ModelError
        When the picture, its gaze or the settings do not allow it.
    """
    picture = case.load()
    return _maps(case, picture, settings)[1]


def pseudo_mask(case: PictureCase, settings: PseudoMaskSettings) -> PseudoMask:
    """Map, levels, warnings, and how well they meet the true mask where there is one.

    Raises
    ------
    ModelError
        As `pseudo_mask_map`, and when the mask has another size than the picture.
    """
    picture = case.load()
    heat, found, cell = _maps(case, picture, settings)
    warnings = list(heat.remarks)
    for threshold in settings.thresholds:
        share = float((found >= threshold).mean())
        if share < TINY_SHARE:
            said = "no foreground" if share == 0 else f"only {100 * share:.2g} % foreground"
            warnings.append(f"level {threshold:g} has {said}")
    quality = None
    if case.load_mask is not None:
        mask = case.load_mask()
        if mask.shape != found.shape:
            raise ModelError(
                f"its mask has {mask.shape[1]} x {mask.shape[0]} pixels, the picture {found.shape[1]} x"
                f" {found.shape[0]}",
                place=case.place or case.case,
                remedy="use the mask of this picture",
            )
        quality = _quality(case, mask, heat.share_ji, found, settings)
    digests = picture.digest(), _gaze_digest(case)
    return PseudoMask(case.case, found, heat, settings.thresholds, cell, *digests, quality, tuple(warnings))


def _maps(
    case: PictureCase, picture: PictureVolume, settings: PseudoMaskSettings
) -> tuple[PictureHeatMap, NDArray[np.float32], float]:
    shape = picture.shape_kji[1:]
    try:
        if settings.faithful:
            from models.gaze_segmentation.published_heat_maps import published_heat_map

            heat = published_heat_map(case.gaze, shape, settings.preset)
        else:
            heat = picture_heat_map(case.gaze, shape, settings.heat_map, px_per_degree=settings.px_per_degree)
        if settings.crf is None or not heat.share_ji.any():
            return heat, heat.share_ji, float("nan")
        levels = picture_levels(picture, settings.window, eight_bits=settings.faithful)
        found = refined(heat.share_ji, levels, settings.crf)
    except ModelError as error:
        if error.place:
            raise
        raise ModelError(error.message, place=case.place or case.case, remedy=error.remedy) from error
    marginal = found.marginal_ji
    if settings.faithful:
        marginal = np.asarray(np.trunc(255 * marginal) / np.float32(255), dtype=np.float32)
    return heat, marginal, found.cell_sigmas


def _gaze_digest(case: PictureCase) -> str:
    digest = hashlib.sha256()
    if case.gaze is not None:
        for values in (case.gaze.points_xy_share, case.gaze.duration_s):
            digest.update(np.ascontiguousarray(values, dtype=np.float64).tobytes())
    return digest.hexdigest()


def _quality(
    case: PictureCase, mask: Mask, heat: NDArray[np.float32], found: NDArray[np.float32], settings: PseudoMaskSettings
) -> Quality:
    inside = float("nan")
    if case.gaze is not None and len(case.gaze.points_xy_share):
        rows, columns = mask.shape
        points = case.gaze.points_xy_share
        on = ((points >= 0) & (points <= 1)).all(axis=1)
        # The outer edge of the last pixel is that pixel's.
        i = np.minimum((points[on, 0] * columns).astype(np.intp), columns - 1)
        j = np.minimum((points[on, 1] * rows).astype(np.intp), rows - 1)
        seconds = case.gaze.duration_s[on]
        if seconds.sum() > 0:
            inside = float(seconds[mask[j, i]].sum() / seconds.sum())
    return Quality(
        inside,
        tuple(overlap(heat >= threshold, mask).dice for threshold in settings.thresholds),
        tuple(overlap(found >= threshold, mask).dice for threshold in settings.thresholds),
    )
