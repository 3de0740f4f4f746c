"""Every preset on simulated eyes and at its edges, and the adaptive one against two human coders."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ctgaze_app.gaze.agreement import cohens_kappa
from ctgaze_app.gaze.detectors import (
    ADAPTIVE_500HZ,
    ENGBERT_KLIEGL,
    EYE_STATES,
    LIMITS,
    PRESETS,
    SALVUCCI_IDT,
    TOBII_IVT,
    detect_events,
)
from tests.benchmarks.coded_recordings import at_rate, halves, read_recordings
from tests.benchmarks.event_agreement import agreement
from tests.gaze.simulated_eye import found_share, simulate_eye, to_vectors

ALL = sorted(PRESETS)


def test_published_presets_have_the_published_parameters() -> None:
    # Olsen 2012, The Tobii I-VT fixation filter, fixation preset
    tobii = PRESETS["tobii-ivt"]
    assert (tobii.max_gap_fill_s, tobii.velocity_window_s, tobii.min_duration_s) == (0.075, 0.020, 0.060)
    assert (tobii.merge_gap_s, tobii.merge_angle_deg, TOBII_IVT.velocity_threshold_deg_s) == (0.075, 0.5, 30.0)
    # Salvucci & Goldberg 2000
    assert (SALVUCCI_IDT.max_dispersion_deg, SALVUCCI_IDT.min_duration_s, SALVUCCI_IDT.merge_gap_s) == (1.0, 0.1, 0.0)
    # Engbert & Kliegl 2003: lambda 6, three samples of 250 Hz at least, a difference over five
    published = ENGBERT_KLIEGL
    assert (published.threshold_factor, published.boundary_factor, published.max_oscillation_s) == (6.0, 6.0, 0.0)
    assert (published.min_saccade_duration_s, published.velocity_window_s) == (0.012, 0.016)


@pytest.mark.parametrize("rate_hz", [60, 120, 250, 600, 1200])
@pytest.mark.parametrize("preset", ALL)
def test_fixations_of_a_quiet_eye_are_found_at_any_rate(preset: str, rate_hz: float) -> None:
    eye = simulate_eye(rate_hz, noise_rms_s2s_deg=0.05, fixations=100, seed=3)
    events = detect_events(eye.time_s, eye.direction, eye.valid, PRESETS[preset])
    found = np.stack([eye.time_s[events.first], eye.time_s[events.last]], axis=1)
    assert found_share(eye.true_fixations, found) >= 0.97


@pytest.mark.parametrize("rate_hz", [60, 120, 250])
def test_the_noisy_preset_stands_three_tenths_of_a_degree(rate_hz: float) -> None:
    eye = simulate_eye(rate_hz, noise_rms_s2s_deg=0.3, fixations=200, seed=6)
    events = detect_events(eye.time_s, eye.direction, eye.valid, PRESETS["adaptive-noisy"])
    found = np.stack([eye.time_s[events.first], eye.time_s[events.last]], axis=1)
    assert found_share(eye.true_fixations, found) >= 0.97


@pytest.mark.parametrize("preset", ALL)
@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_next_to_no_samples_give_no_event_and_no_error(preset: str, count: int) -> None:
    events = detect_events(
        np.arange(count) / 500, to_vectors(np.zeros((count, 2))), np.ones(count, dtype=bool), PRESETS[preset]
    )
    assert (len(events), len(events.saccades), len(events.blinks)) == (0, 0, 0)
    assert len(events.eye_state) == count


@pytest.mark.parametrize("preset", ALL)
def test_an_eye_that_was_never_seen_is_lost(preset: str) -> None:
    events = detect_events(np.arange(300) / 500, np.full((300, 3), np.nan), np.zeros(300, dtype=bool), PRESETS[preset])
    assert {EYE_STATES[code] for code in events.eye_state} == {"lost"}
    assert (len(events), len(events.saccades), len(events.blinks)) == (0, 0, 0)


@pytest.mark.parametrize("preset", ALL)
def test_times_and_directions_that_are_no_numbers_are_refused(preset: str) -> None:
    time, direction, valid = np.arange(300) / 500, to_vectors(np.zeros((300, 2))), np.ones(300, dtype=bool)
    for wrong in (np.nan, np.inf):
        with pytest.raises(ValueError, match="times must be finite and ascend"):
            detect_events(np.where(time == time[-1], wrong, time), direction, valid, PRESETS[preset])
    direction[100] = np.nan
    with pytest.raises(ValueError, match="1 samples are called valid and have no direction"):
        detect_events(time, direction, valid, PRESETS[preset])
    valid[100] = False
    assert len(detect_events(time, direction, valid, PRESETS[preset])) == 1


@pytest.mark.parametrize("preset", ALL)
@pytest.mark.parametrize(("loss_s", "bridged"), [(0.016, True), (0.024, False)])
def test_losses_are_bridged_up_to_the_gap_limit(preset: str, loss_s: float, bridged: bool) -> None:
    time = np.arange(0, 1.0, 0.001)
    direction = to_vectors(np.zeros((1000, 2)))
    lost = (time > 0.5) & (time < 0.5 + loss_s)
    direction[lost] = np.nan
    parameters = replace(PRESETS[preset], max_gap_fill_s=0.020, merge_gap_s=0.0)
    events = detect_events(time, direction, ~lost, parameters)
    assert len(events) == (1 if bridged else 2)
    assert not events.member[lost].any()


@pytest.mark.parametrize("preset", ALL)
def test_irregular_stamps_do_no_harm(preset: str) -> None:
    eye = simulate_eye(500, noise_rms_s2s_deg=0.02, fixations=100, stamp_jitter_s=0.0003, seed=4)
    events = detect_events(eye.time_s, eye.direction, eye.valid, PRESETS[preset])
    found = np.stack([eye.time_s[events.first], eye.time_s[events.last]], axis=1)
    assert found_share(eye.true_fixations, found) >= 0.97


def test_a_short_gap_limit_does_not_cut_a_slow_recording_at_every_sample() -> None:
    eye = simulate_eye(30, noise_rms_s2s_deg=0.05, fixations=100, seed=5)
    events = detect_events(eye.time_s, eye.direction, eye.valid, replace(TOBII_IVT, max_gap_fill_s=0.010))
    assert len(events) > 50


def test_every_result_says_what_detectors_cannot_do() -> None:
    events = detect_events([], np.empty((0, 3)), [])
    assert events.limits == LIMITS
    assert any("pursuit" in sentence for sentence in events.limits)


def test_pursuit_is_called_a_fixation_as_the_limits_say() -> None:
    time = np.arange(0, 2.0, 0.002)
    degrees = np.stack([10 * time, 0 * time], axis=1)
    events = detect_events(time, to_vectors(degrees), np.ones(len(time), dtype=bool))
    assert len(events) == 1
    assert time[events.last[0]] - time[events.first[0]] > 1.9


@pytest.mark.parametrize("part", ["held out", "all"])
def test_the_500_hz_preset_agrees_with_both_coders(shared_data: Path, part: str) -> None:
    recordings = read_recordings(shared_data / "gaze" / "lund2013" / "img")
    tuning, held_out = halves(recordings)
    assert (len(tuning), len(held_out)) == (7, 7)
    row = agreement(held_out if part == "held out" else recordings, {"preset": ADAPTIVE_500HZ})["preset"]
    assert row["kappa"]["MN"]["fixation"] >= 0.80
    assert row["kappa"]["RA"]["fixation"] >= 0.70
    assert row["kappa"]["MN"]["saccade"] >= 0.80  # asked: .70
    assert row["kappa"]["RA"]["saccade"] >= 0.80
    assert row["kappa"]["MN"]["PSO"] >= 0.60
    assert row["events"]["MN"]["fixation"]["f1"] >= 0.92
    assert row["events"]["MN"]["saccade"]["f1"] >= 0.82


def test_coders_agree_with_each_other_as_published(shared_data: Path) -> None:
    rows = agreement(read_recordings(shared_data / "gaze" / "lund2013" / "img"), {})
    found = rows["coder MN"]["kappa"]["RA"]
    assert {name: round(value, 2) for name, value in found.items()} == {"fixation": 0.84, "saccade": 0.91, "PSO": 0.76}
    assert rows["coder MN"]["fixations"] == 403
    assert rows["coder MN"]["fixation_mean_ms"] == pytest.approx(252, abs=0.5)


def test_a_slower_recording_keeps_labels_beside_their_samples(shared_data: Path) -> None:
    recording = read_recordings(shared_data / "gaze" / "lund2013" / "img")[0]
    slower = at_rate(recording, 250.0, 0.0, seed=1)
    assert len(slower.time_s) == 2494
    np.testing.assert_allclose(slower.px, recording.px[::2], atol=1e-6)
    assert np.array_equal(slower.labels["MN"], recording.labels["MN"][::2])
    noisy = at_rate(recording, 250.0, 0.3, seed=1)
    shift = recording.screen.px_to_deg(noisy.px) - recording.screen.px_to_deg(slower.px)
    assert np.sqrt((np.diff(shift, axis=0) ** 2).sum(axis=1).mean()) == pytest.approx(0.3, rel=0.05)
    assert cohens_kappa(noisy.labels["RA"] == 1, slower.labels["RA"] == 1) == 1.0
