"""Writing `derived/`: tables and quality with the parameters that made them, the same bytes for the same input.

Every file is written beside its place and moved there in one step. CSV numbers have fixed decimals (`DECIMALS`), an
empty cell is "not known", line ends are LF.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ctgaze_app import __version__
from ctgaze_app.errors import SessionError
from ctgaze_app.gaze.detectors import EYE_STATES, LIMITS, DetectorParameters
from ctgaze_app.gaze.fixations import FIXATION_COLUMNS, SEGMENT_COLUMNS, Table
from ctgaze_app.gaze.following import PURSUIT_RULE
from ctgaze_app.gaze.mapping import EYES_USED, SLICE_COVERAGE_FACTOR, MappedGaze
from ctgaze_app.gaze.measures import TrialMeasures
from ctgaze_app.gaze.movements import BLINK_COLUMNS, SACCADE_COLUMNS, SACCADE_KIND_RULE
from ctgaze_app.gaze.quality import TrialQuality
from ctgaze_app.gaze.samples import EYES, EyeSamples, GazeSamples
from ctgaze_app.gaze.view_track import STATE_HOLD_S, VIEW_STATES
from ctgaze_app.review.spoken_words import LookBack
from ctgaze_app.study.calibrations import CalibrationInForce, calibration_digests
from ctgaze_app.study.session import SessionManifest

GAZE_FILE, FIXATION_FILE, SEGMENT_FILE, SACCADE_FILE, BLINK_FILE, QUALITY_FILE = (
    "gaze.parquet",
    "fixations.csv",
    "dwell_segments.csv",
    "saccades.csv",
    "blinks.csv",
    "quality.json",
)
COLUMNS_FILE = "columns.toml"
"""What every column means, a copy of the program's own."""

DERIVED_FILES = (GAZE_FILE, FIXATION_FILE, SEGMENT_FILE, SACCADE_FILE, BLINK_FILE, COLUMNS_FILE, QUALITY_FILE)
ROW_GROUP_ROWS = 1 << 18
DERIVED_SCHEMA = 3
"""Counts changes of the columns or of what they mean."""

DECIMALS = {
    "onset_s": 6, "offset_s": 6, "duration_s": 6, "onset_lsl": 6, "x_voxel": 3, "y_voxel": 3, "z_voxel": 3,
    "x_mm": 3, "y_mm": 3, "z_mm": 3, "uncertainty_mm": 3, "x_screen_px": 2, "y_screen_px": 2, "dispersion_deg": 4,
    "pupil": 4, "window_centre": 3, "window_width": 3, "zoom": 6, "valid_fraction": 4, "amplitude_deg": 4,
    "peak_velocity_deg_s": 2, "direction_deg": 2, "x_start_screen_px": 2, "y_start_screen_px": 2, "x_end_screen_px": 2,
    "y_end_screen_px": 2,
}  # fmt: skip
"""Decimals of the float columns: a microsecond, a micrometre, a hundredth of a pixel."""


@dataclass(frozen=True, eq=False)
class GazeRows:
    """One trial's part of `gaze.parquet`; `fixation` is the number in `fixations.csv`, 0 outside."""

    trial: int
    case: str
    part: int
    samples: GazeSamples
    mapped: MappedGaze
    eye_state: NDArray[np.int8]
    fixation: NDArray[np.int32]
    origin_lsl: float


