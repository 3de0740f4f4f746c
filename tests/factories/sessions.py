"""Complete small sessions on disk, written with the real XDF writer: views, markers, gaze, sound and manifest."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.fit import Refit
from calibration.record import build_record
from ctgaze_app.acquisition.dialects import EyeChannels, GazeLayout
from ctgaze_app.acquisition.dictation import WavAppender, pack_to_flac
from ctgaze_app.acquisition.streams import marker_text
from ctgaze_app.acquisition.xdf import XdfWriter
from ctgaze_app.ct.volume import Volume
from ctgaze_app.gaze.views import VIEW_CHANNELS, PaintedView
from ctgaze_app.study.session import (
    LatencyRecord,
    PartRecord,
    ScreenRecord,
    SeriesRecord,
    SessionManifest,
    TrackerRecord,
    TrialRecord,
    create_session_folder,
    write_manifest,
)
from tests.factories.volumes import make_volume

SCREEN = ScreenRecord(
    index=0, width_px=1920, height_px=1080, width_mm=528.0, height_mm=297.0, distance_mm=650.0,
    size_source="entered", device_pixel_ratio=1.0, refresh_hz=60.0,
)  # fmt: skip
LAYOUT = GazeLayout(
    dialect="ctgaze",
    eyes={
        "left": EyeChannels(x=0, y=1, validity=2, pupil=3),
        "right": EyeChannels(x=4, y=5, validity=6, pupil=7),
    },
    unit="normalized",
    pupil_unit="mm",
    frame_number=8,
)
GAZE_LABELS = (
    *(f"{eye}_{what}" for eye in ("left", "right") for what in ("x", "y", "valid", "pupil")),
    "frame",
)
GAZE_STREAM = "CTGaze Simulated Tracker 1"
DISPLAY_LATENCY_S = 0.025
TRACKER_LATENCY_S = 0.005
SHIFT_PX = (40.0, -25.0)
"""The tracker's own error, the same everywhere, that the session's refit takes away."""
ZOOM = 12.0
LEFT_PX, TOP_PX = 500.0, 100.0
FIXATION_S, SACCADE_S = 0.30, 0.03
AUDIO_RATE_HZ = 8000


@dataclass(frozen=True)
class TrueFixation:
    """Planned: eye time (LSL) and voxel; `still` when no slice change falls into it."""

    trial: int
    onset_lsl: float
    offset_lsl: float
    voxel: tuple[float, float, float]
    still: bool


@dataclass(frozen=True, eq=False)
class SyntheticSession:
    """What `make_session` wrote, and its truth."""

    folder: Path
    manifest: SessionManifest
    volume: Volume
    views: list[tuple[float, PaintedView]] = field(repr=False)
    fixations: list[TrueFixation] = field(repr=False)
    gaze_samples: int


def series_record(volume: Volume, code: str = "series-1") -> SeriesRecord:
    """The manifest's geometry of a volume."""
    return SeriesRecord(
        code=code,
        units=volume.units,
        shape_kji=volume.shape_kji,
        positions_lps_mm=[(float(x), float(y), float(z)) for x, y, z in volume.positions_lps_mm],
        row_direction=tuple(float(each) for each in volume.row_direction),  # type: ignore[arg-type]
        column_direction=tuple(float(each) for each in volume.column_direction),  # type: ignore[arg-type]
        pixel_spacing_ij_mm=volume.pixel_spacing_ij_mm,
        affine_lps=volume.affine_lps.tolist(),
        regular=volume.regular,
        plane=volume.plane,
        digest=volume.digest,
    )


def stream_xml(
    name: str, content_type: str, labels: tuple[str, ...], fmt: str, rate_hz: float = 0.0, extra: str = ""
) -> str:
    """The description that LSL would hand out."""
    channels = "".join(f"<channel><label>{label}</label></channel>" for label in labels)
    return (
        f'<?xml version="1.0"?><info><name>{name}</name><type>{content_type}</type>'
        f"<channel_count>{len(labels)}</channel_count><nominal_srate>{rate_hz}</nominal_srate>"
        f"<channel_format>{fmt}</channel_format><source_id>{name.lower().replace(' ', '-')}</source_id>"
        f"<desc>{extra}<channels>{channels}</channels></desc></info>"
    )


