"""The mouse as an eye: pixels become gaze on the tracked monitor, and a missing pointer has a reason."""

from __future__ import annotations

import sys
import threading
from typing import Any

import numpy as np
import pytest

from calibration.geometry import ScreenGeometry
from ctgaze_app.acquisition.trackers.control import StopSignal
from ctgaze_app.acquisition.trackers.mouse import PointerTrack, pointer_frames, run_mouse_tracker
from ctgaze_app.acquisition.trackers.options import MouseTrackerOptions
from ctgaze_app.acquisition.trackers.pointer import Pointer, is_available, open_pointer
from ctgaze_app.errors import DeviceError
from tests.acquisition.trackers.collecting import Collector, until

SCREEN = ScreenGeometry(1920, 1080, 528, 297, 650)


class StillPointer(Pointer):
    """A pointer at one place."""

    closed = False

    def position_px(self) -> tuple[float, float] | None:
        return 2400.0, 540.0

    def close(self) -> None:
        self.closed = True


def test_the_pointer_moves_straight_between_two_looks() -> None:
    track = PointerTrack((1920, 0))
    track.add(1.0, (1920, 0))
    track.add(2.0, (2020, 50))
    assert track.at(np.array([1.0, 1.5, 2.0])).tolist() == [[0.5, 0.5], [50.5, 25.5], [100.5, 50.5]]


def test_off_the_monitor_or_unknown_is_invalid() -> None:
    px = np.array([[960, 540], [-3, 540], [960, 1081], [np.nan, np.nan]])
    frames = pointer_frames(px, SCREEN, np.random.default_rng(0), 0.0)
    assert frames["left"].valid.tolist() == [True, False, False, False]
    assert frames["left"].norm[0] == pytest.approx([0.5, 0.5])


def test_noise_of_the_eyes_is_independent_and_of_the_size_asked_for() -> None:
    frames = pointer_frames(np.full((20_000, 2), 500.0), SCREEN, np.random.default_rng(0), 0.5)
    deg = {eye: SCREEN.px_to_deg(SCREEN.norm_to_px(one.norm)) for eye, one in frames.items()}
    for eye in deg.values():
        assert np.sqrt(np.mean((np.diff(eye, axis=0) ** 2).sum(axis=1))) == pytest.approx(0.5, rel=0.05)
    assert abs(np.corrcoef(deg["left"][:, 0], deg["right"][:, 0])[0, 1]) < 0.05


def test_the_stream_carries_the_pointer_on_the_tracked_monitor() -> None:
    states: list[dict[str, Any]] = []
    stop, pointer = StopSignal(), StillPointer()
    options = MouseTrackerOptions(rate_hz=200, noise_rms_s2s_deg=0.0, origin_px=(1920, 0), number=92)
    thread = threading.Thread(target=run_mouse_tracker, args=(options, states.append, stop, pointer))
    thread.start()
    until(lambda: states)
    collector = Collector(states[0]["source_id"])
    collector.for_seconds(0.5)
    stop.stop()
    thread.join()
    collector.close()
    assert pointer.closed and states[-1]["state"] == "closed"
    assert len(collector.values) > 60
    assert np.allclose(collector.values[:, :2], ((480.5) / 1920, 540.5 / 1080))
    assert np.allclose(np.diff(collector.stamps), 1 / 200, atol=1e-9)


@pytest.mark.skipif(sys.platform != "linux", reason="the obstacles are those of Linux desktops")
def test_a_hidden_pointer_has_a_reason_and_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "XDG_SESSION_TYPE"):
        monkeypatch.delenv(name, raising=False)
    assert is_available() == (
        False,
        "mouse: there is no display, so there is no pointer (start it from a desktop session)",
    )
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    with pytest.raises(DeviceError, match="Wayland hides"):
        open_pointer()
    monkeypatch.delenv("WAYLAND_DISPLAY")
    monkeypatch.setenv("DISPLAY", ":9873")
    available, reason = is_available()
    assert not available and "pointer cannot be read" in reason
