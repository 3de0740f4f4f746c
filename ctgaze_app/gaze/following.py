"""Does the eye follow something during a fixation? Its slope over time against the slope's standard error, and against
the motion of the picture where the view tells it.

A fixation is averaged in bins of equal time (noise falls, and a fixation of any rate has as many points); slopes are
those of Theil and Sen over all pairs of bins, so that the tail of a saccade in the first or last bin does not count.
A pan or a zoom moves every voxel in a known way: there the eye is compared with the voxel that it started on. A scroll
tells nothing about where a structure goes, so there the eye's own slope must decide.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from calibration.geometry import ScreenGeometry
from ctgaze_app.gaze.frames import screen_px_to_voxel, voxel_to_screen_px
from ctgaze_app.gaze.view_track import ViewTrack

Floats = NDArray[np.float64]

BINS = 10
SLOWEST_PURSUIT_DEG_S = 1.0
"""Slower drifts are those of an eye at rest (fixational drift: median about 0.5 degrees a second, Cherici et al. 2012,
10.1167/12.6.31; our choice: twice that)."""
LEAST_PURSUIT_WAY_DEG = 0.5
"""Shorter ways are not told from a resting eye's wander (our choice)."""
SURE_FACTOR = 3.5
"""A slope counts from so many of its standard errors. White noise exceeds it in 1 to 2 of 100 fixations, both axes
together, whatever the rate (simulated); of those most fit one step better than a line (our choice)."""
LEAST_GAIN = 0.5
"""The eye follows a panned picture when it makes at least so much of its way: half way between a resting eye (0) and
pursuit (0.85 to 1)."""

PURSUIT_RULE = {
    "bins": BINS,
    "slowest_deg_s": SLOWEST_PURSUIT_DEG_S,
    "least_way_deg": LEAST_PURSUIT_WAY_DEG,
    "sure_factor": SURE_FACTOR,
    "least_gain": LEAST_GAIN,
    "one_step_is_pursuit": False,
}
"""What decides on pursuit, for the provenance of tables."""


@dataclass(frozen=True, eq=False)
class EyeSlopes:
    """How the eye drifted during each of F fixations.

    Attributes
    ----------
    time_s, place_deg
        (F, `BINS`) and (F, `BINS`, 2) mean time and mean azimuth and elevation of each bin's samples, NaN where it has
        none.
    velocity_deg_s, standard_error_deg_s
        (F, 2) slope; (F,) its standard error, both axes together; NaN with fewer than four filled bins.
    stepped
        (F,) one step between two resting places fits better than a line: two fixations that noise or a small saccade
        left joined, no pursuit.
    """

    time_s: Floats = field(repr=False)
    place_deg: Floats = field(repr=False)
    velocity_deg_s: Floats = field(repr=False)
    standard_error_deg_s: Floats = field(repr=False)
    stepped: NDArray[np.bool_] = field(repr=False)

    @property
    def speed_deg_s(self) -> Floats:
        """(F,)."""
        return np.linalg.norm(self.velocity_deg_s, axis=1)


def eye_slopes(
    owner: NDArray[np.int32], time_s: Floats, direction: Floats, onset_s: Floats, offset_s: Floats
) -> EyeSlopes:
    """Slope of each fixation.

    Parameters
    ----------
    owner
        (M,) fixation of each member sample.
    direction
        (M, 3) unit line-of-sight vectors.
    onset_s, offset_s
        (F,) of each fixation.
    """
    count = len(onset_s)
    span = np.maximum(offset_s - onset_s, 1e-9)
    place = (time_s - onset_s[owner]) / span[owner] * BINS
    cell = owner.astype(np.int64) * BINS + np.clip(place.astype(np.int64), 0, BINS - 1)
    n = np.bincount(cell, minlength=count * BINS).reshape(count, BINS)
    weight = np.where(n > 0, 1.0 / np.maximum(n, 1), np.nan)

    def mean(values: Floats) -> Floats:
        sums = np.bincount(cell, weights=values, minlength=count * BINS).astype(np.float64)
        return sums.reshape(count, BINS) * weight

    # From the onset, not from the clock's beginning: sums of large times lose digits.
    elapsed = mean(time_s - onset_s[owner])
    x, y, z = (mean(direction[:, axis]) for axis in range(3))
    azimuth, elevation = np.degrees(np.arctan2(x, z)), np.degrees(np.arctan2(y, np.hypot(x, z)))
    # A degree of azimuth is shorter away from the horizon; within a fixation one factor serves.
    level = np.cos(np.radians(_mean_known(elevation)))[:, None]
    points = np.stack([azimuth * level, elevation], axis=-1)
    velocity = _theil_sen(elapsed, points)
    squares, error = _about_line(elapsed, points, velocity)
    return EyeSlopes(onset_s[:, None] + elapsed, points, velocity, error, _step_squares(points) < squares)


def drifts(slopes: EyeSlopes, duration_s: Floats) -> NDArray[np.bool_]:
    """(F,) whether the eye moved steadily: fast, far and surely enough, and not in one step."""
    speed = slopes.speed_deg_s
    with np.errstate(invalid="ignore"):
        return np.asarray(
            (speed >= SLOWEST_PURSUIT_DEG_S)
            & (speed * duration_s >= LEAST_PURSUIT_WAY_DEG)
            & (speed >= SURE_FACTOR * slopes.standard_error_deg_s)
            & ~slopes.stepped
        )


