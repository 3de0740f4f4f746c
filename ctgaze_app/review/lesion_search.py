"""How each lesion was searched: when it was displayed, when and how long looked at, and why it was missed.

Error classes of a lesion that was not reported (Kundel, Nodine and Carmody 1978, doi 10.1097/00004424-197805000-00001):
``search``: the useful field of view (UFOV) was never on it long enough to notice; ``recognition``: it was, but for less
than a decision takes; ``decision``: longer. The classes depend on the UFOV that is chosen (Williams and Drew 2019,
PMC6614227), so the same is always given for 1 to 5 degrees.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ctgaze_app.ct.labelled_region import LabelledRegion
from ctgaze_app.gaze.frames import voxel_to_screen_px
from ctgaze_app.gaze.view_track import ViewTrack
from ctgaze_app.review.dwell_points import DwellPoints
from ctgaze_app.review.lesion_angles import angles_to_region_deg, gaussian_nodes, pixels_on_slice, slices_of
from ctgaze_app.review.plain_json import plain_json

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

ERROR_CLASSES = ("search", "recognition", "decision")
SENSITIVITY_DEG = (1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0)
_ROUNDING_S = 1e-6  # times in the tables are rounded to this


@dataclass(frozen=True)
class LesionSearchRules:
    """What counts as looking at a lesion.

    Attributes
    ----------
    radius_deg
        Of the useful field of view: Kundel's clusters of 5 degrees (reference 2.7).
    attention_s
        Dwell from which the lesion was noticed: 300 ms, which catches 85 % (Kundel, reference 2.7).
    decision_s
        Dwell from which a decision was made about it: about 1 s (Kundel, reference 2.7).
    sensitivity_deg
        Radii at which the measures are repeated.
    nodes
        Points by which the uncertainty of gaze is integrated.
    """

    radius_deg: float = 2.5
    attention_s: float = 0.3
    decision_s: float = 1.0
    sensitivity_deg: tuple[float, ...] = SENSITIVITY_DEG
    nodes: int = 512

    def __post_init__(self) -> None:
        if self.radius_deg <= 0 or min(self.sensitivity_deg, default=1.0) <= 0:
            raise ValueError("the radius of the useful field of view must be positive")
        if not 0 <= self.attention_s <= self.decision_s:
            raise ValueError("attention takes no longer than a decision")
        if self.nodes < 16:
            raise ValueError("at least 16 nodes are needed")

    def error_class(self, dwell_s: float) -> str:
        """The class of a lesion that was not reported, from the seconds of gaze on it, all looks together."""
        if dwell_s < self.attention_s - _ROUNDING_S:
            return "search"
        return "recognition" if dwell_s < self.decision_s - _ROUNDING_S else "decision"


@dataclass(frozen=True)
class LooksAt:
    """Looks at a lesion with a useful field of view of `radius_deg`.

    `first_s`, `last_s`: beginning of the first and end of the last look, seconds from the trial's first image, NaN
    without one; `error` as if the lesion had not been reported.
    """

    radius_deg: float
    n_fixations: int
    dwell_s: float
    first_s: float
    last_s: float
    error: str


@dataclass(frozen=True)
class LesionSearch:
    """One lesion in one reading.

    Attributes
    ----------
    outcome
        ``detected`` (reported), ``search``, ``recognition``, ``decision``, or ``not judged`` with its `reason`.
    displayed_s, first_displayed_s, last_displayed_s
        How long, from when and until when the pane showed a slice of the lesion with the lesion's centre inside it.
    fixated_while_displayed_s
        Fixation time anywhere in the picture while the lesion was displayed; far less than `displayed_s` means that
        the eye was lost or away, and the looks below are a lower bound.
    looks
        With the chosen radius.
    after_displayed_s
        From the lesion's first display to the first look at it.
    nearest_deg
        Smallest angle between a fixation and the lesion's edge; infinite when no fixation fell on its slices.
    probability_met
        That at least one fixation's useful field of view met the lesion, given the uncertainty of gaze; the error of
        gaze is taken as one and the same throughout the reading (an offset of the calibration), which is what most of
        it is. NaN when the uncertainty is not known or no fixation was recorded on the series.
    probability_best
        The same of the single fixation that most likely met it.
    outcome_probability
        Probability of each error class under the same uncertainty; empty where `probability_met` is NaN.
    sensitivity
        Looks for every radius of the rules.
    """

    name: str
    group: str
    reported: bool | None
    outcome: str
    reason: str
    displayed_s: float
    first_displayed_s: float
    last_displayed_s: float
    fixated_while_displayed_s: float
    looks: LooksAt
    after_displayed_s: float
    nearest_deg: float
    probability_met: float
    probability_best: float
    outcome_probability: Mapping[str, float] = field(default_factory=dict)
    sensitivity: tuple[LooksAt, ...] = field(default=(), repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; what is not known is None."""
        plain: dict[str, Any] = plain_json(asdict(self))
        return plain


