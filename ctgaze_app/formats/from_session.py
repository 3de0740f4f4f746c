"""A recorded and processed session as a `DataSet`: what export and comparison read. Nothing of `private/` is opened."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ctgaze_app.errors import SessionError
from ctgaze_app.formats.dataset import EVENT_COLUMNS, FIXATION_COLUMNS, KEYS, SAMPLE_COLUMNS, CaseRecord, DataSet
from ctgaze_app.study.derived import FIXATION_FILE, GAZE_FILE, QUALITY_FILE
from ctgaze_app.study.loading import derived_is_current
from ctgaze_app.study.session import SessionManifest, TrialRecord, read_manifest
from ctgaze_app.study.session_words import session_words

if TYPE_CHECKING:
    import pandas as pd

EVENT_FILES = {"saccade": "saccades.csv", "blink": "blinks.csv"}
FIXATION_EXTRAS = (
    "slice_index", "slice_first", "slice_last", "view_state", "dispersion_deg", "valid_fraction", "zoom",
    "window_centre", "window_width", "plane", "depth_ambiguous", "slice_uncertain",
)  # fmt: skip
SAMPLE_EXTRAS = (
    "slice_index", "view_state", "eye_state", "fixation", "uncertainty_mm", "eye_used", "left_x", "left_y",
    "left_pupil", "right_x", "right_y", "right_pupil",
)  # fmt: skip
"""Each eye as the tracker sent it while it was seen, before the session's correction, beside what counts."""


def dataset_from_session(
    folder: Path,
    *,
    trials: tuple[int, ...] = (),
    samples: bool = True,
    progress: Callable[[int, int], None] | None = None,
) -> DataSet:
    """Fixations, samples, saccades and blinks, words and geometry of one session; codes only, patient code = case.

    The session is processed first when its tables are missing or out of date. Practice trials are left out unless
    asked for by number. A fixation on another series than the trial's current one has no voxel (`on_image` False).

    Parameters
    ----------
    trials
        Numbers of the trials; empty for all but practice.
    samples
        False leaves the gaze samples out: fixations alone are read 100 times faster.

    Raises
    ------
    SessionError
        When the session or its tables cannot be read, or has not such a trial.
    """
    folder = Path(folder)
    manifest = read_manifest(folder)
    if not derived_is_current(folder, manifest):
        from ctgaze_app.study.processing import process_session

        process_session(folder, progress)
    chosen = _chosen(folder, manifest, trials)
    shown = {trial.number: _current_series(folder, manifest, trial) for trial in chosen}
    fixation_rows = _rows(folder / "derived" / FIXATION_FILE, shown)
    gaze_rows = _rows(folder / "derived" / GAZE_FILE, shown)
    origins = _origins_lsl(gaze_rows, manifest)
    words, word_notes = session_words(folder, manifest, chosen, origins)
    fixations = _fixations(fixation_rows, manifest, shown)
    left_out = [trial.number for trial in manifest.trials if trial not in chosen]
    elsewhere = int((~fixations["on_image"]).sum())
    notes = (
        [f"{manifest.session}: {elsewhere} of {len(fixations)} fixations lie outside the image."] if elsewhere else []
    )
    if left_out:
        notes.append(f"Trials left out (practice, or not asked for): {', '.join(map(str, left_out))}.")
    return DataSet(
        cases=_cases(folder, manifest, chosen, shown),
        fixations=fixations,
        samples=_samples(gaze_rows, manifest, shown) if samples else None,
        events=_events(folder, shown),
        words=words,
        screen=_screen(manifest),
        source="simulated" if manifest.tracker is not None and manifest.tracker.simulated else "reader",
        provenance={
            "format": "session",
            "options": {},
            "files": _table_digests(folder),
            "notes": [*notes, *word_notes],
        },
    )


def shown_series(folder: Path, trials: tuple[int, ...] = ()) -> dict[str, int]:
    """By case of the trials that `dataset_from_session` reads: index in the manifest of the series it is about."""
    folder = Path(folder)
    manifest = read_manifest(folder)
    return {trial.case: _current_series(folder, manifest, trial) for trial in _chosen(folder, manifest, trials)}


