"""Files in, one frozen `Volume` out: the only door through which a CT or a picture enters the program."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ctgaze_app.ct import findings as lines
from ctgaze_app.ct.decoding import DecodedSlice, decode_into, is_lossy
from ctgaze_app.ct.geometry import StackGeometry, measure_stack, unit_directions
from ctgaze_app.ct.grouping import SeriesGroup, group_series
from ctgaze_app.ct.headers import NotAnImageError, SliceHeader, find_files, read_header
from ctgaze_app.ct.picture_files import is_picture_file, picture_header
from ctgaze_app.ct.pictures import picture_volume
from ctgaze_app.ct.volume import Finding, SeriesSource, VoiWindow, Volume
from ctgaze_app.errors import SeriesError

Progress = Callable[[int, int], None]
Cancelled = Callable[[], bool]
_MOST_WINDOWS = 8
_MOST_LISTED = 8
_PADDING_BELOW_HU = -1100  # air is -1000, and 12-bit CT ends at -1024: no tissue and hardly any noise lies below


class LoadingCancelledError(SeriesError):
    """The user stopped the loading."""


@dataclass(frozen=True)
class SeriesSummary:
    """One series of a folder, to choose from; `str` gives a line without identity.

    `index` is what `load_series` takes as `series`; `key` too, but it identifies.
    """

    index: int
    modality: str
    slices: int
    rows: int
    columns: int
    localizer: bool
    key: str = field(repr=False)
    picture: bool = False

    def __str__(self) -> str:
        """Modality, number of slices and picture size."""
        if self.picture:
            return f"{self.modality or 'unknown'} picture, {self.columns} x {self.rows}"
        kind = " localizer" if self.localizer else ""
        plural = "" if self.slices == 1 else "s"
        return f"{self.modality or 'unknown'}{kind}, {self.slices} slice{plural}, {self.columns} x {self.rows}"


def list_series(
    path: Path | Sequence[Path], *, progress: Progress | None = None, cancelled: Cancelled | None = None
) -> list[SeriesSummary]:
    """The series found in a folder or list of files, in an order that does not depend on file names.

    Raises
    ------
    SeriesError
        When there is no DICOM picture at all, or a file is broken.
    """
    groups, _, _ = _read_groups(path, progress, cancelled)
    return _summaries(groups)


def load_series(
    path: Path | Sequence[Path],
    *,
    series: int | str | None = None,
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
) -> Volume:
    """Read one series into memory: grouped, sorted along its slice normal, decoded, CT rescaled to int16 HU.

    A radiograph, a PNG, JPEG or TIFF is a series of one slice; picture files count only where there is no DICOM.

    Axial stacks run head to feet (k = 0 is the most superior slice), coronal ones anterior to posterior, sagittal ones
    from the patient's right to left. Slices keep their own positions: nothing is resampled, gaps and tilt are reported.

    Parameters
    ----------
    path
        A folder (searched with all its subfolders), one file, or a list of files.
    series
        Which one, where there are several: index in `list_series`, or series UID. None takes the only one.
    progress
        Called with (done, total) in the caller's thread, in steps of one file.
    cancelled
        Asked between files; True ends the loading.

    Raises
    ------
    SeriesError
        Nothing to load, more than one series and none named, a slice that cannot be decoded, colour CT, multi-frame.
    """
    groups, found, files = _read_groups(path, progress, cancelled)
    group, extra = _chosen(groups, series, path)
    _refuse_unsupported(group)
    headers = group.headers
    if group.picture:
        volume = picture_volume(headers[0], found + extra, path=_common_folder(path), key=group.key)
        _Steps(progress, files, 1).slices_done(1)
        return volume
    found += extra + lines.group_findings(group)
    geometry, positions, row, column, spacing_ij = _geometry(group)
    units: Literal["HU", "arbitrary"] = "HU" if _in_hu(headers) else "arbitrary"
    if units != "HU" and _rescale_rounds(headers):
        headers = tuple(header.without_rescale() for header in headers)
        found.append(Finding("as_stored", "info", "Values are as stored: the file's rescale would round them"))
    done = _Steps(progress, files, len(headers))
    voxels, padding, decoded = _decode(headers, done, cancelled)
    declared = padding is not None
    padding = padding if padding is not None and padding.any() else None
    if padding is None and units == "HU":
        padding, declared = _undeclared_padding(voxels), False
    found += lines.geometry_findings(geometry) if group.with_positions else []
    found += lines.picture_findings(headers, units) + lines.decoding_findings(decoded)
    if padding is not None:
        found.append(lines.padding_finding(declared))
        padding.flags.writeable = False
    for array in (voxels, positions, row, column, geometry.affine_lps):
        array.flags.writeable = False
    return Volume(
        voxels=voxels,
        padding=padding,
        units=units,
        positions_lps_mm=positions,
        row_direction=row,
        column_direction=column,
        pixel_spacing_ij_mm=spacing_ij,
        affine_lps=geometry.affine_lps,
        regular=geometry.regular,
        plane=geometry.plane,
        windows=_windows(headers),
        monochrome1=any(h.photometric == "MONOCHROME1" for h in headers),
        lossy=any(is_lossy(h) for h in headers),
        findings=lines.worst_first(found),
        source=SeriesSource(
            path=_common_folder(path),
            series_uid=group.key,
            sop_instance_uids=tuple(h.sop_instance_uid for h in headers),
        ),
        modality=headers[0].modality,
    )


def _common_folder(path: Path | Sequence[Path]) -> str:
    """The path as given, or the folder that holds all files of a list (the first one's where drives differ)."""
    if isinstance(path, (str, Path)):
        return str(path)
    absolute = [str(Path(p).absolute()) for p in path]
    try:
        return os.path.commonpath(absolute)
    except ValueError:
        return str(Path(absolute[0]).parent)


class _Steps:
    """Counts files read and slices decoded as one bar of twice the number of files."""

    def __init__(self, progress: Progress | None, files: int, slices: int) -> None:
        self._progress, self._files, self._slices = progress, files, slices

    def slices_done(self, count: int) -> None:
        if self._progress is not None:
            self._progress(self._files + self._files * count // self._slices, 2 * self._files)


def _read_groups(
    path: Path | Sequence[Path], progress: Progress | None, cancelled: Cancelled | None
) -> tuple[list[SeriesGroup], list[Finding], int]:
    files = find_files(path)
    headers: list[SliceHeader] = []
    foreign: list[Path] = []
    not_images = 0
    with ThreadPoolExecutor(_workers()) as pool:
        for n, header in enumerate(_in_order(pool, _header_or_reason, files, cancelled)):
            if isinstance(header, SliceHeader):
                headers.append(header)
            elif header.dicom:
                not_images += 1
            else:
                foreign.append(files[n])
            if progress is not None:
                progress(n + 1, 2 * len(files))
    if not headers:
        headers = [picture_header(p, _name_of(p, path)) for p in foreign if is_picture_file(p)]
        foreign = [p for p in foreign if p not in {header.path for header in headers}]
    unreadable = sum(p.suffix.lower() in (".dcm", ".dicom") for p in foreign)
    if not headers:
        raise _nothing_found(path, files, unreadable)
    found = lines.file_findings(len(foreign) - unreadable, unreadable, not_images)
    return group_series(headers), found, len(files)


def _header_or_reason(path: Path) -> SliceHeader | NotAnImageError:
    try:
        return read_header(path)
    except NotAnImageError as reason:
        return reason


def _name_of(file: Path, path: Path | Sequence[Path]) -> str:
    """What tells a picture file from its neighbours: its place below the folder, or its name."""
    root = path if isinstance(path, (str, Path)) else None
    return file.relative_to(root).as_posix() if root is not None and Path(root).is_dir() else file.name


def _workers() -> int:
    return os.cpu_count() or 1


def _in_order(
    pool: ThreadPoolExecutor, work: Callable[[Any], Any], items: Sequence[Any], cancelled: Cancelled | None
) -> Iterator[Any]:
    """Results in the order of `items`; whatever ends this early also stops what has not been started."""
    futures = [pool.submit(work, item) for item in items]
    try:
        for future in futures:
            if cancelled is not None and cancelled():
                raise LoadingCancelledError("loading was stopped")
            yield future.result()
    finally:
        for future in futures:
            future.cancel()


def _nothing_found(path: Path | Sequence[Path], files: list[Path], unreadable: int) -> SeriesError:
    place = str(path) if isinstance(path, (str, Path)) else ""
    remedy = "choose a folder with the DICOM files of a series, or a PNG, JPEG or TIFF picture"
    if len(files) == 1:
        what = (
            "not a DICOM file, in spite of its name" if unreadable else "neither a DICOM picture nor PNG, JPEG or TIFF"
        )
        return SeriesError(what, place=str(files[0]), remedy=remedy)
    if not files:
        return SeriesError("the folder is empty", place=place, remedy=remedy)
    return SeriesError(f"none of {len(files)} files is a picture", place=place, remedy=remedy)


def _summaries(groups: Sequence[SeriesGroup]) -> list[SeriesSummary]:
    return [
        SeriesSummary(
            n,
            g.headers[0].modality,
            len(g.headers),
            g.headers[0].rows,
            g.headers[0].columns,
            g.localizer,
            g.key,
            g.picture,
        )
        for n, g in enumerate(groups)
    ]


def _chosen(
    groups: list[SeriesGroup], series: int | str | None, path: Path | Sequence[Path]
) -> tuple[SeriesGroup, list[Finding]]:
    place = str(path) if isinstance(path, (str, Path)) else ""
    listing = "; ".join(f"{summary.index}: {summary}" for summary in _summaries(groups[:_MOST_LISTED]))
    if len(groups) > _MOST_LISTED:
        listing += f"; and {len(groups) - _MOST_LISTED} more"
    if series is None:
        scans = [group for group in groups if not group.localizer]
        if len(groups) == 1 or len(scans) == 1:
            chosen = scans[0] if scans else groups[0]
            others = len(groups) - 1
            note = "1 localizer series left out" if others == 1 else f"{others} localizer series left out"
            return chosen, [Finding("localizer_series", "info", note)] if others else []
        raise SeriesError(
            f"there are {len(groups)} series here ({listing})", place=place, remedy="name one by its number"
        )
    matching = [group for n, group in enumerate(groups) if series in (n, str(n)) or group.key == series]
    if not matching and isinstance(series, str):
        matching = [group for group in groups if group.headers[0].series_uid == series]
    if len(matching) == 1:
        return matching[0], []
    reason = "no such series" if not matching else "that name fits more than one series"
    raise SeriesError(f"{reason} among {len(groups)} ({listing})", place=place, remedy="name one by its number")


def _refuse_unsupported(group: SeriesGroup) -> None:
    first = group.headers[0]
    place = str(first.path)
    if first.frames > 1:
        kind = f"enhanced multi-frame {first.modality[:16]}" if first.modality in ("CT", "MR") else "a multi-frame file"
        raise SeriesError(f"{kind} is not supported yet", place=place, remedy="export it as single frames")
    if not group.picture and first.colour:
        raise SeriesError(
            "this is a colour picture, not a CT", place=place, remedy="choose the series with the grey pictures"
        )
    if first.bits_allocated not in (8, 16, 32):
        raise SeriesError(
            f"pixels of {first.bits_allocated} bits are not supported", place=place, remedy="export it with 16 bits"
        )
    if group.conflict:
        raise SeriesError(group.conflict, place=str(first.path.parent), remedy="put each scan in a folder of its own")


def _in_hu(headers: Sequence[SliceHeader]) -> bool:
    return all(
        h.modality == "CT" and h.slope and h.intercept is not None and h.rescale_type.upper() in ("", "HU")
        for h in headers
    )


def _rescale_rounds(headers: Sequence[SliceHeader]) -> bool:
    """Whether one rescale of all slices leaves whole numbers: in units that mean nothing stored values are kept."""
    rescales = {(header.slope or 1.0, header.intercept or 0.0) for header in headers}
    slope, intercept = rescales.pop()
    return not rescales and slope > 0 and (slope != int(slope) or intercept != int(intercept))


def _geometry(
    group: SeriesGroup,
) -> tuple[StackGeometry, NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], tuple[float, float]]:
    headers = group.headers
    first = headers[0]
    row, column, _ = unit_directions((1, 0, 0, 0, 1, 0))
    if group.with_positions and first.orientation is not None:
        row, column, _ = unit_directions(first.orientation)
        positions = np.array([h.position_lps_mm for h in headers], dtype=np.float64)
    else:
        positions = np.arange(len(headers))[:, None] * np.array([0.0, 0.0, -(first.slice_distance_mm or 1.0)])
    rows_mm, columns_mm = first.pixel_spacing or (1.0, 1.0)
    spacing_ij = (columns_mm, rows_mm)
    geometry = measure_stack(positions, row, column, spacing_ij, single_step_mm=first.slice_distance_mm or 1.0)
    return geometry, positions, row, column, spacing_ij


def _decode(
    headers: Sequence[SliceHeader], done: _Steps, cancelled: Cancelled | None
) -> tuple[NDArray[np.int16], NDArray[np.bool_] | None, list[DecodedSlice]]:
    shape = (len(headers), headers[0].rows, headers[0].columns)
    voxels = np.empty(shape, dtype=np.int16)
    padding = np.zeros(shape, dtype=np.bool_) if any(h.padding_stored is not None for h in headers) else None
    decoded: list[DecodedSlice] = []

    def one(k: int) -> DecodedSlice:
        return decode_into(headers[k], voxels[k], None if padding is None else padding[k])

    with ThreadPoolExecutor(_workers()) as pool:
        for result in _in_order(pool, one, range(len(headers)), cancelled):
            decoded.append(result)
            done.slices_done(len(decoded))
    return voxels, padding, decoded


def _undeclared_padding(voxels: NDArray[np.int16]) -> NDArray[np.bool_] | None:
    """Some scanners fill the corners outside a circular field of view and do not say so.

    Recognised by one value below `_PADDING_BELOW_HU` in all four corners of at least half of the slices.
    """
    corners = voxels[:, [0, 0, -1, -1], [0, -1, 0, -1]]
    value = int(np.median(corners))
    if value >= _PADDING_BELOW_HU or np.mean(np.all(corners == value, axis=1)) < 0.5:
        return None
    return voxels == value


def _windows(headers: Sequence[SliceHeader]) -> tuple[VoiWindow, ...]:
    """The files' windows, each once, in order of appearance; the middle slice's own where every slice has another."""
    windows = tuple(dict.fromkeys(window for header in headers for window in header.windows))
    return windows if len(windows) <= _MOST_WINDOWS else headers[len(headers) // 2].windows