@dataclass(frozen=True)
class LesionSearchResult:
    """All lesions of a reading, with the rules and the uncertainty that made the numbers.

    `left_out_s` is fixation time without a place on this series' slices, by reason (`DwellPoints`).
    """

    lesions: tuple[LesionSearch, ...]
    rules: LesionSearchRules
    uncertainty_deg: float
    left_out_s: Mapping[str, float]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "rules": plain_json(asdict(self.rules)),
            "uncertainty_deg": plain_json(self.uncertainty_deg),
            "left_out_s": dict(self.left_out_s),
            "lesions": [lesion.to_dict() for lesion in self.lesions],
        }

    def to_frame(self) -> pd.DataFrame:
        """One row a lesion; the looks of the chosen radius and the outcome at each radius of the sensitivity."""
        import pandas as pd

        rows = []
        for lesion in self.lesions:
            row = asdict(lesion)
            looks, sensitivity = row.pop("looks"), row.pop("sensitivity")
            chances = row.pop("outcome_probability")
            row |= {name: looks[name] for name in ("radius_deg", "n_fixations", "dwell_s", "first_s", "last_s")}
            row |= {f"probability_{name}": chances.get(name, float("nan")) for name in ERROR_CLASSES}
            row |= {f"error_at_{each['radius_deg']:g}_deg": each["error"] for each in sensitivity}
            rows.append(row)
        return pd.DataFrame(rows)


def lesion_search(
    lesions: Sequence[LabelledRegion],
    points: DwellPoints,
    views: ViewTrack,
    *,
    end_lsl: float,
    display_latency_s: float,
    reported: Collection[str] | None = None,
    uncertainty_deg: float = float("nan"),
    rules: LesionSearchRules | None = None,
    series: int = 0,
    pane: int = 0,
) -> LesionSearchResult:
    """Measure how each lesion was searched in one trial.

    Parameters
    ----------
    points
        `dwell_points.dwell_points_of_segments` of the trial and series, made with the same `views`. A lesion counts
        only on slices that hold its voxels: a fixation on the slice beside it did not see it.
    views, end_lsl, display_latency_s
        The trial's painted views, when the last one left the screen, and the session's latency.
    reported
        Names of the reported lesions (`reported_lesions.match_marks` finds them from marks); None: not known, so that
        no outcome is judged.
    uncertainty_deg
        Root mean square angle between true and measured gaze: sqrt(accuracy^2 + precision^2) of the validation
        (`lesion_angles.angle_uncertainty_deg` takes it from a fixation table). The error is a round Gaussian of that
        root mean square length, so uncertainty / sqrt(2) along each axis.

    Raises
    ------
    ValueError
        When a reported name is no lesion's, or two lesions share a name.
    """
    rules = rules or LesionSearchRules()
    names = [lesion.name for lesion in lesions]
    if len(set(names)) != len(names):
        raise ValueError("two lesions have the same name")
    if reported is not None and set(reported) - set(names):
        raise ValueError(f"reported, but no lesion: {', '.join(sorted(set(reported) - set(names)))}")
    shown = _Shown(views, end_lsl, display_latency_s, series, pane)
    found = tuple(
        _search_of(lesion, points, shown, None if reported is None else lesion.name in reported, uncertainty_deg, rules)
        for lesion in lesions
    )
    return LesionSearchResult(found, rules, float(uncertainty_deg), dict(points.left_out_s))


