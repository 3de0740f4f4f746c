"""XDF recordings of any LSL gaze stream: reads one as samples and fixations on the screen, writes one file a trial.

A foreign recording does not say which picture was shown, so its gaze has a place on the screen and none in a volume.
Its unit must be declared: senders misstate it (`acquisition.dialects`).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

import numpy as np
from numpy.typing import NDArray

from calibration.geometry import ScreenGeometry
from ctgaze_app.errors import SessionError, StreamError
from ctgaze_app.formats.contract import Format, FormatError, Option, at
from ctgaze_app.formats.dataset import FIXATION_COLUMNS, KEYS, SAMPLE_COLUMNS, CaseRecord, DataSet

if TYPE_CHECKING:
    import pandas as pd

    from ctgaze_app.acquisition.xdf import XdfFile, XdfStream
    from ctgaze_app.gaze.samples import GazeSamples

SCREEN_PATTERN = re.compile(r"(\d{1,6})x(\d{1,6})px,([\d.]{1,9})x([\d.]{1,9})mm,([\d.]{1,9})mm")
SCREEN_BOUNDS = ((100, 100_000), (100, 100_000), (50.0, 10_000.0), (50.0, 10_000.0), (100.0, 20_000.0))
"""Of width and height in pixels, width and height in mm, distance in mm: beyond them it is another unit."""
CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
GAZE_LABELS = ("combined_x", "combined_y", "combined_valid", "combined_pupil")


def read_xdf_gaze(path: Path, options: Mapping[str, str]) -> DataSet:
    """Read the gaze stream of one recording as one trial.

    Raises
    ------
    FormatError
        When the file is damaged, the stream cannot be told or its channels cannot be read.
    """
    from ctgaze_app.acquisition.xdf import read_xdf

    path = Path(path)
    geometry, screen = screen_of(options["screen"])
    for name in ("reader", "case"):
        if not CODE.fullmatch(options[name]):
            raise FormatError(f"{name}={options[name]!r} is no code", remedy="letters, digits, - and _ only")
    try:
        recording = read_xdf(path)
    except SessionError as error:
        raise FormatError(error.message, place=at(path), remedy="name an XDF file") from error
    if recording.problem is not None:
        raise FormatError(
            f"the recording is damaged at byte {recording.bytes_good}: {recording.problem}",
            place=at(path),
            remedy="repair it first; a session of CTGaze: ctgaze session salvage",
        )
    stream = _stream(recording, options["stream"], path)
    gaze, warnings = _gaze(stream, geometry, options["unit"], path)
    keys = {"session": "", "reader": options["reader"], "trial": 1, "case": options["case"]}
    px, valid, pupil = _eye_that_counts(gaze, geometry, options["eye"], path)
    origin = float(gaze.time_lsl[0])
    samples = _samples(gaze.time_lsl - origin, px, valid, pupil, geometry, keys)
    fixations = _fixations(gaze.time_lsl - origin, px, valid, pupil, geometry, keys)
    screen["rate_hz"] = stream.nominal_rate_hz or float(1 / np.median(np.diff(gaze.time_lsl)))
    return DataSet(
        cases=(CaseRecord(options["case"], (1, geometry.height_px, geometry.width_px), kind="image"),),
        fixations=fixations,
        samples=samples,
        screen=screen,
        provenance={
            "format": "xdf",
            "options": dict(options),
            "files": {path.name: hashlib.sha256(path.read_bytes()).hexdigest()},
            "notes": [
                "Fixations were found by the I-VT filter with Tobii's parameters; they have no place in a picture.",
                *warnings,
            ],
        },
    )


def screen_of(text: str) -> tuple[ScreenGeometry, dict[str, float]]:
    """A declared screen, ``1920x1080px,527x296mm,650mm`` (size, size, viewing distance).

    Raises
    ------
    FormatError
        When it is written otherwise or a size cannot be that of a screen in this unit.
    """
    found = SCREEN_PATTERN.fullmatch(text.replace(" ", ""))
    try:
        values = [float(value) for value in found.groups()] if found else []
    except ValueError:
        values = []
    possible = [low <= value <= high for value, (low, high) in zip(values, SCREEN_BOUNDS, strict=False)]
    if not values or not all(possible):
        raise FormatError(
            f"screen={text[:80]!r} is no screen",
            remedy="write it in pixels and millimetres, like screen=1920x1080px,527x296mm,650mm",
        )
    geometry = ScreenGeometry(int(values[0]), int(values[1]), *values[2:])
    names = ("width_px", "height_px", "width_mm", "height_mm", "distance_mm")
    return geometry, dict(zip(names, values, strict=True))


def _stream(recording: XdfFile, name: str, path: Path) -> XdfStream:
    from ctgaze_app.gaze.views import VIEW_STREAM_NAME

    numeric = [one for one in recording.streams if isinstance(one.values, np.ndarray) and one.name != VIEW_STREAM_NAME]
    if name:
        found = [stream for stream in numeric if name in (stream.name, stream.source_id)]
    else:
        found = [stream for stream in numeric if stream.type.lower() == "gaze"]
    if len(found) != 1:
        names = ", ".join(stream.name for stream in found or numeric) or "none"
        raise FormatError(
            f"{len(found)} streams {'are called ' + name if name else 'are of type Gaze'}; numeric ones: {names}",
            place=at(path),
            remedy="declare one: --option stream=NAME or its source id",
        )
    if len(found[0].time_raw) < 2:
        raise FormatError("the gaze stream holds no samples", place=at(path), remedy="choose another recording")
    return found[0]


def _gaze(stream: XdfStream, geometry: ScreenGeometry, unit: str, path: Path) -> tuple[GazeSamples, list[str]]:
    from ctgaze_app.acquisition.dialects import guess_layout, samples_from_channels

    values, lsl = np.asarray(stream.numbers, dtype=np.float64), stream.time_lsl
    unknown = np.flatnonzero(~np.isfinite(lsl))
    if len(unknown):
        raise FormatError(
            "the sample has no time stamp", place=at(path, int(unknown[0]) + 1), remedy="restore the file"
        )
    order = np.argsort(lsl, kind="stable")
    try:
        layout = guess_layout(stream.info_xml, values, (geometry.width_px, geometry.height_px))
    except StreamError as error:
        raise FormatError(error.message, place=at(path), remedy=error.remedy) from error
    if layout.unit != unit:
        raise FormatError(
            f"gaze is declared as {unit}, but what arrived looks like {layout.unit}",
            place=at(path),
            remedy=f"check the sender, then declare --option unit={layout.unit}",
        )
    gaze = samples_from_channels(values[order], stream.time_raw[order], lsl[order], layout, geometry)
    warnings = [f"Stream {stream.name}: {warning}." for warning in layout.warnings]
    if not np.array_equal(order, np.arange(len(order))):
        warnings.append(f"Stream {stream.name}: stamps ran backwards; samples were put in order of time.")
    return gaze, warnings


def _eye_that_counts(
    gaze: GazeSamples, geometry: ScreenGeometry, eye: str, path: Path
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.float64]]:
    """Screen pixels (N, 2), whether the eye was seen, and its pupil."""
    from ctgaze_app.gaze.mapping import choose_eye

    present = set(gaze.eyes)
    if eye == "average" and "combined" in present and not {"left", "right"} <= present:
        eye = "combined"
    if (eye == "average" and not present & {"left", "right"}) or (eye != "average" and eye not in present):
        raise FormatError(
            f"the stream has no {eye} eye, only {', '.join(sorted(present))}",
            place=at(path),
            remedy="declare --option eye=" + "|".join(sorted(present)),
        )
    used, _, px = choose_eye(gaze, {}, geometry, eye)
    names = ("left", "right") if eye == "average" else (eye,)
    pupils = np.stack([gaze.eyes[name].pupil for name in names if name in present])
    known = np.isfinite(pupils)
    total = np.where(known, pupils, 0.0).sum(axis=0)
    pupil = np.where(known.any(axis=0), total / np.maximum(known.sum(axis=0), 1), np.nan)
    return px, used > 0, pupil


def _samples(
    onset_s: NDArray[np.float64],
    px: NDArray[np.float64],
    valid: NDArray[np.bool_],
    pupil: NDArray[np.float64],
    geometry: ScreenGeometry,
    keys: Mapping[str, Any],
) -> pd.DataFrame:
    import pandas as pd

    table = pd.DataFrame(
        {
            "onset_s": np.round(onset_s, 6),
            "valid": valid,
            "x_screen_norm": px[:, 0] / geometry.width_px,
            "y_screen_norm": px[:, 1] / geometry.height_px,
            "x_voxel": np.nan,
            "y_voxel": np.nan,
            "z_voxel": np.nan,
            "on_image": False,
            "pupil": pupil,
            "pupil_unit": "",
            "kind": "gaze",
        }
    ).assign(**keys)
    return table[list(SAMPLE_COLUMNS)]


def _fixations(
    onset_s: NDArray[np.float64],
    px: NDArray[np.float64],
    valid: NDArray[np.bool_],
    pupil: NDArray[np.float64],
    geometry: ScreenGeometry,
    keys: Mapping[str, Any],
) -> pd.DataFrame:
    import pandas as pd

    from ctgaze_app.gaze.detectors import TOBII_IVT, detect_events

    events = detect_events(onset_s, geometry.px_to_vector(px), valid, TOBII_IVT)
    owner, count = events.fixation[events.member], len(events)
    members = np.maximum(np.bincount(owner, minlength=count), 1)

    def mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.bincount(owner, weights=values[events.member], minlength=count) / members

    known = np.where(np.isfinite(pupil), pupil, 0.0)
    seen = np.bincount(owner, weights=np.isfinite(pupil)[events.member], minlength=count)
    pupil_sum = np.bincount(owner, weights=known[events.member], minlength=count)
    onset = np.round(onset_s[events.first], 6)
    table = pd.DataFrame(
        {
            "fixation": np.arange(1, count + 1),
            "kind": "fixation",
            "onset_s": onset,
            "duration_s": np.round(onset_s[events.last], 6) - onset,
            "x_voxel": np.nan,
            "y_voxel": np.nan,
            "z_voxel": np.nan,
            "on_image": False,
            "x_screen_norm": mean(px[:, 0]) / geometry.width_px,
            "y_screen_norm": mean(px[:, 1]) / geometry.height_px,
            "pupil": np.where(seen > 0, pupil_sum / np.maximum(seen, 1), np.nan),
            "pupil_unit": "",
            "uncertainty_mm": np.nan,
        },
        index=range(count),
    ).assign(**keys)
    return table[list(FIXATION_COLUMNS)]


def write_xdf(dataset: DataSet, folder: Path, options: Mapping[str, str]) -> tuple[Path, ...]:
    """One XDF file a trial: a gaze stream in shares of the screen and a marker stream with trial and fixations.

    Stamps are the trial's own seconds.

    Raises
    ------
    FormatError
        Without samples.
    """
    from ctgaze_app.acquisition.xdf import XdfWriter

    samples = dataset.samples
    if samples is None or samples.empty:
        raise FormatError("XDF needs gaze samples and this source has only fixations", remedy="choose another format")
    rate = float(dataset.screen.get("rate_hz", 0.0))
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for (session, reader, trial, case), rows in samples.groupby(list(KEYS), sort=False):
        path = folder / f"{session or reader}_trial-{int(trial)}_{case}.xdf"
        path.unlink(missing_ok=True)
        ordered = rows.sort_values("onset_s", kind="stable")
        gaze = ordered[["x_screen_norm", "y_screen_norm", "valid", "pupil"]].to_numpy(np.float64)
        stamps = ordered["onset_s"].to_numpy(np.float64)
        with XdfWriter(path) as writer:
            stream = writer.add_stream(_gaze_xml(dataset, rate))
            writer.write_samples(stream, stamps, gaze)
            markers = _markers(dataset.fixations, {"session": session, "reader": reader, "trial": trial, "case": case})
            stream = writer.add_stream(_marker_xml())
            writer.write_samples(stream, np.array([time for time, _ in markers]), [text for _, text in markers])
        written.append(path)
    return tuple(written)


def _markers(fixations: pd.DataFrame, keys: Mapping[str, Any]) -> list[tuple[float, str]]:
    mine = np.ones(len(fixations), dtype=bool)
    for name, value in keys.items():
        mine &= (fixations[name] == value).to_numpy()
    start = {
        "event": "trial_start",
        "trial": int(keys["trial"]),
        "case": str(keys["case"]),
        "reader": str(keys["reader"]),
    }
    markers = [(0.0, json.dumps(start))]
    for row in fixations[mine & fixations["onset_s"].notna().to_numpy()].to_dict("records"):
        fields: dict[str, Any] = {"event": "fixation", "fixation": int(row["fixation"]), "kind": str(row["kind"])}
        for name in ("duration_s", "x_voxel", "y_voxel", "z_voxel"):
            if np.isfinite(row[name]):
                fields[name] = float(row[name])
        markers.append((float(row["onset_s"]), json.dumps(fields)))
    return sorted(markers, key=lambda item: item[0])


def _gaze_xml(dataset: DataSet, rate_hz: float) -> str:
    eye = "<eye>both</eye>"
    kinds = ("ScreenX", "ScreenY", "Confidence", "Diameter")
    unit = ""
    if dataset.samples is not None and len(dataset.samples):
        unit = str(dataset.samples["pupil_unit"].iloc[0])
    units = ("normalized", "normalized", "normalized", unit)
    channels = "".join(
        f"<channel><label>{label}</label>{eye}<type>{kind}</type><unit>{escape(each)}</unit></channel>"
        for label, kind, each in zip(GAZE_LABELS, kinds, units, strict=True)
    )
    display = "".join(f"<{name}>{value:g}</{name}>" for name, value in dataset.screen.items() if name != "rate_hz")
    return (
        '<?xml version="1.0"?><info><name>Gaze</name><type>Gaze</type><channel_count>4</channel_count>'
        f"<nominal_srate>{rate_hz:g}</nominal_srate><channel_format>double64</channel_format>"
        f"<source_id>ctgaze-export</source_id><desc><display>{display}</display><channels>{channels}</channels></desc></info>"
    )


def _marker_xml() -> str:
    return (
        '<?xml version="1.0"?><info><name>Gaze Markers</name><type>Markers</type><channel_count>1</channel_count>'
        "<nominal_srate>0</nominal_srate><channel_format>string</channel_format><source_id>ctgaze-export-markers"
        "</source_id><desc><channels><channel><label>event</label></channel></channels></desc></info>"
    )


FORMAT = Format(
    name="xdf",
    title="XDF: one LSL gaze stream, on the screen",
    read=read_xdf_gaze,
    write=write_xdf,
    read_options=(
        Option("unit", "what the gaze channels hold", ("normalized", "pixel")),
        Option("screen", "the screen that was tracked, like 1920x1080px,527x296mm,650mm (size, size, distance)"),
        Option("reader", "the reader's code"),
        Option("case", "the case's code"),
        Option("eye", "which eye counts", ("average", "left", "right", "combined"), default="average"),
        Option("stream", "name or source id of the gaze stream; empty: the only one of type Gaze", default=""),
    ),
    recognises=lambda path: path.suffix.lower() == ".xdf",
)
