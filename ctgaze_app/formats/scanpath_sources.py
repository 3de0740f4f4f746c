"""From names on a command line to scan paths: session, trial of one, data set folder, prediction, exchange file."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ctgaze_app.formats.contract import FormatError, checked_options
from ctgaze_app.formats.dataset import KEYS, DataSet
from ctgaze_app.formats.from_prediction import predicted_paths, prediction_files
from ctgaze_app.formats.registry import every_format, format_named
from ctgaze_app.study.session import MANIFEST_NAME
from models.scanpath import Scanpath

if TYPE_CHECKING:
    import pandas as pd

DATASET_NAME = "dataset.json"
PRACTICE_NOTE = "Trials left out"
"""How `formats.from_session` begins its sentence on trials that it passed over."""
SAME_SPACING_MM = 1e-3
LONGEST_FIXATION_S = 100.0
"""Nobody holds an eye so long; milliseconds taken for seconds do, and make ScanMatch's strings of millions."""
SCREEN_FIELDS = ("width_px", "height_px", "width_mm", "height_mm", "distance_mm")


@dataclass(frozen=True)
class PathSource:
    """The scan paths of one source; `name` without its folder, `notes` say what was left out."""

    name: str
    paths: tuple[Scanpath, ...] = field(repr=False)
    notes: tuple[str, ...] = ()