class _Shown:
    """When which slice was on the screen, and whether a place of it lay inside the pane."""

    def __init__(self, views: ViewTrack, end_lsl: float, latency_s: float, series: int, pane: int) -> None:
        rows = views.rows_of_pane(pane)
        begin = views.time_lsl[rows] + latency_s
        end = np.append(begin[1:], end_lsl) if len(rows) else begin
        mine = views.visible[rows] & (views.integers("series")[rows] == series)
        mine &= (views.maps[rows][:, 2, :2] == 0).all(axis=1) & (end > begin)
        visible = np.flatnonzero(views.visible)
        origin = float(views.time_lsl[visible].min() + latency_s) if len(visible) else 0.0
        self.views, self.rows = views, rows[mine]
        self.begin_s, self.end_s = begin[mine] - origin, end[mine] - origin
        self.slice_index = views.integers("slice_index")[self.rows]

    def shows(self, lesion: LabelledRegion, view_rows: NDArray[np.intp], slice_index: NDArray[np.int64]) -> Flags:
        """Whether each view shows the lesion: a slice of it, with the centre of its cross-section inside the pane."""
        flags = np.zeros(len(view_rows), dtype=bool)
        for k in slices_of(lesion):
            here = np.flatnonzero(slice_index == k)
            if len(here) == 0:
                continue
            i, j = pixels_on_slice(lesion, int(k)).mean(axis=0)
            px = voxel_to_screen_px(np.array([i, j, float(k)]), self.views.maps[view_rows[here]])
            x, y, width, height = self.views.rectangles_px[view_rows[here]].T
            flags[here] = (px[:, 0] >= x) & (px[:, 0] <= x + width) & (px[:, 1] >= y) & (px[:, 1] <= y + height)
        return flags


def _search_of(
    lesion: LabelledRegion,
    points: DwellPoints,
    shown: _Shown,
    reported: bool | None,
    uncertainty_deg: float,
    rules: LesionSearchRules,
) -> LesionSearch:
    on_screen = shown.shows(lesion, shown.rows, shown.slice_index)
    displayed = float((shown.end_s - shown.begin_s)[on_screen].sum())
    first_displayed = float(shown.begin_s[on_screen][0]) if on_screen.any() else float("nan")
    last_displayed = float(shown.end_s[on_screen][-1]) if on_screen.any() else float("nan")
    while_displayed = float(points.seconds[shown.shows(lesion, points.view, points.slice_index)].sum())
    angles = angles_to_region_deg(lesion, points)[:, 0]
    looks = _looks(points, angles, rules.radius_deg, rules)
    met, best, chances = _chances(lesion, points, angles, uncertainty_deg, rules)
    outcome, reason = looks.error, ""
    if reported is None:
        outcome, reason = "not judged", "what was reported is not known"
    elif reported:
        outcome = "detected"
    elif len(points) == 0:
        outcome, reason = "not judged", "no fixation was recorded on this series"
    elif displayed == 0:
        reason = "it was never displayed"
    return LesionSearch(
        lesion.name, lesion.group, reported, outcome, reason, displayed, first_displayed, last_displayed,
        while_displayed, looks, looks.first_s - first_displayed, float(angles.min(initial=np.inf)), met, best, chances,
        tuple(_looks(points, angles, radius, rules) for radius in rules.sensitivity_deg),
    )  # fmt: skip


def _looks(points: DwellPoints, angles_deg: Floats, radius_deg: float, rules: LesionSearchRules) -> LooksAt:
    on = angles_deg <= radius_deg
    onset, seconds = points.onset_s[on], points.seconds[on]
    dwell = float(seconds.sum())
    return LooksAt(
        radius_deg,
        len(np.unique(points.owner[on])),
        dwell,
        float(onset.min()) if on.any() else float("nan"),
        float((onset + seconds).max()) if on.any() else float("nan"),
        rules.error_class(dwell),
    )


def _chances(
    lesion: LabelledRegion, points: DwellPoints, angles_deg: Floats, uncertainty_deg: float, rules: LesionSearchRules
) -> tuple[float, float, dict[str, float]]:
    """Probability that the lesion was met, that of the best fixation, and of each error class."""
    if not np.isfinite(uncertainty_deg) or len(points) == 0:
        return float("nan"), float("nan"), {}
    offsets = gaussian_nodes(rules.nodes) * (uncertainty_deg / np.sqrt(2.0))
    reach = float(np.linalg.norm(offsets, axis=1).max()) + rules.radius_deg
    near = np.flatnonzero(angles_deg <= 1.2 * reach)  # a wide margin: farther rows meet it at no node
    close = points.subset(near)
    met = angles_to_region_deg(lesion, close, offsets) <= rules.radius_deg
    dwell = close.seconds @ met if len(close) else np.zeros(len(offsets))
    classes = [rules.error_class(float(seconds)) for seconds in dwell]
    chances = {name: classes.count(name) / len(classes) for name in ERROR_CLASSES}
    if len(close) == 0:
        return 0.0, 0.0, chances
    best = max(float(met[close.owner == number].any(axis=0).mean()) for number in np.unique(close.owner))
    return float(met.any(axis=0).mean()), best, chances
