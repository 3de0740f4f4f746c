"""How much the figures of events hang on the detector and its parameters: the same gaze, detected many ways."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ctgaze_app.gaze.detectors import (
    TOBII_IVT,
    DetectorParameters,
    EngbertKlieglParameters,
    EyeEvents,
    IdtParameters,
    IvtParameters,
    detect_events,
)
from ctgaze_app.gaze.detectors.gaps import hole_s
from ctgaze_app.gaze.detectors.intervals import merged_and_lasting, running_sums, runs

VELOCITY_THRESHOLDS_DEG_S = (20.0, 30.0, 40.0, 50.0)
MIN_DURATIONS_S = (0.040, 0.060, 0.100)
FOR_NOISY_GAZE = EngbertKlieglParameters(velocity_window_s=0.040)
"""For gaze whose noise passes the fixed threshold of I-VT (about 0.5 degrees from sample to sample and more): the
threshold follows the noise, and the longer window halves it. `tests.benchmarks.stack_readings` shows both side by
side."""


@dataclass(frozen=True)
class SensitivityRow:
    """Figures of fixations found one way; `parameter` is "" and `value` None for a detector's own defaults."""

    detector: str
    parameter: str
    value: float | None
    fixations: int
    mean_duration_s: float | None
    fixation_time_s: float

    def to_dict(self, base: SensitivityRow) -> dict[str, Any]:
        """Plain values for JSON, beside their ratio to `base`."""

        def ratio(mine: float | None, its: float | None) -> float | None:
            return round(mine / its, 4) if mine is not None and its else None

        return {
            "detector": self.detector,
            "parameter": self.parameter,
            "value": self.value,
            "fixations": self.fixations,
            "mean_duration_s": None if self.mean_duration_s is None else round(self.mean_duration_s, 6),
            "fixation_time_s": round(self.fixation_time_s, 6),
            "fixations_ratio": ratio(self.fixations, base.fixations),
            "mean_duration_ratio": ratio(self.mean_duration_s, base.mean_duration_s),
            "fixation_time_ratio": ratio(self.fixation_time_s, base.fixation_time_s),
        }


def sensitivity_row(
    time_s: NDArray[np.float64], events: EyeEvents, detector: str, parameter: str = "", value: float | None = None
) -> SensitivityRow:
    """Figures of one detection."""
    return _row(time_s, (events.first, events.last), detector, parameter, value)


def _row(
    time_s: NDArray[np.float64],
    bounds: tuple[NDArray[np.intp], NDArray[np.intp]],
    detector: str,
    parameter: str,
    value: float | None,
) -> SensitivityRow:
    durations = time_s[bounds[1]] - time_s[bounds[0]]
    total = float(durations.sum())
    mean = total / len(durations) if len(durations) else None
    return SensitivityRow(detector, parameter, value, len(durations), mean, total)


def variations(
    parameters: DetectorParameters = TOBII_IVT, *, others: bool = True
) -> list[tuple[str, float | None, DetectorParameters]]:
    """What is tried: (parameter, value, parameters), the defaults of the other detectors last unless not wanted.

    A threshold that the detector does not have is not varied.
    """
    own = {field.name for field in fields(parameters)}
    grid: list[tuple[str, tuple[float, ...]]] = [
        ("velocity_threshold_deg_s", VELOCITY_THRESHOLDS_DEG_S),
        ("min_duration_s", MIN_DURATIONS_S),
    ]
    found: list[tuple[str, float | None, DetectorParameters]] = []
    for name, values in grid:
        for value in values if name in own else ():
            changed: dict[str, Any] = {name: value}
            found.append((name, value, replace(parameters, **changed)))
    if others:
        known = (IvtParameters(), IdtParameters(), EngbertKlieglParameters())
        found += [("", None, other) for other in known if type(other) is not type(parameters)]
        found.append(("velocity_window_s", FOR_NOISY_GAZE.velocity_window_s, FOR_NOISY_GAZE))
    return found


def detector_sensitivity(
    time_s: ArrayLike,
    direction: ArrayLike,
    valid: ArrayLike,
    parameters: DetectorParameters = TOBII_IVT,
    *,
    base: EyeEvents | None = None,
    tried: Sequence[tuple[str, float | None, DetectorParameters]] | None = None,
) -> list[dict[str, Any]]:
    """Number, mean duration and total time of fixations for varied parameters, relative to `parameters`.

    Parameters
    ----------
    time_s, direction, valid
        As for `detect_events`.
    base
        What `parameters` found, when that is known already.
    tried
        See `variations`, the default.

    Returns
    -------
    rows
        The first is of `parameters` themselves, with ratios of 1.
    """
    time = np.asarray(time_s, dtype=np.float64)
    found = base if base is not None else detect_events(time, direction, valid, parameters)
    first = sensitivity_row(time, found, parameters.name)
    rows = [first]
    again = _IvtAgain(time, np.asarray(direction), np.asarray(valid, dtype=bool), found)
    for parameter, value, changed in variations(parameters) if tried is None else tried:
        if changed == parameters:
            bounds = (found.first, found.last)
        elif again.serves(parameters, changed):
            assert isinstance(changed, IvtParameters)
            bounds = again.fixations(changed)
        else:
            events = detect_events(time, direction, valid, changed)
            bounds = (events.first, events.last)
        rows.append(_row(time, bounds, changed.name, parameter, value))
    return [row.to_dict(first) for row in rows]


class _IvtAgain:
    """Fixations of I-VT from velocities that are known already: only what depends on the threshold and the durations
    is done again. The test of this module holds it against `detect_events`."""

    def __init__(
        self, time_s: NDArray[np.float64], direction: NDArray[np.float64], valid: NDArray[np.bool_], base: EyeEvents
    ) -> None:
        self._time, self._direction, self._valid = time_s, direction, valid
        self._velocity = base.velocity_deg_s
        self._threshold = np.nan
        self._slow = np.empty(0, dtype=bool)
        self._sums = np.empty((0, 4))

    def serves(self, known: DetectorParameters, wanted: DetectorParameters) -> bool:
        """Whether both are I-VT with the same velocities and the same bridged losses."""
        if not isinstance(known, IvtParameters) or not isinstance(wanted, IvtParameters):
            return False
        return (known.velocity_window_s, known.max_gap_fill_s) == (wanted.velocity_window_s, wanted.max_gap_fill_s)

    def fixations(self, parameters: IvtParameters) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """First and last sample of each fixation."""
        if parameters.velocity_threshold_deg_s != self._threshold:
            self._cut(parameters.velocity_threshold_deg_s)
        time, sums = self._time, self._sums
        first, last = runs(time, self._slow, hole_s(time, parameters) + 1e-9)
        return merged_and_lasting(time, first, last, sums, parameters)

    def _cut(self, threshold_deg_s: float) -> None:
        self._threshold = threshold_deg_s
        self._slow = self._velocity < threshold_deg_s  # NaN compares false
        self._sums = running_sums(self._direction, self._slow & self._valid)
