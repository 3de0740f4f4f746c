"""Writes gaze as a BIDS 1.11 data set: a recording (physio) and its events (physioevents) for each trial and eye.

A reader is a participant, a session a session, a trial a run; all lie in the data type ``beh``, because nothing but
behaviour was recorded. Labels keep only letters and digits, as BIDS demands; `participants.tsv` and every sidecar keep
the codes as they were. BIDS has no terms for slices and voxels: they are further columns, described in the sidecar.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ctgaze_app import __version__
from ctgaze_app.formats.contract import FormatError
from ctgaze_app.formats.dataset import KEYS, DataSet

if TYPE_CHECKING:
    import pandas as pd

BIDS_VERSION = "1.11.0"
SCREEN_KEYS = ("width_px", "height_px", "width_mm", "height_mm", "distance_mm", "rate_hz")
EYES_OF_RECORDING = (("left", "eye1"), ("right", "eye2"), ("cyclopean", "eye3"))

GAZE_COLUMNS: dict[str, dict[str, str]] = {
    "timestamp": {"Description": "time of the sample since the trial's first visible view, eye time", "Units": "s"},
    "x_coordinate": {"Description": "gaze position, from the left edge of the screen", "Units": "pixel"},
    "y_coordinate": {"Description": "gaze position, from the top edge of the screen", "Units": "pixel"},
    "pupil_size": {"Description": "pupil diameter as the tracker sends it"},
    "valid": {"Description": "1 when the eye was seen"},
    "on_image": {"Description": "1 when the gaze lay on the shown picture"},
    "x_voxel": {"Description": "column of the gaze in the volume, 0-based, centre of a voxel at an integer"},
    "y_voxel": {"Description": "row of the gaze in the volume, 0-based"},
    "z_voxel": {"Description": "slice of the gaze in the volume, 0-based"},
    "calibration": {"Description": "1 when the picture was a calibration picture"},
}
EVENT_COLUMNS: dict[str, dict[str, str]] = {
    "onset": {"Description": "start of the event on the clock of the column timestamp", "Units": "s"},
    "duration": {"Description": "length of the event", "Units": "s"},
    "trial_type": {"Description": "fixation or saccade; n/a for other events"},
    "blink": {"Description": "1 during a blink, else 0"},
    "message": {"Description": "name and value of any other event"},
    "fixation": {"Description": "number of the fixation in its trial, from 1"},
    "kind": {"Description": "fixation (picture still), drill (slices moved), pursuit (eye followed) or calibration"},
    "x_coordinate": {"Description": "mean gaze position, from the left edge of the screen", "Units": "pixel"},
    "y_coordinate": {"Description": "mean gaze position, from the top edge of the screen", "Units": "pixel"},
    "on_image": {"Description": "1 when the fixation lay on the shown picture"},
    "x_voxel": {"Description": "column in the volume, 0-based"},
    "y_voxel": {"Description": "row in the volume, 0-based"},
    "z_voxel": {"Description": "slice in the volume, 0-based"},
    "uncertainty_mm": {"Description": "radius of the gaze's uncertainty in the patient", "Units": "mm"},
    "pupil_size": {"Description": "mean pupil diameter as the tracker sends it"},
}  # fmt: skip


def write_bids(dataset: DataSet, folder: Path, options: Mapping[str, str]) -> tuple[Path, ...]:
    """Write the whole data set into `folder`.

    Raises
    ------
    FormatError
        Without gaze samples, without a screen's size, or when two codes become one label.
    """
    samples = dataset.samples
    if samples is None or samples.empty:
        raise FormatError(
            "BIDS eye tracking needs gaze samples and this source has only fixations",
            remedy="export a recorded session, or choose another format",
        )
    screen = _screen(dataset.screen)
    task = options["task"]
    if not re.fullmatch(r"[A-Za-z0-9]+", task):
        raise FormatError(f"task {task!r} is no BIDS label", remedy="use letters and digits only")
    readers = _labels(samples["reader"].unique(), "readers")
    sessions = _labels(samples["session"].unique(), "sessions")
    written = _describe(dataset, folder, readers, options)
    for (session, reader, trial, case), rows in samples.groupby(list(KEYS), sort=False):
        names = [f"sub-{readers[str(reader)]}"]
        place = folder / names[0]
        if session:
            names.append(f"ses-{sessions[str(session)]}")
            place /= names[-1]
        place /= "beh"
        place.mkdir(parents=True, exist_ok=True)
        stem = "_".join([*names, f"task-{task}", f"run-{int(trial)}"])
        mine = {name: _of_trial(table, rows) for name, table in (("fix", dataset.fixations), ("event", dataset.events))}
        record = dataset.case(str(case))
        codes = {
            "CTGazeSession": str(session), "CTGazeReader": str(reader), "CTGazeTrial": int(trial),
            "CTGazeCase": str(case), "CTGazePatient": record.patient, "CTGazeShapeKJI": list(record.shape_kji),
            "CTGazeCaseKind": record.kind, "CTGazeSource": dataset.source,
            "CTGazeAffineLPS": None if record.affine_lps is None else record.affine_lps.tolist(),
        }  # fmt: skip
        for eye, label in EYES_OF_RECORDING:
            gaze = _gaze_of_eye(rows, eye, screen)
            if gaze is None:
                continue
            base = f"{stem}_recording-{label}"
            recorded = _main_eye(rows) if eye == "cyclopean" else eye
            written += _write_recording(place / base, gaze, recorded, rows, screen, codes)
            # Once a trial: the same fixations beside each eye would count twice and three times.
            events = _events(mine["fix"], mine["event"], screen) if eye == "cyclopean" else None
            if events is not None and events["onset"].notna().any():
                written += _write_events(place / base, events, codes)
        written += _write_trial(place / stem, rows, str(case), screen, dataset)
    return tuple(written)


def _screen(screen: Mapping[str, float]) -> dict[str, float]:
    missing = [key for key in SCREEN_KEYS if not np.isfinite(screen.get(key, np.nan))]
    if missing:
        raise FormatError(
            f"BIDS needs the screen and the sampling rate, and this source does not know {', '.join(missing)}",
            remedy="import it again with the screen declared, or choose another format",
        )
    return {key: float(screen[key]) for key in SCREEN_KEYS}


def _labels(codes: Any, what: str) -> dict[str, str]:
    """Codes to labels of letters and digits, one to one."""
    labels = {str(code): re.sub(r"[^A-Za-z0-9]", "", str(code)) for code in codes}
    empty = [code for code, label in labels.items() if code and not label]
    if empty or len(set(labels.values())) < len(labels):
        raise FormatError(
            f"the codes of the {what} do not stay different as BIDS labels (letters and digits only): "
            + ", ".join(sorted(labels)),
            remedy="rename them",
        )
    return labels


def _of_trial(table: pd.DataFrame | None, rows: pd.DataFrame) -> pd.DataFrame | None:
    if table is None:
        return None
    mine = np.ones(len(table), dtype=bool)
    for key in KEYS:
        mine &= (table[key] == rows[key].iloc[0]).to_numpy()
    return table[mine]


def _gaze_of_eye(rows: pd.DataFrame, eye: str, screen: Mapping[str, float]) -> pd.DataFrame | None:
    """The recording's table of one eye; None when the source does not have that eye."""
    import pandas as pd

    onset = rows["onset_s"].to_numpy(np.float64)
    own = f"source_{eye}_x" in rows.columns
    if eye != "cyclopean":
        if not own or not rows[f"source_{eye}_x"].notna().any():
            return None
        columns: dict[str, Any] = {"timestamp": onset} | {
            f"{axis}_coordinate": rows[f"source_{eye}_{axis}"].to_numpy(np.float64) * screen[f"{size}_px"]
            for axis, size in (("x", "width"), ("y", "height"))
        }
        if f"source_{eye}_pupil" in rows.columns:
            columns["pupil_size"] = rows[f"source_{eye}_pupil"].to_numpy(np.float64)
        return pd.DataFrame(columns)
    columns = {
        "timestamp": onset,
        "x_coordinate": rows["x_screen_norm"].to_numpy(np.float64) * screen["width_px"],
        "y_coordinate": rows["y_screen_norm"].to_numpy(np.float64) * screen["height_px"],
        "pupil_size": rows["pupil"].to_numpy(np.float64),
        "valid": rows["valid"].astype(int).to_numpy(),
        "on_image": rows["on_image"].astype(int).to_numpy(),
        **{f"{axis}_voxel": rows[f"{axis}_voxel"].to_numpy(np.float64) for axis in "xyz"},
        "calibration": (rows["kind"] == "calibration").astype(int).to_numpy(),
    }
    return pd.DataFrame(columns)


