"""Time on the image and on each slice, told twice: from events and from samples, which need no detector.

Published detectors fail on moving content, so no event measure stands alone. Both kinds count the same way: a sample
stands for the time until the next one (at most `LONGEST_STEPS` ordinary steps), and a fixation reaches half an ordinary
step beyond its first and its last sample.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ctgaze_app.gaze.detectors import EyeEvents
from ctgaze_app.gaze.fixations import KINDS, Table
from ctgaze_app.gaze.mapping import MappedGaze
from ctgaze_app.gaze.view_track import VIEW_STATES

Floats = NDArray[np.float64]

LONGEST_STEPS = 1.5
"""A sample stands for no more than so many ordinary steps: beyond them rows are missing, and nobody knows of that
time."""
MOVING_STATES = ("scroll", "pan", "zoom", "mixed")


@dataclass(frozen=True)
class TimeOnImage:
    """Seconds of one trial.

    Attributes
    ----------
    total_s
        Gaze with an eye (samples), or fixation time (events).
    on_image_s
        Of it, on the visible image.
    by_view_state_s
        On the image, by what the view did.
    by_kind_s
        Events only: fixation time by kind; empty for samples.
    by_slice_s
        On the image, by series and slice; only slices that were met.
    """

    total_s: float
    on_image_s: float
    by_view_state_s: dict[str, float]
    by_kind_s: dict[str, float]
    by_slice_s: dict[tuple[int, int], float]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; slices as {series: {slice: seconds}}."""
        nested: dict[str, dict[str, float]] = {}
        for (series, slice_index), seconds in sorted(self.by_slice_s.items()):
            nested.setdefault(str(series), {})[str(slice_index)] = round(seconds, 6)
        kinds = {"by_kind_s": _rounded(self.by_kind_s)} if self.by_kind_s else {}
        return {
            "total_s": round(self.total_s, 6),
            "on_image_s": round(self.on_image_s, 6),
            "by_view_state_s": _rounded(self.by_view_state_s),
            **kinds,
            "by_slice_s": nested,
        }


@dataclass(frozen=True)
class TrialMeasures:
    """What `quality.json` says of a trial's time and of how far its events can be trusted.

    Attributes
    ----------
    moving_content_s
        Fixation time on moving content, see `on_moving_content_s`.
    slice_uncertain_share
        Share of the samples on the image whose slice could be its neighbour; None without any.
    limits
        Sentences, see `gaze.limits`.
    sensitivity
        Rows of `gaze.sensitivity.detector_sensitivity`.
    """

    events: TimeOnImage
    samples: TimeOnImage
    moving_content_s: float
    slice_uncertain_share: float | None
    limits: tuple[str, ...]
    sensitivity: tuple[dict[str, Any], ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        share = self.slice_uncertain_share
        return {
            "event_measures": self.events.to_dict(),
            "sample_measures": self.samples.to_dict(),
            "moving_content_s": round(self.moving_content_s, 6),
            "slice_uncertain_share": None if share is None else round(share, 6),
            "limits": list(self.limits),
            "sensitivity": list(self.sensitivity),
        }


def ordinary_step_s(time_s: Floats) -> float:
    """Median time from sample to sample; 0 without two samples."""
    return float(np.median(np.diff(time_s))) if len(time_s) > 1 else 0.0


def sample_durations_s(time_s: Floats) -> Floats:
    """(N,) seconds that each sample stands for."""
    step = ordinary_step_s(time_s)
    return np.minimum(np.diff(time_s, append=time_s[-1:] + step), LONGEST_STEPS * step)


def sample_measures(mapped: MappedGaze) -> TimeOnImage:
    """From every sample with an eye: saccades count too, nothing depends on a detector."""
    stands_for = sample_durations_s(mapped.eye_time_lsl)
    on_image = mapped.on_image
    state = np.bincount(mapped.view_state[on_image], weights=stands_for[on_image], minlength=len(VIEW_STATES))
    return TimeOnImage(
        float(stands_for[mapped.valid].sum()),
        float(stands_for[on_image].sum()),
        dict(zip(VIEW_STATES, state.tolist(), strict=True)),
        {},
        _by_slice(mapped.series[on_image], mapped.slice_index[on_image], stands_for[on_image]),
    )


def event_measures(mapped: MappedGaze, fixations: Table, segments: Table) -> TimeOnImage:
    """From fixations, drills and pursuits and their runs on slices; saccades do not count.

    `fixations` and `segments` are those of this trial part, from `gaze.fixations.fixation_tables`. A run counts as on
    the image when it has a voxel.
    """
    step = ordinary_step_s(mapped.eye_time_lsl)
    owner = segments["fixation"] - (fixations["fixation"][0] if len(fixations["fixation"]) else 0)
    dwell = segments["duration_s"].copy()
    if len(dwell):
        edge = np.append(True, owner[1:] != owner[:-1])
        dwell += step / 2 * (edge.astype(np.float64) + np.append(edge[1:], True))
    on_image = np.isfinite(segments["x_voxel"])
    state = fixations["view_state"][owner]
    kind = fixations["kind"][owner]
    return TimeOnImage(
        float(dwell.sum()),
        float(dwell[on_image].sum()),
        {name: float(dwell[on_image & (state == name)].sum()) for name in VIEW_STATES},
        {name: float(dwell[kind == name].sum()) for name in KINDS},
        _by_slice(segments["series"][on_image], segments["slice_index"][on_image], dwell[on_image]),
    )


def on_moving_content_s(mapped: MappedGaze, events: EyeEvents) -> float:
    """Seconds of fixation samples while the picture scrolled, was panned or zoomed (each change counts for the hold of
    the view's state): what published detectors are not made for."""
    moving = np.isin(mapped.view_state, [VIEW_STATES.index(name) for name in MOVING_STATES])
    return float(sample_durations_s(mapped.eye_time_lsl)[moving & (events.fixation >= 0)].sum())


def _by_slice(series: NDArray[Any], slices: NDArray[Any], seconds: Floats) -> dict[tuple[int, int], float]:
    if len(slices) == 0:
        return {}
    width = int(slices.max()) + 1
    code = series.astype(np.int64) * width + slices
    total = np.bincount(code, weights=seconds)
    met = np.flatnonzero(total > 0)
    return {(int(each) // width, int(each) % width): float(total[each]) for each in met}


def _rounded(values: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 6) for name, value in values.items()}
