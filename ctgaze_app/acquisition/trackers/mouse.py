"""The mouse is the eye: the pointer as a gaze stream, to try everything without a tracker (`simulate --mouse`)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from calibration.geometry import ScreenGeometry
from ctgaze_app.acquisition.clock import configure_lsl, local_clock
from ctgaze_app.acquisition.trackers.control import Report, StopSignal
from ctgaze_app.acquisition.trackers.options import MouseTrackerOptions
from ctgaze_app.acquisition.trackers.outlet import BOTH_EYES, EyeFrames, FramePacer, GazeOutlet
from ctgaze_app.acquisition.trackers.pointer import Pointer, open_pointer
from models.simulation.eye_noise import white_noise_deg

CHUNK_S = 0.010


class PointerTrack:
    """The pointer between two looks at it, on a straight line; unknown (NaN) when the system did not tell."""

    def __init__(self, origin_px: tuple[int, int]) -> None:
        self._origin = np.asarray(origin_px, dtype=np.float64)
        self._times: list[float] = []
        self._places: list[NDArray[np.float64]] = []

    def add(self, time_lsl: float, position_px: tuple[float, float] | None) -> None:
        """Note where the pointer is at `time_lsl`, desktop pixels."""
        place = np.full(2, np.nan) if position_px is None else np.asarray(position_px) + 0.5 - self._origin
        self._times = [*self._times[-1:], time_lsl]
        self._places = [*self._places[-1:], place]

    def at(self, times_lsl: NDArray[np.float64]) -> NDArray[np.float64]:
        """`screen_px` (N, 2) of the tracked monitor at times between the last two looks (the nearer one outside)."""
        places = np.array(self._places)
        return np.column_stack([np.interp(times_lsl, self._times, places[:, axis]) for axis in (0, 1)])


def pointer_frames(
    px: NDArray[np.float64], geometry: ScreenGeometry, random: np.random.Generator, rms_s2s_deg: float
) -> dict[str, EyeFrames]:
    """Both eyes at `px` (N, 2) with noise of their own; invalid where the pointer has left the monitor."""
    with np.errstate(invalid="ignore"):
        valid = np.all((px >= 0) & (px <= (geometry.width_px, geometry.height_px)), axis=1)
    frames = {}
    for eye in BOTH_EYES:
        deg = geometry.px_to_deg(px) + white_noise_deg(random, len(px), rms_s2s_deg)
        norm = geometry.px_to_norm(geometry.deg_to_px(deg))
        frames[eye] = EyeFrames(norm, valid, np.full(len(px), np.nan))
    return frames


def run_mouse_tracker(
    options: MouseTrackerOptions, report: Report, stop: StopSignal | None = None, pointer: Pointer | None = None
) -> None:
    """Send the pointer as gaze until told to stop; reports like `simulate.run_simulated_tracker`."""
    pointer = pointer or open_pointer(options.device_pixel_ratio)
    try:
        configure_lsl()
        outlet = GazeOutlet(options, options.rate_hz, source="mouse")
        stop = stop or StopSignal(seconds=options.seconds, stop_on_eof=options.stop_on_eof)
        try:
            report({"state": "ready", "name": outlet.name, "source_id": outlet.source_id})
            random = np.random.default_rng(options.seed)
            track = PointerTrack(options.origin_px)
            start = local_clock()
            track.add(start, pointer.position_px())
            pacer = FramePacer(options.rate_hz, start)
            while not stop.stopped:
                now = local_clock()
                track.add(now, pointer.position_px())
                frames = pacer.due(now)
                stamps = pacer.stamps(frames)
                if len(frames):
                    samples = pointer_frames(track.at(stamps), options.geometry, random, options.noise_rms_s2s_deg)
                    outlet.push(frames, stamps, samples)
                stop.wait(max(CHUNK_S, 1.0 / options.rate_hz) - (local_clock() - now))
            outlet.drain()
            report({"state": "closed", "frames": outlet.frames_pushed})
        finally:
            outlet.close()
    finally:
        pointer.close()