def read_scanpaths(
    name: str,
    *,
    format_name: str | None = None,
    options: Mapping[str, str] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> PathSource:
    """Every scan path of one source.

    Parameters
    ----------
    name
        A session folder, ``folder:trial``, a data set folder of CTGaze, a prediction or a folder of them, an exchange
        file or folder.
    format_name, options
        What an exchange file is; sessions, data set folders and predictions are recognised and pass them over.

    Raises
    ------
    CTGazeError
        One line: nothing there, a format that must be declared, an unreadable file, or no fixation on an image.
    """
    path, trial = place_and_trial(name)
    if (path / MANIFEST_NAME).is_file():
        from ctgaze_app.formats.from_session import dataset_from_session

        chosen = () if trial is None else (trial,)
        dataset = dataset_from_session(path, trials=chosen, samples=False, progress=progress)
    elif trial is not None:
        raise FormatError("only a session has trials to choose", place=path.name, remedy="leave out the number")
    elif predictions := prediction_files(path):
        return PathSource(path.name, predicted_paths(predictions))
    else:
        dataset = _read_dataset(path, format_name, options or {})
    label = path.name if trial is None else f"{path.name}:{trial}"
    source = _source(label, dataset)
    skipped = [note for note in dataset.provenance.get("notes", ()) if trial is None and note.startswith(PRACTICE_NOTE)]
    return replace(source, notes=(*(f"{label}: {note.rstrip('.')}" for note in skipped), *source.notes))


def check_one_volume_each(sources: Sequence[PathSource]) -> None:
    """Every case is the same volume in all sources.

    Raises
    ------
    FormatError
        When shapes differ, or known spacings do.
    """
    first: dict[str, tuple[str, Scanpath]] = {}
    for source in sources:
        for path in source.paths:
            known, other = first.setdefault(path.case, (source.name, path))
            if other.shape_kji != path.shape_kji:
                raise FormatError(
                    f"case {path.case} is a volume of {_size(path)} here and of {_size(other)} in {known}",
                    place=source.name,
                    remedy="give different scans different case codes, or compare on one grid",
                )
            if other.affine_lps is None:
                first[path.case] = (source.name, path)
            elif path.affine_lps is not None:
                apart = np.abs(other.affine_lps[:3, :3] - path.affine_lps[:3, :3]).max()
                if apart > SAME_SPACING_MM:
                    raise FormatError(
                        f"the voxels of case {path.case} are not those of {known}: they differ by {apart:.3g} mm",
                        place=source.name,
                        remedy="give different scans different case codes, or compare on one grid",
                    )


def session_folder(name: str) -> Path:
    """The folder or file that a source's name means, without its trial."""
    return place_and_trial(name)[0]


def place_and_trial(name: str) -> tuple[Path, int | None]:
    """Folder or file, and the trial of ``folder:trial``; raises `FormatError` when nothing is there."""
    if Path(name).exists():
        return Path(name), None
    found = re.fullmatch(r"(.+):(\d+)", name)
    if found is not None and Path(found[1]).exists():
        return Path(found[1]), int(found[2])
    shown = Path(found[1] if found is not None else name).name
    raise FormatError("there is no such file or folder", place=shown, remedy="name a session, a data set or a file")


def _read_dataset(path: Path, format_name: str | None, options: Mapping[str, str]) -> DataSet:
    if path.name == DATASET_NAME or (path / DATASET_NAME).is_file():
        format_name, options = "ctgaze", {}
    if format_name is None:
        likely = [form.name for form in every_format() if form.recognises is not None and form.recognises(path)]
        hint = f"--format {likely[0]}" if len(likely) == 1 else "--format NAME"
        what = "a folder without a session or data set" if path.is_dir() else "no session"
        raise FormatError(f"is {what}; say what it is", place=path.name, remedy=hint)
    form = format_named(format_name)
    if form.read is None:
        raise FormatError(f"format {form.name} cannot be read", place=path.name, remedy="choose another format")
    return form.read(path, checked_options(options, form.read_options, form.name))


def _source(name: str, dataset: DataSet) -> PathSource:
    notes = []
    table = dataset.fixations
    if "source_depth_ambiguous" in table:
        ambiguous = table["source_depth_ambiguous"].astype(str).str.lower().isin(("true", "1")).to_numpy(bool)
        if ambiguous.any():
            notes.append(f"{name}: {int(ambiguous.sum())} fixations on slabs have no depth and are left out")
            table = table[~ambiguous]
    shown = table[(table["kind"] != "calibration").to_numpy(bool)]
    beside = int((~shown["on_image"].astype(bool)).sum())
    if beside:
        notes.append(f"{name}: {beside} of {len(shown)} fixations lie beside the image and are left out")
    try:
        paths = replace(dataset, fixations=table).scanpaths()
    except (KeyError, ValueError) as error:
        raise FormatError(f"its fixations are no scan path: {error}", place=name) from error
    paths = [path for path in paths if len(path)]
    if not paths:
        raise FormatError("there is no fixation on an image", place=name, remedy="name another session or file")
    longest_s = max(float(path.duration_s.max()) for path in paths)
    if longest_s > LONGEST_FIXATION_S:
        raise FormatError(
            f"a fixation lasts {longest_s:g} s", place=name, remedy="declare or correct the unit of the durations"
        )
    scale = _mm_per_degree(dataset, table)
    known = [replace(path, mm_per_degree=scale(path)) for path in paths]
    return PathSource(name, tuple(known), tuple(notes))


def _mm_per_degree(dataset: DataSet, table: pd.DataFrame) -> Callable[[Scanpath], float]:
    """Millimetres per degree at the median zoom of a reading's fixations; NaN without zoom, screen or spacing."""
    nan = float("nan")
    if "source_zoom" not in table or any(name not in dataset.screen for name in SCREEN_FIELDS):
        return lambda path: path.mm_per_degree
    from calibration.geometry import ScreenGeometry

    width, height, width_mm, height_mm, distance_mm = (dataset.screen[name] for name in SCREEN_FIELDS)
    px_per_degree = ScreenGeometry(int(width), int(height), width_mm, height_mm, distance_mm).px_per_deg()
    shown = table[table["on_image"].astype(bool)]
    zoom = shown["source_zoom"].astype(np.float64).groupby([shown[key].astype(str) for key in KEYS]).median()
    medians = {(f"{session}:{trial}", who, case): value for (session, who, trial, case), value in zoom.items()}

    def scale(path: Scanpath) -> float:
        px_per_voxel = medians.get((path.trial, path.who, path.case), nan)
        spacing = path.spacing_ijk_mm
        if spacing is None or not px_per_voxel > 0:
            return nan
        return float(px_per_degree * np.sqrt(spacing[0] * spacing[1]) / px_per_voxel)

    return scale


def _size(path: Scanpath) -> str:
    k, j, i = path.shape_kji
    return f"{i} x {j} x {k} voxels"
