"""How good the gaze is on points that no fit has seen: figures per dot and eye, and a verdict in words.

Figures follow `calibration.precision`. Verdict thresholds are EyeLink's validation scheme (SR Research support, thread
244): good under 1.0 degree mean and 1.5 maximum, fair under 1.5 and 2.0, poor above. The limits of data loss are ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np

from calibration.fit import Refit
from calibration.geometry import ScreenGeometry
from calibration.precision import accuracy_deg, bcea_deg2, rms_s2s_deg, std_deg
from calibration.procedure import EyeWindow, TargetSamples

AVERAGE_EYE = "average"


@dataclass(frozen=True)
class Figures:
    """Measures of one eye on one dot, or their mean or median over dots; NaN where nothing was valid.

    Attributes
    ----------
    accuracy_deg, accuracy_x_deg, accuracy_y_deg
        Angle between mean gaze and target, and its signed parts (right and down positive).
    accuracy_mm
        The same error in millimetres on the screen.
    rms_s2s_deg, std_deg, bcea_deg2
        Precision.
    data_loss
        Share 0..1 of the samples that arrived and were invalid.
    data_loss_expected
        Share of the samples that the nominal rate promises and that did not arrive valid; NaN without a nominal rate.
    effective_frequency_hz
        Valid samples a second.
    """

    accuracy_deg: float
    accuracy_x_deg: float
    accuracy_y_deg: float
    accuracy_mm: float
    rms_s2s_deg: float
    std_deg: float
    bcea_deg2: float
    data_loss: float
    data_loss_expected: float
    effective_frequency_hz: float


@dataclass(frozen=True)
class DotFigures:
    """One dot: its figures, counts, and the mean gaze position (NaN without data)."""

    index: int
    target_px: tuple[float, float]
    mean_gaze_px: tuple[float, float]
    n_samples: int
    n_valid: int
    figures: Figures


@dataclass(frozen=True)
class EyeValidation:
    """One eye: every dot, and mean, median and worst over the dots that have data."""

    dots: tuple[DotFigures, ...]
    mean: Figures
    median: Figures
    worst_accuracy_deg: float


@dataclass(frozen=True)
class Validation:
    """Figures per eye; with left and right there is also `average`, the mean of both where both are valid."""

    eyes: dict[str, EyeValidation]
    geometry: ScreenGeometry

    @property
    def main_eye(self) -> str:
        """The eye that a single number stands for: the average of both, else combined, left, right, with data."""
        present = [eye for eye in (AVERAGE_EYE, "combined", "left", "right") if eye in self.eyes]
        with_data = [eye for eye in present if np.isfinite(self.eyes[eye].mean.accuracy_deg)]
        return next(iter([*with_data, *present]), "")


@dataclass(frozen=True)
class VerdictLimits:
    """Upper limits in degrees and shares; see the module's sources."""

    good_mean_deg: float = 1.0
    good_max_deg: float = 1.5
    fair_mean_deg: float = 1.5
    fair_max_deg: float = 2.0
    fair_data_loss: float = 0.20
    repeat_data_loss: float = 0.50


@dataclass(frozen=True)
class Verdict:
    """A judgement of one eye: `level` is pass, fair (continue with care) or repeat.

    `reasons` say why in words; `repeat_dots` are target indices.
    """

    level: str
    reasons: tuple[str, ...]
    repeat_dots: tuple[int, ...]
    eye: str
    mean_deg: float
    max_deg: float
    accuracy_mm: float

    @property
    def word(self) -> str:
        """The level as the first word of a sentence."""
        return {"pass": "Good", "fair": "Continue with care", "repeat": "Repeat"}[self.level]

    def sentence(self, patient_mm: float | None = None) -> str:
        """One line: level, degrees, millimetres (on the patient when known, else on the screen), dots to repeat."""
        if not np.isfinite(self.mean_deg):
            return "Repeat: no valid gaze was recorded on any dot."
        millimetres = (
            f"{_at_least(self.accuracy_mm, 0)} mm on the screen"
            if patient_mm is None
            else f"{_at_least(patient_mm, 0)} mm on the patient at this zoom"
        )
        text = f"{self.word}: {_at_least(self.mean_deg, 1)} degrees, {millimetres}"
        if not self.repeat_dots:
            return text + "."
        names = [str(index + 1) for index in self.repeat_dots]
        if len(names) == 1:
            return f"{text}; dot {names[0]} is worse, repeat it?"
        return f"{text}; dots {', '.join(names[:-1])} and {names[-1]} are worse, repeat them?"