def _main_eye(rows: pd.DataFrame) -> str:
    """The eye of the column that the study counts: one eye when only that one was used, else both together."""
    if "source_eye_used" not in rows.columns:
        return "cyclopean"
    used = {str(name) for name in rows["source_eye_used"].unique()} - {"none", ""}
    return used.pop() if len(used) == 1 and used <= {"left", "right"} else "cyclopean"


def _write_recording(
    base: Path, gaze: pd.DataFrame, eye: str, rows: pd.DataFrame, screen: Mapping[str, float], codes: Mapping[str, Any]
) -> list[Path]:
    unit = str(rows["pupil_unit"].iloc[0])
    described = {name: dict(GAZE_COLUMNS[name]) for name in gaze.columns}
    if "pupil_size" in described and unit:
        described["pupil_size"]["Units"] = unit
    sidecar = {
        "PhysioType": "eyetrack",
        "RecordedEye": eye,
        "SampleCoordinateSystem": "gaze-on-screen",
        "SamplingFrequency": screen["rate_hz"],
        "StartTime": float(gaze["timestamp"].iloc[0]),
        "Columns": list(gaze.columns),
        **described,
        **codes,
    }
    return [_tsv_gz(base.with_name(base.name + "_physio.tsv.gz"), gaze), _json(base, "_physio.json", sidecar)]


