"""Gaze of any origin in the columns and units of the chest X-ray eye-gaze tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ctgaze_app.formats.contract import FormatError
from ctgaze_app.formats.dataset import KEYS, CaseRecord, DataSet
from ctgaze_app.formats.egd_tables import BOX_NAMES, GAZE_NAMES, PADS, SHEET_NAMES, SLICE, TIME

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
README_FILE = "README.txt"
OFF_PICTURE = -1
"""X_ORIGINAL and Y_ORIGINAL off the picture: negative, as in the data set."""
README = """Eye-gaze tables in the layout of the chest X-ray eye-gaze data set (Karargyris et al., Sci Data 2021),
written by CTGaze. To read them back: format egd with option display=stored (positions are those of the columns
X_ORIGINAL and Y_ORIGINAL; the formula of that data set holds for its own screen only).

SESSION_ID     session code, or the reader's where there is none
MEDIA_ID       number of the showing in its session, from 0
DICOM_ID       code of the case{pictures}; no DICOM identifier
CNT            sample of the showing, from 0 (in fixations.csv its last sample)
Time           seconds from the first visible view of the case{clock}
FPOGX, FPOGY   gaze as a fraction of the screen, 0,0 at the top left, corrected by the session's calibration;
               in eye_gaze.csv each sample's own, not the mean of the fixation; 0 where FPOGV is 0
