"""The simulated tracker sends what it should, when it should, and its truth agrees with it."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calibration.geometry import ScreenGeometry
from ctgaze_app.acquisition.clock import local_clock
from ctgaze_app.acquisition.streams import MarkerOutlet, ViewOutlet
from ctgaze_app.acquisition.trackers.control import StopSignal
from ctgaze_app.acquisition.trackers.options import SimulatedTrackerOptions
from ctgaze_app.acquisition.trackers.simulate import SimulatedTracker, run_simulated_tracker
from ctgaze_app.acquisition.trackers.truth import read_truth
from ctgaze_app.errors import SessionError
from ctgaze_app.gaze.views import PaintedView
from tests.acquisition.trackers.collecting import Collector, until

SCREEN = ScreenGeometry(1920, 1080, 528, 297, 650)


def emitted(options: SimulatedTrackerOptions, frames: int = 6000) -> tuple[np.ndarray, np.ndarray, dict]:
    """What a tracker makes of an eye that looks at one place."""
    tracker = SimulatedTracker(options, 50.0)
    numbers = np.arange(frames)
    tracker.reader.advance(float(tracker.pacer.stamps(numbers[-1:])[0]) - options.latency_s)
    return tracker.emit(numbers)


def rms_s2s_deg(norm: np.ndarray) -> float:
    steps = np.diff(SCREEN.px_to_deg(SCREEN.norm_to_px(norm)), axis=0)
    return float(np.sqrt(np.mean((steps**2).sum(axis=1))))


@pytest.mark.parametrize("rms", [0.1, 0.3])
@pytest.mark.parametrize("eye", ["left", "right"])
def test_each_eye_has_the_precision_asked_for(rms: float, eye: str) -> None:
    _, _, samples = emitted(SimulatedTrackerOptions(rate_hz=1200, noise_rms_s2s_deg=rms, blink_rate_hz=0))
    assert samples[eye].valid.all()
    assert rms_s2s_deg(samples[eye].norm) == pytest.approx(rms, rel=0.05)


def test_stamps_lag_the_eye_by_the_latency() -> None:
    _, rows, _ = emitted(SimulatedTrackerOptions(rate_hz=300, latency_s=0.02), 300)
    assert np.allclose(rows[:, 1] - rows[:, 2], 0.02, atol=1e-9)
    assert np.array_equal(rows[:, 1], 50.0 + np.arange(300) / 300)


def test_without_noise_and_distortion_the_samples_are_the_truth() -> None:
    options = SimulatedTrackerOptions(noise_rms_s2s_deg=0, distortion=0, blink_rate_hz=1)
    _, rows, samples = emitted(options)
    valid = rows[:, 5] == 1
    assert 0 < np.count_nonzero(~valid) < len(valid) / 2
    for eye in samples.values():
        assert np.array_equal(eye.valid, valid)
        assert np.allclose(eye.norm[valid] * (1920, 1080), rows[valid, 3:5], atol=1e-6)


def test_lost_frames_are_missing_and_drop_outs_are_invalid() -> None:
    options = SimulatedTrackerOptions(lost_sample_fraction=0.2, dropouts_per_minute=60, blink_rate_hz=0)
    sent, rows, samples = emitted(options, 18000)
    assert len(sent) == pytest.approx(0.8 * 18000, rel=0.02)
    assert np.all(np.diff(sent) > 0) and np.array_equal(rows[:, 0], sent)
    lost = ~samples["left"].valid
    assert np.mean(lost) == pytest.approx(0.15 / 1.15, rel=0.3)


def test_the_same_seed_gives_the_same_samples() -> None:
    first, again, other = (emitted(SimulatedTrackerOptions(seed=seed))[2]["left"].norm for seed in (3, 3, 4))
    assert np.array_equal(first, again) and not np.array_equal(first, other)


class Running:
    """A simulated tracker in a thread of this process."""

    def __init__(self, options: SimulatedTrackerOptions) -> None:
        self.states: list[dict[str, Any]] = []
        self.stop = StopSignal()
        self._thread = threading.Thread(target=run_simulated_tracker, args=(options, self.states.append, self.stop))
        self._thread.start()
        until(lambda: self.states)

    def follows(self) -> set[str]:
        return {state["stream"] for state in self.states if state["state"] == "following"}

    def end(self) -> dict[str, Any]:
        self.stop.stop()
        self._thread.join()
        return self.states[-1]


def test_at_1200_hz_stamps_are_regular_frames_complete_and_truth_agrees(tmp_path: Path) -> None:
    options = SimulatedTrackerOptions(rate_hz=1200, number=81, truth=tmp_path / "truth", blink_rate_hz=2, seed=1)
    running = Running(options)
    collector = Collector(running.states[0]["source_id"])
    collector.for_seconds(2.0)
    ending = threading.Thread(target=running.end)
    ending.start()
    collector.until_stream_ends()
    ending.join()
    assert running.states[0]["name"] == "CTGaze Simulated Tracker 81"
    assert running.states[-1]["state"] == "closed"
    frame = collector.values[:, 8].astype(int)
    assert len(frame) > 2200
    assert np.array_equal(frame, np.arange(frame[0], frame[0] + len(frame)))
    assert frame[-1] + 1 == running.states[-1]["frames"]
    assert np.allclose(np.diff(collector.stamps), 1 / 1200, atol=1e-9)
    truth = read_truth(tmp_path / "truth")
    assert len(truth.frames) == running.states[-1]["frames"]
    rows = truth.frames[frame]
    assert np.array_equal(rows[:, 0], frame) and np.array_equal(rows[:, 1], collector.stamps)
    assert np.array_equal(rows[:, 5], collector.values[:, 2]) and np.array_equal(rows[:, 5], collector.values[:, 6])
    invalid = rows[:, 5] == 0
    assert np.isnan(collector.values[invalid][:, [0, 1, 3, 4, 5, 7]]).all()
    assert np.isfinite(collector.values[~invalid]).all()
    assert truth.parameters["rate_hz"] == 1200 and "truth" not in truth.parameters
    for blink in truth.blinks:
        during = (truth.frames[:, 2] >= blink.start_s) & (truth.frames[:, 2] < blink.end_s - 1e-5)
        assert not truth.frames[during, 5].any()


def test_the_eye_obeys_markers_and_views_of_this_session(tmp_path: Path) -> None:
    options = SimulatedTrackerOptions(
        rate_hz=250,
        number=82,
        truth=tmp_path / "truth",
        blink_rate_hz=0,
        markers_source_id="m-82",
        view_source_id="v-82",
    )
    markers, views = MarkerOutlet(source_id="m-82"), ViewOutlet(source_id="v-82")
    stranger = MarkerOutlet(source_id="m-other")
    running = Running(options)
    until(lambda: len(running.follows()) == 2)
    shown = markers.push("calibration_target", index=0, x_screen_px=200.0, y_screen_px=150.0, phase="shown")
    stranger.push("calibration_target", index=0, x_screen_px=1900.0, y_screen_px=1000.0, phase="shown")
    _sleep(0.7)
    hidden = markers.push("calibration_target", index=0, x_screen_px=200.0, y_screen_px=150.0, phase="hidden")
    _sleep(0.6)
    markers.push("trial_start", trial=1, case="a")
    told = markers.push("scripted_gaze", trial=1, id="nodule-1", x_screen_px=1500.0, y_screen_px=800.0, duration_s=0.2)
    _sleep(0.8)
    ended = markers.push("trial_end", trial=1)
    _sleep(0.6)
    started = markers.push("trial_start", trial=2, case="b")
    view = PaintedView(1, 2, 0, 0, 0, 5, 40.0, 400.0, (1000.0, 0.0, 800.0, 1000.0), np.eye(3), True)
    views.push(view, local_clock())
    _sleep(3.2)
    running.end()
    truth = read_truth(tmp_path / "truth")
    target = _near(truth, 200, 150)
    assert shown + 0.18 <= target.start_s <= shown + 0.6
    assert hidden + 0.18 <= target.end_s <= hidden + 0.5
    scripted = [event for event in truth.fixations if event.id == "nodule-1"]
    assert len(scripted) == 1
    assert SCREEN.angle_between_deg((scripted[0].x_px, scripted[0].y_px), (1500, 800)) < 0.08
    assert told + 0.18 <= scripted[0].start_s <= told + 0.6
    assert ended + 0.18 <= scripted[0].end_s <= ended + 0.5
    free = [event for event in truth.fixations if event.start_s > started + 2.25]
    assert len(free) >= 2 and all(1000 <= event.x_px <= 1800 for event in free[1:])
    resting = [event for event in truth.fixations if ended < event.start_s < started + 2.0]
    assert len(resting) == 1 and SCREEN.angle_between_deg((resting[0].x_px, resting[0].y_px), (960, 540)) < 0.1
    for outlet in (markers, views, stranger):
        outlet.close()


def test_a_truth_record_is_never_written_over(tmp_path: Path) -> None:
    (tmp_path / "truth.json").write_text(json.dumps({}), encoding="utf-8")
    with pytest.raises(SessionError, match="give a new folder"):
        run_simulated_tracker(SimulatedTrackerOptions(truth=tmp_path, number=83), lambda state: None)


def _near(truth, x: float, y: float):
    found = [one for one in truth.fixations if SCREEN.angle_between_deg((one.x_px, one.y_px), (x, y)) < 0.2]
    assert len(found) == 1
    return found[0]


def _sleep(seconds: float) -> None:
    threading.Event().wait(seconds)
