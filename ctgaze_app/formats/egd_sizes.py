"""The sizes of the chest X-ray study's pictures, which its tables do not hold.

They come from a list beside the tables, from the DICOM files, or are solved from the published coordinates: each row
says X = cut(W / span * e) for one unknown width W, so that a few dozen rows leave one even W only.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ctgaze_app.formats.checked_csv import Column, read_csv_table
from ctgaze_app.formats.contract import FormatError, at

Floats = NDArray[np.float64]
SIZE_FILE = "image_sizes.csv"
SIZE_COLUMNS = (
    Column("dicom_id", "text"),
    Column("columns", "integer", minimum=1, maximum=100_000),
    Column("rows", "integer", minimum=1, maximum=100_000),
    Column("slices", "integer", required=False, minimum=1, maximum=100_000, missing=True),
)
_AROUND = 12
"""Even sizes tried on each side of the estimate."""
_LEAST_SHARE = 0.5
"""Share of the rows that must agree with a solved size."""


def sizes_from_list(path: Path) -> dict[str, tuple[int, int, int]]:
    """Case -> (columns, rows, slices) from a CSV with dicom_id, columns, rows and perhaps slices."""
    table = read_csv_table(path, SIZE_COLUMNS, extra="refuse")
    slices = table["slices"].fillna(1).astype(int) if "slices" in table else [1] * len(table)
    found: dict[str, tuple[int, int, int]] = {}
    for row, (case, *size) in enumerate(
        zip(table["dicom_id"], table["columns"], table["rows"], slices, strict=True), start=2
    ):
        if case in found:
            raise FormatError("this picture is there twice", place=at(path, row, "dicom_id"), remedy="delete one")
        found[case] = (int(size[0]), int(size[1]), int(size[2]))
    return found


def sizes_from_dicom(folder: Path, paths: Mapping[str, str], needed: list[str]) -> dict[str, tuple[int, int, int]]:
    """Sizes from DICOM headers, found at the master sheet's path or as ``<dicom_id>.dcm`` below `folder`."""
    import pydicom
    from pydicom.errors import InvalidDicomError

    found: dict[str, tuple[int, int, int]] = {}
    for case in needed:
        places = (Path(paths.get(case) or f"{case}.dcm"), Path(f"{case}.dcm"))
        file = next((folder / place for place in places if _below(folder, place)), None)
        if file is None:
            raise FormatError(
                f"no DICOM file of picture {case}", place=folder.name, remedy=f"it may lie there as {case}.dcm"
            )
        try:
            header = pydicom.dcmread(file, stop_before_pixels=True, specific_tags=["Rows", "Columns"])
            found[case] = (int(header.Columns), int(header.Rows), 1)
        except (InvalidDicomError, OSError, AttributeError, ValueError, TypeError) as error:
            raise FormatError("says no picture size", place=at(file), remedy="restore it from a copy") from error
    return found


def _below(folder: Path, place: Path) -> bool:
    return not place.is_absolute() and ".." not in place.parts and (folder / place).is_file()


def solved_size(offset_px: Floats, stored: Floats, span_px: float) -> int | None:
    """The even size (one more than an odd one) that the published coordinates were computed with, along one axis.

    Parameters
    ----------
    offset_px
        (N,) screen pixels from the picture's edge, of rows on the picture.
    stored
        (N,) X_ORIGINAL or Y_ORIGINAL of these rows.
    span_px
        Screen pixels that the published formula gives the picture.

    Returns
    -------
    None when two sizes fit equally well or none fits half of the rows.
    """
    far = offset_px > 1.0
    if not far.any():
        return None
    # Far from the edge the cut to whole pixels weighs least.
    far &= offset_px >= np.median(offset_px[far])
    estimate = float(np.median((stored[far] + 0.5) / offset_px[far])) * span_px
    if not np.isfinite(estimate) or estimate < 2:
        return None
    middle = round(estimate / 2) * 2
    sizes = np.arange(max(2, middle - _AROUND), middle + _AROUND + 1, 2)
    agreeing = (np.trunc((sizes / span_px)[:, None] * offset_px) == stored).sum(axis=1)
    best = int(agreeing.max())
    if best < _LEAST_SHARE * len(stored) or (agreeing == best).sum() != 1:
        return None
    return int(sizes[int(agreeing.argmax())])