def _chosen(folder: Path, manifest: SessionManifest, numbers: tuple[int, ...]) -> list[TrialRecord]:
    known = {trial.number: trial for trial in manifest.trials}
    unknown = [number for number in numbers if number not in known]
    if unknown:
        raise SessionError(
            f"there is no trial {unknown[0]}",
            place=folder.name,
            remedy=f"trials: {', '.join(map(str, known)) or 'none'}",
        )
    chosen = [known[number] for number in numbers] or [t for t in manifest.trials if t.kind != "practice"]
    if not chosen:
        raise SessionError("the session has no trial", place=folder.name, remedy="name another session")
    return chosen


def _current_series(folder: Path, manifest: SessionManifest, trial: TrialRecord) -> int:
    """Index of the series that a scan path is about: the first whose role is current, else the first."""
    if not trial.series or max(trial.series) >= len(manifest.series):
        raise SessionError(
            f"trial {trial.number} names no series", place=folder.name, remedy="restore session.json from a copy"
        )
    return next((index for index in trial.series if manifest.series[index].role == "current"), trial.series[0])


def _cases(
    folder: Path, manifest: SessionManifest, trials: list[TrialRecord], shown: dict[int, int]
) -> tuple[CaseRecord, ...]:
    found: dict[str, tuple[int, CaseRecord]] = {}
    for trial in trials:
        index = shown[trial.number]
        series = manifest.series[index]
        if trial.case in found and found[trial.case][0] != index:
            raise SessionError(
                f"trials of case {trial.case} showed different series",
                place=folder.name,
                remedy="choose trials by number",
            )
        attributes = {"units": series.units, "series": series.code, "regular": str(series.regular).lower()}
        record = CaseRecord(
            trial.case,
            series.shape_kji,
            patient=trial.case,
            affine_lps=np.array(series.affine_lps, dtype=np.float64) if series.has_mm else None,
            kind="volume" if series.shape_kji[0] > 1 else "image",
            attributes=attributes,
        )
        found[trial.case] = (index, record)
    return tuple(record for _, record in found.values())


def _rows(path: Path, shown: dict[int, int]) -> pd.DataFrame:
    import pandas as pd

    try:
        table = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise SessionError(f"cannot be read: {error}", place=path.name, remedy="run: ctgaze session process") from error
    kept = table[table["trial"].isin(list(shown))].copy()
    for name in KEYS:
        kept[name] = kept[name].astype(np.int64 if name == "trial" else str)
    return kept.reset_index(drop=True)


def _origins_lsl(gaze: pd.DataFrame, manifest: SessionManifest) -> dict[int, float]:
    """LSL time at which the `onset_s` of each trial is 0."""
    eye_time = gaze["time_lsl"] - manifest.tracker_latency.latency_s
    return {
        int(trial): float(value)
        for trial, value in (eye_time - gaze["onset_s"]).groupby(gaze["trial"]).median().items()
    }


def _fixations(rows: pd.DataFrame, manifest: SessionManifest, shown: dict[int, int]) -> pd.DataFrame:
    table = rows[list(KEYS)].copy()
    for name in ("fixation", "kind", "onset_s", "duration_s"):
        table[name] = rows[name]
    _add_place(table, rows, shown)
    table["x_screen_norm"] = rows["x_screen_px"].astype(np.float64) / manifest.screen.width_px
    table["y_screen_norm"] = rows["y_screen_px"].astype(np.float64) / manifest.screen.height_px
    table["pupil"] = rows["pupil"].astype(np.float64)
    table["pupil_unit"] = _pupil_unit(manifest)
    table["uncertainty_mm"] = rows["uncertainty_mm"].astype(np.float64)
    for name in FIXATION_EXTRAS:
        table[f"source_{name}"] = rows[name]
    return table[[*FIXATION_COLUMNS, *(f"source_{name}" for name in FIXATION_EXTRAS)]]


