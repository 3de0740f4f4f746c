"""A recorded session made in memory: a reader scrolls down a stack and back, and fixates twice a second."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ctgaze_app.ct.volume import Volume
from ctgaze_app.gaze.views import PaintedView
from ctgaze_app.review.audio_track import AudioTrack
from ctgaze_app.review.replay import DwellSegment, GazeTrack, ReplayFixation, ReplayTrial
from ctgaze_app.study.loading import RecordedSession, RecordedTrial
from ctgaze_app.study.session import (
    LatencyRecord,
    ScreenRecord,
    SeriesRecord,
    SessionManifest,
    TrialRecord,
)

DISPLAY_LATENCY_S = 0.025
START_LSL = 1000.0
QUALITY = {
    "effective_rate_hz": 250.0,
    "loss_invalid": 0.188,
    "rms_s2s_deg": 0.14,
    "on_image_share": 0.97,
    "calibration": {"accuracy_deg": 0.43, "precision_deg": 0.12},
    "problems": [],
}


def manifest(volume: Volume, trials: int) -> SessionManifest:
    """The manifest of a session with one series."""
    series = SeriesRecord(
        code="ct1",
        units=volume.units,
        shape_kji=volume.shape_kji,
        positions_lps_mm=[tuple(row) for row in volume.positions_lps_mm.tolist()],
        row_direction=tuple(volume.row_direction.tolist()),
        column_direction=tuple(volume.column_direction.tolist()),
        pixel_spacing_ij_mm=volume.pixel_spacing_ij_mm,
        affine_lps=volume.affine_lps.tolist(),
        regular=volume.regular,
        plane=volume.plane,
        digest=volume.digest,
    )
    return SessionManifest(
        session="r01_20260102T030405Z",
        reader="r01",
        started_utc="2026-01-02T03:04:05Z",
        software={"ctgaze": "0.1.0"},
        seed=1,
        screen=ScreenRecord(
            index=0,
            width_px=1920,
            height_px=1080,
            width_mm=530,
            height_mm=300,
            distance_mm=650,
            size_source="entered",
            device_pixel_ratio=1.0,
            refresh_hz=60.0,
        ),
        display=LatencyRecord(latency_s=DISPLAY_LATENCY_S, uncertainty_s=1 / 60, source="assumed"),
        tracker_latency=LatencyRecord(latency_s=0.01, uncertainty_s=0.002, source="maker"),
        series=[series],
        trials=[
            TrialRecord(number=number, case=f"case{number:02d}", series=[0], state="complete")
            for number in range(1, trials + 1)
        ],
    )


def map_for(
    volume: Volume,
    slice_index: int,
    rect_px: tuple[float, float, float, float],
    zoom: float,
    pan_ij: tuple[float, float],
) -> np.ndarray:
    """The screen-to-voxel map of a slice whose point `pan_ij` is in the middle of the pane."""
    sx = zoom
    sy = zoom * volume.pixel_spacing_ij_mm[1] / volume.pixel_spacing_ij_mm[0]
    x0 = rect_px[0] + rect_px[2] / 2 - (pan_ij[0] + 0.5) * sx
    y0 = rect_px[1] + rect_px[3] / 2 - (pan_ij[1] + 0.5) * sy
    return np.array([[1 / sx, 0, -x0 / sx - 0.5], [0, 1 / sy, -y0 / sy - 0.5], [0, 0, float(slice_index)]])


def replay_trial(
    volume: Volume,
    number: int = 1,
    *,
    seconds: float = 20.0,
    rect_px: tuple[float, float, float, float] = (0.0, 0.0, 1600.0, 1000.0),
    window: tuple[float, float] = (-600.0, 1500.0),
    seed: int = 1,
) -> ReplayTrial:
    """A trial with a scroll through the stack and back, fixations of 0.15 to 0.9 s, and one lost second of gaze."""
    rng = np.random.default_rng(seed)
    n_slices, rows, columns = volume.shape_kji
    start_lsl = START_LSL + 1000.0 * (number - 1)
    painted = start_lsl + np.sort(rng.uniform(0, seconds, 200))
    painted[0] = start_lsl
    path = np.abs(((painted - start_lsl) / seconds * 2 * n_slices) % (2 * n_slices) - n_slices)
    slices = np.clip(n_slices - 1 - np.round(path), 0, n_slices - 1).astype(int)
    zoom = min(rect_px[2] / columns, rect_px[3] / rows) * 1.2
    samples = []
    for index, k in enumerate(slices):
        pan = (columns / 2 + 10 * np.sin(index / 30), rows / 2)
        view = PaintedView(
            paint=index + 1,
            trial=number,
            pane=0,
            series=0,
            plane=0,
            slice_index=int(k),
            window_centre=window[0] if index < 120 else 40.0,
            window_width=window[1] if index < 120 else 400.0,
            pane_rect_px=rect_px,
            voxel_from_screen=map_for(volume, int(k), rect_px, zoom, pan),
            image_visible=True,
        )
        samples.append(view.to_sample())
    bare = ReplayTrial(number, "x", np.array(samples), painted, GazeTrack.empty(), display_latency_s=DISPLAY_LATENCY_S)
    times = start_lsl + np.arange(0, seconds, 1 / 250)
    voxel = np.full((len(times), 3), np.nan)
    screen = np.full((len(times), 2), np.nan)
    fixations: list[ReplayFixation] = []
    segments: list[DwellSegment] = []
    onset, place = start_lsl + 0.3, np.array([columns / 2, rows / 2])
    while onset < start_lsl + seconds - 1.2:
        lasts = float(rng.uniform(0.15, 0.9))
        place = np.clip(
            place + rng.normal(0, columns / 8, 2), [columns * 0.2, rows * 0.25], [columns * 0.8, rows * 0.75]
        )
        view = bare.view_at(onset + lasts / 2)
        inside = (times >= onset) & (times <= onset + lasts)
        if view is not None and not start_lsl + 9.0 < onset < start_lsl + 10.0:
            k = view.slice_index
            shown = [bare.view_at(t).slice_index for t in np.linspace(onset, onset + lasts, 9) if bare.view_at(t)]
            voxel[inside, :2] = place
            voxel[inside, 2] = [at.slice_index if (at := bare.view_at(t)) else k for t in times[inside]]
            voxel[inside, :2] += rng.normal(0, 0.8, (inside.sum(), 2))
            screen[inside] = (
                np.linalg.solve(
                    np.vstack([view.voxel_from_screen[:2], [0, 0, 1]]),
                    np.column_stack([voxel[inside, :2], np.ones(inside.sum())]).T,
                )[:2]
            ).T
            mm = volume.voxel_to_patient([place[0], place[1], float(k)])
            fixations.append(
                ReplayFixation(
                    number=len(fixations) + 1,
                    onset_lsl=onset,
                    duration_s=lasts,
                    slice_index=k,
                    slice_first=min(shown),
                    slice_last=max(shown),
                    voxel=(float(place[0]), float(place[1]), float(k)),
                    patient_mm=(float(mm[0]), float(mm[1]), float(mm[2])),
                    uncertainty_mm=4.2,
                    screen_px=(float(screen[inside][0, 0]), float(screen[inside][0, 1])),
                    dispersion_deg=0.42,
                    kind="fixation" if min(shown) == max(shown) else "drill",
                    view_state="still" if min(shown) == max(shown) else "scroll",
                )
            )
            segments.append(DwellSegment(len(fixations), k, onset, lasts))
        onset += lasts + 0.04
    return ReplayTrial(
        number,
        f"case{number:02d}",
        np.array(samples),
        painted,
        GazeTrack(times, screen, voxel, np.full(len(times), 4.2)),
        tuple(fixations),
        tuple(segments),
        display_latency_s=DISPLAY_LATENCY_S,
        end_lsl=start_lsl + seconds,
    )


def recorded_session(
    volume: Volume, trials: tuple[ReplayTrial, ...], audio: AudioTrack | None = None
) -> RecordedSession:
    """A session around trials."""
    record = manifest(volume, len(trials))
    opened = tuple(
        RecordedTrial(one, replay, audio, QUALITY) for one, replay in zip(record.trials, trials, strict=True)
    )
    return RecordedSession(Path("nowhere"), record, opened, {0: volume}, {})
