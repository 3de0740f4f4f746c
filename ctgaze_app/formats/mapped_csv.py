"""Any CSV of fixations or samples through a saved column mapping; what the mapping does not name is kept as text."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ctgaze_app.formats.case_grids import CaseGrid, read_case_grids
from ctgaze_app.formats.checked_csv import Column, read_csv_table
from ctgaze_app.formats.column_mapping import SECONDS, ColumnMapping, mapping_without_paths, read_mapping
from ctgaze_app.formats.contract import Format, FormatError, Option, at
from ctgaze_app.formats.dataset import FIXATION_COLUMNS, KEYS, SAMPLE_COLUMNS, CaseRecord, DataSet
from ctgaze_app.formats.dataset_checks import FIXATION_KINDS, LONGEST_S, SAMPLE_KINDS, check_dataset
from ctgaze_app.formats.mapped_places import (
    DECIMALS,
    declared_from_norm,
    declared_from_voxel,
    declared_slice,
    norm_from_declared,
    voxel_from_declared,
    voxel_from_screen,
)
from ctgaze_app.formats.written_files import csv_bytes, write_files

if TYPE_CHECKING:
    import pandas as pd

FARTHEST = 1e6
LONGEST_FIXATION_S = 60.0
EARLIEST_S = -60.0
"""Before the picture; an earlier onset counts from something else."""
MOST_OUTSIDE = 0.5
MAPPING_FILE = "mapping.toml"


USUAL_FIXATION_S = (0.02, 5.0)
"""Medians beyond are told: times in another unit are out by a thousand."""
OVERLAP_S = 0.02
"""About a sample at 60 Hz: ends that are counted one sample further are no overlap."""


def read_mapped_csv(path: Path, options: Mapping[str, str]) -> DataSet:
    """Read the CSV as the mapping says."""
    path = Path(path)
    mapping = read_mapping(Path(options["mapping"]))
    table = read_csv_table(
        path,
        _columns(mapping),
        separator=mapping.file.separator,
        encoding=mapping.file.encoding,
        comment=mapping.file.comment or None,
    )
    keys = _keys(path, table, mapping)
    grids = _grids(mapping, keys)
    rows = _rows(path, table, keys, grids, mapping)
    screen = {} if mapping.screen is None else mapping.screen.model_dump(exclude_none=True)
    fixations = rows if mapping.rows == "fixations" else _no_fixations()
    beyond = int((~rows["on_image"]).sum())
    notes = [f"{beyond} of {len(rows)} {mapping.rows} lie outside their image."] if beyond else []
    if mapping.place.frame == "screen":
        notes = (
            ["Places are on the screen: with [picture] in the mapping they get voxels."]
            if mapping.picture is None
            else ["The picture is taken to have stood still on the screen, without zoom and pan.", *notes]
        )
        off = int(((rows[["x_screen_norm", "y_screen_norm"]] - 0.5).abs() > 0.5).any(axis=1).sum())
        notes += [f"{off} of {len(rows)} {mapping.rows} lie off the screen."] if off else []
    notes += _odd_times(fixations)
    dataset = DataSet(
        cases=tuple(
            CaseRecord(
                case, grid.shape_kji, affine_lps=grid.affine_lps, kind="volume" if grid.shape_kji[0] > 1 else "image"
            )
            for case, grid in grids.items()
        ),
        fixations=fixations,
        samples=rows if mapping.rows == "samples" else None,
        screen=screen,
        provenance={
            "format": "mapped_csv",
            "options": {**options, "mapping": Path(options["mapping"]).name},
            "mapping": mapping.model_dump(mode="json", by_alias=True, exclude={"place": {"shape"}}),
            "files": {path.name: hashlib.sha256(path.read_bytes()).hexdigest()},
            "notes": notes,
        },
    )
    check_dataset(dataset, path)
    return dataset


def _columns(mapping: ColumnMapping) -> list[Column]:
    names, screen = mapping.columns, mapping.place.frame == "screen"
    far = {"norm": 10.0, "deg": 89.0}.get(mapping.units.x_and_y, FARTHEST)
    lost = screen or mapping.rows == "samples"
    found = [Column(name, "number", minimum=-far, maximum=far, missing=lost) for name in (names.x, names.y)]
    if names.z:
        found.append(Column(names.z, "number", minimum=-FARTHEST, maximum=FARTHEST, missing=lost))
    if names.onset:
        longest = LONGEST_S / SECONDS[mapping.units.onset or "s"]
        earliest = EARLIEST_S / SECONDS[mapping.units.onset or "s"]
        found.append(Column(names.onset, "number", minimum=earliest, maximum=longest))
    if names.duration:
        longest = LONGEST_FIXATION_S / SECONDS[mapping.units.duration or "s"]
        found.append(Column(names.duration, "number", minimum=0, maximum=longest))
    if names.trial:
        found.append(Column(names.trial, "integer", minimum=1, maximum=1e6))
    kinds = FIXATION_KINDS if mapping.rows == "fixations" else SAMPLE_KINDS
    if names.kind:
        found.append(Column(names.kind, "text", choices=kinds))
    if names.valid:
        found.append(Column(names.valid, "flag"))
    if names.pupil:
        found.append(Column(names.pupil, "number", missing=True, minimum=0, maximum=1e5))
    found += [
        Column(name, "text", missing=name == names.session)
        for name in (names.session, names.reader, names.case)
        if name
    ]
    return found


def _keys(path: Path, table: pd.DataFrame, mapping: ColumnMapping) -> pd.DataFrame:
    """Session, reader, trial and case of every row; rows of one trial must stand together."""
    import pandas as pd

    keys = pd.DataFrame(index=table.index)
    for name in ("session", "reader", "case"):
        column = getattr(mapping.columns, name)
        keys[name] = table[column].astype(str) if column else getattr(mapping.constants, name)
    who = ["session", "reader", "case"]
    named = [*who, "trial"] if mapping.columns.trial else who
    if mapping.columns.trial:
        keys["trial"] = table[mapping.columns.trial]
    new = _changes(keys, named)
    again = new.copy()
    again[new] = keys.loc[new, named].duplicated().to_numpy()
    if again.any():
        column = mapping.columns.trial or mapping.columns.case or mapping.columns.reader
        raise FormatError(
            "the rows of one trial are not together",
            place=at(path, int(np.argmax(again)) + 2, column or None),
            remedy="sort by trial and time, or name the column that tells trials apart",
        )
    if not mapping.columns.trial:
        run = pd.Series(new.astype(np.int64), index=keys.index)
        keys["trial"] = run.groupby([keys["session"], keys["reader"]], sort=False).cumsum()
    return keys[list(KEYS)]


def _changes(keys: pd.DataFrame, names: list[str]) -> Any:
    """(N,) whether a row has another key than the row above."""
    new = np.ones(len(keys), dtype=bool)
    codes = [keys[name].factorize()[0] for name in names]
    new[1:] = np.any([code[1:] != code[:-1] for code in codes], axis=0)
    return new


def _grids(mapping: ColumnMapping, keys: pd.DataFrame) -> dict[str, CaseGrid]:
    cases = [str(case) for case in keys["case"].unique()]
    if mapping.place.frame == "image" or mapping.picture is not None:
        return read_case_grids(mapping.place.shape, cases)
    screen = mapping.screen
    size = (1, 1, 1) if screen is None else (1, round(screen.height_px), round(screen.width_px))
    return {case: CaseGrid(size) for case in cases}


def _rows(
    path: Path, table: pd.DataFrame, keys: pd.DataFrame, grids: Mapping[str, CaseGrid], mapping: ColumnMapping
) -> pd.DataFrame:
    names = mapping.columns
    unknown = np.full(len(table), np.nan)
    place = np.stack([table[n].to_numpy(np.float64) if n else unknown for n in (names.x, names.y, names.z)], axis=1)
    voxel, norm = np.full((len(table), 3), np.nan), np.full((len(table), 2), np.nan)
    if mapping.place.frame == "image":
        for case, rows in keys.groupby("case", sort=False).indices.items():
            voxel[rows] = voxel_from_declared(place[rows], grids[str(case)], mapping)
        _lose_outside(path, voxel, keys, grids, mapping)
    else:
        norm = norm_from_declared(place[:, :2], mapping)
    if mapping.picture is not None:
        for case, rows in keys.groupby("case", sort=False).indices.items():
            voxel[rows] = voxel_from_screen(norm[rows], place[rows, 2], grids[str(case)], mapping)
        _lose_off_picture(path, voxel, keys, grids, mapping)
    met = np.isfinite(voxel).all(axis=1)
    voxel[~met] = np.nan
    seconds = {
        name: np.round(table[column].to_numpy(np.float64) * SECONDS[unit], DECIMALS) if column and unit else unknown
        for name, column, unit in (
            ("onset_s", names.onset, mapping.units.onset),
            ("duration_s", names.duration, mapping.units.duration),
        )
    }
    if names.onset:
        _check_time(path, table, seconds["onset_s"], keys, names.onset)
    frame = keys.copy()
    found: dict[str, Any] = {
        "fixation": keys.groupby(list(KEYS), sort=False).cumcount() + 1 if mapping.rows == "fixations" else 0,
        "kind": table[names.kind] if names.kind else "fixation" if mapping.rows == "fixations" else "gaze",
        **seconds,
        "valid": table[names.valid] if names.valid else np.isfinite(place[:, :2]).all(axis=1),
        "x_voxel": voxel[:, 0], "y_voxel": voxel[:, 1], "z_voxel": voxel[:, 2], "on_image": met,
        "x_screen_norm": norm[:, 0], "y_screen_norm": norm[:, 1],
        "pupil": table[names.pupil] if names.pupil else unknown,
        "pupil_unit": (mapping.units.pupil or "as recorded") if names.pupil else "", "uncertainty_mm": unknown,
    }  # fmt: skip
    layout = FIXATION_COLUMNS if mapping.rows == "fixations" else SAMPLE_COLUMNS
    for name in layout[len(KEYS) :]:
        frame[name] = found[name]
    used = set(names.model_dump().values())
    for column in table.columns:
        if column not in used:
            frame[f"source_{column}"] = table[column]
    return frame


def _lose_outside(
    path: Path, voxel: Any, keys: pd.DataFrame, grids: Mapping[str, CaseGrid], mapping: ColumnMapping
) -> None:
    """Gaze beside the picture has no voxel; a place far off, or most places off, is a wrong unit, shape or base."""
    codes, cases = keys["case"].factorize()
    sizes = np.array([grids[str(case)].shape_kji[::-1] for case in cases], dtype=np.float64)[codes]
    with np.errstate(invalid="ignore"):
        outside = (voxel < -0.5) | (voxel > sizes - 0.5)
        far = (voxel < -sizes) | (voxel > 2 * sizes)
    beside = outside.any(axis=1)
    if far.any() or beside.mean() > MOST_OUTSIDE:
        row, axis = (int(index) for index in np.argwhere(far if far.any() else outside)[0])
        column = (mapping.columns.x, mapping.columns.y, mapping.columns.z)[axis]
        raise FormatError(
            f"lies outside the image of case {str(keys['case'].iloc[row])[:40]!r} (voxel {voxel[row, axis]:g} of "
            f"{sizes[row, axis]:g}), as {int(beside.sum())} of {len(voxel)} rows do",
            place=at(path, row + 2, column),
            remedy="check units, index_base and shape of the mapping",
        )
    voxel[beside] = np.nan


def _lose_off_picture(
    path: Path, voxel: Any, keys: pd.DataFrame, grids: Mapping[str, CaseGrid], mapping: ColumnMapping
) -> None:
    """Gaze on the rest of the screen has no voxel; a slice that the case has not is a fault."""
    codes, cases = keys["case"].factorize()
    sizes = np.array([grids[str(case)].shape_kji[::-1] for case in cases], dtype=np.float64)[codes]
    with np.errstate(invalid="ignore"):
        outside = (voxel < -0.5) | (voxel > sizes - 0.5)
    if outside[:, 2].any():
        row = int(np.argmax(outside[:, 2]))
        raise FormatError(
            f"slice {voxel[row, 2]:g} (from 0) of a case with {sizes[row, 2]:g}",
            place=at(path, row + 2, mapping.columns.z or None),
            remedy="check units.z, index_base and shape of the mapping",
        )
    off = outside[:, :2].any(axis=1)
    if not (np.isfinite(voxel).all(axis=1) & ~off).any():
        raise FormatError("no place lies on the picture", place=at(path), remedy="check [picture] and [screen]")
    voxel[off] = np.nan


def _check_time(path: Path, table: pd.DataFrame, onset_s: Any, keys: pd.DataFrame, column: str) -> None:
    same_trial = ~_changes(keys, list(KEYS))
    at_once = np.flatnonzero(same_trial & (np.diff(onset_s, prepend=-np.inf) == 0))
    above, below = (table.iloc[rows].reset_index(drop=True) for rows in (at_once - 1, at_once))
    doubled = at_once[((above == below) | (above.isna() & below.isna())).all(axis=1).to_numpy(bool)]
    if len(doubled):
        raise FormatError(
            "this row is the row above again", place=at(path, int(doubled[0]) + 2, column), remedy="delete one of them"
        )
    falls = same_trial & (np.diff(onset_s, prepend=-np.inf) < 0)
    if falls.any():
        raise FormatError(
            "time runs backwards within a trial",
            place=at(path, int(np.argmax(falls)) + 2, column),
            remedy="sort by trial and time",
        )


def _odd_times(fixations: pd.DataFrame) -> list[str]:
    """Notes on times that can be but hardly are: a wrong unit, or one fixation in two rows."""
    notes, length = [], fixations["duration_s"]
    usual = float(length.median()) if length.notna().any() else 0.2
    if not USUAL_FIXATION_S[0] <= usual <= USUAL_FIXATION_S[1]:
        notes.append(f"The fixations last {usual * 1e3:.3g} ms (median): check the unit of duration.")
    ends = fixations["onset_s"] + length
    same = ~_changes(fixations, list(KEYS))
    early = int((same & (fixations["onset_s"].to_numpy() < ends.shift().to_numpy() - OVERLAP_S)).sum())
    if early:
        notes.append(f"{early} of {len(fixations)} fixations begin before the one above has ended.")
    return notes


def _no_fixations() -> pd.DataFrame:
    import pandas as pd

    text = {"session", "reader", "case", "kind", "pupil_unit"}
    kinds = {"trial": "int64", "fixation": "int64", "on_image": "bool"}
    return pd.DataFrame(
        {name: pd.Series([], dtype="str" if name in text else kinds.get(name, "float64")) for name in FIXATION_COLUMNS}
    )


def write_mapped_csv(dataset: DataSet, folder: Path, options: Mapping[str, str]) -> tuple[Path, ...]:
    """Write one CSV as the mapping says, and the mapping beside it; rows without a place are written empty."""
    import pandas as pd

    check_dataset(dataset, "mapped_csv")
    declared = Path(options["mapping"])
    mapping = read_mapping(declared)
    rows = dataset.fixations if mapping.rows == "fixations" else dataset.samples
    if rows is None or rows.empty:
        raise FormatError(f"the source has no {mapping.rows}", place="mapped_csv", remedy="change rows in the mapping")
    if mapping.place.frame == "image":
        rows = rows[rows["on_image"].astype(bool)]
    place = _declared_places(dataset, rows, mapping)
    names = mapping.columns
    out: dict[str, Any] = {}
    for ours in ("session", "reader", "trial", "case", "kind", "pupil"):
        if getattr(names, ours):
            out[getattr(names, ours)] = rows[ours].to_numpy()
    if names.valid:
        out[names.valid] = rows["valid"].astype(int).to_numpy() if "valid" in rows else 1
    for axis, column in enumerate((names.x, names.y, names.z)):
        if column:
            out[column] = place[:, axis]
    for ours, unit in (("onset", mapping.units.onset), ("duration", mapping.units.duration)):
        if getattr(names, ours) and unit:
            out[getattr(names, ours)] = np.round(rows[f"{ours}_s"].to_numpy(np.float64) / SECONDS[unit], 6)
    table = pd.DataFrame(out)
    for name in table.columns:
        if table[name].dtype.kind == "f" and table[name].isna().any() and name in (names.onset, names.duration):
            raise FormatError(
                f"{name} is not known in the source", place="mapped_csv", remedy="take it off the mapping"
            )
    text: str = table.to_csv(index=False, lineterminator="\n", sep=mapping.file.separator)
    encoded = csv_bytes(table) if mapping.file.separator == "," else text.encode("utf-8")
    if mapping.file.encoding.lower() not in ("utf-8", "utf8"):
        try:
            encoded = encoded.decode("utf-8").encode(mapping.file.encoding)
        except (LookupError, UnicodeEncodeError) as error:
            raise FormatError(
                f"the encoding {mapping.file.encoding[:40]!r} cannot hold this table", place=at(declared)
            ) from error
    return write_files(Path(folder), {f"{mapping.rows}.csv": encoded, MAPPING_FILE: mapping_without_paths(declared)})


def _declared_places(dataset: DataSet, rows: pd.DataFrame, mapping: ColumnMapping) -> Any:
    place = np.full((len(rows), 3), np.nan)
    if mapping.place.frame == "screen":
        place[:, :2] = declared_from_norm(rows[["x_screen_norm", "y_screen_norm"]].to_numpy(np.float64), mapping)
        if not mapping.columns.z:
            return place
    voxel = rows[["x_voxel", "y_voxel", "z_voxel"]].to_numpy(np.float64)
    for case, own in rows.reset_index(drop=True).groupby("case", sort=False).indices.items():
        record = dataset.case(str(case))
        grid = CaseGrid(record.shape_kji, record.affine_lps)
        if mapping.place.frame == "screen":
            place[own, 2] = declared_slice(voxel[own, 2], grid, mapping)
        else:
            place[own] = declared_from_voxel(voxel[own], grid, mapping)
    return place


_MAPPING = Option(
    "mapping", "file with the column mapping; write one to fill in with: ctgaze import FILE --template NEW"
)

FORMAT = Format(
    name="mapped_csv",
    title="any CSV of fixations or samples, through a saved column mapping",
    read=read_mapped_csv,
    write=write_mapped_csv,
    read_options=(_MAPPING,),
    write_options=(_MAPPING,),
)
