"""From a `TrackerChoice` to a gaze stream that delivers: built-in trackers are started, the layout is read."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from calibration.geometry import ScreenGeometry
from ctgaze_app.acquisition.clock import local_clock
from ctgaze_app.acquisition.dialects import GazeLayout
from ctgaze_app.acquisition.inlet import GazeInlet, GazeStreamInfo, choose_gaze_stream, list_gaze_streams
from ctgaze_app.acquisition.streams import MARKER_STREAM_NAME
from ctgaze_app.acquisition.trackers.options import MouseTrackerOptions, SimulatedTrackerOptions
from ctgaze_app.acquisition.trackers.process import TrackerProcess
from ctgaze_app.errors import StreamError
from ctgaze_app.gaze.views import VIEW_STREAM_NAME
from ctgaze_app.study.session import LatencyRecord, ScreenRecord
from ctgaze_app.ui.case_request import TrackerChoice

SAMPLES_WAIT_S = 10.0
READY_WAIT_S = 30.0
FIND_WAIT_S = 2.0
POLL_S = 0.02
FOLLOWED = {MARKER_STREAM_NAME, VIEW_STREAM_NAME}
SIMULATED_LATENCY_S = 0.008


@dataclass
class GazeSource:
    """An open gaze stream and, when we started it, its process."""

    stream: GazeStreamInfo
    layout: GazeLayout
    inlet: GazeInlet
    latency: LatencyRecord
    simulated: bool
    process: TrackerProcess | None

    def close(self) -> None:
        """Close the inlet and end the process that we started."""
        self.inlet.close()
        if self.process is not None:
            self.process.stop()


def open_gaze_source(
    choice: TrackerChoice,
    screen: ScreenRecord,
    *,
    seed: int,
    truth_folder: Path,
    markers_source_id: str,
    views_source_id: str,
    cancelled: Callable[[], bool],
) -> GazeSource:
    """Find or start the chosen gaze stream and wait until it delivers. Blocks; not for the GUI thread.

    Raises
    ------
    StreamError
        No such stream, it sends nothing, its layout cannot be read, or a built-in tracker fails.
    """
    process = _start_built_in(choice, screen, seed, truth_folder, (markers_source_id, views_source_id))
    try:
        if process is not None:
            _wait_for(lambda: _is_ready(process), cancelled, "the tracker does not start", READY_WAIT_S)
            if choice.kind == "simulate":
                _wait_for(lambda: _follows_both(process), cancelled, "the simulated eye does not find the session")
        source_id = process.source_id if process is not None else choice.source_id
        stream = choose_gaze_stream(list_gaze_streams(FIND_WAIT_S), source_id=source_id)
        inlet = GazeInlet(stream, screen.geometry())
        try:
            _wait_for(
                lambda: _delivers(inlet), cancelled, f"the gaze stream {stream.name} is there but sends no samples"
            )
        except Exception:
            inlet.close()
            raise
    except Exception:
        if process is not None:
            process.stop()
        raise
    assert inlet.layout is not None
    return GazeSource(stream, inlet.layout, inlet, stated_latency(stream), is_simulated(stream), process)


def look_into_stream(stream: GazeStreamInfo, geometry: ScreenGeometry, cancelled: Callable[[], bool]) -> str:
    """Receive a moment of a stream and say in one line how it will be read, for the coordinator to confirm.

    Blocks for about a second, `SAMPLES_WAIT_S` at most. Raises StreamError when it cannot be read.
    """
    with GazeInlet(stream, geometry) as inlet:
        problem = f"the gaze stream {stream.name} is there but sends no samples"
        _wait_for(lambda: _delivers(inlet) and inlet.effective_rate_hz > 0, cancelled, problem)
        assert inlet.layout is not None
        return describe_layout(inlet.layout, inlet.effective_rate_hz)


def describe_layout(layout: GazeLayout, rate_hz: float) -> str:
    """One line for the setup page: eyes, unit, axes, pupil, measured rate, doubts."""
    unit = "0 to 1 of the screen" if layout.unit == "normalized" else "pixels"
    parts = [
        f"Read as: {' and '.join(sorted(layout.eyes))} eye",
        unit,
        "y up" if layout.y_up else "y down",
        f"pupil in {layout.pupil_unit}" if layout.pupil_unit else "no pupil unit",
        f"{rate_hz:.0f} Hz measured",
    ]
    doubts = "".join(f" Check: {warning}." for warning in layout.warnings)
    return ", ".join(parts) + "." + doubts


def _start_built_in(
    choice: TrackerChoice, screen: ScreenRecord, seed: int, truth_folder: Path, followed: tuple[str, str]
) -> TrackerProcess | None:
    display: dict[str, Any] = {
        "width_px": screen.width_px,
        "height_px": screen.height_px,
        "width_mm": screen.width_mm,
        "height_mm": screen.height_mm,
        "distance_mm": screen.distance_mm,
        "device_pixel_ratio": screen.device_pixel_ratio,
    }
    if choice.kind == "simulate":
        options = SimulatedTrackerOptions(
            **display,
            rate_hz=choice.rate_hz,
            noise_rms_s2s_deg=choice.noise_rms_s2s_deg,
            latency_s=SIMULATED_LATENCY_S,
            seed=seed,
            truth=truth_folder,
            markers_source_id=followed[0],
            view_source_id=followed[1],
        )
        return TrackerProcess.start("simulate", options)
    if choice.kind == "mouse":
        return TrackerProcess.start("mouse", MouseTrackerOptions(**display, origin_px=screen.origin_px))
    return None


def is_simulated(stream: GazeStreamInfo) -> bool:
    """Whether the gaze is made up: our simulated eye or our mouse, whoever started it."""
    description = ElementTree.fromstring(stream.info_xml).find("desc")
    if description is None or description.findtext("manufacturer") != "CTGaze":
        return False
    return description.findtext("acquisition/model") in {"simulated", "mouse"}


def stated_latency(stream: GazeStreamInfo) -> LatencyRecord:
    """The latency that the stream's description states (XDF: synchronization/offset_mean), else 0 to 10 ms."""
    stated = ElementTree.fromstring(stream.info_xml).findtext("desc/synchronization/offset_mean") or ""
    try:
        latency_s = float(stated)
    except ValueError:
        latency_s = float("nan")
    if not 0.0 <= latency_s < 1.0:
        return LatencyRecord(latency_s=0.0, uncertainty_s=0.010, source="not stated by the sender: taken as 0 to 10 ms")
    uncertainty_s = 0.0 if is_simulated(stream) else 0.005
    return LatencyRecord(latency_s=latency_s, uncertainty_s=uncertainty_s, source="stated by the sender")


def _is_ready(process: TrackerProcess) -> bool:
    if process.poll() in ("failed", "closed"):
        raise StreamError(process.error or "the tracker has ended", place="tracker")
    return process.poll() == "ready"


def _follows_both(process: TrackerProcess) -> bool:
    return _is_ready(process) and process.following >= FOLLOWED


def _delivers(inlet: GazeInlet) -> bool:
    if inlet.error is not None:
        raise inlet.error
    return inlet.layout is not None and inlet.state == "streaming"


def _wait_for(
    condition: Callable[[], bool], cancelled: Callable[[], bool], problem: str, wait_s: float = SAMPLES_WAIT_S
) -> None:
    deadline = local_clock() + wait_s
    while not condition():
        if cancelled():
            raise StreamError("cancelled", place="tracker")
        if local_clock() > deadline:
            raise StreamError(problem, place="tracker", remedy="check the tracker and its LSL sender, then look again")
        time.sleep(POLL_S)
