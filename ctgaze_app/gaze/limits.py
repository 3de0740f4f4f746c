"""What a trial's events cannot tell, in sentences made from its own data, for everyone who uses the figures."""

from __future__ import annotations

import numpy as np

from ctgaze_app.gaze.detectors import EYE_STATES, EyeEvents
from ctgaze_app.gaze.fixations import Table
from ctgaze_app.gaze.mapping import MappedGaze
from ctgaze_app.gaze.measures import ordinary_step_s

SACCADE_RATE_HZ = 200.0
"""Below it a saccade of 20 to 50 ms has fewer than four to ten samples, so that its peak velocity is missed (Andersson,
Nystrom & Holmqvist 2010, 10.16910/jemr.3.3.6, on sampling frequency)."""
MUCH_MOVEMENT = 0.3
"""Share of samples outside fixations from which noise must be suspected; in reading a stack saccades take about 5 to
10 % of the time (our choice)."""


def trial_limits(
    mapped: MappedGaze, events: EyeEvents, saccades: Table, moving_s: float, fixation_s: float
) -> list[str]:
    """Sentences for one trial; empty when nothing limits its figures.

    Parameters
    ----------
    saccades
        From `gaze.movements.saccade_table`.
    moving_s, fixation_s
        Fixation time on moving content (`gaze.measures.on_moving_content_s`) and in all.
    """
    limits = []
    if moving_s > 0:
        share = moving_s / fixation_s if fixation_s > 0 else 0.0
        limits.append(
            f"{moving_s:.1f} s of fixation time ({share:.0%}) lay on moving content, for which no published detector "
            "is made: `kind` tells drill and pursuit apart, sample_measures depend on no detector"
        )
    step = ordinary_step_s(mapped.eye_time_lsl)
    if step > 1.0 / SACCADE_RATE_HZ:
        limits.append(
            f"at {1 / step:.0f} samples a second saccades have few samples: peak velocities are too small, onsets and "
            "durations are rough"
        )
    moved = np.isin(events.eye_state, [EYE_STATES.index("saccade"), EYE_STATES.index("unclassified")])
    seen = int(mapped.valid.sum())
    if seen and moved[mapped.valid].sum() / seen > MUCH_MOVEMENT:
        limits.append(
            f"{moved[mapped.valid].sum() / seen:.0%} of the samples with an eye lie outside fixations: noise is taken "
            "for movement, fixations are cut or lost; use sample_measures, or the adaptive detector"
        )
    slow = int((saccades["kind"] == "slow").sum())
    if slow:
        limits.append(
            f"{slow} movements last too long for saccades of their amplitude (`slow` in saccades.csv): pursuit above "
            "the velocity threshold, or noise"
        )
    return limits
