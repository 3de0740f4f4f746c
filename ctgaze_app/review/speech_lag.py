"""A reader's own lag from looking to naming: the lead at which gaze was most often on the region just named.

For each mention of a region and each lag, the share of a short window, that long before the mention, that gaze spent
on the region; less the share that it spends there anyway. The lag where the mean over all mentions is highest is the
reader's. What could be chance is said not to be available.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ctgaze_app.review.plain_json import plain_json
from ctgaze_app.review.spoken_words import Mention

Floats = NDArray[np.float64]

LAG_RANGE_S = (-1.0, 6.0)
LAG_STEP_S = 0.05
WINDOW_S = 0.5
FEWEST_MENTIONS = 8
CHANCE_LEVEL = 0.05
_PEAK_SHARE = 0.8  # the peak's centre is that of the part above this share of its height


@dataclass(frozen=True)
class SpeechLag:
    """Seconds from looking at a region to naming it (positive: gaze leads).

    Attributes
    ----------
    available
        False when `reason` stands against it; `lag_s` is NaN then.
    low_s, high_s
        95 % interval: mentions resampled with replacement.
    peak, p_chance
        How much more than usual gaze was on the region at that lag (0 to 1), and the share of random shifts of all
        mentions round the reading that reach as high a peak somewhere.
    sensitivity
        The lag for other lengths of the window: (seconds, lag).
    lags_s, curve
        The curve that the peak is taken from.
    """

    available: bool
    reason: str
    lag_s: float
    low_s: float
    high_s: float
    n_mentions: int
    peak: float
    p_chance: float
    window_s: float
    sensitivity: tuple[tuple[float, float], ...] = ()
    lags_s: Floats = field(default_factory=lambda: np.empty(0), repr=False)
    curve: Floats = field(default_factory=lambda: np.empty(0), repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; what is not known is None."""
        plain = asdict(self) | {"lags_s": self.lags_s.tolist(), "curve": self.curve.tolist()}
        plain["sensitivity"] = [{"window_s": window, "lag_s": lag} for window, lag in self.sensitivity]
        checked: dict[str, Any] = plain_json(plain)
        return checked


def speech_lag(
    mentions: Sequence[Mention],
    fixations: Mapping[str, Any],
    regions: Sequence[str],
    inside: ArrayLike,
    *,
    lag_range_s: tuple[float, float] = LAG_RANGE_S,
    window_s: float = WINDOW_S,
    fewest: int = FEWEST_MENTIONS,
    resamples: int = 500,
    shifts: int = 200,
    seed: int = 0,
) -> SpeechLag:
    """Estimate the lag of one reading (or of several on one clock).

    Parameters
    ----------
    mentions
        `spoken_words.find_mentions`; those of regions that are not given, or never looked at, do not count.
    fixations
        Columns onset_s, duration_s of N fixations.
    regions, inside
        Names of R regions, and (N, R) which fixations lie in them (`regions.membership`).
    fewest
        Mentions that are needed (our choice: with fewer the interval says little).
    """
    onset = np.asarray(fixations["onset_s"], dtype=np.float64)
    seconds = np.asarray(fixations["duration_s"], dtype=np.float64)
    flags = np.asarray(inside, dtype=bool).reshape(len(onset), len(regions))
    known = np.isfinite(onset) & np.isfinite(seconds)
    order = np.flatnonzero(known)[np.argsort(onset[known], kind="stable")]
    onset, seconds, flags = onset[order], seconds[order], flags[order]
    looked = {name: n for n, name in enumerate(regions) if flags[:, n].any()}
    told = [mention for mention in mentions if mention.region in looked]
    if len(told) < fewest:
        return _unavailable(
            f"{len(told)} mentions of regions that were looked at, {fewest} are needed", len(told), window_s
        )
    times = np.array([mention.start_s for mention in told])
    column = np.array([looked[mention.region] for mention in told], dtype=np.intp)
    lags = np.arange(lag_range_s[0], lag_range_s[1] + LAG_STEP_S / 2, LAG_STEP_S)
    span = (float(onset[0]), float((onset + seconds).max()))
    dwell = _CumulativeDwell(onset, seconds, flags, span)
    excess = dwell.excess(times, column, lags, window_s)
    curve = excess.mean(axis=0)
    lag = float(_peak_lags(curve[None], lags)[0])
    random = np.random.default_rng(seed)
    by_chance = [
        dwell.excess(moved, column, lags, window_s).mean(axis=0).max()
        for moved in chance_shifts(times, span, shifts, seed)
    ]
    p_chance = float((np.count_nonzero(np.array(by_chance) >= curve.max()) + 1) / (shifts + 1))
    draws = random.multinomial(len(told), np.full(len(told), 1 / len(told)), size=resamples) / len(told)
    low, high = np.quantile(_peak_lags(draws @ excess, lags), [0.025, 0.975])
    widths = tuple(
        (width, float(_peak_lags(dwell.excess(times, column, lags, width).mean(axis=0)[None], lags)[0]))
        for width in (window_s / 2, window_s, 2 * window_s)
    )
    reason = ""
    if p_chance > CHANCE_LEVEL:
        reason = f"the peak is no higher than chance gives (p = {p_chance:.2f})"
    elif not lags[0] + LAG_STEP_S < lag < lags[-1] - LAG_STEP_S:
        reason = "the peak lies at the end of the lags that were tried"
    return SpeechLag(
        not reason, reason, float("nan") if reason else lag, float(low), float(high), len(told), float(curve.max()),
        p_chance, window_s, widths, lags, curve,
    )  # fmt: skip


