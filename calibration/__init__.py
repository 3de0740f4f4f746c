"""Calibration of gaze on a screen: targets, procedure, fit, validation and drift. Needs numpy and scipy only.

One line through the package: `targets` gives points in `screen_px`, `procedure` shows them and collects gaze (a state
machine without a screen), `fit` finds a correction per eye and refuses one that does not help, `validation` measures it
on points that the fit has not seen, `record` keeps all of it as one JSON object.
"""

from calibration.fit import Refit, fit_eye, fit_eyes, identity_refit
from calibration.geometry import ScreenGeometry
from calibration.procedure import Drawing, EyeWindow, Procedure, TargetEvent, TargetSamples, Timing, merge_samples
from calibration.record import CalibrationRecord, RecordError, build_record, read_record
from calibration.targets import grid_targets, random_targets, validation_targets
from calibration.validation import Validation, Verdict, VerdictLimits, judge, patient_mm, validate, with_average_eye

__all__ = [
    "CalibrationRecord",
    "Drawing",
    "EyeWindow",
    "Procedure",
    "RecordError",
    "Refit",
    "ScreenGeometry",
    "TargetEvent",
    "TargetSamples",
    "Timing",
    "Validation",
    "Verdict",
    "VerdictLimits",
    "build_record",
    "fit_eye",
    "fit_eyes",
    "grid_targets",
    "identity_refit",
    "judge",
    "merge_samples",
    "patient_mm",
    "random_targets",
    "read_record",
    "validate",
    "validation_targets",
    "with_average_eye",
]
