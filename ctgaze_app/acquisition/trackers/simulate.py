"""A simulated reader's eye before a simulated tracker, a process with its own LSL outlet (`tracker simulate`)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ctgaze_app.acquisition.clock import configure_lsl, local_clock
from ctgaze_app.acquisition.trackers.control import Report, StopSignal
from ctgaze_app.acquisition.trackers.following import SessionListener
from ctgaze_app.acquisition.trackers.instructions import ReaderInstructions
from ctgaze_app.acquisition.trackers.options import SimulatedTrackerOptions
from ctgaze_app.acquisition.trackers.outlet import BOTH_EYES, EyeFrames, FramePacer, GazeOutlet
from ctgaze_app.acquisition.trackers.truth import TruthWriter
from models.simulation.eye_noise import Distortion, DropOuts, white_noise_deg
from models.simulation.reader import ReaderSettings, SimulatedReader, TrueGaze

CHUNK_S = 0.010
_PUPIL_MM = 3.5
_PUPIL_NOISE_MM = 0.02


class SimulatedTracker:
    """True gaze in, tracker's samples out: distortion, noise, drop-outs, lost frames. No LSL, no clock of its own."""

    def __init__(self, options: SimulatedTrackerOptions, start_lsl: float) -> None:
        self._options = options
        self._geometry = options.geometry
        seeds = np.random.SeedSequence(options.seed).spawn(3)
        self.pacer = FramePacer(options.rate_hz, start_lsl)
        self.reader = SimulatedReader(
            self._geometry.px_to_deg,
            self._geometry.deg_to_px,
            rest_px=(options.width_px / 2, options.height_px / 2),
            start_s=start_lsl - options.latency_s,
            seed=seeds[0],
            settings=ReaderSettings(blink_rate_hz=options.blink_rate_hz),
        )
        self._noise = np.random.default_rng(seeds[1])
        faults = np.random.default_rng(seeds[2])
        self._faults = faults
        self._drop_outs = DropOuts(options.dropouts_per_minute, options.dropout_s, start_lsl, faults)
        self.distortion = Distortion(
            centre_px=(options.width_px / 2, options.height_px / 2),
            half_size_px=(options.width_px / 2, options.height_px / 2),
            px_per_deg=self._geometry.px_per_deg(),
            strength=options.distortion,
        )

    def emit(self, frames: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.float64], dict[str, EyeFrames]]:
        """The frames that are sent of `frames` (N,), their truth rows (M, 6) and their samples.

        The reader must have been advanced to the last frame's eye time.
        """
        if self._options.lost_sample_fraction > 0:
            frames = frames[self._faults.random(len(frames)) >= self._options.lost_sample_fraction]
        stamps = self.pacer.stamps(frames)
        eye_times = stamps - self._options.latency_s
        gaze = self.reader.sample(eye_times)
        valid = ~gaze.blinking & ~self._drop_outs.lost(stamps)
        rows = np.column_stack([frames, stamps, eye_times, gaze.px, valid])
        return frames, rows, {eye: self._eye(eye, gaze, valid) for eye in BOTH_EYES}

    def _eye(self, eye: str, gaze: TrueGaze, valid: NDArray[np.bool_]) -> EyeFrames:
        seen_deg = self._geometry.px_to_deg(self.distortion.apply(gaze.px, eye))
        seen_deg += white_noise_deg(self._noise, len(seen_deg), self._options.noise_rms_s2s_deg)
        pupil_mm = _PUPIL_MM + self._noise.normal(0.0, _PUPIL_NOISE_MM, len(seen_deg))
        return EyeFrames(self._geometry.px_to_norm(self._geometry.deg_to_px(seen_deg)), valid, pupil_mm)


def run_simulated_tracker(options: SimulatedTrackerOptions, report: Report, stop: StopSignal | None = None) -> None:
    """Send gaze until told to stop.

    `report` receives ``{"state": "ready", "name", "source_id"}`` once the outlet exists, ``{"state": "following",
    "stream"}`` for each stream of the application that is found, and ``{"state": "closed", "frames"}``.
    """
    configure_lsl()
    truth = (
        None
        if options.truth is None
        else TruthWriter(options.truth, options.model_dump(mode="json", exclude={"truth"}))
    )
    try:
        outlet = GazeOutlet(
            options,
            options.rate_hz,
            source="simulated",
            latency_s=options.latency_s,
            can_drop_samples=options.lost_sample_fraction > 0,
        )
        listener = SessionListener(markers_source_id=options.markers_source_id, view_source_id=options.view_source_id)
        stop = stop or StopSignal(seconds=options.seconds, stop_on_eof=options.stop_on_eof)
        try:
            report({"state": "ready", "name": outlet.name, "source_id": outlet.source_id})
            _send(options, outlet, listener, truth, stop, report)
            outlet.drain()
            if truth is not None:
                truth.close()
            report({"state": "closed", "frames": outlet.frames_pushed})
        finally:
            listener.close()
            outlet.close()
    finally:
        if truth is not None:
            truth.close()


def _send(
    options: SimulatedTrackerOptions,
    outlet: GazeOutlet,
    listener: SessionListener,
    truth: TruthWriter | None,
    stop: StopSignal,
    report: Report,
) -> None:
    tracker = SimulatedTracker(options, local_clock())
    reader = tracker.reader
    instructions = ReaderInstructions(reader, (options.width_px, options.height_px), free_viewing=options.free_viewing)
    last_stamp = tracker.pacer.start_lsl
    while not stop.stopped:
        heard = listener.poll()
        for name in heard.newly_followed:
            report({"state": "following", "stream": name})
        for _, view in heard.views:
            instructions.view(view)
        for time_lsl, fields in heard.markers:
            instructions.marker(fields, time_lsl)
        frames = tracker.pacer.due(local_clock())
        if len(frames):
            last_stamp = float(tracker.pacer.stamps(frames[-1:])[0])
            eye_time = last_stamp - options.latency_s
            instructions.tick(eye_time)
            events = reader.advance(eye_time)
            sent, rows, samples = tracker.emit(frames)
            outlet.push(sent, rows[:, 1], samples)
            if truth is not None:
                truth.add_frames(rows)
                truth.add_events(events)
            reader.forget(eye_time)
        next_chunk = last_stamp + max(CHUNK_S, 1.0 / options.rate_hz)
        stop.wait(max(0.0, next_chunk - local_clock()))
    if truth is not None:
        truth.add_events(reader.finish(last_stamp - options.latency_s))