def _samples(rows: pd.DataFrame, manifest: SessionManifest, shown: dict[int, int]) -> pd.DataFrame:
    table = rows[[*KEYS, "onset_s"]].copy()
    px = rows[["x_screen_px", "y_screen_px"]].to_numpy(np.float64)
    table["valid"] = np.isfinite(px).all(axis=1)
    table["x_screen_norm"], table["y_screen_norm"] = (
        px[:, 0] / manifest.screen.width_px,
        px[:, 1] / manifest.screen.height_px,
    )
    _add_place(table, rows, shown)
    eyes = rows[["left_pupil", "right_pupil", "combined_pupil"]].to_numpy(np.float64)
    used = rows["eye_used"].astype(str)
    table["pupil"] = _mean_of_eyes(eyes, used.to_numpy())
    table["pupil_unit"] = _pupil_unit(manifest)
    table["kind"] = "gaze"
    for name in SAMPLE_EXTRAS:
        values = rows[name]
        table[f"source_{name}"] = values.astype(str) if values.dtype.name == "category" else values
    for eye in ("left", "right"):
        for name in ("x", "y", "pupil"):
            table.loc[~rows[f"{eye}_valid"], f"source_{eye}_{name}"] = np.nan
    return table[[*SAMPLE_COLUMNS, *(f"source_{name}" for name in SAMPLE_EXTRAS)]]


def _add_place(table: pd.DataFrame, rows: pd.DataFrame, shown: dict[int, int]) -> None:
    """Voxels where the gaze met the trial's own series, else NaN."""
    voxel = rows[["x_voxel", "y_voxel", "z_voxel"]].to_numpy(np.float64)
    own = rows["series"].to_numpy(np.float64) == rows["trial"].map(shown).to_numpy(np.float64)
    met = np.isfinite(voxel).all(axis=1) & own
    if "on_image" in rows:
        met &= rows["on_image"].to_numpy(bool)
    for axis, name in enumerate(("x_voxel", "y_voxel", "z_voxel")):
        table[name] = np.where(met, voxel[:, axis], np.nan)
    table["on_image"] = met


def _mean_of_eyes(eyes: Any, used: Any) -> Any:
    left, right, combined = eyes.T
    both = np.where(np.isnan(left), right, np.where(np.isnan(right), left, (left + right) / 2))
    pupil = np.where(used == "left", left, np.where(used == "right", right, both))
    return np.where(used == "combined", combined, pupil)


def _events(folder: Path, shown: dict[int, int]) -> pd.DataFrame | None:
    import pandas as pd

    parts = []
    for event, name in EVENT_FILES.items():
        path = folder / "derived" / name
        if path.is_file():
            rows = _rows(path, shown)
            rows["event"] = event
            kind = rows["kind"].astype(str) if "kind" in rows else ""
            rows["value"] = kind
            parts.append(rows[list(EVENT_COLUMNS)])
    if not parts:
        return None
    joined = pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)
    return joined.sort_values(["trial", "onset_s"], kind="stable", ignore_index=True)


def _pupil_unit(manifest: SessionManifest) -> str:
    return (manifest.tracker.layout.pupil_unit or "") if manifest.tracker is not None else ""


def _screen(manifest: SessionManifest) -> dict[str, float]:
    screen = manifest.screen
    known = {
        "width_px": screen.width_px,
        "height_px": screen.height_px,
        "width_mm": screen.width_mm,
        "height_mm": screen.height_mm,
        "distance_mm": screen.distance_mm,
    }
    if manifest.tracker is not None and manifest.tracker.nominal_rate_hz > 0:
        known["rate_hz"] = manifest.tracker.nominal_rate_hz
    return {name: float(value) for name, value in known.items()}


def _table_digests(folder: Path) -> dict[str, str]:
    try:
        tables = json.loads((folder / "derived" / QUALITY_FILE).read_text(encoding="utf-8"))["tables"]
        return {str(name): str(digest) for name, digest in tables.items()}
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise SessionError(
            f"cannot be read: {error}", place=QUALITY_FILE, remedy="run: ctgaze session process"
        ) from error
