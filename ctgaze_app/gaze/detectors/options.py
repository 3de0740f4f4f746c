"""Parameters that mean the same for every detector: gaps, merging, shortest durations, blinks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, kw_only=True)
class EventOptions:
    """Options of all detectors; defaults of Olsen 2012, The Tobii I-VT fixation filter, where it has one.

    Attributes
    ----------
    max_gap_fill_s
        Longest loss that is bridged by a straight line, seconds.
    velocity_window_s
        Time over which a velocity is taken, seconds; at low rates at least the two neighbouring samples.
    merge_gap_s, merge_angle_deg
        Neighbouring fixations no farther apart in time and angle are one.
    min_duration_s
        Shorter fixations are dropped.
    min_saccade_duration_s, min_saccade_amplitude_deg
        Shorter or smaller saccades are dropped (their samples are unclassified). 0, as Olsen 2012 has no such rule. A
        saccade whose amplitude cannot be told is kept.
    max_oscillation_s
        Longest post-saccadic oscillation, seconds; 0 looks for none.
    min_blink_s, max_blink_s
        A loss between valid samples that lasts so long is a blink. 75 ms is Olsen's longest loss that is no blink; the
        longest blink of a waking eye lasts about 500 ms: 100 to close, at most 300 without sight, 100 to open (Stern,
        Walrath & Goldstein 1984). A hole without samples is no blink: nobody knows what the eye did.
    blink_margin_s
        Samples to either side of a blink's loss that belong to no fixation are part of it, as far as this, seconds: the
        100 ms of closing and of opening. The moving lid feigns a saccade; every saccade that touches the blink is part
        of it whole (EyeLink 1000 Plus user manual 4.9.3.6: blinks are always embedded in saccades).
    """

    name: ClassVar[str] = ""

    max_gap_fill_s: float = 0.075
    velocity_window_s: float = 0.020
    merge_gap_s: float = 0.075
    merge_angle_deg: float = 0.5
    min_duration_s: float = 0.060
    min_saccade_duration_s: float = 0.0
    min_saccade_amplitude_deg: float = 0.0
    max_oscillation_s: float = 0.0
    min_blink_s: float = 0.075
    max_blink_s: float = 0.500
    blink_margin_s: float = 0.100

    def __post_init__(self) -> None:
        if not self.velocity_window_s > 0:
            raise ValueError(f"the velocity window must be positive: {self}")
        limits = (self.max_gap_fill_s, self.merge_gap_s, self.merge_angle_deg, self.min_duration_s,
                  self.min_saccade_duration_s, self.min_saccade_amplitude_deg, self.max_oscillation_s,
                  self.min_blink_s, self.blink_margin_s)  # fmt: skip
        if not all(limit >= 0 for limit in limits):
            raise ValueError(f"durations and angles must be numbers, not negative: {self}")
        if not self.min_blink_s <= self.max_blink_s:
            raise ValueError(f"the shortest blink is longer than the longest: {self}")