def chance_shifts(times_s: Floats, span_s: tuple[float, float], count: int, seed: int = 0) -> list[Floats]:
    """The same moments moved round a reading, all by one random amount, `count` times: as alike, but unrelated."""
    begin, end = span_s
    length = end - begin
    if not length > 0:
        return [np.asarray(times_s, dtype=np.float64)] * count
    amounts = np.random.default_rng(seed).uniform(0.1, 0.9, count) * length
    return [begin + np.mod(times_s - begin + amount, length) for amount in amounts]


class _CumulativeDwell:
    """Seconds of dwell on each region until any moment, so that a window's dwell is one difference."""

    def __init__(self, onset: Floats, seconds: Floats, flags: NDArray[np.bool_], span: tuple[float, float]) -> None:
        self._times = np.column_stack([onset, onset + seconds]).ravel()
        self._sums = []
        for column in flags.T:
            total = np.cumsum(np.where(column, seconds, 0.0))
            before = np.concatenate([[0.0], total[:-1]]) if len(total) else total
            self._sums.append(np.column_stack([before, total]).ravel())
        length = max(span[1] - span[0], 1e-9)
        self._usual = np.array([sums[-1] / length for sums in self._sums])

    def excess(self, times: Floats, column: NDArray[np.intp], lags: Floats, window_s: float) -> Floats:
        """(M, L) share of each mention's window on its region, less that region's usual share."""
        middle = times[:, None] - lags
        share = np.empty_like(middle)
        for region in np.unique(column):
            mine = column == region
            until = [np.interp(middle[mine] + side * window_s / 2, self._times, self._sums[region]) for side in (-1, 1)]
            share[mine] = (until[1] - until[0]) / window_s - self._usual[region]
        return share


def _peak_lags(curves: Floats, lags: Floats) -> Floats:
    """(B,) the centre of each curve's highest peak: mean lag of the stretch above `_PEAK_SHARE` of its height."""
    found = np.empty(len(curves))
    for row, curve in enumerate(curves):
        top = int(np.argmax(curve))
        high = curve >= _PEAK_SHARE * curve[top]
        first = last = top
        while first > 0 and high[first - 1]:
            first -= 1
        while last < len(lags) - 1 and high[last + 1]:
            last += 1
        found[row] = lags[first : last + 1].mean()
    return found


def _unavailable(reason: str, mentions: int, window_s: float) -> SpeechLag:
    nan = float("nan")
    return SpeechLag(False, reason, nan, nan, nan, mentions, nan, nan, window_s)
