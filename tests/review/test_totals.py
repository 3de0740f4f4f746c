"""Totals add up what the trial holds."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ctgaze_app.review.totals import format_time, trial_totals
from tests.review import scene


def test_totals_of_a_known_trial() -> None:
    lost = np.zeros(200, dtype=bool)
    lost[50:100] = True
    trial = scene.trial(
        [scene.view(1, 5), scene.view(2, 6), scene.view(3, 5)],
        [0.0, 0.5, 1.0],
        track=scene.gaze(np.arange(200) * 0.01, lost),
        fixations=(scene.fixation(1, 0.1, 0.2, 5), scene.fixation(2, 0.6, 0.4, 6)),
    )
    totals = trial_totals(trial)
    assert (totals.n_views, totals.slices_seen, totals.n_fixations, totals.slices_fixated) == (3, 2, 2, 2)
    assert totals.duration_s == pytest.approx(1.99)
    assert totals.fixation_time_s == pytest.approx(0.6)
    assert totals.mean_fixation_s == pytest.approx(0.3)
    assert totals.longest_fixation_s == 0.4
    assert totals.gaze_fraction == 0.75
    assert totals.longest_gap_s == pytest.approx(0.51)


def test_an_empty_trial_has_no_means() -> None:
    totals = trial_totals(scene.trial([], []))
    assert totals.n_fixations == 0 and math.isnan(totals.mean_fixation_s) and math.isnan(totals.gaze_fraction)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0:00.0"), (59.96, "1:00.0"), (75.25, "1:15.2"), (-1.5, "-0:01.5"), (-0.01, "0:00.0"), (3600, "60:00.0")],
)
def test_times_read_as_minutes_and_seconds(seconds: float, text: str) -> None:
    assert format_time(seconds) == text


def test_no_time_reads_as_a_dash() -> None:
    assert format_time(float("nan")) == "-"
