"""A reader's fixations on a picture as heat maps: one frame a fixation in time order, or one map of the whole reading.

Frames are float and hold the time looked there; the published ones are colour pictures, each scaled by itself, in which
an unseen place is 12 % grey and duration counts for nothing (reference: chest X-ray study, C4).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.datasets.picture_case import PictureGaze
from models.errors import ModelError
from models.gaze_classifier.settings import GazeClassifierSettings

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class PlacedFixations:
    """N fixations within a picture in time order.

    Attributes
    ----------
    points_xy_share
        (N, 2) shares of width and height.
    duration_s
        (N,) seconds.
    sigma_xy_share
        Of each one's Gaussian, as shares of width and height.
    """

    points_xy_share: Floats
    duration_s: Floats
    sigma_xy_share: tuple[float, float]

    def __len__(self) -> int:
        """Number of fixations."""
        return len(self.duration_s)


def placed(gaze: PictureGaze, shape_ji: tuple[int, int], settings: GazeClassifierSettings) -> PlacedFixations:
    """Fixations in time order, without those beside the picture.

    Parameters
    ----------
    shape_ji
        Rows and columns of the picture as it was taken.

    Raises
    ------
    ModelError
        When lengths differ, or a number is none.
    """
    points = np.asarray(gaze.points_xy_share, dtype=np.float64).reshape(-1, 2)
    duration_s = np.asarray(gaze.duration_s, dtype=np.float64).ravel()
    onset_s = np.asarray(gaze.onset_s, dtype=np.float64).ravel()
    if not len(points) == len(duration_s) == len(onset_s):
        raise ModelError(f"{len(points)} places, {len(duration_s)} durations, {len(onset_s)} onsets", place="gaze")
    if not np.isfinite(points).all() or not np.isfinite(duration_s).all() or (duration_s < 0).any():
        raise ModelError("a place or a duration is no number", place="gaze", remedy="leave the fixation out")
    order = np.argsort(onset_s, kind="stable") if np.isfinite(onset_s).all() else np.arange(len(points))
    inside = np.all((points >= 0) & (points <= 1), axis=1)[order]
    rows, columns = shape_ji
    sigma_px = settings.sigma * max(rows, columns) if settings.sigma_unit == "share" else settings.sigma
    return PlacedFixations(points[order][inside], duration_s[order][inside], (sigma_px / columns, sigma_px / rows))


def gaze_frames(
    fixations: PlacedFixations, size_px: int, *, most_frames: int, weighting: str = "duration"
) -> NDArray[np.float32]:
    """(T, size, size) one frame a fixation, or a few consecutive ones where there are more than `most_frames`.

    Each frame's largest value is the time looked at it as a share of the longest frame's (``duration``), or 1.
    """
    count = len(fixations)
    if not count:
        return np.zeros((0, size_px, size_px), dtype=np.float32)
    across, down = _gaussians(fixations, size_px)
    groups = np.array_split(np.arange(count), min(count, most_frames))
    weight = _weights(fixations, weighting)
    frames = np.stack([(down[rows] * weight[rows, None]).T @ across[rows] for rows in groups])
    peaks = frames.max(axis=(1, 2))
    heights = np.array([weight[rows].sum() for rows in groups])
    # A fixation that lasts no time has a frame that is empty, which it stays.
    scaled = frames * (heights / heights.max() / np.where(peaks > 0, peaks, 1))[:, None, None]
    if weighting == "count":
        scaled = frames / np.where(peaks > 0, peaks, 1)[:, None, None]
    return np.asarray(scaled, dtype=np.float32)


def gaze_map(fixations: PlacedFixations, size_px: int, *, weighting: str = "duration") -> NDArray[np.float32]:
    """(size, size) the whole reading, 0 to 1; 0 throughout without a fixation."""
    if not len(fixations):
        return np.zeros((size_px, size_px), dtype=np.float32)
    across, down = _gaussians(fixations, size_px)
    whole = (down * _weights(fixations, weighting)[:, None]).T @ across
    return np.asarray(whole / whole.max(), dtype=np.float32)


def _weights(fixations: PlacedFixations, weighting: str) -> Floats:
    whole = fixations.duration_s
    return whole if weighting == "duration" and whole.sum() > 0 else np.ones(len(fixations))


def _gaussians(fixations: PlacedFixations, size_px: int) -> tuple[Floats, Floats]:
    """(N, size) each fixation's Gaussian across and down, 1 at its place, at the pixels' centres."""
    centres = (np.arange(size_px) + 0.5) / size_px
    across, down = (
        np.exp(-0.5 * ((centres - fixations.points_xy_share[:, axis, None]) / fixations.sigma_xy_share[axis]) ** 2)
        for axis in (0, 1)
    )
    # A narrow Gaussian between two pixels' centres may be 0 at both; it belongs to the nearer.
    for line, axis in ((across, 0), (down, 1)):
        nearest = np.clip((fixations.points_xy_share[:, axis] * size_px).astype(int), 0, size_px - 1)
        empty = line.max(axis=1) == 0
        line[np.flatnonzero(empty), nearest[empty]] = 1.0
    return across, down