def with_average_eye(samples: Sequence[TargetSamples]) -> tuple[TargetSamples, ...]:
    """The samples with an eye `average`: the mean of left and right where both are valid, if there are both."""
    return tuple(_add_average(target) for target in samples)


def validate(
    samples: Sequence[TargetSamples],
    geometry: ScreenGeometry,
    refits: Mapping[str, Refit] | None = None,
    *,
    nominal_rate_hz: float | None = None,
) -> Validation:
    """Measure gaze against targets.

    Parameters
    ----------
    refits
        Corrections to apply per eye first; None measures the gaze as the tracker sent it.
    nominal_rate_hz
        The tracker's promised rate, for the loss against expected samples.
    """
    corrected = with_average_eye([_corrected(target, refits or {}) for target in samples])
    eyes = sorted({eye for target in corrected for eye in target.eyes})
    return Validation({eye: _validate_eye(corrected, eye, geometry, nominal_rate_hz) for eye in eyes}, geometry)


def patient_mm(accuracy_mm: float, geometry: ScreenGeometry, mm_per_screen_px: float) -> float:
    """An error on the screen as millimetres on the patient, when a screen pixel shows `mm_per_screen_px` of it."""
    return accuracy_mm / (sum(geometry.mm_per_px) / 2.0) * mm_per_screen_px


def judge(validation: Validation, eye: str | None = None, limits: VerdictLimits | None = None) -> Verdict:
    """Pass, continue with care, or repeat, for one eye (default `validation.main_eye`)."""
    limits = limits or VerdictLimits()
    eye = eye or validation.main_eye
    found = validation.eyes.get(eye)
    if found is None or not np.isfinite(found.mean.accuracy_deg):
        dots = tuple(dot.index for dot in found.dots) if found else ()
        return Verdict("repeat", ("no valid gaze on any dot",), dots, eye, *(float("nan"),) * 3)
    mean, worst = found.mean.accuracy_deg, found.worst_accuracy_deg
    loss = float(np.mean([_loss(dot.figures) for dot in found.dots]))
    missing = [dot.index for dot in found.dots if dot.n_valid == 0]
    reasons, level = [], 0
    for name, value, good, fair in (
        ("mean error", mean, limits.good_mean_deg, limits.fair_mean_deg),
        ("largest error", worst, limits.good_max_deg, limits.fair_max_deg),
    ):
        if value >= good:
            reasons.append(f"{name} {value:.1f} degrees, {good if value < fair else fair:.1f} is the limit")
            level = max(level, 1 if value < fair else 2)
    if loss > limits.fair_data_loss:
        limit = limits.repeat_data_loss if loss > limits.repeat_data_loss else limits.fair_data_loss
        reasons.append(f"{loss:.0%} of the samples are lost, {limit:.0%} is the limit")
        level = max(level, 2 if loss > limits.repeat_data_loss else 1)
    if missing:
        reasons.append(f"no gaze on {len(missing)} of {len(found.dots)} dots")
        level = max(level, 1)
    repeat = tuple(dot.index for dot in found.dots if _should_repeat(dot, limits))
    return Verdict(("pass", "fair", "repeat")[level], tuple(reasons), repeat, eye, mean, worst, found.mean.accuracy_mm)


def _at_least(value: float, decimals: int) -> str:
    """The number, or "under" the smallest that so many decimals can show: an error is never nothing."""
    text = f"{value:.{decimals}f}"
    return text if float(text) > 0 else f"under {10**-decimals:.{decimals}f}"


