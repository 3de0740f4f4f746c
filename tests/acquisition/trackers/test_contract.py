"""What every built-in tracker promises: states in order, one readable gaze stream of its own, an end when told."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ctgaze_app.acquisition.dialects import guess_layout, samples_from_channels
from ctgaze_app.acquisition.trackers.control import Report, StopSignal
from ctgaze_app.acquisition.trackers.mouse import run_mouse_tracker
from ctgaze_app.acquisition.trackers.options import MouseTrackerOptions, ReplayOptions, SimulatedTrackerOptions
from ctgaze_app.acquisition.trackers.pointer import Pointer
from ctgaze_app.acquisition.trackers.replay import run_replay
from ctgaze_app.acquisition.trackers.simulate import run_simulated_tracker
from tests.acquisition.trackers.collecting import Collector, until


class CentredPointer(Pointer):
    """A pointer in the middle of the screen."""

    def position_px(self) -> tuple[float, float] | None:
        return 960.0, 540.0


def simulated(folder: Path, report: Report, stop: StopSignal) -> None:
    run_simulated_tracker(SimulatedTrackerOptions(rate_hz=100, number=31, blink_rate_hz=0), report, stop)


def mouse(folder: Path, report: Report, stop: StopSignal) -> None:
    run_mouse_tracker(MouseTrackerOptions(rate_hz=100, number=32), report, stop, CentredPointer())


def replayed(folder: Path, report: Report, stop: StopSignal) -> None:
    path = folder / "gaze.tsv"
    rows = [f"{10 * n}\t0\t0\t0\t0" for n in range(50)]
    path.write_text("\n".join(["timestamp\tleft_x\tleft_y\tright_x\tright_y", *rows]), encoding="utf-8")
    run_replay(ReplayOptions(path=path, loop=True, number=33), report, stop)


@pytest.mark.parametrize("run", [simulated, mouse, replayed])
def test_every_tracker_keeps_the_contract(run: Callable[[Path, Report, StopSignal], None], tmp_path: Path) -> None:
    states: list[dict[str, Any]] = []
    stop = StopSignal()
    thread = threading.Thread(target=run, args=(tmp_path, states.append, stop))
    thread.start()
    until(lambda: states)
    assert states[0]["state"] == "ready" and re.fullmatch(
        r"CTGaze (Simulated|Mouse|Replayed) Tracker 3\d", states[0]["name"]
    )
    collector = Collector(states[0]["source_id"])
    collector.for_seconds(0.4)
    ending = threading.Thread(target=lambda: (stop.stop(), thread.join()))
    ending.start()
    collector.until_stream_ends()
    ending.join()
    frame = collector.values[:, -1].astype(int)
    assert states[-1] == {"state": "closed", "frames": frame[-1] + 1}
    assert np.array_equal(frame, np.arange(frame[0], frame[-1] + 1)) and len(frame) > 20
    assert collector.stream.rate_hz == 100
    layout = guess_layout(collector.stream.info_xml, collector.values, (1920, 1080))
    assert (layout.dialect, layout.unit, sorted(layout.eyes), layout.warnings) == (
        "ctgaze",
        "normalized",
        ["left", "right"],
        [],
    )
    geometry = SimulatedTrackerOptions().geometry
    samples = samples_from_channels(collector.values, collector.stamps, collector.stamps, layout, geometry)
    for eye in samples.eyes.values():
        assert eye.valid.all()
        assert np.all(geometry.angle_between_deg(geometry.norm_to_px(eye.norm), (960, 540)) < 3.0)