def axial_map(slice_index: int) -> NDArray[np.float64]:
    """Voxel from screen: pixel (i, j) covers `ZOOM` screen pixels from (`LEFT_PX`, `TOP_PX`)."""
    return np.array(
        [[1 / ZOOM, 0, -LEFT_PX / ZOOM - 0.5], [0, 1 / ZOOM, -TOP_PX / ZOOM - 0.5], [0, 0, float(slice_index)]]
    )


def make_session(
    folder: Path,
    *,
    trials: int = 1,
    seconds: float = 6.0,
    rate_hz: float = 250.0,
    slices: int = 20,
    scroll_hz: float = 25.0,
    noise_rms_s2s_deg: float = 0.05,
    refit: bool = True,
    audio: bool = True,
    packed: bool = True,
    closed: bool = True,
    lost: tuple[float, float] | None = None,
    gaze_until_s: float | None = None,
    seed: int = 1,
    start_lsl: float = 1000.0,
    boot_id: str = "boot-1",
) -> SyntheticSession:
    """Write a session whose eye and views are known.

    In each trial the reader dwells 1.2 s on a slice (fixations of 0.3 s at random places, 30 ms saccades), then scrolls
    six slices on, and so to and fro. Gaze is written as sent: the tracker's shift and noise added.

    Parameters
    ----------
    closed
        False leaves the session as a kill would: no footers, manifest open, trial running, WAV not packed.
    lost
        (from, to) seconds in each trial without a valid eye.
    gaze_until_s
        The tracker stops so many seconds into the recording.
    """
    random = np.random.default_rng(seed)
    volume = make_volume(slices=slices)
    create_session_folder(folder)
    views: list[tuple[float, PaintedView]] = []
    markers: list[tuple[float, str]] = [(start_lsl + 0.2, marker_text("session_start", part=1))]
    fixations: list[TrueFixation] = []
    knots: list[tuple[float, float, float]] = [(start_lsl, 960.0, 540.0)]
    losses: list[tuple[float, float]] = []
    records, now, sounds = [], start_lsl + 1.0, []
    for number in range(1, trials + 1):
        case = f"case-{number}"
        stem = f"{number}_{case}"
        markers.append((now, marker_text("trial_start", trial=number, case=case, kind="main", dictation=stem)))
        _read_trial(number, now, seconds, slices, scroll_hz, random, views, fixations, knots)
        if lost is not None:
            losses.append((now + lost[0], now + lost[1]))
        sounds.append((number, stem, now + 0.013, seconds))
        if audio:
            fields = {"file_number": number, "first_frame_lsl": now + 0.013, "stem": stem}
            markers.append((now + 0.1, marker_text("audio_start", trial=number, **fields)))
        running = not closed and number == trials
        if not running:
            markers.append((now + seconds, marker_text("trial_end", trial=number, state="complete")))
        links = {"calibration": 1, "validation": 2} if refit else {}
        records.append(
            TrialRecord(number=number, case=case, series=[0], state="running" if running else "complete", **links)
        )
        now += seconds + 0.5
    end_lsl = now
    if closed:
        markers.append((end_lsl, marker_text("session_end", part=1)))
    stamps = np.arange(start_lsl, end_lsl, 1 / rate_hz)
    if gaze_until_s is not None:
        stamps = stamps[stamps < start_lsl + gaze_until_s]
    gaze = _gaze_channels(stamps, knots, losses, noise_rms_s2s_deg, random)
    writer = XdfWriter(folder / "recording.xdf")
    _write_streams(writer, stamps, gaze, rate_hz, _with_repeats(views, end_lsl), sorted(markers))
    if audio:
        _write_sound(folder, writer, sounds, packed and closed)
    if closed:
        writer.close()
    else:
        writer.flush()
        writer._file.close()
    if refit:
        _write_calibration(folder)
    manifest = SessionManifest(
        session="r01_20260102T030405Z",
        reader="r01",
        started_utc="2026-01-02T03:04:05.000Z",
        software={"ctgaze": "test"},
        seed=seed,
        screen=SCREEN,
        display=LatencyRecord(latency_s=DISPLAY_LATENCY_S, uncertainty_s=1 / 60, source="assumed"),
        tracker_latency=LatencyRecord(latency_s=TRACKER_LATENCY_S, uncertainty_s=0.001, source="planned"),
        tracker=TrackerRecord(
            name=GAZE_STREAM,
            source_id=GAZE_STREAM.lower().replace(" ", "-"),
            nominal_rate_hz=rate_hz,
            layout=LAYOUT,
            simulated=True,
        ),
        audio="file" if audio else None,
        state="complete" if closed else "open",
        parts=[
            PartRecord(
                number=1, file="recording.xdf", boot_id=boot_id, utc_start="2026-01-02T03:04:05.000Z",
                lsl_start=start_lsl, lsl_end=end_lsl if closed else None, state="complete" if closed else "recording",
            )
        ],
        series=[series_record(volume)],
        trials=records,
    )  # fmt: skip
    write_manifest(folder, manifest)
    return SyntheticSession(folder, manifest, volume, views, fixations, len(stamps))


