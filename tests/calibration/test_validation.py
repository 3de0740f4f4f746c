from __future__ import annotations

import numpy as np
import pytest

from calibration.procedure import EyeWindow, TargetSamples
from calibration.targets import grid_targets
from calibration.validation import VerdictLimits, judge, patient_mm, validate, with_average_eye
from tests.calibration.synthetic_gaze import MONITOR, collected

NINE = grid_targets(MONITOR)


def _shifted(errors_deg: list[float]) -> tuple[TargetSamples, ...]:
    """Left eye off by these degrees to the right of a target at the screen's centre, without noise."""
    return tuple(
        TargetSamples(
            index,
            (960.0, 540.0),
            np.arange(50) / 50.0,
            {"left": EyeWindow(np.tile(MONITOR.deg_to_px([error, 0.0]), (50, 1)), np.ones(50, dtype=bool))},
            0.0,
            1.0,
        )
        for index, error in enumerate(errors_deg)
    )


def test_a_known_shift_is_measured_in_degrees_and_millimetres() -> None:
    dot = validate(_shifted([1.0]), MONITOR).eyes["left"].dots[0]
    assert dot.figures.accuracy_deg == pytest.approx(1.0)
    assert dot.figures.accuracy_x_deg == pytest.approx(1.0)
    assert dot.figures.accuracy_y_deg == pytest.approx(0.0, abs=1e-9)
    assert dot.figures.accuracy_mm == pytest.approx(650.0 * np.tan(np.radians(1.0)))
    assert (dot.figures.rms_s2s_deg, dot.figures.data_loss) == (0.0, 0.0)


def test_overall_is_mean_median_and_worst_over_dots() -> None:
    eye = validate(_shifted([0.2, 0.4, 1.2]), MONITOR).eyes["left"]
    assert eye.mean.accuracy_deg == pytest.approx(0.6)
    assert eye.median.accuracy_deg == pytest.approx(0.4)
    assert eye.worst_accuracy_deg == pytest.approx(1.2)


def test_both_eyes_have_an_average_that_cancels_opposite_errors() -> None:
    samples = collected(NINE, noise_px=5.0)
    for target in samples:
        target.eyes["left"].px[:] += (40.0, 0.0)
        target.eyes["right"].px[:] -= (40.0, 0.0)
    validation = validate(samples, MONITOR)
    assert set(validation.eyes) == {"left", "right", "average"}
    assert validation.main_eye == "average"
    assert validation.eyes["left"].mean.accuracy_deg > 0.8
    assert validation.eyes["average"].mean.accuracy_deg < 0.05


def test_the_average_needs_both_eyes_at_that_moment() -> None:
    (target,) = with_average_eye(collected(NINE[:1]))
    target.eyes["left"].valid[:30] = False
    (again,) = with_average_eye([target])
    assert int(again.eyes["average"].valid.sum()) == 90


def test_one_eye_without_data_leaves_the_other_to_stand_for_the_reader() -> None:
    samples = collected(NINE)
    for target in samples:
        target.eyes["right"].valid[:] = False
    validation = validate(samples, MONITOR)
    assert validation.main_eye == "left"
    assert judge(validation).level == "pass"


def test_missing_samples_count_against_the_promised_rate() -> None:
    samples = collected(NINE[:1], rate_hz=60)
    samples[0].eyes["left"].valid[:15] = False
    figures = validate(samples, MONITOR, nominal_rate_hz=120.0).eyes["left"].dots[0].figures
    assert figures.data_loss == pytest.approx(0.25)
    assert figures.data_loss_expected == pytest.approx(1 - 45 / 120)
    assert figures.effective_frequency_hz == pytest.approx(45.0)
    assert np.isnan(validate(samples, MONITOR).eyes["left"].dots[0].figures.data_loss_expected)


@pytest.mark.parametrize(
    ("errors_deg", "level"),
    [
        ([0.5, 0.5], "pass"),
        ([0.99, 0.99], "pass"),
        ([1.01, 1.01], "fair"),
        ([0.1, 1.51], "fair"),
        ([1.51, 1.51], "repeat"),
        ([0.1, 2.01], "repeat"),
    ],
)
def test_levels_follow_the_mean_and_the_worst_dot(errors_deg: list[float], level: str) -> None:
    verdict = judge(validate(_shifted(errors_deg), MONITOR))
    assert verdict.level == level
    assert bool(verdict.reasons) == (level != "pass")


def test_the_worst_dot_is_offered_for_repeating() -> None:
    verdict = judge(validate(_shifted([0.3, 0.3, 1.7, 0.3]), MONITOR))
    assert (verdict.level, verdict.repeat_dots) == ("fair", (2,))
    assert verdict.sentence(4.4) == (
        "Continue with care: 0.7 degrees, 4 mm on the patient at this zoom; dot 3 is worse, repeat it?"
    )
    assert judge(validate(_shifted([0.5]), MONITOR)).sentence() == "Good: 0.5 degrees, 6 mm on the screen."


def test_lost_samples_and_empty_dots_are_reasons() -> None:
    samples = collected(NINE, eyes=("left",), without_data=(4,))
    verdict = judge(validate(samples, MONITOR))
    assert (verdict.level, verdict.repeat_dots) == ("fair", (4,))
    assert verdict.reasons == ("no gaze on 1 of 9 dots",)
    for target in samples:
        target.eyes["left"].valid[:40] = False
    assert "41% of the samples are lost, 20% is the limit" in judge(validate(samples, MONITOR)).reasons
    for target in samples:
        target.eyes["left"].valid[:80] = False
    assert judge(validate(samples, MONITOR)).level == "repeat"


@pytest.mark.parametrize("samples", [(), collected(NINE, without_data=tuple(range(9)))], ids=["none", "invalid"])
def test_nothing_recorded_is_a_repeat_with_a_plain_sentence(samples: tuple[TargetSamples, ...]) -> None:
    verdict = judge(validate(samples, MONITOR))
    assert verdict.level == "repeat"
    assert verdict.sentence() == "Repeat: no valid gaze was recorded on any dot."


def test_a_target_on_which_nothing_arrived_has_no_eyes_and_full_loss() -> None:
    empty = TargetSamples(1, (10.0, 10.0), np.empty(0), {}, 0.0, 1.0)
    eye = validate([*collected(NINE[:1]), empty], MONITOR).eyes["left"]
    assert (eye.dots[1].n_samples, eye.dots[1].figures.data_loss) == (0, 1.0)


def test_limits_can_be_stricter() -> None:
    assert judge(validate(_shifted([0.6]), MONITOR), limits=VerdictLimits(good_mean_deg=0.5)).level == "fair"


def test_millimetres_on_the_patient_follow_the_zoom() -> None:
    # a pixel is 0.275 mm here and shows 0.35 mm of the patient
    assert patient_mm(5.5, MONITOR, 0.35) == pytest.approx(7.0)
