"""Eye events from lines of sight: fixations, saccades, blinks and post-saccadic oscillations by three published
detectors behind one call, `detect_events`; what the eye did, not what it looked at (views are `gaze.view_track`)."""

from __future__ import annotations

from ctgaze_app.gaze.detectors.detection import detect_events
from ctgaze_app.gaze.detectors.engbert_kliegl import EngbertKlieglParameters
from ctgaze_app.gaze.detectors.events import EYE_STATES, Blinks, EyeEvents, Saccades
from ctgaze_app.gaze.detectors.gaps import fill_gaps
from ctgaze_app.gaze.detectors.idt import IdtParameters
from ctgaze_app.gaze.detectors.ivt import IvtParameters
from ctgaze_app.gaze.detectors.limits import LIMITS
from ctgaze_app.gaze.detectors.options import EventOptions
from ctgaze_app.gaze.detectors.presets import (
    ADAPTIVE_500HZ,
    ADAPTIVE_NOISY,
    ENGBERT_KLIEGL,
    PRESETS,
    SALVUCCI_IDT,
    TOBII_IVT,
    DetectorParameters,
)
from ctgaze_app.gaze.detectors.velocity import velocities_deg_s

__all__ = [
    "ADAPTIVE_500HZ",
    "ADAPTIVE_NOISY",
    "ENGBERT_KLIEGL",
    "EYE_STATES",
    "LIMITS",
    "PRESETS",
    "SALVUCCI_IDT",
    "TOBII_IVT",
    "Blinks",
    "DetectorParameters",
    "EngbertKlieglParameters",
    "EventOptions",
    "EyeEvents",
    "IdtParameters",
    "IvtParameters",
    "Saccades",
    "detect_events",
    "fill_gaps",
    "velocities_deg_s",
]
