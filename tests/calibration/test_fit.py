from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibration.fit import IDENTITY, Refit, fit_eye, fit_eyes
from calibration.targets import grid_targets, validation_targets
from calibration.validation import validate
from tests.calibration.synthetic_gaze import MONITOR, collected

NINE = grid_targets(MONITOR)
AFFINE = np.array([[1.04, 0.03, -95.0], [-0.02, 0.95, 110.0]])
PX_PER_DEG = MONITOR.px_per_deg()


def _affine(px: np.ndarray) -> np.ndarray:
    return px @ AFFINE[:, :2].T + AFFINE[:, 2]


def test_an_affine_distortion_is_undone_on_points_that_the_fit_has_not_seen() -> None:
    noise_px = 0.2 * PX_PER_DEG
    refits = fit_eyes(collected(NINE, _affine, noise_px=noise_px, seed=1), MONITOR)
    assert {eye: refit.kind for eye, refit in refits.items()} == {"left": "affine", "right": "affine"}
    unseen = collected(validation_targets("random", MONITOR, NINE, seed=2), _affine, noise_px=noise_px, seed=2)
    raw, corrected = validate(unseen, MONITOR), validate(unseen, MONITOR, refits)
    assert raw.eyes["left"].mean.accuracy_deg > 1.0
    assert {eye: found.mean.accuracy_deg < 0.1 for eye, found in corrected.eyes.items()} == {
        "left": True,
        "right": True,
        "average": True,
    }


@settings(max_examples=40, deadline=None)
@given(
    slopes=st.tuples(*[st.floats(-0.15, 0.15)] * 4),
    shift=st.tuples(*[st.floats(-150.0, 150.0)] * 2),
)
def test_any_affine_distortion_worth_correcting_is_inverted_exactly(
    slopes: tuple[float, ...], shift: tuple[float, float]
) -> None:
    matrix = np.eye(2) + np.reshape(slopes, (2, 2))
    gaze = NINE @ matrix.T + shift
    refit = fit_eye(gaze, NINE, MONITOR)
    raw_deg = refit.loo_error_deg["none"]
    assert raw_deg is not None
    if raw_deg > 0.01:
        assert np.allclose(refit.apply(gaze), NINE, atol=1e-6)
    assert refit.loo_error_deg["affine"] == pytest.approx(0.0, abs=1e-6)


def test_a_pure_shift_needs_only_an_offset() -> None:
    refit = fit_eye(NINE[:2] + np.array([40.0, -25.0]), NINE[:2], MONITOR)
    assert refit.kind == "offset"
    assert refit.apply([140.0, 75.0]).tolist() == pytest.approx([100.0, 100.0])
    assert refit.loo_error_deg["gain"] is None
    assert refit.loo_error_deg["affine"] is None


def test_a_stretch_along_the_axes_is_a_gain() -> None:
    random = np.random.default_rng(4)
    gaze = (NINE - (960.0, 540.0)) * (1.1, 0.9) + (990.0, 500.0)
    kinds = [fit_eye(gaze + random.normal(0, 6, NINE.shape), NINE, MONITOR).kind for _ in range(40)]
    assert kinds.count("gain") >= 30
    assert set(kinds) <= {"gain", "affine"}


def test_noise_alone_is_almost_never_corrected() -> None:
    random = np.random.default_rng(7)
    refits = [fit_eye(NINE + random.normal(0, 25, NINE.shape), NINE, MONITOR) for _ in range(200)]
    assert sum(refit.kind == "none" for refit in refits) >= 180
    refused = next(refit for refit in refits if refit.kind == "none")
    assert refused.coefficients == IDENTITY
    assert refused.reason.startswith("no correction: left-out error")
    assert "less than 20% better" in refused.reason


def test_an_improvement_below_the_gate_is_refused_and_above_it_applied() -> None:
    # two targets off by a and b: raw error (a + b) / 2, left-out error |a - b|; 30 and 70 lie exactly on the gate
    targets = np.array([[910.0, 540.0], [1010.0, 540.0]])
    applied = fit_eye(targets + np.array([[30.0, 0.0], [69.0, 0.0]]), targets, MONITOR)
    refused = fit_eye(targets + np.array([[30.0, 0.0], [71.0, 0.0]]), targets, MONITOR)
    assert (applied.kind, refused.kind) == ("offset", "none")
    assert applied.loo_error_deg["offset"] == pytest.approx(39.0 / PX_PER_DEG, rel=0.01)


def test_targets_without_valid_data_are_left_out() -> None:
    samples = collected(NINE, _affine, without_data=(2, 5))
    assert fit_eyes(samples, MONITOR)["left"].n_points == 7
    assert fit_eyes(samples, MONITOR)["left"].kind == "affine"


def test_outliers_on_a_target_do_not_move_its_point() -> None:
    samples = collected(NINE, _affine)
    for target in samples:
        target.eyes["left"].px[:40] = (-4000.0, 9000.0)
    clean = collected(NINE, _affine)
    assert fit_eyes(samples, MONITOR)["left"].coefficients == fit_eyes(clean, MONITOR)["left"].coefficients


def test_no_data_and_one_point_give_no_correction_with_the_reason() -> None:
    assert fit_eye(np.empty((0, 2)), np.empty((0, 2)), MONITOR).reason.startswith("no target has valid gaze")
    one = fit_eye(NINE[:1] + 50.0, NINE[:1], MONITOR)
    assert (one.kind, one.n_points) == ("none", 1)
    assert "too few" in one.reason


def test_points_on_one_line_never_determine_an_affine_map() -> None:
    line = np.stack([np.linspace(200, 1700, 6), np.full(6, 500.0)], axis=1)
    refit = fit_eye(line + np.array([60.0, 10.0]), line, MONITOR)
    assert refit.loo_error_deg["affine"] is None
    assert refit.loo_error_deg["gain"] is None
    assert refit.kind == "offset"


def test_a_refit_survives_json_and_keeps_missing_gaze_missing() -> None:
    refit = fit_eye(_affine(NINE), NINE, MONITOR)
    again = Refit.from_dict(json.loads(json.dumps(refit.to_dict(), allow_nan=False)))
    assert again == refit
    assert np.isnan(again.apply([[np.nan, 5.0]])).all()


@pytest.mark.parametrize(
    ("field", "value"),
    [("kind", "magic"), ("coefficients", [[1, 0], [0, 1]]), ("coefficients", [[1, 0, float("nan")], [0, 1, 0]])],
)
def test_a_broken_refit_is_refused(field: str, value: object) -> None:
    values = {**fit_eye(_affine(NINE), NINE, MONITOR).to_dict(), field: value}
    with pytest.raises(ValueError, match="refit"):
        Refit.from_dict(values)
    del values[field]
    with pytest.raises(ValueError, match="incomplete"):
        Refit.from_dict(values)
