"""Readings with known truth through mapping, detector and tables: kinds, slices, dwell, and doubt about the latency.

The full figures: python -m tests.benchmarks.stack_readings.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ctgaze_app.gaze.fixations import KINDS
from ctgaze_app.gaze.sensitivity import FOR_NOISY_GAZE
from models.simulation.stack_reading import EVENT_KINDS, StackReadingSettings
from tests.benchmarks.stack_readings import HIDDEN_LATENCY_S, doubt, dwell_errors, slices_right
from tests.gaze.simulated_stack import STATED, analyse, kind_confusion, sample_confusion

SETTINGS = StackReadingSettings(seconds=60.0)
PURSUIT = KINDS.index("pursuit")


@pytest.mark.parametrize(
    ("rate_hz", "noise_deg", "noisy"),
    [
        (60.0, 0.3, False), (120.0, 0.2, False), (250.0, 0.3, False), (1200.0, 0.2, False), (1200.0, 0.5, False),
        (250.0, 0.5, True), (500.0, 1.0, True), (1200.0, 1.0, True),
    ],
)  # fmt: skip
def test_fixations_drills_and_pursuits_are_told_apart(rate_hz: float, noise_deg: float, noisy: bool) -> None:
    settings = replace(SETTINGS, seconds=120.0, rate_hz=rate_hz, noise_rms_s2s_deg=noise_deg)
    found = analyse(settings, seed=1, parameters=FOR_NOISY_GAZE if noisy else None)
    table = kind_confusion(found)
    right = np.diag(table) / table.sum(axis=1)
    assert right[KINDS.index("fixation")] >= 0.92
    assert right[KINDS.index("drill")] >= 0.90
    assert right[PURSUIT] >= 0.85
    # What is called pursuit is pursuit, or the rest right before it that no saccade parts from it.
    assert table[:, PURSUIT].sum() - table[PURSUIT, PURSUIT] <= 0.09 * table[:PURSUIT].sum()


def test_a_reading_without_anything_to_follow_has_no_pursuit() -> None:
    settings = replace(SETTINGS, phases=("explore", "drill", "scan", "pan_still", "zoom", "window"))
    for rate_hz, noise_deg in ((60.0, 0.3), (250.0, 0.5), (1200.0, 0.3)):
        found = analyse(replace(settings, rate_hz=rate_hz, noise_rms_s2s_deg=noise_deg), seed=2)
        assert (found.fixations["kind"] == "pursuit").mean() <= 0.01


def test_samples_of_every_kind_are_found() -> None:
    table = sample_confusion(analyse(replace(SETTINGS, noise_rms_s2s_deg=0.2), seed=1))
    right = np.diag(table) / table.sum(axis=1)
    for kind, least in {"fixation": 0.93, "drill": 0.93, "pursuit": 0.93, "saccade": 0.9, "blink": 0.99}.items():
        assert right[EVENT_KINDS.index(kind)] >= least, kind


@pytest.mark.parametrize("rate_hz", [60.0, 250.0, 1200.0])
def test_the_slice_is_right_for_99_percent_at_0_3_degrees(rate_hz: float) -> None:
    of_samples, of_fixations = slices_right(analyse(replace(SETTINGS, rate_hz=rate_hz), seed=1))
    assert of_samples >= 0.99
    assert of_fixations >= 0.99


@pytest.mark.parametrize("slices_per_s", [5.0, 17.0, 40.0])
@pytest.mark.parametrize("rate_hz", [60.0, 250.0, 1200.0])
def test_total_dwell_per_slice_is_within_2_percent(rate_hz: float, slices_per_s: float) -> None:
    settings = replace(
        SETTINGS, rate_hz=rate_hz, slices_per_s=(slices_per_s,), phases=("explore", "drill", "scan", "follow_slices")
    )
    by_samples, by_events = dwell_errors(analyse(settings, seed=1))
    assert by_samples <= 0.02
    # At 60 Hz a saccade of 30 ms takes three samples from its neighbours' fixations.
    assert by_events <= (0.05 if rate_hz == 60.0 else 0.02)


@pytest.mark.parametrize("rate_hz", [60.0, 1200.0])
def test_samples_with_a_wrong_slice_are_marked_when_the_display_is_two_frames_later_than_stated(
    rate_hz: float,
) -> None:
    late = replace(SETTINGS, rate_hz=rate_hz, latency_s=STATED.display_latency_s + HIDDEN_LATENCY_S)
    marked, wrong, of_all = doubt(analyse(late, seed=1))
    assert wrong > 0.05
    assert marked == 1.0
    assert of_all < 0.35  # not everything: the mark still says something


def test_pursuit_above_the_threshold_of_the_detector_is_no_saccade() -> None:
    fast = replace(SETTINGS, pursuit_deg_s=(45.0, 55.0), noise_rms_s2s_deg=0.1, phases=("explore", "follow_pan"))
    found = analyse(fast, seed=1)
    truth = found.reading.events
    pursuit = truth.kind == EVENT_KINDS.index("pursuit")
    time = found.reading.time_s
    missed = 0
    for start, end in zip(truth.start_s[pursuit], truth.end_s[pursuit], strict=True):
        if end - start < 0.12:
            continue
        # The saccade that covers the middle of the pursuit.
        middle = (start + end) / 2
        cover = (time[found.events.saccades.first] <= middle) & (time[found.events.saccades.last] >= middle)
        missed += not (found.saccades["kind"][cover] == "slow").all() or not cover.any()
    # Noise about the threshold cuts some of the slower ones into pieces that look like saccades.
    assert pursuit.sum() >= 10
    assert missed <= 0.2 * pursuit.sum()


def test_saccades_between_pursuits_are_called_catch_up() -> None:
    settings = StackReadingSettings(120.0, 250.0, 0.1, pursuit_deg_s=(10.0, 18.0), phases=("explore", "follow_slices"))
    found = analyse(settings, seed=1)
    truth, names = found.reading.events, np.array(EVENT_KINDS)
    kinds = names[truth.kind]
    between = (kinds[:-2] == "pursuit") & (kinds[1:-1] == "saccade") & (kinds[2:] == "pursuit")
    middles = ((truth.start_s + truth.end_s) / 2)[1:-1]
    time, saccades = found.reading.time_s, found.events.saccades
    called = found.saccades["kind"] == "catch_up"
    inside = [
        bool(called[(time[saccades.first] <= middle) & (time[saccades.last] >= middle)].any()) for middle in middles
    ]
    assert between.sum() >= 5
    assert np.mean(np.array(inside)[between]) >= 0.8
    explored = (kinds[1:-1] == "saccade") & ~between
    assert np.mean(np.array(inside)[explored]) <= 0.02
