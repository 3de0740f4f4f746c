"""Time on the image and on slices, by events and by samples, against sums known by hand; limits and sensitivity."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ctgaze_app.gaze.detectors import TOBII_IVT, EngbertKlieglParameters, detect_events
from ctgaze_app.gaze.fixations import fixation_tables
from ctgaze_app.gaze.limits import trial_limits
from ctgaze_app.gaze.mapping import MappingSettings, map_gaze
from ctgaze_app.gaze.measures import event_measures, on_moving_content_s, sample_durations_s, sample_measures
from ctgaze_app.gaze.movements import saccade_table
from ctgaze_app.gaze.sensitivity import detector_sensitivity, variations
from ctgaze_app.gaze.view_track import VIEW_STATES, ViewTrack
from tests.gaze.scenes import AXIAL, SCREEN, axial_view, gaze_at, track
from tests.gaze.simulated_eye import simulate_eye

PLAIN = MappingSettings(0.0, 0.0, 0.0, 0.0)
HERE = (700.0, 500.0)
TIMES = np.arange(500) / 500.0
VIEWS = track((-1.0, axial_view(1, 10)), (0.5, axial_view(2, 11)))


def _made(px: Any = HERE, times: NDArray[np.float64] = TIMES, views: ViewTrack = VIEWS, lost: Any = slice(0, 0)) -> Any:
    samples = gaze_at(times, px)
    for eye in samples.eyes.values():
        eye.valid[lost] = False
    mapped = map_gaze(samples, views, {}, SCREEN, PLAIN, [AXIAL])
    events = detect_events(times, SCREEN.px_to_vector(mapped.px), mapped.valid)
    pupil = np.full(len(times), 3.0)
    return mapped, events, *fixation_tables(mapped, events, views, SCREEN, PLAIN, [AXIAL], pupil, 0.0)


def test_samples_stand_for_the_time_until_the_next_and_not_for_missing_rows() -> None:
    np.testing.assert_allclose(sample_durations_s(np.array([0.0, 0.1, 0.2, 0.3])), 0.1)
    # 0.5 s without a row: only half a step more than an ordinary one is taken as seen.
    np.testing.assert_allclose(sample_durations_s(np.array([0.0, 0.1, 0.2, 0.7, 0.8])), [0.1, 0.1, 0.15, 0.1, 0.1])
    assert sample_durations_s(np.array([1.0])).tolist() == [0.0]
    assert sample_durations_s(np.empty(0)).tolist() == []


def test_sample_measures_add_up_by_slice_and_by_view_state() -> None:
    px = np.array([HERE] * 400 + [(100.0, 100.0)] * 100)
    mapped, _, _, _ = _made(px, lost=slice(0, 50))
    found = sample_measures(mapped)
    assert found.total_s == pytest.approx(0.9)
    assert found.on_image_s == pytest.approx(0.7)
    assert found.by_slice_s == {(0, 10): pytest.approx(0.4), (0, 11): pytest.approx(0.3)}
    # The slice changed at 0.5 s, which counts as scrolling for a quarter of a second.
    assert found.by_view_state_s["scroll"] == pytest.approx(0.25, abs=0.0021)
    assert sum(found.by_view_state_s.values()) == pytest.approx(found.on_image_s)
    assert found.by_kind_s == {}


def test_event_measures_reach_half_a_step_beyond_the_first_and_last_sample() -> None:
    mapped, events, fixations, segments = _made()
    found = event_measures(mapped, fixations, segments)
    samples = events.last[0] - events.first[0] + 1
    assert found.total_s == pytest.approx(samples / 500.0)
    assert found.on_image_s == found.total_s
    assert found.by_kind_s == {"fixation": 0.0, "drill": pytest.approx(found.total_s), "pursuit": 0.0}
    assert found.by_view_state_s["scroll"] == pytest.approx(found.total_s)
    # A run ends where the picture changed, not at a sample: only the outer ends move.
    first = float(TIMES[events.first[0]])
    assert found.by_slice_s[(0, 10)] == pytest.approx(0.5 - first + 0.001)
    json.dumps(found.to_dict(), allow_nan=False)
    assert set(found.to_dict()["by_slice_s"]["0"]) == {"10", "11"}


def test_nothing_seen_gives_zeros() -> None:
    for made in (_made(times=np.empty(0), px=np.empty((0, 2))), _made(lost=slice(None))):
        mapped, events, fixations, segments = made
        assert sample_measures(mapped).to_dict()["on_image_s"] == 0.0
        assert event_measures(mapped, fixations, segments).total_s == 0.0
        assert on_moving_content_s(mapped, events) == 0.0
        saccades = saccade_table(mapped, events, fixations, 0.0)
        assert trial_limits(mapped, events, saccades, 0.0, 0.0) == []


def test_fixation_time_on_moving_content_is_counted_and_named() -> None:
    mapped, events, fixations, _ = _made()
    moving = on_moving_content_s(mapped, events)
    assert moving == pytest.approx(0.25, abs=0.0021)
    limits = trial_limits(mapped, events, saccade_table(mapped, events, fixations, 0.0), moving, 0.96)
    assert len(limits) == 1
    assert limits[0].startswith("0.2 s of fixation time (26%) lay on moving content") or limits[0].startswith(
        "0.3 s of fixation time (26%) lay on moving content"
    )


@pytest.mark.parametrize(
    ("state", "moves"),
    [("still", 0), ("scroll", 1), ("pan", 1), ("zoom", 1), ("window", 0), ("mixed", 1)],
)
def test_content_moves_in_every_state_but_rest_and_windowing(state: str, moves: int) -> None:
    mapped, events, _, _ = _made()
    always = replace(mapped, view_state=np.full(len(mapped), VIEW_STATES.index(state), dtype=np.int8))
    fixated = sample_durations_s(TIMES)[events.fixation >= 0].sum()
    assert on_moving_content_s(always, events) == pytest.approx(moves * fixated)


def test_slow_trackers_and_noise_are_named() -> None:
    slow = simulate_eye(60, fixations=30, noise_rms_s2s_deg=0.1)
    noisy = simulate_eye(500, fixations=30, noise_rms_s2s_deg=1.4)
    for eye, word in ((slow, "at 60 samples a second"), (noisy, "lie outside fixations")):
        px = SCREEN.deg_to_px(
            np.degrees(np.stack([np.arctan2(*eye.direction.T[[0, 2]]), np.arcsin(eye.direction.T[1])], 1))
        )
        mapped, events, fixations, _ = _made(px, eye.time_s)
        limits = trial_limits(mapped, events, saccade_table(mapped, events, fixations, 0.0), 0.0, 1.0)
        assert any(word in sentence for sentence in limits), limits


def test_sensitivity_is_relative_to_the_parameters_in_force() -> None:
    eye = simulate_eye(250, fixations=60, noise_rms_s2s_deg=0.3)
    for begin in range(40, len(eye.time_s), 97):
        eye.valid[begin : begin + 12] = False  # bridged
    eye.direction[~eye.valid] = np.nan
    rows = detector_sensitivity(eye.time_s, eye.direction, eye.valid, tried=variations(others=False))
    assert [(row["parameter"], row["value"]) for row in rows] == [
        ("", None), *(("velocity_threshold_deg_s", value) for value in (20.0, 30.0, 40.0, 50.0)),
        *(("min_duration_s", value) for value in (0.04, 0.06, 0.1)),
    ]  # fmt: skip
    for row in rows[:1] + [row for row in rows if row["value"] in (30.0, 0.06)]:
        assert (row["fixations_ratio"], row["mean_duration_ratio"], row["fixation_time_ratio"]) == (1.0, 1.0, 1.0)
    for row in rows:
        changed = replace(TOBII_IVT, **({row["parameter"]: row["value"]} if row["parameter"] else {}))
        events = detect_events(eye.time_s, eye.direction, eye.valid, changed)
        assert row["fixations"] == len(events)
        spent = eye.time_s[events.last] - eye.time_s[events.first]
        assert row["fixation_time_s"] == pytest.approx(spent.sum(), abs=1e-6)
        assert row["mean_duration_s"] == pytest.approx(spent.mean(), abs=1e-6)
        assert row["fixation_time_ratio"] == pytest.approx(spent.sum() / rows[0]["fixation_time_s"], abs=1e-4)


def test_a_detector_without_a_threshold_is_not_varied_in_it() -> None:
    tried = variations(EngbertKlieglParameters(), others=False)
    assert {parameter for parameter, _, _ in tried} == {"min_duration_s"}
    names = {parameters.name for parameter, _, parameters in variations() if not parameter}
    assert len(names) == 2
    assert TOBII_IVT.name not in names


def test_sensitivity_of_nothing_has_no_ratios() -> None:
    rows = detector_sensitivity(
        np.arange(5) / 100, np.tile([0.0, 0.0, 1.0], (5, 1)), np.zeros(5, dtype=bool), tried=variations(others=False)
    )
    assert {row["fixations"] for row in rows} == {0}
    assert {row["mean_duration_s"] for row in rows} == {None}
    assert {row["fixations_ratio"] for row in rows} == {None}