@dataclass
class DerivedTables:
    """Everything that is written, as it grows trial by trial; `measures` and `quality` are by trial."""

    gaze: list[GazeRows] = field(default_factory=list)
    fixations: list[Table] = field(default_factory=list)
    segments: list[Table] = field(default_factory=list)
    saccades: list[Table] = field(default_factory=list)
    blinks: list[Table] = field(default_factory=list)
    quality: dict[int, TrialQuality] = field(default_factory=dict)
    measures: dict[int, TrialMeasures] = field(default_factory=dict)
    calibration: dict[int, CalibrationInForce] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def write_derived(
    folder: Path, manifest: SessionManifest, parameters: DetectorParameters, made: DerivedTables
) -> tuple[str, ...]:
    """Write every derived file; `quality.json` comes last, so that its presence says the others are whole.

    Raises
    ------
    SessionError
        When the folder refuses.
    """
    target = folder / "derived"
    columns = resources.files("resources").joinpath(COLUMNS_FILE).read_bytes().replace(b"\r\n", b"\n")
    record: dict[str, Any] = {
        "schema": DERIVED_SCHEMA,
        "provenance": provenance(folder, manifest, parameters),
        "problems": list(made.problems),
        "limits": list(LIMITS),
        "trials": {
            str(number): {
                **figures.to_dict(),
                **made.measures[number].to_dict(),
                "calibration": made.calibration[number].to_dict(),
            }
            for number, figures in sorted(made.quality.items())
        },
    }
    try:
        target.mkdir(exist_ok=True)
        _replace(target / GAZE_FILE, partial(_write_gaze, manifest=manifest, gaze=made.gaze))
        for name, content in (
            (FIXATION_FILE, csv_text(FIXATION_COLUMNS, made.fixations).encode("utf-8")),
            (SEGMENT_FILE, csv_text(SEGMENT_COLUMNS, made.segments).encode("utf-8")),
            (SACCADE_FILE, csv_text(SACCADE_COLUMNS, made.saccades).encode("utf-8")),
            (BLINK_FILE, csv_text(BLINK_COLUMNS, made.blinks).encode("utf-8")),
            (COLUMNS_FILE, columns),
        ):
            _replace(target / name, partial(Path.write_bytes, data=content))
        record["tables"] = {name: file_digest(target / name) for name in DERIVED_FILES if name != QUALITY_FILE}
        quality_text = json.dumps(record, indent=1, allow_nan=False) + "\n"
        _replace(target / QUALITY_FILE, partial(Path.write_bytes, data=quality_text.encode("utf-8")))
    except OSError as error:
        raise SessionError(
            f"the tables cannot be written: {error.strerror or type(error).__name__}",
            place=str(target),
            remedy="check rights and space",
        ) from error
    return DERIVED_FILES


def changed_tables(folder: Path, record: Mapping[str, Any]) -> list[str]:
    """Tables that are not those that `quality.json` (its content is `record`) was written with."""
    made = record["tables"]
    return [
        name for name in DERIVED_FILES if name != QUALITY_FILE and made[name] != file_digest(folder / "derived" / name)
    ]


def provenance(folder: Path, manifest: SessionManifest, parameters: DetectorParameters) -> dict[str, Any]:
    """What the tables depend on: versions, parameters, and digests of everything that was read."""
    import pyarrow

    # What no table depends on is left out: a verdict or a closed trial makes none of them stale.
    relevant = {
        **manifest.model_dump(
            mode="json", include={"screen", "display", "tracker_latency", "tracker", "eye", "series"}
        ),
        "parts": [part.model_dump(mode="json", exclude={"state", "lsl_end"}) for part in manifest.parts],
        "trials": [trial.model_dump(mode="json", exclude={"state", "quality", "kind"}) for trial in manifest.trials],
    }
    return {
        "tables_schema": DERIVED_SCHEMA,
        "ctgaze": __version__,
        "numpy": np.__version__,
        "pyarrow": pyarrow.__version__,
        "detector": {"name": parameters.name, **asdict(parameters)},
        "view_state_hold_s": STATE_HOLD_S,
        "slice_coverage_factor": SLICE_COVERAGE_FACTOR,
        "pursuit": PURSUIT_RULE,
        "saccade_kinds": SACCADE_KIND_RULE,
        "words_look_back": asdict(LookBack()),
        "inputs": {
            "manifest": hashlib.sha256(json.dumps(relevant, sort_keys=True).encode("utf-8")).hexdigest(),
            "recordings": {part.file: file_digest(folder / part.file) for part in manifest.parts},
            "calibration": calibration_digests(folder),
            "transcripts": {
                path.name: file_digest(path) for path in sorted((folder / "dictation").glob("*.transcript.json"))
            },
        },
    }


def csv_text(columns: Sequence[str], tables: Sequence[Table]) -> str:
    """The whole CSV file; a column that the tables do not have stays empty."""
    lines = [",".join(columns)]
    for table in tables:
        cells = [_cells(name, table[name]) if name in table else None for name in columns]
        count = len(next(iter(table.values())))
        empty = [""] * count
        lines += [",".join(row) for row in zip(*(each if each is not None else empty for each in cells), strict=True)]
    return "\n".join(lines) + "\n"


def _cells(name: str, values: NDArray[Any]) -> list[str]:
    if values.dtype == bool:
        return ["True" if value else "False" for value in values.tolist()]
    if values.dtype.kind == "f":
        pattern = f"{{:.{DECIMALS[name]}f}}"
        # Adding zero turns -0.0 into 0.0, so that no sign depends on rounding.
        rounded = (np.round(values, DECIMALS[name]) + 0.0).tolist()
        return ["" if value != value else pattern.format(value) for value in rounded]
    return [_quoted(str(value)) for value in values.tolist()]


def _quoted(text: str) -> str:
    """A cell as RFC 4180 wants it."""
    return '"' + text.replace('"', '""') + '"' if any(mark in text for mark in ',"\n\r') else text