def _events(fixations: pd.DataFrame | None, events: pd.DataFrame | None, screen: Mapping[str, float]) -> pd.DataFrame:
    import pandas as pd

    parts = []
    if fixations is not None and len(fixations):
        part = pd.DataFrame(
            {
                "onset": fixations["onset_s"].to_numpy(np.float64),
                "duration": fixations["duration_s"].to_numpy(np.float64),
                "trial_type": "fixation",
                "blink": 0,
                "message": "n/a",
                "fixation": fixations["fixation"].astype(int).astype(str).to_numpy(),
                "kind": fixations["kind"].astype(str).to_numpy(),
                "x_coordinate": fixations["x_screen_norm"].to_numpy(np.float64) * screen["width_px"],
                "y_coordinate": fixations["y_screen_norm"].to_numpy(np.float64) * screen["height_px"],
                "on_image": fixations["on_image"].astype(int).astype(str).to_numpy(),
                **{f"{axis}_voxel": fixations[f"{axis}_voxel"].to_numpy(np.float64) for axis in "xyz"},
                "uncertainty_mm": fixations["uncertainty_mm"].to_numpy(np.float64),
                "pupil_size": fixations["pupil"].to_numpy(np.float64),
            }
        )
        parts.append(part)
    if events is not None and len(events):
        name = events["event"].astype(str).to_numpy()
        plain = ~np.isin(name, ("saccade", "blink"))
        value = events["value"].fillna("").astype(str).to_numpy()
        message = np.array(
            [re.sub(r"[\t\r\n]", " ", f"{n} {v}".strip()) for n, v in zip(name, value, strict=True)], dtype=object
        )
        parts.append(
            pd.DataFrame(
                {
                    "onset": events["onset_s"].to_numpy(np.float64),
                    "duration": events["duration_s"].to_numpy(np.float64),
                    "trial_type": np.where(name == "saccade", "saccade", "n/a"),
                    "blink": (name == "blink").astype(int),
                    "message": np.where(plain, message, "n/a"),
                }
            )
        )
    table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(EVENT_COLUMNS))
    return table.reindex(columns=list(EVENT_COLUMNS)).sort_values("onset", kind="stable", ignore_index=True)