def _read_trial(
    number: int,
    start: float,
    seconds: float,
    slices: int,
    scroll_hz: float,
    random: np.random.Generator,
    views: list[tuple[float, PaintedView]],
    fixations: list[TrueFixation],
    knots: list[tuple[float, float, float]],
) -> None:
    """Plan one trial: appends its views (paint time), true fixations and the knots of the eye's path (eye time)."""
    paint = len(views)
    slice_index, direction = 2, 1
    changes: list[float] = []

    def show(time: float, visible: bool = True) -> None:
        nonlocal paint
        paint += 1
        views.append(
            (
                time,
                PaintedView(
                    paint=paint, trial=number, pane=0, series=0 if visible else -1, plane=0,
                    slice_index=slice_index if visible else 0, window_centre=40.0, window_width=400.0,
                    pane_rect_px=(480.0, 60.0, 900.0, 900.0), voxel_from_screen=axial_map(slice_index),
                    image_visible=visible, input_time_lsl=time - 0.008,
                ),
            )
        )  # fmt: skip

    show(start + 0.02, visible=False)
    show(start + 0.1)
    time = start + 1.3
    while time + 6 / scroll_hz < start + seconds - 0.3:
        if not 0 <= slice_index + 6 * direction < slices:
            direction = -direction
        for step in range(6):
            slice_index += direction
            show(time + step / scroll_hz)
            changes.append(time + step / scroll_hz + DISPLAY_LATENCY_S)
        time += 6 / scroll_hz + 1.2
    eye, shown = start + 0.3, [(t + DISPLAY_LATENCY_S, view) for t, view in views if view.trial == number]
    while eye + FIXATION_S < start + seconds - 0.05:
        i, j = random.uniform(8, 55, 2)
        x, y = LEFT_PX + (i + 0.5) * ZOOM, TOP_PX + (j + 0.5) * ZOOM
        knots += [(eye, x, y), (eye + FIXATION_S, x, y)]
        still = not any(eye <= change <= eye + FIXATION_S for change in changes)
        middle = [view for t, view in shown if t <= eye + FIXATION_S / 2][-1]
        fixations.append(TrueFixation(number, eye, eye + FIXATION_S, (i, j, float(middle.slice_index)), still))
        eye += FIXATION_S + SACCADE_S


def _gaze_channels(
    stamps: NDArray[np.float64],
    knots: list[tuple[float, float, float]],
    losses: list[tuple[float, float]],
    noise_deg: float,
    random: np.random.Generator,
) -> NDArray[np.float64]:
    path = np.array(knots)
    eye_time = stamps - TRACKER_LATENCY_S
    sigma_px = noise_deg / 2 * SCREEN.geometry().px_per_deg()
    lost = np.zeros(len(stamps), dtype=bool)
    for begin, end in losses:
        lost |= (eye_time >= begin) & (eye_time < end)
    columns = []
    for _ in ("left", "right"):
        for axis, size in ((0, SCREEN.width_px), (1, SCREEN.height_px)):
            px = np.interp(eye_time, path[:, 0], path[:, 1 + axis]) + SHIFT_PX[axis]
            columns.append(np.where(lost, np.nan, (px + random.normal(0, sigma_px, len(stamps))) / size))
        columns += [np.where(lost, 0.0, 1.0), np.where(lost, np.nan, 3.2)]
    return np.column_stack([*columns, np.arange(len(stamps), dtype=np.float64)])


