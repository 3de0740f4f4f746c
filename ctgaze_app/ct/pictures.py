"""One picture - a radiograph, a photograph, a screen capture - as a volume of one slice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ctgaze_app.ct import findings as lines
from ctgaze_app.ct.decoding import broken, colour_pixels, is_lossy, stored_pixels
from ctgaze_app.ct.geometry import grid_affine, plane_of, unit_directions
from ctgaze_app.ct.headers import SliceHeader
from ctgaze_app.ct.picture_files import MOST_PIXELS, PICTURE_FORMATS, read_picture
from ctgaze_app.ct.voi_tables import display_table
from ctgaze_app.ct.volume import Finding, SeriesSource, VoiWindow, Volume

NO_PLANE = 3
_LETTERS = {"L": (1, 0, 0), "R": (-1, 0, 0), "P": (0, 1, 0), "A": (0, -1, 0), "H": (0, 0, 1), "F": (0, 0, -1)}
_INT16 = np.iinfo(np.int16)
_SHIFT = 32768


@dataclass(frozen=True)
class _Pixels:
    """Values [j, i] int16, colours [j, i, 3] or None, what was added to stored values, and what is to be told."""

    values: NDArray[np.int16] = field(repr=False)
    colour: NDArray[np.uint8] | None = field(repr=False)
    added: int
    findings: tuple[Finding, ...]


def luminance(rgb: NDArray[np.uint8]) -> NDArray[np.int16]:
    """Luminance 0..255 (...) of red, green and blue (..., 3) by ITU-R BT.601, rounded as Pillow and libjpeg do."""
    weights = np.array([19595, 38470, 7471], dtype=np.uint32)  # 0.299, 0.587, 0.114 times 65,536
    return np.asarray((rgb @ weights + 0x8000) >> 16, dtype=np.int16)


def picture_volume(header: SliceHeader, found: Sequence[Finding], *, path: str, key: str) -> Volume:
    """Read the one picture of a series.

    Grey values stay as stored, so that nothing is rounded away: a rescale moves the file's windows instead, and values
    beyond int16 are moved down by 32,768, windows too. A file's own curve for display comes before its windows.

    Parameters
    ----------
    header
        Of a DICOM picture or of a picture file.
    found
        What reading the folder has found already.
    path, key
        For `SeriesSource`.

    Raises
    ------
    SeriesError
        Names the file when the picture cannot be decoded or is too large.
    """
    if header.rows * header.columns > MOST_PIXELS:
        raise broken(
            header, f"this picture has more than {MOST_PIXELS // 1_000_000} million pixels", "export it smaller"
        )
    pixels = _of_file(header) if header.modality in PICTURE_FORMATS else _of_dicom(header)
    row, column, has_sides = _directions(header)
    spacing = header.pixel_spacing or header.imager_spacing
    rows_mm, columns_mm = spacing or (1.0, 1.0)
    position = np.array([header.position_lps_mm or (0.0, 0.0, 0.0)], dtype=np.float64)
    affine = grid_affine(position, row, column, (columns_mm, rows_mm), single_step_mm=header.slice_distance_mm or 1.0)
    curve = None
    if header.voi_table is not None and pixels.colour is None:
        slope, intercept = 1.0 if header.slope is None else header.slope, header.intercept or 0.0
        curve = display_table(header.voi_table, slope=slope, intercept=intercept, added=pixels.added)
    voxels = pixels.values[None]
    colour = None if pixels.colour is None else pixels.colour[None]
    for array in (voxels, position, row, column, affine, *(() if colour is None else (colour,))):
        array.flags.writeable = False
    return Volume(
        voxels=voxels,
        padding=None,
        units="arbitrary",
        positions_lps_mm=position,
        row_direction=row,
        column_direction=column,
        pixel_spacing_ij_mm=(columns_mm, rows_mm),
        affine_lps=affine,
        regular=True,
        plane=plane_of(np.cross(row, column)) if has_sides else NO_PLANE,
        windows=() if colour is not None else (*(curve or ())[:1], *_windows(header, pixels)),
        monochrome1=colour is None and header.inverted,
        lossy=is_lossy(header),
        findings=lines.worst_first([*found, *lines.one_picture_findings(header, has_sides), *pixels.findings]),
        source=SeriesSource(
            path=path,
            series_uid=key,
            sop_instance_uids=(header.sop_instance_uid,) if header.sop_instance_uid else (),
        ),
        modality=header.modality,
        colour=colour,
        has_mm=spacing is not None,
        has_sides=has_sides,
        picture=True,
        voi_table=None if curve is None else curve[1],
    )


def _of_file(header: SliceHeader) -> _Pixels:
    picture = read_picture(header.path)
    found = lines.picture_file_findings(picture.grey_in_colour, picture.transparent)
    if picture.pixels.ndim == 3:
        rgb = np.array(picture.pixels, dtype=np.uint8)
        return _Pixels(luminance(rgb), rgb, 0, tuple(found))
    return _as_int16(picture.pixels, found)


def _of_dicom(header: SliceHeader) -> _Pixels:
    if header.samples == 1 and header.photometric.startswith("MONOCHROME"):
        return _as_int16(stored_pixels(header), [])
    rgb = colour_pixels(header)
    return _Pixels(luminance(rgb), rgb, 0, ())


def _as_int16(stored: NDArray[Any], found: list[Finding]) -> _Pixels:
    low, high = int(stored.min()), int(stored.max())
    added = -_SHIFT if high > _INT16.max and low >= 0 else 0
    clipped = low + added < _INT16.min or high + added > _INT16.max
    values = np.clip(stored.astype(np.int64) + added, _INT16.min, _INT16.max) if added or clipped else stored
    if clipped:
        found.append(Finding("values_clipped", "warning", "Values of more than 16 bits are cut off"))
    elif added:
        found.append(Finding("values_shifted", "info", f"All values are shown {_SHIFT} lower than stored"))
    return _Pixels(values.astype(np.int16), None, added, tuple(found))


def _windows(header: SliceHeader, pixels: _Pixels) -> tuple[VoiWindow, ...]:
    """The file's own windows in the values as shown; else all 8 bits as they are, or from the least to the greatest."""
    as_stored = header.without_rescale()
    if as_stored.windows and as_stored.slope is None:
        return tuple(replace(window, centre=window.centre + pixels.added) for window in as_stored.windows)
    low, high = int(pixels.values.min()), int(pixels.values.max())
    if header.modality in PICTURE_FORMATS and low >= 0 and high <= 255:
        low, high = 0, 255
    # Ends on black and white: LINEAR ramps from centre - 0.5 - (width - 1) / 2 over width - 1 (PS3.3 C.11.2.1.2.1).
    return (VoiWindow((low + high + 1) / 2, float(max(high - low, 1) + 1), "Whole range"),)


def _directions(header: SliceHeader) -> tuple[NDArray[np.float64], NDArray[np.float64], bool]:
    """Row and column direction (LPS), and whether the file states them."""
    stated = header.orientation
    if stated is None and header.row_letters and header.column_letters:
        row, column = _direction(header.row_letters), _direction(header.column_letters)
        stated = None if row is None or column is None else (*row, *column)
    if stated is not None:
        try:
            row_direction, column_direction, _ = unit_directions(stated)
        except ValueError:
            stated = None
        else:
            return row_direction, column_direction, True
    row_direction, column_direction, _ = unit_directions((1, 0, 0, 0, 1, 0))
    return row_direction, column_direction, False


def _direction(letters: str) -> tuple[float, float, float] | None:
    """LPS direction of the first, largest part of PatientOrientation's letters (PS3.3 C.7.6.1.1.1)."""
    return _LETTERS.get(letters[0])
