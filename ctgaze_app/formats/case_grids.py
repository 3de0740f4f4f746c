"""The voxel grid of each case, for formats that do not hold it: one shape for all, a CSV, or NIfTI files."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ctgaze_app.ct.orientation import RAS_FROM_LPS
from ctgaze_app.formats.checked_csv import Column, read_csv_table
from ctgaze_app.formats.contract import FormatError, at

SHAPE_HELP = "SLICESxROWSxCOLUMNS, a CSV with case,slices,rows,columns, or a folder with <case>.nii.gz"
NIFTI_SUFFIXES = (".nii.gz", ".nii")
LARGEST = 100_000
FLAT = 1e-12


@dataclass(frozen=True, eq=False)
class CaseGrid:
    """Slices, rows and columns, and where they lie when that is known (LPS millimetres)."""

    shape_kji: tuple[int, int, int]
    affine_lps: NDArray[np.float64] | None = field(default=None, repr=False)


def read_case_grids(declared: str, cases: Iterable[str]) -> dict[str, CaseGrid]:
    """The grid of every case, from what the option ``shape`` declares (see `SHAPE_HELP`).

    Raises
    ------
    FormatError
        When the text is none of the three, or a case is not in it.
    """
    plain = re.fullmatch(r"\s*(\d{1,6})\s*[xX×]\s*(\d{1,6})\s*[xX×]\s*(\d{1,6})\s*", declared)
    if plain:
        k, j, i = (int(size) for size in plain.groups())
        if not all(1 <= size <= LARGEST for size in (k, j, i)):
            raise FormatError(f"shape={declared} is no volume", remedy=f"declare {SHAPE_HELP}")
        return {case: CaseGrid((k, j, i)) for case in cases}
    path = Path(declared)
    if path.is_dir():
        return {case: _nifti_grid(path, case) for case in cases}
    if path.is_file():
        known = _csv_grids(path)
        for case in cases:
            if case not in known:
                raise FormatError(f"case {_short(case)} is not in it", place=at(path), remedy="add a row for it")
        return {case: known[case] for case in cases}
    raise FormatError(f"shape={_short(declared)} is no shape, file or folder", remedy=f"declare {SHAPE_HELP}")


def _csv_grids(path: Path) -> dict[str, CaseGrid]:
    sizes = [Column(name, "integer", minimum=1, maximum=LARGEST) for name in ("slices", "rows", "columns")]
    table = read_csv_table(path, [Column("case", "text"), *sizes], unfinished="keep")
    if table["case"].duplicated().any():
        row = int(table["case"].duplicated().to_numpy().argmax()) + 2
        raise FormatError("this case is there twice", place=at(path, row, "case"), remedy="delete one of them")
    rows = zip(table["case"], table["slices"], table["rows"], table["columns"], strict=True)
    return {str(case): CaseGrid((int(k), int(j), int(i))) for case, k, j, i in rows}


def _nifti_grid(folder: Path, case: str) -> CaseGrid:
    if not case or Path(case).name != case or case in (".", ".."):
        raise FormatError(f"case {_short(case)} cannot be a file name", place=at(folder), remedy="rename the case")
    path = next((folder / (case + s) for s in NIFTI_SUFFIXES if (folder / (case + s)).is_file()), None)
    if path is None:
        raise FormatError(f"holds no {_short(case)}.nii.gz", place=at(folder), remedy="put it there")
    import nibabel as nib

    try:
        image: Any = nib.load(path)
        shape = tuple(int(size) for size in image.shape)
        affine = RAS_FROM_LPS @ np.asarray(image.affine, dtype=np.float64)
    except nifti_faults() as error:
        raise FormatError(f"is no NIfTI file: {str(error)[:100]!r}", place=at(path), remedy="restore it") from error
    if len(shape) != 3 or min(shape) < 1:
        raise FormatError(f"has {len(shape)} axes of sizes {shape}, not the three of a volume", place=at(path))
    if not np.isfinite(affine).all() or np.abs(affine).max() > LARGEST or abs(np.linalg.det(affine[:3, :3])) < FLAT:
        raise FormatError("its affine is none in millimetres", place=at(path), remedy="restore it")
    return CaseGrid((shape[2], shape[1], shape[0]), affine)


def nifti_faults() -> tuple[type[Exception], ...]:
    """What nibabel raises at a damaged file: it has no error of its own for all of them."""
    import zlib

    import nibabel as nib

    return (
        OSError, ValueError, EOFError, zlib.error, nib.filebasedimages.ImageFileError, nib.spatialimages.HeaderDataError
    )  # fmt: skip


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:60] + "...")
