"""What published detectors cannot do, in sentences for reports."""

from __future__ import annotations

LIMITS = (
    "Detectors made for still pictures call smooth pursuit a fixation: on moving content (scrolling, panning, zooming) "
    "a fixation means only that the eye made no saccade (on moving dots and video their agreement with human coders on "
    "fixation samples falls to Cohen's kappa .01 to .27, coders among themselves .65; Andersson et al. 2017).",
    "Number and mean duration of fixations depend on the detector and its parameters: report both, and sample-based "
    "dwell beside them.",
    "At 60 Hz a saccade lasts one to three samples: its duration and peak velocity are those of the velocity window, "
    "and small ones are missed.",
)
"""Written into every result, so that no figure of events travels without them."""
