"""Named sets of parameters."""

from __future__ import annotations

from ctgaze_app.gaze.detectors.ivt import IvtParameters

TOBII_IVT = IvtParameters()