def picture_gain(
    slopes: EyeSlopes,
    pane: NDArray[np.int64],
    views: ViewTrack,
    geometry: ScreenGeometry,
    display_latency_s: float,
) -> tuple[Floats, Floats]:
    """How much of the picture's way the eye made, and how far the picture went, for each fixation.

    Returns
    -------
    gain
        (F,) regression of the eye's places on those of the voxel that it started on, both axes together: 1 follows,
        0 rests. NaN where that voxel did not move.
    way_deg
        (F,) standard deviation of that voxel's places times the square root of 12: the way of a steady motion.
    """
    count = len(pane)
    if len(views) == 0 or count == 0:
        return np.full(count, np.nan), np.zeros(count)
    view = np.full(slopes.time_s.shape, -1, dtype=np.intp)
    for number in np.unique(pane):
        mine = pane == number
        times = np.where(np.isnan(slopes.time_s[mine]), -np.inf, slopes.time_s[mine])
        view[mine] = views.shown_at(times, display_latency_s, int(number))
    usable = (view >= 0) & np.isfinite(slopes.time_s)
    row = np.arange(count)
    first = np.argmax(usable, axis=1)
    level = np.cos(np.radians(_mean_known(slopes.place_deg[..., 1])))
    start_deg = slopes.place_deg[row, first] / np.stack([level, np.ones(count)], axis=-1)
    start_view = np.maximum(view[row, first], 0)
    voxel = screen_px_to_voxel(geometry.deg_to_px(start_deg), views.maps[start_view])
    with np.errstate(invalid="ignore"):
        px = voxel_to_screen_px(voxel[:, None, :], views.maps[np.maximum(view, 0)])
        content = geometry.px_to_deg(px) * np.stack([level, np.ones(count)], axis=-1)[:, None, :]
    content[~usable] = np.nan
    eye = np.where(usable[..., None], slopes.place_deg, np.nan)
    n = np.maximum(usable.sum(axis=1), 1)
    centred = content - _mean_known(content, axis=1)[:, None, :]
    square = np.nansum(centred**2, axis=(1, 2))
    product = np.nansum(centred * (eye - _mean_known(eye, axis=1)[:, None, :]), axis=(1, 2))
    gain = np.where(square > 1e-12, product / np.where(square > 1e-12, square, 1.0), np.nan)
    return gain, np.sqrt(12.0 * square / n)


def follows(
    slopes: EyeSlopes,
    duration_s: Floats,
    scrolled: NDArray[np.bool_],
    moved: NDArray[np.bool_],
    gain: Floats,
    way_deg: Floats,
) -> NDArray[np.bool_]:
    """(F,) whether the eye followed moving content.

    Parameters
    ----------
    scrolled, moved
        (F,) whether slices changed, and whether the picture moved in its plane (pan, zoom), within the fixation.
    """
    steady = drifts(slopes, duration_s)
    with np.errstate(invalid="ignore"):
        with_picture = moved & (way_deg >= LEAST_PURSUIT_WAY_DEG) & (gain >= LEAST_GAIN)
    return (steady & scrolled) | (steady & with_picture)


def _theil_sen(time: Floats, points: Floats) -> Floats:
    """(F, 2) median slope over all pairs of filled bins; NaN with fewer than four filled bins."""
    early, late = np.triu_indices(BINS, k=1)
    span = time[:, late] - time[:, early]
    slope = (points[:, late] - points[:, early]) / span[..., None]
    filled = np.isfinite(time).sum(axis=1)
    velocity = np.full((len(time), 2), np.nan)
    whole = filled == BINS
    velocity[whole] = np.median(slope[whole], axis=1)
    partly = (filled >= 4) & ~whole
    velocity[partly] = np.nanmedian(slope[partly], axis=1)
    return velocity


def _about_line(time: Floats, points: Floats, velocity: Floats) -> tuple[Floats, Floats]:
    """Sum of squares of the bins about the line, and the slope's standard error (root mean square of both axes)."""
    filled = np.isfinite(time)
    dof = np.maximum(filled.sum(axis=1) - 2, 1)
    centred = time - _mean_known(time)[:, None]
    residual = points - _mean_known(points, axis=1)[:, None, :] - velocity[:, None, :] * centred[..., None]
    squares = np.nansum(residual**2, axis=(1, 2))
    spread = np.maximum(np.nansum(centred**2, axis=1), 1e-300)
    error = np.sqrt(squares / (2 * dof) / spread)
    return squares, np.where(np.isfinite(velocity[:, 0]), error, np.nan)


def _step_squares(points: Floats) -> Floats:
    """Least sum of squares of the bins about two resting places, over all places of the step between them."""
    known = np.isfinite(points)
    centred = np.where(known, points - _mean_known(points, axis=1)[:, None, :], 0.0)
    n, sums = np.cumsum(known, axis=1), np.cumsum(centred, axis=1)
    before, all_n = n[:, :-1], n[:, -1:]
    after, gained = all_n - before, sums[:, :-1] ** 2
    # About its mean, the sum of squares falls by S^2 / n on either side of the step; both sides' sums are opposite.
    fall = np.where((before > 0) & (after > 0), gained / np.maximum(before, 1) + gained / np.maximum(after, 1), 0.0)
    total = (centred**2).sum(axis=(1, 2))
    return np.asarray(total - fall.sum(axis=2).max(axis=1, initial=0.0))


def _mean_known(values: Floats, axis: int = -1) -> Floats:
    """Mean of the known values along an axis; NaN where none is (without numpy's warning)."""
    known = np.isfinite(values)
    n = known.sum(axis=axis)
    return np.where(n > 0, np.where(known, values, 0.0).sum(axis=axis) / np.maximum(n, 1), np.nan)