def _should_repeat(dot: DotFigures, limits: VerdictLimits) -> bool:
    return (
        dot.n_valid == 0
        or dot.figures.accuracy_deg >= limits.good_max_deg
        or _loss(dot.figures) > limits.repeat_data_loss
    )


def _loss(figures: Figures) -> float:
    """The loss that counts: against expected samples where the rate is known, else of those that arrived."""
    return figures.data_loss if np.isnan(figures.data_loss_expected) else figures.data_loss_expected


def _corrected(target: TargetSamples, refits: Mapping[str, Refit]) -> TargetSamples:
    eyes = {
        name: EyeWindow(refits[name].apply(eye.px), eye.valid) if name in refits else eye
        for name, eye in target.eyes.items()
    }
    return _with_eyes(target, eyes)


def _add_average(target: TargetSamples) -> TargetSamples:
    if not {"left", "right"} <= target.eyes.keys():
        return target
    left, right = target.eyes["left"], target.eyes["right"]
    valid = left.valid & right.valid
    px = np.where(valid[:, None], (left.px + right.px) / 2.0, np.nan)
    return _with_eyes(target, {**target.eyes, AVERAGE_EYE: EyeWindow(px, valid)})


def _with_eyes(target: TargetSamples, eyes: dict[str, EyeWindow]) -> TargetSamples:
    return TargetSamples(
        target.index,
        target.target_px,
        target.time_s,
        eyes,
        target.window_start_s,
        target.window_end_s,
        target.attempt,
    )


def _validate_eye(
    samples: Sequence[TargetSamples], eye: str, geometry: ScreenGeometry, rate_hz: float | None
) -> EyeValidation:
    nothing = EyeWindow(np.empty((0, 2)), np.empty(0, dtype=bool))
    dots = tuple(_measure(target, target.eyes.get(eye, nothing), geometry, rate_hz) for target in samples)
    errors = [dot.figures.accuracy_deg for dot in dots if dot.n_valid]
    return EyeValidation(
        dots, _over_dots(dots, median=False), _over_dots(dots, median=True), max(errors, default=float("nan"))
    )


def _measure(target: TargetSamples, eye: EyeWindow, geometry: ScreenGeometry, rate_hz: float | None) -> DotFigures:
    px = np.where(eye.valid[:, None], eye.px, np.nan)
    angles = geometry.px_to_deg(px)
    target_angles = geometry.px_to_deg(target.target_px)
    total, horizontal, vertical = accuracy_deg(angles[:, 0], angles[:, 1], *target_angles.tolist())
    n_valid, n_samples = int(eye.valid.sum()), len(eye.valid)
    mean_px = px[eye.valid].mean(axis=0) if n_valid else np.full(2, np.nan)
    duration_s = target.window_end_s - target.window_start_s
    expected = duration_s * rate_hz if rate_hz else float("nan")
    figures = Figures(
        accuracy_deg=total,
        accuracy_x_deg=horizontal,
        accuracy_y_deg=vertical,
        accuracy_mm=float(np.hypot(*((mean_px - target.target_px) * geometry.mm_per_px))),
        rms_s2s_deg=rms_s2s_deg(angles),
        std_deg=std_deg(angles),
        bcea_deg2=bcea_deg2(angles),
        data_loss=1.0 - n_valid / n_samples if n_samples else 1.0,
        data_loss_expected=max(1.0 - n_valid / expected, 0.0),
        effective_frequency_hz=n_valid / duration_s,
    )
    mean_gaze = (float(mean_px[0]), float(mean_px[1]))
    return DotFigures(target.index, target.target_px, mean_gaze, n_samples, n_valid, figures)


def _over_dots(dots: Sequence[DotFigures], *, median: bool) -> Figures:
    """Mean or median of each figure over the dots that have it."""
    values = {}
    for field in fields(Figures):
        column = np.array([getattr(dot.figures, field.name) for dot in dots], dtype=np.float64)
        column = column[np.isfinite(column)]
        values[field.name] = float(np.median(column) if median else np.mean(column)) if len(column) else float("nan")
    return Figures(**values)
