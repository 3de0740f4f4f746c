"""From a sender's raw stamps to our clock, by the measured clock-offset series."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

JUMP_S = 0.05
"""Two neighbouring offsets further apart than this are two clocks (the sender restarted or set its clock)."""

LINE_NEEDS_S = 30.0
"""A drift is only fitted over this long: over less, the noise of single offsets would be taken for drift."""

LINE_FITS_S = 1e-3
"""A line that misses the offsets by more than this (median) is no description of them: they are followed piecewise."""

_MOST_POINTS = 400


def correct_times(
    time_raw: NDArray[np.float64], offset_times: NDArray[np.float64], offsets: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Raw stamps plus the offset that held at their time.

    Between jumps of the offset it is a robust line (Theil-Sen: median of all pairwise slopes, then median intercept),
    which one bad measurement does not move; over less than 30 s it is the median; where no line fits, linear
    interpolation through the running median of three. No offsets at all mean that the clock is ours already.

    Parameters
    ----------
    time_raw
        (N,) seconds in the sender's clock.
    offset_times
        (M,) seconds in the sender's clock, increasing within each stretch without a jump.
    offsets
        (M,) seconds to add.

    Returns
    -------
    ndarray
        (N,) seconds of our clock.
    """
    raw = np.asarray(time_raw, dtype=np.float64)
    if len(offset_times) == 0 or len(raw) == 0:
        return raw.copy()
    breaks = np.flatnonzero((np.abs(np.diff(offsets)) > JUMP_S) | (np.diff(offset_times) < 0)) + 1
    stretches = np.split(np.arange(len(offsets)), breaks)
    if len(stretches) == 1:
        return raw + _offset_at(raw, offset_times, offsets)
    # Raw stamps may step back at a jump, so each sample is placed by the order of arrival: a stretch ends at the
    # first stamp that lies nearer to the next stretch's first measurement than to this stretch's last.
    corrected = np.empty_like(raw)
    start = 0
    for here, following in zip(stretches, [*stretches[1:], None], strict=True):
        stop = len(raw)
        if following is not None:
            rest = raw[start:]
            nearer_next = np.abs(rest - offset_times[following[0]]) < np.abs(rest - offset_times[here[-1]])
            stop = start + int(np.argmax(nearer_next)) if nearer_next.any() else len(raw)
        piece = raw[start:stop]
        corrected[start:stop] = piece + _offset_at(piece, offset_times[here], offsets[here])
        start = stop
    return corrected


def _offset_at(
    times: NDArray[np.float64], offset_times: NDArray[np.float64], offsets: NDArray[np.float64]
) -> NDArray[np.float64] | float:
    middle = float(np.median(offsets))
    if len(offsets) < 3 or offset_times[-1] - offset_times[0] < LINE_NEEDS_S:
        return middle
    slope, intercept, origin = theil_sen(offset_times, offsets)
    residual = np.abs(offsets - (intercept + slope * (offset_times - origin)))
    if np.median(residual) <= LINE_FITS_S:
        return intercept + slope * (times - origin)
    padded = np.concatenate([offsets[:1], offsets, offsets[-1:]])
    smooth = np.median(np.stack([padded[:-2], padded[1:-1], padded[2:]]), axis=0)
    return np.interp(times, offset_times, smooth)


def theil_sen(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[float, float, float]:
    """Median-of-slopes line through (x, y): slope, intercept at `origin`, `origin` (the median of x).

    Holds while under 29 % of the points are wild (Sen 1968, JASA 63:1379). More than 400 points are thinned evenly.
    """
    if len(x) > _MOST_POINTS:
        chosen = np.linspace(0, len(x) - 1, _MOST_POINTS).round().astype(int)
        x, y = x[chosen], y[chosen]
    first, second = np.triu_indices(len(x), 1)
    run = x[second] - x[first]
    usable = run != 0
    slope = float(np.median((y[second] - y[first])[usable] / run[usable])) if usable.any() else 0.0
    origin = float(np.median(x))
    return slope, float(np.median(y - slope * (x - origin))), origin
