"""Quality figures against counts known by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ctgaze_app.gaze.detectors import detect_events
from ctgaze_app.gaze.mapping import MappingSettings, map_gaze
from ctgaze_app.gaze.quality import trial_quality
from tests.gaze.scenes import AXIAL, SCREEN, axial_view, gaze_at, track

PLAIN = MappingSettings(0.0, 0.0, 0.0, 0.0)
HERE = (644.0, 264.0)
VIEWS = track((-1.0, axial_view(1, 10)), (0.5, axial_view(2, 11)), (0.7, axial_view(3, 10)))


def _quality(times: np.ndarray, lost: slice = slice(0, 0), px: object = HERE, rate: float = 500.0) -> Any:
    samples = gaze_at(times, px)  # type: ignore[arg-type]
    for eye in samples.eyes.values():
        eye.valid[lost] = False
    mapped = map_gaze(samples, VIEWS, {}, SCREEN, PLAIN, [AXIAL])
    events = detect_events(mapped.eye_time_lsl, SCREEN.px_to_vector(mapped.px), mapped.valid)
    return trial_quality(mapped, events, VIEWS, SCREEN, 0.0, 1.0, rate)


def test_losses_count_invalid_and_missing_samples_apart() -> None:
    times = np.arange(500) / 500
    quality = _quality(times[:400], slice(0, 100))
    assert (quality.samples, quality.valid_samples, quality.expected_samples) == (400, 300, 500)
    assert quality.loss_invalid == pytest.approx(0.25)
    assert quality.loss_expected == pytest.approx(0.4)
    assert quality.effective_rate_hz == pytest.approx(400)
    assert quality.longest_gap_s == pytest.approx(1.0 - 0.798)


def test_irregular_streams_have_no_expected_count() -> None:
    quality = _quality(np.arange(0, 1, 0.01), rate=0.0)
    assert quality.expected_samples is None
    assert quality.loss_expected is None


def test_precision_is_sample_to_sample_within_fixations() -> None:
    times = np.arange(500) / 500
    px = np.array([(HERE[0] + 2.0 * (index % 2), HERE[1]) for index in range(500)])
    quality = _quality(times, px=px)
    expected = SCREEN.angle_between_deg(HERE, (HERE[0] + 2.0, HERE[1]))
    assert quality.rms_s2s_deg == pytest.approx(float(expected), rel=1e-3)


def test_slices_and_share_on_the_image() -> None:
    px = np.array([HERE] * 400 + [(100.0, 100.0)] * 100)
    quality = _quality(np.arange(500) / 500, px=px)
    assert quality.slices_shown == 2
    assert quality.views == 3
    assert quality.on_image_share == pytest.approx(0.8)


def test_a_trial_without_gaze_has_empty_figures_and_does_not_fail() -> None:
    quality = _quality(np.empty(0))
    assert quality.samples == 0
    assert quality.loss_invalid is None
    assert quality.rms_s2s_deg is None
    assert quality.loss_expected == 1.0
    assert quality.longest_gap_s == 1.0
    assert quality.to_dict()["fixations"] == 0