def _write_gaze(path: Path, manifest: SessionManifest, gaze: Sequence[GazeRows]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    tables = [_gaze_table(manifest, rows) for rows in gaze] or [_gaze_table(manifest, _no_rows())]
    # Chunks are joined, because row groups would otherwise follow the trials and small ones read slowly.
    table = pa.concat_tables(tables).unify_dictionaries().combine_chunks()
    table = table.replace_schema_metadata({"schema": str(DERIVED_SCHEMA)})
    floats = [one.name for one in table.schema if pa.types.is_floating(one.type)]
    pq.write_table(
        table,
        path,
        row_group_size=ROW_GROUP_ROWS,
        compression="lz4",
        use_dictionary=[one.name for one in table.schema if one.name not in floats],
        write_statistics=False,
    )


def _gaze_table(manifest: SessionManifest, rows: GazeRows) -> Any:
    import pyarrow as pa

    count, mapped, samples = len(rows.samples), rows.mapped, rows.samples
    pupil_unit = manifest.tracker.layout.pupil_unit if manifest.tracker else ""

    def coded(codes: NDArray[Any], names: Sequence[str]) -> Any:
        return pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int8)), pa.array(list(names), pa.string()))

    def one(text: str) -> Any:
        return coded(np.zeros(count, dtype=np.int8), [text])

    columns: dict[str, Any] = {
        "session": one(manifest.session),
        "reader": one(manifest.reader),
        "trial": np.full(count, rows.trial, dtype=np.int32),
        "case": one(rows.case),
        "part": np.full(count, rows.part, dtype=np.int16),
        "time_lsl": samples.time_lsl,
        "time_raw": samples.time_raw,
        "onset_s": np.round(mapped.eye_time_lsl - rows.origin_lsl, 6),
    }
    lost = EyeSamples(np.full((count, 2), np.nan), np.zeros(count, dtype=bool), np.full(count, np.nan))
    for name in EYES:
        eye = samples.eyes.get(name, lost)
        columns[f"{name}_x"], columns[f"{name}_y"] = eye.norm[:, 0], eye.norm[:, 1]
        columns[f"{name}_valid"] = eye.valid
        columns[f"{name}_pupil"] = eye.pupil.astype(np.float32)
    columns |= {
        "pupil_unit": one(pupil_unit),
        "eye_used": coded(mapped.eye_used, EYES_USED),
        "x_screen_px_raw": mapped.raw_px[:, 0].astype(np.float32),
        "y_screen_px_raw": mapped.raw_px[:, 1].astype(np.float32),
        "x_screen_px": mapped.px[:, 0].astype(np.float32),
        "y_screen_px": mapped.px[:, 1].astype(np.float32),
        "paint": mapped.paint,
        "pane": mapped.pane,
        "series": mapped.series,
        "slice_index": mapped.slice_index,
    }
    for unit, values in (("voxel", mapped.voxel), ("mm", mapped.mm)):
        columns |= {f"{axis}_{unit}": values[:, number].astype(np.float32) for number, axis in enumerate("xyz")}
    columns |= {
        "uncertainty_mm": mapped.uncertainty_mm.astype(np.float32),
        "slice_uncertain": mapped.slice_uncertain,
        "depth_ambiguous": mapped.depth_ambiguous,
        "on_image": mapped.on_image,
        "view_state": coded(mapped.view_state, VIEW_STATES),
        "eye_state": coded(rows.eye_state, EYE_STATES),
        "fixation": rows.fixation,
    }
    return pa.table(
        {name: pa.array(np.ascontiguousarray(v)) if isinstance(v, np.ndarray) else v for name, v in columns.items()}
    )


def _no_rows() -> GazeRows:
    empty, none = np.empty(0), np.empty(0, dtype=np.int64)
    pair, triple, flags = np.empty((0, 2)), np.empty((0, 3)), np.empty(0, dtype=bool)
    small = np.empty(0, dtype=np.int8)
    mapped = MappedGaze(
        empty, small, pair, pair, none, none, none.astype(np.int16), none.astype(np.int16), none.astype(np.int32),
        triple, triple, empty, flags, flags, flags, small,
    )  # fmt: skip
    return GazeRows(0, "", 0, GazeSamples(empty, empty, {}), mapped, small, none.astype(np.int32), 0.0)


def file_digest(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _replace(path: Path, write: Callable[[Path], object]) -> None:
    staging = path.with_name(path.name + ".new")
    write(staging)
    with staging.open("r+b") as file:
        os.fsync(file.fileno())
    staging.replace(path)