def _write_events(base: Path, events: pd.DataFrame, codes: Mapping[str, Any]) -> list[Path]:
    known = events[events["onset"].notna()]
    sidecar = {
        "Columns": list(known.columns),
        "OnsetSource": "timestamp",
        "Description": "Eye events found in the recording of the same name.",
        **EVENT_COLUMNS,
        **codes,
    }
    return [
        _tsv_gz(base.with_name(base.name + "_physioevents.tsv.gz"), known),
        _json(base, "_physioevents.json", sidecar),
    ]


def _write_trial(
    base: Path, rows: pd.DataFrame, case: str, screen: Mapping[str, float], dataset: DataSet
) -> list[Path]:
    onset = rows["onset_s"].to_numpy(np.float64)
    lines = ["onset\tduration\ttrial_type\tcase", f"0\t{_number(float(np.nanmax(onset)))}\treading\t{case}"]
    if dataset.words is not None:
        words = _of_trial(dataset.words, rows)
        if words is not None:
            for text, start, end in zip(words["text"], words["start_s"], words["end_s"], strict=True):
                spoken = " ".join(str(text).split())
                lines.append(f"{_number(float(start))}\t{_number(float(end) - float(start))}\tword {spoken}\t{case}")
    path = base.with_name(base.name + "_events.tsv")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")
    sidecar = {
        "StimulusPresentation": {
            "ScreenDistance": screen["distance_mm"] / 1000,
            "ScreenOrigin": ["top", "left"],
            "ScreenResolution": [round(screen["width_px"]), round(screen["height_px"])],
            "ScreenSize": [screen["width_mm"] / 1000, screen["height_mm"] / 1000],
            "SoftwareName": "CTGaze",
            "SoftwareVersion": __version__,
        },
        "trial_type": {"Description": "reading: the whole trial; word ...: a word spoken then"},
        "case": {"Description": "code of the volume or picture that was read"},
    }
    return [path, _json(base, "_events.json", sidecar)]


def _describe(dataset: DataSet, folder: Path, readers: Mapping[str, str], options: Mapping[str, str]) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    written = [
        _json(folder / "dataset_description", ".json", {
            "Name": options["name"], "BIDSVersion": BIDS_VERSION, "DatasetType": "raw",
            "GeneratedBy": [{"Name": "CTGaze", "Version": __version__}],
        }),
        _json(folder / "participants", ".json", {"reader_code": {"Description": "code of the reader in the study"}}),
    ]  # fmt: skip
    lines = ["participant_id\treader_code", *(f"sub-{label}\t{code}" for code, label in readers.items())]
    notes = [str(note) for note in dataset.provenance.get("notes", [])]
    text = "\n".join(
        [
            f"# {options['name']}", "",
            "Gaze of readers on CT and X-ray pictures, exported by CTGaze. Times are seconds since a trial's first",
            "visible view; voxels are 0-based (column, row, slice). Columns that BIDS does not know are described in",
            "the sidecars. Recording eye1 is the left eye, eye2 the right one, both as the tracker sent them; eye3 is",
            "what the study counts, after its correction, and bears the events.", "",
            *notes,
        ]
    )  # fmt: skip
    for name, content in (("participants.tsv", "\n".join(lines)), ("README.md", text.rstrip())):
        path = folder / name
        path.write_text(content + "\n", encoding="utf-8", newline="\n")
        written.append(path)
    return written


def _json(base: Path, ending: str, content: Mapping[str, Any]) -> Path:
    path = base.with_name(base.name + ending)
    path.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8", newline="\n")
    return path


def _tsv_gz(path: Path, table: pd.DataFrame) -> Path:
    """Tab-separated, without header, ``n/a`` where nothing is known; the same bytes for the same table."""
    buffer = io.StringIO()
    # BIDS knows no quotation marks around cells.
    table.to_csv(
        buffer, sep="\t", header=False, index=False, na_rep="n/a", float_format="%.6f", lineterminator="\n",
        quoting=csv.QUOTE_NONE,
    )  # fmt: skip
    with path.open("wb") as file, gzip.GzipFile(filename="", fileobj=file, mode="wb", mtime=0) as packed:
        packed.write(buffer.getvalue().encode("utf-8"))
    return path


def _number(value: float) -> str:
    return f"{value:.6f}" if np.isfinite(value) else "n/a"
