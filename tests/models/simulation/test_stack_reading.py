"""The simulated stack reading keeps its own books: truth that can be recomputed from eye, paints and latency."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from calibration.geometry import ScreenGeometry
from models.simulation.painting import MODES, PANE_RECT_PX
from models.simulation.stack_reading import (
    EVENT_KINDS,
    PHASES,
    StackReading,
    StackReadingSettings,
    simulate_stack_reading,
)

SCREEN = ScreenGeometry(1920, 1080, 528.0, 297.0, 650.0)
SETTINGS = StackReadingSettings(seconds=60.0)


def _reading(settings: StackReadingSettings = SETTINGS, seed: int = 3) -> StackReading:
    return simulate_stack_reading(settings, SCREEN.px_to_deg, SCREEN.deg_to_px, seed=seed)


def test_the_same_seed_gives_the_same_reading_at_any_rate_and_noise() -> None:
    slow, fast = _reading(replace(SETTINGS, rate_hz=60.0, noise_rms_s2s_deg=1.0)), _reading(SETTINGS)
    np.testing.assert_array_equal(slow.events.start_s, fast.events.start_s)
    np.testing.assert_array_equal(slow.painted.time_s, fast.painted.time_s)
    np.testing.assert_array_equal(_reading().px, fast.px)
    assert len(_reading(seed=4).events.kind) != len(fast.events.kind)


def test_events_fill_the_reading_and_every_kind_occurs() -> None:
    events = _reading().events
    assert events.start_s[0] == 0.0
    assert events.end_s[-1] == SETTINGS.seconds
    np.testing.assert_array_equal(events.start_s[1:], events.end_s[:-1])
    assert set(events.kind.tolist()) == set(range(len(EVENT_KINDS)))


def test_kinds_agree_with_the_eye_and_with_the_slices() -> None:
    reading = _reading(replace(SETTINGS, rate_hz=1000.0))
    shown = reading.painted.time_s + SETTINGS.latency_s
    changes = shown[1:][np.diff(reading.painted.slice_index) != 0]
    speed = np.linalg.norm(np.diff(reading.true_deg, axis=0), axis=1) * 1000.0
    for kind, start, end in zip(reading.events.kind, reading.events.start_s, reading.events.end_s, strict=True):
        inside = slice(int(start * 1000) + 2, int(end * 1000) - 2)
        moved = bool(((changes > start) & (changes < end)).any())
        name = EVENT_KINDS[kind]
        if name in ("fixation", "drill"):
            assert (name == "drill") == moved
            assert np.all(speed[inside] < 1.0)  # drift and tremor only
        elif name == "pursuit":
            assert 2.0 < np.median(speed[inside]) < 19.0


def test_dwell_adds_up_to_the_time_with_open_eyes() -> None:
    reading = _reading()
    length = reading.events.end_s - reading.events.start_s
    names = np.array(EVENT_KINDS)[reading.events.kind]
    assert reading.gaze_on_slice_s.sum() == pytest.approx(length[names != "blink"].sum())
    assert reading.fixated_on_slice_s.sum() == pytest.approx(length[~np.isin(names, ["blink", "saccade"])].sum())
    # Counted from samples instead of intervals, within a sample for each visit of a slice.
    counted = np.bincount(reading.slice_index[reading.valid], minlength=SETTINGS.slices) / SETTINGS.rate_hz
    np.testing.assert_allclose(counted, reading.gaze_on_slice_s, atol=0.05)


def test_noise_has_the_stated_size_and_blinks_have_no_gaze() -> None:
    reading = _reading(replace(SETTINGS, noise_rms_s2s_deg=0.5, rate_hz=1200.0))
    noise = SCREEN.px_to_deg(reading.px[reading.valid]) - reading.true_deg[reading.valid]
    step = np.diff(noise, axis=0)
    assert np.sqrt((step**2).sum(axis=1).mean()) == pytest.approx(0.5, rel=0.02)
    blink = reading.kind == EVENT_KINDS.index("blink")
    assert np.isnan(reading.px[blink]).all()
    assert blink.any()


def test_paints_keep_to_the_refresh_and_the_gaze_to_the_picture() -> None:
    reading = _reading()
    painted = reading.painted
    assert np.diff(painted.time_s).min() > 0.5 / SETTINGS.refresh_hz
    assert set(np.abs(np.diff(painted.slice_index)).tolist()) == {0, 1}
    assert set(painted.mode.tolist()) == set(range(len(MODES)))
    assert painted.slice_index.min() >= 0
    assert painted.slice_index.max() < SETTINGS.slices
    x, y, width, height = PANE_RECT_PX
    px = SCREEN.deg_to_px(reading.true_deg)
    assert ((px >= [x, y]) & (px <= [x + width, y + height])).all()


def test_a_hidden_latency_delays_the_true_slice_only() -> None:
    settings = replace(SETTINGS, phases=("explore", "drill", "scan"))
    known, late = _reading(settings), _reading(replace(settings, latency_s=settings.latency_s + 0.1))
    np.testing.assert_array_equal(known.px, late.px)
    assert (known.slice_index[:-25] == late.slice_index[25:]).mean() > 0.999  # 25 samples are 0.1 s
    assert (known.slice_index != late.slice_index).mean() > 0.05


def test_phases_can_be_chosen() -> None:
    still = _reading(replace(SETTINGS, phases=("explore",), blinks=False))
    assert {EVENT_KINDS[kind] for kind in still.events.kind} == {"fixation", "saccade"}
    assert len(still.painted.time_s) == 1
    assert set(PHASES) >= {"explore", "drill", "follow_slices", "follow_pan"}


@pytest.mark.parametrize("wrong", [{"seconds": 0.0}, {"slices": 5}, {"slices_per_s": (90.0,)}])
def test_impossible_settings_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"stack|refreshed"):
        replace(SETTINGS, **wrong)
