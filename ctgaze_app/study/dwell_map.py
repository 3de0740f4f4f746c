"""The dwell volume of one recorded trial as a NIfTI file on the CT's own grid."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ctgaze_app import __version__
from ctgaze_app.ct.orientation import RAS_FROM_LPS
from ctgaze_app.errors import SessionError
from ctgaze_app.review.dwell_points import dwell_points_of_samples, dwell_points_of_segments
from ctgaze_app.review.dwell_volume import DEFAULT_SIGMA_DEG, MAP_PRESETS, dwell_volume
from ctgaze_app.study.derived import file_digest
from ctgaze_app.study.session import SeriesRecord, write_atomically
from ctgaze_app.study.trial_tables import TABLES, NotShownError, SessionTables


@dataclass(frozen=True)
class DwellMap:
    """What was written.

    Attributes
    ----------
    total, unit
        Sum of the map, in ``s`` or ``count``.
    left_out_s
        Seconds that have no place on the map, by reason (`review.dwell_points.DwellPoints`).
    busiest_slice
        Index from 0 of the slice with the most.
    """

    file: str
    trial: int
    case: str
    total: float
    unit: str
    left_out_s: dict[str, float]
    busiest_slice: int

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return dict(self.__dict__)


def write_dwell_map(
    folder: Path,
    out: Path,
    *,
    trial: int = 1,
    sigma_deg: float = DEFAULT_SIGMA_DEG,
    preset: str | None = None,
    source: Literal["fixations", "samples"] = "fixations",
) -> DwellMap:
    """Write `out` (``.nii`` or ``.nii.gz``, float32) and beside it ``.json`` with what made it.

    Parameters
    ----------
    sigma_deg, preset
        See `review.dwell_volume.dwell_volume`.

    Raises
    ------
    SessionError
        When there is no such trial, the stack's slices have no regular grid, the name is no NIfTI name, or a file is
        already there.
    """
    sidecar = out.with_name(out.name.removesuffix(".gz").removesuffix(".nii") + ".json")
    if not out.name.endswith((".nii", ".nii.gz")):
        raise SessionError("this is no name of a NIfTI file", place=out.name, remedy="end it with .nii.gz")
    for path in (out, sidecar):
        if path.exists():
            raise SessionError("this is already there", place=str(path), remedy="choose another name")
    if preset is not None and preset not in MAP_PRESETS:
        raise SessionError(f"there is no preset {preset}", remedy=f"presets: {', '.join(MAP_PRESETS)}")
    session = SessionTables.open(folder)
    record = session.numbered(trial)
    try:
        found = session.trial(record)
    except NotShownError as reason:
        raise SessionError(f"trial {trial}: {reason}", place=folder.name, remedy="choose another trial") from reason
    series = session.manifest.series[found.series]
    if not series.regular:
        raise SessionError(
            "the slices of this series have no regular grid, which NIfTI needs",
            place=series.code,
            remedy="use dwell_segments.csv",
        )
    screen, shape = session.manifest.screen.geometry(), found.geometry.shape_kji
    if source == "fixations":
        points = dwell_points_of_segments(
            found.rows["fixations"], found.rows["segments"], found.views, screen, shape,
            display_latency_s=session.manifest.display.latency_s, series=found.series,
        )  # fmt: skip
    else:
        points = dwell_points_of_samples(found.rows["gaze"], found.views, screen, shape, series=found.series)
    volume = dwell_volume(points, sigma_deg=sigma_deg, preset=preset)
    per_slice = volume.sum(axis=(1, 2), dtype=np.float64)
    unit = "s" if preset is None or MAP_PRESETS[preset].weighting == "duration" else "count"
    left_out = {reason: round(float(seconds), 6) for reason, seconds in points.left_out_s.items()}
    made = DwellMap(out.name, trial, record.case, float(per_slice.sum()), unit, left_out, int(np.argmax(per_slice)))
    origin = {
        **made.to_dict(), "ctgaze": __version__, "source": source,
        "sigma_deg": sigma_deg if preset is None else None, "preset": preset,
        "tables": {name: file_digest(folder / "derived" / name) for name in TABLES.values()},
    }  # fmt: skip
    _write(out, volume, series, sidecar, json.dumps(origin, indent=1, allow_nan=False) + "\n")
    return made


def _write(out: Path, volume: np.ndarray, series: SeriesRecord, sidecar: Path, origin: str) -> None:
    """Both files or none."""
    import nibabel

    image = nibabel.Nifti1Image(np.transpose(volume, (2, 1, 0)), RAS_FROM_LPS @ np.asarray(series.affine_lps))
    image.header.set_xyzt_units("mm" if series.has_mm else "unknown")
    image.header["descrip"] = b"CTGaze dwell volume"
    staging = out.with_name("writing-" + out.name)
    whole = False
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        nibabel.save(image, staging)
        write_atomically(sidecar, origin)
        staging.replace(out)
        whole = True
    except OSError as error:
        raise SessionError(
            f"the map cannot be written: {error.strerror or type(error).__name__}",
            place=str(out.parent),
            remedy="check rights and space",
        ) from error
    finally:
        if not whole:  # stopped by hand, too
            for path in (staging, sidecar, sidecar.with_name(sidecar.name + ".new")):
                with contextlib.suppress(OSError):
                    path.unlink(missing_ok=True)