def _with_repeats(views: list[tuple[float, PaintedView]], end_lsl: float) -> list[tuple[float, PaintedView]]:
    """Each view again every 0.9 s while it stays, as the outlet does."""
    sent = []
    followers = [*(time for time, _ in views[1:]), end_lsl][: len(views)]
    for (time, view), following in zip(views, followers, strict=True):
        sent += [(moment, view) for moment in np.arange(time, following - 1e-3, 0.9)]
    return sent


def _write_streams(
    writer: XdfWriter,
    stamps: NDArray[np.float64],
    gaze: NDArray[np.float64],
    rate_hz: float,
    views: list[tuple[float, PaintedView]],
    markers: list[tuple[float, str]],
) -> None:
    gaze_id = writer.add_stream(stream_xml(GAZE_STREAM, "Gaze", GAZE_LABELS, "double64", rate_hz))
    view_id = writer.add_stream(
        stream_xml("CTGaze View", "View", tuple(channel.label for channel in VIEW_CHANNELS), "double64")
    )
    marker_id = writer.add_stream(stream_xml("CTGaze Markers", "Markers", ("event",), "string"))
    first = min([markers[0][0], *stamps[:1]])
    last = max([markers[-1][0], *stamps[-1:], *(time for time, _ in views[-1:])])
    view_stamps = np.array([time for time, _ in views])
    view_samples = np.array([view.to_sample() for _, view in views]).reshape(-1, len(VIEW_CHANNELS))
    marker_stamps = np.array([time for time, _ in markers])
    for second in np.arange(first, last + 1.0, 1.0):
        for stream_id in (gaze_id, view_id, marker_id):
            if round(second - first) % 5 == 0:
                writer.write_clock_offset(stream_id, float(second), 0.0)
        part = (stamps >= second) & (stamps < second + 1)
        writer.write_samples(gaze_id, stamps[part], gaze[part])
        part = (view_stamps >= second) & (view_stamps < second + 1)
        writer.write_samples(view_id, view_stamps[part], view_samples[part])
        part = (marker_stamps >= second) & (marker_stamps < second + 1)
        writer.write_samples(marker_id, marker_stamps[part], [markers[row][1] for row in np.flatnonzero(part)])
        writer.tick(float(second))


def _write_sound(folder: Path, writer: XdfWriter, sounds: list[tuple[int, str, float, float]], packed: bool) -> None:
    stream_id = writer.add_stream(
        stream_xml(
            "CTGaze Audio",
            "AudioClock",
            ("file_number", "frames_written", "adc_time"),
            "double64",
            extra=f"<sampling_rate>{AUDIO_RATE_HZ}</sampling_rate>",
        )
    )
    for number, stem, first_lsl, seconds in sounds:
        frames = np.arange(int(seconds * AUDIO_RATE_HZ))
        tone = (3000 * np.sin(2 * np.pi * 440 * frames / AUDIO_RATE_HZ)).astype(np.int16)
        wav = WavAppender(folder / "dictation" / f"{stem}.wav", AUDIO_RATE_HZ)
        wav.append(tone)
        wav.close()
        block = AUDIO_RATE_HZ // 10
        anchors = np.array(
            [[number, frame, first_lsl + frame / AUDIO_RATE_HZ] for frame in range(0, len(frames), block)], dtype=float
        )
        writer.write_samples(stream_id, anchors[:, 2], anchors)
        if packed:
            pack_to_flac(wav.path)


def _write_calibration(folder: Path) -> None:
    offset = Refit("offset", ((1.0, 0.0, -SHIFT_PX[0]), (0.0, 1.0, -SHIFT_PX[1])), {}, "planned", 9)
    refits = {"left": offset, "right": offset}
    geometry = SCREEN.geometry()
    refit = build_record("refit", geometry, [], refits=refits, pattern="nine", eye="average", first_trial=1)
    validation: dict[str, Any] = build_record(
        "validation", geometry, [], refits=refits, pattern="random", eye="average", first_trial=1
    )
    mean = {"accuracy_deg": 0.3, "rms_s2s_deg": 0.1}
    validation["figures"] = {"corrected": {eye: {"mean": mean} for eye in ("left", "right", "average")}, "raw": {}}
    for number, record in ((1, refit), (2, validation)):
        path = folder / "calibration" / f"{number:03d}.json"
        path.write_text(json.dumps(record, indent=1, allow_nan=False) + "\n", encoding="utf-8")
