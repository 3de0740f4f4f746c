"""BIDS 1.11 eye tracking (BEP020): reads a data set's recordings and their events; `bids_export` writes them.

What the files declare is taken as declared and nothing else: a recording without units, with another coordinate system
than ``gaze-on-screen`` or with an unknown eye is refused. Foreign data sets know no voxels, so their rows lie on no
image. Of a trial recorded with several eyes the one that combines them counts; without one, `eye` must be declared.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ctgaze_app.formats.bids_export import write_bids
from ctgaze_app.formats.bids_sidecar import (
    EVENT_ENDING,
    EYES,
    GAZE_ENDING,
    case_of,
    check_columns,
    check_pixels,
    check_sidecar,
    entities_of,
    is_eye_tracking,
    json_object,
    reader_codes,
    screen_of,
    seconds_of,
    unit_of,
)
from ctgaze_app.formats.bids_tables import read_headerless
from ctgaze_app.formats.contract import Format, FormatError, Option, at
from ctgaze_app.formats.dataset import EVENT_COLUMNS, FIXATION_COLUMNS, SAMPLE_COLUMNS, DataSet
from ctgaze_app.formats.dataset_checks import check_dataset

if TYPE_CHECKING:
    import pandas as pd

OWN_RECORDING = "eye3"
"""Label of the recording that the study counts, in what `bids_export` writes."""
SPACING_FACTOR = 20.0
"""How far the spacing of the samples may be from the stated rate: senders misstate it, but not by a factor of 1000."""


def read_bids(path: Path, options: Mapping[str, str]) -> DataSet:
    """Read every eye-tracking recording below `path`.

    Raises
    ------
    FormatError
        With file, row and column of the first fault.
    """
    import pandas as pd

    path = Path(path)
    description = path / "dataset_description.json"
    if not description.is_file():
        raise FormatError(
            "no BIDS data set here", place=path.name, remedy="name the folder that holds dataset_description.json"
        )
    version = json_object(description).get("BIDSVersion")
    if not isinstance(version, str):
        raise FormatError("BIDSVersion is missing", place=at(description), remedy="declare the version of BIDS")
    readers = reader_codes(path)
    trials: dict[tuple[Any, ...], dict[str, Path]] = {}
    sidecars: dict[Path, dict[str, Any]] = {}
    for sidecar in sorted(path.rglob(f"*{GAZE_ENDING}.json")):
        content = json_object(sidecar)
        if not is_eye_tracking(sidecar, content):
            continue
        check_sidecar(sidecar, content)
        sidecars[sidecar] = content
        entities = entities_of(sidecar)
        key = (entities["sub"], entities.get("ses", ""), entities.get("task", ""), entities.get("run", "1"))
        eyes = trials.setdefault(key, {})
        other = eyes.get(content["RecordedEye"])
        if other is not None:
            # Where one eye counts, the study's own recording of it, after the correction, stands beside the tracker's.
            own = [each for each in (sidecar, other) if _is_own(each, content)]
            if len(own) != 1:
                raise FormatError(
                    f"{other.name} records the same eye",
                    place=at(sidecar),
                    remedy="keep one of them, or tell them apart by task or run",
                )
            sidecar = own[0]
        eyes[content["RecordedEye"]] = sidecar
    if not trials:
        raise FormatError(
            "no eye-tracking recording in this data set",
            place=path.name,
            remedy="recordings are *_physio.json files with PhysioType eyetrack",
        )
    _refuse_orphans(path)
    gaze, fixations, events, cases, screens = [], [], [], {}, []
    for number, (key, by_eye) in enumerate(sorted(trials.items()), start=1):
        chosen = _chosen(by_eye, options["eye"], key, sidecars)
        content = sidecars[chosen]
        keys = _keys(key, content, readers, number)
        screen = screen_of(chosen)
        screen["rate_hz"] = float(content["SamplingFrequency"])
        screens.append(screen)
        cases[keys["case"]] = case_of(keys["case"], content, screen, chosen)
        table = read_headerless(chosen.with_suffix(".tsv.gz"), content["Columns"])
        origin = _origin_s(chosen, content, table)
        gaze.append(_gaze(table, keys, content, screen, origin, chosen))
        found = chosen.with_name(chosen.name.replace(GAZE_ENDING, EVENT_ENDING))
        if found.is_file():
            of_events = json_object(found)
            check_columns(found, of_events, ("onset",))
            rows = read_headerless(found.with_suffix(".tsv.gz"), of_events["Columns"])
            mine, others = _events(rows, keys, screen, _scales(found, of_events, chosen, content), origin)
            _refuse_disorder(rows, found)
            fixations.append(mine)
            events.append(others)
    if any(one != screens[0] for one in screens):
        raise FormatError(
            "trials of different screens or rates", place=path.name, remedy="import each screen's trials on their own"
        )
    nothing = pd.DataFrame({"onset": np.empty(0), "duration": np.empty(0)})
    empty, _ = _events(nothing, keys, screens[0], (1.0, 1.0), 0.0)
    files = {
        file.relative_to(path).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(path.rglob("*"))
        if file.is_file()
    }
    all_fixations = pd.concat(fixations, ignore_index=True) if fixations else empty
    notes = [] if len(all_fixations) else ["The data set has no fixations; detect them from its samples."]
    dataset = DataSet(
        cases=tuple(cases.values()),
        fixations=all_fixations,
        samples=pd.concat(gaze, ignore_index=True),
        events=pd.concat(events, ignore_index=True) if events else None,
        screen=screens[0],
        source=_source(sidecars),
        provenance={"format": "bids", "options": dict(options), "files": files, "notes": notes},
    )
    check_dataset(dataset, path)
    return dataset


def _is_own(sidecar: Path, content: Mapping[str, Any]) -> bool:
    return entities_of(sidecar).get("recording") == OWN_RECORDING and "CTGazeSession" in content


def _chosen(
    by_eye: Mapping[str, Path], eye: str, key: tuple[Any, ...], sidecars: Mapping[Path, Mapping[str, Any]]
) -> Path:
    if eye != "combined" and eye in by_eye:
        return by_eye[eye]
    if eye == "combined":
        own = [sidecar for sidecar in by_eye.values() if _is_own(sidecar, sidecars[sidecar])]
        if own or "cyclopean" in by_eye or len(by_eye) == 1:
            return own[0] if own else by_eye.get("cyclopean", next(iter(by_eye.values())))
    raise FormatError(
        f"the recordings of sub-{key[0]} run-{key[3]} are of {' and '.join(sorted(by_eye))}",
        place=at(next(iter(by_eye.values()))),
        remedy="declare which eye counts: --option eye=left|right|cyclopean",
    )


def _keys(key: tuple[Any, ...], content: Mapping[str, Any], readers: Mapping[str, str], number: int) -> dict[str, Any]:
    subject, session, task, run = key
    trial = content.get("CTGazeTrial", int(run) if str(run).isdigit() else number)
    return {
        "session": str(content.get("CTGazeSession", session)),
        "reader": str(content.get("CTGazeReader", readers.get(subject, subject))),
        "trial": trial if isinstance(trial, int) and trial > 0 else number,
        "case": str(content.get("CTGazeCase", task or "unknown")),
    }


def _refuse_orphans(path: Path) -> None:
    """Tables whose sidecar is not beside them: a sidecar that is inherited from a folder above is not read here."""
    for ending in (GAZE_ENDING, EVENT_ENDING):
        for table in sorted(path.rglob(f"*{ending}.tsv.gz")):
            sidecar = table.with_name(table.name.removesuffix(".tsv.gz") + ".json")
            if not sidecar.is_file():
                raise FormatError(
                    "this table has no sidecar beside it", place=at(table), remedy=f"put {sidecar.name} beside it"
                )


def _refuse_disorder(rows: pd.DataFrame, sidecar: Path) -> None:
    onset = rows["onset"].to_numpy(np.float64)
    for wrong, what in (
        (np.flatnonzero(~np.isfinite(onset)), "has no onset"),
        (np.flatnonzero(np.diff(onset) < 0) + 1, "begins before the row above"),
    ):
        if len(wrong):
            raise FormatError(
                f"the event {what}",
                place=at(sidecar.with_suffix(".tsv.gz"), int(wrong[0]) + 1, "onset"),
                remedy="restore the order of time",
            )


def _scales(events: Path, of_events: Mapping[str, Any], gaze: Path, of_gaze: Mapping[str, Any]) -> tuple[float, float]:
    """Seconds per unit of the events' onset, which is the timestamp's, and of their duration, seconds if not said."""
    for axis in ("x_coordinate", "y_coordinate"):
        if axis in of_events["Columns"]:
            check_pixels(events, of_events, axis)
    onset = seconds_of(gaze, of_gaze, "timestamp")
    if unit_of(of_events, "onset") is not None and seconds_of(events, of_events, "onset") != onset:
        raise FormatError(
            "the onset of events has another unit than the timestamps of the recording",
            place=at(events, column="onset"),
            remedy="BIDS puts both on one time line",
        )
    return onset, 1.0 if unit_of(of_events, "duration") is None else seconds_of(events, of_events, "duration")


def _origin_s(path: Path, content: Mapping[str, Any], table: pd.DataFrame) -> float:
    """What is taken from a timestamp in seconds to give the onset in its trial."""
    stamps = table["timestamp"].to_numpy(np.float64) if len(table) else np.empty(0)
    if len(stamps) == 0:
        return 0.0
    unknown = np.flatnonzero(~np.isfinite(stamps))
    back = np.flatnonzero(np.diff(stamps) < 0) + 1
    for rows, what in ((unknown, "has no timestamp"), (back, "lies before the row above")):
        if len(rows):
            raise FormatError(
                f"the sample {what}",
                place=at(path.with_suffix(".tsv.gz"), int(rows[0]) + 1, "timestamp"),
                remedy="restore the order of time",
            )
    scale, rate = seconds_of(path, content, "timestamp"), float(content["SamplingFrequency"])
    spacing = float(np.median(np.diff(stamps))) * scale * rate if len(stamps) > 1 else 1.0
    if not 1 / SPACING_FACTOR <= spacing <= SPACING_FACTOR:
        raise FormatError(
            f"samples come every {spacing / rate:g} s, which is not {rate:g} Hz",
            place=at(path, column="timestamp"),
            remedy="check the Units of timestamp and SamplingFrequency",
        )
    return float(stamps[0]) * scale - float(content["StartTime"])


def _gaze(
    table: pd.DataFrame,
    keys: Mapping[str, Any],
    content: Mapping[str, Any],
    screen: Mapping[str, float],
    origin_s: float,
    path: Path,
) -> pd.DataFrame:
    import pandas as pd

    x = table["x_coordinate"].to_numpy(np.float64) / screen["width_px"]
    y = table["y_coordinate"].to_numpy(np.float64) / screen["height_px"]
    unknown = np.full(len(table), np.nan)
    flag = {name: _flags(table, name, path) for name in ("valid", "on_image", "calibration")}
    seen = np.isfinite(x) & np.isfinite(y)
    voxel = {f"{axis}_voxel": table.get(f"{axis}_voxel", pd.Series(unknown)).to_numpy(np.float64) for axis in "xyz"}
    on_image = flag["on_image"] if flag["on_image"] is not None else np.zeros(len(table), dtype=bool)
    pupil_unit = unit_of(content, "pupil_size")
    rows = {
        **keys,
        "onset_s": np.round(
            table["timestamp"].to_numpy(np.float64) * seconds_of(path, content, "timestamp") - origin_s, 9
        ),
        "valid": seen if flag["valid"] is None else flag["valid"],
        "x_screen_norm": x,
        "y_screen_norm": y,
        **voxel,
        "on_image": on_image & np.isfinite(voxel["x_voxel"]),
        "pupil": table.get("pupil_size", pd.Series(unknown)).to_numpy(np.float64),
        "pupil_unit": pupil_unit if isinstance(pupil_unit, str) else "",
        "kind": "gaze" if flag["calibration"] is None else np.where(flag["calibration"], "calibration", "gaze"),
    }
    return pd.DataFrame(rows, index=range(len(table)))[list(SAMPLE_COLUMNS)]


def _flags(table: pd.DataFrame, name: str, path: Path) -> NDArray[np.bool_] | None:
    if name not in table.columns:
        return None
    values = table[name].to_numpy(np.float64)
    wrong = np.flatnonzero(~np.isin(values, (0.0, 1.0)))
    if len(wrong):
        raise FormatError(
            f"{values[wrong[0]]} is neither 0 nor 1",
            place=at(path.with_suffix(".tsv.gz"), int(wrong[0]) + 1, name),
            remedy="restore the file",
        )
    return np.asarray(values == 1.0)


def _events(
    table: pd.DataFrame,
    keys: Mapping[str, Any],
    screen: Mapping[str, float],
    scales: tuple[float, float],
    origin_s: float,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Fixations and all other events of one trial."""
    import pandas as pd

    count = len(table)
    number = {
        name: table.get(name, pd.Series(np.full(count, np.nan))).to_numpy(np.float64)
        for name in ("onset", "duration", "fixation", "x_coordinate", "y_coordinate", "on_image", "x_voxel", "y_voxel",
                     "z_voxel", "uncertainty_mm", "pupil_size", "blink")
    }  # fmt: skip
    duration = number["duration"] * scales[1]
    kind_of_event = table.get("trial_type", pd.Series([""] * count)).str.strip().str.lower().to_numpy()
    is_fixation = kind_of_event == "fixation"
    kind = table.get("kind", pd.Series(["fixation"] * count)).to_numpy()
    counted = np.where(np.isfinite(number["fixation"]), number["fixation"], np.cumsum(is_fixation))
    onset = np.round(number["onset"] * scales[0] - origin_s, 9)
    fixations = pd.DataFrame(
        {
            **keys,
            "fixation": counted[is_fixation].astype(np.int64),
            "kind": kind[is_fixation],
            "onset_s": onset[is_fixation],
            "duration_s": duration[is_fixation],
            **{f"{axis}_voxel": number[f"{axis}_voxel"][is_fixation] for axis in "xyz"},
            "on_image": number["on_image"][is_fixation] == 1,
            "x_screen_norm": number["x_coordinate"][is_fixation] / screen["width_px"],
            "y_screen_norm": number["y_coordinate"][is_fixation] / screen["height_px"],
            "pupil": number["pupil_size"][is_fixation],
            "pupil_unit": "",
            "uncertainty_mm": number["uncertainty_mm"][is_fixation],
        },
        index=range(int(is_fixation.sum())),
    )[list(FIXATION_COLUMNS)]
    message = table.get("message", pd.Series(["n/a"] * count)).to_numpy()
    typed = np.where(np.isin(kind_of_event, ("", "n/a")), "message", kind_of_event)
    name = np.where((typed == "message") & (number["blink"] == 1), "blink", typed)
    text = [("" if m == "n/a" else str(m)) for m in message]
    event = [n if n != "message" or not t else t.split(" ", 1)[0] for n, t in zip(name, text, strict=True)]
    value = [t.split(" ", 1)[1] if " " in t and n == "message" else "" for n, t in zip(name, text, strict=True)]
    rest = ~is_fixation
    others = pd.DataFrame(
        {
            **keys,
            "event": np.array(event, dtype=object)[rest],
            "onset_s": onset[rest],
            "duration_s": duration[rest],
            "value": np.array(value, dtype=object)[rest],
        },
        index=range(int(rest.sum())),
    )[list(EVENT_COLUMNS)]
    return fixations, others


def _source(sidecars: Mapping[Path, Mapping[str, Any]]) -> Any:
    named = {str(content.get("CTGazeSource", "reader")) for content in sidecars.values()}
    return named.pop() if len(named) == 1 and named <= {"reader", "model", "simulated"} else "reader"


def _recognises(path: Path) -> bool:
    return path.is_dir() and (path / "dataset_description.json").is_file()


FORMAT = Format(
    name="bids",
    title="BIDS 1.11 eye tracking: physio and physioevents",
    read=read_bids,
    write=write_bids,
    read_options=(Option("eye", "which recording of a trial counts", ("combined", *EYES), default="combined"),),
    write_options=(
        Option("task", "the BIDS task label, letters and digits", default="reading"),
        Option("name", "the data set's name", default="Gaze on medical images"),
    ),
    recognises=_recognises,
)