FPOGS, FPOGD   start and duration of the fixation in seconds; in eye_gaze.csv its duration so far, 0 outside
FPOGID         number of the fixation in its showing, 0 outside
BPOGX, BPOGY   the same gaze as FPOGX, FPOGY
SACCADE_MAG    pixels of the screen from the fixation before; SACCADE_DIR degrees, 0 to the right, 90 upwards
X_ORIGINAL     column and row of the picture in pixels, 0-based, rounded; -1 off the picture
{slice}
Empty, because it is not recorded or not known: {empty}.
Not in these tables: the kind of a fixation (still, drill, pursuit) and its uncertainty, pupils (the mean of both eyes
is no eye's), the transcripts of further showings of a case (in folders of their own), gaze before the first visible
view ({dropped} rows left out), and gaze on calibration targets ({targets} rows left out).
master_sheet.csv has the study's columns, filled where there is something to fill them with; the padding stays empty,
because a reader zooms and pans. image_sizes.csv (ours) has the size of each picture, screen.csv
(ours) the screen and the sampling rate. bounding_boxes.csv has columns
z1 and z2 (first and last slice) when a box has a depth. transcript.json, audio.wav and audio.mp3 begin with the first
visible view, so that all times agree. Masks are PNG of 0 and 255.
"""


@dataclass(frozen=True)
class Picture:
    """What leaves as one picture: a case, or one slice of it."""

    code: str
    case: CaseRecord
    k: int | None = None


@dataclass(frozen=True, eq=False)
class GazeTables:
    """`dropped` and `targets` are rows left out: before the first view, and on calibration targets."""

    fixations: pd.DataFrame
    samples: pd.DataFrame | None
    pictures: tuple[Picture, ...]
    dropped: int
    targets: int


def gaze_tables(dataset: DataSet, *, as_pictures: bool) -> GazeTables:
    """Both gaze tables.

    Parameters
    ----------
    as_pictures
        Each viewed slice of a volume is a picture and each return to it a showing; otherwise volumes get SLICE.

    Raises
    ------
    FormatError
        When a fixation has no onset.
    """
    fixations, samples = dataset.fixations, dataset.samples
    targets = int((fixations["kind"] == "calibration").sum())
    fixations = fixations[fixations["kind"] != "calibration"]
    if fixations["onset_s"].isna().any():
        raise FormatError(
            "fixations without onsets have no place in these tables", remedy="choose another format for this source"
        )
    early = fixations["onset_s"] + fixations["duration_s"] < 0
    dropped = int(early.sum())
    fixations = fixations[~early]
    if samples is not None:
        targets += int((samples["kind"] == "calibration").sum())
        samples = samples[samples["kind"] != "calibration"]
        early = samples["onset_s"] < 0
        dropped += int(early.sum())
        samples = samples[~early]
    records = {record.case: record for record in dataset.cases}
    deep = {code for code, record in records.items() if record.shape_kji[0] > 1}
    screen = (dataset.screen.get("width_px", np.nan), dataset.screen.get("height_px", np.nan))
    made: dict[str, list[pd.DataFrame]] = {"fixations": [], "samples": []}
    viewed: dict[str, set[int]] = {}
    showings: dict[str, int] = {}
    by_trial = {} if samples is None else dict(iter(samples.groupby(list(KEYS), sort=False)))
    for key, rows in fixations.groupby(list(KEYS), sort=False):
        session, reader, _, case = (str(part) for part in key)
        session = session or reader
        mine = by_trial.get(key)
        cut = as_pictures and case in deep
        fixation_table, sample_table = _fixation_columns(rows, mine, screen), None
        if mine is not None:
            sample_table = _sample_columns(mine, rows)
        tables = [table for table in (sample_table, fixation_table) if table is not None]
        for table in tables:
            table[SLICE] = _slices(table[SLICE], cut) if case in deep else 0.0
        number = showings.get(session, 0)
        if cut:
            leading = tables[0][[TIME, SLICE]].to_numpy(np.float64)
            new = np.append(True, np.diff(leading[:, 1]) != 0)
            starts = leading[new]
            for table in tables:
                _cut_into_slices(table, starts, case, number)
                viewed.setdefault(case, set()).update(table[SLICE].astype(int))
            number += len(starts)
        else:
            for table in tables:
                table["MEDIA_ID"], table["DICOM_ID"] = number, case
            number += 1
        showings[session] = number
        made["fixations"].append(fixation_table)
        if sample_table is not None:
            made["samples"].append(sample_table)
    pictures: list[Picture] = []
    for code, record in records.items():
        if as_pictures and code in deep:
            pictures += [Picture(slice_code(code, k), record, k) for k in sorted(viewed.get(code, ()))]
        else:
            pictures.append(Picture(code, record))
    with_slices = bool(deep) and not as_pictures
    return GazeTables(
        _joined(made["fixations"], with_slices),
        _joined(made["samples"], with_slices) if samples is not None else None,
        tuple(pictures),
        dropped,
        targets,
    )


def slice_code(case: str, k: int) -> str:
    """The picture's code of slice `k` (0-based) of a case; the code counts from 0 too."""
    return f"{case}_s{k:04d}"


def _empty(count: int) -> dict[str, Any]:
    return {name: np.full(count, np.nan) for name in (*GAZE_NAMES, SLICE)}


def _common(rows: pd.DataFrame, valid: NDArray[np.bool_]) -> dict[str, Any]:
    x, y = rows["x_screen_norm"].to_numpy(np.float64), rows["y_screen_norm"].to_numpy(np.float64)
    on = rows["on_image"].to_numpy(bool)
    columns = _empty(len(rows))
    owner = np.where(rows["session"] == "", rows["reader"], rows["session"])
    columns |= {"SESSION_ID": owner.astype(object), "FPOGV": valid.astype(np.int64)}
    columns |= {"FPOGX": np.where(valid, x, 0.0), "FPOGY": np.where(valid, y, 0.0)}
    for name, voxel in (("X_ORIGINAL", "x_voxel"), ("Y_ORIGINAL", "y_voxel")):
        pixel = np.floor(rows[voxel].to_numpy(np.float64) + 0.5)
        columns[name] = np.where(on, pixel, OFF_PICTURE)
    columns[SLICE] = np.where(on, np.floor(rows["z_voxel"].to_numpy(np.float64) + 0.5), np.nan)
    return columns


def _fixation_columns(rows: pd.DataFrame, samples: pd.DataFrame | None, screen: tuple[float, float]) -> pd.DataFrame:
    import pandas as pd

    onset, duration = rows["onset_s"].to_numpy(np.float64), rows["duration_s"].to_numpy(np.float64)
    x, y = rows["x_screen_norm"].to_numpy(np.float64), rows["y_screen_norm"].to_numpy(np.float64)
    columns = _common(rows, np.isfinite(x) & np.isfinite(y))
    end = onset + duration
    order = np.arange(len(rows))
    count = order
    if samples is not None:
        found = np.searchsorted(samples["onset_s"].to_numpy(np.float64), end, side="right") - 1
        count = np.maximum.accumulate(np.maximum(found, 0) - order) + order
    columns |= {"CNT": count, TIME: end, "FPOGS": onset, "FPOGD": duration, "FPOGID": rows["fixation"].to_numpy()}
    if np.isfinite(screen).all() and np.isfinite(x).all() and np.isfinite(y).all():
        step_x = np.diff(x, prepend=x[:1]) * screen[0]
        step_y = np.diff(y, prepend=y[:1]) * screen[1]
        columns["SACCADE_MAG"] = np.hypot(step_x, step_y)
        columns["SACCADE_DIR"] = np.degrees(np.arctan2(-step_y, step_x)) % 360.0
    return pd.DataFrame(columns)


def _sample_columns(rows: pd.DataFrame, fixations: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    time = rows["onset_s"].to_numpy(np.float64)
    x, y = rows["x_screen_norm"].to_numpy(np.float64), rows["y_screen_norm"].to_numpy(np.float64)
    valid = rows["valid"].to_numpy(bool) & np.isfinite(x) & np.isfinite(y)
    columns = _common(rows, valid)
    onset, duration = fixations["onset_s"].to_numpy(np.float64), fixations["duration_s"].to_numpy(np.float64)
    place = np.searchsorted(onset, time, side="right") - 1
    held = np.maximum(place, 0)
    inside = (place >= 0) & (time <= (onset + duration)[held]) if len(onset) else np.zeros(len(time), bool)
    start = onset[held] if len(onset) else time
    columns |= {
        "CNT": np.arange(len(rows)),
        TIME: time,
        "FPOGS": np.where(inside, start, 0.0),
        "FPOGD": np.where(inside, time - start, 0.0),
        "FPOGID": np.where(inside, fixations["fixation"].to_numpy()[held] if len(onset) else 0, 0),
        "BPOGX": columns["FPOGX"],
        "BPOGY": columns["FPOGY"],
        "BPOGV": columns["FPOGV"],
    }
    return pd.DataFrame(columns)


def _slices(values: pd.Series, cut: bool) -> pd.Series:
    """Off the picture the slice is not known; a row that must lie on some picture takes the last one seen."""
    return values.ffill().bfill().fillna(0.0) if cut else values


def _cut_into_slices(table: pd.DataFrame, starts: Floats, case: str, first: int) -> None:
    """Give each row the showing that it falls into; a fixation over several slices, that of the slice it dwelt on.

    Parameters
    ----------
    starts
        (S, 2) time and slice of each showing of a slice.

    Raises
    ------
    FormatError
        When a fixation lies on a slice that no sample before its end saw.
    """
    time, depth = table[TIME].to_numpy(), table[SLICE].to_numpy()
    place = np.maximum(np.searchsorted(starts[:, 0], time, side="right") - 1, 0)
    for row in np.flatnonzero(starts[place, 1] != depth):
        before = np.flatnonzero(starts[: place[row], 1] == depth[row])
        place[row] = before[-1] if len(before) else -1
    if (place < 0).any() or (np.diff(place) < 0).any():
        raise FormatError(
            f"fixations and samples of case {case} do not agree on the slices", remedy="--option slices=column"
        )
    table["MEDIA_ID"] = first + place
    table["DICOM_ID"] = [slice_code(case, int(k)) for k in depth]


def _joined(tables: list[pd.DataFrame], with_slices: bool) -> pd.DataFrame:
    import pandas as pd

    names = [*GAZE_NAMES, SLICE] if with_slices else list(GAZE_NAMES)
    if not tables:
        return pd.DataFrame(columns=names)
    joined = {name: np.concatenate([table[name].to_numpy() for table in tables]) for name in names}
    return pd.DataFrame(joined)


def sheet_of(pictures: Sequence[Picture]) -> pd.DataFrame:
    """The master sheet: code, patient code, and what a case's attributes hold under the sheet's own names."""
    import pandas as pd

    rows = []
    for picture in pictures:
        known = {name: "" if name in PADS else picture.case.attributes.get(name, "") for name in SHEET_NAMES}
        known |= {"dicom_id": picture.code, "patient_id": picture.case.patient, "path": ""}
        rows.append(known)
    return pd.DataFrame(rows, columns=list(SHEET_NAMES))


def sizes_of(pictures: Sequence[Picture]) -> pd.DataFrame:
    """Columns, rows and slices of every picture."""
    import pandas as pd

    rows = []
    for picture in pictures:
        slices, height, width = picture.case.shape_kji
        rows.append((picture.code, width, height, slices if picture.k is None else 1))
    return pd.DataFrame(rows, columns=["dicom_id", "columns", "rows", "slices"])


def boxes_of(dataset: DataSet, pictures: tuple[Picture, ...]) -> pd.DataFrame | None:
    """Bounding boxes, with z1 and z2 where a picture has a depth; None when there are none."""
    import pandas as pd

    if dataset.regions is None or dataset.regions.empty:
        return None
    rows = []
    deep = any(picture.k is None and picture.case.shape_kji[0] > 1 for picture in pictures)
    by_case = dict(iter(dataset.regions.groupby("case", sort=False)))
    for picture in pictures:
        for box in by_case.get(picture.case.case, dataset.regions[:0]).itertuples(index=False):
            if picture.k is None or box.k_first <= picture.k <= box.k_last:
                edges = (box.i_first, box.i_last, box.j_first, box.j_last)
                rows.append((picture.code, box.region, *edges, box.k_first, box.k_last))
    table = pd.DataFrame(rows, columns=[*BOX_NAMES, "z1", "z2"])
    return None if table.empty else table if deep else table[list(BOX_NAMES)]


def readme_text(tables: GazeTables, options: Mapping[str, str]) -> str:
    """What the tables hold and what they do not."""
    as_pictures = any(picture.k is not None for picture in tables.pictures)
    empty = [name for name in GAZE_NAMES if tables.fixations[name].isna().all()]
    return README.format(
        pictures=", with _s and the slice (0-based) for each viewed slice" if as_pictures else "",
        clock=", running on from slice to slice" if as_pictures else "",
        slice="SLICE          slice of the volume, 0-based; empty off the picture\n"
        if SLICE in tables.fixations
        else "",
        empty=", ".join(empty) or "nothing",
        dropped=tables.dropped,
        targets=tables.targets,
    )
