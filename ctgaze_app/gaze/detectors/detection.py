"""The one call: lines of sight in, fixations, saccades, blinks and the state of every sample out."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ctgaze_app.gaze.detectors import engbert_kliegl, events, idt, intervals, ivt
from ctgaze_app.gaze.detectors.blinks import find_blinks, with_touching_saccades
from ctgaze_app.gaze.detectors.candidates import Candidates
from ctgaze_app.gaze.detectors.events import EyeEvents
from ctgaze_app.gaze.detectors.gaps import fill_gaps, hole_s
from ctgaze_app.gaze.detectors.limits import LIMITS
from ctgaze_app.gaze.detectors.presets import TOBII_IVT, DetectorParameters
from ctgaze_app.gaze.detectors.saccades import chosen, kept, measured_saccades

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


def detect_events(
    time_s: ArrayLike,
    direction: ArrayLike,
    valid: ArrayLike,
    parameters: DetectorParameters = TOBII_IVT,
    *,
    pupil: ArrayLike | None = None,
) -> EyeEvents:
    """Events of one eye or of the average of both.

    The detector says which samples are still and which are fast; bridging, merging, shortest durations, saccades and
    blinks are the same for all. Two deviations from Olsen 2012, neither of which changes gaze without noise and losses:
    after the short fixations are dropped, neighbours are merged once more, because a noise fragment that fitted neither
    side may have kept two halves of one fixation apart; and a fixation that holds no measured sample, only a bridged
    loss between two fast movements, is dropped. A fixation lasts from its first sample to its last one.

    Parameters
    ----------
    time_s
        (N,) ascending, seconds; irregular and equal stamps are fine.
    direction
        (N, 3) unit line-of-sight vectors, x right, y down (`ScreenGeometry.px_to_vector`); ignored where not valid.
    valid
        (N,) bool.
    parameters
        Their class names the detector.
    pupil
        (N,) size of the pupil in any unit; outside fixations, a sample without one (not finite or 0) counts as lost
        when blinks are looked for. Ignored when no sample has one.

    Raises
    ------
    ValueError
        When lengths differ, times descend or are not finite, or a valid sample has no finite direction.
    """
    time = np.asarray(time_s, dtype=np.float64)
    gaze = np.array(direction, dtype=np.float64)
    seen = np.asarray(valid, dtype=bool)
    if gaze.shape != (len(time), 3) or seen.shape != time.shape:
        raise ValueError(
            f"times {time.shape}, directions {gaze.shape} and validity {seen.shape} do not belong together"
        )
    if not (np.isfinite(time).all() and (time[1:] >= time[:-1]).all()):
        raise ValueError("times must be finite and ascend")
    # One such sample would pass through running sums into the velocity of every other.
    undirected = int((seen & ~np.isfinite(gaze).all(axis=1)).sum())
    if undirected:
        raise ValueError(f"{undirected} samples are called valid and have no direction")
    closed = _closed(seen, pupil)
    known = fill_gaps(time, gaze, seen, parameters.max_gap_fill_s)
    found = _candidates(time, gaze, known, parameters)
    member = found.slow & seen
    sums = intervals.running_sums(gaze, member)
    first, last = intervals.merged_and_lasting(time, found.first, found.last, sums, parameters)
    fixation = intervals.numbers(len(time), first, last)
    outside = fixation < 0
    state = np.full(len(time), events.UNCLASSIFIED, dtype=np.int8)
    state[~known] = events.LOST
    saccade_first, saccade_last = intervals.runs(time, found.fast & outside, hole_s(time, parameters))
    saccades = measured_saccades(gaze, known, found.velocity_deg_s, saccade_first, saccade_last)
    saccades = chosen(saccades, kept(saccades, time, parameters))
    blinks = find_blinks(time, closed & outside, first, last, parameters)
    blinks, free = with_touching_saccades(blinks, saccades.first, saccades.last)
    saccades = chosen(saccades, free)
    if found.oscillation is not None:
        state[found.oscillation & outside & known] = events.OSCILLATION
    intervals.fill(state, saccades.first, saccades.last, events.SACCADE)
    intervals.fill(state, blinks.first, blinks.last, events.BLINK)
    state[~outside] = events.FIXATION
    return EyeEvents(first, last, state, fixation, member & ~outside, found.velocity_deg_s, saccades, blinks, LIMITS)


def _candidates(time: Floats, gaze: Floats, known: Flags, parameters: DetectorParameters) -> Candidates:
    if isinstance(parameters, idt.IdtParameters):
        return idt.candidates(time, gaze, known, parameters)
    if isinstance(parameters, engbert_kliegl.EngbertKlieglParameters):
        return engbert_kliegl.candidates(time, gaze, known, parameters)
    return ivt.candidates(time, gaze, known, parameters)


def _closed(seen: Flags, pupil: ArrayLike | None) -> Flags:
    """Where the eye may be closed: not seen, or without a pupil."""
    if pupil is None:
        return ~seen
    size = np.asarray(pupil, dtype=np.float64)
    if size.shape != seen.shape:
        raise ValueError(f"pupils {size.shape} and validity {seen.shape} do not belong together")
    present = np.isfinite(size) & (size > 0)
    return ~seen | ~present if present.any() else ~seen
