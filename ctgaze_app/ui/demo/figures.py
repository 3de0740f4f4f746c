"""The figures of a demo run: what was sent, painted and true, beside what was recorded and found."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import soundfile

from ctgaze_app.acquisition.trackers.truth import FRAME_COLUMNS, read_truth
from ctgaze_app.acquisition.xdf import read_xdf
from ctgaze_app.gaze.views import VIEW_STREAM_NAME
from ctgaze_app.study.evaluation import compare_fixations, true_fixations
from ctgaze_app.study.session import read_manifest
from models.simulation.script import ReadingPlan

TRUTH_FOLDER = "simulated"


@dataclass(frozen=True)
class LiveFigures:
    """What the running application knows and no file tells."""

    ready_lsl: float
    stop_lsl: float
    views_painted: int
    slices_requested: int
    slices_requested_not_painted: int
    raw_accuracy_deg: float
    validation_accuracy_deg: float
    scrolls_lsl: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class DemoFigures:
    """One demo run in numbers (degrees, screen pixels, seconds)."""

    session: str
    gaze_samples_sent: int
    gaze_samples_recorded: int
    views_painted: int
    views_recorded: int
    slices_requested: int
    slices_requested_not_painted: int
    raw_accuracy_deg: float
    validation_accuracy_deg: float
    fixations_true: int
    fixations_found: int
    slice_index_agreement: float
    median_error_px: float
    median_error_voxel: float
    noise_px: float
    audio_seconds: float

    def as_json(self) -> dict[str, object]:
        """Plain values; NaN becomes None because JSON has none."""
        return {
            key: None if isinstance(value, float) and not np.isfinite(value) else value
            for key, value in asdict(self).items()
        }


def gather_figures(folder: Path, live: LiveFigures, *, noise_rms_s2s_deg: float) -> DemoFigures:
    """Read the session's files and hold them against plan, tracker log and what the application counted.

    `gaze_samples_sent` comes from the tracker's own log of frames (last minus first frame number plus one between the
    recorder's ready marker and the stop marker); `gaze_samples_recorded` counts recorded samples in the same interval.
    """
    manifest = read_manifest(folder)
    truth_folder = folder / TRUTH_FOLDER
    truth = read_truth(truth_folder)
    stamps = truth.frames[:, FRAME_COLUMNS.index("stamp_lsl")]
    numbers = truth.frames[(stamps >= live.ready_lsl) & (stamps <= live.stop_lsl), FRAME_COLUMNS.index("frame")]
    sent = int(numbers[-1] - numbers[0] + 1) if len(numbers) else 0

    recorded = 0
    painted: set[tuple[int, int]] = set()
    for part in manifest.parts:
        for stream in read_xdf(folder / part.file).streams:
            if manifest.tracker is not None and stream.source_id == manifest.tracker.source_id:
                recorded += int(np.sum((stream.time_raw >= live.ready_lsl) & (stream.time_raw <= live.stop_lsl)))
            elif stream.name == VIEW_STREAM_NAME:
                painted |= {(int(pane), int(paint)) for paint, pane in np.asarray(stream.values)[:, [0, 2]]}

    plan = ReadingPlan.read(truth_folder / "plan.json")
    still = true_fixations(
        plan, truth_folder / "fixations.csv", np.array(live.scrolls_lsl, dtype=np.float64).reshape(-1, 2)
    )
    trial = manifest.trials[-1].number
    agreement = compare_fixations(still, folder / "derived" / "fixations.csv", trial)
    sounds = [soundfile.info(path) for path in sorted((folder / "dictation").glob("*.flac"))]
    return DemoFigures(
        session=str(folder),
        gaze_samples_sent=sent,
        gaze_samples_recorded=recorded,
        views_painted=live.views_painted,
        views_recorded=len(painted),
        slices_requested=live.slices_requested,
        slices_requested_not_painted=live.slices_requested_not_painted,
        raw_accuracy_deg=live.raw_accuracy_deg,
        validation_accuracy_deg=live.validation_accuracy_deg,
        **asdict(agreement),
        noise_px=noise_rms_s2s_deg * manifest.screen.geometry().px_per_deg(),
        audio_seconds=float(sum(sound.frames / sound.samplerate for sound in sounds)),
    )
