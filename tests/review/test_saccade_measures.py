from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from ctgaze_app.review.saccade_measures import (
    distribution,
    fixation_steps_deg,
    quadrants,
    quadrants_per_slice,
    saccade_amplitudes_deg,
)
from tests.review.gaze_scene import SCREEN


def test_figures_of_a_sample_agree_with_scipy() -> None:
    values = np.random.default_rng(4).lognormal(1.0, 0.6, 37)
    figures = distribution([*values, np.nan])
    interval = stats.t.interval(0.95, 36, loc=values.mean(), scale=stats.sem(values))
    assert figures.n == 37
    assert (figures.mean_low, figures.mean_high) == pytest.approx(interval)
    assert figures.sd == pytest.approx(values.std(ddof=1))
    assert (figures.quartile_low, figures.median, figures.quartile_high, figures.percentile_90) == pytest.approx(
        np.percentile(values, [25, 50, 75, 90])
    )


def test_one_value_has_a_mean_but_no_interval_and_none_has_nothing() -> None:
    one = distribution([3.0])
    assert (one.n, one.mean, one.median) == (1, 3.0, 3.0)
    assert np.isnan([one.sd, one.mean_low, one.mean_high]).all()
    assert distribution([]).n == 0
    assert np.isnan(distribution([np.nan]).mean)


def test_steps_are_visual_angles_and_a_blink_is_not_bridged() -> None:
    # Symmetric about the middle of the screen: 2 atan(half the way / distance).
    half_px = 100.0
    fixations = {
        "onset_s": [0.0, 0.35, 1.2], "offset_s": [0.3, 0.6, 1.5],
        "x_screen_px": [960 - half_px, 960 + half_px, 960 - half_px], "y_screen_px": [540.0, 540.0, 540.0],
    }  # fmt: skip
    expected = 2 * np.degrees(np.arctan(half_px * 0.275 / 650))
    assert fixation_steps_deg(fixations, SCREEN).tolist() == pytest.approx([expected])
    assert fixation_steps_deg(fixations, SCREEN, longest_gap_s=1.0).tolist() == pytest.approx([expected] * 2)


def test_the_detector_s_amplitudes_win_over_the_fixations_own() -> None:
    fallback = np.array([1.0, 2.0])
    assert saccade_amplitudes_deg(None, fallback) is fallback
    assert saccade_amplitudes_deg({"onset_s": [1]}, fallback) is fallback
    assert saccade_amplitudes_deg({"amplitude_deg": [4.0, np.nan]}, fallback).tolist() == [4.0]


def test_quadrants_of_a_slice() -> None:
    assert quadrants([0, 9, 0, 9, np.nan], [0, 0, 9, 9, 1], (5.0, 5.0)).tolist() == [0, 1, 2, 3, -1]
    slices = np.array([4, 4, 4, 7, 7, -1, 9])
    quadrant = np.array([0, 1, 0, 3, 3, 2, -1])
    assert quadrants_per_slice(slices, quadrant).tolist() == [2, 1]
    assert len(quadrants_per_slice(np.array([3]), np.array([-1]))) == 0
