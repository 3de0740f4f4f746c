"""Every slice that a recorded reading looked at as a picture of its own, with its table of fixations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from calibration.geometry import ScreenGeometry
from ctgaze_app.errors import SessionError
from ctgaze_app.formats.contract import checked_options
from ctgaze_app.formats.from_session import dataset_from_session, shown_series
from ctgaze_app.formats.gazemedseg import FORMAT, write_gazemedseg
from ctgaze_app.formats.scanpath_sources import place_and_trial
from ctgaze_app.study.loading import load_volume
from ctgaze_app.study.session import read_manifest
from models.datasets.fixation_table import read_fixation_table
from models.datasets.picture_case import PictureCase
from models.volumes import PictureVolume

if TYPE_CHECKING:
    import pandas as pd

    from ctgaze_app.ct.volume import Volume
    from ctgaze_app.formats.dataset import DataSet
    from ctgaze_app.study.session import SessionManifest

Progress = Callable[[int, int], None]
EXTENSION = ".png"
SEGMENT_FILE = "dwell_segments.csv"


@dataclass(frozen=True, eq=False)
class SlicePicture:
    """One slice and how it was seen.

    Attributes
    ----------
    case
        Named ``<case>_<slice from 1, four digits>``; its patient is the session's case.
    window
        Centre and width through which it was looked at longest.
    px_per_degree
        Picture pixels to a degree in the middle of the screen, at the zoom of the time spent there.
    """

    case: PictureCase = field(repr=False)
    window: tuple[float, float]
    px_per_degree: float


@dataclass(frozen=True, eq=False)
class SlicePictures:
    """The slices of the asked trials, the tables that were written, and what was left out."""

    slices: tuple[SlicePicture, ...]
    tables: tuple[Path, ...]
    notes: tuple[str, ...]


def session_pictures(name: str, folder: Path, *, progress: Progress | None = None) -> SlicePictures:
    """Write where a session looked on each slice as GazeMedSeg's CSV into `folder`, and give these slices as cases.

    A fixation during which slices moved counts on each of them for as long as it dwelt there. Fixations on slabs, whose
    depth is not known, and on planes across the slices are left out.

    Parameters
    ----------
    name
        A session's folder, or ``folder:trial``.

    Raises
    ------
    CTGazeError
        When the session or its CT cannot be read, a case was read twice, or nothing lies on a slice.
    """
    place, number = place_and_trial(name)
    trials = () if number is None else (number,)
    manifest = read_manifest(place)
    dataset = dataset_from_session(place, trials=trials, samples=False)
    series = shown_series(place, trials)
    kept, notes = _on_slices(dataset, manifest, series)
    kept = replace(kept, fixations=_slice_by_slice(kept.fixations, place / "derived" / SEGMENT_FILE, series))
    options = checked_options({"extension": EXTENSION}, FORMAT.write_options, FORMAT.name)
    written = write_gazemedseg(kept, folder, options)
    volumes = {
        case: load_volume(place, manifest, index, progress=progress)
        for case, index in series.items()
        if (kept.fixations["case"] == case).any()
    }
    screen = manifest.screen.geometry()
    tables = tuple(path for path in written if path.suffix == ".csv")
    slices: list[SlicePicture] = []
    for table in tables:
        for stem, gaze in read_fixation_table(table, table.name.removesuffix("_fixation.csv")).items():
            case, _, counted = stem.rpartition("_")
            k = int(counted) - 1
            rows = _rows_of_slice(kept.fixations, case, k, volumes[case].shape_kji[0])
            load = partial(_slice, volumes[case], stem, case, k)
            picture = PictureCase(stem, case, "recorded", f"{place.name}, {stem}", load, gaze.gaze)
            slices.append(SlicePicture(picture, _window(rows), _px_per_degree(rows, screen)))
    return SlicePictures(tuple(slices), tables, notes)


def _on_slices(dataset: DataSet, manifest: SessionManifest, series: dict[str, int]) -> tuple[DataSet, tuple[str, ...]]:
    rows = dataset.fixations
    own = rows["case"].map({case: manifest.series[index].plane for case, index in series.items()})
    slab = rows["source_depth_ambiguous"].astype(bool)
    across = ~slab & (rows["source_plane"].astype(np.int64) != own)
    away = (slab | across) & rows["on_image"].astype(bool)
    kept = replace(dataset, fixations=rows[~(slab | across)])
    if not kept.fixations["on_image"].any():
        raise SessionError(
            "no fixation lies on a slice of the CT", place=manifest.session, remedy="name another session or trial"
        )
    left_out = int(away.sum())
    return kept, (f"{left_out} fixations on slabs or across the slices are left out",) if left_out else ()


def _slice_by_slice(fixations: pd.DataFrame, path: Path, series: dict[str, int]) -> pd.DataFrame:
    """A row a fixation and slice, in place of one a fixation: its own onset, duration and voxel, numbered anew."""
    import pandas as pd

    columns = ["onset_s", "duration_s", "x_voxel", "y_voxel", "z_voxel"]
    try:
        segments = pd.read_csv(path, usecols=["trial", "fixation", "series", *columns])
    except (OSError, ValueError) as error:
        raise SessionError(f"cannot be read: {error}", place=path.name, remedy="run: ctgaze session process") from error
    rows = fixations.drop(columns=columns).merge(segments, on=["trial", "fixation"], validate="one_to_many")
    met = np.isfinite(rows[columns[2:]]).all(axis=1) & (rows["series"] == rows["case"].map(series))
    rows.loc[~met, columns[2:]] = np.nan
    rows["on_image"] = met
    rows["fixation"] = rows.groupby("trial").cumcount() + 1
    return rows[list(fixations.columns)]


def _rows_of_slice(rows: pd.DataFrame, case: str, k: int, slices: int) -> pd.DataFrame:
    """The fixations that the table has on a slice (`gazemedseg`: the nearest one)."""
    on = rows[(rows["case"] == case) & rows["on_image"].astype(bool)]
    nearest = np.clip(np.rint(on["z_voxel"].to_numpy(np.float64)), 0, slices - 1)
    return on[nearest == k]


def _window(rows: pd.DataFrame) -> tuple[float, float]:
    seconds = rows.groupby(["source_window_centre", "source_window_width"])["duration_s"].sum()
    if seconds.empty:
        raise SessionError("nothing says through which window a slice was seen", remedy="name a window")
    centre, width = seconds.idxmax()
    return float(centre), float(width)


def _px_per_degree(rows: pd.DataFrame, screen: ScreenGeometry) -> float:
    zoom, seconds = rows["source_zoom"].to_numpy(np.float64), rows["duration_s"].to_numpy(np.float64)
    known = np.isfinite(zoom) & (zoom > 0)
    if not seconds[known].sum() > 0:
        return float("nan")
    return screen.px_per_deg() / float(np.average(zoom[known], weights=seconds[known]))


def _slice(volume: Volume, name: str, case: str, k: int) -> PictureVolume:
    values = volume.voxels[k : k + 1].astype(np.float32)
    if volume.padding is not None:
        # As on the screen: what was not measured is the darkest.
        values = np.where(volume.padding[k : k + 1], values.min(), values)
    affine = volume.affine_lps.copy()
    affine[:3, 3] = volume.positions_lps_mm[k]
    return PictureVolume(values, affine, name, case)
